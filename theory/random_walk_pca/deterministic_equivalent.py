"""Global spectrum when the dimension is comparable to the number of points: deterministic equivalents.

The companion Stieltjes transform m(z) of the d x d matrix X^T C X / d of the isotropic walk solves
z = -1/m + (1/d) sum_k 1 / (theta_k + m) (Silverstein's equation). The sum is closed here by the path-graph Laplacian;
for anisotropic noise the separable equivalent couples two such equations. arXiv 1806.08805 treats the infinite
dimension only.
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._validation import check_points, check_spectrum
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_positive


@validated
def laplacian_resolvent_trace(shift: float | int, n_points: int) -> float:
    """sum_{k=1}^{T-1} 1 / (theta_k + m) = (T coth(T phi) - coth phi) / (2 sinh phi), cosh phi = 1 + m/2, m = `shift`.

    Evaluated without cancellation down to m = 0, where it is (T^2 - 1) / 6. `ValueError` if `shift` is negative or not
    finite, or `n_points` < 2. Source: derived here.
    """
    check_points(n_points)
    if not (np.isfinite(shift) and shift >= 0):
        raise ValueError(f"shift must be finite and non-negative, got {shift}")
    angle = 2 * np.arcsinh(np.sqrt(shift) / 2)
    numerator = n_points**2 * _langevin_slope(n_points * angle) - _langevin_slope(angle)
    sinhc = np.sqrt(shift * (1 + shift / 4)) / angle if angle > 0 else 1.0
    return float(numerator / (2 * sinhc))


@validated
def companion_equation(companion: float | int, n_points: int, dim: float | int) -> float:
    """Z = -1/m + (1/d) sum_k 1 / (theta_k + m): the inverse of the companion Stieltjes transform m(z), at m > 0.

    `ValueError` if `companion` (m) or `dim` is not positive, or `n_points` < 2.
    """
    check_positive("companion", companion)
    check_positive("dim", dim)
    return -1 / companion + laplacian_resolvent_trace(companion, n_points) / dim


@validated
def companion_equation_limit(companion: float | int, dim: float | int) -> float:
    """T -> infinity form z = -1/m + (sqrt(m) coth sqrt(m) - 1) / (2 d m), with z in units of T^2 and m of T^-2.

    `ValueError` if `companion` (m) or `dim` is not positive. Source: derived here.
    """
    check_positive("companion", companion)
    check_positive("dim", dim)
    return -1 / companion + _langevin_slope(float(np.sqrt(companion))) / (2 * dim)


@validated
def companion_stieltjes(z: float | int, n_points: int, dim: float | int) -> float:
    """Companion Stieltjes transform m(z) of the isotropic walk at real z < 0: the large-T, large-d limit of
    Tr (X^T C X / d - z)^(-1) / d over d dimensions, with X of unit step variance in every coordinate.

    `ValueError` if z is not finite and negative, `n_points` < 2 or `dim` is not positive.
    """
    from scipy.optimize import brentq

    _check_negative(z)
    check_points(n_points)
    check_positive("dim", dim)

    def residual(companion: float) -> float:
        return -z * companion - 1 + companion * laplacian_resolvent_trace(companion, n_points) / dim

    least = 1 / (-z + laplacian_resolvent_trace(0, n_points) / dim)
    return float(brentq(residual, least / 2, -2 / z, xtol=1e-300, rtol=1e-15))


@validated
def lower_edge_leading_order(n_points: int, dim: float | int) -> float:
    """Lower edge T^2 / (16 d (d + 1/2)) of the d eigenvalues of X^T C X / d, for 1 << d << T.

    The maximum of the T -> infinity form of z(m), at sqrt(m) = 4d + 2, where coth is one; the smallest eigenvalue of a
    sample lies a few percent above it at d = 40 to 80. `ValueError` if `n_points` < 2 or `dim` is not positive.
    """
    check_points(n_points)
    check_positive("dim", dim)
    return n_points**2 / (16 * dim * (dim + 0.5))


@validated
def separable_equivalent(
    z: float | int, eigenvalues: Float[np.ndarray, " spectrum"], noise_spectrum: Float[np.ndarray, " dimensions"]
) -> tuple[float, float]:
    """The pair (delta, delta~) of the separable model at real z < 0, for any process and any noise covariance.

    It solves delta = sum_k lambda_k / (-z (1 + delta~ lambda_k)) and delta~ = sum_i sigma_i / (-z (1 + delta sigma_i)),
    with sigma the noise spectrum divided by its sum. With isotropic noise delta~ is the companion Stieltjes transform.
    `ValueError` if z is not finite and negative or a spectrum is empty, negative, not finite or all zero.
    Source: classical for separable covariance; form checked here.
    """
    from scipy.optimize import brentq

    _check_negative(z)
    check_spectrum("eigenvalues", eigenvalues)
    check_spectrum("noise_spectrum", noise_spectrum)
    shares = noise_spectrum / noise_spectrum.sum()

    def other(delta: float) -> float:
        return float(np.sum(shares / (-z * (1 + delta * shares))))

    def residual(delta: float) -> float:
        return float(np.sum(eigenvalues / (-z * (1 + other(delta) * eigenvalues)))) - delta

    delta = brentq(residual, 0, 2 * float(eigenvalues.sum()) / -z, xtol=1e-300, rtol=1e-15)
    return float(delta), other(delta)


@validated
def separable_resolvent_trace(
    z: float | int, eigenvalues: Float[np.ndarray, " spectrum"], noise_spectrum: Float[np.ndarray, " dimensions"]
) -> float:
    """Predicted Tr (G - z)^(-1) = sum_k 1 / (-z (1 + delta~ lambda_k)) over the directions of `eigenvalues`.

    Add -1/z for the constant vector to trace over all T points. Arguments and errors as for `separable_equivalent`.
    """
    _, delta_tilde = separable_equivalent(z, eigenvalues, noise_spectrum)
    return float(np.sum(1 / (-z * (1 + delta_tilde * eigenvalues))))


def _langevin_slope(x: float) -> float:
    """(coth(x) - 1/x) / x for x >= 0: 1/3 at zero, without cancellation at small x."""
    if x < 1:
        fraction = 0.0
        for odd in range(21, 3, -2):
            fraction = x**2 / (odd + fraction)  # Gauss's continued fraction of coth
        return 1 / (3 + fraction)
    return float((1 / np.tanh(x) - 1 / x) / x)


def _check_negative(z: float | int) -> None:
    if not (np.isfinite(z) and z < 0):
        raise ValueError(f"z must be finite and negative, got {z}")
