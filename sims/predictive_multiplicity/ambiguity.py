"""Ambiguity: how many predictions some competing classifier changes, by flips or by covering."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from sims.predictive_multiplicity.baseline import dichotomy_of
from sims.predictive_multiplicity.exact_solver import ExactSolver, Solution
from sims.predictive_multiplicity.flips import FlipErrors
from sims.predictive_multiplicity.progress import ProgressSetting, progress_of
from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.tasks import admitted_errors, most_disagreement
from theory_on_trial.arguments.sims import validated


class AmbiguityPath(NamedTuple):
    """n α_ε for each tolerance ε: ambiguous <= n α_ε <= bounds, equal where the flip errors are proved."""

    tolerances: Float[np.ndarray, "tolerances"]
    admitted: Real[np.ndarray, "tolerances"]
    ambiguous: Real[np.ndarray, "tolerances"]
    bounds: Real[np.ndarray, "tolerances"]


@validated
def ambiguity_path(
    table: Table,
    baseline: Solution | Int[np.ndarray, "rows"],
    flips: FlipErrors,
    tolerances: Sequence[float | int] | Float[np.ndarray, "tolerances"],
) -> AmbiguityPath:
    """The weight of the rows k whose flip error is E_k <= E(h_0) + e, e = floor(ε n + 1e-9), for each ε.

    Rows that `flips` leaves out count as not ambiguous in `ambiguous` and as ambiguous in `bounds`.
    Raises ValueError for a tolerance outside [0, 1] or flips of another table. Source: Marx, Calmon & Ustun 2020.
    """
    if len(flips.rows) and flips.rows.max() >= len(table.rows):
        raise ValueError(f"flips must be those of the table of {len(table.rows)} rows, got row {flips.rows.max()}")
    least, most = np.full(len(table.rows), -np.inf), np.full(len(table.rows), np.inf)
    least[flips.rows], most[flips.rows] = flips.bounds, flips.errors
    errors = table.errors(dichotomy_of(table, baseline))
    admitted = np.array([admitted_errors(table, "tolerances", epsilon) for epsilon in tolerances])
    reach = (errors + admitted + 1e-9 * (0 if table.has_counts else table.n))[:, None]
    within = [np.where(limit <= reach, table.totals, 0).sum(axis=1) for limit in (most, least)]
    return AmbiguityPath(np.asarray(tolerances, float), admitted, *within)


class Coverage(NamedTuple):
    """n α_ε by covering: ambiguous <= n α_ε <= bound, equal where proved.

    covered : the rows that one of `solutions` flips; solutions : in the order found, each flips a row that no earlier
    one does; n_programs : how many programs were solved, the last of which proves that nothing is left.
    """

    ambiguous: int | float
    bound: int | float
    covered: Bool[np.ndarray, "rows"]
    solutions: tuple[Solution, ...]
    n_programs: int


@validated(unbounded=("time_limit",))
def ambiguity_by_coverage(
    table: Table,
    baseline: Solution | Int[np.ndarray, "rows"],
    tolerance: float | int,
    *,
    formulation: str = "margin_free",
    solver: str = "highs",
    margin: float | int = 1e-4,
    time_limit: float | int | None = None,
    exact: bool = False,
    progress: ProgressSetting = False,
) -> Coverage:
    """Ambiguity at one tolerance ε: take the competitor that flips most of what is not covered yet, until none does.

    An optimum of 0 proves that the covered rows are all ambiguous ones; where a program ran out of time (`time_limit`
    seconds each) before finding a row, the bound is the whole sample.
    Arguments and errors as `discrepancy_path`. Derived here.
    """
    dichotomy = dichotomy_of(table, baseline)
    admitted = admitted_errors(table, "tolerance", tolerance)
    exact_solver = ExactSolver(table, formulation=formulation, solver=solver, margin=margin, exact=exact)
    exact_solver.admit(dichotomy)
    covered = np.zeros(len(table.rows), bool)
    solutions: list[Solution] = []
    with progress_of(progress, "coverage", len(table.rows)) as bar:
        while True:
            task = most_disagreement(table, dichotomy, admitted, np.where(covered, 0, table.totals))
            solution = exact_solver.solve(task, time_limit=time_limit, watch=bar.watch)
            if solution.value == 0:
                break
            solutions.append(solution)
            newly = (solution.dichotomy != dichotomy) & ~covered
            covered |= newly
            bar.advance(int(newly.sum()))
    ambiguous = table.totals[covered].sum().item()
    bound = ambiguous if solution.status == "optimal" else table.n
    return Coverage(ambiguous, bound, covered, tuple(solutions), len(solutions) + 1)
