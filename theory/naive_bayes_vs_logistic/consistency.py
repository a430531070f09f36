"""From log-loss regret to 0-1 regret: the consistency transform of the multiclass logistic loss.

Logs are natural. With p the true posterior and q the predicted one at a point, KL(p || q) is the conditional log-loss
regret wherever the best scores in the class reach p. Bounds of this kind are the subject of arXiv 2302.02334; this
transform and its extension to any number of classes are derived here. Arrays may have any leading axes and the classes
are on the last; values out of range raise `ValueError`.
"""

import numpy as np
from jaxtyping import Bool, Float

from theory.naive_bayes_vs_logistic._validation import check_distributions, check_logit_bound
from theory_on_trial.arguments.theory import validated

_HALVINGS = 56


@validated
def consistency_transform(
    t: Float[np.ndarray, "*points"] | float | int, logit_bound: float | int = np.inf
) -> Float[np.ndarray, "*points"]:
    """Psi_Lambda(t) = sup_{0 <= lambda <= Lambda} (lambda t - log cosh lambda) for t in [0, 1].

    Without a bound on the logits, Psi(t) = (1 + t)/2 log(1 + t) + (1 - t)/2 log(1 - t) >= t^2 / 2, with
    Psi(1) = log 2; with one, the two agree for t <= tanh(Lambda) and Psi_Lambda is a straight line beyond. The least
    log-loss regret of two classes whose 0-1 regret is t. Relative error about 1e-15.
    """
    check_logit_bound(logit_bound)
    t = np.asarray(t, dtype=float)
    if not np.all((t >= 0) & (t <= 1)):
        raise ValueError(f"t must be in [0, 1], got {t}")
    maximiser = np.minimum(np.arctanh(np.minimum(t, 1 - 2.0**-53)), logit_bound)
    saturated = np.log(2) - np.log1p(np.exp(-2 * maximiser)) - maximiser * (1 - t)  # no large terms that cancel
    return np.asarray(np.where(maximiser <= 1, maximiser * t - _log_cosh(maximiser), saturated))


@validated
def consistency_transform_inverse(
    z: Float[np.ndarray, "*points"] | float | int, logit_bound: float | int = np.inf
) -> Float[np.ndarray, "*points"]:
    """Gamma_Lambda(z): the largest t in [0, 1] with Psi_Lambda(t) <= z, for z >= 0; the 0-1 regret that z allows.

    It equals inf_{0 < lambda <= Lambda} (z + log cosh lambda) / lambda as long as that is at most one.
    """
    z = _check_regret("z", z)
    curved_end = consistency_transform(float(np.tanh(logit_bound)), logit_bound)
    lower = np.minimum(np.sqrt(z / np.log(2)), 1)  # t^2 / 2 <= Psi(t) <= t^2 log 2
    upper = np.minimum(np.sqrt(2 * z), 1)
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        reached = consistency_transform(middle) <= z
        lower, upper = np.where(reached, middle, lower), np.where(reached, upper, middle)
    if np.isinf(logit_bound):
        return np.asarray(np.where(z >= curved_end, 1.0, lower))
    straight = (z + _log_cosh(float(logit_bound))) / logit_bound
    return np.asarray(np.minimum(np.where(z <= curved_end, lower, straight), 1))


@validated
def kl_divergence(
    p: Float[np.ndarray, "*points classes"], q: Float[np.ndarray, "*points classes"]
) -> Float[np.ndarray, "*points"]:
    """KL(p || q) = sum_k p_k log(p_k / q_k), infinite where q misses a class of p. Both must sum to one."""
    from scipy.special import rel_entr

    check_distributions("p", p)
    check_distributions("q", q)
    return np.asarray(rel_entr(p, q).sum(axis=-1))


@validated
def top_two_kl_bound(
    p: Float[np.ndarray, "*points classes"], q: Float[np.ndarray, "*points classes"]
) -> Float[np.ndarray, "*points"]:
    """(p_a + p_b) Psi((p_a - p_b) / (p_a + p_b)) <= KL(p || q), a and b the most probable classes of p and q.

    Equal where q_a = q_b = (p_a + p_b) / 2 and q = p elsewhere; at least Psi(p_a - p_b). Both must sum to one.
    """
    check_distributions("p", p)
    check_distributions("q", q)
    best = p.max(axis=-1)
    chosen = np.take_along_axis(p, q.argmax(axis=-1, keepdims=True), axis=-1)[..., 0]
    return np.asarray((best + chosen) * consistency_transform((best - chosen) / (best + chosen)))


@validated
def zero_one_regret_bound(log_regret: Float[np.ndarray, "*points"] | float | int) -> Float[np.ndarray, "*points"]:
    """Sqrt(2 x log-loss regret), an upper bound on the 0-1 regret that follows from Psi(t) >= t^2 / 2 and Jensen."""
    return np.asarray(np.sqrt(2 * _check_regret("log_regret", log_regret)))


@validated
def ratio_condition(p: Float[np.ndarray, "*points classes"], logit_bound: float | int) -> Bool[np.ndarray, "*points"]:
    """Whether max_{i,j} log(p_i / p_j) <= 2 Lambda, so that logits in [-Lambda, Lambda] reach the posterior p.

    Without it no bound on the 0-1 regret holds from three classes on, see `box_minimiser`. p must sum to one.
    """
    check_logit_bound(logit_bound)
    check_distributions("p", p)
    return np.asarray(p.min(axis=-1) >= p.max(axis=-1) * np.exp(-2.0 * logit_bound))


def _check_regret(name: str, regret: Float[np.ndarray, "*points"] | float | int) -> Float[np.ndarray, "*points"]:
    values = np.asarray(regret, dtype=float)
    if not np.all(values >= 0):
        raise ValueError(f"{name} must be non-negative, got {regret}")
    return values


def _log_cosh(x: Float[np.ndarray, "*points"] | float) -> Float[np.ndarray, "*points"]:
    """Log of cosh at x >= 0, exact for small x and without overflow for large x."""
    moderate = np.minimum(x, 1)
    near = np.log1p(2 * np.sinh(moderate / 2) ** 2)
    return np.asarray(np.where(x <= 1, near, x + np.log1p(np.exp(-2 * x)) - np.log(2)))
