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
    """The baseline h_0 with which competitors are compared, and what is proved of the best
    classifier.

    Attributes:
        dichotomy: for each row of the table, 1 if h_0 predicts the positive class and 0 if not.
        model: the user's model as it was given, or the coefficients w of the best classifier, the
            intercept first, with Σ |w| = 1.
        least_errors: a lower and an upper bound of E_0, the smallest weight of samples that a
            linear classifier gets wrong; the two are equal if E_0 is proved.
        is_own: whether h_0 is the user's model. If not, h_0 is an optimal classifier if E_0 is
            proved, and otherwise the best one found.
        n_optimal: the number of optimal classifiers that were counted (in low dimension) or found
            (at most 100); h_0 has the largest margin of those found.
        knows_all_optimal: whether these are all optimal classifiers. The search does not look for
            them if h_0 is the user's model or if E_0 is not proved.
    """

    dichotomy: Int[np.ndarray, " rows"]
    model: Any
    least_errors: tuple[int | float, int | float]
    is_own: bool
    n_optimal: int
    knows_all_optimal: bool


class Own(NamedTuple):
    """What a user's model predicts on the sample.

    Attributes:
        dichotomy: for each row of the table, 1 if the model predicts the positive class, else 0.
        weights: weights of the table's columns that predict the same; None if the scores show none.
    """

    dichotomy: Int[np.ndarray, " rows"]
    weights: Float[np.ndarray, " dims"] | None


def own_baseline(sample: Sample, X: Any, model: Any) -> Own:
    """Return what the user's model predicts on the sample.

    Raises ValueError for scores that are 0 or not finite, or that no linear classifier gives.
    """
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
    """Return the function from samples to scores of a fitted model that has a `decision_function`,
    or of coefficients, the intercept first.

    Raises TypeError for anything else.
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
                f"baseline must be {features.shape[1] + 1} coefficients with the intercept first, "
                f"got the shape {coefficients.shape}"
            )
        return _one_each(coefficients[0] + features @ coefficients[1:], X)

    return scores


def _one_each(scores: Float[np.ndarray, "..."], X: Any) -> Float[np.ndarray, " samples"]:
    if scores.shape != (len(X),):
        raise ValueError(
            f"baseline must give one score for each of the {len(X)} samples, got the shape "
            f"{scores.shape}"
        )
    return scores
