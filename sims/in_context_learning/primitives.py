"""The paper's four primitives as instructions: copy between positions, multiply, divide, and an affine map.

Rows are half-open ranges (i, j) as in the paper, whose section on the primitives and Lemma 1 define all four (Akyürek
et al. 2023, arXiv 2211.15661). `bound` and `least_divisor` are explained at `Raw` and `Division`.
"""

import numpy as np
from jaxtyping import Float

from sims.in_context_learning.raw import Division, Raw

Rows = tuple[int, int]


def mov(source: int, target: int, rows: Rows, target_rows: Rows | None = None, *, bound: float | int = np.inf) -> Raw:
    """Copy `rows` of column `source` into `target_rows` (the same if not given) of column `target` >= `source`.

    Between different rows only the target column may write; between equal rows all may, since each of the others
    copies its rows onto themselves. Raises ValueError for rows of unequal number or a source after its target.
    """
    read, write = _indices(rows), _indices(rows if target_rows is None else target_rows)
    _require_equal_number("target_rows", write, len(read))
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
        bound=bound,
    )


def mul(a: int, b: int, c: int, first: Rows, second: Rows, target: Rows, *, bound: float | int = np.inf) -> Raw:
    """In every column the a x b matrix in the rows `first` times the b x c matrix in `second`, all row-major.

    Raises ValueError for ranges that do not hold a b, b c and a c rows.
    """
    left, right, write = _indices(first), _indices(second), _indices(target)
    for name, rows, number in (("first", left, a * b), ("second", right, b * c), ("target", write, a * c)):
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
        bound=bound,
    )


def div(
    rows: Rows, divisor: int, target: Rows, *, least_divisor: float | int = 0.0, bound: float | int = np.inf
) -> Division:
    """In every column the `rows` over the absolute value of the row `divisor`, into rows that hold zero."""
    return Division(_indices(rows), divisor, _indices(target), least_divisor, bound)


def aff(
    first: Rows,
    second: Rows,
    target: Rows,
    first_matrix: Float[np.ndarray, "target first"],
    second_matrix: Float[np.ndarray, "target second"],
    bias: Float[np.ndarray, " target"] | None = None,
    *,
    bound: float | int = np.inf,
) -> Raw:
    """In every column W_1 h[first] + W_2 h[second] + b, with b = 0 if not given; an empty range (0, 0) reads nothing.

    Raises ValueError for matrices that do not fit the ranges.
    """
    write = _indices(target)
    return Raw(
        star="+",
        read_rows=_indices(first),
        own_rows=_indices(second),
        write_rows=write,
        read_matrix=first_matrix,
        own_matrix=second_matrix,
        out_matrix=np.eye(len(write)),
        bias=np.zeros(len(write)) if bias is None else bias,
        bound=bound,
    )


def _indices(rows: Rows) -> tuple[int, ...]:
    start, end = rows
    if not 0 <= start <= end:
        raise ValueError(f"a range of rows must be (i, j) with 0 <= i <= j, got {rows}")
    return tuple(range(start, end))


def _require_equal_number(name: str, rows: tuple[int, ...], number: int) -> None:
    if len(rows) != number:
        raise ValueError(f"{name} must hold {number} rows, got {len(rows)}")
