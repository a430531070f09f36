"""Three neighbouring papers: two routes to principal components and what is lost by keeping some of
them (Shlens 2014), outliers that turn the leading component and a filter that turns it back, and a
signal that is known to lie in the range of a linear generator.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Key, ScalarLike

from sims.random_walk_pca.domains import Cloud, Points
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    LONGEST,
    MAY_BE_EMPTY,
    POSITIVE,
    Holds,
    Interval,
    Natural,
    Size,
    guarded,
    require,
    require_room,
)

# float32's rounding is far below.
ORTHONORMAL_ROWS = Holds(
    "orthonormal rows",
    "have orthonormal rows",
    lambda axes: bool(np.abs(axes @ axes.T - np.eye(len(axes))).max() <= 1e-3),
)


class PrincipalAxes(NamedTuple):
    """Variances along the principal axes, decreasing, and the axes, one unit vector per row (the
    tutorial's P).
    """

    variances: Float[Array, "dim"]
    axes: Float[Array, "dim dim"]


@guarded(double=False)
def covariance(points: Cloud) -> Float[Array, "dim dim"]:
    """C_X = XᵀX/n of the centred points, one point per row. Infinite or NaN where their squares
    overflow. Source: Shlens, A tutorial on principal component analysis (arXiv 1404.1100); there a
    point is a column.
    """
    deviations = points - points.mean(axis=0)
    return jnp.asarray(deviations.T @ deviations / points.shape[0])


@guarded(double=False)
@jax.jit
def axes_from_covariance(points: Cloud) -> PrincipalAxes:
    """The eigenvectors of the covariance, ordered by variance. NaN where that overflows. Source: as
    `covariance`.
    """
    variances, vectors = jnp.linalg.eigh(covariance(points))
    return PrincipalAxes(variances[::-1], vectors[:, ::-1].T)


@guarded(double=False)
@jax.jit
def axes_from_singular_values(points: Cloud) -> PrincipalAxes:
    """The right singular vectors of the centred points over sqrt(n); variances are squared singular
    values. The variances are infinite where squares of points overflow.
    Raises ValueError for fewer points than dimensions. Source: as `covariance`.
    """
    n_points, dim = points.shape
    require(
        n_points >= dim, f"points must have at least {dim} rows, one per dimension, got {n_points}"
    )
    rows = (points - points.mean(axis=0)) * n_points**-0.5
    _, singular_values, axes = jnp.linalg.svd(rows, full_matrices=False)
    return PrincipalAxes(singular_values**2, axes)


@guarded(double=False)
def reconstruction_error(
    points: Cloud, axes: Annotated[Float[AnyArray, "kept dim"], ORTHONORMAL_ROWS, MAY_BE_EMPTY]
) -> Float[Array, ""]:
    """Mean squared distance of the centred points from the span of the rows `axes`. Source: as
    `covariance`.
    """
    deviations = jnp.asarray(points) - points.mean(axis=0)
    return jnp.mean(jnp.sum((deviations - deviations @ axes.T @ axes) ** 2, axis=1))


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


class SpikeErrors(NamedTuple):
    """Distances |ŵ - v| (the nearer sign) of both estimates of the spike v from one sample."""

    with_generator: Float[Array, ""]
    without_generator: Float[Array, ""]


@guarded(double=False)
def spike_errors(
    key: Key[Array, ""],
    n_samples: Annotated[int, Interval(2, LONGEST, why="one point has no variance")],
    dim: Size,
    latent_dim: Size,
    *,
    spike: Annotated[
        ScalarLike, Interval(0, 1e12, "(]", why="squares of squares overflow in float32 beyond")
    ] = 1.0,
    rounds: Annotated[int, Interval(1, 10_000, why="a loop that nothing can stop")] = 50,
) -> SpikeErrors:
    """Estimate the spike of a covariance I + β v vᵀ from m = `n_samples` points, with and without
    its generator.

    v is a random unit vector in the range of a random orthonormal d x k matrix. The projected power
    method repeats, `rounds` times, w <- P Σ̂ w / |P Σ̂ w|, with P the projection on that range,
    from a random start there; the other estimate is the leading component. β is `spike`, k is
    `latent_dim`. Raises ValueError for latent_dim > dim. Source: PCA with generative priors, Liu et
    al. 2022 (arXiv 2203.09693), here with a linear generator.
    """
    require_room("n_samples and dim", max(n_samples, dim) * dim)
    require(latent_dim <= dim, f"latent_dim must be at most dim = {dim}, got {latent_dim}")
    generator_key, latent_key, noise_key, signal_key, start_key = jax.random.split(key, 5)
    generator = jnp.linalg.qr(jax.random.normal(generator_key, (dim, latent_dim)))[0]
    signal = generator @ _random_unit(latent_key, latent_dim)
    strength = jnp.sqrt(spike) * jax.random.normal(signal_key, (n_samples, 1))
    points = jax.random.normal(noise_key, (n_samples, dim)) + strength * signal
    scatter = points.T @ points

    def repeat(_, estimate):
        image = generator @ (generator.T @ (scatter @ estimate))
        return image / jnp.linalg.norm(image)

    start = generator @ _random_unit(start_key, latent_dim)
    with_generator = lax.fori_loop(0, rounds, repeat, start)
    without_generator = jnp.linalg.eigh(scatter)[1][:, -1]
    return SpikeErrors(_distance(with_generator, signal), _distance(without_generator, signal))


def _random_unit(key, dim):
    vector = jax.random.normal(key, (dim,))
    return vector / jnp.linalg.norm(vector)


def _distance(estimate, signal):
    return jnp.minimum(jnp.linalg.norm(estimate - signal), jnp.linalg.norm(estimate + signal))
