"""Finds the columns of a table that say nothing that the columns before them do not say."""

import numpy as np
from jaxtyping import Bool, Float, Int

_SINGULAR = 1e-10  # share of a column's variance that the columns before it must leave
_FLAT = 1e-12  # deviations from the mean, as a share of the largest entry, that are rounding
_LOST = (
    1e-13  # share of a column's variance that a difference of sums of squares cannot tell from 0
)


def own_columns(
    values: Float[np.ndarray, "rows columns"], parts: Int[np.ndarray, " rows"] | None = None
) -> Bool[np.ndarray, " columns"]:
    """Which columns neither are constant nor depend linearly on a constant and on columns before
    them, such as the last of all the indicators of a category.

    Where `parts` gives each row a number from 0, this holds without the rows of any one part, too.

    >>> own_columns(np.array([[1.0, 0.0, 3.0, 2.0], [0.0, 1.0, 3.0, 5.0], [1.0, 0.0, 3.0, 7.0]]))
    array([ True, False, False,  True])
    """
    centred = values - values.mean(axis=0)
    largest = np.maximum(centred.max(axis=0, initial=0.0), -centred.min(axis=0, initial=0.0))
    flat = largest <= _FLAT * np.maximum(values.max(axis=0), -values.min(axis=0))
    centred /= np.where(flat, 1.0, largest)  # squares of a short column would be lost
    centred /= np.where(flat, 1.0, np.sqrt(np.einsum("ij,ij->j", centred, centred)))
    whole = centred.T @ centred
    kept = _independent(whole, ~flat)
    for number in range(0 if parts is None else int(parts.max()) + 1):
        left_out = centred[parts == number]
        sums = left_out.sum(axis=0)
        rest = max(len(values) - len(left_out), 1)
        kept = _independent(whole - left_out.T @ left_out - np.outer(sums, sums) / rest, kept)
    return kept


def _independent(
    gram: Float[np.ndarray, "columns columns"], asked: Bool[np.ndarray, " columns"]
) -> Bool[np.ndarray, " columns"]:
    """Which of the columns that are asked for do not depend on earlier ones of them."""
    kept = asked & (np.diag(gram) > _LOST)
    factor = np.zeros_like(gram)  # of Cholesky, of the columns that stay
    for j in np.flatnonzero(kept):
        left = gram[j] - factor[:j, j] @ factor[:j]
        if left[j] > _SINGULAR * gram[j, j]:
            factor[j] = left / np.sqrt(left[j])
        else:
            kept[j] = False
    return kept
