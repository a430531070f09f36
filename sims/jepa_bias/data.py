"""Pairs of views, drawn: from given covariances, and from three generative models.

One pair per row, mean zero, pairs independent of each other.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.jepa_bias.domain import require_covariances, require_positive_definite, require_self_covariance
from sims.jepa_bias.networks import small_rotation
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    AnyArray,
    is_traced,
    require_above,
    require_count,
    require_finite,
    require_in_range,
    require_size,
)


class Views(NamedTuple):
    """Two views of the same things, row by row: context X and target Y."""

    X: Float[Array, "samples dim"]
    Y: Float[Array, "samples dim"]


class Covariances(NamedTuple):
    """E[x xᵀ], E[y xᵀ] and E[y yᵀ], or their averages over samples."""

    Sigma_xx: Float[Array, "dim dim"]
    Sigma_yx: Float[Array, "dim dim"]
    Sigma_yy: Float[Array, "dim dim"]


@validated
def empirical_covariances(X: Float[AnyArray, "samples dim"], Y: Float[AnyArray, "samples dim"]) -> Covariances:
    """Averages of x xᵀ, y xᵀ and y yᵀ over the rows; the mean is taken to be zero and is not removed.

    Raises ValueError for entries that are not finite, or fewer samples than dimensions: Σ_xx is singular then.
    """
    samples, dimension = X.shape
    if samples < dimension:
        raise ValueError(
            f"X must have at least as many samples as dimensions, got {samples} of {dimension}: Sigma_xx is singular, "
            "project the views on its range first"
        )
    require_finite("X", X)
    require_finite("Y", Y)
    X, Y = jnp.asarray(X), jnp.asarray(Y)
    return Covariances(X.T @ X / samples, Y.T @ X / samples, Y.T @ Y / samples)


@validated
def gaussian_views(
    key: Key[Array, ""],
    n_samples: int,
    Sigma_xx: Float[AnyArray, "dim dim"],
    Sigma_yx: Float[AnyArray, "dim dim"],
    Sigma_yy: Float[AnyArray, "dim dim"],
) -> Views:
    """Jointly Gaussian pairs: x ~ N(0, Σ_xx), and y is Σ_yx Σ_xx⁻¹ x plus an independent Gaussian residual.

    Raises ValueError for fewer than one sample, degenerate covariances, or a Σ_yy below Σ_yx Σ_xx⁻¹ Σ_yxᵀ: no pair of
    views has such covariances. Traced covariances are not checked.
    """
    require_count("n_samples", n_samples, 1, "nothing to draw otherwise")
    require_size("n_samples", 2 * n_samples * Sigma_xx.shape[0])
    dimension = Sigma_xx.shape[0]
    require_covariances(Sigma_xx, Sigma_yx, dimension)
    require_self_covariance("Sigma_yy", Sigma_yy)
    Sigma_xx, Sigma_yx, Sigma_yy = jnp.asarray(Sigma_xx), jnp.asarray(Sigma_yx), jnp.asarray(Sigma_yy)
    regression = jnp.linalg.solve(Sigma_xx, Sigma_yx.T).T
    variances, axes = jnp.linalg.eigh(Sigma_yy - regression @ Sigma_yx.T)
    if not is_traced(variances) and variances[0] < -8 * dimension * np.finfo(variances.dtype).eps * jnp.max(Sigma_yy):
        raise ValueError(
            f"Sigma_yy must be at least the part of y that x explains, got a residual variance of {variances[0]:g}"
        )
    normals = jax.random.normal(key, (2, n_samples, dimension))
    X = normals[0] @ jnp.linalg.cholesky(Sigma_xx).T
    residual = normals[1] * jnp.sqrt(jnp.maximum(variances, 0)) @ axes.T
    return Views(X, X @ regression.T + residual)


@validated
def rotated_covariance(
    key: Key[Array, ""], Sigma_yx: Float[AnyArray, "dim dim"], delta: ScalarLike
) -> Float[Array, "dim dim"]:
    """R Σ_yx Rᵀ with the random `small_rotation` R by δ: covariances that commute no longer, as in finite samples.

    Raises ValueError for a matrix of no rows, or numbers that are not finite.
    """
    require_count("the number of rows of Sigma_yx", Sigma_yx.shape[0], 1, "need at least one feature")
    rotation = small_rotation(key, Sigma_yx.shape[0], delta)
    return rotation @ Sigma_yx @ rotation.T


@validated
def static_views(
    key: Key[Array, ""],
    n_samples: int,
    signal_variances: Float[AnyArray, "dim"],
    noise_variances: Float[AnyArray, "dim"],
) -> Views:
    """X = s + n and y = s + n': one Gaussian signal seen twice, each time with new noise; features are coordinates.

    Raises ValueError for fewer than one sample, or variances that are negative or not finite. Derived here.
    """
    require_count("n_samples", n_samples, 1, "nothing to draw otherwise")
    require_size("n_samples", 3 * n_samples * signal_variances.shape[0])
    require_variances("signal_variances", signal_variances)
    require_variances("noise_variances", noise_variances)
    normals = jax.random.normal(key, (3, n_samples, signal_variances.shape[0]))
    signal = normals[0] * jnp.sqrt(signal_variances)
    return Views(*(signal + noise * jnp.sqrt(noise_variances) for noise in normals[1:]))


@validated
def masked_views(
    key: Key[Array, ""],
    n_samples: int,
    S: Float[AnyArray, "dim dim"],
    visible: ScalarLike,
    *,
    target_visible: ScalarLike | None = None,
) -> Views:
    """Masked coordinates of one Gaussian z ~ N(0, S): x = m ⊙ z, and y = (1 - m) ⊙ z or y = m' ⊙ z.

    Args:
        key: of z and the masks.
        n_samples: how many pairs.
        S: symmetric and positive definite.
        visible: q in (0, 1], the probability with which a coordinate of x is seen.
        target_visible: q' in (0, 1] of a second, independent mask; if not given, y is what the first mask hides.

    Raises ValueError for arguments outside these ranges. Derived here.
    """
    require_count("n_samples", n_samples, 1, "nothing to draw otherwise")
    require_size("n_samples", n_samples * S.shape[0])
    require_positive_definite("S", S)
    shares = {"visible": visible} if target_visible is None else {"visible": visible, "target_visible": target_visible}
    for name, share in shares.items():
        require_in_range(name, share, 0, 1, includes_high=True)
        require_above(name, share, 0, "nothing is ever seen otherwise")
    normal_key, mask_key, target_key = jax.random.split(key, 3)
    z = jax.random.normal(normal_key, (n_samples, S.shape[0])) @ jnp.linalg.cholesky(jnp.asarray(S)).T
    mask = jax.random.uniform(mask_key, z.shape) < visible
    target_mask = ~mask if target_visible is None else jax.random.uniform(target_key, z.shape) < target_visible
    return Views(jnp.where(mask, z, 0), jnp.where(target_mask, z, 0))


@validated
def temporal_views(
    key: Key[Array, ""],
    n_samples: int,
    persistence: Float[AnyArray, "dim"],
    innovation_variances: Float[AnyArray, "dim"],
    noise_variances: Float[AnyArray, "dim"],
) -> Views:
    """Two successive frames x_t = z_t + n_t and x_{t+1} of the stationary process z_{t+1} = γ z_t + u_t.

    `persistence` is γ_i in (-1, 1), one per feature, the other two are the variances of u and n; features are
    coordinates. Every row is a sequence of its own. Raises ValueError for fewer than one sample, a γ outside its
    range, or variances that are negative or not finite. Derived here.
    """
    require_count("n_samples", n_samples, 1, "nothing to draw otherwise")
    require_size("n_samples", 4 * n_samples * persistence.shape[0])
    if not is_traced(persistence) and not (np.abs(persistence) < 1).all():
        raise ValueError(f"persistence must be in (-1, 1), got {np.max(np.abs(persistence)):g}: no stationary state")
    require_variances("innovation_variances", innovation_variances)
    require_variances("noise_variances", noise_variances)
    start, innovation, *noises = jax.random.normal(key, (4, n_samples, persistence.shape[0]))
    first = start * jnp.sqrt(innovation_variances / (1 - persistence**2))
    second = persistence * first + innovation * jnp.sqrt(innovation_variances)
    frames = (latent + noise * jnp.sqrt(noise_variances) for latent, noise in zip((first, second), noises, strict=True))
    return Views(*frames)


def require_variances(name: str, variances: Float[AnyArray, "dim"]) -> None:
    """Raise `ValueError` unless the variances are finite and not negative; traced values pass."""
    require_finite(name, variances)
    if not is_traced(variances) and not (variances >= 0).all():
        raise ValueError(f"{name} must not be negative, got {np.min(variances):g}")
