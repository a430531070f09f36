"""Discrepancy: the largest number of predictions that one competing classifier changes."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real

from sims.predictive_multiplicity.domains import Formulation, TimeLimit, Tolerances
from sims.predictive_multiplicity.exact_solver import Baseline, ExactSolver, Solution, dichotomy_of
from sims.predictive_multiplicity.table import AnyTable
from sims.predictive_multiplicity.tasks import most_disagreement, tolerance_of
from theory_on_trial.contract import guarded


class DiscrepancyPath(NamedTuple):
    """n δ_ε for each tolerance: disagreement <= n δ_ε <= bounds, equal where proved.

    tolerances : ε, shares of the sample; admitted : e, the admitted increase of the error count;
    disagreement, bounds : weight of the samples whose prediction changes; solutions : the
    classifiers that reach the disagreement.
    """

    tolerances: Float[np.ndarray, "tolerances"]
    admitted: Real[np.ndarray, "tolerances"]
    disagreement: Real[np.ndarray, "tolerances"]
    bounds: Real[np.ndarray, "tolerances"]
    solutions: tuple[Solution, ...]


@guarded(double=False)
def discrepancy_path(
    table: AnyTable,
    baseline: Baseline,
    tolerances: Tolerances,
    *,
    formulation: Formulation = "margin_free",
    time_limit: TimeLimit = None,
) -> DiscrepancyPath:
    """The largest disagreement of b with h_0 over linear dichotomies with E(b) <= E(h_0) + e, for
    each tolerance ε.

    e = floor(ε n + 1e-9), or ε n if some weight is not whole. Solved by increasing ε, each from the
    best classifier found before. The baseline may be any linear dichotomy: classifiers with fewer
    errors than it count as competitors. `time_limit` is in seconds for each; the other arguments
    and the errors are those of `flip_errors`. Source: the discrepancy problem of Marx, Calmon &
    Ustun 2020, two-sided.

    >>> from sims.predictive_multiplicity import aggregate
    >>> corners = aggregate([[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1])
    >>> path = discrepancy_path(corners, np.array([0, 1, 1, 1]), [0.0, 0.25])
    >>> path.disagreement.tolist(), path.bounds.tolist()
    ([2, 3], [2, 3])
    """
    dichotomy = dichotomy_of(table, baseline)
    admitted = [tolerance_of(table, epsilon) for epsilon in tolerances]
    exact_solver = ExactSolver(table, formulation=formulation)
    exact_solver.admit(baseline)
    solutions = {
        tolerance: exact_solver.solve(
            most_disagreement(table, dichotomy, tolerance), time_limit=time_limit
        )
        for tolerance in sorted(set(admitted))
    }
    answers = tuple(solutions[tolerance] for tolerance in admitted)
    numbers = int if table.has_counts else float
    values, bounds = ([getattr(answer, name) for answer in answers] for name in ("value", "bound"))
    return DiscrepancyPath(
        np.asarray(tolerances, float),
        np.array(admitted, numbers),
        np.array(values, numbers),
        np.array(bounds, numbers),
        answers,
    )
