"""Two routes to principal components of a cloud of points, and what is lost by keeping only some of
them.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from sims.random_walk_pca.domains import Cloud
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import MAY_BE_EMPTY, Holds, guarded, require

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
