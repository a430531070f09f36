"""What every simulator of this paper checks before anything is compiled."""

from typing import Any, Literal

import numpy as np

from theory_on_trial.arguments.sims_domain import (
    is_traced,
    require_above,
    require_count,
    require_finite,
    require_symmetric,
)

Objective = Literal["jepa", "mae"]
Clock = Literal["paper", "flow"]


def require_feature(lambda_: Any, rho: Any) -> None:
    """Raise `ValueError` unless covariances λ and regression coefficients ρ are positive and finite."""
    for name, value, why in (
        ("lambda_", lambda_, "a feature without covariance between the views decays to 0 and is never learned"),
        ("rho", rho, "a feature without covariance between the views has nothing to regress on"),
    ):
        if is_traced(value):
            continue
        require_finite(name, value)
        require_above(f"the smallest {name}" if np.ndim(value) else name, np.asarray(value).min(), 0, why)


def require_covariances(Sigma_xx: Any, Sigma_yx: Any, dimension: int) -> None:
    """Raise `ValueError` unless Σ_xx is d x d, symmetric and positive definite, and Σ_yx is d x d and finite."""
    for name, matrix in (("Sigma_xx", Sigma_xx), ("Sigma_yx", Sigma_yx)):
        if np.shape(matrix) != (dimension, dimension):
            raise ValueError(f"{name} must be {dimension} x {dimension} as the layers are, got {np.shape(matrix)}")
        require_finite(name, matrix)
    require_positive_definite("Sigma_xx", Sigma_xx)


def require_self_covariance(name: str, matrix: Any) -> None:
    """Raise `ValueError` unless a covariance of a vector with itself is symmetric and not empty; traced values pass."""
    require_count(f"the number of rows of {name}", np.shape(matrix)[0], 1, "need at least one feature")
    require_symmetric(name, matrix)


def require_positive_definite(name: str, matrix: Any) -> None:
    """Raise `ValueError` unless a square matrix is symmetric and positive definite; traced values pass."""
    require_self_covariance(name, matrix)
    if is_traced(matrix):
        return
    values = np.linalg.eigvalsh(np.asarray(matrix))
    if not values[0] > len(values) * np.finfo(values.dtype).eps * values[-1]:
        raise ValueError(
            f"{name} must be positive definite, got the eigenvalue {values[0]:g}: a direction without input variance "
            "has no regression coefficient, drop it"
        )


def require_orthonormal(name: str, basis: Any) -> None:
    """Raise `ValueError` unless the columns of a square matrix are orthonormal to half its digits; traced values pass.

    `None` stands for the coordinate axes and passes.
    """
    if basis is None or is_traced(basis):
        return
    columns = np.asarray(basis)
    # In fractions of the largest entry, so that no product overflows.
    size = max(np.abs(columns).max(initial=0), 1)
    excess = np.abs((columns / size).T @ (columns / size) - np.eye(columns.shape[1]) / size**2).max(initial=0)
    if excess > np.finfo(columns.dtype).eps ** 0.5:
        raise ValueError(f"{name} must have orthonormal columns, got products that are off by {excess * size**2:g}")
