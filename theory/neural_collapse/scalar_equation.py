"""The scalar problem to which every direction of the data reduces: min over x >= 0 of 1 / (1 + x^M) + beta x.

The singular value of the fitted matrix is a fraction x^M / (1 + x^M) of that of the data; M is the depth. Stationary
points solve beta = M x^(M-1) / (1 + x^M)^2, the equation solved by the code published with Dang et al. 2023
(arXiv 2301.00437); the choice between them is derived here. Arguments that are not positive raise `ValueError`; beta
may be infinite (a direction without data). Results have the shape of the argument, zero-dimensional for a scalar.
"""

import numpy as np
from jaxtyping import Float, Shaped

from theory.neural_collapse.thresholds import existence_threshold, global_threshold
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_at_least

_HALVINGS = 64  # a bracket of log(x^M), below 2^11 wide, shrinks below its last place


@validated
def largest_root(beta: Float[np.ndarray, "*betas"] | float | int, depth: int) -> Float[np.ndarray, "*betas"]:
    """Largest non-negative root x of beta = M x^(M-1) / (1 + x^M)^2; NaN beyond `existence_threshold`: no root.

    Found by bisection in log(x^M), on the side of its peak x^M = (M-1)/(M+1) where the right side decreases; at M = 1
    it is beta^(-1/2) - 1. `depth` is M.
    """
    check_at_least("depth", depth, 1)
    strength = _checked_strength(beta)
    exists = strength <= existence_threshold(depth)
    log_beta = np.log(np.where(exists, strength, 1))
    if depth == 1:
        return np.asarray(np.where(exists, np.expm1(-log_beta / 2), np.nan))
    lower = np.full(strength.shape, np.log((depth - 1) / (depth + 1)))
    upper = np.maximum(lower, (np.log(depth) - log_beta) / (1 + 1 / depth))
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        root_is_above = np.log(depth) + (1 - 1 / depth) * middle - 2 * np.logaddexp(0, middle) > log_beta
        lower = np.where(root_is_above, middle, lower)
        upper = np.where(root_is_above, upper, middle)
    return np.asarray(np.where(exists, np.exp((lower + upper) / (2 * depth)), np.nan))


@validated
def global_root(beta: Float[np.ndarray, "*betas"] | float | int, depth: int) -> Float[np.ndarray, "*betas"]:
    """Global minimiser x of the scalar objective: the largest root below `global_threshold`, zero from there on.

    Exactly at the threshold both are minimisers, and zero is returned. `depth` is M.
    """
    strength = _checked_strength(beta)
    alive = strength < global_threshold(depth)
    return np.asarray(np.where(alive, largest_root(np.where(alive, strength, 1), depth), 0))


@validated
def shrinkage(root: Float[np.ndarray, "*roots"] | float | int, depth: int) -> Float[np.ndarray, "*roots"]:
    """Fraction x^M / (1 + x^M) in [0, 1) of the data's singular value that the fit keeps, for a root x >= 0."""
    from scipy.special import expit

    check_at_least("depth", depth, 1)
    return np.asarray(expit(depth * _log_of_root("root x", root)))


@validated
def scalar_objective(
    x: Float[np.ndarray, "*roots"] | float | int, beta: Float[np.ndarray, "*roots"] | float | int, depth: int
) -> Float[np.ndarray, "*roots"]:
    """1 / (1 + x^M) + beta x for x >= 0, one at x = 0; the loss and the decays of a direction in units of n / (2 N)."""
    from scipy.special import expit

    check_at_least("depth", depth, 1)
    log_root = _log_of_root("x", x)
    decay = np.multiply(_checked_strength(beta), x, out=np.zeros(np.broadcast(beta, x).shape), where=np.asarray(x) > 0)
    return np.asarray(expit(-depth * log_root) + decay)


@validated
def regime(
    beta: Float[np.ndarray, "*betas"] | float | int, depth: int, tie: float | int = 1e-6
) -> Shaped[np.ndarray, "*betas"]:
    """Name of the regime of every beta: where the non-zero solution stands against zero.

    "global": it is the only global minimiser. "tie": beta is within a fraction `tie` of `global_threshold`, and both
    are minimisers as far as such a difference can be told. "metastable": it is a local minimiser, zero the global one.
    "trivial": zero is the only stationary point.
    """
    strength = _checked_strength(beta)
    if not 0 <= tie < 1:
        raise ValueError(f"tie must be a relative tolerance in [0, 1), got {tie}")
    threshold = global_threshold(depth)
    names = np.where(strength < threshold, "global", "metastable")
    names = np.where(strength > existence_threshold(depth), "trivial", names)
    return np.asarray(np.where(np.abs(strength / threshold - 1) <= tie, "tie", names))


def _checked_strength(beta: Float[np.ndarray, "*betas"] | float | int) -> Float[np.ndarray, "*betas"]:
    strength = np.asarray(beta, dtype=float)
    if not np.all(strength > 0):
        raise ValueError(f"beta must be positive, got {beta}")
    return strength


def _log_of_root(name: str, root: Float[np.ndarray, "*roots"] | float | int) -> Float[np.ndarray, "*roots"]:
    value = np.asarray(root, dtype=float)
    if not np.all((value >= 0) & np.isfinite(value)):
        raise ValueError(f"{name} must be finite and non-negative, got {root}")
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(value))
