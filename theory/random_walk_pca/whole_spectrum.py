"""The whole spectrum in finite dimension: the law of the total variance Tr G, and a deterministic
equivalent where the dimension is comparable to the number of points.

With isotropic Gaussian steps of total variance one in d dimensions, d Tr G = sum_k λ_k χ^2_d. For
the plain walk its Laplace transform is closed by Chebyshev's polynomials of the second kind, and
tends to that of the Cramér-von Mises law. The companion Stieltjes transform m(z) of the d x d
matrix X^T C X / d of the isotropic walk solves z = -1/m + (1/d) sum_k 1 / (θ_k + m) (Silverstein's
equation), whose sum is closed by the path-graph Laplacian. Derived here; arXiv 1806.08805 treats
the infinite dimension only.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Complex, Float

from theory.random_walk_pca.domains import Dimension, Points, Spectrum
from theory_on_trial.contract import Interval, NonNegative, guarded

_HARDLY_ANY = 1e-12  # of this many degrees of freedom the first order is exact


@guarded
def trace_laplace(argument: NonNegative, n_points: Points, dim: Dimension) -> float:
    """Return the Laplace transform E exp(-s d Tr G) = (T / U_{T-1}(1 + s))^(d/2) of the walk's
    total variance, for s = `argument`; it is in (0, 1].

    d Tr G is the centred sum of squares of a d-dimensional walk whose steps have unit variance in
    every coordinate.
    """
    angle = 2 * np.arcsinh(np.sqrt(argument / 2))
    return float(np.exp(-dim / 2 * (_log_sinhc(n_points * angle) - _log_sinhc(angle))))


@guarded
def trace_cdf(
    total: Float[np.ndarray, " totals"], eigenvalues: Spectrum, dim: Dimension
) -> Float[np.ndarray, " totals"]:
    """Return the probability that sum_k λ_k χ^2_d <= total, for independent chi-squares of `dim`
    degrees of freedom.

    The absolute error is rounding alone, about 1e-17 (10 + n d) for n eigenvalues. The probability
    is the inverse Laplace transform of prod_k (1 + 2 s λ_k)^(-d/2) / s. It is computed by the
    trapezoidal rule on a hyperbola through the saddle point that bends away from the branch points
    (Imhof 1961 integrates along the imaginary axis instead).
    """
    weights = 2 * eigenvalues[eigenvalues > 0] / eigenvalues.max()
    probability = np.zeros(total.shape)
    for position in np.flatnonzero(total > 0):
        probability[position] = _invert(float(total[position] / eigenvalues.max()), weights, dim)
    return np.clip(probability, 0, 1)


def _invert(value: float, weights: Float[np.ndarray, " spectrum"], dim: float) -> float:
    from scipy.optimize import brentq
    from scipy.special import exp1

    if dim * weights.size < _HARDLY_ANY:
        return float(1 - dim / 2 * np.sum(exp1(value / weights)))
    # Derivative of the log integrand times `point`: negative at 1 / value, positive once every term
    # is bounded.
    saddle = brentq(
        lambda point: float(
            value * point - 1 - dim / 2 * np.sum(weights * point / (1 + weights * point))
        ),
        1 / value,
        (2 + dim * weights.size)
        / value,  # beyond every sum, with more to spare than rounding takes
        xtol=1e-300,
        rtol=1e-6,
    )
    curvature = dim / 2 * np.sum((weights / (1 + weights * saddle)) ** 2) + saddle**-2
    width = 1 / np.sqrt(curvature)
    step = 1 / 16
    steps = step * np.arange(144)  # beyond nine widths the integrand is below 1e-16 of its peak
    bend = 0.5
    point: Complex[np.ndarray, " nodes"] = saddle + width * (
        1j * np.sinh(steps) - bend * (np.cosh(steps) - 1)
    )
    tangent = width * (1j * np.cosh(steps) - bend * np.sinh(steps))
    log_transform = -dim / 2 * np.sum(np.log1p(np.outer(point, weights)), axis=1)
    integrand = np.imag(np.exp(log_transform + point * value) / point * tangent)
    return float(step / np.pi * (integrand.sum() - integrand[0] / 2))


def _log_sinhc(x: float) -> float:
    """Return log(sinh(x) / x) for x >= 0, without cancellation or overflow."""
    if x < 1:
        series = 1.0
        for factor in (272, 210, 156, 110, 72, 42, 20):
            series = 1 + x**2 / factor * series
        return float(np.log1p(x**2 / 6 * series))
    return float(x + np.log(-np.expm1(-2 * x) / (2 * x)))


@guarded
def laplacian_resolvent_trace(shift: NonNegative, n_points: Points) -> float:
    """Return the trace sum_{k=1}^{T-1} 1 / (θ_k + m) = (T coth(T φ) - coth φ) / (2 sinh φ) of the
    path Laplacian's resolvent, with cosh φ = 1 + m/2 and m = `shift`.

    It is evaluated without cancellation down to m = 0, where it is (T^2 - 1) / 6.
    """
    angle = 2 * np.arcsinh(np.sqrt(shift) / 2)
    numerator = n_points**2 * _langevin_slope(n_points * angle) - _langevin_slope(angle)
    sinhc = np.sqrt(shift * (1 + shift / 4)) / angle if angle > 0 else 1.0
    return float(numerator / (2 * sinhc))


@guarded
def companion_stieltjes(
    z: Annotated[float, Interval(high=0, closed="()")], n_points: Points, dim: Dimension
) -> float:
    """Return the companion Stieltjes transform m(z) of the isotropic walk at real z < 0: the limit
    of Tr (X^T C X / d - z)^(-1) / d, where X has unit step variance in every coordinate. Source:
    Silverstein's equation, closed here.
    """
    from scipy.optimize import brentq

    def residual(companion: float) -> float:
        return -z * companion - 1 + companion * laplacian_resolvent_trace(companion, n_points) / dim

    least = 1 / (-z + laplacian_resolvent_trace(0.0, n_points) / dim)
    return float(brentq(residual, least / 2, -2 / z, xtol=1e-300, rtol=1e-15, maxiter=10_000))


def _langevin_slope(x: float) -> float:
    """Return (coth(x) - 1/x) / x for x >= 0, without cancellation at small x; it is 1/3 at zero."""
    from scipy.special import hyp0f1

    if x < 1:
        return float(hyp0f1(2.5, x**2 / 4) / hyp0f1(1.5, x**2 / 4) / 3)
    return float((1 / np.tanh(x) - 1 / x) / x)
