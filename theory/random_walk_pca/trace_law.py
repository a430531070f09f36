"""Law of the total variance Tr G of a finite-dimensional trajectory: a weighted sum of chi-square variables.

With isotropic Gaussian steps of total variance one in d dimensions, d Tr G = sum_k lambda_k chi^2_d. For the plain walk
the Laplace transform is closed by Chebyshev's polynomials of the second kind, and tends to that of the Cramér-von Mises
law. Derived here; arXiv 1806.08805 treats the infinite dimension only.
"""

import numpy as np
from jaxtyping import Complex, Float

from theory.random_walk_pca._validation import check_points, check_spectrum
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_positive

_HARDLY_ANY = 1e-12  # of this many degrees of freedom the first order is exact


@validated
def trace_laplace(argument: float | int, n_points: int, dim: float | int) -> float:
    """E exp(-s d Tr G) = (T / U_{T-1}(1 + s))^(d/2) of the walk, for s = `argument` >= 0; in (0, 1].

    d Tr G is the centred sum of squares of a d-dimensional walk whose steps have unit variance in every coordinate.
    `ValueError` if `argument` is negative or not finite, `n_points` < 2 or `dim` is not positive.
    """
    check_points(n_points)
    check_positive("dim", dim)
    _check_argument(argument)
    angle = 2 * np.arcsinh(np.sqrt(argument / 2))
    return float(np.exp(-dim / 2 * (_log_sinhc(n_points * angle) - _log_sinhc(angle))))


@validated
def trace_laplace_limit(argument: float | int, dim: float | int) -> float:
    """Limit (sqrt(2 sigma) / sinh sqrt(2 sigma))^(d/2) of E exp(-sigma d Tr G / T^2), sigma = `argument` >= 0.

    `ValueError` if `argument` is negative or not finite, or `dim` is not positive.
    """
    check_positive("dim", dim)
    _check_argument(argument)
    return float(np.exp(-dim / 2 * _log_sinhc(np.sqrt(2 * argument))))


@validated
def trace_relative_variance(eigenvalues: Float[np.ndarray, " spectrum"], dim: float | int) -> float:
    """Exact Var(Tr G) / E[Tr G]^2 = (2 / d) sum rho_k^2; for the walk (2/d)(2T^2 + 7) / (5 (T^2 - 1)).

    Holds for Gaussian steps of any covariance with d their effective dimension. `ValueError` if the spectrum is empty,
    negative, not finite or all zero, or `dim` is not positive.
    """
    check_positive("dim", dim)
    check_spectrum("eigenvalues", eigenvalues)
    return float(2 / dim * np.sum((eigenvalues / eigenvalues.sum()) ** 2))


@validated
def trace_cdf(
    total: Float[np.ndarray, " totals"], eigenvalues: Float[np.ndarray, " spectrum"], dim: float | int
) -> Float[np.ndarray, " totals"]:
    """P(sum_k lambda_k chi^2_d <= total) for independent chi-squares of `dim` degrees of freedom.

    The absolute error is rounding alone, about 1e-17 (10 + n d) for n eigenvalues. Computed as the inverse Laplace
    transform of prod_k (1 + 2 s lambda_k)^(-d/2) / s, by the trapezoidal rule on a hyperbola through the saddle point
    that bends away from the branch points on the negative axis; the integrand is analytic in a strip about it, so the
    rule converges exponentially (Imhof 1961 integrates along the imaginary axis instead).
    `ValueError` if `total` is not finite, the spectrum is empty, negative, not finite or all zero, or `dim` is not
    positive.
    """
    check_positive("dim", dim)
    check_spectrum("eigenvalues", eigenvalues)
    if not np.all(np.isfinite(total)):
        raise ValueError(f"total must be finite, got {total}")
    weights = 2 * eigenvalues[eigenvalues > 0] / eigenvalues.max()
    probability = np.zeros(total.shape)
    for position in np.flatnonzero(total > 0):
        probability[position] = _invert(float(total[position] / eigenvalues.max()), weights, dim)
    return np.clip(probability, 0, 1)


def _invert(value: float, weights: Float[np.ndarray, " spectrum"], dim: float | int) -> float:
    from scipy.optimize import brentq
    from scipy.special import exp1

    if dim * weights.size < _HARDLY_ANY:
        return float(1 - dim / 2 * np.sum(exp1(value / weights)))
    # Derivative of the log integrand times `point`: negative at 1 / value, positive once every term is bounded.
    saddle = brentq(
        lambda point: float(value * point - 1 - dim / 2 * np.sum(weights * point / (1 + weights * point))),
        1 / value,
        (1 + dim / 2 * weights.size) / value,
        xtol=1e-300,
        rtol=1e-6,
    )
    curvature = dim / 2 * np.sum((weights / (1 + weights * saddle)) ** 2) + saddle**-2
    width = 1 / np.sqrt(curvature)
    step = 1 / 16
    steps = step * np.arange(144)  # beyond nine widths the integrand is below 1e-16 of its peak
    bend = 0.5
    point: Complex[np.ndarray, " nodes"] = saddle + width * (1j * np.sinh(steps) - bend * (np.cosh(steps) - 1))
    tangent = width * (1j * np.cosh(steps) - bend * np.sinh(steps))
    log_transform = -dim / 2 * np.sum(np.log1p(np.outer(point, weights)), axis=1)
    integrand = np.imag(np.exp(log_transform + point * value) / point * tangent)
    return float(step / np.pi * (integrand.sum() - integrand[0] / 2))


def _log_sinhc(x: float) -> float:
    """log(sinh(x) / x) for x >= 0, without cancellation at small x or overflow at large x."""
    if x < 1:
        series = 1.0
        for factor in (272, 210, 156, 110, 72, 42, 20):
            series = 1 + x**2 / factor * series
        return float(np.log1p(x**2 / 6 * series))
    return float(x + np.log(-np.expm1(-2 * x) / (2 * x)))


def _check_argument(argument: float | int) -> None:
    if not (np.isfinite(argument) and argument >= 0):
        raise ValueError(f"argument must be finite and non-negative, got {argument}")
