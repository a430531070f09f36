"""The expected error of naive Bayes after a finite sample of Gaussian classes, exactly; the
efficiency of logistic regression; and the least log loss.

Two classes N(μ_k, Σ) have equal priors, Σ is diagonal and known, and each class has m / 2 training
samples. The rule plugs in the two sample means. Its error depends only on n = `n_features`, m =
`n_samples` (a real number of at least 2) and Δ^2 = `squared_distance` = (μ_1 - μ_0)^T Σ^-1 (μ_1 -
μ_0). The means of several classes form a simplex: every two are at the distance Δ, the priors are
equal, each class has equally many samples, and features are independent and of variance one. The
efficiency of logistic regression is the limit, as m grows, of a ratio of excess errors: that of
linear discriminant analysis over that of maximum-likelihood logistic regression. Logs are natural.
Derived here, for the setting of the code released with arXiv 2302.02334.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.naive_bayes_vs_logistic.domains import (
    Classes,
    DefiniteCovariance,
    Features,
    TrainingSize,
)
from theory.naive_bayes_vs_logistic.linear_rules import mahalanobis_squared
from theory_on_trial.contract import Interval, NonNegative, Positive, guarded, require

_STEP = 1 / 8
_NODES = 336  # the integrand has fallen below 1e-17 of its peak after 42 units even for one feature


@guarded
def naive_bayes_expected_error(
    n_features: Features, n_samples: TrainingSize, squared_distance: NonNegative
) -> float:
    """Return the error probability of naive Bayes, averaged over training sets, in (0, 1/2].

    It is E Φ(-a (Δ + τ z) / sqrt((Δ + τ z)^2 + τ^2 r)) with a = Δ / (2 sqrt(1 + 1/m)), τ = 2 /
    sqrt(m), z ~ N(0, 1) and r ~ χ^2_{n-1}; Φ is the normal distribution function. The relative
    error is about 1e-13.

    The rule errs where the inner product of two independent Gaussian vectors is negative. This
    product is a difference of two noncentral chi-squares of n degrees of freedom. Its distribution
    function at zero is the inverse Laplace transform 1 / (2 π i) int (1 - x^2)^(-n/2) exp((s x^2 -
    p x) / (1 - x^2)) dx / x, with s = (ν^2 + a^2) / 2, p = ν a and ν = Δ sqrt(m) / 2. The line of
    integration runs upwards between the pole at 0 and the branch point at 1, through the saddle
    point. With the sinh rule the trapezoidal sum converges exponentially in the step.

    >>> [round(naive_bayes_expected_error(5, m, 4), 10) for m in (4, 100)]
    [0.2786355715, 0.1646961791]
    """
    from scipy.optimize import brentq
    from scipy.special import log1p

    squared_a = squared_distance / (4 * (1 + 1 / n_samples))
    squared_nu = squared_distance * n_samples / 4
    s = (squared_nu + squared_a) / 2
    p = np.sqrt(squared_nu * squared_a)

    def scaled_slope(x: complex | float) -> complex | float:
        """Return the derivative of the log integrand times x (1 - x^2)^2, which vanishes at the
        saddle point only.
        """
        gap = 1 - x**2
        return (n_features + 1) * x**2 * gap - gap + x * (2 * s * x - p * (1 + x**2))

    saddle = float(brentq(scaled_slope, 0, 1 - 1e-9, xtol=1e-300, rtol=1e-6))
    imaginary = 1e-100  # a complex step: the imaginary part is the derivative, without cancellation
    curvature = (
        scaled_slope(complex(saddle, imaginary)).imag / imaginary / (saddle * (1 - saddle**2) ** 2)
    )
    width = 1 / np.sqrt(curvature)
    steps = _STEP * np.arange(_NODES)
    x = saddle + 1j * width * np.sinh(steps)
    log_integrand = -n_features / 2 * log1p(-(x**2)) + (s * x**2 - p * x) / (1 - x**2) - np.log(x)
    peak = log_integrand[0].real
    terms = np.real(np.exp(log_integrand - peak)) * np.cosh(steps)
    log_error = peak + np.log(_STEP * width / np.pi * (terms.sum() - terms[0] / 2))
    # 1 / 2, where the classes coincide, is met to rounding
    return float(np.exp(min(log_error, np.log(0.5))))


@guarded
def naive_bayes_expected_error_large_n(
    n_features: Features, n_samples: TrainingSize, squared_distance: NonNegative
) -> float:
    """Return the limiting form of `naive_bayes_expected_error` as n grows: Φ(-Δ^2 / (2 sqrt((Δ^2 +
    4 n / m) (1 + 1 / m)))), where Φ is the normal distribution function.
    """
    from scipy.special import ndtr

    noise = (squared_distance + 4 * n_features / n_samples) * (1 + 1 / n_samples)
    return float(ndtr(-squared_distance / (2 * np.sqrt(noise))))


@guarded
def simplex_bayes_error(n_classes: Classes, distance: NonNegative) -> float:
    """Return the least error of any rule for K classes of a simplex: 1 - ∫ φ(t) Φ(t + Δ / √2)^(K -
    1) dt, with φ and Φ the normal density and distribution function, to about 1e-13.

    Means at the distance Δ = `distance` may be taken as orthogonal, of length Δ / √2. Then the
    scores of x are independent and normal, and that of its own class is Δ / √2 ahead of the others.

    >>> [round(simplex_bayes_error(classes, 3.0), 6) for classes in (2, 3, 5)]
    [0.066807, 0.115291, 0.184871]
    """
    from scipy.integrate import quad
    from scipy.special import log_ndtr

    others = n_classes - 1

    def lost(t: float) -> float:
        """Return the density of the class's own score, times the chance that another score is
        larger.
        """
        return float(np.exp(-(t**2) / 2) * -np.expm1(others * log_ndtr(t + distance / np.sqrt(2))))

    return float(quad(lost, -12, 12, epsabs=1e-14, epsrel=1e-13, limit=200)[0] / np.sqrt(2 * np.pi))


@guarded
def simplex_expected_error_large_n(
    n_classes: Classes, distance: NonNegative, per_feature: Positive
) -> float:
    """Return the limit of the mean error of naive Bayes on the K classes of a simplex, as n grows
    and m = `per_feature` n. It is the Bayes error of a simplex at the distance Δ² / sqrt(Δ² + 2 K n
    / m).

    Differences of the scores keep their means, multiples of Δ² / 2. The noise of the K estimated
    means adds 2 K n / m to their variances Δ², with the same correlations.

    >>> round(simplex_expected_error_large_n(2, 2.0, 4.0), 6)
    0.185547
    """
    noise = 2 * n_classes / per_feature
    effective = distance**2 / np.hypot(distance, np.sqrt(noise))
    return simplex_bayes_error(n_classes, float(effective))


@guarded
def simplex_samples_per_feature(n_classes: Classes, distance: Positive, excess: Positive) -> float:
    """Return the limit of m / n, as n grows, at which the mean error of naive Bayes exceeds the
    Bayes error by `excess`. It is 2 K / (Δ⁴ / D² - Δ²), where D is the distance of a simplex whose
    Bayes error is the sum of the two.

    Raises ValueError for an excess with which the error is at least that of guessing, since no
    distance D has it.

    >>> [round(simplex_samples_per_feature(classes, 3.0, 0.02), 2) for classes in (2, 3, 5)]
    [2.06, 5.04, 12.28]
    """
    from scipy.optimize import brentq

    target = simplex_bayes_error(n_classes, distance) + excess
    guessing = 1 - 1 / n_classes
    require(
        target < guessing,
        f"excess must keep the error below {guessing:.3g}, the error of guessing, got {excess}",
    )
    with_error = brentq(
        lambda shorter: simplex_bayes_error(n_classes, shorter) - target, 0.0, distance, xtol=1e-13
    )
    return float(2 * n_classes / (distance**4 / with_error**2 - distance**2))


_FARTHEST = 1e4  # the number of terms grows with it


@guarded
def logistic_relative_efficiency(
    distance: Annotated[float, Interval(0, _FARTHEST, why="beyond, the efficiency is zero")],
) -> float:
    """Return the efficiency of logistic regression relative to LDA if the labels are i.i.d., in [0,
    1]: (1 + Δ^2 / 4) A(Δ) with A = exp(-Δ^2 / 8) E 1 / cosh(Δ X / 2) and X ~ N(0, 1). It is one at
    Δ = 0.

    It holds for any number of features; LDA must estimate the prior, too. Source: Efron 1975. The
    relative error is about 1e-15.

    >>> [round(logistic_relative_efficiency(distance), 3) for distance in (1, 2, 3, 4)]
    [0.995, 0.899, 0.641, 0.343]
    """
    points, weights = _normal_rule(distance)
    half_logits = np.abs(distance * points / 2)
    log_cosh = half_logits + np.log1p(np.expm1(-2 * half_logits) / 2)
    overlap = weights @ np.exp(-(distance**2) / 8 - log_cosh)
    return float(min(1.0, (1 + distance**2 / 4) * overlap))


@guarded
def bayes_log_loss(means: Float[np.ndarray, "2 features"], covariance: DefiniteCovariance) -> float:
    """Return the least mean log loss of any rule for two classes of equal priors, in nats, with an
    error of about 1e-15.

    It is E log(1 + exp(-Z)), where the log odds Z in favour of the true class are N(Δ^2 / 2, Δ^2),
    with Δ^2 the squared Mahalanobis distance of the two `means`.
    """
    distance = float(np.sqrt(mahalanobis_squared(means[1] - means[0], covariance)))
    if distance > 80:  # the loss, which falls like exp(-Δ^2 / 8), is beneath the least float
        return 0.0
    points, weights = _normal_rule(distance)
    return float(weights @ np.logaddexp(0, -(distance**2) / 2 - distance * points))


def _normal_rule(
    distance: float,
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """Return points and weights of a trapezoidal rule for E f(X), X ~ N(0, 1), that is accurate to
    rounding where f has its singularities at a distance of π / Δ from the real axis or more.
    """
    half_width = 9.0  # beyond, the normal density is below 1e-18
    step = 1 / (2 * (1 + distance))
    points = np.arange(-np.ceil(half_width / step), np.ceil(half_width / step) + 1) * step
    return points, step * np.exp(-(points**2) / 2) / np.sqrt(2 * np.pi)
