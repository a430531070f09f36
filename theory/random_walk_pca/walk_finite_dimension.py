"""Closed forms of the finite-dimension laws for the plain walk, and what heavy tails of the steps add.

The sums over components of `finite_dimension` are evaluated by the zeros x_k = cos(pi k / T) of Chebyshev's polynomial
U_{T-1} and its differential equation. Derived here; arXiv 1806.08805 treats the infinite dimension only. All are
coefficients of 1/d, for k = 1, ..., T - 1 at index k - 1, and raise `ValueError` if `n_points` < 2.
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._validation import check_components, check_points
from theory.random_walk_pca.spectrum import explained_variance_ratio
from theory_on_trial.arguments.theory import validated


@validated
def eigenvalue_bias_coefficient(n_points: int) -> Float[np.ndarray, " components"]:
    """Lawley's sum b_k = (3/2) x_k / (1 + x_k) of the walk: E[l_k] / lambda_k = 1 + b_k / d + O(k^2 / d^2).

    It tends to 3/4 for every fixed k as T grows, and sum lambda_k b_k = 0.
    """
    check_points(n_points)
    return 1.5 - 0.75 / _half_angle_cosine_squared(n_points)


@validated
def overlap_deficit_coefficient(n_points: int) -> Float[np.ndarray, " components"]:
    """D times the expected deficit 1 - (sample eigenvector . cosine)^2, summed in closed form.

    With x = x_k: ((T^2 - 4)(1 - x^2)/3 - 11 x^2 / 4) / (1 + x)^2 + 3x / (2 (1 + x)).
    """
    check_points(n_points)
    index = np.arange(1, n_points)
    x = np.cos(np.pi * index / n_points)
    one_plus_x = 2 * _half_angle_cosine_squared(n_points)
    sine_squared = np.sin(np.pi * index / n_points) ** 2
    return ((n_points**2 - 4) * sine_squared / 3 - 11 * x**2 / 4) / one_plus_x**2 + 1.5 * x / one_plus_x


@validated
def overlap_deficit_coefficient_limit(n_components: int) -> Float[np.ndarray, " components"]:
    """Limit 1/16 + pi^2 k^2 / 12 of the deficit coefficient as T grows: scores are cosines while k^2 << 12 d / pi^2.

    `ValueError` if `n_components` < 1.
    """
    check_components(n_components)
    return 1 / 16 + (np.pi * np.arange(1, n_components + 1)) ** 2 / 12


@validated
def kurtosis_factor_eigenvalue(n_points: int, excess_kurtosis: float | int) -> Float[np.ndarray, " components"]:
    """Factor on the first-order variance of l_k when coordinates of the steps have this excess kurtosis (>= -2).

    It is 1 + (kurtosis / 2) sum_j w_k(j)^4 = 1 + 3 kurtosis / (4T), but 1 + kurtosis / T at k = T/2, whose sine mode
    lives on every second step. Needs isotropic steps with independent coordinates. `ValueError` also if the kurtosis is
    below -2 or not finite.
    """
    check_points(n_points)
    _check_kurtosis(excess_kurtosis)
    mirrored = _mirror_of_each_component(n_points)
    return 1 + excess_kurtosis / (4 * n_points) * (3 + mirrored)


@validated
def kurtosis_factor_ratio(n_points: int, excess_kurtosis: float | int) -> Float[np.ndarray, " components"]:
    """Factor on the first-order variance of the sample ratio of component k, nearly 1 + kurtosis / (4T).

    The kurtosis shared by all components, kurtosis / (2T), cancels in the ratio; what is left is the part of k itself
    and of its mirror T - k. At T = 2 there is one ratio, which is one, and the factor is one. Conditions as for
    `kurtosis_factor_eigenvalue`.
    """
    check_points(n_points)
    _check_kurtosis(excess_kurtosis)
    if n_points == 2:
        return np.ones(1)
    ratios = explained_variance_ratio(n_points)
    mirrored = _mirror_of_each_component(n_points)
    own = 1 - 2 * ratios + np.sum(ratios**2)
    mirror = mirrored - 2 * ratios[::-1] + np.sum(ratios * ratios[::-1])
    return 1 + excess_kurtosis / (4 * n_points) * (1 + mirror / own)


def _half_angle_cosine_squared(n_points: int) -> Float[np.ndarray, " components"]:
    """(1 + x_k) / 2 = cos^2(pi k / 2T), without cancellation near k = T."""
    return np.sin(np.pi * np.arange(n_points - 1, 0, -1) / (2 * n_points)) ** 2


def _mirror_of_each_component(n_points: int) -> Float[np.ndarray, " components"]:
    """One where component k is its own mirror T - k, else zero."""
    return (2 * np.arange(1, n_points) == n_points).astype(float)


def _check_kurtosis(excess_kurtosis: float | int) -> None:
    if not (np.isfinite(excess_kurtosis) and excess_kurtosis >= -2):
        raise ValueError(f"excess_kurtosis must be finite and at least -2, got {excess_kurtosis}")
