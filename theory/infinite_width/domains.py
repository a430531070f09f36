"""The domains of the arguments of this paper's functions."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import USABLE_SCALE, Interval

SCALE = Interval(-1e6, 1e6, why="an exponent of the width")

Exponent = Annotated[float, SCALE]
Exponents = Annotated[Float[np.ndarray, "*#grid layers"], SCALE]
"""The exponents a_l or b_l, one for each layer along the last axis: the hidden layers in order,
then the readout.
"""
RateExponent = Annotated[Float[np.ndarray, "*#grid"], SCALE] | Annotated[float, SCALE]
"""The exponent c of the learning rate η n^(-c)."""
Hidden = Annotated[int, Interval(1, 2**20, why="at least one hidden layer")]
"""The number L of hidden layers."""
Family = Annotated[float, Interval(0, 0.5, why="beyond, the output at initialisation diverges")]
"""The parameter s of the family F_s of linear networks, which runs from mean field at s = 0 to NTK
at s = 1/2.
"""
Name = Literal["NTK", "mean field", "muP", "standard"]
Inputs = Annotated[Float[np.ndarray, " steps"], USABLE_SCALE]
"""The inputs x_t, one scalar sample for each step."""
Targets = Annotated[Float[np.ndarray, " steps"], USABLE_SCALE]
"""The targets y_t, one for each step."""
Weights = Annotated[Float[np.ndarray, "units ends"], USABLE_SCALE]
"""The matrix Ω of weights: one row for each hidden unit, with its incoming weights before its
outgoing ones.
"""
