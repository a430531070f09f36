"""Integer programs with weights and a margin, after those that the authors released.

HiGHS solves them through CVXPY, and their answers are counted again. Their bounds cover the
classifiers whose margin on the features as given is at least γ, so that they depend on the scale of
the features. `ExactSolver` needs neither weights nor a margin.
"""

import warnings
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import cvxpy as cp
import numpy as np
from jaxtyping import Float, Int

from sims.linear_dichotomies.branch_and_cut import Watch
from sims.linear_dichotomies.deadline import Deadline
from sims.linear_dichotomies.highs import without_banner
from sims.linear_dichotomies.solver import Baseline, ExactSolver, Proof, dichotomy_of
from sims.linear_dichotomies.table import AnyTable, Table
from sims.linear_dichotomies.tasks import Task, least_errors, most_disagreement, tolerance_of
from theory_on_trial.contract import Interval, UnitInterval, guarded

Formulation = Literal["margin_free", "big_m", "published"]
"""The integer program: over dichotomies alone, with weights, or after the released ones."""
Margin = Annotated[float, Interval(0, 1e6)]
"""γ of a program."""

MARGIN = 1e-4
"""γ of the programs."""
FEASIBILITY = 1e-7
"""To which each row and each whole number is met."""
_GAP = 0.99  # optimal whole numbers are less than one apart
_RECOUNT = 1e-6  # relative to n: by how much a solver's objective may be below the recount
_SHORTEST = 1e-3  # seconds
_UNDECIDED = 1e-9
_NUDGE = 1e-7
_FEASIBLE = 2  # what HiGHS calls an answer that meets all rows


class Stated(NamedTuple):
    """A program in CVXPY's form. Its objective is that of the task, of which `constant` does not
    depend on x. `binaries` are 0 or 1, and `weights` are w = w₊ - w₋.
    """

    problem: cp.Problem
    constant: float
    binaries: cp.Variable
    weights: cp.Expression


class Report(NamedTuple):
    """The report of HiGHS on a program: its best answer (None if there is none), its objective, and
    a bound.

    Without an answer the objective is infinite.
    """

    binaries: Float[np.ndarray, "binaries"] | None
    weights: Float[np.ndarray, "dims"] | None
    objective: float
    bound: float


def big_m(table: Table, task: Task, margin: float) -> Stated:
    """Return the program with one binary b_u for each distinct row, in the big-M form.

    Its constraints are γ - M_u (1 - b_u) <= <w, u> <= M_u b_u - γ and |w|_1 <= 1. M_u = γ + |u|_∞
    is the least valid value; u has the constant 1. The norm may be below 1 since scaling w up only
    raises |<w, u>|; w = 0 is excluded by γ > 0. Source: derived here from the formulation of Marx,
    Calmon & Ustun 2020.
    """
    design = table.raw_design
    n_rows, n_dims = design.shape
    most = margin + np.abs(design).max(axis=1)
    b = cp.Variable(n_rows, boolean=True)
    positive, negative = (cp.Variable(n_dims, bounds=[0, 1]) for _ in range(2))
    scores = design @ positive - design @ negative
    constraints = [
        scores >= margin - cp.multiply(most, 1 - b),
        scores <= cp.multiply(most, b) - margin,
        cp.sum(positive + negative) <= 1,
        *(b[row] == value for row, value in task.fixed.items()),
    ]
    if task.baseline is not None:
        errors = least_errors(table)
        constraints.append(errors.cost @ b + errors.constant <= task.most_errors)
    problem = cp.Problem(cp.Minimize(task.cost @ b + task.constant), constraints)
    return Stated(problem, task.constant, b, positive - negative)


class Pairs(NamedTuple):
    """The distinct pairs of a row u and a label y, with their weights."""

    row: Int[np.ndarray, "pairs"]
    label: Int[np.ndarray, "pairs"]
    weight: Float[np.ndarray, "pairs"]


def pairs_of(table: Table) -> Pairs:
    """The pairs that occur; those of positive labels come first."""
    weights = np.stack([table.positives, table.negatives])
    negative, row = np.nonzero(weights)
    return Pairs(row, 1 - 2 * negative, weights[negative, row].astype(float))


def published(
    table: Table,
    task: Task,
    margin: float,
    *,
    one_sided: bool = False,
    conflict_rows: bool = True,
    relaxed: bool = False,
) -> Stated:
    """The released programs, with big-M rows in place of the indicators of the released code.

    Errors: z_p = 1 if the pair p = (u, y) is wrong, by y <w, u> >= γ - M z_p, with z_p + z_p' = 1
    for the two labels of a row (left out without `conflict_rows`); a flipped row k has -h_0(k) <w,
    k> >= γ. Disagreement: a_p = 1 if and only if h_0 <w, u> >= γ, and 0 if and only if h_0 <w, u>
    <= -γ. With `one_sided` only M a_p >= γ + h_0 <w, u> is asked, so that a_p = 1 may hide a
    disagreement. M = γ + |u|_∞, σ_j tells the sign of w_j, and Σ |w_j| = 1. `relaxed` leaves whole
    numbers out. Source: charliemarx/pmtools at b96087b, eqm/mip.py and eqm/disc_mip.py, whose
    indicators (CPLEX, of type 3) act otherwise under a solver's tolerances and allow a competitor
    scores below γ in size. The one-sided row is not in the code.
    """
    design = table.raw_design
    n_dims = design.shape[1]
    pairs = pairs_of(table)
    most = margin + np.abs(design[pairs.row]).max(axis=1)
    binaries, signs = (
        cp.Variable(size, bounds=[0, 1]) if relaxed else cp.Variable(size, boolean=True)
        for size in (len(pairs.row), n_dims)
    )
    positive, negative = (cp.Variable(n_dims, bounds=[0, 1]) for _ in range(2))
    weights = positive - negative
    constraints = [positive <= signs, negative <= 1 - signs, cp.sum(positive + negative) == 1]
    if task.baseline is None:
        wrong = binaries
        products = (pairs.label[:, None] * design[pairs.row]) @ weights
        constraints.append(products >= margin - cp.multiply(most, wrong))
        both = np.flatnonzero((table.positives > 0) & (table.negatives > 0))
        if conflict_rows and len(both):
            constraints.append((pairs.row == both[:, None]).astype(float) @ wrong == 1)
        for row, value in task.fixed.items():
            constraints.append(((2 * value - 1) * design[row]) @ weights >= margin)
        objective = pairs.weight @ wrong
        constant = 0.0
    else:
        agrees = binaries
        prediction = (2 * task.baseline - 1)[pairs.row]
        products = (prediction[:, None] * design[pairs.row]) @ weights
        constraints.append(products <= cp.multiply(most, agrees) - margin)
        if not one_sided:
            constraints.append(products >= margin - cp.multiply(most, 1 - agrees))
        added = np.where(prediction == pairs.label, 1, -1) * pairs.weight
        allowed = task.most_errors - table.errors(task.baseline)
        constraints.append(added @ (1 - agrees) <= allowed)
        counted = pairs.weight * (np.abs(task.cost) / np.maximum(table.totals, 1e-300))[pairs.row]
        constant = -float(counted.sum())
        objective = counted @ agrees + constant
    return Stated(cp.Problem(cp.Minimize(objective), constraints), constant, binaries, weights)


def solve(
    stated: Stated,
    *,
    feasibility: float,
    seconds: float | None = None,
    gap: float = 0.0,
) -> Report:
    """Solve on one core until objective - bound <= gap, or for `seconds` seconds. Raises
    RuntimeError if HiGHS gives up.
    """
    options = {
        "output_flag": False,
        "threads": 1,
        "primal_feasibility_tolerance": feasibility,
        "mip_feasibility_tolerance": feasibility,
        "mip_abs_gap": gap,
        "mip_rel_gap": 0.0,
        "time_limit": np.inf if seconds is None else max(float(seconds), _SHORTEST),
    }
    problem = stated.problem
    without_banner()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Solution may be inaccurate")  # at the time limit
            problem.solve(solver=cp.HIGHS, highs_options=options)
    except cp.SolverError as error:
        raise RuntimeError("HiGHS gave up") from error
    if problem.status == cp.INFEASIBLE:
        return Report(None, None, np.inf, np.inf)
    info: Any = problem.solver_stats.extra_stats
    proved = info.mip_dual_bound if problem.is_mixed_integer() else info.objective_function_value
    bound = float(proved + stated.constant)  # CVXPY keeps the constant to itself
    if info.primal_solution_status != _FEASIBLE:
        return Report(None, None, np.inf, bound)
    weights = np.asarray(stated.weights.value)
    return Report(stated.binaries.value, weights, float(problem.value), bound)


class SolverWithMargin(ExactSolver):
    """Solves tasks as `ExactSolver` does, but by a formulation with weights and a margin."""

    certificate = f"margin >= {np.format_float_scientific(MARGIN, trim='-', exp_digits=1)}"

    def __init__(self, table: Table, formulation: Callable[[Table, Task, float], Stated]):
        super().__init__(table)
        self._formulation = formulation

    def prove(self, task: Task, deadline: Deadline, watch: Watch | None = None) -> Proof:
        """Search until a task is solved, as `ExactSolver.prove`. Raises RuntimeError if no weights
        have the signs of the solver's answer, or if it is worse than the solver says.
        """
        scale = max(1.0, abs(task.constant))
        gap = _GAP if task.integral else _RECOUNT * scale
        stated = self._formulation(self.table, task, MARGIN)
        report = solve(stated, seconds=deadline.left(), gap=gap, feasibility=FEASIBILITY)
        if report.weights is not None:
            dichotomy = dichotomy_of_report(self.table, report)
            known = self.widest(dichotomy)
            recount = task.value(dichotomy).item()
            if known is None or recount > report.objective + _RECOUNT * scale:
                reason = "no weights have its signs" if known is None else f"it is {recount:g}"
                raise RuntimeError(
                    f"the solver's answer {report.objective:g} does not recount, {reason}: raise "
                    "the margin"
                )
            self.pool.add([known])
        found = self.pool.best(task)
        best = np.inf if found is None else task.value(found.dichotomy).item()
        bound = max(report.bound, task.box_bound)
        is_closed = task.closes(bound, best)
        bound = best if is_closed else task.proved(bound)
        return Proof(task.sign * bound, "optimal" if is_closed else "time limit")


def dichotomy_of_report(table: Table, report: Report) -> Int[np.ndarray, "rows"]:
    """The signs of the weights that HiGHS reports. A row with score 0, which the programs call
    wrong, may get either sign.
    """
    assert report.weights is not None
    scores = table.raw_design @ report.weights
    if (np.abs(scores) < _UNDECIDED).any():
        nudge = np.random.default_rng(0).standard_normal(len(report.weights))
        scores = table.raw_design @ (report.weights + _NUDGE * nudge)
    return (scores > 0).astype(int)


def solver_of(table: Table, formulation: Formulation) -> ExactSolver:
    """The exact solver, or the solver of a formulation with weights."""
    if formulation == "margin_free":
        return ExactSolver(table)
    return SolverWithMargin(table, big_m if formulation == "big_m" else published)


# What the formulations report where they are used wrongly: answers that are not counted again.


class Uncertified(NamedTuple):
    """The answer that a solver reports, and what its weights really do.

    reported : the objective, infinite if the program is infeasible; errors : E(b) of b = [<w, u> >
    0]; wrong_rows : the number of rows whose sign differs from what the program reports.
    """

    reported: float
    errors: int | float
    wrong_rows: int
    weights: Float[np.ndarray, "dims"]


@guarded(double=False)
def uncertified_errors(
    table: AnyTable,
    margin: Margin,
    *,
    feasibility: Annotated[float, Interval(1e-10, 1e-3, why="as far as solvers go")] = 1e-6,
) -> Uncertified:
    """The least errors that the big-M formulation reports for a margin γ, where the solver
    satisfies its rows to the tolerance `feasibility`.

    For a γ at or below the tolerance w = 0 is feasible. A γ above the margin of the best dichotomy
    loses this dichotomy. Where the program is infeasible, `reported` is infinite.
    """
    stated = big_m(table, least_errors(table), margin)
    report = solve(stated, gap=_GAP if table.has_counts else 0.0, feasibility=feasibility)
    design = table.raw_design
    if report.binaries is None or report.weights is None:
        return Uncertified(np.inf, table.n, len(design), np.zeros(design.shape[1]))
    signs = (design @ report.weights > 0).astype(int)
    wrong_rows = int((signs != np.round(report.binaries)).sum())
    return Uncertified(report.objective, table.errors(signs), wrong_rows, report.weights)


@guarded(double=False)
def one_sided_discrepancy(
    table: AnyTable, baseline: Baseline, tolerance: UnitInterval
) -> int | float:
    """The discrepancy, in points, that a program reports with M a >= γ + h_0 <w, u> alone. It is
    never too small.

    a = 1 is then allowed where the classifiers disagree, which hides new errors from the row that
    limits them. Raises RuntimeError where the margin exceeds the baseline's.
    """
    task = most_disagreement(table, dichotomy_of(table, baseline), tolerance_of(table, tolerance))
    stated = published(table, task, MARGIN, one_sided=True)
    report = solve(stated, gap=_GAP if table.has_counts else 0.0, feasibility=FEASIBILITY)
    if report.weights is None:
        raise RuntimeError(
            "the one-sided program has no solution: the margin exceeds the baseline's"
        )
    return round(-report.objective) if table.has_counts else -report.objective


@guarded(double=False)
def root_bound(table: AnyTable, *, conflict_rows: bool = True) -> float:
    """The lower bound on the errors from the relaxation of `published`. It is tiny if the rows z_p
    + z_p' = 1 for the two labels of a row are left out.
    """
    task = least_errors(table)
    stated = published(table, task, MARGIN, conflict_rows=conflict_rows, relaxed=True)
    return solve(stated, feasibility=1e-9).bound
