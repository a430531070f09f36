"""Expected log loss of Gaussian logits: the population log loss of any linear rule for two Gaussian classes.

Natural logs; the two classes have equal priors. Derived here. A covariance that is not symmetric positive semidefinite
with positive variances, and numbers that are not finite, raise `ValueError`.
"""

import numpy as np
from jaxtyping import Float

from theory.naive_bayes_vs_logistic._covariance import between, check_covariance
from theory.naive_bayes_vs_logistic._validation import Covariance, check_means
from theory.naive_bayes_vs_logistic.asymptotic_error import mahalanobis_squared
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_finite


@validated
def expected_log_loss(
    logit_means: Float[np.ndarray, "*points"] | float | int, logit_stds: Float[np.ndarray, "*points"] | float | int
) -> Float[np.ndarray, "*points"]:
    """E log(1 + exp(-Z)) for Z ~ N(mean, std^2), std >= 0, elementwise; error about 1e-15 (1 + |mean| + std).

    Both branches are trapezoidal sums of functions analytic in |Im z| < pi, hence accurate to rounding. Up to std = 1
    the integrand is the loss itself. Beyond, it is the loss less a hinge smoothed by a unit Gaussian, which is local
    around zero on a scale that the logits' spread does not change; the smoothed hinge has a closed form.
    """
    means, stds = np.broadcast_arrays(np.asarray(logit_means, dtype=float), np.asarray(logit_stds, dtype=float))
    check_finite("logit_means", means)
    if not (np.all(np.isfinite(stds)) and np.all(stds >= 0)):
        raise ValueError(f"logit_stds must be finite and non-negative, got {logit_stds}")
    deviates = np.arange(-20, 21) * 0.45
    weights = np.exp(-(deviates**2) / 2)
    narrow = np.logaddexp(0, -means[..., None] - np.minimum(stds, 1)[..., None] * deviates) @ (weights / weights.sum())

    step = 0.45
    logits = np.arange(-90, 91) * step
    local = np.logaddexp(0, -logits) - _smoothed_hinge(logits, np.ones_like(logits))
    wide_stds = np.maximum(stds, 1)
    densities = np.exp(-(((logits - means[..., None]) / wide_stds[..., None]) ** 2) / 2) / np.sqrt(2 * np.pi)
    wide = _smoothed_hinge(means, np.hypot(1, wide_stds)) + step * (densities @ local) / wide_stds
    return np.asarray(np.where(stds <= 1, narrow, wide))


@validated
def population_log_loss(
    weights: Float[np.ndarray, " features"],
    intercept: float | int,
    means: Float[np.ndarray, "classes features"],
    covariance: Covariance,
) -> float:
    """Mean log loss of the logit w . x + b of class 1 against class 0, where class k is N(mu_k, Sigma), k = 0, 1.

    `means` has two rows; `covariance` is Sigma, or the vector of its diagonal.
    """
    check_finite("weights", weights)
    check_finite("intercept", np.asarray(float(intercept)))
    _check_two_classes(means)
    check_covariance(covariance, means.shape[1])
    logits = means @ weights + intercept
    spread = float(np.sqrt(between(covariance, weights[None])[0, 0]))
    return float(np.mean(expected_log_loss(np.array([-logits[0], logits[1]]), spread)))


@validated
def bayes_log_loss(means: Float[np.ndarray, "classes features"], covariance: Covariance) -> float:
    """Least mean log loss of two classes: that of the true log odds, N(Delta^2 / 2, Delta^2) in favour of the class.

    `ValueError` also if the covariance is singular.
    """
    _check_two_classes(means)
    squared_distance = mahalanobis_squared(means[1] - means[0], covariance)
    return float(expected_log_loss(squared_distance / 2, float(np.sqrt(squared_distance))))


def _smoothed_hinge(
    means: Float[np.ndarray, "*points"] | float, stds: Float[np.ndarray, "*points"] | float
) -> Float[np.ndarray, "*points"]:
    """E max(-Z, 0) for Z ~ N(mean, std^2)."""
    from scipy.special import ndtr

    ratio = means / stds
    return np.asarray(stds * np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi) - means * ndtr(-ratio))


def _check_two_classes(means: Float[np.ndarray, "classes features"]) -> None:
    check_means(means)
    if len(means) != 2:
        raise ValueError(f"means must have exactly 2 rows, one per class, got {len(means)}")
