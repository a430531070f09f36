"""Principal components of the walk: cosines in time, and the Lissajous curves their scores draw.

Source: Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) for the cosines and the Lissajous curves
in the limit; that the half-integer phase makes them exact at every T, the Chebyshev form and the
distances are derived here. Points are t = 1, ..., T at index t - 1 and components k = 1, ..., T - 1
at index k - 1; scores are in units of the root of the step variance tr(Σ).
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.domains import Components, Points
from theory.random_walk_pca.spectrum import eigenvalues
from theory_on_trial.contract import Interval, guarded, require


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
def squared_distances(n_points: Points) -> Float[np.ndarray, "points points"]:
    """Squared distances |x_s - x_t|^2 = |s - t| of the infinite-dimensional walk; the scores
    reproduce them exactly.
    """
    time = np.arange(1.0, n_points + 1)
    return np.abs(np.subtract.outer(time, time))


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
