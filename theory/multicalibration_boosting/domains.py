"""The domains of this paper's arguments, in its words."""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.contract import MOST, PROBABILITIES, UNIT_INTERVAL, USABLE_SCALE, Interval

Probabilities = Annotated[Float[np.ndarray, " cells"], PROBABILITIES]
"""P of each cell x; within one level, P given the level."""
Predictions = Annotated[Float[np.ndarray, " cells"], UNIT_INTERVAL]
"""f of each cell; cells of one value are a level v."""
Residuals = Annotated[
    Float[np.ndarray, " cells"], Interval(-1, 1, why="labels and predictions lie in [0, 1]")
]
"""r = E[y | x] - f(x) of each cell."""
Function = Annotated[Float[np.ndarray, " cells"], USABLE_SCALE]
"""h of each cell."""
Basis = Annotated[Float[np.ndarray, "cells functions"], USABLE_SCALE]
"""Functions that span H, a column each."""
Scale = Annotated[float, Interval(1e-100, 1e100, why="what is squared and divided stays a number")]
"""α, or B, the bound on h^2, in units of h^2."""
Counts = Annotated[Int[np.ndarray, " levels"], Interval(1, MOST)]
"""n_v, how many samples a level has."""
Biases = Annotated[Float[np.ndarray, " levels"], Interval(-1e50, 1e50, why="it is squared")]
"""θ_v = E[h r | v], in units of h."""
Variances = Annotated[
    Float[np.ndarray, " levels"], Interval(0, 1e100, why="as biases, which are squared")
]
"""Var(h r | v), in units of h^2."""
