"""Noise rows: independent steps of a given law, and the few columns that stand for isotropic
Gaussian ones.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

from sims.random_walk_pca.domains import NumberOfPoints, Scales
from sims.wishart import bartlett_factor
from theory_on_trial.base.arrays import AnyArray, FloatType
from theory_on_trial.contract import Count, Size, guarded, require, require_room

Law = Literal["gaussian", "rademacher", "uniform", "laplace", "student", "cauchy"]
"""Of one coordinate of a step; rademacher is ±1, Student's law has five degrees of freedom."""


@guarded(double=False)
def noise(
    key: Key[Array, ""],
    n_points: NumberOfPoints,
    dim: Size,
    *,
    law: Law = "gaussian",
    scales: Scales | None = None,
    dtype: FloatType = float,
) -> Float[Array, "points dim"]:
    """The steps ξ_1..ξ_T, one per row, with independent coordinates of mean 0 and tr Σ = 1.

    Coordinate i has standard deviation scales[i] / |scales| (equal scales where none are given), so
    that E[R Rᵀ] is the identity. Cauchy steps have no variance: there the scale is that of the
    law's median deviation. Raises ValueError for another number of scales than coordinates.
    Source: the noise of Antognini & Sohl-Dickstein 2018; the laws beside the Gaussian one: derived
    here.
    """
    require_room("n_points and dim", n_points * dim)
    return _unit_noise(key, (n_points, dim), law, dtype) * _relative_scales(dim, scales).astype(
        dtype
    )


def _relative_scales(dim: int, scales: Float[AnyArray, "dim"] | None) -> Float[Array, "dim"]:
    """Standard deviations per coordinate with squares that sum to one; equal ones where `scales` is
    None.
    """
    if scales is None:
        return jnp.full(dim, dim**-0.5)
    require(
        scales.shape[0] == dim,
        f"scales must have one entry for each of dim = {dim}, got {scales.shape[0]}",
    )
    largest = jnp.max(jnp.asarray(scales))
    return (scales / largest) / jnp.linalg.norm(scales / largest)


def _unit_noise(key, shape, law, dtype):
    """Independent draws of unit variance (of unit scale for the Cauchy law)."""
    match law:
        case "gaussian":
            return jax.random.normal(key, shape, dtype)
        case "rademacher":
            return jax.random.rademacher(key, shape, dtype)
        case "uniform":
            return jax.random.uniform(key, shape, dtype, -(3**0.5), 3**0.5)
        case "laplace":
            return jax.random.laplace(key, shape, dtype) / 2**0.5
        case "cauchy":
            return jax.random.cauchy(key, shape, dtype)
        case _:
            return _unit_student(key, shape, jnp.asarray(5.0, dtype))


def _unit_student(key, shape, freedom):
    """Student draws of unit variance by the polar method of Bailey 1994: exact, and far cheaper
    than a γ draw.
    """
    radius_key, angle_key = jax.random.split(key)
    one_minus_uniform = 1 - jax.random.uniform(radius_key, shape, freedom.dtype)
    angle = jax.random.uniform(angle_key, shape, freedom.dtype, 0, 2 * jnp.pi)
    return jnp.sqrt((freedom - 2) * jnp.expm1(-2 / freedom * jnp.log(one_minus_uniform))) * jnp.cos(
        angle
    )


@guarded(double=False)
def equivalent_gaussian_noise(
    key: Key[Array, ""], n_points: NumberOfPoints, dim: Count
) -> Float[Array, "points columns"]:
    """Isotropic Gaussian steps in `dim` dimensions, exact in law up to a rotation of the space, in
    few columns.

    A rotation that keeps the first axis turns T Gaussian rows in d dimensions into the first
    coordinate followed by a lower triangular T x T matrix: normals below the diagonal, and on it χ
    variables with d-1, d-2, ..., d-T degrees of freedom (Bartlett). Everything a rotation leaves
    alone (Gram matrix, spectrum, scores, and a drift along the first axis) has the same law as in d
    dimensions, at a cost that does not depend on d. Returns T x (T+1), scaled so that E[R Rᵀ] = 1;
    where d <= T the rows are small already and are returned as they are. Source: Bartlett 1933 for
    the Wishart law; the fixed axis: derived here.
    """
    require_room("n_points", n_points * min(n_points, dim))
    if dim <= n_points:
        return jax.random.normal(key, (n_points, dim)) * dim**-0.5
    first_key, triangle_key = jax.random.split(key)
    first_axis = jax.random.normal(first_key, (n_points, 1))
    return (
        jnp.concatenate([first_axis, bartlett_factor(triangle_key, n_points, dim - 1)], axis=1)
        * dim**-0.5
    )
