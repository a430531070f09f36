"""Bounds on discrepancy and ambiguity that hold for every class of classifiers, from the baseline's
errors alone.

One is Proposition 1 of Marx, Calmon & Ustun 2020 (arXiv 1909.06677), as recalled; the others are
derived here. A classifier h flips c of the points that the baseline h_0 gets right, and w of those
that it gets wrong. Then E(h) - E(h_0) = c - w, and the two disagree on c + w points. Functions of
counts take and return numbers of points. `discrepancy_bound` and `pair_diameter_bound` take and
return shares: the error R = E / n, and the tolerance ε = e / n. Other symbols are those of
`definitions`.
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
    """Return the upper bound 2 R(h_0) + ε on the discrepancy δ_ε(h_0) of any baseline h_0, optimal
    or not; R(h_0) = `baseline_error`. Source: Proposition 1, as recalled.

    It is attained if and only if a competitor repairs all of h_0's mistakes and makes exactly
    E(h_0) + e new ones.
    """
    return float(2 * baseline_error + epsilon)


@guarded
def pair_diameter_bound(baseline_error: UnitInterval, epsilon: UnitInterval) -> float:
    """Return the upper bound 2 (R(h_0) + ε) on the share of the points on which two competitors
    differ.

    ε counts twice here, and once in `discrepancy_bound`.
    """
    return float(2 * (baseline_error + epsilon))


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
def parity_defect(
    competitor_errors: Natural, baseline_errors: Natural, disagreement: Natural
) -> int:
    """Return (disagreement - (E(h) - E(h_0))) mod 2, which is zero for every classifier h: the
    difference is 2 w, with w the number of repaired mistakes.
    """
    return (disagreement - competitor_errors + baseline_errors) % 2


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
    only over the level set. Source: derived here, of the printed row as recalled.
    """
    excess = (
        errors_of(dichotomies, positives, negatives)
        - errors(baseline, positives, negatives)
        - tolerance
    )
    reports = disagreements_of(dichotomies, baseline, positives + negatives) - np.maximum(excess, 0)
    return int(reports.max(initial=0))
