"""Errors, competing classifiers, discrepancy and ambiguity of classifiers seen as dichotomies of an aggregated sample.

Marx, Calmon & Ustun 2020 (arXiv 1909.06677). The sample is m distinct feature rows with counts `positives` n+_u and
`negatives` n-_u, t_u = n+_u + n-_u, n = sum t_u; a classifier is b in {0, 1}^m, the baseline h_0 is b^0. Everything is
a count of points (divide by n for the paper's shares), exact in integers; the tolerance e counts points as well. The
functions ending in `_of` take any explicit set of dichotomies, `[cells, m]`; the baseline competes with itself whether
it is listed or not. All raise `ValueError` for counts that are negative, all zero or of unequal length, for entries of
a dichotomy other than 0 and 1, for an empty set, and for a negative tolerance.
"""

import numpy as np
from jaxtyping import Int

from theory.predictive_multiplicity._validation import (
    Counts,
    Dichotomies,
    Dichotomy,
    checked_counts,
    checked_dichotomies,
    checked_dichotomy,
    checked_weights,
)
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_at_least

_INTEGER = 1e-9  # epsilon n this close below an integer is that integer


@validated
def errors(dichotomy: Dichotomy, positives: Counts, negatives: Counts) -> int:
    """E(b) = sum_u n-_u b_u + n+_u (1 - b_u), the number of misclassified points."""
    positives, negatives = checked_counts(positives, negatives)
    dichotomy = checked_dichotomy("dichotomy", dichotomy, len(positives))
    return int(np.where(dichotomy == 1, negatives, positives).sum())


@validated
def disagreement(dichotomy: Dichotomy, other: Dichotomy, weights: Counts) -> int:
    """Number of points sum_u t_u 1[b_u != b'_u] on which two classifiers differ, t = `weights`."""
    weights = checked_weights(weights)
    dichotomy = checked_dichotomy("dichotomy", dichotomy, len(weights))
    return int(weights[dichotomy != checked_dichotomy("other", other, len(weights))].sum())


@validated
def flip_costs(baseline: Dichotomy, positives: Counts, negatives: Counts) -> Int[np.ndarray, " rows"]:
    """g_u = t_u - 2 m_u, the errors that flipping row u adds, with m_u the points of u the baseline gets wrong.

    E(b) - E(b^0) = sum of g_u over the flipped rows, so g lies in [-t, t]. Derived here.
    """
    positives, negatives = checked_counts(positives, negatives)
    return (2 * checked_dichotomy("baseline", baseline, len(positives)) - 1) * (positives - negatives)


@validated
def tolerance_count(epsilon: float | int, n: int) -> int:
    """E = floor(epsilon n + 1e-9), the errors that a tolerance epsilon in [0, 1] of the error rate allows n points.

    `ValueError` if epsilon is outside [0, 1] or n < 1.
    """
    check_at_least("n", n, 1)
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon must be in [0, 1], got {epsilon}")
    return int(np.floor(epsilon * n + _INTEGER))


@validated
def errors_of(dichotomies: Dichotomies, positives: Counts, negatives: Counts) -> Int[np.ndarray, " cells"]:
    """E(b) of every dichotomy of the set."""
    positives, negatives = checked_counts(positives, negatives)
    return positives.sum() + checked_dichotomies(dichotomies, len(positives)) @ (negatives - positives)


@validated
def disagreements_of(dichotomies: Dichotomies, baseline: Dichotomy, weights: Counts) -> Int[np.ndarray, " cells"]:
    """Number of points on which every dichotomy of the set differs from the baseline."""
    weights = checked_weights(weights)
    flips = checked_dichotomies(dichotomies, len(weights)) != checked_dichotomy("baseline", baseline, len(weights))
    return flips @ weights


@validated
def level_set(
    dichotomies: Dichotomies, baseline: Dichotomy, positives: Counts, negatives: Counts, tolerance: int
) -> Int[np.ndarray, "members rows"]:
    """Members of S_epsilon(h_0): the listed dichotomies with E(b) <= E(b^0) + e; none if no listed one is as good."""
    check_at_least("tolerance", tolerance, 0)
    checked_dichotomy("baseline", baseline, len(positives))
    competing = errors_of(dichotomies, positives, negatives) <= errors(baseline, positives, negatives) + tolerance
    return checked_dichotomies(dichotomies, len(positives))[competing]


@validated
def discrepancy_of(
    dichotomies: Dichotomies, baseline: Dichotomy, positives: Counts, negatives: Counts, tolerance: int
) -> int:
    """Discrepancy n delta_epsilon(h_0): the most points on which one competing classifier differs from h_0."""
    positives, negatives = checked_counts(positives, negatives)
    members = level_set(dichotomies, baseline, positives, negatives, tolerance)
    return int(((members != baseline) @ (positives + negatives)).max(initial=0))


@validated
def ambiguity_of(
    dichotomies: Dichotomies, baseline: Dichotomy, positives: Counts, negatives: Counts, tolerance: int
) -> int:
    """Ambiguity n alpha_epsilon(h_0): the points that at least one competing classifier assigns otherwise than h_0."""
    positives, negatives = checked_counts(positives, negatives)
    members = level_set(dichotomies, baseline, positives, negatives, tolerance)
    return int((positives + negatives)[np.any(members != baseline, axis=0)].sum())


@validated
def flip_errors_of(
    dichotomies: Dichotomies, baseline: Dichotomy, positives: Counts, negatives: Counts
) -> Int[np.ndarray, " rows"]:
    """E_u, the fewest errors of a listed dichotomy that assigns row u otherwise than h_0; n + 1 where none does.

    Ambiguity is their distribution function: n alpha_epsilon = sum_u t_u 1[E_u <= E(b^0) + e]. Derived here.
    """
    positives, negatives = checked_counts(positives, negatives)
    found = errors_of(dichotomies, positives, negatives)
    never = int(positives.sum() + negatives.sum()) + 1
    flips = dichotomies != checked_dichotomy("baseline", baseline, len(positives))
    return np.where(flips, found[:, np.newaxis], never).min(axis=0)


@validated
def discrepancy_path_of(
    dichotomies: Dichotomies, baseline: Dichotomy, positives: Counts, negatives: Counts
) -> Int[np.ndarray, " tolerances"]:
    """Discrepancy at every tolerance e = 0, ..., n, in one pass: a non-decreasing step function with index e."""
    positives, negatives = checked_counts(positives, negatives)
    checked_dichotomy("baseline", baseline, len(positives))
    excess = np.maximum(errors_of(dichotomies, positives, negatives) - errors(baseline, positives, negatives), 0)
    path = np.zeros(int(positives.sum() + negatives.sum()) + 1, dtype=np.int64)
    np.maximum.at(path, excess, disagreements_of(dichotomies, baseline, positives + negatives))
    return np.maximum.accumulate(path)


@validated
def ambiguity_path_of(
    dichotomies: Dichotomies, baseline: Dichotomy, positives: Counts, negatives: Counts
) -> Int[np.ndarray, " tolerances"]:
    """Ambiguity at every tolerance e = 0, ..., n, in one pass: the cumulated weights of the rows' flip errors."""
    positives, negatives = checked_counts(positives, negatives)
    n = int(positives.sum() + negatives.sum())
    flip_errors = flip_errors_of(dichotomies, baseline, positives, negatives)
    excess = np.maximum(flip_errors - errors(baseline, positives, negatives), 0)
    weights = np.where(flip_errors <= n, positives + negatives, 0)
    path = np.zeros(n + 2, dtype=np.int64)
    np.add.at(path, excess, weights)
    return np.cumsum(path)[:-1]


@validated
def pair_diameter_of(
    dichotomies: Dichotomies, baseline: Dichotomy, positives: Counts, negatives: Counts, tolerance: int
) -> int:
    """The most points on which two competing classifiers differ from each other (h_0 is one of them). Derived here."""
    positives, negatives = checked_counts(positives, negatives)
    members = level_set(dichotomies, baseline, positives, negatives, tolerance)
    signs = 2 * np.vstack([members, checked_dichotomy("baseline", baseline, len(positives))]) - 1
    weights = positives + negatives
    return int((weights.sum() - (signs * weights @ signs.T).min()) // 2)
