"""The one sentence that a degenerate or hostile input gets, before anything is compiled."""

from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

AnyArray = jax.Array | np.ndarray

SMALLEST, LARGEST = 1e-50, 1e50  # of the largest entry: between them no square and no product of squares is lost
_MOST_NUMBERS = 2**36  # in one array: half a terabyte


def is_traced(value: Any) -> bool:
    """Whether `value` is being traced by JAX, so that its number is not known and cannot be judged."""
    return isinstance(value, jax.core.Tracer)


def require_in_range(
    name: str, value: Any, low: float | int, high: float | int, *, includes_high: bool, why: str = ""
) -> None:
    """Raise `ValueError` unless the scalar `value` lies in `[low, high]` (or `[low, high)`); traced values pass."""
    if is_traced(value):
        return
    number = float(value)
    if not (low <= number < high or (includes_high and number == high)):
        interval = f"[{low:g}, {high:g}{']' if includes_high else ')'}"
        raise ValueError(f"{name} must be in {interval}, got {number:g}{': ' + why if why else ''}")


def require_above(name: str, value: Any, low: float | int, why: str) -> None:
    """Raise `ValueError` unless the scalar `value` is above `low`; traced values pass."""
    if not is_traced(value) and not float(value) > low:
        raise ValueError(f"{name} must be above {low:g} ({why}), got {float(value):g}")


def require_choice(name: str, value: str, choices: Any) -> None:
    """Raise `ValueError` unless `value` is one of the words of the Literal `choices`."""
    if value not in get_args(choices):
        raise ValueError(f"{name} must be one of {', '.join(get_args(choices))}, got {value!r}")


def require_finite(name: str, value: Any) -> None:
    """Raise `ValueError` unless the scalar or vector `value` is finite; traced values pass."""
    if not is_traced(value) and not np.isfinite(np.asarray(value)).all():
        raise ValueError(f"{name} must be finite, got {np.asarray(value)[~np.isfinite(value)][0]}")


def require_count(name: str, value: int, least: int, why: str) -> None:
    """Raise `ValueError` unless the integer `value` is at least `least`."""
    if value < least:
        raise ValueError(f"{name} must be at least {least} ({why}), got {value}")


def require_size(names: str, numbers: int) -> None:
    """Raise `ValueError` if the arguments `names` ask for an array of more than 2^36 numbers.

    No memory holds it, and where a size overflows XLA ends the process and not the call.
    """
    if numbers > _MOST_NUMBERS:
        raise ValueError(f"{names} must ask for arrays of at most 2**36 numbers, got one of {numbers:.3g}")


def require_at_most(name: str, value: Any, most: float | int, why: str) -> None:
    """Raise `ValueError` unless the scalar `value` is at most `most`; traced values pass."""
    if not is_traced(value) and not value <= most:
        raise ValueError(f"{name} must be at most {most:g} ({why}), got {value}")


def require_scale(name: str, values: Any, low: float = SMALLEST, high: float = LARGEST, *, why: str = "") -> None:
    """Raise `ValueError` unless the largest absolute entry of `values` is 0 or in [low, high]; traced values pass."""
    if is_traced(values):
        return
    largest = float(np.abs(np.asarray(values)).max(initial=0))
    if not (largest == 0 or low <= largest <= high):
        reason = why or "squares of other numbers get lost"
        raise ValueError(
            f"{name} must be zero or have a largest entry from {low:g} to {high:g} ({reason}), got {largest:g}"
        )


def require_float_dtype(name: str, dtype: DTypeLike | None) -> None:
    """Raise `TypeError` unless `dtype` is a type of real floating-point numbers."""
    try:
        floating = dtype is not None and jnp.issubdtype(jnp.dtype(dtype), jnp.floating)
    except TypeError:
        floating = False
    if not floating:
        raise TypeError(f"{name} must be a type of floating-point numbers, such as float32, got {dtype!r}")


def require_symmetric(name: str, matrix: Any) -> None:
    """Raise `ValueError` unless a square matrix is symmetric up to rounding; traced values pass."""
    if is_traced(matrix):
        return
    values = np.asarray(matrix)
    # Rounding of a product Q diag(σ²) Qᵀ or of a sum over samples leaves an asymmetry of this order.
    rounding = 8 * len(values) * np.finfo(values.dtype).eps * np.abs(values).max(initial=0)
    if (asymmetry := np.abs(values - values.T).max(initial=0)) > rounding:
        raise ValueError(f"{name} must be symmetric, got entries that differ by {asymmetry:g}")


def require_covariance(name: str, matrix: Any) -> None:
    """Raise `ValueError` unless a square matrix is finite, symmetric and positive semidefinite up to rounding.

    Traced values pass.
    """
    if is_traced(matrix):
        return
    require_finite(name, matrix)
    require_symmetric(name, matrix)
    values = np.asarray(matrix)
    eigenvalues = np.linalg.eigvalsh(values)
    rounding = 8 * len(values) * np.finfo(values.dtype).eps * np.abs(values).max(initial=0)
    if (eigenvalues < -rounding).any():
        raise ValueError(f"{name} must be positive semidefinite, got the eigenvalue {eigenvalues[0]:g}")
