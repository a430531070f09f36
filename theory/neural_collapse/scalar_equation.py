"""The scalar problem to which every direction of the data reduces: min over x >= 0 of 1 / (1 + x^M)
+ β x.

The singular value of the fitted matrix is a fraction x^M / (1 + x^M) of that of the data; M is the
depth. Stationary points solve β = M x^(M-1) / (1 + x^M)^2, the equation solved by the code
published with Dang et al. 2023 (arXiv 2301.00437); the choice between them is derived here. `beta`
is the strength of decay that a direction feels, infinite for one without data, and `depth` is M.
Results have the shape of the argument, zero-dimensional for a scalar.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Shaped

from theory.neural_collapse.domains import Depth, Root, Strength
from theory.neural_collapse.thresholds import existence_threshold, global_threshold
from theory_on_trial.contract import Interval, guarded

_HALVINGS = 64  # a bracket of log(x^M), below 2^11 wide, shrinks below its last place


@guarded
def largest_root(beta: Strength, depth: Depth) -> Float[np.ndarray, "*directions"]:
    """Largest non-negative root x of β = M x^(M-1) / (1 + x^M)^2; NaN beyond `existence_threshold`:
    no root.

    By bisection in log(x^M), beyond the peak x^M = (M-1)/(M+1) of the right side.

    >>> largest_root([0.25, 0.5, 0.7], 2).round(4)
    array([1.6085, 1.    ,    nan])
    """
    strength = np.asarray(beta)
    exists = strength <= existence_threshold(depth)
    log_beta = np.log(np.where(exists, strength, 1))
    if depth == 1:
        return np.asarray(np.where(exists, np.expm1(-log_beta / 2), np.nan))
    lower = np.full(strength.shape, np.log((depth - 1) / (depth + 1)))
    upper = np.maximum(lower, (np.log(depth) - log_beta) / (1 + 1 / depth))
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        root_is_above = (
            np.log(depth) + (1 - 1 / depth) * middle - 2 * np.logaddexp(0, middle) > log_beta
        )
        lower = np.where(root_is_above, middle, lower)
        upper = np.where(root_is_above, upper, middle)
    return np.asarray(np.where(exists, np.exp((lower + upper) / (2 * depth)), np.nan))


@guarded
def global_root(beta: Strength, depth: Depth) -> Float[np.ndarray, "*directions"]:
    """Global minimiser x of the scalar objective: `largest_root` below `global_threshold`, zero
    from there on.
    """
    strength = np.asarray(beta)
    alive = strength < global_threshold(depth)
    return np.asarray(np.where(alive, largest_root(np.where(alive, strength, 1), depth), 0))


@guarded
def shrinkage(root: Root, depth: Depth) -> Float[np.ndarray, "*directions"]:
    """Fraction x^M / (1 + x^M) in [0, 1) of the data's singular value that the fit keeps, for a
    root x >= 0.
    """
    from scipy.special import expit

    return np.asarray(expit(depth * _log_of_root(root)))


@guarded
def scalar_objective(x: Root, beta: Strength, depth: Depth) -> Float[np.ndarray, "*directions"]:
    """1 / (1 + x^M) + β x for x >= 0, one at x = 0; the loss and the decays of a direction in units
    of n / (2 N).
    """
    from scipy.special import expit

    decay = np.multiply(beta, x, out=np.zeros(np.broadcast(beta, x).shape), where=np.asarray(x) > 0)
    return np.asarray(expit(-depth * _log_of_root(x)) + decay)


@guarded
def regime(
    beta: Strength, depth: Depth, tie: Annotated[float, Interval(0, 1, "[)")] = 1e-6
) -> Shaped[np.ndarray, "*directions"]:
    """Name of the regime of every β: where the non-zero solution stands against zero.

    "global": the only global minimiser. "tie": β is within a fraction `tie` of `global_threshold`,
    with zero another. "metastable": it is a local minimiser, zero the global one. "trivial": zero
    is the only stationary point.
    """
    strength = np.asarray(beta)
    threshold = global_threshold(depth)
    names = np.where(strength < threshold, "global", "metastable")
    names = np.where(strength > existence_threshold(depth), "trivial", names)
    return np.asarray(np.where(np.abs(strength / threshold - 1) <= tie, "tie", names))


def _log_of_root(root: Root) -> Float[np.ndarray, "*directions"]:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(root))
