"""Supersparse linear integer models: scoring systems with small integer coefficients, and what their penalties promise.

Ustun & Rudin 2016 (arXiv 1502.04269): over integer coefficients lambda in a box,
minimise #errors + N C_0 |lambda|_0 + N C_1 |lambda|_1, where a point counts as an error unless y <lambda, x> > 0, so a
score of zero is one. Labels y are -1 or +1, features are `[points, coefficients]`; with an intercept its column is
the first and unpenalised. Penalties C_0 and C_1 are exact fractions, because the promises turn on ties that a rounded
penalty breaks. The guarantees are stated as derived here. `ValueError` for labels other than -1 and 1, features that
are empty or not finite, a box that is empty, a negative penalty, and sizes below 1.
"""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from theory.predictive_multiplicity._validation import shown
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import (
    check_at_least,
    check_finite,
    check_non_negative,
    check_open_fraction,
)

Features = Real[np.ndarray, "points coefficients"]
Labels = Real[np.ndarray, " points"]
Box = Int[np.ndarray, " coefficients"]


_MOST_BITS = 10**6  # of a count
_LARGEST_SIEVE = 10**6  # multiples of every number up to it are counted


class ScoringOptimum(NamedTuple):
    """The least objective, exactly, and every coefficient vector that attains it, in sorted order."""

    objective: Fraction
    coefficients: Int[np.ndarray, "optima coefficients"]
    errors: Int[np.ndarray, " optima"]


@validated
def scoring_errors(
    coefficients: Int[np.ndarray, "vectors coefficients"], features: Features, labels: Labels
) -> Int[np.ndarray, " vectors"]:
    """Number of points with y <lambda, x> <= 0, for each vector lambda; exact for integer features."""
    _check_points(features, labels)
    return np.sum(coefficients @ features.T * labels <= 0, axis=1)


@validated
def brute_force_optimum(
    features: Features,
    labels: Labels,
    lower: Box,
    upper: Box,
    sparsity_penalty: Fraction | int,
    size_penalty: Fraction | int,
    *,
    intercept: bool = False,
) -> ScoringOptimum:
    """The optimum over all lambda with lower <= lambda <= upper, by trying each; C_0 and C_1 are the penalties."""
    _check_points(features, labels)
    _check_box(features, lower, upper)
    _check_penalty("sparsity_penalty", sparsity_penalty)
    _check_penalty("size_penalty", size_penalty)
    axes = np.meshgrid(*(np.arange(low, high + 1) for low, high in zip(lower, upper, strict=True)), indexing="ij")
    vectors = np.stack(axes, axis=-1).reshape(-1, len(lower))
    penalised = vectors[:, 1:] if intercept else vectors
    triples = np.stack(
        [scoring_errors(vectors, features, labels), (penalised != 0).sum(axis=1), np.abs(penalised).sum(axis=1)], axis=1
    )
    distinct, which = np.unique(triples, axis=0, return_inverse=True)
    n = len(labels)
    objectives = [
        errors + n * Fraction(sparsity_penalty) * nonzero + n * Fraction(size_penalty) * size
        for errors, nonzero, size in distinct.tolist()
    ]
    least = min(objectives)
    optimal = np.array([objective == least for objective in objectives])[which.ravel()]
    return ScoringOptimum(least, vectors[optimal], triples[optimal, 0])


@validated
def scoring_big_m(
    features: Features, labels: Labels, lower: Box, upper: Box, margin: float | int
) -> Float[np.ndarray, " points"]:
    """Smallest M_i = epsilon - min over the box of y_i <lambda, x_i> that lets any lambda err at point i.

    The row is y_i <lambda, x_i> >= epsilon - M_i z_i, epsilon = `margin`; on a box that is not symmetric the maximum
    in place of minus the minimum forbids coefficients that are allowed.
    """
    _check_points(features, labels)
    _check_box(features, lower, upper)
    check_non_negative("margin", margin)
    signed = labels[:, np.newaxis] * features
    return margin - np.minimum(signed * lower, signed * upper).sum(axis=1).astype(np.float64)


@validated
def accuracy_preserving_penalty(n: int, n_coefficients: int) -> Fraction:
    """1 / (N P): with any smaller C_0 (and C_1 = 0) the optimum has the fewest errors, and among those the least l0."""
    check_at_least("n", n, 1)
    check_at_least("n_coefficients", n_coefficients, 1)
    return Fraction(1, n * n_coefficients)


@validated
def pareto_penalty(n: int, sparsity_penalty: Fraction | int, bounds: Box) -> Fraction:
    """min(1 / N, C_0) / sum_j Lambda_j: any smaller C_1 > 0 has a Pareto-optimal pair of errors and l0 at its optimum.

    That is, no lambda has less of one and no more of the other. `bounds` are the Lambda_j of the box
    |lambda_j| <= Lambda_j. The optimum need not be one of C_1 = 0: where N C_0 is not an integer the l1 term can still
    decide between unlike pairs, see `tie_breaking_penalty`.
    """
    check_at_least("n", n, 1)
    _check_penalty("sparsity_penalty", sparsity_penalty)
    return min(Fraction(1, n), Fraction(sparsity_penalty)) / _total(bounds)


@validated
def tie_breaking_penalty(n: int, sparsity_penalty: Fraction | int, bounds: Box) -> Fraction:
    """With any smaller C_1 the optimum minimises #errors + N C_0 l0, and the l1 norm only breaks ties.

    It is the smallest positive |a + N C_0 b| over integers |a| <= N, |b| <= P, over N sum_j Lambda_j.
    """
    check_at_least("n", n, 1)
    _check_penalty("sparsity_penalty", sparsity_penalty)
    step = n * Fraction(sparsity_penalty)
    nearest = [
        (step * b, min(max(math.floor(step * b) + aside, 0), n)) for b in range(len(bounds) + 1) for aside in (-1, 0, 1)
    ]
    gaps = [abs(value - a) for value, a in nearest]
    return min(gap for gap in gaps if gap > 0) / (n * _total(bounds))


@validated
def sufficient_resolution(features: Features, coefficients: Float[np.ndarray, " coefficients"]) -> float:
    """X_max sqrt(P) / (2 gamma_min): rounded to any integer scale Lambda above it, rho classifies every point alike.

    X_max = max_i |x_i|_2, gamma_min = min_i |<rho, x_i>| / |rho|_2, rho = `coefficients`; infinite if some score is 0.
    Source: as recalled; the proof (rounding moves lambda / Lambda by at most sqrt(P) / (2 Lambda)) is derived here.
    """
    _check_features(features)
    margin = np.abs(features @ _unit(coefficients)).min()
    largest = np.linalg.norm(features.astype(np.float64), axis=1).max()
    return float(largest * math.sqrt(len(coefficients)) / (2 * margin)) if margin > 0 else math.inf


@validated
def rounded_coefficients(
    coefficients: Float[np.ndarray, " coefficients"], resolution: int
) -> Int[np.ndarray, " coefficients"]:
    """round(Lambda rho / |rho|_2), integers in -Lambda, ..., Lambda = `resolution`."""
    check_at_least("resolution", resolution, 1)
    return np.rint(resolution * _unit(coefficients)).astype(np.int64)


@validated
def box_count(bound: int, n_coefficients: int) -> int:
    """(2 Lambda + 1)^P, the integer vectors with entries in -Lambda, ..., Lambda = `bound`."""
    check_at_least("bound", bound, 1)
    check_at_least("n_coefficients", n_coefficients, 1)
    if n_coefficients * bound.bit_length() > _MOST_BITS:
        raise ValueError(
            f"bound and n_coefficients must give a count of at most {_MOST_BITS} bits, got numbers of "
            f"{bound.bit_length()} and {n_coefficients.bit_length()} bits"
        )
    return (2 * bound + 1) ** n_coefficients


@validated
def coprime_count(bound: int, n_coefficients: int) -> int:
    """How many of them have greatest common divisor 1: enough for every classifier but the one of zero scores.

    By inclusion and exclusion of the multiples of every d <= Lambda, largest first.
    """
    check_at_least("bound", bound, 1)
    if bound > _LARGEST_SIEVE:
        raise ValueError(f"bound must be at most {_LARGEST_SIEVE}, got a number of {bound.bit_length()} bits")
    counts: dict[int, int] = {}
    for divisor in range(bound, 0, -1):
        multiples = box_count(bound // divisor, n_coefficients) - 1
        counts[divisor] = multiples - sum(counts[k] for k in range(2 * divisor, bound + 1, divisor))
    return counts[1]


@validated
def occam_bound(n_classifiers: int, n: int, failure: float) -> float:
    """sqrt((log |L| + log(1 / delta)) / (2 N)): how far a risk may exceed its empirical value, over all of L.

    Holds with probability at least 1 - delta = 1 - `failure` over N = `n` independent points. Hoeffding's inequality
    and the union bound. `ValueError` unless delta is in (0, 1).
    """
    check_at_least("n_classifiers", n_classifiers, 1)
    check_at_least("n", n, 1)
    check_open_fraction("failure", failure)
    return math.sqrt((math.log(n_classifiers) - math.log(failure)) / (2 * n))


def _unit(coefficients: Float[np.ndarray, " coefficients"]) -> Float[np.ndarray, " coefficients"]:
    check_finite("coefficients", coefficients)
    if not np.any(coefficients):
        raise ValueError("coefficients must not all be zero")
    return coefficients / np.linalg.norm(coefficients)


def _total(bounds: Box) -> int:
    if len(bounds) == 0 or bounds.min() < 0 or bounds.max() < 1:
        raise ValueError(f"bounds must be non-negative integers, not all zero, got {shown(bounds)}")
    return int(bounds.sum())


def _check_features(features: Features) -> None:
    check_finite("features", features.astype(np.float64))


def _check_points(features: Features, labels: Labels) -> None:
    _check_features(features)
    correct: Bool[np.ndarray, " points"] = np.abs(labels) == 1
    if len(labels) != len(features) or not np.all(correct):
        raise ValueError(f"labels must be -1 or 1, one for each of the {len(features)} points, got {shown(labels)}")


def _check_box(features: Features, lower: Box, upper: Box) -> None:
    n_coefficients = features.shape[1]
    if lower.shape != (n_coefficients,) or upper.shape != (n_coefficients,) or np.any(lower > upper):
        raise ValueError(
            f"lower must not exceed upper, {n_coefficients} entries each, got {shown(lower)} and {shown(upper)}"
        )


def _check_penalty(name: str, penalty: Fraction | int) -> None:
    if penalty < 0:
        raise ValueError(f"{name} must be non-negative, got {penalty}")
