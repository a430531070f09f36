"""Finds rows of two views that are copies of each other; they make intervals too narrow."""

import numpy as np
from jaxtyping import Int, Shaped

_FEW = 0.1  # different rows per row, below which rows are equal by chance, and not equally often
_AT_ONCE = 2**15  # numbers, that stay in the processor's cache
_TOGETHER = 0.9  # of the pairs of rows that are equal in one view


def copied_rows(
    first: Shaped[np.ndarray, "rows first"], second: Shaped[np.ndarray, "rows second"]
) -> int:
    """How many rows equal another in both views; 0 where that may be chance.

    Of copies those that are equal in one view are so in the other. Rows of few values are also
    equal in one alone; if they are in both, as where one view follows from the other, there are few
    different ones.
    """
    codes = [np.unique(_digests(view), return_inverse=True)[1] for view in (first, second)]
    _, joint, counts = np.unique(
        codes[0] * len(first) + codes[1], return_inverse=True, return_counts=True
    )
    least = min(_equal_pairs(view) for view in codes)
    few = len(counts) < (_FEW * len(first) if np.ptp(counts) else 2)
    return 0 if few or _equal_pairs(joint) < _TOGETHER * least else int(counts[counts > 1].sum())


def _digests(view: Shaped[np.ndarray, "rows columns"]) -> Shaped[np.ndarray, " rows"]:
    """A number for each row, equal for equal rows and, but for chance in 2^64, for these alone."""
    factors = np.random.default_rng(0).integers(
        2**64, size=view.shape[1], dtype=np.uint64
    ) | np.uint64(1)
    digests = np.empty(len(view), np.uint64)
    step = max(1, _AT_ONCE // max(1, view.shape[1]))
    for start in range(0, len(view), step):
        part = np.ascontiguousarray(
            view[start : start + step] + 0.0, dtype=np.float64
        )  # adding 0 makes -0 equal to 0
        hashes = part.view(np.uint64)
        hashes ^= hashes >> np.uint64(32)
        hashes *= np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(32)
        digests[start : start + step] = np.einsum("ij,j->i", hashes, factors)
    return digests


def _equal_pairs(values: Int[np.ndarray, " rows"]) -> int:
    counts = np.bincount(values)
    return int(counts @ (counts - 1))
