"""The paper's four primitives as instructions: copy between positions, multiply, divide, and an
affine map.

Rows are half-open ranges (i, j) as in the paper, whose section on the primitives and Lemma 1 define
all four (Akyürek et al. 2023, arXiv 2211.15661).
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from sims.in_context_learning.raw import Division, Raw
from theory_on_trial.contract import MAY_BE_EMPTY, Interval, Natural, guarded, require

Row = Annotated[int, Interval(0, 10**6, why="no state has so many rows")]
Rows = tuple[Row, Row]
Entries = Annotated[int, Interval(1, 10**4)]
"""Rows or columns of a matrix in the registers."""


@guarded(double=False)
def mov(source: Natural, target: Natural, rows: Rows, target_rows: Rows | None = None) -> Raw:
    """Copy `rows` of column `source` into `target_rows` (the same if not given) of column `target`
    >= `source`. Between different rows only the target column writes. Raises ValueError for rows of
    unequal number or a source after its target.
    """
    read = _indices("rows", rows)
    write = read if target_rows is None else _indices("target_rows", target_rows)
    _require_equal_number("target_rows", write, len(read))
    require(source <= target, f"source must not come after its target {target}, got {source}")
    identity = np.eye(len(read))
    return Raw(
        star="+",
        read_rows=read,
        own_rows=(),
        write_rows=write,
        read_matrix=identity,
        own_matrix=np.zeros((len(read), 0)),
        out_matrix=identity,
        bias=np.zeros(len(read)),
        reads={target: (source,)},
        only_at=None if read == write else target,
    )


@guarded(double=False)
def mul(a: Entries, b: Entries, c: Entries, first: Rows, second: Rows, target: Rows) -> Raw:
    """In every column the matrix in `first` times that in `second`, row-major. ValueError where
    sizes misfit.
    """
    left = _indices("first", first)
    right = _indices("second", second)
    write = _indices("target", target)
    for name, rows, number in (
        ("first", left, a * b),
        ("second", right, b * c),
        ("target", write, a * c),
    ):
        _require_equal_number(name, rows, number)
    row, inner, column = np.indices((a, b, c)).reshape(3, -1)
    return Raw(
        star="*",
        read_rows=left,
        own_rows=right,
        write_rows=write,
        read_matrix=np.eye(a * b)[row * b + inner],
        own_matrix=np.eye(b * c)[inner * c + column],
        out_matrix=np.eye(a * c)[:, row * c + column],
        bias=np.zeros(a * c),
    )


@guarded(double=False)
def div(rows: Rows, divisor: Natural, target: Rows) -> Division:
    """In every column `rows` over |row `divisor`|, into rows of zeros. Raises ValueError for
    unequal lengths.
    """
    numerators = _indices("rows", rows)
    write = _indices("target", target)
    _require_equal_number("target", write, len(numerators))
    return Division(numerators, divisor, write)


@guarded(double=False)
def aff(
    first: Rows,
    second: Rows,
    target: Rows,
    first_matrix: Annotated[Float[np.ndarray, "target first"], MAY_BE_EMPTY],
    second_matrix: Annotated[Float[np.ndarray, "target second"], MAY_BE_EMPTY],
    bias: Annotated[Float[np.ndarray, " target"], MAY_BE_EMPTY] | None = None,
) -> Raw:
    """In every column W_1 h[first] + W_2 h[second] + b, with b = 0 if not given; an empty range (0,
    0) reads nothing. Raises ValueError for matrices that do not fit the ranges.
    """
    read = _indices("first", first)
    own = _indices("second", second)
    write = _indices("target", target)
    for name, matrix, columns in (
        ("first_matrix", first_matrix, read),
        ("second_matrix", second_matrix, own),
    ):
        shape = len(write), len(columns)
        require(matrix.shape == shape, f"{name} must have shape {shape}, got {matrix.shape}")
    return Raw(
        star="+",
        read_rows=read,
        own_rows=own,
        write_rows=write,
        read_matrix=first_matrix,
        own_matrix=second_matrix,
        out_matrix=np.eye(len(write)),
        bias=np.zeros(len(write)) if bias is None else bias,
    )


def _indices(name: str, rows: Rows) -> tuple[int, ...]:
    start, end = rows
    require(start <= end, f"{name} must be a range of rows (i, j) with i <= j, got {rows}")
    return tuple(range(start, end))


def _require_equal_number(name: str, rows: tuple[int, ...], number: int) -> None:
    require(len(rows) == number, f"{name} must hold {number} rows, got {len(rows)}")
