"""The sentences that hostile input gets, before anything is computed, and the types of broadcast arguments."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from theory_on_trial.arguments.theory_domain import check_choice

Objective = Literal["jepa", "mae"]
Clock = Literal["paper", "flow"]
Values = Float[np.ndarray, "..."] | Int[np.ndarray, "..."] | float | int
Integers = Int[np.ndarray, "..."] | int

# What arithmetic makes of broadcast arguments: an array, or NumPy's scalar where all are scalars.
Floats = Float[np.ndarray, "..."] | np.floating
Wholes = Int[np.ndarray, "..."] | np.integer
Truths = Bool[np.ndarray, "..."] | np.bool_

_DEEPEST = 2**60  # multiples of a depth still are int64

COVARIANCE_SIGN = "a feature with covariance <= 0 is never learned from a positive aligned start, it decays to zero"
NO_VARIANCE = "a feature without input variance has none: drop it"


def check_objective(objective: str) -> None:
    """Raise unless the objective is "jepa" or "mae"."""
    check_choice("objective", objective, ("jepa", "mae"))


def clock_factor(clock: str, depth: Wholes) -> Wholes:
    """What a time of the gradient flow is multiplied by: the depth L on the paper's clock, one on the flow's."""
    check_choice("clock", clock, ("paper", "flow"))
    return depth if clock == "paper" else np.ones_like(depth)


def checked_positive(name: str, values: Values, reason: str = "") -> Float[np.ndarray, "..."]:
    """`values` as floats; raises unless every one is finite and positive, quoting the first that is not."""
    array = np.asarray(values, dtype=float)
    bad = ~(np.isfinite(array) & (array > 0))
    if np.any(bad):
        because = f" ({reason})" if reason else ""
        raise ValueError(f"{name} must be finite and positive{because}, got {array[bad].flat[0]}")
    return array


def checked_non_negative(name: str, values: Values) -> Float[np.ndarray, "..."]:
    """`values` as floats; raises if one is negative or NaN (infinity is let through)."""
    array = np.asarray(values, dtype=float)
    bad = ~(array >= 0)
    if np.any(bad):
        raise ValueError(f"{name} must be non-negative, got {array[bad].flat[0]}")
    return array


def checked_fraction(name: str, values: Values) -> Float[np.ndarray, "..."]:
    """`values` as floats; raises unless strictly between zero and one."""
    array = np.asarray(values, dtype=float)
    bad = ~((array > 0) & (array < 1))
    if np.any(bad):
        raise ValueError(f"{name} must be strictly between 0 and 1, got {array[bad].flat[0]}")
    return array


def checked_finite(name: str, values: Values) -> Float[np.ndarray, "..."]:
    """`values` as floats; raises unless every one is finite."""
    array = np.asarray(values, dtype=float)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)].flat[0]}")
    return array


def checked_covariance(covariance: Values, name: str = "covariance") -> Float[np.ndarray, "..."]:
    """The covariances lambda as floats; raises unless finite and positive."""
    return checked_positive(name, covariance, COVARIANCE_SIGN)


def checked_regression(regression: Values, name: str = "regression") -> Float[np.ndarray, "..."]:
    """The regression coefficients rho as floats; raises unless finite and positive."""
    return checked_positive(name, regression, NO_VARIANCE)


def checked_depth(depth: Integers, least: int = 1, name: str = "depth") -> Int[np.ndarray, "..."]:
    """The depths as integers; raises unless every one is an integer of at least `least`, below 2^60."""
    array = np.asarray(depth)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name} must be an integer, got {depth!r}")
    if np.any(array < least):
        raise ValueError(f"{name} must be at least {least}, got {array.min()}")
    if np.any(array >= _DEEPEST):
        raise ValueError(f"{name} must be below 2^60, got {array.max()}")
    return array.astype(np.int64)


def checked_features(
    covariance: Float[np.ndarray, " _"], regression: Float[np.ndarray, " _"]
) -> tuple[Float[np.ndarray, " features"], Float[np.ndarray, " features"]]:
    """(lambda, rho) of a list of features; raises unless both are positive, not empty and equally long."""
    if covariance.size == 0 or covariance.shape != regression.shape:
        raise ValueError(
            "covariance and regression must list the same features, at least one, "
            f"got {covariance.size} and {regression.size} of them"
        )
    return checked_covariance(covariance), checked_regression(regression)


def checked_members(
    learned: Bool[np.ndarray, "..."], covariance: Float[np.ndarray, " _"], regression: Float[np.ndarray, " _"]
) -> Bool[np.ndarray, " features"]:
    """Which features are learned; raises unless there is one entry per feature, and the features are valid."""
    checked_features(covariance, regression)
    if learned.shape != covariance.shape:
        raise ValueError(f"learned must have one entry per feature ({covariance.size}), got {learned.size}")
    return learned


def checked_matrices(
    Sigma_xx: Float[np.ndarray, "_ _"], Sigma_yx: Float[np.ndarray, "_ _"]
) -> tuple[Float[np.ndarray, "dim dim"], Float[np.ndarray, "dim dim"]]:
    """Both covariance matrices; raises unless square, equally large, finite, and Sigma_xx symmetric."""
    dim = len(Sigma_xx)
    if dim == 0 or Sigma_xx.shape != (dim, dim) or Sigma_yx.shape != (dim, dim):
        raise ValueError(
            f"Sigma_xx and Sigma_yx must be square matrices of one size, got {Sigma_xx.shape} and {Sigma_yx.shape}"
        )
    for name, matrix in (("Sigma_xx", Sigma_xx), ("Sigma_yx", Sigma_yx)):
        checked_finite(name, matrix)
    asymmetry = np.abs(Sigma_xx - Sigma_xx.T).max()
    if asymmetry > 1e-12 * np.abs(Sigma_xx).max():
        raise ValueError(f"Sigma_xx must be symmetric, got an asymmetry of {asymmetry}")
    return Sigma_xx, Sigma_yx


def broadcast(**arrays: np.ndarray | np.generic) -> tuple[np.ndarray, ...]:
    """The arrays in their common shape; raises if they have none."""
    try:
        return np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"arguments must broadcast to one shape, got {shapes}") from None
