"""A few outliers turn the leading component of plain PCA; dropping the points that stick out turns it back."""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Key, ScalarLike

from sims.random_walk_pca.domain import require_rows, require_variance
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    AnyArray,
    is_traced,
    require_above,
    require_at_most,
    require_count,
    require_size,
)

MEDIAN_OF_SQUARED_NORMAL = 0.45493642311957283
"""The median of a χ² variable with one degree of freedom: a robust variance is the median square divided by it."""


@validated
def corrupted_points(
    key: Key[Array, ""], n_points: int, dim: int, n_outliers: int, *, spike: ScalarLike, outlier_length: ScalarLike
) -> Float[Array, "points dim"]:
    """Points from N(0, I + β e_1 e_1ᵀ), the first `n_outliers` replaced by ±s e_2, as many plus as minus.

    β is `spike` > 0, s is `outlier_length` > 0. The count is exact and even: with a random count, or unequal signs,
    the size at which plain PCA flips is random too.
    Raises ValueError for dim < 2, an odd count or one outside 0..n_points - 1, or lengths that are not positive.
    Source: the setting of robust PCA, Diakonikolas et al. 2023 (arXiv 2305.02544); this instance: derived here.
    """
    require_count("dim", dim, 2, "one axis for the spike, one for the outliers")
    require_count("n_outliers", n_outliers, 0, "how many points to replace")
    if n_outliers % 2 or n_outliers >= n_points:
        raise ValueError(f"n_outliers must be even and below n_points = {n_points}, got {n_outliers}")
    require_size("n_points and dim", n_points * dim)
    require_above("spike", spike, 0, "the clean points have no leading direction otherwise")
    require_above("outlier_length", outlier_length, 0, "an outlier at the origin is none")
    points = jax.random.normal(key, (n_points, dim))
    points = points.at[:, 0].multiply(jnp.sqrt(1 + jnp.asarray(spike, points.dtype)))
    signs = jnp.where(jnp.arange(n_outliers) % 2 == 0, 1.0, -1.0)
    return points.at[:n_outliers].set(0.0).at[:n_outliers, 1].set(outlier_length * signs)


@validated(unbounded=("points",))  # the row that is not finite is named
def leading_direction(
    points: Float[AnyArray, "points dim"], kept: Bool[AnyArray, "points"] | None = None
) -> Float[Array, "dim"]:
    """The top unit eigenvector of the covariance of the points that are kept (all where `kept` is None).

    Raises ValueError for fewer than two points, a point that is not finite (named), or points that do not differ.
    """
    require_rows("points", points)
    if kept is not None and not is_traced(kept):
        require_count("the number of points with kept", int(kept.sum()), 2, "one point has no variance")
    weights = jnp.ones(points.shape[0]) if kept is None else kept.astype(points.dtype)
    weights, points = weights / weights.sum(), jnp.asarray(points)
    centred = points - weights @ points
    covariance = centred.T @ (centred * weights[:, None])
    if not is_traced(covariance):
        require_variance("points", covariance.trace())
    return jnp.linalg.eigh(covariance)[1][:, -1]


@validated(unbounded=("points",))  # the row that is not finite is named
def filtered_direction(
    points: Float[AnyArray, "points dim"], *, rounds: int = 5, cutoff: ScalarLike = 12.0
) -> Float[Array, "dim"]:
    """The leading direction after dropping, round by round, the points that stick out along the current one.

    A point goes when its squared projection on the current leading direction exceeds `cutoff` times a robust variance,
    the median squared projection of the kept points over that of a normal variable. The number of rounds is fixed.
    Raises ValueError as `leading_direction`, for rounds outside 1..1000, a cutoff that is not positive, or one at which
    every point goes.
    Source: the filter idea of robust PCA (arXiv 2305.02544), in its simplest form: derived here.
    """
    require_count("rounds", rounds, 1, "rounds of dropping points")
    require_at_most("rounds", rounds, 1000, "a loop that nothing can stop")
    require_above("cutoff", cutoff, 0, "every point would go")
    require_rows("points", points)
    points = jnp.asarray(points)

    def drop(_, kept):
        squares = ((points - points.mean(axis=0, where=kept[:, None])) @ leading_direction(points, kept)) ** 2
        robust_variance = jnp.nanmedian(jnp.where(kept, squares, jnp.nan)) / MEDIAN_OF_SQUARED_NORMAL
        return kept & (squares <= cutoff * robust_variance)

    kept = lax.fori_loop(0, rounds, drop, jnp.ones(points.shape[0], bool))
    return leading_direction(points, kept)
