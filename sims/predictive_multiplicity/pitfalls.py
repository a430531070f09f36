"""What the formulations report where they are used wrongly. Their answers are not counted again, on
purpose.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from sims.linear_dichotomies.solver import Baseline, dichotomy_of
from sims.linear_dichotomies.table import AnyTable
from sims.linear_dichotomies.tasks import least_errors, most_disagreement, tolerance_of
from sims.predictive_multiplicity.formulations import (
    MARGIN,
    agreeing_rows,
    big_m,
    dichotomy_of_report,
    published,
    solve,
)
from theory_on_trial.contract import Interval, UnitInterval, guarded

Wide = Annotated[float, Interval(0, 1e6)]


class Uncertified(NamedTuple):
    """The answer that a solver reports, and what its weights really do.

    reported : the objective, infinite if the program is infeasible; errors : E(b) of b = [<w, u> >
    0]; disagreement : of this b with the baseline, 0 without one; wrong_rows : the number of rows
    whose sign differs from what the program reports.
    """

    reported: float
    errors: int | float
    disagreement: int | float
    wrong_rows: int
    weights: Float[np.ndarray, "dims"]


@guarded(double=False)
def uncertified_errors(
    table: AnyTable,
    margin: Wide,
    *,
    feasibility: Annotated[float, Interval(1e-10, 1e-3, why="as far as solvers go")] = 1e-6,
    reach: Wide = 1.0,
) -> Uncertified:
    """The least errors that the big-M formulation reports for a margin γ, where the solver
    satisfies its rows to the tolerance `feasibility`.

    For a γ at or below the tolerance w = 0 is feasible. A γ above the margin of the best dichotomy
    loses this dichotomy, and so does M_u = reach (γ + |u|_∞) with reach < 1. Where the program is
    infeasible, `reported` is infinite.
    """
    stated = big_m(table, least_errors(table), margin, reach=reach)
    report = solve(stated, gap=0.99 if table.has_counts else 0.0, feasibility=feasibility)
    design = table.raw_design
    if report.binaries is None or report.weights is None:
        return Uncertified(np.inf, table.n, 0, len(design), np.zeros(design.shape[1]))
    signs = (design @ report.weights > 0).astype(int)
    wrong_rows = int((signs != np.round(report.binaries)).sum())
    return Uncertified(report.objective, table.errors(signs), 0, wrong_rows, report.weights)


@guarded(double=False)
def one_sided_discrepancy(
    table: AnyTable, baseline: Baseline, tolerance: UnitInterval
) -> Uncertified:
    """The discrepancy that the published program reports with M a >= γ + h_0 <w, u> alone. It is
    never too small.

    a = 1 is then allowed where the classifiers disagree, which hides new errors from the row that
    limits them. Raises RuntimeError where the margin exceeds the baseline's. Source: the printed
    row of Marx, Calmon & Ustun 2020, as recalled.
    """
    dichotomy = dichotomy_of(table, baseline)
    task = most_disagreement(table, dichotomy, tolerance_of(table, tolerance))
    stated = published(table, task, MARGIN, one_sided=True)
    report = solve(stated, gap=0.99 if table.has_counts else 0.0)
    if report.weights is None:
        raise RuntimeError(
            "the one-sided program has no solution: the margin exceeds the baseline's"
        )
    signs = dichotomy_of_report(table, report)
    hidden = int(((signs != dichotomy) & agreeing_rows(table, report)).sum())
    return Uncertified(
        -report.objective,
        table.errors(signs),
        table.disagreement(signs, dichotomy),
        hidden,
        report.weights,
    )


@guarded(double=False)
def root_bound(table: AnyTable, *, conflict_rows: bool = True) -> float:
    """The lower bound on the errors from the published relaxation. It is tiny if the rows z_p +
    z_p' = 1 for the two labels of a row are left out.
    """
    task = least_errors(table)
    stated = published(table, task, MARGIN, conflict_rows=conflict_rows, relaxed=True)
    return solve(stated, feasibility=1e-9).bound
