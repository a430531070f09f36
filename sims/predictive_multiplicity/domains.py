"""The domains of the simulators' arguments, in the paper's words."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float, Int, Real, ScalarLike

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    ANY_NUMBER,
    MAY_BE_EMPTY,
    MAY_BE_INFINITE,
    NON_NEGATIVE,
    UNIT_INTERVAL,
    Holds,
    Interval,
)

# Samples and tables.
Samples = Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY]
"""Features, a row per sample, of any library: `aggregate` says what is wrong with them, and where.
"""
Labels = Annotated[
    Sequence[int] | Real[np.ndarray, "samples"],
    Holds("signs", "be -1 or +1", lambda y: bool(np.isin(y, (-1, 1)).all())),
]
"""y, -1 or +1."""
SampleWeights = Annotated[Sequence[float] | Real[np.ndarray, "samples"], NON_NEGATIVE]
"""How often each sample counts."""
Scores = Annotated[
    Float[np.ndarray, "samples"],
    Holds("decided", "be nowhere 0", lambda scores: bool(scores.all())),
]
"""What a model gives each sample; the sign is its prediction, and 0 is none."""
Dichotomy = Annotated[Int[np.ndarray, "rows"], UNIT_INTERVAL]
"""b, 1 where a classifier says positive, for each row of a table."""
Dichotomies = Annotated[Int[np.ndarray, "models rows"], UNIT_INTERVAL, MAY_BE_EMPTY]
"""A set of classifiers, a dichotomy per row of the array."""
Relaxed = Float[np.ndarray, "rows"]
"""b of a linear relaxation, one number for each row of a table."""
Target = Literal["arrest", "violent"]
"""What COMPAS predicts."""

# Exact solvers.
Formulation = Literal["margin_free", "big_m", "published"]
"""The integer program: over dichotomies alone, with weights, or as released."""
TimeLimit = Annotated[float, Interval(0, closed="(]"), MAY_BE_INFINITE] | None
"""Seconds; none for as long as it takes."""
Share = Annotated[float, UNIT_INTERVAL]
"""ε, a tolerance of the error rate."""
Tolerances = Annotated[
    Sequence[float] | Float[np.ndarray, "tolerances"], UNIT_INTERVAL, MAY_BE_EMPTY
]
"""ε, tolerances of the error rate."""
Workers = Annotated[int, Interval(1, 1024, why="each is a process")]

# Points in general position, and pools of fitted models.
Points = Real[AnyArray, "rows dim"]
"""x_u, a point per row."""
Counts = Annotated[Int[AnyArray, "rows"], NON_NEGATIVE]
"""n⁺ or n⁻, how many samples of a label each point has."""
Weights = Annotated[Real[np.ndarray, "rows"], NON_NEGATIVE]
"""n⁺ or n⁻, the weight of a label at each row."""
Features = Real[np.ndarray, "rows dim"]
Mixings = Annotated[Sequence[float] | Float[np.ndarray, "mixings"], UNIT_INTERVAL]
"""μ, from a quadratic penalty at 0 to an absolute one at 1."""
Noise = Annotated[ScalarLike, UNIT_INTERVAL]
"""The chance of a wrong label."""

# Recourse.
Menus = Sequence[Real[np.ndarray, " _"]]
"""a_jk, the actions to choose from, a menu for each feature."""
Costs = Annotated[
    Sequence[Annotated[Real[np.ndarray, " _"], NON_NEGATIVE, MAY_BE_INFINITE]], MAY_BE_INFINITE
]
"""c_jk, what each action costs; infinity forbids it."""
FeatureWeights = Real[np.ndarray, "features"]
"""w_j, of a linear score."""
Norm = Annotated[float, Interval(1), MAY_BE_INFINITE]
"""p of an l_p norm."""
TieBreaker = Annotated[float, Interval(0, 1e6, why="the largest cost is lost beside the total")]
"""ε, the price of the total cost where the largest is minimised."""
Objective = Literal["total", "largest"]
"""Which cost is least."""
Percentile = Literal["shift", "log"]
"""How an action is priced by the people it passes."""


# Fair decisions.
def _is_world(joint: np.ndarray) -> bool:
    return bool(
        (joint >= 0).all() and abs(joint.sum() - 1) <= 1e-6 and joint.sum(axis=(0, 2)).all()
    )


Joint = Annotated[
    Float[AnyArray, "atoms 2 2"],
    Holds("world", "be non-negative, sum to 1 and have both groups", _is_world),
]
"""P(X = x, A = a, Y = y): atoms x, groups a, labels y."""
Chances = Annotated[Float[AnyArray, "atoms"], UNIT_INTERVAL]
"""The chance of acceptance at each atom."""
Criterion = Literal["parity", "odds"]
"""Which gaps between the groups are bounded."""
