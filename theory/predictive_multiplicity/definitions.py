"""Errors, competing classifiers, discrepancy and ambiguity of classifiers, seen as dichotomies of
an aggregated sample.

The definitions are those of Marx, Calmon & Ustun 2020 (arXiv 1909.06677). The sample is m distinct
rows of features. Row u has n+_u = `positives` and n-_u = `negatives` points, t_u = n+_u + n-_u in
all, and n = sum t_u. A classifier is a dichotomy b in {0, 1}^m, and the baseline h_0 is b^0. Every
quantity is a number of points, exact in integers, of which the paper has the share (divide by n);
the tolerance e = ε n counts points as well. The functions ending in `_of` take any explicit set of
dichotomies, `[cells, m]`; the baseline competes with itself whether it is listed or not.
"""

import numpy as np
from jaxtyping import Int

from theory.predictive_multiplicity.domains import Counts, Dichotomies, Dichotomy
from theory_on_trial.contract import Count, Natural, UnitInterval, guarded

_INTEGER = 1e-9  # epsilon n this close below an integer is that integer


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


@guarded
def pair_diameter_of(
    dichotomies: Dichotomies,
    baseline: Dichotomy,
    positives: Counts,
    negatives: Counts,
    tolerance: Natural,
) -> int:
    """Return the most points on which two competing classifiers differ from each other; h_0 counts
    as a competitor.
    """
    members = level_set(dichotomies, baseline, positives, negatives, tolerance)
    signs = 2 * np.vstack([members, baseline]) - 1
    weights = positives + negatives
    return int((weights.sum() - (signs * weights @ signs.T).min()) // 2)
