"""The sentences that any paper's theory answers to hostile input, before anything is computed."""

from numbers import Integral

import numpy as np
from jaxtyping import Bool, Float, Real


def check_integer(name: str, value: int) -> None:
    """Raise `TypeError` unless `value` is an integer (a bool is none)."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")


def check_positive(name: str, value: float | int) -> None:
    """Raise unless the scalar `value` is finite and above zero."""
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be finite and positive, got {value}")


def check_at_least(name: str, value: int, least: int) -> None:
    """Raise unless `value` is an integer of at least `least`."""
    check_integer(name, value)
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")


def check_finite(name: str, values: Float[np.ndarray, "..."]) -> None:
    """Raise unless the array is non-empty and finite."""
    if values.size == 0:
        raise ValueError(f"{name} must be non-empty and finite, got an array of shape {values.shape}")
    check_each(name, values, np.isfinite(values), "be non-empty and finite")


def check_each(
    name: str, values: Real[np.ndarray, "*shape"], allowed: Bool[np.ndarray, "*shape"] | np.bool_, what: str
) -> None:
    """Raise unless every entry is allowed; the sentence says `what` they must do and shows the first that does not."""
    if not np.all(allowed):
        raise ValueError(f"{name} must {what}, got {values[~allowed].flat[0]} among the entries")


def check_non_negative(name: str, value: float | int) -> None:
    """Raise unless the scalar is finite and at least zero."""
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be finite and non-negative, got {value}")


def check_open_fraction(name: str, value: float | int) -> None:
    """Raise unless the scalar is strictly between zero and one."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must be strictly between 0 and 1, got {value}")


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise unless `value` is one of the allowed words."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
