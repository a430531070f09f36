"""The domains of this paper's arguments, in its words."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import LONGEST, NON_NEGATIVE, UNIT_INTERVAL, Interval

Points = Annotated[int, Interval(2, LONGEST, why="PCA needs at least two recorded points")]
"""T, the number of recorded points."""
Components = Annotated[int, Interval(1, LONGEST)]
"""How many components, the first ones."""
Momentum = Annotated[float, UNIT_INTERVAL]
"""gamma; 0 is the plain walk, 1 the integrated walk."""
MomentumBelowOne = Annotated[float, Interval(0, 1, "[)", why="at 1 the walk is integrated")]
"""gamma where no crossover is left at 1."""
Rate = Annotated[float, Interval(0, 2, "[)", why="the process is unstable where |1 - rate| >= 1")]
"""alpha of the Ornstein-Uhlenbeck process; 0 is the plain walk."""
StationaryRate = Annotated[float, Interval(0, 2, "()", why="a stationary law exists there")]
"""alpha of an Ornstein-Uhlenbeck process with a stationary law."""
Spectrum = Annotated[Float[np.ndarray, " spectrum"], NON_NEGATIVE]
"""Variances, in any order."""
