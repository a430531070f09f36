"""Spectra that resemble the walk's and are not: without centring, on a circle, with absorbing ends.

Derived here (classical matrices). Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) pass through the circulant matrix;
each of the three differs measurably from the exact spectrum of the centred walk, so each is a control for it.
Variances are in units of the step variance; `n_points` is T >= 2, else `ValueError`.
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._validation import check_components, check_points
from theory_on_trial.arguments.theory import validated


@validated
def uncentred_eigenvalues(n_points: int) -> Float[np.ndarray, " points"]:
    """Eigenvalues 1 / (4 sin^2(pi (2k - 1) / (2 (2T + 1)))), k = 1, ..., T, of the walk that is not centred.

    They sum to T (T + 1) / 2.
    """
    check_points(n_points)
    return 1 / (4 * np.sin(_uncentred_frequencies(n_points) / 2) ** 2)


@validated
def uncentred_modes(n_points: int) -> Float[np.ndarray, "points points"]:
    """Orthonormal eigenvectors 2 / sqrt(2T + 1) sin(pi (2k - 1) t / (2T + 1)) of the walk that is not centred."""
    check_points(n_points)
    phase = np.outer(np.arange(1, n_points + 1), _uncentred_frequencies(n_points))
    return 2 / np.sqrt(2 * n_points + 1) * np.sin(phase)


@validated
def uncentred_explained_variance_ratio_limit(n_components: int) -> Float[np.ndarray, " components"]:
    """Limit 8 / (pi^2 (2k - 1)^2) of the ratios without centring: 81 % in the first component, 90 % in two.

    `ValueError` if `n_components` < 1.
    """
    check_components(n_components)
    return 8 / (np.pi * (2 * np.arange(1, n_components + 1) - 1)) ** 2


@validated
def circulant_eigenvalues(n_points: int) -> Float[np.ndarray, " components"]:
    """Eigenvalues 1 / (2 - 2 cos(2 pi k / T)), k = 1, ..., T - 1, of a walk on a circle: sine and cosine pairs.

    In the order of k, so entries k and T - k are equal; four times too small for small k.
    """
    check_points(n_points)
    return 1 / (4 * np.sin(np.pi * np.arange(1, n_points) / n_points) ** 2)


@validated
def dirichlet_eigenvalues(n_points: int) -> Float[np.ndarray, " points"]:
    """Inverse eigenvalues 1 / (2 - 2 cos(pi k / (T + 1))), k = 1, ..., T, of the path with both ends absorbing."""
    check_points(n_points)
    return 1 / (4 * np.sin(np.pi * np.arange(1, n_points + 1) / (2 * (n_points + 1))) ** 2)


def _uncentred_frequencies(n_points: int) -> Float[np.ndarray, " points"]:
    return np.pi * (2 * np.arange(1, n_points + 1) - 1) / (2 * n_points + 1)
