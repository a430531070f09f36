"""Pairs of views, drawn: from given covariances, and from three generative models.

One pair per row, mean zero, pairs independent of each other.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from sims.jepa_bias.domains import (
    CrossMoment,
    Definite,
    Number,
    RandomKey,
    Samples,
    SecondMoment,
    Variances,
)
from sims.jepa_bias.networks import small_rotation
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Interval, guarded, is_traced, require, require_room

Share = Annotated[Number, Interval(0, 1, "(]", why="nothing is ever seen at 0")]
Persistence = Annotated[
    Float[AnyArray, "dim"], Interval(-1, 1, "()", why="there is a stationary state")
]


class Views(NamedTuple):
    """Two views of the same things, row by row: context X and target Y."""

    X: Float[Array, "samples dim"]
    Y: Float[Array, "samples dim"]


class Covariances(NamedTuple):
    """E[x xᵀ], E[y xᵀ] and E[y yᵀ], or their averages over samples."""

    Sigma_xx: Float[Array, "dim dim"]
    Sigma_yx: Float[Array, "dim dim"]
    Sigma_yy: Float[Array, "dim dim"]


@guarded(double=False)
def empirical_covariances(
    X: Float[AnyArray, "samples dim"], Y: Float[AnyArray, "samples dim"]
) -> Covariances:
    """Averages of x xᵀ, y xᵀ and y yᵀ over rows, no mean removed. `ValueError` for fewer samples
    than dimensions.
    """
    samples, dimension = X.shape
    require(
        samples >= dimension,
        f"X must have at least as many samples as dimensions, got {samples} of {dimension}: "
        "Sigma_xx is singular, "
        "project the views on its range first",
    )
    X = jnp.asarray(X)
    Y = jnp.asarray(Y)
    return Covariances(X.T @ X / samples, Y.T @ X / samples, Y.T @ Y / samples)


@guarded(double=False)
def gaussian_views(
    key: RandomKey,
    n_samples: Samples,
    Sigma_xx: Definite,
    Sigma_yx: CrossMoment,
    Sigma_yy: SecondMoment,
) -> Views:
    """Jointly Gaussian pairs: x ~ N(0, Σ_xx), and y is Σ_yx Σ_xx⁻¹ x plus an independent Gaussian
    residual. `ValueError` for a Σ_yy below Σ_yx Σ_xx⁻¹ Σ_yxᵀ: no pair of views has such
    covariances. Traced ones are not checked.
    """
    require_room("n_samples", 2 * n_samples * Sigma_xx.shape[0])
    dimension = Sigma_xx.shape[0]
    Sigma_xx = jnp.asarray(Sigma_xx)
    Sigma_yx = jnp.asarray(Sigma_yx)
    Sigma_yy = jnp.asarray(Sigma_yy)
    regression = jnp.linalg.solve(Sigma_xx, Sigma_yx.T).T
    variances, axes = jnp.linalg.eigh(Sigma_yy - regression @ Sigma_yx.T)
    if not is_traced(variances):
        require(
            variances[0] >= -8 * dimension * np.finfo(variances.dtype).eps * jnp.max(Sigma_yy),
            "Sigma_yy must be at least the part of y that x explains, got a residual variance of "
            f"{variances[0]:g}",
        )
    normals = jax.random.normal(key, (2, n_samples, dimension))
    X = normals[0] @ jnp.linalg.cholesky(Sigma_xx).T
    residual = normals[1] * jnp.sqrt(jnp.maximum(variances, 0)) @ axes.T
    return Views(X, X @ regression.T + residual)


@guarded(double=False)
def rotated_covariance(
    key: RandomKey, Sigma_yx: CrossMoment, delta: Number
) -> Float[Array, "dim dim"]:
    """R Σ_yx Rᵀ with the random `small_rotation` R by δ: covariances that commute no longer, as in
    finite samples.
    """
    rotation = small_rotation(key, Sigma_yx.shape[0], delta)
    return rotation @ Sigma_yx @ rotation.T


@guarded(double=False)
def static_views(
    key: RandomKey, n_samples: Samples, signal_variances: Variances, noise_variances: Variances
) -> Views:
    """X = s + n and y = s + n': one Gaussian signal twice, with new noise, features being
    coordinates. Derived here.
    """
    require_room("n_samples", 3 * n_samples * signal_variances.shape[0])
    normals = jax.random.normal(key, (3, n_samples, signal_variances.shape[0]))
    signal = normals[0] * jnp.sqrt(signal_variances)
    return Views(*(signal + noise * jnp.sqrt(noise_variances) for noise in normals[1:]))


@guarded(double=False)
def masked_views(
    key: RandomKey,
    n_samples: Samples,
    S: Definite,
    visible: Share,
    *,
    target_visible: Share | None = None,
) -> Views:
    """Masked coordinates of one Gaussian z ~ N(0, S): x = m ⊙ z, and y = (1 - m) ⊙ z or y = m' ⊙ z.
    Derived here. `visible` is q, the probability with which a coordinate of x is seen,
    `target_visible` the q' of a second, independent mask; if not given, y is what the first mask
    hides.
    """
    require_room("n_samples", n_samples * S.shape[0])
    normal_key, mask_key, target_key = jax.random.split(key, 3)
    z = (
        jax.random.normal(normal_key, (n_samples, S.shape[0]))
        @ jnp.linalg.cholesky(jnp.asarray(S)).T
    )
    mask = jax.random.uniform(mask_key, z.shape) < visible
    target_mask = (
        ~mask
        if target_visible is None
        else jax.random.uniform(target_key, z.shape) < target_visible
    )
    return Views(jnp.where(mask, z, 0), jnp.where(target_mask, z, 0))


@guarded(double=False)
def temporal_views(
    key: RandomKey,
    n_samples: Samples,
    persistence: Persistence,
    innovation_variances: Variances,
    noise_variances: Variances,
) -> Views:
    """Two successive frames x_t = z_t + n_t and x_{t+1} of the stationary process z_{t+1} = γ z_t +
    u_t. `persistence` is γ_i, one per feature, the other two are the variances of u and n; features
    are coordinates. Every row is a sequence of its own. Derived here.
    """
    require_room("n_samples", 4 * n_samples * persistence.shape[0])
    start, innovation, *noises = jax.random.normal(key, (4, n_samples, persistence.shape[0]))
    first = start * jnp.sqrt(innovation_variances / (1 - persistence**2))
    second = persistence * first + innovation * jnp.sqrt(innovation_variances)
    frames = (
        latent + noise * jnp.sqrt(noise_variances)
        for latent, noise in zip((first, second), noises, strict=True)
    )
    return Views(*frames)
