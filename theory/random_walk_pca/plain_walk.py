"""Exact PCA of the plain random walk x_t = x_{t-1} + ξ_t at every number of recorded points.

Antognini & Sohl-Dickstein 2018, "PCA of high dimensional random walks with comparison to neural
network training", arXiv 1806.08805, obtain these eigenvalues as the large-T limit of a circulant
matrix, and cosines and Lissajous curves in the same limit. Derived here: the centred walk is the
pseudo-inverse of the forward difference applied to the steps, so its covariance over time is
exactly the pseudo-inverse of the Laplacian of the path graph. The formulas hold at every T >= 2,
with the half-integer phase of the cosines, their Chebyshev form and the distances. The start and
the first step never enter. The spectrum without centring resembles the walk's, and is a control for
it.

Everywhere `n_points` is T, the number of recorded points (rows); a recorded start counts as a
point. Variances are in units of the step variance tr(Σ), scores in units of its root. Points t = 1,
..., T are stored at index t - 1 and components k = 1, ..., T - 1 at index k - 1.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.domains import Components, Points
from theory_on_trial.contract import Interval, guarded, require


@guarded
def laplacian_eigenvalues(n_points: Points) -> Float[np.ndarray, " components"]:
    """Return the eigenvalues θ_k = 4 sin^2(π k / 2T) of the Laplacian of the path graph, k = 1,
    ..., T - 1, increasing in (0, 4). Source: classical.
    """
    index = np.arange(1, n_points)
    return 4 * np.sin(np.pi * index / (2 * n_points)) ** 2


@guarded
def eigenvalues(n_points: Points) -> Float[np.ndarray, " components"]:
    """Return the eigenvalues λ_k = 1 / (2 - 2 cos(π k / T)) of the centred walk, decreasing and at
    least 1/4. The zero of the constant vector is left out.

    Divide by T - 1 for scikit-learn's convention. Source: arXiv 1806.08805; that they are exact is
    derived here.
    """
    return 1 / laplacian_eigenvalues(n_points)


@guarded
def explained_variance_ratio(n_points: Points) -> Float[np.ndarray, " components"]:
    """Return the explained variance ratios ρ_k(T) = 6 / ((T^2 - 1) θ_k), k = 1, ..., T - 1, whose
    sum is one. Source: arXiv 1806.08805; the normaliser is derived here.

    >>> explained_variance_ratio(300)[:3].round(4)
    array([0.6079, 0.152 , 0.0676])
    """
    return eigenvalues(n_points) / total_variance(n_points)


@guarded
def explained_variance_ratio_limit(n_components: Components) -> Float[np.ndarray, " components"]:
    """Return the limits 6 / (π^2 k^2) of the ratios as T grows, k = 1, ..., `n_components`. Source:
    arXiv 1806.08805.
    """
    return 6 / (np.pi * np.arange(1, n_components + 1)) ** 2


@guarded
def limit_relative_error(
    n_points: Points, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Return the leading term (1 + π^2 k^2 / 12) / T^2 of the relative excess of ρ_k(T) over its
    limit 6 / (π^2 k^2), up to O(k^4 / T^4). Raises ValueError for k >= T.
    """
    _require_components(n_components, n_points)
    index = np.arange(1, n_components + 1)
    return (1 + (np.pi * index) ** 2 / 12) / n_points**2


@guarded
def total_variance(n_points: Points) -> float:
    """Return the total variance (T^2 - 1) / 6 of the centred walk, the sum of λ_k, correctly
    rounded.
    """
    return (n_points**2 - 1) / 6


@guarded
def cosine_modes(
    n_points: Points, n_components: Components
) -> Float[np.ndarray, "points components"]:
    """Return the eigenvectors u_k(t) = sqrt(2/T) cos(π k (t - 1/2) / T) of the centred walk, as
    orthonormal columns (DCT-II). Raises ValueError for `n_components` >= T.
    """
    _require_components(n_components, n_points)
    phase = np.pi * (np.arange(1, n_points + 1) - 0.5) / n_points
    return np.sqrt(2 / n_points) * np.cos(np.outer(phase, np.arange(1, n_components + 1)))


@guarded
def scores(n_points: Points, n_components: Components) -> Float[np.ndarray, "points components"]:
    """Return the PC scores p_k(t) = sqrt(λ_k) u_k(t), each up to its sign. Raises ValueError if
    `n_components` is above T - 1.
    """
    return np.sqrt(eigenvalues(n_points)[:n_components]) * cosine_modes(n_points, n_components)


@guarded
def chebyshev_scores(
    first_score: Annotated[
        Float[np.ndarray, " points"], Interval(-1, 1, why="divide it by its amplitude")
    ],
    n_components: Components,
) -> Float[np.ndarray, "points components"]:
    """Return the scores as functions of the first one, which are Lissajous curves: p_k / b_k =
    T_k(p_1 / b_1), with T_k Chebyshev's polynomials.

    `first_score` is p_1 / b_1; column k - 1 of the result is p_k / b_k, up to one sign per
    component.
    """
    return np.cos(np.outer(np.arccos(first_score), np.arange(1, n_components + 1)))


def _require_components(n_components: int, n_points: int) -> None:
    require(
        n_components < n_points,
        f"n_components must be at most n_points - 1 = {n_points - 1}, got {n_components}",
    )


@guarded
def uncentred_explained_variance_ratio_limit(
    n_components: Components,
) -> Float[np.ndarray, " components"]:
    """Return the limits 8 / (π^2 (2k - 1)^2) of the ratios without centring: 81 % in the first
    component, 90 % in two.
    """
    return 8 / (np.pi * (2 * np.arange(1, n_components + 1) - 1)) ** 2
