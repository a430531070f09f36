"""The number of dichotomies of a point set that are linear, and a list of them: exact, in integers,
for any small set of rational points.

A linear classifier b_u = 1[<w, (1, u)> > 0] without ties is a region of the central arrangement of
the hyperplanes {w : <w, (1, u)> = 0}. A new hyperplane cuts exactly those regions that the
arrangement has within it. So both the number (Winder 1966, Zaslavsky 1975) and the regions follow
by recursion on the dimension. No linear program and no tolerance is involved, and ties among the
points (lattices, repeated rows) need no care. Cover 1965 has the number in general position.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from jaxtyping import Int, Real

from theory.predictive_multiplicity.domains import Bits, Points
from theory_on_trial.contract import Count, guarded, require

Vector = tuple[int, ...]

_MOST_TERMS = 10**5


@guarded
def cover_count(n: Count, dim: Count) -> int:
    """Return the exact number 2 sum_{k < D} C(n - 1, k) of linear dichotomies of n points in
    general position, where D = `dim` is the number of features plus one. Source: Cover 1965.

    Raises ValueError if the sum has more than 10^5 terms.
    """
    require(
        min(n, dim) <= _MOST_TERMS,
        f"n or dim must be at most {_MOST_TERMS}, the most terms of the sum, got {n} and {dim}",
    )
    return 2 * sum(math.comb(n - 1, k) for k in range(min(n, dim)))


@guarded
def dichotomy_count(rows: Points) -> int:
    """Return the exact number of linear dichotomies, by deletion and restriction; repeated rows
    count once. Source: Winder 1966.
    """
    return _count(_directions(_integer_points(rows)))


@guarded
def boolean_dichotomies(n_features: Bits) -> int:
    """Return the number of threshold functions of d bits, counted once more by `dichotomy_count`; d
    = 5 takes a second.
    """
    return dichotomy_count(np.indices((2,) * n_features).reshape(n_features, 2**n_features).T)


@guarded
def linear_dichotomies(rows: Points) -> Int[np.ndarray, "cells rows"]:
    """Return all linear dichotomies in sorted order: every b in {0, 1}^m for which some w has <w,
    (1, u)> > 0 where b_u = 1, and < 0 where b_u = 0.

    It is exact for any rational points, and meant for about 16 points in 4 features (thousands of
    cells). Source: derived here from the recursion of Winder 1966.
    """
    return np.array(sorted(_regions(_integer_points(rows))), dtype=np.int64)


def _integer_points(rows: Real[np.ndarray, "rows features"]) -> list[Vector]:
    """Return each point (1, u) times the least positive integer that makes it integral. This
    integer is then its entry 0.
    """
    require(len(rows), f"rows must hold at least one point, got an array of shape {rows.shape}")
    points = []
    for row in rows.tolist():
        values = [Fraction(value) for value in row]
        factor = math.lcm(*(value.denominator for value in values))
        points.append((factor, *(int(value * factor) for value in values)))
    return points


def _coprime(vector: Sequence[int]) -> Vector:
    """Return the vector divided by the greatest common divisor of its entries, and the zero vector
    as it is.
    """
    divisor = math.gcd(*vector) or 1
    return tuple(entry // divisor for entry in vector)


def _regions(vectors: list[Vector]) -> dict[tuple[bool, ...], Vector]:
    """Return the sides of all non-zero `vectors` on which a region of the arrangement lies, with
    integer weights in that region.
    """
    regions: dict[tuple[bool, ...], Vector] = {(): (0,) * len(vectors[0])}
    for position, vector in enumerate(vectors):
        earlier = vectors[:position]
        cut = _regions_within(vector, earlier)
        next_regions = {
            (*sides, _dot(weights, vector) > 0): weights
            for sides, weights in regions.items()
            if sides not in cut
        }
        # On the hyperplane every earlier product is a non-zero integer, so one step off it does not
        # change its sign.
        stretch = 1 + max((abs(_dot(vector, normal)) for normal in earlier), default=0)
        for sides, weights in cut.items():
            for side in (1, -1):
                off = [
                    stretch * weight + side * entry
                    for weight, entry in zip(weights, vector, strict=True)
                ]
                next_regions[(*sides, side > 0)] = _coprime(off)
        regions = next_regions
    return regions


def _regions_within(normal: Vector, vectors: list[Vector]) -> dict[tuple[bool, ...], Vector]:
    """Return the regions of the arrangement of `vectors` within the hyperplane {w : <w, normal> =
    0}, with weights in it.
    """
    if not vectors:
        return {(): (0,) * len(normal)}
    pivot = _pivot(normal)
    restrictions = [_restrict(vector, normal, pivot) for vector in vectors]
    if not all(
        any(vector) for vector in restrictions
    ):  # the hyperplane is one of theirs: it cuts no region
        return {}
    remainder = normal[:pivot] + normal[pivot + 1 :]
    regions = {}
    for sides, weights in _regions(restrictions).items():
        within = [normal[pivot] * weight for weight in weights]
        within.insert(pivot, -_dot(remainder, weights))
        regions[sides] = _coprime(within)
    return regions


def _count(vectors: list[Vector]) -> int:
    """Return the number of regions of the arrangement of non-zero vectors of which no two are
    parallel.
    """
    if vectors and len(vectors[0]) == 2:
        return 2 * len(vectors)
    return 1 + sum(
        _count(
            _directions(
                [_restrict(normal, vector, _pivot(vector)) for normal in vectors[:position]]
            )
        )
        for position, vector in enumerate(vectors)
    )


def _directions(vectors: list[Vector]) -> list[Vector]:
    """Return the lines that non-zero vectors span, each once, as a coprime vector whose first
    non-zero entry is positive.
    """
    distinct: dict[Vector, None] = {}
    for vector in map(_coprime, vectors):
        distinct[vector if vector[_pivot(vector)] > 0 else tuple(-entry for entry in vector)] = None
    return list(distinct)


def _restrict(vector: Vector, normal: Vector, pivot: int) -> Vector:
    """Return the vector as a functional on {w : <w, normal> = 0}, in the coordinates of w other
    than `pivot`.
    """
    return _coprime(
        [
            normal[pivot] * entry - vector[pivot] * coefficient
            for position, (entry, coefficient) in enumerate(zip(vector, normal, strict=True))
            if position != pivot
        ]
    )


def _pivot(vector: Vector) -> int:
    return next(position for position, entry in enumerate(vector) if entry)


def _dot(left: Vector, right: Vector) -> int:
    return sum(a * b for a, b in zip(left, right, strict=True))
