"""The domains of this paper's arguments, in its words; the parameters of its processes."""

from typing import Annotated, TypedDict

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, ScalarLike

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import LONGEST, NON_NEGATIVE, UNIT_INTERVAL, Holds, Interval


def _varied(rows: np.ndarray) -> bool:
    limits = jnp.finfo(rows.dtype)
    with np.errstate(over="ignore"):
        spread = float((rows.max(axis=0) - rows.min(axis=0)).max())
    return (
        (float(limits.tiny) / float(limits.eps)) ** 0.5
        < spread
        < (float(limits.max) / rows.size) ** 0.5
    )


def _of_points(gram: np.ndarray) -> bool:
    # In fractions of the largest entry, so that no difference overflows; half the digits are left
    # to rounding.
    products = gram / (np.abs(gram).max() or 1)
    rounding = float(jnp.finfo(gram.dtype).eps) ** 0.5
    return len(gram) >= 2 and bool(
        np.abs(products - products.T).max() <= rounding and products.diagonal().min() >= -rounding
    )


def _of_different_points(gram: np.ndarray) -> bool:
    limits = jnp.finfo(gram.dtype)
    if not _of_points(gram) or np.abs(gram).max() >= float(limits.max) / 4 / gram.size:
        return False
    squared_distances = gram.diagonal() + gram[0, 0] - 2 * gram[0]
    return float(squared_distances.max()) > float(limits.tiny) / float(limits.eps)


_UNDEFINED = "(zero total variance: explained variance ratios are undefined)"
TWO_POINTS = Holds(
    "two points", "have at least two rows: one point has no variance", lambda rows: len(rows) >= 2
)
VARIED = Holds(
    "varied", f"be points that differ, with squares that are numbers {_UNDEFINED}", _varied
)
NOT_ALL_ZERO = Holds("some", f"not be all zero {_UNDEFINED}", lambda values: bool(values.any()))

NumberOfPoints = Annotated[int, Interval(2, LONGEST, why="one recorded point has no variance")]
"""T, the number of recorded points."""
Cloud = Annotated[Float[AnyArray, "points dim"], TWO_POINTS]
"""Points, one per row."""
Points = Annotated[Float[AnyArray, "points dim"], VARIED]
"""x_t or other points, one per row, that differ."""
# The tests draw these as covariances, which Gram matrices are up to larger rounding.
Gram = Annotated[
    Float[AnyArray, "points points"],
    Holds(
        "covariance",
        "be symmetric with no negative entry on its diagonal, products of two points or more",
        _of_points,
    ),
]
"""X Xᵀ, the inner products of points."""
VariedGram = Annotated[
    Float[AnyArray, "points points"],
    Holds(
        "covariance",
        f"be symmetric, products of points that differ {_UNDEFINED}",
        _of_different_points,
    ),
]
"""X Xᵀ, the inner products of points that differ."""
Scales = Annotated[Float[AnyArray, "dim"], NON_NEGATIVE, NOT_ALL_ZERO]
"""Relative standard deviations of the coordinates."""

Momentum = Annotated[ScalarLike, UNIT_INTERVAL]
"""γ; 0 is the plain walk, 1 the integrated walk."""
Reversion = Annotated[ScalarLike, Interval(0, 2, "[)", why="unstable, |1 - reversion| >= 1")]
"""α, the Ornstein-Uhlenbeck rate; 0 is the plain walk, 1 independent points."""
Averaging = Annotated[ScalarLike, Interval(0, 1, "[)")]
"""β of an exponential moving average of the iterates; 0 records the iterates themselves."""
Flag = bool | Bool[AnyArray, ""]
"""True or False, traced or not."""


class Process(TypedDict, total=False):
    """The parameters of a process, which `trajectory` explains; without the drift the map from the
    noise is linear.
    """

    momentum: Momentum
    reversion: Reversion
    decay: ScalarLike
    averaging: Averaging
    running_mean: Flag
