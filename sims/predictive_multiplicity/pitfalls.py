"""What the formulations answer where they are used wrongly: without a recount, on purpose."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sims.predictive_multiplicity.baseline import dichotomy_of
from sims.predictive_multiplicity.big_m import BigM
from sims.predictive_multiplicity.exact_solver import Solution, require_margin
from sims.predictive_multiplicity.mip import Limits
from sims.predictive_multiplicity.published import Published
from sims.predictive_multiplicity.solvers import solve
from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.tasks import admitted_errors, least_errors, most_disagreement
from sims.predictive_multiplicity.with_weights import raw_design
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import require_in_range


class Uncertified(NamedTuple):
    """What a solver reports, and what its weights do.

    reported : the objective, infinite if the program is infeasible; errors : E(b) of b = [<w, u> > 0]; disagreement :
    of this b with the baseline, 0 without one; wrong_rows : rows whose sign is not the one that the program reports.
    """

    reported: float
    errors: int | float
    disagreement: int | float
    wrong_rows: int
    weights: Float[np.ndarray, "dims"]


@validated(unbounded=("return",))
def uncertified_errors(
    table: Table,
    margin: float | int,
    *,
    feasibility: float | int = 1e-6,
    reach: float | int = 1.0,
    solver: str = "highs",
) -> Uncertified:
    """The least errors that the big-M formulation reports for a margin γ, rows met to the tolerance `feasibility`.

    A γ at or below the tolerance lets w = 0 pass; a γ above the margin of the best dichotomy loses it; so does M_u =
    reach (γ + |u|_∞) with reach < 1. Where the program is infeasible `reported` is infinite.
    Raises ValueError for a margin outside [0, 1e6], a feasibility outside [1e-10, 1e-3], beyond which solvers do not
    go, or a reach outside [0, 1e6], and for another solver.
    """
    require_in_range("margin", margin, 0, 1e6, includes_high=True)
    require_in_range("feasibility", feasibility, 1e-10, 1e-3, includes_high=True)
    require_in_range("reach", reach, 0, 1e6, includes_high=True)
    formulation, task, design = BigM(table, margin, reach), least_errors(table), raw_design(table)
    program, constant = formulation.program(task)
    outcome = solve(program, solver, limits=Limits(gap=0.99 if table.has_counts else 0.0, feasibility=feasibility))
    if outcome.values is None:
        return Uncertified(np.inf, table.n, 0, len(design), np.zeros(design.shape[1]))
    positive, negative = outcome.values[len(design) :].reshape(2, -1)
    signs = (design @ (positive - negative) > 0).astype(int)
    wrong = int((signs != formulation.dichotomy(outcome.values)).sum())
    reported = float(program.cost @ outcome.values + constant)
    return Uncertified(reported, table.errors(signs), 0, wrong, positive - negative)


@validated
def one_sided_discrepancy(
    table: Table,
    baseline: Solution | Int[np.ndarray, "rows"],
    tolerance: float | int,
    *,
    margin: float | int = 1e-4,
    solver: str = "highs",
) -> Uncertified:
    """The discrepancy that the published program reports with M a >= γ + h_0 <w, u> alone: never too small.

    a = 1 is then allowed where the classifiers disagree, which hides new errors from the row that bounds them.
    Raises ValueError as `discrepancy_path`, and RuntimeError where the margin exceeds the baseline's.
    Source: the printed row of Marx, Calmon & Ustun 2020, as recalled.
    """
    dichotomy = dichotomy_of(table, baseline)
    require_margin(margin)
    formulation = Published(table, margin, one_sided=True)
    task = most_disagreement(table, dichotomy, admitted_errors(table, "tolerance", tolerance))
    program, constant = formulation.program(task)
    outcome = solve(program, solver, limits=Limits(gap=0.99 if table.has_counts else 0.0))
    if outcome.values is None:
        raise RuntimeError("the one-sided program has no solution: the margin exceeds the baseline's")
    signs = formulation.dichotomy(outcome.values)
    reported = -float(program.cost @ outcome.values + constant)
    different = signs != dichotomy
    hidden = int((different & (formulation.agreeing_rows(outcome.values))).sum())
    return Uncertified(
        reported, table.errors(signs), table.disagreement(signs, dichotomy), hidden, formulation.weights(outcome.values)
    )


@validated
def root_bound(table: Table, margin: float | int = 1e-4, *, conflict_rows: bool = True) -> float:
    """The bound on the least errors from the linear relaxation of the published formulation.

    Without the rows z_p + z_p' = 1 for the two labels of one row it is next to nothing.
    Raises ValueError for a margin outside [1e-6, 1).
    """
    require_margin(margin)
    program, constant = Published(table, margin, conflict_rows=conflict_rows).program(least_errors(table))
    outcome = solve(program._replace(integral=np.zeros_like(program.integral)), limits=Limits(feasibility=1e-9))
    return outcome.bound + constant
