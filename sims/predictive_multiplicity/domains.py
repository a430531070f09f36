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
