"""Supersparse linear integer models: scoring systems with small integer coefficients, and what
their penalties promise.

Ustun & Rudin 2016 (arXiv 1502.04269): minimise #errors + N C_0 |λ|_0 + N C_1 |λ|_1 over integer
coefficients λ in a box, where a point counts as an error unless y <λ, x> > 0, so a score of zero is
one. Labels y are -1 or +1, features are `[points, coefficients]`; with an intercept its column is
the first and unpenalised. Penalties C_0 and C_1 are exact fractions, because the promises turn on
ties that a rounded penalty breaks. The guarantees are stated as derived here.
"""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from theory.predictive_multiplicity.domains import (
    AnyCount,
    Bounds,
    Box,
    Direction,
    Failure,
    Features,
    Labels,
    Penalty,
    Resolution,
    Sieve,
)
from theory_on_trial.contract import LONGEST, Count, NonNegative, guarded, require

_MOST_BITS = 10**6  # of a count


class ScoringOptimum(NamedTuple):
    """The least objective, exactly, and every coefficient vector that attains it, in sorted
    order.
    """

    objective: Fraction
    coefficients: Int[np.ndarray, "optima coefficients"]
    errors: Int[np.ndarray, " optima"]


@guarded
def scoring_errors(
    coefficients: Int[np.ndarray, "vectors coefficients"], features: Features, labels: Labels
) -> Int[np.ndarray, " vectors"]:
    """Number of points with y <λ, x> <= 0, for each λ; exact for integer features. Source: arXiv
    1502.04269.
    """
    return np.sum(coefficients @ features.T * labels <= 0, axis=1)


@guarded
def brute_force_optimum(
    features: Features,
    labels: Labels,
    lower: Box,
    upper: Box,
    sparsity_penalty: Penalty,
    size_penalty: Penalty,
    *,
    intercept: bool = False,
) -> ScoringOptimum:
    """The optimum over all λ with lower <= λ <= upper, by trying each, up to 2^29 vectors.

    C_0 is the sparsity penalty, C_1 the size penalty; an `intercept`, the first coefficient, is
    free of both. Scores of integers below 2^53 are exact. Source: the problem of arXiv 1502.04269,
    as recalled.
    """
    _require_box(lower, upper)
    n_vectors = math.prod((upper - lower + 1).tolist())
    require(
        n_vectors <= LONGEST,
        f"lower and upper must leave a box that can be listed, got {n_vectors} vectors",
    )
    axes = np.meshgrid(
        *(np.arange(low, high + 1) for low, high in zip(lower, upper, strict=True)), indexing="ij"
    )
    vectors = np.stack(axes, axis=-1).reshape(-1, len(lower))
    terms = vectors[:, 1:] if intercept else vectors
    triples = np.stack(
        [
            scoring_errors(vectors, features, labels),
            (terms != 0).sum(axis=1),
            np.abs(terms).sum(axis=1),
        ],
        axis=1,
    )
    distinct, index = np.unique(triples, axis=0, return_inverse=True)
    n = len(labels)
    objectives = [
        errors + n * Fraction(sparsity_penalty) * nonzero + n * Fraction(size_penalty) * size
        for errors, nonzero, size in distinct.tolist()
    ]
    least = min(objectives)
    optimal = np.array([objective == least for objective in objectives])[index.ravel()]
    return ScoringOptimum(least, vectors[optimal], triples[optimal, 0])


@guarded
def scoring_big_m(
    features: Features, labels: Labels, lower: Box, upper: Box, margin: NonNegative
) -> Float[np.ndarray, " points"]:
    """Smallest M_i = ε - min over the box of y_i <λ, x_i>, with which y_i <λ, x_i> >= ε - M_i z_i
    lets any λ err.

    On a box that is not symmetric the maximum in place of minus the minimum forbids coefficients
    that are allowed.
    """
    _require_box(lower, upper)
    products = labels[:, np.newaxis] * features
    return margin - np.minimum(products * lower, products * upper).sum(axis=1)


@guarded
def accuracy_preserving_penalty(n: Count, n_coefficients: Count) -> Fraction:
    """1 / (N P): any smaller C_0, with C_1 = 0, gives the fewest errors, and among those the least
    l0; derived here.
    """
    return Fraction(1, n * n_coefficients)


@guarded
def pareto_penalty(n: Count, sparsity_penalty: Penalty, bounds: Bounds) -> Fraction:
    """min(1 / N, C_0) / sum_j Λ_j: any smaller C_1 > 0 has a Pareto-optimal pair of errors and l0
    at its optimum.

    `bounds` are the Λ_j of |λ_j| <= Λ_j. The optimum need not be one of C_1 = 0: where N C_0 is not
    an integer the l1 term can decide between unlike pairs, see `tie_breaking_penalty`. Source: the
    default of the released code of arXiv 1502.04269; what it promises is derived here.
    """
    return min(Fraction(1, n), Fraction(sparsity_penalty)) / int(bounds.sum())


@guarded
def tie_breaking_penalty(n: Count, sparsity_penalty: Penalty, bounds: Bounds) -> Fraction:
    """With any smaller C_1 the optimum minimises #errors + N C_0 l0, and the l1 norm only breaks
    ties.

    It is the smallest positive |a + N C_0 b| over integers |a| <= N, |b| <= P, over N sum_j Λ_j.
    """
    step = n * Fraction(sparsity_penalty)
    gaps = [
        abs(step * b - min(math.floor(step * b) + above, n))
        for b in range(len(bounds) + 1)
        for above in (0, 1)
    ]
    return min(gap for gap in gaps if gap > 0) / (n * int(bounds.sum()))


@guarded
def sufficient_resolution(features: Features, coefficients: Direction) -> float:
    """X_max sqrt(P) / (2 γ_min): rounded to any integer scale Λ above it, ρ classifies every point
    alike.

    X_max = max |x_i|_2, γ_min = min |<ρ, x_i>| / |ρ|_2; infinite if some score is 0. Source: as
    recalled; proof here.
    """
    margin = np.abs(features @ _unit(coefficients)).min()
    largest = np.linalg.norm(features, axis=1).max()
    return float(largest * math.sqrt(len(coefficients)) / (2 * margin)) if margin > 0 else math.inf


@guarded
def rounded_coefficients(
    coefficients: Direction, resolution: Resolution
) -> Int[np.ndarray, " coefficients"]:
    """round(Λ ρ / |ρ|_2), integers in -Λ, ..., Λ = `resolution`. Source: arXiv 1502.04269."""
    return np.rint(resolution * _unit(coefficients)).astype(np.int64)


@guarded
def box_count(bound: Count, n_coefficients: Count) -> int:
    """(2 Λ + 1)^P, the integer vectors with entries in -Λ, ..., Λ = `bound`; any number of
    digits.
    """
    bits = n_coefficients * bound.bit_length()
    require(
        bits <= _MOST_BITS,
        f"bound and n_coefficients must give a count of up to {_MOST_BITS} bits, got {bits}",
    )
    return (2 * bound + 1) ** n_coefficients


@guarded
def coprime_count(bound: Sieve, n_coefficients: Count) -> int:
    """How many of them have greatest common divisor 1, by inclusion and exclusion: enough for all
    but zero scores.
    """
    counts: dict[int, int] = {}
    for divisor in range(bound, 0, -1):
        multiples = box_count(bound // divisor, n_coefficients) - 1
        counts[divisor] = multiples - sum(counts[k] for k in range(2 * divisor, bound + 1, divisor))
    return counts[1]


@guarded
def occam_bound(n_classifiers: AnyCount, n: Count, failure: Failure) -> float:
    """sqrt((log |L| + log(1 / δ)) / (2 N)): how far a risk may exceed its empirical value, over all
    of L.

    With probability at least 1 - δ = 1 - `failure`. Source: Hoeffding's inequality and the union
    bound.
    """
    return math.sqrt((math.log(n_classifiers) - math.log(failure)) / (2 * n))


def _unit(coefficients: Direction) -> Direction:
    return coefficients / np.linalg.norm(coefficients)


def _require_box(lower: Box, upper: Box) -> None:
    require(
        lower <= upper, f"lower must not exceed upper, got {lower.tolist()} and {upper.tolist()}"
    )
