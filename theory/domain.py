"""The sentences that any paper's theory answers to hostile input, before anything is computed."""

from numbers import Integral

import numpy as np


def check_integer(name: str, value: int) -> None:
    """Raise `TypeError` unless `value` is an integer (a bool is none)."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")


def check_positive(name: str, value: float | int) -> None:
    """Raise unless the scalar `value` is finite and above zero."""
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be finite and positive, got {value}")
