"""The domains of this paper's arguments, in its words."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import USABLE_SCALE, Interval

SCALE = Interval(-1e6, 1e6, why="an exponent of the width")

Exponent = Annotated[float, SCALE]
Exponents = Annotated[Float[np.ndarray, "*#grid layers"], SCALE]
"""a_l or b_l, one per layer along the last axis, the first hidden layer first and the readout last.
"""
RateExponent = Annotated[Float[np.ndarray, "*#grid"], SCALE] | Annotated[float, SCALE]
"""c."""
Hidden = Annotated[int, Interval(1, 2**20, why="at least one hidden layer")]
"""L."""
Family = Annotated[float, Interval(0, 0.5, why="beyond, the output at initialisation diverges")]
"""s of the family F_s of linear networks, from mean field at 0 to NTK at 1/2."""
Name = Literal["NTK", "mean field", "muP", "standard"]
Inputs = Annotated[Float[np.ndarray, " steps"], USABLE_SCALE]
"""x_t, one scalar sample per step."""
Targets = Annotated[Float[np.ndarray, " steps"], USABLE_SCALE]
"""y_t."""
Weights = Annotated[Float[np.ndarray, "units ends"], USABLE_SCALE]
"""Ω, a row per hidden unit: its incoming and then its outgoing weights."""
