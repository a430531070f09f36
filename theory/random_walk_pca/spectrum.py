"""Exact PCA spectrum of the plain random walk x_t = x_{t-1} + ξ_t at every number of recorded
points.

Antognini & Sohl-Dickstein 2018, "PCA of high dimensional random walks with comparison to neural
network training", arXiv 1806.08805, obtains these eigenvalues as the large-T limit of a circulant
matrix. Derived here: the centred walk is the pseudo-inverse of the forward difference applied to
the steps, so its covariance over time is exactly the pseudo-inverse of the Laplacian of the path
graph, and the formulas hold at every T >= 2. The start and the first step never enter.

Everywhere `n_points` is T, the number of recorded points (rows); a recorded start counts as a
point. Variances are in units of the step variance tr(Σ), and components k = 1, ..., T - 1 are
stored at index k - 1.
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.domains import Components, Points
from theory_on_trial.contract import guarded, require


@guarded
def laplacian_eigenvalues(n_points: Points) -> Float[np.ndarray, " components"]:
    """Eigenvalues θ_k = 4 sin^2(π k / 2T), k = 1, ..., T - 1, of the path graph, increasing in (0,
    4); classical.
    """
    index = np.arange(1, n_points)
    return 4 * np.sin(np.pi * index / (2 * n_points)) ** 2


@guarded
def eigenvalues(n_points: Points) -> Float[np.ndarray, " components"]:
    """λ_k = 1 / (2 - 2 cos(π k / T)) of the centred walk, decreasing, >= 1/4; the constant vector's
    zero is left out.

    Divide by T - 1 for scikit-learn's convention. Source: arXiv 1806.08805; exactness derived here.
    """
    return 1 / laplacian_eigenvalues(n_points)


@guarded
def explained_variance_ratio(n_points: Points) -> Float[np.ndarray, " components"]:
    """ρ_k(T) = 6 / ((T^2 - 1) θ_k), k = 1, ..., T - 1, of sum one. Source: arXiv 1806.08805;
    normaliser derived here.

    >>> explained_variance_ratio(300)[:3].round(4)
    array([0.6079, 0.152 , 0.0676])
    """
    return eigenvalues(n_points) / total_variance(n_points)


@guarded
def explained_variance_ratio_limit(n_components: Components) -> Float[np.ndarray, " components"]:
    """Limit 6 / (π^2 k^2) of the ratios as T grows, k = 1, ..., `n_components`. Source: arXiv
    1806.08805.
    """
    return 6 / (np.pi * np.arange(1, n_components + 1)) ** 2


@guarded
def limit_relative_error(
    n_points: Points, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Leading (1 + π^2 k^2 / 12) / T^2 of ρ_k(T) / (6 / π^2 k^2) - 1, up to O(k^4 / T^4).
    `ValueError` for k >= T.
    """
    require(
        n_components < n_points,
        f"n_components must be at most n_points - 1 = {n_points - 1}, got {n_components}",
    )
    index = np.arange(1, n_components + 1)
    return (1 + (np.pi * index) ** 2 / 12) / n_points**2


@guarded
def total_variance(n_points: Points) -> float:
    """Total variance of the centred walk, sum of λ_k = (T^2 - 1) / 6, correctly rounded."""
    return (n_points**2 - 1) / 6


@guarded
def squared_eigenvalue_sum(n_points: Points) -> float:
    """Sum of λ_k^2 = (T^2 - 1)(2 T^2 + 7) / 180, correctly rounded."""
    return (n_points**2 - 1) * (2 * n_points**2 + 7) / 180


@guarded
def participation_ratio(n_points: Points) -> float:
    """Effective number of components (sum λ)^2 / sum λ^2 = 5 (T^2 - 1) / (2 T^2 + 7), in [1,
    5/2).
    """
    return 5 * (n_points**2 - 1) / (2 * n_points**2 + 7)
