"""A within-class covariance, given as a matrix or as the vector of the variances of uncorrelated features."""

import numpy as np
from jaxtyping import Float

from theory.naive_bayes_vs_logistic._validation import Covariance
from theory_on_trial.arguments.theory_domain import check_finite


def check_covariance(covariance: Covariance, n_features: int, name: str = "covariance") -> None:
    """Raise unless `covariance` is finite, symmetric and positive semidefinite (to rounding), of positive variances."""
    if covariance.shape[0] != n_features:
        raise ValueError(f"{name} must have one entry for each of the {n_features} features, got {covariance.shape[0]}")
    check_finite(name, covariance)
    if not np.all(variances_of(covariance) > 0):
        raise ValueError(f"{name} must hold positive variances, got {variances_of(covariance).min()}")
    if covariance.ndim == 2:
        correlation = _correlation(covariance)
        if not np.allclose(correlation, correlation.T, rtol=0, atol=1e-12):
            raise ValueError(f"{name} must be a symmetric matrix, got one that is not")
        if not _has_cholesky_factor(correlation + 1e-13 * n_features * np.eye(n_features)):
            raise ValueError(f"{name} must be positive semidefinite, got {_smallest_eigenvalue(correlation)}")


def variances_of(covariance: Covariance) -> Float[np.ndarray, " features"]:
    """The diagonal of the covariance: all that naive Bayes sees of it."""
    return np.diag(covariance) if covariance.ndim == 2 else covariance


def solve(
    covariance: Covariance, columns: Float[np.ndarray, "features vectors"]
) -> Float[np.ndarray, "features vectors"]:
    """The inverse covariance times `columns`; `ValueError` if the covariance is singular (to rounding)."""
    from scipy.linalg import cho_solve

    if covariance.ndim == 1:
        return columns / covariance[:, None]
    correlation = _correlation(covariance)
    if not _has_cholesky_factor(correlation - 1e-13 * len(correlation) * np.eye(len(correlation))):
        raise ValueError(f"covariance must be positive definite, got {_smallest_eigenvalue(correlation)}")
    standard_deviations = np.sqrt(variances_of(covariance))[:, None]
    factor = np.linalg.cholesky(correlation)
    return cho_solve((factor, True), columns / standard_deviations) / standard_deviations


def _correlation(covariance: Float[np.ndarray, "features features"]) -> Float[np.ndarray, "features features"]:
    standard_deviations = np.sqrt(np.diag(covariance))
    return covariance / np.outer(standard_deviations, standard_deviations)


def _has_cholesky_factor(matrix: Float[np.ndarray, "features features"]) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True


def _smallest_eigenvalue(correlation: Float[np.ndarray, "features features"]) -> str:
    return f"a matrix whose correlations have the smallest eigenvalue {np.linalg.eigvalsh(correlation)[0]:.3g}"


def between(
    covariance: Covariance, rows: Float[np.ndarray, "vectors features"]
) -> Float[np.ndarray, "vectors vectors"]:
    """Covariance of the linear statistics `rows` @ x."""
    return rows @ covariance @ rows.T if covariance.ndim == 2 else (rows * covariance) @ rows.T
