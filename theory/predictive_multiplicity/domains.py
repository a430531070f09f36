"""The domains of this paper's arguments, in its words."""

from typing import Annotated

import numpy as np
from jaxtyping import Bool, Int, Real

from theory_on_trial.contract import (
    LONGEST,
    MAY_BE_EMPTY,
    UNIT_INTERVAL,
    Interval,
)

Dichotomy = Annotated[Bool[np.ndarray, " rows"] | Int[np.ndarray, " rows"], UNIT_INTERVAL]
"""b, 1 (or true) where a classifier says positive, for each distinct row of features."""
Dichotomies = Annotated[
    Bool[np.ndarray, "cells rows"] | Int[np.ndarray, "cells rows"], UNIT_INTERVAL
]
"""A set of classifiers, a dichotomy per row of the array."""
Counts = Annotated[Int[np.ndarray, " rows"], Interval(0, LONGEST)]
"""n+, n- or t = n+ + n-: how many points there are at each distinct row of features."""
Points = Annotated[Real[np.ndarray, "rows features"], MAY_BE_EMPTY]
"""u, one or more points, taken at their exact values; points without features are all the same
point.
"""
Bits = Annotated[
    int,
    Interval(0, 5, why="the seven million threshold functions of six would take hours to count"),
]
"""d, the number of features that are 0 or 1."""
