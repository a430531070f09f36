"""From log-loss regret to 0-1 regret: the consistency transform of the multiclass logistic loss,
and the best logits in a box, where the loss cannot distinguish classes.

Logs are natural. With p the true posterior and q the predicted one at a point, KL(p || q) is the
conditional log-loss regret wherever the best scores in the class reach p. Linear scores of bounded
norm take every value of the box |h_k| <= Λ = `logit_bound` at a point, class by class; the
minimiser of the conditional log loss there is exact, from its Karush-Kuhn-Tucker conditions. It
ties the two most probable classes whenever their gap is small and a third class exists. Bounds of
this kind are the subject of arXiv 2302.02334; this transform, its extension to any number of
classes and the box are derived here. Arrays may have any leading axes and the classes are on the
last.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from theory.naive_bayes_vs_logistic.domains import Classes, Distributions, LogitBound
from theory_on_trial.contract import (
    MAY_BE_INFINITE,
    NON_NEGATIVE,
    UNIT_INTERVAL,
    Positive,
    guarded,
    require,
)

_HALVINGS = 56

Regret = Annotated[Float[np.ndarray, "*points"] | float, NON_NEGATIVE, MAY_BE_INFINITE]
"""A log-loss regret, in nats."""


@guarded
def consistency_transform(
    t: Annotated[Float[np.ndarray, "*points"] | float, UNIT_INTERVAL],
    logit_bound: LogitBound = np.inf,
) -> Float[np.ndarray, "*points"]:
    """Ψ_Lambda(t) = sup_{0 <= λ <= Λ} (λ t - log cosh λ), the least log-loss regret of two classes
    of 0-1 regret t.

    Without a bound (1 + t)/2 log(1 + t) + (1 - t)/2 log(1 - t) >= t^2 / 2; with one they agree for
    t <= tanh(Λ) and Ψ_Lambda is a straight line beyond. Relative error about 1e-15.
    """
    maximiser = np.minimum(np.arctanh(np.minimum(t, 1 - 2.0**-53)), logit_bound)
    # No large terms that cancel
    difference = np.log(2) - np.log1p(np.exp(-2 * maximiser)) - maximiser * (1 - t)
    return np.asarray(np.where(maximiser <= 1, maximiser * t - _log_cosh(maximiser), difference))


@guarded
def consistency_transform_inverse(
    z: Regret, logit_bound: LogitBound = np.inf
) -> Float[np.ndarray, "*points"]:
    """Γ_Lambda(z), the largest t in [0, 1] with Ψ_Lambda(t) <= z: min(1, inf_{0 < λ <= Λ} (z + log
    cosh λ) / λ).
    """
    curved_end = consistency_transform(float(np.tanh(logit_bound)), logit_bound)
    lower = np.minimum(np.sqrt(z / np.log(2)), 1)  # t^2 / 2 <= Psi(t) <= t^2 log 2
    upper = np.minimum(np.sqrt(2 * z), 1)
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        is_below = consistency_transform(middle) <= z
        lower = np.where(is_below, middle, lower)
        upper = np.where(is_below, upper, middle)
    if np.isinf(logit_bound):
        return np.asarray(np.where(z >= curved_end, 1.0, lower))
    straight = (z + _log_cosh(float(logit_bound))) / logit_bound
    return np.asarray(np.minimum(np.where(z <= curved_end, lower, straight), 1))


@guarded
def kl_divergence(p: Distributions, q: Distributions) -> Float[np.ndarray, "*points"]:
    """KL(p || q) = sum_k p_k log(p_k / q_k), infinite where q misses a class of p."""
    from scipy.special import rel_entr

    return np.asarray(rel_entr(p, q).sum(axis=-1))


@guarded
def top_two_kl_bound(p: Distributions, q: Distributions) -> Float[np.ndarray, "*points"]:
    """(p_a + p_b) Ψ((p_a - p_b) / (p_a + p_b)) <= KL(p || q), a and b the most probable classes of
    p and q.

    Equal where q_a = q_b = (p_a + p_b) / 2 and q = p elsewhere; at least Ψ(p_a - p_b).
    """
    best = p.max(axis=-1)
    choice = np.take_along_axis(p, q.argmax(axis=-1, keepdims=True), axis=-1)[..., 0]
    return np.asarray((best + choice) * consistency_transform((best - choice) / (best + choice)))


@guarded
def zero_one_regret_bound(log_regret: Regret) -> Float[np.ndarray, "*points"]:
    """Sqrt(2 x log-loss regret), an upper bound on the 0-1 regret that follows from Ψ(t) >= t^2 / 2
    and Jensen.
    """
    return np.asarray(np.sqrt(2 * log_regret))


@guarded
def ratio_condition(p: Distributions, logit_bound: LogitBound) -> Bool[np.ndarray, "*points"]:
    """Whether max log(p_i / p_j) <= 2 Λ, so that logits in [-Λ, Λ] reach p; needed from three
    classes on.
    """
    return np.asarray(p.min(axis=-1) >= p.max(axis=-1) * np.exp(-2.0 * logit_bound))


def _log_cosh(x: Float[np.ndarray, "*points"] | float) -> Float[np.ndarray, "*points"]:
    """Log of cosh at x >= 0, exact for small x and without overflow for large x."""
    moderate = np.minimum(x, 1)
    near = np.log1p(2 * np.sinh(moderate / 2) ** 2)
    return np.asarray(np.where(x <= 1, near, x + np.log1p(np.exp(-2 * x)) - np.log(2)))


_TIE_HALVINGS = 64


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
    for _ in range(_TIE_HALVINGS):
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
