"""The loss of VICReg (Bardes et al. 2022) and its value when all embeddings coincide.

An invariance term (mean squared distance of the two views), a variance term (a hinge on the standard deviations) and a
covariance term (squared off-diagonals), the last two summed over both views; public implementations average the
variance term instead, which `halve_variance` does. Defaults are the published weights, recalled and not re-read.
"""

import numpy as np
from jaxtyping import Float

from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_finite, check_non_negative


@validated
def vicreg_loss(
    first: Float[np.ndarray, "samples dim"],
    second: Float[np.ndarray, "samples dim"],
    *,
    invariance: float | int = 25,
    variance: float | int = 25,
    covariance: float | int = 1,
    target: float | int = 1,
    epsilon: float | int = 1e-4,
    halve_variance: bool = False,
) -> float:
    """Loss of at least two pairs of embeddings, with weights lambda, mu, nu and the `target` gamma of the deviations.

    The hinge is max(0, gamma - sqrt(Var + epsilon)), averaged over dimensions; the squared off-diagonal covariances are
    divided by the dimension; moments are unbiased. `ValueError` for values out of range.
    """
    check_non_negative("invariance", invariance)
    check_non_negative("covariance", covariance)
    _check_hinge(variance, target, epsilon)
    check_finite("first", first)
    check_finite("second", second)
    if len(first) < 2:
        raise ValueError(f"first must hold at least two samples, got {len(first)}")
    hinge, correlation = 0.0, 0.0
    for view in (first, second):
        moments = np.atleast_2d(np.cov(view, rowvar=False))
        variances = np.diag(moments)
        hinge += float(np.mean(np.maximum(0, target - np.sqrt(variances + epsilon))))
        correlation += float(np.sum((moments - np.diag(variances)) ** 2)) / view.shape[1]
    distance = float(np.mean(np.sum((first - second) ** 2, axis=1)))
    return float(invariance * distance + variance * hinge / (2 if halve_variance else 1) + covariance * correlation)


@validated
def vicreg_collapse_value(
    *,
    variance: float | int = 25,
    target: float | int = 1,
    epsilon: float | int = 1e-4,
    halve_variance: bool = False,
) -> float:
    """2 mu max(0, gamma - sqrt(epsilon)), or half of it: the loss when all embeddings of both views are one point."""
    _check_hinge(variance, target, epsilon)
    return (1 if halve_variance else 2) * variance * max(0.0, target - float(np.sqrt(epsilon)))


def _check_hinge(variance: float | int, target: float | int, epsilon: float | int) -> None:
    check_non_negative("variance", variance)
    check_non_negative("target", target)
    check_non_negative("epsilon", epsilon)
