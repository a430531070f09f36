"""The step from log-loss regret to 0-1 regret: the consistency transform of the multiclass logistic
loss, and the best logits in a box, where the loss cannot distinguish some classes.

Logs are natural. p is the true posterior and q the predicted one at a point. Wherever the best
scores in the class reach p, the conditional log-loss regret is KL(p || q). At one point, linear
scores of bounded norm take every value of the box |h_k| <= Λ = `logit_bound`, class by class. The
minimiser of the conditional log loss in this box follows exactly from its Karush-Kuhn-Tucker
conditions. It ties the two most probable classes if their gap is small and a third class exists.
Bounds of this kind are the subject of arXiv 2302.02334; this transform, its extension to any number
of classes and the box are derived here. Arrays may have any leading axes and hold the classes on
the last.
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

Regret = Annotated[Float[np.ndarray, "*points"] | float, NON_NEGATIVE, MAY_BE_INFINITE]
"""A log-loss regret, in nats."""


@guarded
def consistency_transform(
    t: Annotated[Float[np.ndarray, "*points"] | float, UNIT_INTERVAL],
    logit_bound: LogitBound = np.inf,
) -> Float[np.ndarray, "*points"]:
    """Return the least log-loss regret Ψ_Λ(t) that two classes can have if their 0-1 regret is t,
    in nats: the supremum of λ t - log cosh λ over 0 <= λ <= Λ.

    Without a bound it is (1 + t)/2 log(1 + t) + (1 - t)/2 log(1 - t) >= t^2 / 2. With the bound Λ =
    `logit_bound` it is the same for t <= tanh(Λ), and a straight line beyond. The result has the
    shape of t; its relative error is about 1e-15.
    """
    maximiser = np.minimum(np.arctanh(np.minimum(t, 1 - 2.0**-53)), logit_bound)
    # No large terms that cancel
    difference = np.log(2) - np.log1p(np.exp(-2 * maximiser)) - maximiser * (1 - t)
    return np.asarray(np.where(maximiser <= 1, maximiser * t - _log_cosh(maximiser), difference))


@guarded
def kl_divergence(p: Distributions, q: Distributions) -> Float[np.ndarray, "*points"]:
    """Return the divergence KL(p || q) = sum_k p_k log(p_k / q_k) of every point, in nats. It is
    infinite where a class has a probability under p, but none under q.
    """
    from scipy.special import rel_entr

    return np.asarray(rel_entr(p, q).sum(axis=-1))


@guarded
def top_two_kl_bound(p: Distributions, q: Distributions) -> Float[np.ndarray, "*points"]:
    """Return the lower bound (p_a + p_b) Ψ((p_a - p_b) / (p_a + p_b)) on KL(p || q) at every point,
    where a and b are the most probable classes of p and of q, and Ψ is the `consistency_transform`
    without a bound.

    It is attained where q_a = q_b = (p_a + p_b) / 2 and q = p for all other classes. It is at least
    Ψ(p_a - p_b).
    """
    best = p.max(axis=-1)
    choice = np.take_along_axis(p, q.argmax(axis=-1, keepdims=True), axis=-1)[..., 0]
    return np.asarray((best + choice) * consistency_transform((best - choice) / (best + choice)))


@guarded
def zero_one_regret_bound(log_regret: Regret) -> Float[np.ndarray, "*points"]:
    """Return the upper bound sqrt(2 r) on the 0-1 regret, where r is the log-loss regret in nats.
    It follows from Ψ(t) >= t^2 / 2 and Jensen's inequality.
    """
    return np.asarray(np.sqrt(2 * log_regret))


@guarded
def ratio_condition(p: Distributions, logit_bound: LogitBound) -> Bool[np.ndarray, "*points"]:
    """Return whether logits in [-Λ, Λ] can reach p, which is so if log(p_i / p_j) <= 2 Λ for all
    classes i and j. Bounds on the 0-1 regret need it from three classes on.
    """
    return np.asarray(p.min(axis=-1) >= p.max(axis=-1) * np.exp(-2.0 * logit_bound))


def _log_cosh(x: Float[np.ndarray, "*points"] | float) -> Float[np.ndarray, "*points"]:
    """Return log(cosh(x)) for x >= 0, exact for small x and without overflow for large x."""
    moderate = np.minimum(x, 1)
    near = np.log1p(2 * np.sinh(moderate / 2) ** 2)
    return np.asarray(np.where(x <= 1, near, x + np.log1p(np.exp(-2 * x)) - np.log(2)))


_TIE_HALVINGS = 64


class BoxMinimum(NamedTuple):
    """The logits h that minimise -sum_k p_k log softmax_k(h) over the box |h_k| <= Λ, and the
    minimum, in nats.

    By convexity, h is a minimiser if p - softmax(h) is positive only where h_k = Λ, and negative
    only where h_k = -Λ.
    """

    logits: Float[np.ndarray, "*points classes"]
    loss: Float[np.ndarray, "*points"]


@guarded
def box_minimiser(probabilities: Distributions, logit_bound: Positive) -> BoxMinimum:
    """Return the logits that minimise the conditional log loss over the box |h_k| <= Λ, and the
    minimum, for any number of classes. Probabilities may be zero.

    The minimiser is h_k = log p_k + L, clipped to the box, where L solves sum_k exp(h_k) = exp(L).
    If the box holds log p_k + L for many L, the one in its centre is returned.

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
    """Return the gap t of two classes up to which the minimiser over the box ties them at Λ, if
    they have the probabilities (1 + t)/2 and (1 - t)/2 and all other classes have none.

    It is ρ / (2 + ρ) with ρ = (K - 2) exp(-2 Λ), where K = `n_classes` and Λ = `logit_bound`.
    """
    rho = (n_classes - 2) * np.exp(-2 * float(logit_bound))
    return float(rho / (2 + rho))


@guarded
def conditional_regret(
    logits: Float[np.ndarray, "*points classes"],
    probabilities: Distributions,
    logit_bound: Positive,
) -> Float[np.ndarray, "*points"]:
    """Return the conditional log-loss regret of given logits: their log loss less the minimum over
    the box, in nats, at every point.

    It is accurate to 1e-16 of the loss. Raises ValueError for logits outside [-Λ, Λ], where Λ =
    `logit_bound`.
    """
    require(
        np.abs(logits) <= logit_bound,
        f"logits must lie between -logit_bound and logit_bound = {logit_bound}",
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
