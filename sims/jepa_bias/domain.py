"""What every simulator of this paper checks before anything is compiled."""

from typing import Any, Literal, get_args

import numpy as np

from sims.domain import is_traced, require_above, require_finite

Objective = Literal["jepa", "mae"]
Clock = Literal["paper", "flow"]


def require_choice(name: str, value: str, choices: Any) -> None:
    """Raise `ValueError` unless `value` is one of the strings of the Literal `choices`."""
    if value not in get_args(choices):
        raise ValueError(f"{name} must be one of {', '.join(get_args(choices))}, got {value!r}")


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
    if is_traced(Sigma_xx):
        return
    matrix = np.asarray(Sigma_xx)
    # Rounding of a product Q diag(σ²) Qᵀ or of a sum over samples leaves an asymmetry of this order.
    if np.abs(matrix - matrix.T).max() > 8 * dimension * np.finfo(matrix.dtype).eps * np.abs(matrix).max():
        raise ValueError(f"Sigma_xx must be symmetric, got entries that differ by {np.abs(matrix - matrix.T).max():g}")
    values = np.linalg.eigvalsh(matrix)
    if not values[0] > dimension * np.finfo(matrix.dtype).eps * values[-1]:
        raise ValueError(
            f"Sigma_xx must be positive definite, got the eigenvalue {values[0]:g}: a direction without input variance "
            "has no regression coefficient, drop it"
        )
