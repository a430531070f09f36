"""From log-loss regret to 0-1 regret: the consistency transform of the multiclass logistic loss.

Logs are natural. With p the true posterior and q the predicted one at a point, KL(p || q) is the
conditional log-loss regret wherever the best scores in the class reach p. Bounds of this kind are
the subject of arXiv 2302.02334; this transform and its extension to any number of classes are
derived here. Arrays may have any leading axes and the classes are on the last.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float

from theory.naive_bayes_vs_logistic.domains import Distributions, LogitBound
from theory_on_trial.contract import MAY_BE_INFINITE, NON_NEGATIVE, UNIT_INTERVAL, guarded

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
    difference = (
        np.log(2) - np.log1p(np.exp(-2 * maximiser)) - maximiser * (1 - t)
    )  # no large terms that cancel
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
