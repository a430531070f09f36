"""Two routes to principal components of a cloud of points, and what is lost by keeping only some of them."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from sims.random_walk_pca.domain import require_rows
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced, require_count


class PrincipalAxes(NamedTuple):
    """Variances along the principal axes, decreasing, and the axes, one unit vector per row (the tutorial's P)."""

    variances: Float[Array, "dim"]
    axes: Float[Array, "dim dim"]


@validated(unbounded=("points",))  # the row that is not finite is named
def covariance(points: Float[AnyArray, "points dim"]) -> Float[Array, "dim dim"]:
    """C_X = XᵀX/n of the centred points, one point per row.

    Raises ValueError for fewer than two points or a point that is not finite (named).
    Source: Shlens, A tutorial on principal component analysis (arXiv 1404.1100); there a point is a column.
    """
    require_rows("points", points)
    centred = points - points.mean(axis=0)
    return jnp.asarray(centred.T @ centred / points.shape[0])


@validated(unbounded=("points",))  # the row that is not finite is named
def axes_from_covariance(points: Float[AnyArray, "points dim"]) -> PrincipalAxes:
    """The eigenvectors of the covariance, ordered by variance. Raises ValueError as `covariance`. Source: as there."""
    variances, vectors = jnp.linalg.eigh(covariance(points))
    return PrincipalAxes(variances[::-1], vectors[:, ::-1].T)


@validated(unbounded=("points",))  # the row that is not finite is named
def axes_from_singular_values(points: Float[AnyArray, "points dim"]) -> PrincipalAxes:
    """The right singular vectors of the centred points over sqrt(n); variances are squared singular values.

    Needs at least as many points as dimensions. Raises ValueError if not, and as `covariance`. Source: as there.
    """
    require_rows("points", points)
    require_count("the number of rows of points", points.shape[0], points.shape[1], "one per dimension at least")
    centred = (points - points.mean(axis=0)) * points.shape[0] ** -0.5
    _, singular_values, axes = jnp.linalg.svd(centred, full_matrices=False)
    return PrincipalAxes(singular_values**2, axes)


@validated(unbounded=("points",))  # the row that is not finite is named
def reconstruction_error(points: Float[AnyArray, "points dim"], axes: Float[AnyArray, "kept dim"]) -> Float[Array, ""]:
    """Mean squared distance of the centred points from their projection on the span of the orthonormal rows `axes`.

    Raises ValueError as `covariance`, and for rows that are not orthonormal.
    """
    require_rows("points", points)
    if not is_traced(axes):
        rows = np.asarray(axes)
        if rows.size and np.abs(rows @ rows.T - np.eye(len(rows))).max() > 1e-3:  # float32's rounding is far below
            raise ValueError("axes must have orthonormal rows: the distance from their span is another otherwise")
    centred = jnp.asarray(points) - points.mean(axis=0)
    return jnp.mean(jnp.sum((centred - centred @ axes.T @ axes) ** 2, axis=1))
