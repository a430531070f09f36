"""Pairs of views, drawn from given covariances: one pair per row, mean zero, independent of each
other.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from sims.jepa_bias.domains import (
    CrossMoment,
    Definite,
    RandomKey,
    Samples,
    SecondMoment,
)
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import guarded, is_traced, require, require_room


class Views(NamedTuple):
    """Two views of the same things, row by row: context X and target Y."""

    X: Float[Array, "samples dim"]
    Y: Float[Array, "samples dim"]


class Covariances(NamedTuple):
    """The second moments E[x xᵀ], E[y xᵀ] and E[y yᵀ], or their averages over samples."""

    Sigma_xx: Float[Array, "dim dim"]
    Sigma_yx: Float[Array, "dim dim"]
    Sigma_yy: Float[Array, "dim dim"]


@guarded(double=False)
def empirical_covariances(
    X: Float[AnyArray, "samples dim"], Y: Float[AnyArray, "samples dim"]
) -> Covariances:
    """The averages of x xᵀ, y xᵀ and y yᵀ over the rows, without subtracting a mean. Raises
    ValueError for fewer samples than dimensions.
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
    """Return jointly Gaussian pairs.

    x has the law N(0, Σ_xx), and y is Σ_yx Σ_xx⁻¹ x plus an independent Gaussian residual. Raises
    ValueError for a Σ_yy below Σ_yx Σ_xx⁻¹ Σ_yxᵀ, which no pair of views has. Traced covariances
    are not checked.
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
