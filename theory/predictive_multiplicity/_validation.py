"""The sentences that hostile input gets, before anything is computed, and the exact integers that follow."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Int, Integer, Real, Shaped

from theory_on_trial.arguments.theory_domain import check_finite

Dichotomy = Bool[np.ndarray, " rows"] | Integer[np.ndarray, " rows"]
Dichotomies = Bool[np.ndarray, "cells rows"] | Integer[np.ndarray, "cells rows"]
Counts = Integer[np.ndarray, " rows"]
Vector = tuple[int, ...]


def shown(array: Shaped[np.ndarray, "..."]) -> str:
    """The array on one line, cut short."""
    return np.array2string(array, threshold=20, max_line_width=10**6).replace("\n", "")


def checked_counts(
    positives: Integer[np.ndarray, " positive_rows"], negatives: Integer[np.ndarray, " negative_rows"]
) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " rows"]]:
    """Both counts as int64; raise unless they are non-negative, equally long and count at least one point."""
    if positives.shape != negatives.shape:
        raise ValueError(f"positives and negatives must be equally long, got {positives.shape} and {negatives.shape}")
    if positives.sum() + negatives.sum() < 1 or positives.min() < 0 or negatives.min() < 0:
        raise ValueError(
            "positives and negatives must be non-negative and count at least one point, "
            f"got {shown(positives)}, {shown(negatives)}"
        )
    return positives.astype(np.int64), negatives.astype(np.int64)


def checked_weights(weights: Counts) -> Int[np.ndarray, " rows"]:
    """The counts t as int64; raise unless they are non-negative and count at least one point."""
    if weights.sum() < 1 or weights.min() < 0:
        raise ValueError(f"weights must be non-negative and count at least one point, got {shown(weights)}")
    return weights.astype(np.int64)


def checked_dichotomy(name: str, dichotomy: Dichotomy, n_rows: int) -> Int[np.ndarray, " rows"]:
    """The dichotomy as int64; raise unless it holds a 0 or 1 for each of `n_rows` rows."""
    if dichotomy.shape != (n_rows,) or not np.all((dichotomy == 0) | (dichotomy == 1)):
        raise ValueError(f"{name} must hold a 0 or 1 for each of the {n_rows} rows, got {shown(dichotomy)}")
    return dichotomy.astype(np.int64)


def checked_dichotomies(dichotomies: Dichotomies, n_rows: int) -> Int[np.ndarray, "cells rows"]:
    """The set as int64; raise unless it holds at least one dichotomy of `n_rows` rows."""
    if len(dichotomies) == 0 or dichotomies.shape[1] != n_rows or not np.all((dichotomies == 0) | (dichotomies == 1)):
        raise ValueError(
            f"dichotomies must hold at least one row of {n_rows} zeros and ones, got an array of shape "
            f"{dichotomies.shape}: {shown(dichotomies)}"
        )
    return dichotomies.astype(np.int64)


def check_rows(rows: Real[np.ndarray, "rows features"]) -> None:
    """Raise unless there is at least one point and all are finite; points without features are all the same point."""
    if len(rows) == 0:
        raise ValueError(f"rows must hold at least one point, got an array of shape {rows.shape}")
    if rows.shape[1] > 0:
        check_finite("rows", rows.astype(np.float64))


def integer_points(rows: Real[np.ndarray, "rows features"]) -> list[Vector]:
    """Each point (1, u) times the least positive integer that makes it integral, exactly: its entry 0 is that factor.

    Raises as `check_rows`; a float is taken at its exact (dyadic) value.
    """
    check_rows(rows)
    points = []
    for row in rows.tolist():
        values = [Fraction(value) for value in row]
        factor = math.lcm(*(value.denominator for value in values))
        points.append((factor, *(int(value * factor) for value in values)))
    return points


def coprime(vector: Sequence[int]) -> Vector:
    """The vector divided by the greatest common divisor of its entries; the zero vector as it is."""
    divisor = math.gcd(*vector) or 1
    return tuple(entry // divisor for entry in vector)
