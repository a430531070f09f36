"""Vectors and matrices drawn by Hypothesis from the domain of a setting: their axes, their entries,
and what the whole array must be.

An array is drawn as nested tuples of numbers, which compare, print and are pasted like any other
setting. The claim gets an array of NumPy.
"""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from theory_on_trial.contract import Alternative, Holds, Interval
from theory_on_trial.contract.values import check
from theory_on_trial.trial.cases import nested

LONGEST = 6
"""The longest axis that is drawn, unless the annotation gives its length."""
_FAR = 10.0
"""How far entries go that have no limit."""
_TINY = 1e-6
"""The smallest entry beside 0 that is drawn, as a share of the largest one."""
_NEAREST = 1e-3
"""The least eigenvalue of a definite matrix that is drawn, and the least positive entry."""


def axes_of(kind: Alternative) -> list[str] | None:
    """Return the axes of an array of numbers, names or lengths; None for what is no such array."""
    axes = getattr(kind.type, "dim_str", "").split()
    if not axes or not all(axis.isdigit() or axis.isidentifier() for axis in axes):
        return None
    return axes if _entry_type(kind) else None


def names_of(kind: Alternative) -> set[str]:
    """Return the names of the axes of an array; none of anything else."""
    return {axis for axis in axes_of(kind) or [] if axis.isidentifier() and axis != "_"}


def _entry_type(kind: Alternative) -> type | None:
    dtypes = kind.type.dtypes if isinstance(kind.type.dtypes, list | tuple) else ["float"]
    if any(dtype.startswith("float") for dtype in dtypes):
        return float
    return int if any(dtype.startswith("int") for dtype in dtypes) else None


@st.composite
def arrays_of(draw: st.DrawFn, kind: Alternative, sizes: dict[str, int] | None = None) -> Any:
    """Arrays of a kind, the simplest first; `sizes` collects the lengths of named axes."""
    known = {} if sizes is None else sizes
    shape = tuple(_length(draw, axis, known) for axis in axes_of(kind) or [])
    made = draw(_whole(kind, shape).filter(lambda array: _is_admitted(kind, array)))
    return nested(made.tolist())


def _length(draw: st.DrawFn, axis: str, sizes: dict[str, int]) -> int:
    if axis.isdigit():
        return int(axis)
    if axis not in sizes or axis == "_":
        sizes[axis] = draw(st.integers(1, LONGEST))
    return sizes[axis]


def _is_admitted(kind: Alternative, array: np.ndarray) -> bool:
    try:
        check("the array", array, kind.markers)
    except (TypeError, ValueError):
        return False
    return True


def _whole(kind: Alternative, shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    """Arrays with the properties that a kind names; what two of them owe each other is filtered."""
    named = [marker for marker in kind.markers if isinstance(marker, Holds)]
    properties = {marker.name: marker.numbers for marker in named}
    low, high = _limits(kind)
    known = {"definite": (_NEAREST, _FAR), "covariance": (0.0, _FAR)}
    spectrum = properties.get("spectrum") or next(
        (ends for name, ends in known.items() if name in properties), None
    )
    if "probabilities" in properties:
        whole = _entries(shape, 0.0, 1.0).map(_rows_of_one)
    elif spectrum is not None and len(set(shape)) == 1 and len(shape) == 2:
        values = _entries(shape[:1], *spectrum)
        whole = st.builds(_with_eigenvalues, _rotations(shape[0]), values)
    elif "orthonormal" in properties and len(shape) == 2 and shape[0] >= shape[1]:
        whole = _rotations(shape[0]).map(lambda rotation: rotation[:, : shape[1]])
    elif _entry_type(kind) is int:
        whole = of_numpy.arrays(np.int64, shape, elements=st.integers(int(low), int(high)))
    else:
        whole = _entries(shape, low, high)
    if "symmetric" in properties and shape[-1:] == shape[-2:-1]:
        whole = whole.map(lambda a: (a + np.swapaxes(a, -1, -2)) / 2)
    if "rising" in properties:
        whole = whole.map(lambda a: np.sort(a, axis=-1))
    if "norm" in properties:
        least, most, order = properties["norm"]
        size = st.floats(least, most)
        whole = st.builds(lambda array, size: _of_norm(array, size, order), whole, size)
    return whole


def _limits(kind: Alternative) -> tuple[float, float]:
    """Between which numbers an entry is drawn."""
    low = -np.inf
    high = np.inf
    for marker in (mark for mark in kind.markers if isinstance(mark, Interval)):
        open_low = marker.closed[0] == "("
        open_high = marker.closed[1] == ")"
        whole = _entry_type(kind) is int
        step = 1 if whole else _NEAREST * min(1.0, marker.high - marker.low)
        low = max(low, marker.low + open_low * step)
        high = min(high, marker.high - open_high * step)
    low = low if np.isfinite(low) else min(-_FAR, high - 2 * _FAR)
    return float(low), float(high) if np.isfinite(high) else max(_FAR, low + 2 * _FAR)


def _entries(shape: tuple[int, ...], low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    some = st.sampled_from([end for end in (0.0, 1.0, low, high) if low <= end <= high])
    least = _TINY * max(abs(low), abs(high)) * (low <= 0)
    # A claim about matrices is not about the rounding of entries near 1e-100.
    inside = st.floats(low, high).map(lambda x: x if abs(x) >= least else 0.0)
    return of_numpy.arrays(np.float64, shape, elements=some | inside)


def _rows_of_one(array: np.ndarray) -> np.ndarray:
    """Divide by the sums along the last axis; where there is nothing, all goes to the first."""
    first = np.zeros(array.shape)
    first[..., 0] = 1.0
    array = np.where(array.sum(axis=-1, keepdims=True) > 1e-9, array, first)
    return np.asarray(array / array.sum(axis=-1, keepdims=True))


def _rotations(n: int) -> st.SearchStrategy[np.ndarray]:
    """Rotations of n dimensions, by Cayley's transform of skew matrices: the identity first."""

    def rotation(array: np.ndarray) -> np.ndarray:
        skew = np.triu(array, 1) - np.triu(array, 1).T
        return np.linalg.solve(np.eye(n) + skew, np.eye(n) - skew)

    return _entries((n, n), -3.0, 3.0).map(rotation)


def _with_eigenvalues(rotation: np.ndarray, values: np.ndarray) -> np.ndarray:
    matrix = (rotation * values) @ rotation.T
    return np.asarray((matrix + matrix.T) / 2)


def _of_norm(array: np.ndarray, size: float, order: Any) -> np.ndarray:
    """Scale an array to a norm; one of nothing becomes the first entry alone."""
    if not np.any(array):
        array = np.zeros(array.shape)
        array[(0,) * array.ndim] = 1.0
    array = array / np.max(np.abs(array))  # so that no square is lost
    return np.asarray(array * (size / np.linalg.norm(array, order)))
