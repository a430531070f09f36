"""The entrance for what users hand in: tables, columns of numbers, labels and groups, with their
names.

Data frames of pandas, polars and Arrow are read by narwhals, as scikit-learn reads them; arrays of
NumPy, JAX and torch, and lists, have columns that are then called x1, x2, ... Booleans count as 0
and 1. An entry that is no number is refused in one sentence, which names the column and what to do.
"""

from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import narwhals as nw
import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.contract.domains import ANY_NUMBER, LARGEST, MAY_BE_EMPTY, MOST, SMALLEST
from theory_on_trial.own_data.arrays import entries

Handed = Annotated[Any, ANY_NUMBER, MAY_BE_EMPTY]
"""Any input of a user; `table`, `column` or `class_numbers` says what is wrong with it."""

_REMEDIES = {
    "c": ("complex numbers", "give real and imaginary part a column each"),
    "M": ("time stamps", "turn them into a number, such as days since the first"),
    "m": ("durations", "turn them into a number, such as days"),
}
_ENCODE = "encode it (pandas.get_dummies) or leave the column out"


class Table(NamedTuple):
    """A matrix of numbers, the names of its columns, and those of its rows where a frame names
    them.
    """

    values: Float[np.ndarray, "rows columns"]
    columns: tuple[str, ...]
    rows: tuple[Any, ...] | None = None

    def row(self, index: int) -> str:
        """Return the name of a row, its number where it has none."""
        return str(index if self.rows is None else self.rows[index])


def table(name: str, values: Any, *, rows: int | None = None, scaled: bool = True) -> Table:
    """Read a table, a row per sample; where `rows` are given it must have as many.

    TypeError for text, categories, time stamps, complex numbers, masked entries and sparse
    matrices; ValueError for missing and infinite entries, for other shapes, and where it is
    `scaled` for numbers whose squares float64 loses.
    """
    frame = _frame(name, values)
    if frame is None:
        array = entries(name, values)
        if array.ndim != 2:
            raise ValueError(
                f"{name} must be a table, a row per sample and a column per feature, got shape "
                f"{array.shape}"
            )
        columns = tuple(f"x{i}" for i in range(1, array.shape[1] + 1))
        read = Table(_matrix(name, array, columns), columns)
    else:
        columns = tuple(map(str, frame.columns))
        parts = [
            _numbers(name, frame.get_column(key), column)
            for key, column in zip(frame.columns, columns, strict=True)
        ]
        stacked = np.stack(parts, axis=1) if parts else np.empty((len(frame), 0))
        read = Table(stacked, columns, _row_names(frame))
    _require_length(name, len(read.values), rows)
    if scaled:
        _require_scale(name, read.values)
    return read


def column(name: str, values: Any, *, rows: int | None = None) -> Float[np.ndarray, " rows"]:
    """Read one number a row, from a vector or a single column; errors as `table`."""
    numbers = _numbers(name, _single(name, values, "number"), "")
    _require_length(name, len(numbers), rows)
    _require_scale(name, numbers)
    return numbers


def class_numbers(
    name: str, values: Any, *, rows: int | None = None
) -> tuple[Int[np.ndarray, " rows"], tuple[Any, ...]]:
    """Read one label a row, as numbers 0..K-1 and the labels they stand for, in their order.

    TypeError for what is no label, such as 0.5; ValueError for missing ones and other shapes.
    """
    part = _single(name, values, "label")
    _require_length(name, len(part), rows)
    array = part.to_numpy() if isinstance(part, nw.Series) else part
    missing = _missing(part)
    if missing.any():
        raise ValueError(
            f"{name} must have a label for every sample, got {missing.sum()} missing, the first "
            f"in row {int(np.argmax(missing))}"
        )
    if array.dtype.kind == "O" and all(isinstance(entry, int | float) for entry in array):
        array = np.array(array.tolist())
    if array.dtype.kind == "f":
        wide = array.astype(float)  # of half precision MOST is infinite
        if np.all((wide == np.round(wide)) & (abs(wide) < MOST)):
            array = wide.astype(np.int64)
    if array.dtype.kind not in "biuOUST":
        raise TypeError(
            f"{name} must hold labels (whole numbers, booleans, strings or categories), got "
            f"{_kind(array)}"
        )
    try:
        classes, numbers = np.unique(array, return_inverse=True)
    except TypeError:
        raise TypeError(f"{name} must hold labels of one kind, got several") from None
    return numbers, tuple(classes.tolist())


def indicators(name: str, values: Any, *, rows: int) -> Table:
    """Read groups as columns of 0 and 1, or of weights.

    A table has a column per group; one of strings or categories becomes a column per level. A
    vector of booleans is one group, one of other labels a group per label.
    """
    frame = _frame(name, values)
    array = None if frame is not None else entries(name, values)
    if array is not None and array.ndim == 2 and array.dtype.kind not in "OUST":
        read = table(name, array, rows=rows)
        return read._replace(columns=tuple(map(str, range(array.shape[1]))))
    if frame is not None:
        parts = [(str(key), frame.get_column(key)) for key in frame.columns]
    elif array is not None and array.ndim == 2:
        parts = [(str(i), part) for i, part in enumerate(array.T)]
    else:
        native = nw.from_native(values, series_only=True, pass_through=True)
        parts = [(str(getattr(native, "name", None) or ""), _single(name, values, "label"))]
    columns: list[tuple[str, Float[np.ndarray, " rows"]]] = []
    for title, part in parts:
        if (array is not None and array.ndim == 1) or _is_text(part):
            numbers, classes = class_numbers(name, part, rows=rows)
            if set(classes) <= {False, True} and isinstance(classes[0], bool):
                columns.append((title or "True", np.array(classes)[numbers].astype(float)))
                continue
            columns += [
                (f"{title}={label}" if title else str(label), (numbers == k).astype(float))
                for k, label in enumerate(classes)
            ]
        else:
            columns.append((title, _numbers(name, part, title)))
    _require_length(name, len(columns[0][1]) if columns else 0, rows)
    return Table(np.stack([c for _, c in columns], axis=1), tuple(t for t, _ in columns))


def outputs(name: str, values: Any, *, rows: int | None = None, classes: bool = True) -> Table:
    """Read one or several numbers a row; with `classes` a vector of strings or categories has a
    column per class, and is refused without.
    """
    frame = _frame(name, values)
    if frame is not None or (_native_array(values) and entries(name, values).ndim == 2):
        return table(name, values, rows=rows)
    part = _single(name, values, "number")
    if classes and _is_text(part):
        return indicators(name, values, rows=len(part) if rows is None else rows)
    return Table(
        column(name, values, rows=rows)[:, None], (str(getattr(part, "name", None) or "y"),)
    )


def _native_array(values: Any) -> bool:
    return not isinstance(nw.from_native(values, series_only=True, pass_through=True), nw.Series)


def _frame(name: str, values: Any) -> nw.DataFrame[Any] | None:
    """A frame that narwhals reads, or None; a series is no frame."""
    try:
        read = nw.from_native(values, eager_only=True, pass_through=True)
        if isinstance(read, nw.DataFrame):
            _ = read.columns
            return read
    except nw.exceptions.NarwhalsError as error:
        what = str(error).splitlines()[0].rstrip(":, got")
        raise ValueError(f"{name} must be a table that can be read: {what}") from None
    return None


def _row_names(frame: nw.DataFrame[Any]) -> tuple[Any, ...] | None:
    """The index of a pandas frame, None where it only counts."""
    index = nw.maybe_get_index(frame)
    if index is None or (index.dtype.kind in "iu" and np.array_equal(index, np.arange(len(frame)))):
        return None
    return tuple(index.tolist())


def _single(name: str, values: Any, what: str) -> Any:
    """A series or a vector; a table of one column counts as its column."""
    frame = _frame(name, values)
    if frame is not None:
        if len(frame.columns) != 1:
            raise ValueError(
                f"{name} must be one {what} per sample, got {len(frame.columns)} columns: choose "
                "one"
            )
        return frame.get_column(frame.columns[0])
    native = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(native, nw.Series):
        return native
    array = entries(name, values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{name} must be one {what} per sample, got shape {array.shape}")
    return array


def _matrix(
    name: str, array: np.ndarray, columns: tuple[str, ...]
) -> Float[np.ndarray, "rows columns"]:
    if array.dtype.kind in "biuf":
        numbers = np.asarray(array, np.float64)
        if np.isfinite(numbers).all():
            return numbers
    parts = [_numbers(name, part, column) for column, part in zip(columns, array.T, strict=True)]
    return np.stack(parts, axis=1) if parts else np.empty((len(array), 0))


def _numbers(name: str, part: Any, column: str) -> Float[np.ndarray, " rows"]:
    where = f"in column {column!r}" if column else "in it"
    missing = _missing(part)
    if missing.any():
        raise ValueError(
            f"{name} must have no missing entries, got {missing.sum()} {where}: fill them or "
            "leave these rows out"
        )
    array = part.to_numpy() if isinstance(part, nw.Series) else part
    categories = isinstance(part, nw.Series) and part.dtype in (nw.Categorical, nw.Enum)
    numeric = array.dtype.kind in "biuf" or (
        array.dtype.kind == "O"
        and all(isinstance(entry, int | float | np.number | np.bool | Decimal) for entry in array)
    )
    if numeric and not categories:
        numbers = np.asarray(array, dtype=np.float64)
        if not np.isfinite(numbers).all():
            raise ValueError(
                f"{name} must be finite, got an infinite entry {where}: leave its row out"
            )
        return numbers
    what, remedy = _REMEDIES.get(
        array.dtype.kind, ("categories" if categories else "text", _ENCODE)
    )
    if not column:
        remedy = remedy.replace(" or leave the column out", "")
    raise TypeError(f"{name} must hold numbers only, got {what} {where}: {remedy}")


def _missing(part: Any) -> np.ndarray:
    if isinstance(part, nw.Series):
        missing = part.is_null().to_numpy().astype(bool)
        return np.asarray(
            missing | part.is_nan().to_numpy().astype(bool) if part.dtype.is_float() else missing
        )
    if part.dtype.kind in "fcmM":
        return np.asarray(np.isnan(part) if part.dtype.kind in "fc" else np.isnat(part))
    if part.dtype.kind != "O":
        return np.zeros(len(part), bool)
    return np.array([entry is None or _unequal_to_itself(entry) for entry in part], bool)


def _unequal_to_itself(entry: Any) -> bool:
    """Whether it is NaN, or pandas.NA, whose comparison with itself is undefined."""
    try:
        return bool(entry != entry)
    except (TypeError, ValueError):
        return True


def _is_text(part: Any) -> bool:
    if isinstance(part, nw.Series):
        return part.dtype in (nw.String, nw.Categorical, nw.Enum)
    return part.dtype.kind in "UST" or (
        part.dtype.kind == "O" and any(isinstance(entry, str) for entry in part)
    )


def _kind(array: np.ndarray) -> str:
    fractions = "numbers that are not whole" if array.dtype.kind == "f" else ""
    return fractions or _REMEDIES.get(array.dtype.kind, (str(array.dtype), ""))[0]


def _require_length(name: str, found: int, rows: int | None) -> None:
    if rows is not None and found != rows:
        raise ValueError(f"{name} must have a row for each of the {rows} rows, got {found}")


def _require_scale(name: str, values: np.ndarray) -> None:
    # Without a copy of the table, as np.abs would make.
    largest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    if largest and not SMALLEST <= largest <= LARGEST:
        raise ValueError(
            f"{name} must be zero or have a largest entry from {SMALLEST:g} to {LARGEST:g} "
            f"(squares of others get lost), got {largest:.3g}"
        )
