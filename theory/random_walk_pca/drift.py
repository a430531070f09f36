"""PCA of a walk with drift, x_t = μ + x_{t-1} + ξ_t, in infinite dimension.

Derived here, as the model behind the comparison with network training of Antognini & Sohl-Dickstein
2018 (arXiv 1806.08805). The drift adds the rank-one term |μ|^2 τ τ^T, τ_t = t - (T + 1)/2, to the
walk's covariance. It is odd under time reversal, so the even cosines and their eigenvalues stay and
the odd ones mix.

`drift_ratio` is |μ|^2 / tr(Σ) per step; the drift shows in the first component once T times it is
of order one. Spectra are indexed by mode k = 1, ..., T - 1 at index k - 1, not by rank, and in
units of the step variance.
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._roots import bisect
from theory.random_walk_pca.domains import Points
from theory.random_walk_pca.spectrum import eigenvalues, laplacian_eigenvalues, total_variance
from theory_on_trial.contract import NonNegative, guarded


@guarded
def drift_coefficients(n_points: Points) -> Float[np.ndarray, " components"]:
    """Coefficients of τ in the cosines, up to sign: r_k = sqrt(2/T) cot(π k/2T) / (2 sin(π k/2T)),
    zero for even k.
    """
    index = np.arange(1, n_points)
    cosine = np.sin(np.pi * (n_points - index) / (2 * n_points))
    return np.where(
        index % 2 == 1, np.sqrt(2 / n_points) * 2 * cosine / laplacian_eigenvalues(n_points), 0.0
    )


@guarded
def drift_eigenvalues(
    n_points: Points, drift_ratio: NonNegative
) -> Float[np.ndarray, " components"]:
    """Population eigenvalues by mode: 1 / θ_k for even k, and for odd k the root above 1 / θ_k of
    (|μ|^2 / tr Σ) sum_{j odd} r_j^2 / (λ - 1 / θ_j) = 1.
    """
    spectrum = eigenvalues(n_points)
    poles = spectrum[::2]
    weights = drift_ratio * drift_coefficients(n_points)[::2] ** 2
    pole_differences = np.subtract.outer(poles, poles)

    def secular(shift: Float[np.ndarray, " roots"]) -> Float[np.ndarray, " roots"]:
        return np.sum(weights / (shift[:, None] + pole_differences), axis=1) - 1

    gap_above = np.concatenate([[weights.sum() + poles[0]], -np.diff(poles)])
    spectrum[::2] += bisect(secular, np.zeros(poles.size), gap_above, np.ones(poles.size))
    return spectrum


@guarded
def drift_explained_variance_ratio(
    n_points: Points, drift_ratio: NonNegative
) -> Float[np.ndarray, " components"]:
    """Population explained variance ratios by mode; the total variance is (T^2 - 1)/6 + drift_ratio
    T (T^2 - 1)/12.
    """
    drift_variance = drift_ratio * n_points * (n_points**2 - 1) / 12
    return drift_eigenvalues(n_points, drift_ratio) / (total_variance(n_points) + drift_variance)
