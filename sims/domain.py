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
