"""PCA of a walk whose step variance decays (or grows) as t^-p: Bessel functions instead of cosines.

Derived here, for the decaying-noise walk that Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) fit to training. As T
grows the scores f solve a Sturm-Liouville problem, whose eigenvalues are zeros of the Bessel function of order
nu = 1 / (2 - p). `exponent` is p, at most 1.999: at 2 and beyond the variance is summable and no limit law exists, and
just below it convergence needs astronomical T. Another value, or `n_components` < 1, raises `ValueError`.
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._roots import bisect
from theory.random_walk_pca._validation import check_components, check_points
from theory_on_trial.arguments.theory import validated

_LEAST = 1e-200  # below, SciPy's Bessel functions fail at orders and arguments alike


@validated
def decaying_noise_covariance(n_points: int, exponent: float | int) -> Float[np.ndarray, "points points"]:
    """Population covariance over time of the centred walk with step variances t^-p, t = 1, ..., T, at finite T.

    Any finite exponent is allowed here. `ValueError` if `n_points` < 2 or p is not finite.
    """
    check_points(n_points)
    if not np.isfinite(exponent):
        raise ValueError(f"exponent must be finite, got {exponent}")
    variance = np.cumsum(np.arange(1.0, n_points + 1) ** -float(exponent))
    uncentred = np.minimum.outer(variance, variance)
    mean = uncentred.mean(axis=0)
    return uncentred - np.add.outer(mean, mean) + mean.mean()


@validated
def bessel_order(exponent: float | int) -> float:
    """Order nu = 1 / (2 - p) of the Bessel functions; 1/2, the cosines, at p = 0."""
    _check_exponent(exponent)
    return 1 / (2 - exponent)


@validated
def bessel_zeros(order: float, n_components: int) -> Float[np.ndarray, " components"]:
    """First positive zeros j_{nu,k} of the Bessel function J_nu, for real nu in (0, 1000]."""
    from scipy.special import jv

    check_components(n_components)
    if not _LEAST <= order <= 1000 * (1 + 1e-12):  # 1 / (2 - 1.999) is above 1000 by rounding
        raise ValueError(f"order must be in (0, 1000] and not below {_LEAST:g}, got {order}")
    # All zeros lie above nu and more than 3 apart, and the k-th lies below (k + nu/2) pi: unit steps separate them.
    grid = order + np.arange(np.ceil((n_components + order / 2) * np.pi - order) + 1)
    positive = jv(order, grid) > 0
    before = np.flatnonzero(positive[:-1] != positive[1:])[:n_components]
    signs = np.where(positive[before], 1.0, -1.0)
    return bisect(lambda argument: jv(order, argument), grid[before], grid[before + 1], signs)


@validated
def decaying_noise_eigenvalues(exponent: float | int, n_components: int) -> Float[np.ndarray, " components"]:
    """Limits 4 nu^2 / j_{nu,k}^2 of lambda_k, in units of T^(2-p) times the variance of the first step."""
    order = bessel_order(exponent)
    return (2 * order / bessel_zeros(order, n_components)) ** 2


@validated
def decaying_noise_explained_variance_ratio(
    exponent: float | int, n_components: int
) -> Float[np.ndarray, " components"]:
    """Limits rho_k = 4 (nu + 1) / j_{nu,k}^2 of the explained variance ratios; decay lowers the first one."""
    order = bessel_order(exponent)
    return 4 * (order + 1) / bessel_zeros(order, n_components) ** 2


@validated
def decaying_noise_modes(
    times: Float[np.ndarray, " times"], exponent: float | int, n_components: int
) -> Float[np.ndarray, "times components"]:
    """Scores on (0, 1] of unit square mean, proportional to d/dt [sqrt(t) J_nu(j t^b)] with b = 1 / (2 nu).

    Evaluated as sqrt(2b) t^(b - 1/2) J_{nu-1}(j t^b) / |J_{nu-1}(j)|. `ValueError` also if a time is not in (0, 1].
    """
    from scipy.special import jv

    if not np.all((times > 0) & (times <= 1)):
        raise ValueError(f"times must lie in (0, 1], the fraction of the trajectory, got {times}")
    order = bessel_order(exponent)
    zeros = bessel_zeros(order, n_components)
    power = 1 / (2 * order)
    if np.any(times**power < _LEAST):
        raise ValueError(f"times must not be so small that t^b is below {_LEAST:g}, got {times.min()}")
    shape = jv(order - 1, np.outer(times**power, zeros)) / np.abs(jv(order - 1, zeros))
    return np.sqrt(2 * power) * times[:, None] ** (power - 0.5) * shape


def _check_exponent(exponent: float | int) -> None:
    if not exponent < 2:
        raise ValueError(f"exponent must be below 2 (variance summable: no limit law as T grows), got {exponent}")
    if not -1 / _LEAST < exponent <= 1.999:
        raise ValueError(
            f"exponent must be finite and at most 1.999 (nearer to 2 no T is large enough), got {exponent}"
        )
