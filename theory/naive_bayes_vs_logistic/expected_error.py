"""The expected error of naive Bayes fitted to a finite sample of two Gaussian classes, exactly.

Two classes N(μ_k, Σ) of equal priors with Σ diagonal and known, m / 2 training samples in each; the
rule plugs the two sample means in. Its error depends on n = `n_features`, m = `n_samples` (real, at
least 2) and `squared_distance`, that is Δ^2 = (μ_1 - μ_0)^T Σ^-1 (μ_1 - μ_0), only. Derived here,
for the setting of the code released with arXiv 2302.02334.
"""

import numpy as np

from theory.naive_bayes_vs_logistic.domains import Features, TrainingSize
from theory_on_trial.contract import NonNegative, guarded

_STEP = 1 / 8
_NODES = 336  # the integrand has fallen below 1e-17 of its peak after 42 units even for one feature


@guarded
def naive_bayes_expected_error(
    n_features: Features, n_samples: TrainingSize, squared_distance: NonNegative
) -> float:
    """Mean over training sets of the error probability, in (0, 1/2]; relative error about 1e-13.

    E Φ(-a (Δ + τ z) / sqrt((Δ + τ z)^2 + τ^2 r)), a = Δ / (2 sqrt(1 + 1/m)), τ = 2 / sqrt(m), r ~
    χ^2_{n-1}.

    >>> [round(naive_bayes_expected_error(5, m, 4), 10) for m in (4, 100)]
    [0.2786355715, 0.1646961791]
    """
    return float(np.exp(naive_bayes_log_expected_error(n_features, n_samples, squared_distance)))


@guarded
def naive_bayes_log_expected_error(
    n_features: Features, n_samples: TrainingSize, squared_distance: NonNegative
) -> float:
    """Natural log of `naive_bayes_expected_error`, also where that underflows; relative error about
    1e-13.

    The rule errs where the inner product of two independent Gaussian vectors is negative: a
    difference of two noncentral chi-squares of n degrees of freedom, whose distribution function at
    zero is the inverse Laplace transform 1 / (2 π i) int (1 - x^2)^(-n/2) exp((s x^2 - p x) / (1 -
    x^2)) dx / x, s = (ν^2 + a^2) / 2, p = ν a, ν = Δ sqrt(m) / 2, upwards between the pole at 0 and
    the branch point at 1. The line runs through the saddle point; the sinh rule makes the
    trapezoidal sum converge exponentially in the step.
    """
    from scipy.optimize import brentq
    from scipy.special import log1p

    squared_a = squared_distance / (4 * (1 + 1 / n_samples))
    squared_nu = squared_distance * n_samples / 4
    s = (squared_nu + squared_a) / 2
    p = np.sqrt(squared_nu * squared_a)

    def scaled_slope(x: complex | float) -> complex | float:
        """The derivative of the log integrand times x (1 - x^2)^2, which vanishes at the saddle
        point only.
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
    return float(
        min(log_error, np.log(0.5))
    )  # 1 / 2, where the classes coincide, is met to rounding


@guarded
def naive_bayes_expected_error_large_n(
    n_features: Features, n_samples: TrainingSize, squared_distance: NonNegative
) -> float:
    """Φ(-Δ^2 / (2 sqrt((Δ^2 + 4 n / m)(1 + 1 / m)))): what the exact law tends to as n grows."""
    from scipy.special import ndtr

    noise = (squared_distance + 4 * n_features / n_samples) * (1 + 1 / n_samples)
    return float(ndtr(-squared_distance / (2 * np.sqrt(noise))))
