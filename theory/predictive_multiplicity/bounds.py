"""Bounds on discrepancy and ambiguity that hold for every class of classifiers, from the baseline's errors alone.

Proposition 1 of Marx, Calmon & Ustun 2020 (arXiv 1909.06677), as recalled; the others are derived here. With c and w
the points that a classifier h flips among those the baseline h_0 gets right and wrong, E(h) - E(h_0) = c - w and the
disagreement is c + w. Functions named by counts take and return counts of points; the two bounds of Proposition 1's
kind take and return shares. Symbols as in `definitions`, whose refusals apply.
"""

import numpy as np
from jaxtyping import Int

from theory.predictive_multiplicity._validation import (
    Counts,
    Dichotomies,
    Dichotomy,
    checked_counts,
    checked_dichotomy,
    shown,
)
from theory.predictive_multiplicity.definitions import disagreements_of, errors, errors_of, flip_costs
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_at_least


@validated
def discrepancy_bound(baseline_error: float | int, epsilon: float | int) -> float:
    """Proposition 1, as recalled: delta_epsilon(h_0) <= 2 R(h_0) + epsilon, for any h_0, optimal or not.

    Equality iff a competitor repairs all of h_0's mistakes and makes exactly E(h_0) + e new ones. `ValueError` unless
    both are in [0, 1].
    """
    _check_share("baseline_error", baseline_error)
    _check_share("epsilon", epsilon)
    return float(2 * baseline_error + epsilon)


@validated
def pair_diameter_bound(baseline_error: float | int, epsilon: float | int) -> float:
    """Two competitors differ on at most 2 (R(h_0) + epsilon) of the points, twice epsilon where h_0 has it once.

    `ValueError` unless both are in [0, 1].
    """
    _check_share("baseline_error", baseline_error)
    _check_share("epsilon", epsilon)
    return float(2 * (baseline_error + epsilon))


@validated
def knapsack_bound(baseline: Dichotomy, positives: Counts, negatives: Counts, tolerance: int) -> float:
    """Bound on n delta_epsilon: the fractional knapsack max sum t_u a_u over a in [0, 1]^m with sum g_u a_u <= e.

    All rows of flip cost g_u <= 0 are taken, then rows in the order of g_u / t_u, the last one in part. It is at most
    n (2 R(h_0) + epsilon), the count of Proposition 1.
    """
    check_at_least("tolerance", tolerance, 0)
    positives, negatives = checked_counts(positives, negatives)
    costs = flip_costs(baseline, positives, negatives)
    weights = positives + negatives
    free = costs <= 0
    capacity = int(tolerance - costs[free].sum())
    taken = int(weights[free].sum())
    paid = np.flatnonzero(~free)
    for row in paid[np.argsort(costs[paid] / weights[paid], kind="stable")]:
        if costs[row] > capacity:
            return float(taken + weights[row] * capacity / costs[row])
        capacity -= int(costs[row])
        taken += int(weights[row])
    return float(taken)


@validated
def flip_error_bounds(baseline: Dichotomy, positives: Counts, negatives: Counts) -> Int[np.ndarray, " rows"]:
    """Fewest errors of any classifier at all that assigns row u otherwise than h_0: what E_u cannot fall below.

    It errs on the baseline's side at u and on the minority of every other row.
    """
    positives, negatives = checked_counts(positives, negatives)
    flipped = np.where(checked_dichotomy("baseline", baseline, len(positives)) == 1, positives, negatives)
    return irreducible_errors(positives, negatives) - np.minimum(positives, negatives) + flipped


@validated
def ambiguity_bound(baseline: Dichotomy, positives: Counts, negatives: Counts, tolerance: int) -> int:
    """Bound on n alpha_epsilon: the points of rows whose `flip_error_bounds` are within the tolerance."""
    check_at_least("tolerance", tolerance, 0)
    positives, negatives = checked_counts(positives, negatives)
    within = flip_error_bounds(baseline, positives, negatives) <= errors(baseline, positives, negatives) + tolerance
    return int((positives + negatives)[within].sum())


@validated
def irreducible_errors(positives: Counts, negatives: Counts) -> int:
    """sum_u min(n+_u, n-_u), the errors that no classifier of the features can avoid."""
    positives, negatives = checked_counts(positives, negatives)
    return int(np.minimum(positives, negatives).sum())


@validated
def saturation_tolerance(baseline_errors: int, n: int) -> int:
    """Least e at which delta = alpha = 1 is certain where -h_0 is in the class: max(n - 2 E(h_0), 0).

    Below it delta = 1 is impossible for any class, since only -h_0 differs on all n points. `ValueError` unless
    0 <= `baseline_errors` <= n and n >= 1.
    """
    _check_errors("baseline_errors", baseline_errors, n)
    return max(n - 2 * baseline_errors, 0)


@validated
def separable_bound(positives: Counts, negatives: Counts, tolerance: int) -> int:
    """Bound on n delta_epsilon for a baseline without errors: the most points up to e that whole rows add up to.

    Every disagreement is then an error, so delta_epsilon <= epsilon; ambiguity has no such bound. `ValueError` also if
    some row has both labels, since no baseline is without errors there.
    """
    check_at_least("tolerance", tolerance, 0)
    positives, negatives = checked_counts(positives, negatives)
    if irreducible_errors(positives, negatives) > 0:
        raise ValueError(
            f"every row must have one label only, got positives {shown(positives)} and negatives {shown(negatives)}"
        )
    reachable = 1  # bit k is set where some rows have k points in total
    for weight in (positives + negatives).tolist():
        reachable |= reachable << weight
    return (reachable & ((1 << (tolerance + 1)) - 1)).bit_length() - 1


@validated
def parity_defect(competitor_errors: int, baseline_errors: int, disagreement: int) -> int:
    """(disagreement - (E(h) - E(h_0))) mod 2, zero for every classifier: it is 2 w, w the repaired mistakes."""
    return (disagreement - competitor_errors + baseline_errors) % 2


@validated
def disagreement_range(competitor_errors: int, baseline_errors: int, n: int) -> tuple[int, int]:
    """Least and most points on which classifiers of these errors can differ.

    |E(h) - E(h_0)| and min(E(h) + E(h_0), 2 n - E(h) - E(h_0)). `ValueError` unless both errors are in 0, ..., n.
    """
    _check_errors("competitor_errors", competitor_errors, n)
    _check_errors("baseline_errors", baseline_errors, n)
    total = competitor_errors + baseline_errors
    return abs(competitor_errors - baseline_errors), min(total, 2 * n - total)


@validated
def one_sided_discrepancy_of(
    dichotomies: Dichotomies, baseline: Dichotomy, positives: Counts, negatives: Counts, tolerance: int
) -> int:
    """What the discrepancy program reports if agreement may be declared where there is none: at least n delta_epsilon.

    With M a_i >= gamma + h_0(x_i) <w, x_i> alone and one binary per point, a classifier of any error E may declare all
    its repairs and only E(h_0) + e of the errors it adds, so the optimum is the largest
    disagreement - max(E - E(h_0) - e, 0) over all listed dichotomies, not over the level set.
    """
    check_at_least("tolerance", tolerance, 0)
    positives, negatives = checked_counts(positives, negatives)
    checked_dichotomy("baseline", baseline, len(positives))
    excess = errors_of(dichotomies, positives, negatives) - errors(baseline, positives, negatives) - tolerance
    declared = disagreements_of(dichotomies, baseline, positives + negatives) - np.maximum(excess, 0)
    return int(declared.max(initial=0))


def _check_share(name: str, share: float | int) -> None:
    if not 0 <= share <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {share}")


def _check_errors(name: str, count: int, n: int) -> None:
    check_at_least("n", n, 1)
    check_at_least(name, count, 0)
    if count > n:
        raise ValueError(f"{name} must be at most n = {n}, got {count}")
