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
    derived("a competitor flips rows, whose costs add up to at most $e$"),
    kind="bound",
    cases=[2, 3],
)
def test_knapsack(trial, dim: Dim, n_points: NPoints = 30, n_sets: NSets = 40):
    """Let $t_u$ be the points of row $u$ and $g_u$ the errors that changing its prediction adds.
    For any baseline the discrepancy at an admitted increase $e$ of the errors is at most the value
    of the fractional knapsack: the largest $∑_u t_u a_u$ over shares $a_u$ in $[0, 1]$ with
    $∑_u g_u a_u <= e$.
    """
    admitted = np.arange(n_points + 1)

    def measure(drawn):
        """At each admitted increase: the discrepancy, the knapsack and E_0 + e."""
        path, positives, negatives = drawn
        knapsack = [
            predicted.knapsack_bound(path.baseline, positives, negatives, e)
            for e in admitted.tolist()
        ]
        return path.discrepancy, knapsack, path.errors + admitted

    sets = sampled_paths(trial.generator("sets"), n_sets, dim, n_points)
    discrepancies, knapsack, all_errors = over(sets, measure)
    # E_0 + e is a wrong bound where it is below the knapsack; elsewhere the right one stands.
    rivals = {"$E_0 + e$": np.minimum(all_errors, knapsack)}
    trial.bound(
        discrepancies,
        knapsack,
        instances="search",
        # Sums over at most 12 rows, of whole numbers but for the row that is taken in part.
        ops=12,
        controls=beyond(trial, discrepancies, rivals),
    )


def relaxed_errors(table, fixed=None):
    """The least errors over predictions b in [0, 1]^m that meet the constraints of all
    parallelograms, with b_u = `fixed[u]` for some rows u. Violated constraints are added in turn.
    """
    separation = Parallelograms(table)
    # The errors are cost·b plus the number of positive labels.
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
    """Let a linear program over predictions $b_u$ in $[0, 1]$ of all rows $u$ ask
    $|b_1 + b_2 - b_3 - b_4| <= 1$ where $u_1 + u_2 = u_3 + u_4$. On COMPAS arrest it proves the
    fewest errors of a linear classifier, 2008, without an integer program.
    """
    table, baseline, *_ = solved("arrest")
    trial.value(
        [relaxed_errors(table), baseline.errors],
        [2008, 2008],
        error=FEASIBILITY * table.n,
        margin=0.01,
        controls={"no parallelograms": predicted.irreducible_errors(*table.by_label)},
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
    """Parallelograms do not suffice: let the linear program with the constraints
    $|b_1 + b_2 - b_3 - b_4| <= 1$ for rows $u_1 + u_2 = u_3 + u_4$ flip the baseline's prediction
    of a row of COMPAS arrest. For some rows a linear classifier needs more errors, and two exact
    formulations find the same number.
    """
    table, baseline, flips, *_ = solved("arrest")

    def undercounted():
        """Rows whose flip errors exceed the bound by parallelograms, with this bound."""
        for row in np.argsort(table.totals)[::-1]:
            relaxed = relaxed_errors(table, {row: 1 - baseline.dichotomy[row]})
            bound = np.ceil(relaxed - FEASIBILITY * table.n)
            if bound < flips.errors[row]:
                yield row, bound

    rows, bounds = over(islice(undercounted(), n_flips), lambda pair: pair)
    with_weights = observed.flip_errors(table, baseline, rows=rows, formulation="big_m")
    trial.identity(
        flips.errors[rows],
        with_weights.bounds,
        ops=0,
        control_processes={"parallelograms alone": bounds},
    )
