"""Converts a table of features of a user to numbers with names."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.own_data.arrays import entries

_REMEDIES = {
    "b": ("booleans", "write them as 0 and 1 (astype(int))"),
    "c": ("complex numbers", "give real and imaginary part a column each"),
    "M": ("time stamps", "turn them into a number, such as days since the first"),
    "m": ("durations", "turn them into a number, such as days"),
}
_ENCODE = "encode it (pandas.get_dummies with dtype=float) or leave the column out"


class Features(NamedTuple):
    """A matrix of features and the names of its columns."""

    values: Float[np.ndarray, "rows columns"]
    columns: tuple[str, ...]


def features(name: str, values: Any) -> Features:
    """Read a data frame, or an array whose columns are then called x1, x2, ...

    What is no number is refused in one sentence that names the column and what to do: TypeError for
    text, categories, time stamps, booleans, complex numbers, masked entries and sparse matrices,
    ValueError for missing and infinite entries and for other shapes.
    """
    if hasattr(values, "iloc") and hasattr(values, "columns"):
        columns = tuple(str(column) for column in values.columns)
        parts = [values.iloc[:, position] for position in range(len(columns))]
    else:
        array = entries(name, values)
        if array.ndim != 2:
            raise ValueError(
                f"{name} must be a table, a row per sample and a column per feature, got shape "
                f"{array.shape}"
            )
        columns = tuple(f"x{i}" for i in range(1, array.shape[1] + 1))
        parts = list(array.T)
    arrays = [_column(name, column, part) for column, part in zip(columns, parts, strict=True)]
    return Features(np.stack(arrays, axis=1) if arrays else np.empty((len(values), 0)), columns)


def _column(name: str, column: str, part: Any) -> Float[np.ndarray, " rows"]:
    where = f"in column {column!r}"
    kind = part.dtype.kind
    missing = np.asarray(part.isna()) if hasattr(part, "isna") else _missing(part)
    if missing.any():
        raise ValueError(
            f"{name} must have no missing entries, got {missing.sum()} {where}: fill them or "
            "leave these rows out"
        )
    what, remedy = _REMEDIES.get(kind, ("categories" if hasattr(part, "cat") else "text", _ENCODE))
    if kind in "iuf" or (what == "text" and all(isinstance(entry, int | float) for entry in part)):
        number = np.asarray(part, dtype=np.float64)
        if not np.isfinite(number).all():
            raise ValueError(
                f"{name} must be finite, got an infinite entry {where}: leave its row out"
            )
        return number
    raise TypeError(f"{name} must hold numbers only, got {what} {where}: {remedy}")


def _missing(part: Any) -> Any:
    return (
        np.isnan(part)
        if part.dtype.kind in "fc"
        else np.array([entry is None or entry != entry for entry in part])
    )
