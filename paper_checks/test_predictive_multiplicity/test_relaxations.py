"""Bounds without integer programs: the fractional knapsack of flip costs, and the relaxation by
parallelograms.
"""

from functools import cache
from typing import Annotated

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from paper_checks.test_predictive_multiplicity import (
    Dim,
    NPoints,
    NSets,
    beyond,
    counts,
    over,
    solved,
)
from paper_checks.test_predictive_multiplicity.sets import sampled_paths
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.circuits import Parallelograms
from sims.predictive_multiplicity.domains import Target
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

FEASIBILITY = 1e-7
"""To which HiGHS meets a row: times the people of all rows it bounds the error of an optimum."""


def knapsack_program(costs, weights, tolerance):
    """The largest weight of rows, each taken in part or whole, whose costs stay within the
    tolerance, by a solver.
    """
    return -linprog(-weights, A_ub=costs[None], b_ub=[tolerance], bounds=(0, 1)).fun


def taken_by(order, costs, weights, tolerance):
    """The weight taken greedily in a given order, the last row in part: the knapsack of another
    order.
    """
    total = weights[costs <= 0].sum()
    left = tolerance - costs[costs <= 0].sum()
    for row in order[costs[order] > 0]:
        share = min(1.0, left / costs[row])
        total = total + share * weights[row]
        left = left - share * costs[row]
    return total


@claim(
    derived("a competitor flips rows, whose costs add up to at most e"),
    kind="bound",
    cases=["arrest", "violent"],
)
def test_knapsack(trial, target: Target):
    """Let t_u be the points of row u and g_u the errors that changing its prediction costs. On
    COMPAS the discrepancy is at most the value of the fractional knapsack with weights t_u and
    costs g_u.
    """
    _, _, _, path, _ = solved(target)
    _, bounds, backward = knapsacks(target)
    controls = {"dearest rows first": backward}
    # Sums over 137 rows, of whole numbers but for the row that is taken in part.
    trial.bound(path.disagreement, bounds, instances="all", ops=137, controls=controls)


@claim(
    derived("Dantzig 1957: taking rows by weight per cost solves the fractional knapsack"),
    kind="optimality",
    cases=["arrest", "violent"],
)
def test_knapsack__greedy(trial, target: Target):
    """The fractional knapsack with the points of each row of COMPAS as weights and the errors of
    its flip as costs is solved by taking rows in the order of weight per cost.
    """
    programs, bounds, backward = knapsacks(target)
    error = FEASIBILITY * solved(target).table.n
    controls = {"dearest rows first": backward}
    trial.value(programs, bounds, error=error, margin=0.01, controls=controls)


def knapsacks(target):
    """The knapsack of COMPAS at each tolerance: a linear program's value, the greedy one, and that
    of the opposite order: three arrays.
    """
    table, baseline, _, path, _ = solved(target)
    costs = np.where(baseline.dichotomy == 1, 1, -1) * (table.positives - table.negatives)
    backwards = np.argsort(-costs / table.totals, kind="stable")

    def measure(tolerance):
        bound = predicted.knapsack_bound(baseline.dichotomy, *counts(table), tolerance)
        program = knapsack_program(costs, table.totals, tolerance)
        return program, bound, taken_by(backwards, costs, table.totals, tolerance)

    return over(path.admitted.tolist(), measure)


@claim(
    derived("each row's cost is its weight less twice the mistakes it repairs"),
    kind="bound",
    cases=[2, 3],
)
def test_knapsack__sampled(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 40):
    """For any baseline the discrepancy is at most the value of the fractional knapsack of the rows'
    flip costs.
    """
    deltas, knapsack, _, naive = sampled_knapsacks(trial, dim, n_points, n_sets)
    trial.bound(
        deltas,
        knapsack,
        instances="draws",
        independent=n_sets,
        # Sums over at most 12 rows, of whole numbers but for the row that is taken in part.
        ops=12,
        controls=beyond(trial, deltas, {"E_0 + e": np.minimum(naive, knapsack)}),
    )


@claim(
    derived("each row's cost is its weight less twice the mistakes it repairs"),
    kind="bound",
    cases=[2, 3],
)
def test_knapsack__sharper(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 40):
    """For a baseline of error rate R(h_0) the value of the fractional knapsack of the rows' flip
    costs at a tolerance ε is at most the share 2 R(h_0) + ε of the points.
    """
    _, knapsack, proposition, naive = sampled_knapsacks(trial, dim, n_points, n_sets)
    trial.bound(
        knapsack,
        proposition,
        instances="draws",
        independent=n_sets,
        # Sums over at most 12 rows, of whole numbers but for the row that is taken in part.
        ops=12,
        controls={"E_0 + e": naive},
    )


def sampled_knapsacks(trial, dim, n_points, n_sets):
    """Discrepancy, knapsack, n (2 R(h_0) + ε) and E_0 + e of drawn sets at each tolerance."""

    def measure(drawn):
        path, positives, negatives = drawn
        tolerances = range(n_points + 1)
        n = n_points
        knapsack = [
            predicted.knapsack_bound(path.baseline, positives, negatives, e) for e in tolerances
        ]
        proposition = [n * predicted.discrepancy_bound(path.errors / n, e / n) for e in tolerances]
        return path.discrepancy, knapsack, proposition, path.errors + np.arange(n + 1)

    sets = sampled_paths(trial.generator("sets"), n_sets, dim, n_points)
    return over(sets, measure)


def tightened(table, cost, bounds, level=None):
    """The least cost @ b over b in [0, 1]^m with all violated parallelograms added in turn, and its
    b.
    """
    separation = Parallelograms(table)
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


def everywhere(table):
    """The bounds 0 and 1 of every row."""
    return np.stack([np.zeros(len(table.rows)), np.ones(len(table.rows))], axis=1)


def gains(table):
    """What labelling a row positive adds to the errors."""
    return (table.negatives - table.positives).astype(float)


def least_with_flip(table, baseline, row):
    """What the relaxation leaves of the errors of classifiers that flip a row."""
    values = everywhere(table)
    values[row] = 1 - baseline.dichotomy[row]
    return tightened(table, gains(table), values)[0] + table.positives.sum()


def most_flipped(table, baseline, tolerance):
    """What the relaxation allows a competitor to flip."""
    moves = np.where(baseline.dichotomy == 1, table.totals, -table.totals).astype(float)
    level = gains(table), float(baseline.errors + tolerance - table.positives.sum())
    return (
        float(table.totals[baseline.dichotomy == 1].sum())
        - tightened(table, moves, everywhere(table), level)[0]
    )


@claim(
    derived("every linear dichotomy obeys the rows, and on COMPAS the best of all that do is one"),
    kind="optimality",
)
def test_parallelogram__lp(trial):
    """A linear program with the rows of all parallelograms proves the 2008 errors of COMPAS,
    without an integer program.
    """
    table, baseline, *_ = solved("arrest")
    least, _ = tightened(table, gains(table), everywhere(table))
    errors = least + table.positives.sum()
    error = FEASIBILITY * table.n
    none = {"no rows": predicted.irreducible_errors(*counts(table))}
    trial.value([errors, baseline.errors], [2008, 2008], error=error, margin=0.01, controls=none)


@claim(
    derived("on COMPAS the best vector that obeys the rows of all parallelograms is a dichotomy"),
    kind="optimality",
)
def test_parallelogram__integral(trial):
    """The linear program of COMPAS with the rows of all parallelograms has the best classifier as
    its solution: each of its entries is 0 or 1.
    """
    table, baseline, *_ = solved("arrest")
    _, solution = tightened(table, gains(table), everywhere(table))
    frequent = (table.positives > table.negatives).astype(float)
    trial.value(
        solution,
        baseline.dichotomy,
        error=1e-6,
        margin=1e-5,
        scale=1.0,
        controls={
            "the more frequent label of each row": frequent,
            "every row at 1/2, as without the rows": np.full(len(frequent), 0.5),
        },
    )


@claim(derived("every linear dichotomy obeys the rows"), kind="bound")
def test_parallelogram__flips(
    trial, n_flips: Annotated[int, Interval(1, 137, why="there are 137 rows")] = 10
):
    """A linear program with the rows of all parallelograms bounds the errors of every flip on
    COMPAS from below.
    """
    table, baseline, flips, *_ = solved("arrest")
    rows = np.argsort(table.totals)[::-1][:n_flips]
    lowest = (
        np.array([least_with_flip(table, baseline, row) for row in rows]) - FEASIBILITY * table.n
    )
    errors = flips.errors[rows]
    singles = predicted.flip_error_bounds(baseline.dichotomy, *counts(table))[rows]
    # An optimum is a sum over 137 rows.
    trial.bound(lowest, errors, instances="all", ops=137, controls={"no rows": singles})


@claim(derived("every competitor obeys the rows, which the knapsack does not know"), kind="bound")
def test_parallelogram__discrepancy(trial):
    """A linear program with the rows of all parallelograms bounds every discrepancy on COMPAS from
    above.
    """
    path = solved("arrest").discrepancy
    highest, error, greedy = parallelogram_bounds()
    trial.bound(
        path.disagreement,
        highest + error,
        instances="all",
        # An optimum is a sum over 137 rows.
        ops=137,
        control_processes={"the knapsack in place of the discrepancy": greedy},
    )


@claim(
    derived("the program has the knapsack's row, and those of the parallelograms"),
    kind="bound",
)
def test_parallelogram__sharper(trial):
    """On COMPAS the bound of the linear program with the rows of all parallelograms on the
    discrepancy is at most that of the fractional knapsack.
    """
    highest, error, greedy = parallelogram_bounds()
    exact = {"the discrepancy itself": solved("arrest").discrepancy.disagreement}
    # An optimum is a sum over 137 rows.
    trial.bound(highest - error, greedy, instances="all", ops=137, controls=exact)


@cache
def parallelogram_bounds():
    """Bounds on the discrepancy of COMPAS at each tolerance: by the linear program, the error of
    its optimum, and by the knapsack.
    """
    table, baseline, _, path, _ = solved("arrest")
    admitted = path.admitted.tolist()
    highest = np.array([most_flipped(table, baseline, tolerance) for tolerance in admitted])
    greedy = [
        predicted.knapsack_bound(baseline.dichotomy, *counts(table), tolerance)
        for tolerance in admitted
    ]
    return highest, FEASIBILITY * table.n, greedy


@claim(
    derived("two exact formulations agree on flips that the relaxation undercounts"),
    kind="optimality",
    tier="full",
    route="two exact formulations, with and without weights",
)
def test_circuits__needed(
    trial, n_flips: Annotated[int, Interval(1, 10, why="an integer program solves each")] = 4
):
    """Parallelograms do not suffice: some flips cost more errors than the program with all
    parallelograms says, as two exact formulations show.
    """
    table, baseline, flips, *_ = solved("arrest")
    short = []
    bounds = []
    for row in np.argsort(table.totals)[::-1]:
        value = np.ceil(least_with_flip(table, baseline, row) - FEASIBILITY * table.n)
        if value < flips.errors[row]:
            short.append(row)
            bounds.append(value)
        if len(short) == n_flips:
            break
    with_weights = observed.flip_errors(table, baseline, rows=np.array(short), formulation="big_m")
    trial.identity(
        flips.errors[short],
        with_weights.bounds,
        ops=0,
        control_processes={"parallelograms alone": bounds},
    )
