"""What a user hands in as numbers or as labels, brought to arrays."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped


def numbers(name: str, values: Any) -> Float[np.ndarray, "..."]:
    """As float64, from lists, arrays and data frames. `TypeError` for anything but real numbers, text among them."""
    array = entries(name, values)
    if array.dtype.kind not in "cUSM":
        try:
            return array.astype(np.float64, copy=False)
        except (TypeError, ValueError):
            pass
    raise TypeError(f"{name} must hold numbers only, got entries that are none")


def entries(name: str, values: Any) -> Shaped[np.ndarray, "..."]:
    """As an array of any type. `TypeError` for rows of different lengths."""
    try:
        return np.asarray(values)
    except ValueError:
        raise TypeError(f"{name} must be an array, got rows of different lengths") from None
