"""Antognini & Sohl-Dickstein 2018, "PCA of high dimensional random walks with comparison to neural
network training".

Of it only the abstract and the first author's notebook could be read, so no claim bears a theorem
number. Deterministic claims meet the simulators' population spectra (the recursion run on unit
impulses); Monte-Carlo claims meet sampled trajectories. T is the number of recorded points, d the
dimension, s2 = tr Σ = 1.
"""

from typing import Annotated

from theory_on_trial import abstract
from theory_on_trial.contract import Interval

LISSAJOUS = abstract(
    "the projection of the trajectory onto any subspace spanned by PCA components is a Lissajous "
    "curve"
)
TRAPPED = abstract(
    "in high dimensions the walk is not mean reverting, but will instead be trapped at a fixed "
    "distance from the "
    "minimum"
)
WITH_DRIFT = abstract("the distribution of PCA variances resembles a random walk with drift")
FIRST_FEW = abstract(
    "in the long trajectory and high dimensional limit most of the variance is in the first few "
    "PCA components"
)

_DENSE = "a matrix over time is diagonalised whole"
Points = Annotated[int, Interval(2, 1000, why=_DENSE)]
ThreePoints = Annotated[
    int, Interval(3, 1000, why=f"of two points there is one component, and {_DENSE}")
]
SampledPoints = Annotated[
    int, Interval(5, 64, why="thousands of trajectories are drawn and diagonalised")
]
ManyPoints = Annotated[int, Interval(50, 20_000, why="the recursion runs hundreds of times")]
Components = Annotated[
    int, Interval(1, 10, why="rounding of an eigenvector grows like the fifth power")
]
