"""Converts numbers and labels of a user to arrays."""

import os
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from theory_on_trial.contract import require
from theory_on_trial.contract.conversions import dense
from theory_on_trial.contract.sentences import in_words


def numbers(name: str, values: Any) -> Float[np.ndarray, "..."]:
    """Return numbers as float64, from lists, arrays and data frames. `TypeError` for anything but
    real numbers, text among them.
    """
    array = entries(name, values)
    content = in_words(values) if isinstance(values, list | tuple) else "entries that are none"
    sentence = f"{name} must hold numbers only, got {content}"
    if array.dtype.kind in "cUSM":
        raise TypeError(sentence)
    try:
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise TypeError(sentence) from None


def entries(name: str, values: Any) -> Shaped[np.ndarray, "..."]:
    """Return entries as an array of any type, tensors too; `TypeError` for unequal rows, masked
    entries and sparse matrices.
    """
    try:
        array = np.asarray(dense(values))
        # NumPy knows no kind of bfloat16 and of the eight-bit floats, types of another library.
        return (
            array.astype(np.float32) if array.dtype.kind == "V" and not array.dtype.names else array
        )
    except RuntimeError as error:  # of a tensor that needs a gradient
        raise TypeError(
            f"{name} must be an array that NumPy can read, as a tensor is after .detach().cpu(): "
            f"{str(error).splitlines()[0]}"
        ) from None
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be an array, got {in_words(values)}") from None


def require_memory(names: str, count: float) -> None:
    """Raise `ValueError` before it is tried where the arguments `names` need more float64 than this
    machine holds.
    """
    memory = (
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if hasattr(os, "sysconf")
        else 2**39
    )
    sentence = f"{names} must fit this machine's memory of {memory / 2**30:.3g} GiB"
    require(8 * count <= memory, f"{sentence}, got sizes that need {8 * count / 2**30:.3g} GiB")
