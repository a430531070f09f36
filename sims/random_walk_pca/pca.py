"""Principal component analysis over time: explained variance, scores, and overlap with given time
courses.
"""

import functools
from collections.abc import Callable
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from sims.random_walk_pca.domains import Cloud, Points, VariedGram
from sims.random_walk_pca.processes import centre, centre_gram
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import LONGEST, Interval, guarded, require

Components = Annotated[int, Interval(1, LONGEST)]
"""How many components, the largest ones."""


class PrincipalComponents(NamedTuple):
    """The leading principal components of a trajectory.

    variances : ℓ_k, decreasing: squared singular values of the centred trajectory (no division by T
    or T-1). time_courses : û_k, unit vectors over time, one per column, each positive at the first
    point. scores : p_k(t) = sqrt(ℓ_k) û_k(t), the centred trajectory in the principal axes.
    total_variance : sum of all ℓ_k, the trace of the centred Gram matrix.
    """

    variances: Float[Array, "components"]
    time_courses: Float[Array, "points components"]
    scores: Float[Array, "points components"]
    total_variance: Float[Array, ""]


@guarded(double=False)
def variance_ratios(trajectory: Points) -> Float[Array, "components"]:
    """ρ̂_k = ℓ_k / Σ_j ℓ_j of all min(T-1, d) components, decreasing, from the Gram matrix of the
    smaller side.

    The ratios of a trajectory of T points in d dimensions, centred over time. Within a jitted
    caller, where nothing can be refused, the ratios of zero variance are NaN.
    Source: Antognini & Sohl-Dickstein 2018; their 1/(T-1) factor cancels.
    """
    variances = gram_variances(trajectory)
    return variances / variances.sum()


@guarded(double=False)
def gram_variances(trajectory: Cloud) -> Float[Array, "components"]:
    """ℓ_k, the min(T-1, d) eigenvalues of the centred Gram matrix, decreasing, none negative;
    infinite or NaN where squares overflow. Source: Antognini & Sohl-Dickstein 2018.
    """
    points, dim = trajectory.shape
    return decreasing_eigenvalues(_smaller_gram(trajectory), min(points - 1, dim))


@jax.jit
def _smaller_gram(trajectory):
    rows = centre(trajectory)
    return rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows


@functools.partial(jax.jit, static_argnums=1)
def decreasing_eigenvalues(
    gram: Float[AnyArray, "side side"], count: int
) -> Float[Array, "{count}"]:
    """The `count` largest eigenvalues of a positive semidefinite matrix; those rounded below zero
    are zero.
    """
    return jnp.maximum(jnp.linalg.eigvalsh(gram)[::-1][:count], 0)


@guarded(double=False)
def variance_ratios_of_gram(gram: VariedGram) -> Float[Array, "components"]:
    """ρ̂_k, k = 1..T-1, from the Gram matrix X Xᵀ of the trajectory (not yet centred), as
    `variance_ratios`. Source: as there.
    """
    variances = decreasing_eigenvalues(centre_gram(gram), gram.shape[0] - 1)
    return variances / variances.sum()


class LeadingRatios(NamedTuple):
    """The largest explained variance ratios, decreasing, and how far each can be from a true one.

    error : |G y - ℓ y| / tr G of each computed pair: a true ratio lies within it (Weyl's residual
    bound).
    """

    ratios: Float[Array, "components"]
    error: Float[Array, "components"]


@guarded(double=False)
def leading_variance_ratios(trajectory: Points, count: Components) -> LeadingRatios:
    """The `count` largest ρ̂_k of a trajectory; ValueError for a count above min(T-1, d)."""
    require_components(count, min(trajectory.shape[0] - 1, trajectory.shape[1]))
    return _leading(trajectory, count, False)


@guarded(double=False)
def leading_variance_ratios_of_gram(gram: VariedGram, count: Components) -> LeadingRatios:
    """The `count` largest ρ̂_k from the Gram matrix X Xᵀ of the trajectory (not yet centred), by
    block power iteration.

    Each of three rounds multiplies a block of count + 8 vectors three times by the matrix. On
    spectra that fall like a walk's, k^-2, a round gains several digits; on flat ones (an
    Ornstein-Uhlenbeck process that reverts at once) almost none, which the returned error shows:
    use `variance_ratios_of_gram` there. Raises ValueError for a count above T-1.
    """
    require_components(count, gram.shape[0] - 1)
    return _leading(gram, count, True)


def require_components(count: int, available: int) -> None:
    """Raise `ValueError` unless `count` components can be had."""
    require(
        count <= available,
        f"count must be at most min(n_points - 1, dim) = {available}, got {count}",
    )


@functools.partial(jax.jit, static_argnums=(1, 2))
def _leading(matrix, count, is_gram):
    rows = centre_gram(matrix) if is_gram else centre(matrix)
    rows = rows if rows.shape[0] <= rows.shape[1] else rows.T
    total_variance = jnp.trace(rows) if is_gram else jnp.sum(rows**2)
    side = rows.shape[0]
    start = jnp.asarray(
        np.random.default_rng(0).standard_normal((side, min(count + 8, side))), rows.dtype
    )

    def multiply(block):
        return rows @ (block if is_gram else rows.T @ block)

    pairs = block_power(multiply, start, total_variance, count, 3)
    return LeadingRatios(*(part / total_variance for part in pairs))


def block_power(
    multiply: Callable[[Array], Array],
    start: Float[Array, "side width"],
    trace: Float[Array, ""],
    count: int,
    rounds: int,
) -> tuple[Float[Array, "{count}"], Float[Array, "{count}"]]:
    """The `count` largest eigenvalues of a positive semidefinite matrix, decreasing, and the
    residual norm of each.
    """
    # In a power of two near the trace as unit, which changes no digit, three products neither over-
    # nor underflow.
    _, exponent = jnp.frexp(trace)

    def multiply_in_unit(block):
        return jnp.ldexp(multiply(block), -exponent)

    block = start
    for _ in range(rounds):
        block = jnp.linalg.qr(multiply_in_unit(multiply_in_unit(multiply_in_unit(block))))[0]
    image = multiply_in_unit(block)
    values, rotation = jnp.linalg.eigh(block.T @ image)
    values = values[::-1][:count]
    rotation = rotation[:, ::-1][:, :count]
    error = jnp.linalg.norm(image @ rotation - (block @ rotation) * values, axis=0)
    return jnp.ldexp(values, exponent), jnp.ldexp(error, exponent)


@guarded(double=False)
@functools.partial(jax.jit, static_argnames="count")
def principal_components(trajectory: Points, count: Components) -> PrincipalComponents:
    """The `count` leading principal components of a trajectory, with their scores.
    Components of zero variance have no time course of their own: an arbitrary unit vector. Raises
    ValueError for a count above min(T-1, d). Source: Antognini & Sohl-Dickstein 2018, the scores
    drawn in their figures.
    """
    require_components(count, min(trajectory.shape[0] - 1, trajectory.shape[1]))
    rows = centre(trajectory)
    if rows.shape[0] <= rows.shape[1]:
        return _components_of_centred_gram(rows @ rows.T, count)
    variances, axes = jnp.linalg.eigh(rows.T @ rows)
    courses = jnp.linalg.qr(rows @ axes[:, ::-1][:, :count])[0]
    return _with_signs(variances[::-1][:count], courses, jnp.sum(rows**2))


@guarded(double=False)
def principal_components_of_gram(gram: VariedGram, count: Components) -> PrincipalComponents:
    """Return at most T-1 `principal_components` from the Gram matrix X Xᵀ (not yet
    centred).
    """
    require_components(count, gram.shape[0] - 1)
    return _components_of_centred_gram(centre_gram(gram), count)


@functools.partial(jax.jit, static_argnums=1)
def _components_of_centred_gram(gram, count):
    variances, courses = jnp.linalg.eigh(gram)
    return _with_signs(variances[::-1][:count], courses[:, ::-1][:, :count], jnp.trace(gram))


def _with_signs(variances, courses, total_variance):
    courses = courses * jnp.where(courses[0] < 0, -1, 1)
    variances = jnp.maximum(variances, 0)
    return PrincipalComponents(variances, courses, courses * jnp.sqrt(variances), total_variance)


@guarded(double=False)
def squared_overlaps(
    time_courses: Float[AnyArray, "points components"],
    references: Float[AnyArray, "points components"],
) -> Float[Array, "components"]:
    """cos² of the angle between each time course and the reference in the same column, in [0, 1].
    With half-cosines as references this is the "cosine content" of a component: 1 for a high
    dimensional walk. Neither side needs unit length; a zero column has overlap 0. Source: Hess 2000
    (cosine content), Phys. Rev. E 62.
    """
    courses = _of_order_one(time_courses)
    targets = _of_order_one(references)
    products = jnp.sum(courses * targets, axis=0) ** 2
    lengths = jnp.sum(courses**2, axis=0) * jnp.sum(targets**2, axis=0)
    return jnp.where(lengths > 0, jnp.minimum(products / jnp.where(lengths > 0, lengths, 1), 1), 0)


def _of_order_one(columns):
    """Columns in units of a power of two near their largest entries, which changes no digit and
    overflows no square.
    """
    _, exponent = jnp.frexp(jnp.abs(jnp.asarray(columns)).max(axis=0))
    return jnp.ldexp(columns, -exponent)
