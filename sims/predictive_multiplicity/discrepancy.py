"""Discrepancy: the largest number of predictions that one competing classifier changes."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from sims.predictive_multiplicity.baseline import dichotomy_of
from sims.predictive_multiplicity.exact_solver import ExactSolver, Solution
from sims.predictive_multiplicity.progress import ProgressSetting, progress_of
from sims.predictive_multiplicity.resume import KeptSolutions
from sims.predictive_multiplicity.table import Table
from sims.predictive_multiplicity.tasks import admitted_errors, most_disagreement
from theory_on_trial.arguments.sims import validated


class DiscrepancyPath(NamedTuple):
    """n δ_ε for each tolerance: disagreement <= n δ_ε <= bounds, equal where proved.

    tolerances : ε, shares of the sample; admitted : e, the admitted increase of the error count; disagreement, bounds :
    weight of the samples whose prediction changes; solutions : the classifiers that reach the disagreement.
    """

    tolerances: Float[np.ndarray, "tolerances"]
    admitted: Real[np.ndarray, "tolerances"]
    disagreement: Real[np.ndarray, "tolerances"]
    bounds: Real[np.ndarray, "tolerances"]
    solutions: tuple[Solution, ...]


@validated(unbounded=("time_limit",))
def discrepancy_path(
    table: Table,
    baseline: Solution | Int[np.ndarray, "rows"],
    tolerances: Sequence[float | int] | Float[np.ndarray, "tolerances"],
    *,
    formulation: str = "margin_free",
    solver: str = "highs",
    margin: float | int = 1e-4,
    time_limit: float | int | None = None,
    exact: bool = False,
    progress: ProgressSetting = False,
    cache: str | os.PathLike[str] | None = None,
) -> DiscrepancyPath:
    """The largest disagreement of b with h_0 over linear dichotomies with E(b) <= E(h_0) + e, for each tolerance ε.

    e = floor(ε n + 1e-9), or ε n if some weight is not whole. Solved by increasing ε, each from the best classifier
    found before. The baseline may be any linear dichotomy: classifiers with fewer errors than it count as competitors.
    `tolerances` lie in [0, 1]; `time_limit` is in seconds for each; the other arguments are those of `flip_errors`.
    Raises ValueError for a tolerance outside [0, 1], else as `flip_errors`.
    Source: the discrepancy problem of Marx, Calmon & Ustun 2020, two-sided.
    """
    dichotomy = dichotomy_of(table, baseline)
    admitted = [admitted_errors(table, "tolerances", epsilon) for epsilon in tolerances]
    settings = {"formulation": formulation, "solver": solver, "margin": margin, "exact": exact}
    kept = KeptSolutions(cache, discrepancy_path, table, dichotomy, settings)
    exact_solver = ExactSolver(table, formulation=formulation, solver=solver, margin=margin, exact=exact)
    exact_solver.admit(dichotomy)
    solutions = {}
    with progress_of(progress, "discrepancy", len(set(admitted))) as bar:
        for tolerance in sorted(set(admitted)):
            solution = kept.solutions.get(repr(tolerance))
            if solution is None:
                task = most_disagreement(table, dichotomy, tolerance)
                solution = exact_solver.solve(task, time_limit=time_limit, watch=bar.watch)
                kept.keep(repr(tolerance), solution)
            else:
                exact_solver.admit(solution.dichotomy)
            solutions[tolerance] = solution
            bar.watch(solution.value, solution.bound)
            bar.advance()
    ordered = tuple(solutions[tolerance] for tolerance in admitted)
    numbers = int if table.has_counts else float
    values, bounds = ([getattr(one, name) for one in ordered] for name in ("value", "bound"))
    return DiscrepancyPath(
        np.asarray(tolerances, float),
        np.array(admitted, numbers),
        np.array(values, numbers),
        np.array(bounds, numbers),
        ordered,
    )
