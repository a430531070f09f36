"""Principal components of the walk: cosines in time, and the Lissajous curves their scores draw.

Source: Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) for the cosines and the Lissajous curves in the limit; that
the half-integer phase makes them exact at every T, the Chebyshev form and the distances are derived here. Points are
t = 1, ..., T at index t - 1 and components k = 1, ..., T - 1 at index k - 1; scores are in units of the root of the
step variance tr(Sigma).
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._validation import check_components, check_points
from theory.random_walk_pca.spectrum import eigenvalues
from theory_on_trial.arguments.theory import validated


@validated
def cosine_modes(n_points: int, n_components: int) -> Float[np.ndarray, "points components"]:
    """Exact eigenvectors u_k(t) = sqrt(2/T) cos(pi k (t - 1/2) / T) of the centred walk (DCT-II), orthonormal columns.

    `ValueError` if `n_points` < 2 or `n_components` is not in 1, ..., T - 1.
    """
    check_points(n_points)
    check_components(n_components, n_points - 1)
    phase = np.pi * (np.arange(1, n_points + 1) - 0.5) / n_points
    return np.sqrt(2 / n_points) * np.cos(np.outer(phase, np.arange(1, n_components + 1)))


@validated
def sine_modes(n_points: int, n_components: int) -> Float[np.ndarray, "steps components"]:
    """What the steps between consecutive points see: w_k(j) = sqrt(2/T) sin(pi k j / T), j = 1, ..., T - 1 (DST-I).

    The forward difference maps u_k to -sqrt(theta_k) w_k. Orthonormal columns.
    `ValueError` if `n_points` < 2 or `n_components` is not in 1, ..., T - 1.
    """
    check_points(n_points)
    check_components(n_components, n_points - 1)
    phase = np.pi * np.arange(1, n_points) / n_points
    return np.sqrt(2 / n_points) * np.sin(np.outer(phase, np.arange(1, n_components + 1)))


@validated
def scores(n_points: int, n_components: int) -> Float[np.ndarray, "points components"]:
    """PC scores p_k(t) = sqrt(lambda_k) u_k(t) of the infinite-dimensional walk, up to one sign per component.

    `ValueError` if `n_points` < 2 or `n_components` is not in 1, ..., T - 1.
    """
    return np.sqrt(eigenvalues(n_points)[:n_components]) * cosine_modes(n_points, n_components)


@validated
def score_amplitudes(n_points: int, n_components: int) -> Float[np.ndarray, " components"]:
    """Amplitudes b_k = sqrt(2 lambda_k / T) of the cosines that the scores follow, tending to sqrt(2T) / (pi k).

    `ValueError` if `n_points` < 2 or `n_components` is not in 1, ..., T - 1.
    """
    check_points(n_points)
    check_components(n_components, n_points - 1)
    return np.sqrt(2 * eigenvalues(n_points)[:n_components] / n_points)


@validated
def chebyshev_scores(
    first_score: Float[np.ndarray, " points"], n_components: int
) -> Float[np.ndarray, "points components"]:
    """Lissajous curves as functions of the first score: p_k / b_k = T_k(p_1 / b_1), T_k Chebyshev's polynomials.

    `first_score` is p_1 / b_1, within [-1, 1]; column k - 1 of the result is p_k / b_k, up to one sign per component.
    The second score is a parabola in the first, the third a cubic, and PC j against PC k a Lissajous curve of frequency
    ratio j : k. `ValueError` if `first_score` leaves [-1, 1] or `n_components` < 1.
    """
    check_components(n_components)
    if not np.all(np.abs(first_score) <= 1):
        raise ValueError(f"first_score must lie in [-1, 1] (divide it by its amplitude), got {first_score}")
    return np.cos(np.outer(np.arccos(first_score), np.arange(1, n_components + 1)))


@validated
def trajectory_covariance(n_points: int) -> Float[np.ndarray, "points points"]:
    """Covariance over time of the centred walk, K[s, t] = min(s, t) - m_s - m_t + (T+1)(2T+1)/(6T).

    Here m_t = t (2T + 1 - t) / (2T) is the mean over s of min(s, t). Rank T - 1; rows sum to zero.
    `ValueError` if `n_points` < 2.
    """
    check_points(n_points)
    time = np.arange(1, n_points + 1)
    row_mean = time * (2 * n_points + 1 - time) / (2 * n_points)
    overall_mean = (n_points + 1) * (2 * n_points + 1) / (6 * n_points)
    return np.minimum.outer(time, time) - np.add.outer(row_mean, row_mean) + overall_mean


@validated
def squared_distances(n_points: int) -> Float[np.ndarray, "points points"]:
    """Squared distances |x_s - x_t|^2 = |s - t| of the infinite-dimensional walk, which the scores reproduce exactly.

    `ValueError` if `n_points` < 2.
    """
    check_points(n_points)
    time = np.arange(1.0, n_points + 1)
    return np.abs(np.subtract.outer(time, time))


@validated
def cosine_content(modes: Float[np.ndarray, "points components"]) -> Float[np.ndarray, " components"]:
    """Squared overlap in [0, 1] of column k with the cosine u_k of the walk; columns need not be normalised.

    Hess 2000 (Phys. Rev. E 62, 8438) reads a content near one as a sign of random diffusion. `ValueError` if there are
    fewer than two points, more than T - 1 columns, or a column that is zero or not finite.
    """
    n_points, n_components = modes.shape
    if not 1 <= n_components < n_points:
        raise ValueError(f"modes must be n_points x n_components with 1 <= n_components < n_points, got {modes.shape}")
    norms = np.linalg.norm(modes, axis=0)
    if not np.all(np.isfinite(norms)) or np.any(norms == 0):
        raise ValueError(f"modes must have finite, non-zero columns, got column norms {norms}")
    overlaps = np.sum(modes / norms * cosine_modes(n_points, n_components), axis=0)
    return overlaps**2
