"""A few outliers turn the leading component of plain PCA; dropping the points that stick out turns
it back.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Key, ScalarLike

from sims.random_walk_pca.domains import Points
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    LONGEST,
    POSITIVE,
    Interval,
    Natural,
    Size,
    guarded,
    require,
    require_room,
)

MEDIAN_OF_SQUARED_NORMAL = 0.45493642311957283
"""The median of a χ² variable with one degree of freedom: a robust variance is the median square
divided by it.
"""


@guarded(double=False)
def corrupted_points(
    key: Key[Array, ""],
    n_points: Size,
    dim: Annotated[int, Interval(2, LONGEST, why="one axis for the spike, one for the outliers")],
    n_outliers: Natural,
    *,
    spike: Annotated[ScalarLike, POSITIVE],
    outlier_length: Annotated[ScalarLike, POSITIVE],
) -> Float[Array, "points dim"]:
    """Points from N(0, I + β e_1 e_1ᵀ), the first `n_outliers` replaced by ±s e_2, as many plus as
    minus.

    β is `spike`, s is `outlier_length`. The count is exact and even: with a random count, or
    unequal signs, the size at which plain PCA flips is random too. Raises ValueError for an odd
    count, or one that leaves no point. Source: the setting of robust PCA, Diakonikolas et al. 2023
    (arXiv 2305.02544); this instance: derived here.
    """
    require_room("n_points and dim", n_points * dim)
    some_left = n_outliers % 2 == 0 and n_outliers < n_points
    require(some_left, f"n_outliers must be even and below n_points = {n_points}, got {n_outliers}")
    points = jax.random.normal(key, (n_points, dim))
    points = points.at[:, 0].multiply(jnp.sqrt(1 + jnp.asarray(spike, points.dtype)))
    signs = jnp.where(jnp.arange(n_outliers) % 2 == 0, 1.0, -1.0)
    return points.at[:n_outliers].set(0.0).at[:n_outliers, 1].set(outlier_length * signs)


@guarded(double=False)
def leading_direction(
    points: Points, kept: Bool[AnyArray, "points"] | None = None
) -> Float[Array, "dim"]:
    """The top unit eigenvector of the covariance of the kept points; ValueError below two. Source:
    classical.
    """
    require(
        kept is None or kept.sum() >= 2,
        "kept must keep at least two points: one point has no variance",
    )
    weights = jnp.ones(points.shape[0]) if kept is None else kept.astype(points.dtype)
    weights = weights / weights.sum()
    points = jnp.asarray(points)
    deviations = points - weights @ points
    covariance = deviations.T @ (deviations * weights[:, None])
    return jnp.linalg.eigh(covariance)[1][:, -1]


@guarded(double=False)
def filtered_direction(
    points: Points,
    *,
    rounds: Annotated[int, Interval(1, 1000, why="a loop that nothing can stop")] = 5,
    cutoff: Annotated[ScalarLike, POSITIVE] = 12.0,
) -> Float[Array, "dim"]:
    """The leading direction after dropping, round by round, the points that stick out along the
    current one.

    A point goes when its squared projection on the current leading direction exceeds `cutoff` times
    a robust variance, the median squared projection of the kept points over that of a normal
    variable. The number of rounds is fixed. NaN where every point goes.
    Source: the filter idea of robust PCA (arXiv 2305.02544), in its simplest form: derived here.
    """
    points = jnp.asarray(points)

    def drop(_, kept):
        squares = (
            (points - points.mean(axis=0, where=kept[:, None])) @ leading_direction(points, kept)
        ) ** 2
        robust_variance = (
            jnp.nanmedian(jnp.where(kept, squares, jnp.nan)) / MEDIAN_OF_SQUARED_NORMAL
        )
        return kept & (squares <= cutoff * robust_variance)

    kept = lax.fori_loop(0, rounds, drop, jnp.ones(points.shape[0], bool))
    return leading_direction(points, kept)
