"""Exact PCA of the plain random walk x_t = x_{t-1} + ξ_t at every number of recorded points.

Antognini & Sohl-Dickstein 2018, "PCA of high dimensional random walks with comparison to neural
network training", arXiv 1806.08805, obtains these eigenvalues as the large-T limit of a circulant
matrix, and cosines and Lissajous curves in the same limit. Derived here: the centred walk is the
pseudo-inverse of the forward difference applied to the steps, so its covariance over time is
exactly the pseudo-inverse of the Laplacian of the path graph, and the formulas hold at every
T >= 2, with the half-integer phase of the cosines, their Chebyshev form and the distances. The
start and the first step never enter. The spectra without centring and on a circle resemble the
walk's, and are controls for it.

Everywhere `n_points` is T, the number of recorded points (rows); a recorded start counts as a
point. Variances are in units of the step variance tr(Σ), scores in units of its root. Points
t = 1, ..., T are stored at index t - 1 and components k = 1, ..., T - 1 at index k - 1.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.domains import Components, Points
from theory_on_trial.contract import Interval, guarded, require


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


@guarded
def cosine_modes(
    n_points: Points, n_components: Components
) -> Float[np.ndarray, "points components"]:
    """u_k(t) = sqrt(2/T) cos(π k (t - 1/2) / T), orthonormal columns (DCT-II). ValueError for
    `n_components` >= T.
    """
    _require_components(n_components, n_points)
    phase = np.pi * (np.arange(1, n_points + 1) - 0.5) / n_points
    return np.sqrt(2 / n_points) * np.cos(np.outer(phase, np.arange(1, n_components + 1)))


@guarded
def scores(n_points: Points, n_components: Components) -> Float[np.ndarray, "points components"]:
    """PC scores p_k(t) = sqrt(λ_k) u_k(t), up to one sign each. `ValueError` if `n_components` is
    above T - 1.
    """
    return np.sqrt(eigenvalues(n_points)[:n_components]) * cosine_modes(n_points, n_components)


@guarded
def score_amplitudes(
    n_points: Points, n_components: Components
) -> Float[np.ndarray, " components"]:
    """Amplitudes b_k = sqrt(2 λ_k / T), tending to sqrt(2T) / (π k). ValueError for `n_components`
    above T - 1.
    """
    _require_components(n_components, n_points)
    return np.sqrt(2 * eigenvalues(n_points)[:n_components] / n_points)


@guarded
def chebyshev_scores(
    first_score: Annotated[
        Float[np.ndarray, " points"], Interval(-1, 1, why="divide it by its amplitude")
    ],
    n_components: Components,
) -> Float[np.ndarray, "points components"]:
    """Lissajous curves as functions of the first score: p_k / b_k = T_k(p_1 / b_1), T_k Chebyshev's
    polynomials.

    `first_score` is p_1 / b_1; column k - 1 of the result is p_k / b_k, up to one sign per
    component.
    """
    return np.cos(np.outer(np.arccos(first_score), np.arange(1, n_components + 1)))


@guarded
def cosine_content(
    modes: Float[np.ndarray, "points components"],
) -> Float[np.ndarray, " components"]:
    """Squared overlap in [0, 1] of column k with the cosine u_k of the walk; columns need not be
    normalised.

    `ValueError` for T < 2, more than T - 1 columns, or a column nearly zero. Source: Hess 2000,
    Phys. Rev. E 62, 8438.
    """
    n_points, n_components = modes.shape
    require(
        n_components < n_points,
        f"modes must have fewer columns than its {n_points} points, got {n_components}",
    )
    norms = np.linalg.norm(modes, axis=0)
    require(
        np.all(norms > 0),
        f"modes must have columns of which none is zero, got norms {norms.tolist()}",
    )
    overlaps = np.sum(modes / norms * cosine_modes(n_points, n_components), axis=0)
    return overlaps**2


def _require_components(n_components: int, n_points: int) -> None:
    require(
        n_components < n_points,
        f"n_components must be at most n_points - 1 = {n_points - 1}, got {n_components}",
    )


@guarded
def uncentred_explained_variance_ratio_limit(
    n_components: Components,
) -> Float[np.ndarray, " components"]:
    """Limit 8 / (π^2 (2k - 1)^2) of the ratios without centring: 81 % in the first component, 90 %
    in two.
    """
    return 8 / (np.pi * (2 * np.arange(1, n_components + 1) - 1)) ** 2


@guarded
def circulant_eigenvalues(n_points: Points) -> Float[np.ndarray, " components"]:
    """Eigenvalues 1 / (2 - 2 cos(2 π k / T)), k = 1, ..., T - 1, of a walk on a circle: sine and
    cosine pairs.

    In the order of k, so entries k and T - k are equal; four times too small for small k. Source:
    classical.
    """
    return 1 / (4 * np.sin(np.pi * np.arange(1, n_points) / n_points) ** 2)
