"""Checks labelled samples of a user and converts them to matrices."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.own_data.answer import listed
from theory_on_trial.own_data.copies import without_copies
from theory_on_trial.own_data.jackknife import GROUPS, stratified_groups
from theory_on_trial.own_data.rank import own_columns
from theory_on_trial.own_data.table import class_numbers, table

_SHORTEST = 1e-140  # range of a feature


class Samples(NamedTuple):
    """Labelled samples, without copies of rows and without columns that say nothing of their own.

    Attributes:
        features: the numbers of the user, less the least value of each column.
        labels: class numbers 0..K-1.
        classes: the labels that these stand for.
        columns: names of the features.
        dropped: names of the columns left out because they do not vary within the classes.
        dependent: names of the columns left out because they are linear functions of others.
        leaks: those of the dropped columns that vary between the classes: a label in disguise.
        copies: rows left out because an equal row with the same label stays.
        rows: numbers of the rows that stay.
    """

    features: Float[np.ndarray, "samples features"]
    labels: Int[np.ndarray, " samples"]
    classes: tuple[Any, ...]
    columns: tuple[str, ...]
    dropped: tuple[str, ...]
    dependent: tuple[str, ...]
    leaks: tuple[str, ...]
    copies: int
    rows: Int[np.ndarray, " samples"]

    @property
    def left_out(self) -> list[str]:
        """A line that says what was left out, if anything."""
        columns = (
            f"columns that do not vary within the classes: {listed(self.dropped)}"
            if self.dropped
            else ""
        )
        dependent = (
            f"columns that follow from others: {listed(self.dependent)}" if self.dependent else ""
        )
        copies = f"copies of other rows ({self.copies})" if self.copies else ""
        text = " and ".join(filter(None, (columns, dependent, copies)))
        return [f"left out: {text}"] if text else []


def labelled_samples(X: Any, y: Any) -> Samples:
    """Read a table and its labels.

    TypeError and ValueError as `table`, and for labels that are none, do not fit or stand for
    too few samples, for fewer than two features that vary, and for features that depend linearly on
    each other within the classes and not in the whole table.
    """
    read = table("X", X, scaled=False)
    labels, classes = class_numbers("y", y, rows=len(read.values))
    kept = without_copies(np.column_stack([read.values, labels]))
    values = read.values[kept]
    labels = labels[kept]
    copies = len(read.values) - len(kept)
    if len(classes) < 2:
        raise ValueError(f"y must hold at least 2 classes, got {len(classes)}")
    _require_enough(values, labels, classes, copies)
    varying = _varying(values, labels)
    leaking = _constant_within(values, labels) & (np.ptp(values, axis=0) > 0)
    leaks = tuple(name for name, leaks in zip(read.columns, leaking, strict=True) if leaks)
    if varying.sum() < 2:
        beside = f" beside {', '.join(leaks)}, which only varies between them" if leaks else ""
        raise ValueError(
            "X must have at least 2 columns that vary within the classes, got "
            f"{varying.sum()}{beside}"
        )
    columns = tuple(name for name, stays in zip(read.columns, varying, strict=True) if stays)
    constant_columns = tuple(
        name for name, stays in zip(read.columns, varying, strict=True) if not stays
    )
    values = values[:, varying]
    own = own_columns(values, stratified_groups(labels))
    dependent = tuple(name for name, stays in zip(columns, own, strict=True) if not stays)
    columns = tuple(name for name, stays in zip(columns, own, strict=True) if stays)
    if len(columns) < 2:
        raise ValueError(
            "X must have at least 2 columns that are linearly independent, got "
            f"{len(columns)} beside {listed(dependent)}"
        )
    values = values[:, own]
    ranges = np.ptp(values, axis=0)
    if not np.all((ranges > _SHORTEST) & (ranges < 1 / _SHORTEST)):
        raise ValueError(
            "X must have features whose squared ranges float64 can hold, got ranges "
            f"{ranges.tolist()}"
        )
    values = values - values.min(axis=0)
    _require_enough(values, labels, classes, copies)
    _require_independent(values / ranges, labels, columns)
    return Samples(
        values, labels, classes, columns, constant_columns, dependent, leaks, copies, kept
    )


def groups_of(groups: Any, rows: int) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " rows"]]:
    """The group of each row, by default the row itself, and in which twentieth of all groups it is.

    TypeError and ValueError as `class_numbers`, for another number of labels than rows, and for few
    groups.
    """
    if groups is None:
        return np.arange(rows), stratified_groups(np.zeros(rows, int))
    of_row, names = class_numbers("groups", groups, rows=rows)
    if len(names) < 2 * GROUPS:
        raise ValueError(f"groups must be at least {2 * GROUPS} different ones, got {len(names)}")
    return of_row, stratified_groups(np.zeros(len(names), int))[of_row]


def _require_enough(
    values: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
    classes: tuple[Any, ...],
    copies: int,
) -> None:
    n_samples, n_features = values.shape
    n_classes = len(classes)
    counts = np.bincount(labels)
    if counts.min() < 3:
        raise ValueError(
            f"y must have at least 3 samples of each class, got {counts.min()} of "
            f"{classes[counts.argmin()]!r}"
        )
    # One group left out, the inverse of the pooled covariance must still have a mean.
    fewest = max(2 * GROUPS, -(-GROUPS * (n_features + n_classes + 4) // (GROUPS - 1)))
    if n_samples < fewest:
        besides = f" besides {copies} copies" if copies else ""
        raise ValueError(
            f"X must have at least {fewest} rows for {n_features} features and {n_classes} "
            "classes, "
            f"got {n_samples}{besides}"
        )


def _constant_within(
    values: Float[np.ndarray, "samples features"], labels: Int[np.ndarray, " samples"]
) -> Any:
    return np.max([np.ptp(values[labels == k], axis=0) for k in np.unique(labels)], axis=0) == 0


def _varying(
    values: Float[np.ndarray, "samples features"], labels: Int[np.ndarray, " samples"]
) -> Any:
    """Which features vary within a class, also without any twentieth of the rows."""
    classes = int(labels.max()) + 1
    cells = stratified_groups(labels) * classes + labels
    order = np.argsort(cells, kind="stable")
    present, starts = np.unique(cells[order], return_index=True)
    values = values[order]
    least = np.full((GROUPS * classes, values.shape[1]), np.inf)
    most = -least
    least[present] = np.minimum.reduceat(values, starts, axis=0)
    most[present] = np.maximum.reduceat(values, starts, axis=0)
    varying = np.ones(values.shape[1], bool)
    for group in range(GROUPS):
        left = np.repeat(np.arange(GROUPS) != group, classes)
        high, low = (part[left].reshape(GROUPS - 1, classes, -1) for part in (most, least))
        varying &= (high.max(axis=0) > low.min(axis=0)).any(axis=0)
    return varying


def _require_independent(
    values: Float[np.ndarray, "samples features"],
    labels: Int[np.ndarray, " samples"],
    columns: tuple[str, ...],
) -> None:
    means = np.array([values[labels == k].mean(axis=0) for k in range(labels.max() + 1)])
    eigenvalues, vectors = np.linalg.eigh(np.corrcoef((values - means[labels]).T))
    if eigenvalues[0] < 1e-10:
        dependent = [
            name for name, part in zip(columns, vectors[:, 0], strict=True) if abs(part) > 1e-3
        ]
        raise ValueError(
            "X must have features that are linearly independent within the classes: leave one out "
            "of "
            f"{', '.join(dependent)}"
        )
