"""Ambiguity: how many predictions some competing classifier changes, by flips or by covering."""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Real

from sims.predictive_multiplicity.domains import Share, TimeLimit, Tolerances
from sims.predictive_multiplicity.exact_solver import Baseline, ExactSolver, Solution, dichotomy_of
from sims.predictive_multiplicity.flips import FlipErrors
from sims.predictive_multiplicity.table import AnyTable
from sims.predictive_multiplicity.tasks import most_disagreement, tolerance_of
from theory_on_trial.contract import MAY_BE_EMPTY, guarded, require


class AmbiguityPath(NamedTuple):
    """n α_ε for each tolerance ε: ambiguous <= n α_ε <= bounds, equal where the flip errors are
    proved.
    """

    tolerances: Float[np.ndarray, "tolerances"]
    admitted: Real[np.ndarray, "tolerances"]
    ambiguous: Real[np.ndarray, "tolerances"]
    bounds: Real[np.ndarray, "tolerances"]


@guarded(double=False)
def ambiguity_path(
    table: AnyTable,
    baseline: Baseline,
    flips: Annotated[FlipErrors, MAY_BE_EMPTY],
    tolerances: Tolerances,
) -> AmbiguityPath:
    """The weight of the rows k whose flip error is E_k <= E(h_0) + e, e = floor(ε n + 1e-9), for
    each ε.

    Rows that `flips` leaves out count as not ambiguous in `ambiguous` and as ambiguous in `bounds`.
    Source: Marx, Calmon & Ustun 2020.

    >>> from sims.predictive_multiplicity import aggregate, flip_errors
    >>> corners = aggregate([[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1])
    >>> best = np.array([0, 1, 1, 1])
    >>> ambiguity_path(corners, best, flip_errors(corners, best), [0.0]).ambiguous.tolist()
    [4]
    """
    n_rows = len(table.rows)
    last = flips.rows.max(initial=0)
    require(last < n_rows, f"flips must be those of the table of {n_rows} rows, got row {last}")
    lower = np.full(len(table.rows), -np.inf)
    upper = np.full(len(table.rows), np.inf)
    lower[flips.rows] = flips.bounds
    upper[flips.rows] = flips.errors
    errors = table.errors(dichotomy_of(table, baseline))
    admitted = np.array([tolerance_of(table, epsilon) for epsilon in tolerances])
    reach = (errors + admitted + 1e-9 * (0 if table.has_counts else table.n))[:, None]
    within = [np.where(limit <= reach, table.totals, 0).sum(axis=1) for limit in (upper, lower)]
    return AmbiguityPath(np.asarray(tolerances, float), admitted, *within)


class Coverage(NamedTuple):
    """n α_ε by covering: ambiguous <= n α_ε <= bound, equal where proved.
    `covered` are the rows that one of `solutions` flips, `n_programs` how many programs were
    solved, the last of which proves that nothing is left.
    """

    ambiguous: int | float
    bound: int | float
    covered: Bool[np.ndarray, "rows"]
    solutions: tuple[Solution, ...]
    n_programs: int


@guarded(double=False)
def ambiguity_by_coverage(
    table: AnyTable, baseline: Baseline, tolerance: Share, *, time_limit: TimeLimit = None
) -> Coverage:
    """Ambiguity at one tolerance ε: take the competitor that flips most of what is not covered yet,
    until none does. An optimum of 0 proves the covered rows to be all; where a program ran out of
    time (`time_limit` seconds each) first, the bound is the whole sample. Errors as
    `discrepancy_path`.
    """
    dichotomy = dichotomy_of(table, baseline)
    tolerance_count = tolerance_of(table, tolerance)
    exact_solver = ExactSolver(table)
    exact_solver.admit(baseline)
    covered = np.zeros(len(table.rows), bool)
    solutions: list[Solution] = []
    while True:
        task = most_disagreement(
            table, dichotomy, tolerance_count, np.where(covered, 0, table.totals)
        )
        solution = exact_solver.solve(task, time_limit=time_limit)
        if solution.value == 0:
            break
        solutions.append(solution)
        covered |= solution.dichotomy != dichotomy
    ambiguous = table.totals[covered].sum().item()
    bound = ambiguous if solution.status == "optimal" else table.n
    return Coverage(ambiguous, bound, covered, tuple(solutions), len(solutions) + 1)
