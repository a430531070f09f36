"""The best logits in a box: where the logistic loss cannot distinguish classes.

Linear scores of bounded norm take every value of the box |h_k| <= Λ = `logit_bound` at a point,
class by class. The minimiser of the conditional log loss there is exact, from its
Karush-Kuhn-Tucker conditions; derived here. It ties the two most probable classes whenever their
gap is small and a third class exists.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from theory.naive_bayes_vs_logistic.domains import Classes, Distributions
from theory_on_trial.contract import Positive, guarded, require

_HALVINGS = 64


class BoxMinimum(NamedTuple):
    """Minimiser of -sum_k p_k log softmax_k(h) over the box, and the minimum.

    By convexity: p - softmax(h) is positive only where h_k = Λ and negative only where h_k = -Λ.
    """

    logits: Float[np.ndarray, "*points classes"]
    loss: Float[np.ndarray, "*points"]


@guarded
def box_minimiser(probabilities: Distributions, logit_bound: Positive) -> BoxMinimum:
    """The minimum over |h_k| <= Λ for any number of classes; probabilities may be zero.

    h_k = log p_k + L clipped to the box, where sum_k exp(h_k) = exp(L); centred in the box where
    many L do.

    >>> minimum = box_minimiser([0.55, 0.45, 0.0], 0.5)
    >>> minimum.logits.tolist(), round(float(minimum.loss), 9)
    ([0.5, 0.5, -0.5], 0.861994804)
    """
    bound = float(logit_bound)
    with np.errstate(divide="ignore"):
        log_p = np.log(probabilities)
    highest = log_p.max(axis=-1)
    lowest = log_p.min(axis=-1)
    fits = highest - lowest <= 2 * bound
    lower = np.full(highest.shape, np.log(probabilities.shape[-1]) - bound)
    upper = lower + 2 * bound
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        trial_logits = np.clip(log_p + middle[..., None], -bound, bound)
        root_is_above = np.sum(np.exp(trial_logits - middle[..., None]), axis=-1) > 1
        lower = np.where(root_is_above, middle, lower)
        upper = np.where(root_is_above, upper, middle)
    shift = np.where(fits, -(highest + np.where(fits, lowest, 0)) / 2, (lower + upper) / 2)
    logits = np.clip(log_p + shift[..., None], -bound, bound)
    return BoxMinimum(logits, _loss(logits, probabilities))


@guarded
def box_tie_threshold(n_classes: Classes, logit_bound: Positive) -> float:
    """ρ / (2 + ρ), ρ = (K - 2) exp(-2 Λ): up to this t ((1 + t)/2, (1 - t)/2, 0, ...) has its top
    two tied at Λ.
    """
    rho = (n_classes - 2) * np.exp(-2 * float(logit_bound))
    return float(rho / (2 + rho))


@guarded
def conditional_regret(
    logits: Float[np.ndarray, "*points classes"],
    probabilities: Distributions,
    logit_bound: Positive,
) -> Float[np.ndarray, "*points"]:
    """Log loss of the logits less the least in the box, to 1e-16 of the loss; `ValueError` also for
    logits outside.
    """
    require(
        np.abs(logits) <= logit_bound,
        f"logits must lie in [-{logit_bound}, {logit_bound}], as logit_bound says",
    )
    return np.asarray(_loss(logits, probabilities) - box_minimiser(probabilities, logit_bound).loss)


def _loss(
    logits: Float[np.ndarray, "*points classes"],
    probabilities: Float[np.ndarray, "*points classes"],
) -> Float[np.ndarray, "*points"]:
    return np.asarray(-np.sum(probabilities * _log_softmax(logits), axis=-1))


def _log_softmax(
    logits: Float[np.ndarray, "*points classes"],
) -> Float[np.ndarray, "*points classes"]:
    from scipy.special import log_softmax

    return log_softmax(logits, axis=-1)
