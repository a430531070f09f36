"""Values in a sentence: numbers as they are, arrays by their shapes."""

from numbers import Real
from typing import Any

import numpy as np


def first_refused(leaf: Any, allowed: Any) -> Any:
    """Return the first entry that is not allowed."""
    return np.asarray(leaf)[~np.asarray(allowed)].flat[0]


def among(leaf: Any) -> str:
    """Return what follows an entry of an array; nothing follows a number."""
    return " among the entries" if leaf.ndim else ""


def excerpt(leaf: Any) -> str:
    """Return a small array whole, a large one by its shape."""
    array = np.asarray(leaf)
    return str(array.tolist()) if array.size <= 9 else f"an array of shape {array.shape}"


def _array_shown(value: Any) -> str:
    """An array in a sentence; of a table with columns of many types the first that is no number, and what to do."""
    shape = f"of shape {tuple(value.shape)}"
    if np.ma.is_masked(value):
        return f"an array {shape} with masked entries: fill them, or leave out their rows"
    if hasattr(value, "dtype"):
        return f"an array of {value.dtype} {shape}"
    kinds = getattr(value, "dtypes", {}).items()
    other = [(name, kind) for name, kind in kinds if not isinstance(kind, np.dtype) or kind.kind not in "fiu"]
    if not other:
        return f"a {type(value).__name__} {shape}"
    name, kind = other[0]
    return f"a table {shape} whose column {name!r} is {kind}: make it NumPy's numbers or leave it out"


def in_words(value: Any) -> str:
    """A value in a sentence: numbers as they are, anything larger by its type and shape."""
    if isinstance(value, int) and abs(value) >= 2**64:
        return f"an integer of {value.bit_length()} bits"
    if hasattr(value, "shape") and not isinstance(value, type) and value.shape != ():
        return _array_shown(value)
    if isinstance(value, np.generic):
        return str(value)
    if isinstance(value, str | float | bool | Real | None):
        return repr(value)
    return f"a value of type {type(value).__name__}"
