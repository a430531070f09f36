"""Values in a sentence: numbers in full, arrays by their shapes."""

from numbers import Real
from typing import Any

import numpy as np


class Refusal(ValueError):
    """An argument outside the domain that a function declares: one sentence."""


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
    """An array in a sentence; of a table with columns of many types the first that is no number,
    and what to do.
    """
    shape = f"of shape {tuple(value.shape)}"
    if np.ma.is_masked(value):
        return f"an array {shape} with masked entries: fill them, or leave out their rows"
    if is_sparse(value):
        return f"a sparse matrix {shape}: make it dense (toarray) if memory holds it"
    if hasattr(value, "dtype"):
        return f"an array of {value.dtype} {shape}"
    kinds = getattr(value, "dtypes", {}).items()
    other = [
        (name, kind)
        for name, kind in kinds
        if not isinstance(kind, np.dtype) or kind.kind not in "fiu"
    ]
    if not other:
        return f"a {type(value).__name__} {shape}"
    name, kind = other[0]
    missing = int(value[name].isna().sum()) if hasattr(value, "isna") else 0
    if missing:
        return (
            f"a table {shape} with {missing} missing entries in column {name!r}: fill them or "
            "leave it out"
        )
    return (
        f"a table {shape} whose column {name!r} is {kind}: make it NumPy's numbers or leave it out"
    )


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse matrix or array of SciPy or one like it."""
    return hasattr(value, "nnz") and hasattr(value, "toarray")


def _list_shown(value: Any) -> str:
    """A list by the first of its entries that is no number, or by the lengths of its rows where
    they differ.
    """
    position, entry = _odd_entry(value)
    if position:
        return f"a {type(value).__name__} whose entry {position} is {in_words(entry)}"
    lengths = sorted({len(row) for row in value if isinstance(row, list | tuple)})
    if len(lengths) > 1:
        return f"a {type(value).__name__} with rows of {lengths[0]} and of {lengths[-1]} entries"
    return f"a {type(value).__name__} of {len(value)} {'rows' if lengths else 'entries'}"


def _odd_entry(value: Any) -> tuple[str, Any]:
    for at, entry in enumerate(value):
        if isinstance(entry, list | tuple):
            position, odd = _odd_entry(entry)
            if position:
                return f"[{at}]{position}", odd
        elif isinstance(entry, bool | str | bytes | None) or (
            isinstance(entry, float) and entry != entry
        ):
            return f"[{at}]", entry
    return "", None


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
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return _list_shown(value)
    return f"a value of type {type(value).__name__}"
