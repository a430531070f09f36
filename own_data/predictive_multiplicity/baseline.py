"""The classifier that competitors are compared with: the best one, or a model of the user's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sims.predictive_multiplicity import Solution, Table, baseline_of_scores, co_optimal, minimise_errors
from sims.predictive_multiplicity._domains import Solver, TimeLimit
from sims.predictive_multiplicity.progress import ProgressSetting

_MOST_OPTIMAL = 100

Scores = Callable[[Any], Float[np.ndarray, " samples"]]
"""From samples, in the user's columns, to scores: positive where the prediction is +1."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """h_0, and what was proved of the best classifier.

    Attributes:
        dichotomy: b, 1 where h_0 predicts +1, for each row of the table.
        model: the user's as given, or the coefficients of the best one, the intercept first, Σ |w| = 1.
        least_errors: proved bounds of E_0, the least errors of a linear classifier; equal where it is proved.
        certificate: over which classifiers the lower bound holds, "exact" for all linear ones.
        is_own: whether h_0 is the user's model; else it is optimal if E_0 is proved, and the best one found if not.
        n_optimal: how many optimal classifiers were found, at most 100; h_0 has the largest margin among them.
        knows_all_optimal: whether these are all. Neither is looked for where h_0 is the user's or E_0 is not proved.
    """

    dichotomy: Int[np.ndarray, " rows"]
    model: Any
    least_errors: tuple[int | float, int | float]
    certificate: str
    is_own: bool
    n_optimal: int
    knows_all_optimal: bool


def baseline_on(
    table: Table,
    X: Any,
    model: Any,
    coefficients: Callable[[Solution], Float[np.ndarray, " coefficients"]],
    *,
    solver: Solver,
    time_limit: TimeLimit,
    progress: ProgressSetting,
) -> Baseline:
    """The user's `model`, or if it is None the best classifier, `coefficients` being in the user's columns.

    Errors as `multiplicity`.
    """
    own = None if model is None else _own(table, scores_of(model)(X))
    best = minimise_errors(table, solver=solver, time_limit=time_limit, progress=progress)
    proved = (best.bound, best.value), best.certificate
    if own is not None:
        return Baseline(own, model, *proved, is_own=True, n_optimal=0, knows_all_optimal=False)
    optimal: tuple[Solution, ...] = (best,)
    complete = False
    if best.status == "optimal":
        ties = co_optimal(table, solver=solver, most=_MOST_OPTIMAL, time_limit=time_limit)
        optimal, complete = ties.solutions or optimal, ties.complete
    best_model = coefficients(optimal[0])
    return Baseline(
        optimal[0].dichotomy, best_model, *proved, is_own=False, n_optimal=len(optimal), knows_all_optimal=complete
    )


def _own(table: Table, scores: Float[np.ndarray, " samples"]) -> Int[np.ndarray, " rows"]:
    undecided = np.flatnonzero(~np.isfinite(scores) | (scores == 0))
    if len(undecided):
        sample = undecided[0]
        raise ValueError(f"baseline must give finite scores other than 0, got {scores[sample]} for sample {sample}")
    return baseline_of_scores(table, scores)


def scores_of(model: Any) -> Scores:
    """The scores of a fitted model with a `decision_function`, or of coefficients, the intercept first."""
    if hasattr(model, "decision_function"):
        return lambda X: _one_each(np.asarray(model.decision_function(X), float), X)
    try:
        coefficients = np.asarray(model, float)
    except (TypeError, ValueError):
        raise TypeError(
            f"baseline must be a model with a decision_function or coefficients, got {type(model).__name__}"
        ) from None

    def scores(X: Any) -> Float[np.ndarray, " samples"]:
        features = np.asarray(X, float)
        if coefficients.shape != (features.shape[1] + 1,):
            raise ValueError(
                f"baseline must be {features.shape[1] + 1} coefficients, the intercept first, "
                f"got the shape {coefficients.shape}"
            )
        return _one_each(coefficients[0] + features @ coefficients[1:], X)

    return scores


def _one_each(scores: Float[np.ndarray, "..."], X: Any) -> Float[np.ndarray, " samples"]:
    if scores.shape != (len(X),):
        raise ValueError(f"baseline must give each of the {len(X)} samples one score, got the shape {scores.shape}")
    return scores
