"""Exact PCA spectrum of the plain random walk x_t = x_{t-1} + xi_t at every number of recorded points.

Antognini & Sohl-Dickstein 2018, "PCA of high dimensional random walks with comparison to neural network training",
arXiv 1806.08805, obtains these eigenvalues as the large-T limit of a circulant matrix. Derived here: the centred walk
is the pseudo-inverse of the forward difference applied to the steps, so its covariance over time is exactly the
pseudo-inverse of the Laplacian of the path graph, and the formulas hold at every T >= 2. The start and the first step
never enter.

Everywhere `n_points` is T, the number of recorded points (rows); a recorded start counts as a point. Variances are in
units of the step variance tr(Sigma), and components k = 1, ..., T - 1 are stored at index k - 1.
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._validation import check_components, check_points
from theory_on_trial.arguments.theory import validated


@validated
def laplacian_eigenvalues(n_points: int) -> Float[np.ndarray, " components"]:
    """Non-zero eigenvalues theta_k = 4 sin^2(pi k / 2T) of the path graph, k = 1, ..., T - 1, increasing in (0, 4).

    `ValueError` if `n_points` < 2. Source: derived here (classical: Neumann Laplacian).
    """
    check_points(n_points)
    index = np.arange(1, n_points)
    return 4 * np.sin(np.pi * index / (2 * n_points)) ** 2


@validated
def eigenvalues(n_points: int) -> Float[np.ndarray, " components"]:
    """Population PCA eigenvalues lambda_k = 1 / (2 - 2 cos(pi k / T)) of the centred walk, decreasing, >= 1/4.

    The constant vector carries the remaining eigenvalue, zero. In units of the step variance; divide by T - 1 for the
    convention of scikit-learn. `ValueError` if `n_points` < 2. Source: arXiv 1806.08805; exactness derived here.
    """
    return 1 / laplacian_eigenvalues(n_points)


@validated
def explained_variance_ratio(n_points: int) -> Float[np.ndarray, " components"]:
    """Population explained variance ratios rho_k(T) = 6 / ((T^2 - 1) theta_k), k = 1, ..., T - 1, summing to one.

    `ValueError` if `n_points` < 2. Source: arXiv 1806.08805 with the normaliser derived here.
    """
    return eigenvalues(n_points) / total_variance(n_points)


@validated
def explained_variance_ratio_limit(n_components: int) -> Float[np.ndarray, " components"]:
    """Limit 6 / (pi^2 k^2) of the explained variance ratios as T grows, k = 1, ..., `n_components`.

    `ValueError` if `n_components` < 1. Source: arXiv 1806.08805.
    """
    check_components(n_components)
    return 6 / (np.pi * np.arange(1, n_components + 1)) ** 2


@validated
def limit_relative_error(n_points: int, n_components: int) -> Float[np.ndarray, " components"]:
    """Leading term (1 + pi^2 k^2 / 12) / T^2 of rho_k(T) / (6 / pi^2 k^2) - 1; what is left out is O(k^4 / T^4).

    `ValueError` if `n_points` < 2 or `n_components` is not in 1, ..., T - 1. Source: derived here.
    """
    check_points(n_points)
    check_components(n_components, n_points - 1)
    index = np.arange(1, n_components + 1)
    return (1 + (np.pi * index) ** 2 / 12) / n_points**2


@validated
def total_variance(n_points: int) -> float:
    """Total variance of the centred walk, sum of lambda_k = (T^2 - 1) / 6, correctly rounded.

    `ValueError` if `n_points` < 2. Source: derived here.
    """
    check_points(n_points)
    return (n_points**2 - 1) / 6


@validated
def squared_eigenvalue_sum(n_points: int) -> float:
    """Sum of lambda_k^2 = (T^2 - 1)(2 T^2 + 7) / 180, correctly rounded.

    `ValueError` if `n_points` < 2. Source: derived here.
    """
    check_points(n_points)
    return (n_points**2 - 1) * (2 * n_points**2 + 7) / 180


@validated
def participation_ratio(n_points: int) -> float:
    """Effective number of components (sum lambda)^2 / sum lambda^2 = 5 (T^2 - 1) / (2 T^2 + 7), in [1, 5/2).

    `ValueError` if `n_points` < 2. Source: derived here.
    """
    check_points(n_points)
    return 5 * (n_points**2 - 1) / (2 * n_points**2 + 7)
