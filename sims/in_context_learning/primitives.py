"""The paper's four primitives as instructions: copy between positions, multiply, divide, and an affine map.

Rows are half-open ranges (i, j) as in the paper, whose section on the primitives and Lemma 1 define all four (Akyürek
et al. 2023, arXiv 2211.15661). `bound` and `least_divisor` are explained at `Raw` and `Division`.
"""

import numpy as np
from jaxtyping import Float

from sims.in_context_learning.raw import Division, Raw, require_bound
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import require_at_most, require_count

Rows = tuple[int, int]

_MOST_ROWS = 1_000_000


@validated(unbounded=("bound", "return"))
def mov(source: int, target: int, rows: Rows, target_rows: Rows | None = None, *, bound: float | int = np.inf) -> Raw:
    """Copy `rows` of column `source` into `target_rows` (the same if not given) of column `target` >= `source`.

    Between different rows only the target column may write; between equal rows all may, since each of the others
    copies its rows onto themselves. Raises ValueError for rows of unequal number or a source after its target.
    """
    read = _indices("rows", rows)
    write = read if target_rows is None else _indices("target_rows", target_rows)
    _require_equal_number("target_rows", write, len(read))
    require_bound("bound", bound)
    if not 0 <= source <= target:
        raise ValueError(
            f"source must not come after its target (reads must map position {target} to positions in 0..{target}), "
            f"got {source}"
        )
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


@validated(unbounded=("bound", "return"))
def mul(a: int, b: int, c: int, first: Rows, second: Rows, target: Rows, *, bound: float | int = np.inf) -> Raw:
    """In every column the a x b matrix in the rows `first` times the b x c matrix in `second`, all row-major.

    Raises ValueError for ranges that do not hold a b, b c and a c rows, and for empty matrices.
    """
    for name, size in {"a": a, "b": b, "c": c}.items():
        require_count(name, size, 1, "a matrix has no entry otherwise")
    require_bound("bound", bound)
    left, right, write = _indices("first", first), _indices("second", second), _indices("target", target)
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


@validated(unbounded=("bound", "return"))
def div(
    rows: Rows, divisor: int, target: Rows, *, least_divisor: float | int = 0.0, bound: float | int = np.inf
) -> Division:
    """In every column the `rows` over the absolute value of the row `divisor`, into rows that hold zero.

    Raises ValueError for ranges of unequal length, and for a negative row or bound.
    """
    numerators, write = _indices("rows", rows), _indices("target", target)
    if len(numerators) != len(write):
        raise ValueError(f"target must hold as many as the {len(numerators)} numerators, got {len(write)}")
    require_count("divisor", divisor, 0, "rows are counted from 0 on")
    require_bound("least_divisor", least_divisor)
    require_bound("bound", bound)
    return Division(numerators, divisor, write, least_divisor, bound)


@validated(unbounded=("bound", "return"))
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
    read, own, write = _indices("first", first), _indices("second", second), _indices("target", target)
    require_bound("bound", bound)
    for name, matrix, columns in (("first_matrix", first_matrix, read), ("second_matrix", second_matrix, own)):
        if matrix.shape != (len(write), len(columns)):
            raise ValueError(f"{name} must have shape {(len(write), len(columns))}, got {matrix.shape}")
    return Raw(
        star="+",
        read_rows=read,
        own_rows=own,
        write_rows=write,
        read_matrix=first_matrix,
        own_matrix=second_matrix,
        out_matrix=np.eye(len(write)),
        bias=np.zeros(len(write)) if bias is None else bias,
        bound=bound,
    )


def _indices(name: str, rows: Rows) -> tuple[int, ...]:
    start, end = rows
    if not 0 <= start <= end:
        raise ValueError(f"{name} must be a range of rows (i, j) with 0 <= i <= j, got {rows}")
    require_at_most(f"the end of {name}", end, _MOST_ROWS, "no state has so many rows")
    return tuple(range(start, end))


def _require_equal_number(name: str, rows: tuple[int, ...], number: int) -> None:
    if len(rows) != number:
        raise ValueError(f"{name} must hold {number} rows, got {len(rows)}")
