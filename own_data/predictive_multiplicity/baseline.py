"""The classifier with which competitors are compared: the best one, or the user's model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from own_data.predictive_multiplicity.inputs import Sample
from sims.linear_dichotomies.certificates import exact_signs
from sims.linear_dichotomies.table import from_unit
from sims.predictive_multiplicity import baseline_of_scores

Scores = Callable[[Any], Float[np.ndarray, " samples"]]
"""From samples, in the user's columns, to scores: positive where the prediction is +1."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """h_0, and the bounds that were proved for the best classifier.

    Attributes:
        dichotomy: b, 1 where h_0 predicts the positive class, for each row of the table.
        model: the user's as given, or the coefficients of the best one, the intercept first, Σ |w|
            = 1.
        least_errors: proved bounds of E_0, the least errors of a linear classifier; equal where it
            is proved.
        is_own: whether h_0 is the user's model; else it is optimal if E_0 is proved, and the best
            one found if not.
        n_optimal: how many optimal classifiers were found, at most 100, or counted in low
            dimension; h_0 has the largest margin of those found.
        knows_all_optimal: whether these are all. Optimal classifiers are not looked for
            if h_0 is the user's or E_0 is not proved.
    """

    dichotomy: Int[np.ndarray, " rows"]
    model: Any
    least_errors: tuple[int | float, int | float]
    is_own: bool
    n_optimal: int
    knows_all_optimal: bool


class Own(NamedTuple):
    """A user's model on the sample: its dichotomy, and weights on the table that have it, where
    known.
    """

    dichotomy: Int[np.ndarray, " rows"]
    weights: Float[np.ndarray, " dims"] | None


def own_baseline(sample: Sample, X: Any, model: Any) -> Own:
    """The user's model. Errors as `multiplicity`."""
    scores = scores_of(model)(X)
    undecided = np.flatnonzero(~np.isfinite(scores) | (scores == 0))
    if len(undecided):
        first = undecided[0]
        raise ValueError(
            f"baseline must give finite scores other than 0, got {scores[first]} for sample {first}"
        )
    # Scores that are linear in the features show it by a fit, which spares a program.
    table = sample.table
    design = np.column_stack([np.ones(len(scores)), table.unit_design[table.row_of_sample, 1:]])
    fit = np.linalg.lstsq(design, scores, rcond=None)[0]
    weights = from_unit(table, fit)
    norm = np.abs(weights).sum()
    if norm and np.array_equal(
        exact_signs(table, weights / norm)[table.row_of_sample], np.sign(scores)
    ):
        dichotomy = np.zeros(len(table.rows), int)
        dichotomy[table.row_of_sample] = scores > 0
        return Own(dichotomy, weights / norm)
    return Own(baseline_of_scores(table, scores), None)


def scores_of(model: Any) -> Scores:
    """The scores of a fitted model with a `decision_function`, or of coefficients, the intercept
    first.
    """
    if hasattr(model, "decision_function"):
        return lambda X: _one_each(np.asarray(model.decision_function(X), float), X)
    try:
        coefficients = np.asarray(model, float)
    except (TypeError, ValueError):
        raise TypeError(
            "baseline must be a model with a decision_function or coefficients, got "
            f"{type(model).__name__}"
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
        raise ValueError(
            f"baseline must give each of the {len(X)} samples one score, got the shape "
            f"{scores.shape}"
        )
    return scores
