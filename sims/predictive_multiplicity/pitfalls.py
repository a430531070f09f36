"""What the formulations answer where they are used wrongly: without a recount, on purpose."""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from sims.predictive_multiplicity.big_m import BigM
from sims.predictive_multiplicity.domains import Share
from sims.predictive_multiplicity.exact_solver import MARGIN, Baseline, dichotomy_of
from sims.predictive_multiplicity.highs import solve
from sims.predictive_multiplicity.mip import Limits
from sims.predictive_multiplicity.published import Published
from sims.predictive_multiplicity.table import AnyTable
from sims.predictive_multiplicity.tasks import least_errors, most_disagreement, tolerance_of
from theory_on_trial.contract import Interval, guarded

Wide = Annotated[float, Interval(0, 1e6)]


class Uncertified(NamedTuple):
    """What a solver reports, and what its weights do.

    reported : the objective, infinite if the program is infeasible; errors : E(b) of b = [<w, u> >
    0]; disagreement : of this b with the baseline, 0 without one; wrong_rows : rows whose sign is
    not the one that the program reports.
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
    """The least errors that the big-M formulation reports for a margin γ, rows met to the tolerance
    `feasibility`. A γ at or below the tolerance lets w = 0 pass; a γ above the margin of the best
    dichotomy loses it; so does M_u = reach (γ + |u|_∞) with reach < 1. Where the program is
    infeasible `reported` is infinite.
    """
    formulation = BigM(table, margin, reach)
    task = least_errors(table)
    design = table.raw_design
    program, constant = formulation.program(task)
    outcome = solve(
        program, limits=Limits(gap=0.99 if table.has_counts else 0.0, feasibility=feasibility)
    )
    if outcome.values is None:
        return Uncertified(np.inf, table.n, 0, len(design), np.zeros(design.shape[1]))
    positive, negative = outcome.values[len(design) :].reshape(2, -1)
    signs = (design @ (positive - negative) > 0).astype(int)
    wrong_rows = int((signs != formulation.dichotomy(outcome.values)).sum())
    report = float(program.cost @ outcome.values + constant)
    return Uncertified(report, table.errors(signs), 0, wrong_rows, positive - negative)


@guarded(double=False)
def one_sided_discrepancy(table: AnyTable, baseline: Baseline, tolerance: Share) -> Uncertified:
    """The discrepancy that the published program reports with M a >= γ + h_0 <w, u> alone: never
    too small.

    a = 1 is then allowed where the classifiers disagree, which hides new errors from the row that
    bounds them. Raises RuntimeError where the margin exceeds the baseline's.
    Source: the printed row of Marx, Calmon & Ustun 2020, as recalled.
    """
    dichotomy = dichotomy_of(table, baseline)
    formulation = Published(table, MARGIN, one_sided=True)
    task = most_disagreement(table, dichotomy, tolerance_of(table, tolerance))
    program, constant = formulation.program(task)
    outcome = solve(program, limits=Limits(gap=0.99 if table.has_counts else 0.0))
    if outcome.values is None:
        raise RuntimeError(
            "the one-sided program has no solution: the margin exceeds the baseline's"
        )
    signs = formulation.dichotomy(outcome.values)
    report = -float(program.cost @ outcome.values + constant)
    different = signs != dichotomy
    hidden = int((different & (formulation.agreeing_rows(outcome.values))).sum())
    return Uncertified(
        report,
        table.errors(signs),
        table.disagreement(signs, dichotomy),
        hidden,
        formulation.weights(outcome.values),
    )


@guarded(double=False)
def root_bound(table: AnyTable, *, conflict_rows: bool = True) -> float:
    """The bound on least errors of the published relaxation; tiny without z_p + z_p' = 1 for the
    labels of a row.
    """
    program, constant = Published(table, MARGIN, conflict_rows=conflict_rows).program(
        least_errors(table)
    )
    outcome = solve(
        program._replace(integral=np.zeros_like(program.integral)), limits=Limits(feasibility=1e-9)
    )
    return outcome.bound + constant
