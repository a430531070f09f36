"""The sentences that hostile input gets, before anything is computed."""

import numpy as np
from jaxtyping import Float

from theory_on_trial.arguments.theory_domain import check_at_least, check_non_negative


def check_real(name: str, values: Float[np.ndarray, "..."]) -> None:
    """Raise unless every entry is finite; an empty array (a prompt without examples) passes."""
    finite = np.isfinite(values)
    if not np.all(finite):
        raise ValueError(f"{name} must be finite, got {values[~finite].flat[0]}")


def check_inputs(X: Float[np.ndarray, "examples dimension"]) -> None:
    """Raise unless the rows of X are finite and have at least one coordinate; there may be no rows."""
    if X.shape[1] == 0:
        raise ValueError(f"X must have one row per example and at least one column, got shape {X.shape}")
    check_real("X", X)


def check_prompt(X: Float[np.ndarray, "examples dimension"], Y: Float[np.ndarray, " labels"]) -> None:
    """Raise unless X and Y are finite and have one label per row."""
    check_inputs(X)
    check_length("Y", Y, X.shape[0], "example")
    check_real("Y", Y)


def check_length(name: str, values: Float[np.ndarray, " entries"], length: int, counted: str) -> None:
    """Raise unless the vector has one entry per `counted`, of which there are `length`."""
    if values.shape[0] != length:
        raise ValueError(f"{name} must have one entry per {counted}, {length} in all, got {values.shape[0]}")


def check_count(name: str, value: int, least: int) -> None:
    """Raise unless `value` is an integer of at least `least` and at most 2^53, where float64 stops counting."""
    check_at_least(name, value, least)
    if value > 2**53:
        raise ValueError(f"{name} must be at most 2^53, got a number of {value.bit_length()} bits")


def check_sizes(d: int, k: int) -> None:
    """Raise unless the dimension is at least one and the number of examples at least zero, neither above 2^53."""
    check_count("d", d, 1)
    check_count("k", k, 0)


def check_stds(weight_std: float | int, noise_std: float | int) -> None:
    """Raise unless both standard deviations are finite and non-negative."""
    check_non_negative("weight_std", weight_std)
    check_non_negative("noise_std", noise_std)


def check_covariance(name: str, matrix: Float[np.ndarray, "rows columns"], definite: bool = False) -> None:
    """Raise unless the matrix is square, finite, symmetric and has no negative (if `definite`, no zero) eigenvalue.

    Rounding of 1e-12 of the largest entry is forgiven.
    """
    if matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ValueError(f"{name} must be a square matrix, got shape {matrix.shape}")
    check_real(name, matrix)
    forgiven = 1e-12 * np.abs(matrix).max()
    if np.abs(matrix - matrix.T).max() > forgiven:
        raise ValueError(f"{name} must be symmetric, got {matrix.tolist()}")
    least = np.linalg.eigvalsh(matrix)[0]
    if least < -forgiven or (definite and least <= forgiven):
        kind = "positive definite" if definite else "positive semi-definite"
        raise ValueError(f"{name} must be {kind}, got the eigenvalue {least:.3g}")


def check_square(name: str, matrix: Float[np.ndarray, "rows columns"], dimension: int) -> None:
    """Raise unless the matrix is finite and `dimension` by `dimension`."""
    if matrix.shape != (dimension, dimension):
        raise ValueError(f"{name} must be {dimension} x {dimension}, got shape {matrix.shape}")
    check_real(name, matrix)
