"""The domains of the arguments of this paper's functions."""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.contract import MOST, PROBABILITIES, UNIT_INTERVAL, USABLE_SCALE, Interval

Probabilities = Annotated[Float[np.ndarray, " cells"], PROBABILITIES]
"""The probability P of each cell x; within a level, the probability given the level."""
Predictions = Annotated[Float[np.ndarray, " cells"], UNIT_INTERVAL]
"""The prediction f of each cell. The cells with one value v are the level v."""
Residuals = Annotated[
    Float[np.ndarray, " cells"], Interval(-1, 1, why="labels and predictions lie in [0, 1]")
]
"""The residual r = E[y | x] - f(x) of each cell."""
Function = Annotated[Float[np.ndarray, " cells"], USABLE_SCALE]
"""The value of h on each cell."""
Basis = Annotated[Float[np.ndarray, "cells functions"], USABLE_SCALE]
"""The functions that span H, one in each column."""
Scale = Annotated[float, Interval(1e-100, 1e100, why="what is squared and divided stays a number")]
"""The target α, or the bound B on h^2, in units of h^2."""
Counts = Annotated[Int[np.ndarray, " levels"], Interval(1, MOST)]
"""The number n_v of samples in each level."""
Biases = Annotated[Float[np.ndarray, " levels"], Interval(-1e50, 1e50, why="it is squared")]
"""The mean θ_v = E[h r | v] in each level, in units of h."""
Variances = Annotated[
    Float[np.ndarray, " levels"], Interval(0, 1e100, why="as biases, which are squared")
]
"""The variance Var(h r | v) in each level, in units of h^2."""
