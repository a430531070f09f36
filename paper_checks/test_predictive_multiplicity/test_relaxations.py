"""Bounds without integer programs: the fractional knapsack of flip costs, and the relaxation by parallelograms."""

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from paper_checks.test_predictive_multiplicity import DERIVED, sampled_paths, solved
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, ours

FEASIBILITY = 1e-7
"""To which HiGHS meets a row: times the people of all rows it bounds the error of an optimum."""


def knapsack_program(costs, weights, tolerance):
    """The largest weight of rows, each taken in part or whole, whose costs stay within the tolerance, by a solver."""
    return -linprog(-weights, A_ub=costs[None], b_ub=[tolerance], bounds=(0, 1)).fun


def taken_by(order, costs, weights, tolerance):
    """The weight taken greedily in a given order, the last row in part: the knapsack of another order."""
    total, left = weights[costs <= 0].sum(), tolerance - costs[costs <= 0].sum()
    for row in order[costs[order] > 0]:
        share = min(1.0, left / costs[row])
        total, left = total + share * weights[row], left - share * costs[row]
    return total


@claim(ours(DERIVED), kind="bound")
def test_knapsack(trial, n_sets=40):
    """Discrepancy is at most the fractional knapsack of weights t_u at costs g_u, which is within Proposition 1."""
    bounds, programs, discrepancies, wrong = [], [], [], []
    for target in ("arrest", "violent"):
        table, baseline, _, path, _ = solved(target)
        costs = np.where(baseline.dichotomy == 1, 1, -1) * (table.positives - table.negatives)
        backwards = np.argsort(-costs / table.totals, kind="stable")
        discrepancies += list(path.disagreement)
        for tolerance in path.admitted.tolist():
            bounds.append(predicted.knapsack_bound(baseline.dichotomy, table.positives, table.negatives, tolerance))
            programs.append(knapsack_program(costs, table.totals, tolerance))
            wrong.append(taken_by(backwards, costs, table.totals, tolerance))
    trial.bound(discrepancies, bounds, found_by="all", ops=137, controls={"dearest rows first": wrong})
    trial.value(programs, bounds, error=FEASIBILITY * 6172, margin=0.01, controls={"dearest rows first": wrong})
    # Proposition 1 is loose on data but not on every set: with any baseline the knapsack takes many rows for nothing.
    values, proposition, naive = [], [], []
    sets = sampled_paths(trial.generator("sets"), n_sets)
    for path, positives, negatives in sets:
        for tolerance in range(31):
            values.append(predicted.knapsack_bound(path.baseline, positives, negatives, tolerance))
            proposition.append(30 * predicted.discrepancy_bound(path.errors / 30, tolerance / 30))
            naive.append(path.errors + tolerance)
    sampled = [path.discrepancy for path, _, _ in sets]
    drawn = {"found_by": "draws", "independent": n_sets, "ops": 12}
    trial.bound(np.concatenate(sampled), values, **drawn, controls={"E_0 + e": naive})
    trial.bound(values, proposition, **drawn, controls={"E_0 + e": naive})


def tightened(table, cost, bounds, level=None):
    """The least cost @ b over b in [0, 1]^m with all violated parallelograms added in turn, and its b."""
    separation = observed.Parallelograms(table)
    rows, limits = ([], []) if level is None else ([level[0]], [level[1]])
    while True:
        matrix = csr_array(np.array(rows)) if rows else None
        solution = linprog(cost, A_ub=matrix, b_ub=limits or None, bounds=bounds, method="highs-ds")
        if not solution.success:
            raise RuntimeError(f"the relaxation was not solved: {solution.message}")
        cuts = separation.violated(solution.x, 300)
        if not cuts:
            return solution.fun, solution.x
        for cut in cuts:
            row = np.zeros(len(cost))
            row[list(cut.members)] = cut.signs
            rows += [row, -row]
            limits += [cut.high, -cut.low]


@claim(ours(DERIVED), kind="bound")
def test_parallelogram__lp(trial, n_flips=10):
    """With all parallelograms the linear program bounds every optimum, and proves the 2008 errors of COMPAS at once."""
    table, baseline, flips, path, _ = solved("arrest")
    error = FEASIBILITY * table.n
    gains = (table.negatives - table.positives).astype(float)
    everywhere = np.stack([np.zeros(len(gains)), np.ones(len(gains))], axis=1)
    least, b = tightened(table, gains, everywhere)
    irreducible = predicted.irreducible_errors(table.positives, table.negatives)
    trial.value(
        least + table.positives.sum(), baseline.errors, error=error, margin=0.01, controls={"no rows": irreducible}
    )
    trial.value(b, baseline.dichotomy, error=1e-6, margin=0.01, controls={"every row at 1/2": np.full(len(b), 0.5)})

    lowest = []
    chosen = np.argsort(table.totals)[::-1][:n_flips]
    for row in chosen:
        fixed = everywhere.copy()
        fixed[row] = 1 - baseline.dichotomy[row]
        lowest.append(tightened(table, gains, fixed)[0] + table.positives.sum())
    singles = predicted.flip_error_bounds(baseline.dichotomy, table.positives, table.negatives)[chosen]
    trial.bound(np.array(lowest) - error, flips.errors[chosen], found_by="all", ops=137, controls={"no rows": singles})

    moves = np.where(baseline.dichotomy == 1, table.totals, -table.totals).astype(float)
    knapsacks, highest = [], []
    for tolerance in path.admitted.tolist():
        level = (gains, float(baseline.errors + tolerance - table.positives.sum()))
        value, _ = tightened(table, moves, everywhere, level)
        highest.append(float(table.totals[baseline.dichotomy == 1].sum()) - value)
        knapsacks.append(predicted.knapsack_bound(baseline.dichotomy, table.positives, table.negatives, tolerance))
    highest = np.array(highest)
    trial.bound(path.disagreement, highest + error, found_by="all", ops=137, wrong_processes={"knapsack": knapsacks})
    trial.bound(
        highest - error, knapsacks, found_by="all", ops=137, controls={"the discrepancy itself": path.disagreement}
    )


@claim(ours(DERIVED), kind="optimality", tier="full")
def test_circuits__needed(trial, n_flips=4):
    """Longer circuits are needed too: flips that cost more than all parallelograms tell, by two exact formulations."""
    table, baseline, flips, _, _ = solved("arrest")
    gains = (table.negatives - table.positives).astype(float)
    short, relaxed = [], []
    for row in np.argsort(table.totals)[::-1]:
        bounds = np.stack([np.zeros(len(gains)), np.ones(len(gains))], axis=1)
        bounds[row] = 1 - baseline.dichotomy[row]
        value = np.ceil(tightened(table, gains, bounds)[0] + table.positives.sum() - FEASIBILITY * table.n)
        if value < flips.errors[row]:
            short.append(row)
            relaxed.append(value)
        if len(short) == n_flips:
            break
    with_weights = observed.flip_errors(table, baseline, rows=np.array(short), formulation="big_m")
    trial.identity(flips.errors[short], with_weights.bounds, ops=0, wrong_processes={"parallelograms alone": relaxed})
