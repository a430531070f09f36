"""Expected log loss of Gaussian logits, and the least one of two Gaussian classes. Natural logs.
Derived here.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.naive_bayes_vs_logistic.asymptotic_error import mahalanobis_squared
from theory.naive_bayes_vs_logistic.domains import DefiniteCovariance
from theory_on_trial.contract import NON_NEGATIVE, guarded


@guarded
def expected_log_loss(
    logit_means: Float[np.ndarray, "*points"] | float,
    logit_stds: Annotated[Float[np.ndarray, "*points"] | float, NON_NEGATIVE],
) -> Float[np.ndarray, "*points"]:
    """E log(1 + exp(-Z)) for Z ~ N(mean, std^2), elementwise; error about 1e-15 (1 + |mean| + std).

    Both branches are trapezoidal sums of functions analytic in |Im z| < π, hence accurate to
    rounding. Up to std = 1 the integrand is the loss itself. Beyond, it is the loss less a hinge
    smoothed by a unit Gaussian, which is local around zero on a scale that the logits' spread does
    not change; the smoothed hinge has a closed form.
    """
    means, stds = np.broadcast_arrays(logit_means, logit_stds)
    deviates = np.arange(-20, 21) * 0.45
    weights = np.exp(-(deviates**2) / 2)
    narrow = np.logaddexp(0, -means[..., None] - np.minimum(stds, 1)[..., None] * deviates) @ (
        weights / weights.sum()
    )

    step = 0.45
    logits = np.arange(-90, 91) * step
    local = np.logaddexp(0, -logits) - _smoothed_hinge(logits, np.ones_like(logits))
    wide_stds = np.maximum(stds, 1)
    densities = np.exp(-(((logits - means[..., None]) / wide_stds[..., None]) ** 2) / 2) / np.sqrt(
        2 * np.pi
    )
    wide = _smoothed_hinge(means, np.hypot(1, wide_stds)) + step * (densities @ local) / wide_stds
    return np.asarray(np.where(stds <= 1, narrow, wide))


@guarded
def bayes_log_loss(means: Float[np.ndarray, "2 features"], covariance: DefiniteCovariance) -> float:
    """Least mean log loss of two classes of equal priors, of log odds N(Δ^2 / 2, Δ^2) in favour of
    the class.
    """
    squared_distance = mahalanobis_squared(means[1] - means[0], covariance)
    return float(expected_log_loss(squared_distance / 2, float(np.sqrt(squared_distance))))


def _smoothed_hinge(
    means: Float[np.ndarray, "*points"] | float, stds: Float[np.ndarray, "*points"] | float
) -> Float[np.ndarray, "*points"]:
    """E max(-Z, 0) for Z ~ N(mean, std^2)."""
    from scipy.special import ndtr

    ratio = means / stds
    return np.asarray(stds * np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi) - means * ndtr(-ratio))
