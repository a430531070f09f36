"""The domains of this paper's arguments, in its words."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import LONGEST, NON_NEGATIVE, POSITIVE, UNIT_INTERVAL, Holds, Interval

Points = Annotated[int, Interval(2, LONGEST, why="PCA needs at least two recorded points")]
"""T, the number of recorded points."""
Components = Annotated[int, Interval(1, LONGEST)]
"""How many components, the first ones."""
Dimension = Annotated[float, POSITIVE]
"""d, the number of dimensions or the effective one, which need not be an integer."""
Momentum = Annotated[float, UNIT_INTERVAL]
"""γ; 0 is the plain walk, 1 the integrated walk."""
MomentumBelowOne = Annotated[float, Interval(0, 1, "[)", why="at 1 the walk is integrated")]
"""γ where no crossover is left at 1."""
Rate = Annotated[float, Interval(0, 2, "[)", why="the process is unstable where |1 - rate| >= 1")]
"""α of the Ornstein-Uhlenbeck process; 0 is the plain walk, 1 independent points."""
StationaryRate = Annotated[float, Interval(0, 2, "()", why="a stationary law exists there")]
"""α of an Ornstein-Uhlenbeck process with a stationary law."""
NOT_ALL_ZERO = Holds(
    "some",
    "not be all zero, since ratios of a total variance of zero are undefined",
    lambda values: bool(values.any()),
)
Spectrum = Annotated[Float[np.ndarray, " spectrum"], NON_NEGATIVE, NOT_ALL_ZERO]
"""λ, variances of all components, in any unit."""
NoiseSpectrum = Annotated[Float[np.ndarray, " dimensions"], NON_NEGATIVE, NOT_ALL_ZERO]
"""Eigenvalues of Σ, the covariance of a step, in any order and unit."""
