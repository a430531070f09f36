"""Finds rows of two views that are copies of each other; they make intervals too narrow."""

import numpy as np
from jaxtyping import Float, Int, Shaped

_FEW = 0.1  # different rows per row, below which rows are equal by chance, and not equally often
_AT_ONCE = 2**15  # numbers, that stay in the processor's cache
_TOGETHER = 0.9  # of the pairs of rows that are equal in one view
_KINDS = 12  # different rows that do not all come an even number of times by chance


def copied_rows(
    first: Shaped[np.ndarray, "rows first"], second: Shaped[np.ndarray, "rows second"]
) -> int:
    """How many rows equal another one in both views; 0 if chance may explain them.

    Copies that are equal in one view are equal in the other. Rows with few possible values are also
    equal in one view alone; if they are equal in both, because one view follows from the other,
    there are few different rows. A table that was repeated as a whole holds each row equally often,
    or a multiple of that.
    """
    codes = [np.unique(_digests(view), return_inverse=True)[1] for view in (first, second)]
    _, joint, counts = np.unique(
        codes[0] * len(first) + codes[1], return_inverse=True, return_counts=True
    )
    copied = int(counts[counts > 1].sum())
    if np.ptp(counts) == 0 or (len(counts) >= _KINDS and np.gcd.reduce(counts) > 1):
        return copied if len(counts) > 1 else 0
    few = len(counts) < _FEW * len(first)
    least = min(_equal_pairs(view) for view in codes)
    return 0 if few or _equal_pairs(joint) < _TOGETHER * least else copied


def without_copies(table: Float[np.ndarray, "rows columns"]) -> Int[np.ndarray, " kept"]:
    """The rows that stay if copies count once; all rows, if chance may explain the equal ones. The
    columns of even and of odd number are the two views of this test.
    """
    everything = np.arange(len(table))
    if table.shape[1] < 2 or not copied_rows(table[:, ::2], table[:, 1::2]):
        return everything
    _, first, kinds, counts = np.unique(
        table, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    kinds = kinds.ravel()
    times = np.gcd.reduce(counts)
    if times == 1 or len(counts) < _KINDS:
        return np.sort(first)
    order = np.argsort(kinds, kind="stable")  # of each kind one row in so many
    place = np.arange(len(table)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(order[place % times == 0])


def _digests(view: Shaped[np.ndarray, "rows columns"]) -> Shaped[np.ndarray, " rows"]:
    """A number for each row, equal for equal rows and, but for chance in 2^64, for these alone."""
    factors = np.random.default_rng(0).integers(
        2**64, size=view.shape[1], dtype=np.uint64
    ) | np.uint64(1)
    digests = np.empty(len(view), np.uint64)
    step = max(1, _AT_ONCE // max(1, view.shape[1]))
    for start in range(0, len(view), step):
        # Adding 0 makes -0 equal to 0
        part = np.ascontiguousarray(view[start : start + step] + 0.0, dtype=np.float64)
        hashes = part.view(np.uint64)
        hashes ^= hashes >> np.uint64(32)
        hashes *= np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(32)
        digests[start : start + step] = np.einsum("ij,j->i", hashes, factors)
    return digests


def _equal_pairs(values: Int[np.ndarray, " rows"]) -> int:
    counts = np.bincount(values)
    return int(counts @ (counts - 1))
