"""A sample as a table: distinct feature rows with the weight of their positive and negative
labels.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int, Real

from sims.linear_dichotomies.domains import Dichotomy, Labels, Samples, SampleWeights
from theory_on_trial.contract import MAY_BE_EMPTY, guarded, require
from theory_on_trial.own_data.arrays import numbers

_LEAST_WEIGHT = 0.01
_LARGEST_WEIGHT = 2.0**53
SUMS = 1e-9
"""By how much sums of many weights depend on their order, relative to n."""
_LARGEST_FEATURE = 1e15  # coefficient that HiGHS takes


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Distinct feature rows u = 1..m with the weights n⁺_u and n⁻_u of their labels.

    rows : [m, d], distinct, in lexicographic order; no column is a linear function of the others
    and the constant. positives, negatives : n⁺, n⁻, [m], counts (int) or, if some weight is not
    whole, sums of weights (float). columns, dropped : the names of the d columns, and of those left
    out because they depend linearly on these. row_of_sample : which row each of the n samples has,
    [n].

    `aggregate` makes it from samples.
    """

    rows: Float[np.ndarray, "rows features"]
    positives: Real[np.ndarray, "rows"]
    negatives: Real[np.ndarray, "rows"]
    columns: tuple[str, ...]
    dropped: tuple[str, ...]
    row_of_sample: Int[np.ndarray, "samples"]

    @property
    def by_label(self) -> tuple[Real[np.ndarray, "rows"], Real[np.ndarray, "rows"]]:
        """The weights n⁺ and n⁻ of the labels."""
        return self.positives, self.negatives

    @property
    def totals(self) -> Real[np.ndarray, "rows"]:
        """The weight t_u = n⁺_u + n⁻_u of each row."""
        return self.positives + self.negatives

    @property
    def n(self) -> int | float:
        """The weight of the whole sample, Σ t_u."""
        return self.totals.sum().item()

    @property
    def has_counts(self) -> bool:
        """Whether all weights are whole, so that errors are integers."""
        return self.positives.dtype.kind == "i"

    @functools.cached_property
    def exact_design(self) -> np.ndarray:
        """The matrix [1, rows] times a power of two, as Python's unbounded integers, without
        rounding.
        """
        ratios = [
            [(1, 1), *(value.as_integer_ratio() for value in row)] for row in self.rows.tolist()
        ]
        scale = max((denominator for row in ratios for _, denominator in row), default=1)
        return np.array(
            [[numerator * (scale // divisor) for numerator, divisor in row] for row in ratios],
            object,
        )

    @property
    def raw_design(self) -> Float[np.ndarray, "rows dims"]:
        """The matrix [1, features] of the features as given.

        Raises ValueError for features beyond 1e15, which are larger than the solvers take.
        """
        largest = np.abs(self.rows).max(initial=0)
        limited = largest <= _LARGEST_FEATURE
        require(
            limited,
            f"table must have features up to 1e15 where weights are sought, got {largest:g}",
        )
        return np.column_stack([np.ones(len(self.rows)), self.rows])

    @functools.cached_property
    def unit_design(self) -> Float[np.ndarray, "rows dims"]:
        """The matrix [1, features] with every feature moved and scaled to span [0, 1], which has
        the same dichotomies.
        """
        low = self.rows.min(axis=0)
        high = self.rows.max(axis=0)
        return np.column_stack([np.ones(len(self.rows)), (self.rows - low) / (high - low)])

    @guarded(double=False)
    def errors(self, dichotomy: Dichotomy) -> int | float:
        """Return E(b), the weight of the labels that b in {0, 1}^m gets wrong."""
        self._require_length(dichotomy)
        return np.where(dichotomy == 1, self.negatives, self.positives).sum().item()

    @guarded(double=False)
    def disagreement(self, dichotomy: Dichotomy, other: Dichotomy) -> int | float:
        """Return the weight of the samples on which two dichotomies differ."""
        self._require_length(dichotomy)
        return self.totals[dichotomy != other].sum().item()

    def _require_length(self, dichotomy: Dichotomy) -> None:
        n_rows = len(self.rows)
        given = len(dichotomy)
        require(
            given == n_rows,
            f"dichotomy must be 0 or 1 for each of the {n_rows} rows of the table, got {given}",
        )


AnyTable = Annotated[Table, MAY_BE_EMPTY]
"""A table of any size, perhaps without a column: all samples are alike then."""


@guarded(double=False)
def aggregate(
    X: Samples,
    y: Labels,
    sample_weight: SampleWeights | None = None,
    columns: Sequence[str] | None = None,
) -> Table:
    """Merge equal feature rows and drop columns that depend linearly on the constant and the
    columns before them.

    Neither step changes the error rate, the discrepancy or the ambiguity of linear classifiers. A
    column counts as dependent if the others explain it to a relative 1e-9. X is an array or a data
    frame, [n, d], without a column for the intercept; its `columns` are named as in the data frame,
    or x1, x2, ..., if no names are given. Each sample counts once without weights; these sum to at
    most 2^53 and, if some are not whole, to at least 0.01 (answers are compared to an absolute
    2e-6).

    Raises TypeError for features that are no numbers; ValueError for an X that is no table with
    rows, or not finite (the entry is named), lengths that do not match, other sums of weights, and
    names that are not one for each feature.

    >>> table = aggregate([[0, 1], [1, 0], [0, 1]], y=[1, -1, -1])
    >>> table.columns, table.rows.tolist(), table.positives.tolist(), table.negatives.tolist()
    (('x1',), [[0.0], [1.0]], [1, 0], [1, 1])
    """
    given = getattr(X, "columns", ()) if columns is None else columns
    names = tuple(str(name) for name in given)
    features = numbers("X", X) + 0.0  # no negative zeros
    shape = features.shape
    require(
        features.ndim == 2 and len(features),
        f"X must be a table with at least one row, got the shape {shape}",
    )
    n_samples, n_features = shape
    if not np.isfinite(features).all():
        row, column = np.argwhere(~np.isfinite(features))[0].tolist()
        raise ValueError(
            f"X must be finite, got {features[row, column]} in row {row}, column {column}"
        )
    names = names or tuple(f"x{column}" for column in range(1, n_features + 1))
    require(
        len(names) == n_features,
        f"columns must name each of the {n_features} features, got {len(names)} names",
    )
    labels = np.asarray(y)
    require(
        len(labels) == n_samples,
        f"y must be {n_samples} labels -1 or +1, one per row of X, got {len(labels)}",
    )
    weights = np.ones(n_samples, int) if sample_weight is None else np.asarray(sample_weight)
    is_whole = bool((weights == np.round(weights)).all())
    total = weights.sum(dtype=float)
    require(
        (1 if is_whole else _LEAST_WEIGHT) <= total <= _LARGEST_WEIGHT,
        f"sample_weight must sum to {_LEAST_WEIGHT:g}..2^53 for the solvers to distinguish errors, "
        f"got {total:g}",
    )
    basis = _independent_columns(features)
    rows, row_of_sample = np.unique(features[:, basis], axis=0, return_inverse=True)
    row_of_sample = row_of_sample.reshape(n_samples)
    kind = int if is_whole else float
    positives, negatives = (
        np.bincount(row_of_sample, weights * (labels == sign), len(rows)).astype(kind)
        for sign in (1, -1)
    )
    dropped = tuple(name for column, name in enumerate(names) if column not in basis)
    return Table(
        rows, positives, negatives, tuple(names[column] for column in basis), dropped, row_of_sample
    )


def _independent_columns(features: Float[np.ndarray, "n features"]) -> list[int]:
    basis = [np.full(len(features), len(features) ** -0.5)]
    columns = []
    for column, values in enumerate(features.T):
        unit = values / max(np.abs(values).max(), np.finfo(float).tiny)
        residual = unit
        for _ in range(2):  # the second pass removes what rounding left of the first
            residual = residual - np.array(basis).T @ (np.array(basis) @ residual)
        if np.linalg.norm(residual) > 1e-9 * np.linalg.norm(unit):
            columns.append(column)
            basis.append(residual / np.linalg.norm(residual))
    return columns


def from_unit(
    table: Table, weights: Float[np.ndarray, "*many dims"]
) -> Float[np.ndarray, "*many dims"]:
    """Return weights on `Table.unit_design` as weights on the features as given, with the intercept
    first.
    """
    low = table.rows.min(axis=0)
    slopes = weights[..., 1:] / (table.rows.max(axis=0) - low)
    intercepts = weights[..., 0] - slopes @ low
    return np.concatenate([intercepts[..., None], slopes], axis=-1)
