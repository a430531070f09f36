"""The one sentence that a degenerate or hostile input gets, before anything is compiled."""

from typing import Any

import jax
import numpy as np

AnyArray = jax.Array | np.ndarray


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


def require_finite(name: str, value: Any) -> None:
    """Raise `ValueError` unless the scalar or vector `value` is finite; traced values pass."""
    if not is_traced(value) and not np.isfinite(np.asarray(value)).all():
        raise ValueError(f"{name} must be finite, got {np.asarray(value)[~np.isfinite(value)][0]}")


def require_count(name: str, value: int, least: int, why: str) -> None:
    """Raise `ValueError` unless the integer `value` is at least `least`."""
    if value < least:
        raise ValueError(f"{name} must be at least {least} ({why}), got {value}")


def require_points(n_points: int) -> None:
    """Raise `ValueError` unless there are at least two recorded points: one point has no variance."""
    require_count("n_points", n_points, 2, "need at least two recorded points")


def require_finite_rows(name: str, rows: Any) -> None:
    """Raise `ValueError` naming the first step (counted from 1) at which `rows` is not finite; traced values pass."""
    if is_traced(rows):
        return
    finite = np.isfinite(np.asarray(rows)).reshape(len(rows), -1).all(axis=1)
    if not finite.all():
        raise ValueError(f"{name} must be finite, its first non-finite row is step {int(np.argmin(finite)) + 1}")


def require_variance(total: Any) -> None:
    """Raise `ValueError` if a total variance is zero, so that ratios to it are undefined; traced values pass."""
    if not is_traced(total) and not float(total) > 0:
        raise ValueError(
            f"zero total variance: explained variance ratios are undefined (got a total of {float(total)})"
        )
