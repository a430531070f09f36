"""Bounds without integer programs: the fractional knapsack of flip costs, and the relaxation by
parallelograms.
"""

from itertools import islice
from typing import Annotated

import numpy as np
from scipy.optimize import linprog

from paper_checks.test_predictive_multiplicity import (
    Dim,
    NPoints,
    NSets,
    beyond,
    over,
    sampled_paths,
    solved,
)
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.circuits import Parallelograms
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

FEASIBILITY = 1e-7
"""To which HiGHS meets a row: times the people of all rows it bounds the error of an optimum."""


@claim(
    derived("a competitor flips rows, whose costs add up to at most e"),
    kind="bound",
    cases=[2, 3],
)
def test_knapsack(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 40):
    """Let t_u be the points of row u and g_u the errors that changing its prediction adds. For any
    baseline the discrepancy at an admitted increase e of the errors is at most the value of the
    fractional knapsack with weights t_u, costs g_u and capacity e.
    """

    def measure(drawn):
        path, positives, negatives = drawn
        tolerances = range(n_points + 1)
        knapsack = [
            predicted.knapsack_bound(path.baseline, positives, negatives, e) for e in tolerances
        ]
        return path.discrepancy, knapsack, path.errors + np.arange(n_points + 1)

    sets = sampled_paths(trial.generator("sets"), n_sets, dim, n_points)
    discrepancies, knapsack, naive = over(sets, measure)
    trial.bound(
        discrepancies,
        knapsack,
        instances="draws",
        independent=n_sets,
        # Sums over at most 12 rows, of whole numbers but for the row that is taken in part.
        ops=12,
        controls=beyond(trial, discrepancies, {"E_0 + e": np.minimum(naive, knapsack)}),
    )


def relaxed_errors(table, fixed=None):
    """The fewest errors that the linear relaxation with the rows of all parallelograms leaves, over
    b in [0, 1]^m with some entries fixed; violated rows are added in turn.
    """
    separation = Parallelograms(table)
    cost = (table.negatives - table.positives).astype(float)
    bounds = [(0, 1)] * len(cost)
    for row, value in (fixed or {}).items():
        bounds[row] = (value, value)
    rows = []
    limits = []
    while True:
        solution = linprog(
            cost, A_ub=rows or None, b_ub=limits or None, bounds=bounds, method="highs-ds"
        )
        if not solution.success:
            raise RuntimeError(f"the relaxation was not solved: {solution.message}")
        cuts = separation.violated(solution.x, 300)
        if not cuts:
            return solution.fun + table.positives.sum()
        for cut in cuts:
            row = np.zeros(len(cost))
            row[list(cut.members)] = cut.signs
            rows += [row, -row]
            limits += [cut.high, -cut.low]


@claim(
    derived("every linear dichotomy obeys the rows, and on COMPAS the best of all that do is one"),
    kind="optimality",
)
def test_parallelogram__lp(trial):
    """A linear program with the rows of all parallelograms proves the 2008 errors of COMPAS,
    without an integer program.
    """
    table, baseline, *_ = solved("arrest")
    error = FEASIBILITY * table.n
    none = {"no rows": predicted.irreducible_errors(*table.by_label)}
    trial.value(
        [relaxed_errors(table), baseline.errors],
        [2008, 2008],
        error=error,
        margin=0.01,
        controls=none,
    )


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

    def undercounted():
        for row in np.argsort(table.totals)[::-1]:
            relaxed = relaxed_errors(table, {row: 1 - baseline.dichotomy[row]})
            bound = np.ceil(relaxed - FEASIBILITY * table.n)
            if bound < flips.errors[row]:
                yield row, bound

    short, bounds = over(islice(undercounted(), n_flips), lambda pair: pair)
    with_weights = observed.flip_errors(table, baseline, rows=short, formulation="big_m")
    trial.identity(
        flips.errors[short],
        with_weights.bounds,
        ops=0,
        control_processes={"parallelograms alone": bounds},
    )
