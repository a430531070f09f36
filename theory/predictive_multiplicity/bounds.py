"""Bounds on discrepancy and ambiguity that hold for every class of classifiers, from the baseline's
errors alone.

Proposition 1 of Marx, Calmon & Ustun 2020 (arXiv 1909.06677), as recalled; the others are derived
here. With c and w the points that a classifier h flips among those the baseline h_0 gets right and
wrong, E(h) - E(h_0) = c - w and the disagreement is c + w. Functions named by counts take and
return counts of points; the two bounds of Proposition 1's kind take and return shares. Symbols as
in `definitions`.
"""

import numpy as np
from jaxtyping import Int

from theory.predictive_multiplicity.definitions import (
    disagreements_of,
    errors,
    errors_of,
    flip_costs,
)
from theory.predictive_multiplicity.domains import Counts, Dichotomies, Dichotomy
from theory_on_trial.contract import Count, Natural, UnitInterval, guarded, require


@guarded
def discrepancy_bound(baseline_error: UnitInterval, epsilon: UnitInterval) -> float:
    """Proposition 1, as recalled: delta_epsilon(h_0) <= 2 R(h_0) + ε, for any h_0, optimal or not.

    Equality iff a competitor repairs all of h_0's mistakes and makes exactly E(h_0) + e new ones.
    """
    return float(2 * baseline_error + epsilon)


@guarded
def pair_diameter_bound(baseline_error: UnitInterval, epsilon: UnitInterval) -> float:
    """Two competitors differ on at most 2 (R(h_0) + ε) of the points, twice ε where h_0 has it
    once.
    """
    return float(2 * (baseline_error + epsilon))


@guarded
def knapsack_bound(
    baseline: Dichotomy, positives: Counts, negatives: Counts, tolerance: Natural
) -> float:
    """Bound on n delta_epsilon: the fractional knapsack max sum t_u a_u over a in [0, 1]^m with sum
    g_u a_u <= e.

    Rows of g_u <= 0, then in the order of g_u / t_u, the last in part; at most Proposition 1's n (2
    R(h_0) + ε).
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
    """Fewest errors of any classifier that assigns u otherwise: h_0's side of u and every other
    row's minority.
    """
    costs = np.where(baseline == 1, positives, negatives)
    return irreducible_errors(positives, negatives) - np.minimum(positives, negatives) + costs


@guarded
def ambiguity_bound(
    baseline: Dichotomy, positives: Counts, negatives: Counts, tolerance: Natural
) -> int:
    """Bound on n alpha_epsilon: the points of rows whose `flip_error_bounds` are within the
    tolerance.
    """
    within = (
        flip_error_bounds(baseline, positives, negatives)
        <= errors(baseline, positives, negatives) + tolerance
    )
    return int((positives + negatives)[within].sum())


@guarded
def irreducible_errors(positives: Counts, negatives: Counts) -> int:
    """sum_u min(n+_u, n-_u), the errors that no classifier of the features can avoid."""
    return int(np.minimum(positives, negatives).sum())


@guarded
def saturation_tolerance(baseline_errors: Natural, n: Count) -> int:
    """Least e at which δ = α = 1 is certain where -h_0 is in the class: max(n - 2 E(h_0), 0). Below
    it δ < 1.
    """
    require(baseline_errors <= n, f"baseline_errors must be at most n = {n}, got {baseline_errors}")
    return max(n - 2 * baseline_errors, 0)


@guarded
def separable_bound(positives: Counts, negatives: Counts, tolerance: Natural) -> int:
    """Bound on n delta_epsilon for a baseline without errors: the most points up to e that whole
    rows add up to.

    Every disagreement is then an error; ambiguity has no such bound, nor has a row with both
    labels.
    """
    mixed = bool(np.any((positives > 0) & (negatives > 0)))
    require(
        not mixed,
        "positives and negatives must have one label only at every row, got a row with both",
    )
    reachable = 1  # bit k is set where some rows have k points in total
    weights = (positives + negatives).tolist()
    for weight in weights:
        reachable |= reachable << weight
    return (reachable & ((1 << (min(tolerance, sum(weights)) + 1)) - 1)).bit_length() - 1


@guarded
def parity_defect(
    competitor_errors: Natural, baseline_errors: Natural, disagreement: Natural
) -> int:
    """(disagreement - (E(h) - E(h_0))) mod 2, zero for every classifier: it is 2 w, w the repaired
    mistakes.
    """
    return (disagreement - competitor_errors + baseline_errors) % 2


@guarded
def disagreement_range(
    competitor_errors: Natural, baseline_errors: Natural, n: Count
) -> tuple[int, int]:
    """|E(h) - E(h_0)| and min(E(h) + E(h_0), 2 n - E(h) - E(h_0)): the least and most points where
    they can differ.
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
    """What the discrepancy program reports if agreement may be declared where there is none: at
    least n delta_epsilon.

    With M a_i >= γ + h_0(x_i) <w, x_i> alone and one binary per point, a classifier of any error E
    may declare all its repairs and only E(h_0) + e of the errors it adds. So the optimum is, over
    all listed dichotomies and not the level set, the largest disagreement - max(E - E(h_0) - e, 0).
    Source: derived here, of the printed row as recalled.
    """
    excess = (
        errors_of(dichotomies, positives, negatives)
        - errors(baseline, positives, negatives)
        - tolerance
    )
    reports = disagreements_of(dichotomies, baseline, positives + negatives) - np.maximum(excess, 0)
    return int(reports.max(initial=0))
