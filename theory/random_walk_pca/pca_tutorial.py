"""What PCA is: the rotation that diagonalises a covariance and the subspace that loses least.

Shlens 2014, "A tutorial on principal component analysis", arXiv 1404.1100; optimality by Eckart & Young 1936.
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._validation import check_components
from theory_on_trial.arguments.theory import validated


@validated
def principal_axes(
    covariance: Float[np.ndarray, "dimensions dimensions"],
) -> tuple[Float[np.ndarray, " dimensions"], Float[np.ndarray, "dimensions dimensions"]]:
    """Variances, decreasing, and the matrix P whose rows are the principal axes, so that P C P^T is diagonal.

    `ValueError` if `covariance` is not finite or not symmetric.
    """
    if not np.all(np.isfinite(covariance)):
        raise ValueError("covariance must be finite")
    if not np.array_equal(covariance, covariance.T):
        raise ValueError("covariance must be exactly symmetric; symmetrise it first")
    variances, axes = np.linalg.eigh(covariance)
    return variances[::-1], axes[:, ::-1].T


@validated
def least_reconstruction_error(covariance: Float[np.ndarray, "dimensions dimensions"], n_components: int) -> float:
    """Least mean squared error of reconstruction from `n_components` linear features: the sum of the other variances.

    `ValueError` if `n_components` is not in 1, ..., d, or as for `principal_axes`.
    """
    check_components(n_components, covariance.shape[0])
    return float(np.sum(principal_axes(covariance)[0][n_components:]))


@validated
def reconstruction_error(
    covariance: Float[np.ndarray, "dimensions dimensions"], basis: Float[np.ndarray, "dimensions components"]
) -> float:
    """Mean squared error tr C - tr(Q^T C Q) of projecting on the span of `basis`, with Q its orthonormal basis.

    `ValueError` if the columns of `basis` are linearly dependent, or something is not finite.
    """
    if not np.all(np.isfinite(covariance)):
        raise ValueError("covariance must be finite")
    if not np.all(np.isfinite(basis)):
        raise ValueError("basis must be finite")
    if np.linalg.matrix_rank(basis) < basis.shape[1]:
        raise ValueError(f"basis must have {basis.shape[1]} linearly independent columns")
    orthonormal, _ = np.linalg.qr(basis)
    return float(np.trace(covariance) - np.sum(orthonormal * (covariance @ orthonormal)))
