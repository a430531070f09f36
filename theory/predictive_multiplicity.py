"""The exact theory of predictive multiplicity: measures, bounds, margins, and all linear
classifiers of a small set of points.

Marx, Calmon & Ustun 2020, "Predictive Multiplicity in Classification", arXiv 1909.06677. A law that
names no source is derived here.

The sample is m distinct rows of features. Row u has n+_u = `positives` and n-_u = `negatives`
points, t_u = n+_u + n-_u in all, and n = sum t_u. A classifier is a dichotomy b in {0, 1}^m, and
the baseline h_0 is b^0. Every quantity is a number of points, exact in integers, of which the paper
has the share (divide by n); the tolerance e = ε n counts points as well. The functions ending in
`_of` take any explicit set of dichotomies, `[cells, m]`; the baseline competes with itself whether
it is listed or not.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from theory_on_trial.contract import (
    LONGEST,
    MAY_BE_EMPTY,
    UNIT_INTERVAL,
    Count,
    Interval,
    Natural,
    NonNegative,
    UnitInterval,
    guarded,
    require,
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

_INTEGER = 1e-9  # epsilon n this close below an integer is that integer
_MOST_TERMS = 10**5


# Measures, by their definitions.


@guarded
def errors(dichotomy: Dichotomy, positives: Counts, negatives: Counts) -> int:
    """Return the number E(b) = sum_u n-_u b_u + n+_u (1 - b_u) of points that a classifier gets
    wrong. Source: arXiv 1909.06677.
    """
    return int(np.where(dichotomy == 1, negatives, positives).sum())


@guarded
def disagreement(dichotomy: Dichotomy, other: Dichotomy, weights: Counts) -> int:
    """Return the number sum_u t_u 1[b_u != b'_u] of points on which two classifiers differ; t =
    `weights`. Source: arXiv 1909.06677.
    """
    return int(weights[dichotomy != other].sum())


@guarded
def flip_costs(
    baseline: Dichotomy, positives: Counts, negatives: Counts
) -> Int[np.ndarray, " rows"]:
    """Return the number g_u = t_u - 2 m_u of errors that flipping row u adds, where the baseline
    gets m_u points of u wrong.

    E(b) - E(b^0) is the sum of g_u over the flipped rows, and g_u lies in [-t_u, t_u].
    """
    return np.where(baseline == 1, positives - negatives, negatives - positives)


@guarded
def tolerance_count(epsilon: UnitInterval, n: Count) -> int:
    """Return the number floor(ε n + 1e-9) of errors that a tolerance ε allows n points; the
    rounding is chosen here.
    """
    return int(np.floor(epsilon * n + _INTEGER))


@guarded
def errors_of(
    dichotomies: Dichotomies, positives: Counts, negatives: Counts
) -> Int[np.ndarray, " cells"]:
    """Return the number of errors E(b) of every dichotomy of the set. Source: arXiv 1909.06677."""
    return positives.sum() + dichotomies @ (negatives - positives)


@guarded
def disagreements_of(
    dichotomies: Dichotomies, baseline: Dichotomy, weights: Counts
) -> Int[np.ndarray, " cells"]:
    """Return the number of points on which every dichotomy of the set differs from the baseline.
    Source: arXiv 1909.06677.
    """
    return (dichotomies != baseline) @ weights


@guarded
def level_set(
    dichotomies: Dichotomies,
    baseline: Dichotomy,
    positives: Counts,
    negatives: Counts,
    tolerance: Natural,
) -> Int[np.ndarray, "members rows"]:
    """Return the members of the level set S_ε(h_0): the listed dichotomies with E(b) <= E(b^0) + e,
    or none if no listed one is so good.

    Source: arXiv 1909.06677.

    >>> level_set([[0, 0], [0, 1], [1, 0], [1, 1]], [1, 1], positives=[3, 2], negatives=[0, 1],
    ...     tolerance=1)
    array([[1, 0],
           [1, 1]])
    """
    competing = (
        errors_of(dichotomies, positives, negatives)
        <= errors(baseline, positives, negatives) + tolerance
    )
    return dichotomies[competing].astype(np.int64)


@guarded
def discrepancy_of(
    dichotomies: Dichotomies,
    baseline: Dichotomy,
    positives: Counts,
    negatives: Counts,
    tolerance: Natural,
) -> int:
    """Return the discrepancy n δ_ε: the most points on which one competing classifier differs from
    h_0. Source: arXiv 1909.06677.

    >>> discrepancy_of([[0, 0], [0, 1], [1, 0], [1, 1]], [1, 1], positives=[3, 2],
    ...     negatives=[0, 1], tolerance=1)
    3
    """
    members = level_set(dichotomies, baseline, positives, negatives, tolerance)
    return int(((members != baseline) @ (positives + negatives)).max(initial=0))


@guarded
def ambiguity_of(
    dichotomies: Dichotomies,
    baseline: Dichotomy,
    positives: Counts,
    negatives: Counts,
    tolerance: Natural,
) -> int:
    """Return the ambiguity n α_ε(h_0): the number of points that some competing classifier assigns
    otherwise than h_0. Source: arXiv 1909.06677.
    """
    members = level_set(dichotomies, baseline, positives, negatives, tolerance)
    return int((positives + negatives)[np.any(members != baseline, axis=0)].sum())


@guarded
def flip_errors_of(
    dichotomies: Dichotomies, baseline: Dichotomy, positives: Counts, negatives: Counts
) -> Int[np.ndarray, " rows"]:
    """Return for every row u the fewest errors E_u of a listed dichotomy that assigns u otherwise
    than h_0, or n + 1 where none does.

    Ambiguity is their distribution function: n α_ε = sum_u t_u 1[E_u <= E(b^0) + e].
    """
    counts = errors_of(dichotomies, positives, negatives)
    never = int(positives.sum() + negatives.sum()) + 1
    return np.where(dichotomies != baseline, counts[:, np.newaxis], never).min(axis=0)


@guarded
def discrepancy_path_of(
    dichotomies: Dichotomies, baseline: Dichotomy, positives: Counts, negatives: Counts
) -> Int[np.ndarray, " tolerances"]:
    """Return the discrepancy at every tolerance e = 0, ..., n, at index e. The single pass is
    derived here.
    """
    excess = np.maximum(
        errors_of(dichotomies, positives, negatives) - errors(baseline, positives, negatives), 0
    )
    path = np.zeros(int(positives.sum() + negatives.sum()) + 1, dtype=np.int64)
    np.maximum.at(path, excess, disagreements_of(dichotomies, baseline, positives + negatives))
    return np.maximum.accumulate(path)


@guarded
def ambiguity_path_of(
    dichotomies: Dichotomies, baseline: Dichotomy, positives: Counts, negatives: Counts
) -> Int[np.ndarray, " tolerances"]:
    """Return the ambiguity at every tolerance e = 0, ..., n, at index e: the cumulated weights of
    the rows' flip errors. The single pass is derived here.
    """
    n = int(positives.sum() + negatives.sum())
    flip_errors = flip_errors_of(dichotomies, baseline, positives, negatives)
    excess = np.maximum(flip_errors - errors(baseline, positives, negatives), 0)
    weights = np.where(flip_errors <= n, positives + negatives, 0)
    path = np.zeros(n + 2, dtype=np.int64)
    np.add.at(path, excess, weights)
    return np.cumsum(path)[:-1]


# Bounds that hold for every class of classifiers, from the baseline's errors alone. A classifier h
# flips c of the points that h_0 gets right, and w of those that it gets wrong. Then E(h) - E(h_0) =
# c - w, and the two disagree on c + w points.


@guarded
def discrepancy_bound(baseline_error: UnitInterval, epsilon: UnitInterval) -> float:
    """Return the upper bound 2 R(h_0) + ε on the discrepancy δ_ε(h_0) of any baseline h_0, optimal
    or not; R(h_0) = `baseline_error`. Source: Proposition 1, as recalled.

    It is attained if and only if a competitor repairs all of h_0's mistakes and makes exactly
    E(h_0) + e new ones.
    """
    return float(2 * baseline_error + epsilon)


@guarded
def knapsack_bound(
    baseline: Dichotomy, positives: Counts, negatives: Counts, tolerance: Natural
) -> float:
    """Return an upper bound on the discrepancy n δ_ε, in points: the fractional knapsack max sum
    t_u a_u over a in [0, 1]^m with sum g_u a_u <= e, where g_u are the `flip_costs`.

    The maximum takes all rows of g_u <= 0, and then others in the order of g_u / t_u, the last in
    part. It is at most Proposition 1's n (2 R(h_0) + ε).
    """
    costs = flip_costs(baseline, positives, negatives)
    weights = positives + negatives
    free = costs <= 0
    capacity = int(tolerance - costs[free].sum())
    total = int(weights[free].sum())
    paid = np.flatnonzero(~free)
    for row in paid[np.argsort(costs[paid] / weights[paid], kind="stable")]:
        if costs[row] > capacity:
            return total + int(weights[row]) * capacity / int(costs[row])
        capacity -= int(costs[row])
        total += int(weights[row])
    return float(total)


@guarded
def flip_error_bounds(
    baseline: Dichotomy, positives: Counts, negatives: Counts
) -> Int[np.ndarray, " rows"]:
    """Return for every row u the fewest errors of any classifier that assigns u otherwise than h_0:
    the points of u that h_0 gets right, and the points of the rarer label in every other row.
    """
    costs = np.where(baseline == 1, positives, negatives)
    return irreducible_errors(positives, negatives) - np.minimum(positives, negatives) + costs


@guarded
def ambiguity_bound(
    baseline: Dichotomy, positives: Counts, negatives: Counts, tolerance: Natural
) -> int:
    """Return an upper bound on the ambiguity n α_ε, in points: the number of points in rows whose
    `flip_error_bounds` are at most E(h_0) + e.
    """
    within = (
        flip_error_bounds(baseline, positives, negatives)
        <= errors(baseline, positives, negatives) + tolerance
    )
    return int((positives + negatives)[within].sum())


@guarded
def irreducible_errors(positives: Counts, negatives: Counts) -> int:
    """Return the number sum_u min(n+_u, n-_u) of errors that no classifier of the features can
    avoid.
    """
    return int(np.minimum(positives, negatives).sum())


@guarded
def saturation_tolerance(baseline_errors: Natural, n: Count) -> int:
    """Return the least tolerance e, in points, at which discrepancy and ambiguity are certain to be
    all points if -h_0 is in the class: max(n - 2 E(h_0), 0). Below it the discrepancy is not all
    points.

    Raises ValueError for more baseline errors than n.
    """
    require(baseline_errors <= n, f"baseline_errors must be at most n = {n}, got {baseline_errors}")
    return max(n - 2 * baseline_errors, 0)


@guarded
def separable_bound(positives: Counts, negatives: Counts, tolerance: Natural) -> int:
    """Return an upper bound on the discrepancy n δ_ε of a baseline without errors, in points: the
    largest sum, at most e, of the counts of whole rows.

    Every disagreement is then an error. Ambiguity has no such bound. Raises ValueError if a row has
    both labels.
    """
    mixed = bool(np.any((positives > 0) & (negatives > 0)))
    require(
        not mixed,
        "positives and negatives must give every row one label only, got a row with both",
    )
    reachable = 1  # bit k is set where some rows have k points in total
    weights = (positives + negatives).tolist()
    for weight in weights:
        reachable |= reachable << weight
    return (reachable & ((1 << (min(tolerance, sum(weights)) + 1)) - 1)).bit_length() - 1


@guarded
def disagreement_range(
    competitor_errors: Natural, baseline_errors: Natural, n: Count
) -> tuple[int, int]:
    """Return the least and the largest number of points on which two classifiers with these errors
    can differ: |E(h) - E(h_0)| and min(E(h) + E(h_0), 2 n - E(h) - E(h_0)).

    Raises ValueError for more errors than n.
    """
    larger = max(competitor_errors, baseline_errors)
    require(
        larger <= n, f"competitor_errors and baseline_errors must be at most n = {n}, got {larger}"
    )
    total = competitor_errors + baseline_errors
    return abs(competitor_errors - baseline_errors), min(total, 2 * n - total)


@guarded
def one_sided_discrepancy_of(
    dichotomies: Dichotomies,
    baseline: Dichotomy,
    positives: Counts,
    negatives: Counts,
    tolerance: Natural,
) -> int:
    """Return the number of points that the discrepancy program reports if it may declare agreement
    where there is none; it is at least n δ_ε.

    With M a_i >= γ + h_0(x_i) <w, x_i> alone and one binary variable a_i per point, a classifier of
    any error E may declare all its repairs, but only E(h_0) + e of the errors that it adds. So the
    optimum is the largest disagreement - max(E - E(h_0) - e, 0) over all listed dichotomies, not
    only over the level set. Source: derived here.
    """
    excess = (
        errors_of(dichotomies, positives, negatives)
        - errors(baseline, positives, negatives)
        - tolerance
    )
    reports = disagreements_of(dichotomies, baseline, positives + negatives) - np.maximum(excess, 0)
    return int(reports.max(initial=0))


# Margins. Weights are w = (intercept, one per feature) with |w|_1 <= 1, where the intercept counts,
# and s = 2 b - 1.


@guarded
def big_m(rows: Points, margin: NonNegative) -> Float[np.ndarray, " rows"]:
    """Return for every row the smallest M_u for which the constraint -<w, (1, u)> >= γ - M_u binds
    no w with |w|_1 <= 1: M_u = γ + max(1, |u|_inf), with γ = `margin`.
    """
    require(len(rows), f"rows must hold at least one point, got an array of shape {rows.shape}")
    return margin + np.abs(rows.astype(np.float64)).max(axis=1, initial=1)


@guarded
def largest_margin(dichotomy: Dichotomy, rows: Points) -> tuple[float, Float[np.ndarray, " dim"]]:
    """Return the largest margin of a dichotomy, the maximum over |w|_1 <= 1 of min_u s_u <w, (1,
    u)>, and such a w. The margin is positive if and only if b is linear, and zero otherwise.

    It depends on the scale of the features. It can grow with columns that others imply, since |w|_1
    is then less. It is solved in floats (HiGHS): a value within 1e-7 max |u| of zero decides
    nothing, while `linear_dichotomies` does. Raises ValueError for points so large that the solver
    fails.
    """
    from scipy.optimize import linprog

    signs = 2 * dichotomy.astype(int) - 1
    points = signs[:, np.newaxis] * np.insert(rows.astype(np.float64), 0, 1, axis=1)
    dim = points.shape[1]
    at_least_the_margin = np.hstack([-points, points, np.ones((len(rows), 1))])
    norm = np.append(np.ones(2 * dim), 0)
    program = linprog(
        -np.eye(2 * dim + 1)[-1],
        A_ub=np.vstack([at_least_the_margin, norm]),
        b_ub=np.eye(len(rows) + 1)[-1],
        bounds=(0, None),
        method="highs",
    )
    if program.x is None:
        raise ValueError(
            f"rows must be so small that the solver can handle them, got {np.abs(rows).max():.3g}"
        )
    return max(0.0, float(program.x[-1])), program.x[:dim] - program.x[dim:-1]


# All linear dichotomies of a small set of rational points: exact, in integers. A linear classifier
# b_u = 1[<w, (1, u)> > 0] without ties is a region of the central arrangement of the hyperplanes
# {w : <w, (1, u)> = 0}. A new hyperplane cuts exactly those regions that the arrangement has within
# it, so that the regions follow by recursion on the dimension (Winder 1966). No linear program and
# no tolerance is involved, and ties among the points (lattices, repeated rows) need no care.

Vector = tuple[int, ...]


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
