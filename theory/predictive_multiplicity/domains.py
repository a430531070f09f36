"""The domains of this paper's arguments, in its words."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from theory_on_trial.contract import (
    FRACTION,
    LONGEST,
    MAY_BE_EMPTY,
    MAY_BE_INFINITE,
    NON_NEGATIVE,
    UNIT_INTERVAL,
    Holds,
    Interval,
    Is,
)

_NORMALISATION = 1e-9  # how far the sum of a joint law may be from one


def _is_law(joint: np.ndarray) -> bool:
    return bool(np.all(joint >= 0) and abs(joint.sum() - 1) <= _NORMALISATION)


def _is_whole(number: object) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


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

Menus = Sequence[
    Annotated[
        Float[np.ndarray, " _"], Holds("idle", "offer 0", lambda menu: bool(np.any(menu == 0)))
    ]
]
"""a_jk, the actions to choose from, a menu for each feature; each offers inaction."""
Costs = Sequence[Annotated[Float[np.ndarray, " _"], NON_NEGATIVE]]
"""c_jk, what each action costs, a menu for each feature."""
Weights = Float[np.ndarray, " features"]
"""w, of a linear score."""
Norm = Annotated[float, Interval(1, why="less gives no norm"), MAY_BE_INFINITE]
"""p of an l_p norm."""
People = Float[np.ndarray, " people"]
"""One feature of a population."""

Joint = Annotated[
    Float[np.ndarray, "atoms 2 2"], Holds("law", "be non-negative and sum to one", _is_law)
]
"""P(X = x, A = a, Y = y): atoms x, groups a, labels y."""
Grouped = Annotated[
    Joint,
    Holds(
        "groups",
        "give both groups positive probability",
        lambda law: bool(law.sum(axis=(0, 2)).all()),
    ),
]
"""A joint law in which both groups occur."""
GroupedAndLabelled = Annotated[
    Joint,
    Holds(
        "cells",
        "give every group of either label positive probability",
        lambda law: bool(law.sum(0).all()),
    ),
]
"""A joint law in which both groups occur with both labels."""
Chances = Annotated[Float[np.ndarray, " atoms"], UNIT_INTERVAL]
"""A chance for each atom."""

Features = Float[np.ndarray, "points coefficients"]
"""x_i, a point per row."""
Labels = Annotated[
    Float[np.ndarray, " points"],
    Holds("signs", "be -1 or 1", lambda y: bool(np.all(np.abs(y) == 1))),
]
"""y_i."""
Box = Annotated[
    Int[np.ndarray, " coefficients"], Interval(-(2**40), 2**40, why="a cap, which nothing requires")
]
"""The least or the largest coefficients."""
Bounds = Annotated[
    Int[np.ndarray, " coefficients"],
    Interval(0, 2**40, why="a cap, which nothing requires"),
    Holds("some", "not be all 0", lambda values: bool(values.any())),
]
"""Λ_j of the box |λ_j| <= Λ_j."""
Direction = Annotated[
    Float[np.ndarray, " coefficients"],
    Holds("some", "not be all 0", lambda values: bool(values.any())),
]
"""ρ, real coefficients of which only the direction matters."""
Penalty = Annotated[Fraction | int, NON_NEGATIVE]
"""C_0 or C_1, exact."""
Resolution = Annotated[int, Interval(1, 2**40, why="a cap, which nothing requires")]
"""Λ, the largest coefficient."""
Sieve = Annotated[int, Interval(1, 10**6, why="the multiples of every number up to it are counted")]
"""Λ, where all coprime vectors are counted."""
AnyCount = Annotated[Any, Is("be an integer", _is_whole), Interval(1)]
"""How many classifiers there are, of any number of digits."""
Failure = Annotated[float, FRACTION]
"""δ, the chance that a bound fails."""
