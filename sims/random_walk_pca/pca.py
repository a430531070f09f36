"""Principal component analysis over time, of points or of their Gram matrix: explained variance,
scores, and overlap with given time courses.

`explained_variance_ratio` goes from a key to the ratios of one trajectory by the cheapest route
that is exact in law. `eigenbasis_sample` samples a spectrum in the basis where the population
covariance is diagonal, without any trajectory.
"""

import functools
from collections.abc import Callable
from typing import Annotated, NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.random_walk_pca.domains import (
    NOT_ALL_ZERO,
    Cloud,
    NumberOfPoints,
    Points,
    Process,
    Scales,
    VariedGram,
)
from sims.random_walk_pca.trajectories import (
    Law,
    centre,
    centre_gram,
    equivalent_gaussian_noise,
    noise,
    trajectory,
)
from sims.wishart import bartlett_factor
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    LONGEST,
    NON_NEGATIVE,
    Count,
    Holds,
    Interval,
    Size,
    guarded,
    require,
)

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
    """Return the explained variance ratios ρ̂_k = ℓ_k / Σ_j ℓ_j of all min(T-1, d) components,
    decreasing, from the Gram matrix of the smaller side.

    They are those of a trajectory of T points in d dimensions, centred over time. Within a jitted
    caller, where nothing can be refused, the ratios of zero variance are NaN.
    Source: Antognini & Sohl-Dickstein 2018; their 1/(T-1) factor cancels.
    """
    variances = gram_variances(trajectory)
    return variances / variances.sum()


@guarded(double=False)
def gram_variances(trajectory: Cloud) -> Float[Array, "components"]:
    """Return the variances ℓ_k, the min(T-1, d) eigenvalues of the centred Gram matrix, decreasing
    and none negative.

    They are infinite or NaN where squares overflow. Source: Antognini & Sohl-Dickstein 2018.
    """
    points, dim = trajectory.shape
    return _decreasing_eigenvalues(_smaller_gram(trajectory), min(points - 1, dim))


@jax.jit
def _smaller_gram(trajectory):
    rows = centre(trajectory)
    return rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows


@functools.partial(jax.jit, static_argnums=1)
def _decreasing_eigenvalues(
    gram: Float[AnyArray, "side side"], count: int
) -> Float[Array, "{count}"]:
    """The `count` largest eigenvalues of a positive semidefinite matrix; those rounded below zero
    are zero.
    """
    return jnp.maximum(jnp.linalg.eigvalsh(gram)[::-1][:count], 0)


@guarded(double=False)
def variance_ratios_of_gram(gram: VariedGram) -> Float[Array, "components"]:
    """Return the ratios ρ̂_k, k = 1..T-1, of `variance_ratios` from the Gram matrix X Xᵀ of the
    trajectory, which need not be centred.

    Source: that of `variance_ratios`.
    """
    variances = _decreasing_eigenvalues(centre_gram(gram), gram.shape[0] - 1)
    return variances / variances.sum()


class LeadingRatios(NamedTuple):
    """The largest explained variance ratios, in descending order, and how far each can be from a
    true one.

    error : |G y - ℓ y| / tr G of each computed pair: a true ratio lies within it (Weyl's residual
    bound).
    """

    ratios: Float[Array, "components"]
    error: Float[Array, "components"]


@guarded(double=False)
def leading_variance_ratios(trajectory: Points, count: Components) -> LeadingRatios:
    """The `count` largest ρ̂_k of a trajectory. Raises ValueError for a count above min(T-1, d)."""
    _require_components(count, min(trajectory.shape[0] - 1, trajectory.shape[1]))
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
    _require_components(count, gram.shape[0] - 1)
    return _leading(gram, count, True)


def _require_components(count: int, available: int) -> None:
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

    pairs = _block_power(multiply, start, total_variance, count, 3)
    return LeadingRatios(*(part / total_variance for part in pairs))


def _block_power(
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
    _require_components(count, min(trajectory.shape[0] - 1, trajectory.shape[1]))
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
    _require_components(count, gram.shape[0] - 1)
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
    """Return cos² of the angle between each time course and the reference in the same column, from
    0 to 1.

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


@guarded(double=False)
def explained_variance_ratio(
    key: Key[Array, ""],
    n_points: NumberOfPoints,
    dim: Size,
    *,
    law: Law = "gaussian",
    scales: Scales | None = None,
    drift: ScalarLike = 0.0,
    **process: Unpack[Process],
) -> Float[Array, "components"]:
    """Return the explained variance ratios ρ̂_k, k = 1..min(T-1, d), of one trajectory of
    `n_points` points in `dim` dimensions, decreasing.

    Isotropic Gaussian noise takes `equivalent_gaussian_noise` (cost independent of dim), any other
    is drawn and stored whole: for very many dimensions apply `variance_ratios_of_gram` to
    `trajectory_gram` of a streamed `noise_gram`. `drift` is |μ|, along the first axis, in units of
    the root of tr Σ. `process` takes the other parameters of `trajectory`, and the noise those of
    `noise`. NaN where the trajectory overflows, or decays so fast that no step but the first is
    left. Raises ValueError as `noise`. Source: the experiments of Antognini & Sohl-Dickstein 2018.

    >>> import jax
    >>> round(float(explained_variance_ratio(jax.random.key(0), 300, 10**6)[0]), 2)
    0.61
    """
    if law == "gaussian" and scales is None:
        rows = equivalent_gaussian_noise(key, n_points, dim)
    else:
        rows = noise(key, n_points, dim, law=law, scales=scales)
    first_axis = jnp.zeros(rows.shape[1]).at[0].set(drift)
    variances = gram_variances(trajectory(rows, drift=first_axis, **process))
    return variances / variances.sum()


FALLING = Holds(
    "falling", "be in decreasing order", lambda values: bool(np.all(np.diff(values) <= 0))
)
PopulationEigenvalues = Annotated[Float[AnyArray, "axes"], NON_NEGATIVE, NOT_ALL_ZERO, FALLING]
"""λ_k, k = 1..T-1, of any process."""


class EigenbasisSample(NamedTuple):
    """One sample spectrum, with the noise that made it.

    variances : ℓ_k, decreasing, in the units of the population eigenvalues: min(T-1, d) of them, or
        as many as asked for.
    total_variance : the sum of all ℓ_k.
    noise_variances : W'_kk, k = 1..T-1, of mean exactly 1: the variance of the noise along each
        population axis. ℓ_k/λ_k - (W'_kk - 1) has the mean of ℓ_k/λ_k and a much smaller variance
        (a control variate).
    error : how far each ℓ_k can be from an eigenvalue (residual bound); 0 if the whole spectrum is
        computed.
    """

    variances: Float[Array, "components"]
    total_variance: Float[Array, ""]
    noise_variances: Float[Array, "axes"]
    error: Float[Array, "components"]


@guarded(double=False)
def eigenbasis_sample(
    key: Key[Array, ""],
    population_eigenvalues: PopulationEigenvalues,
    dim: Count,
    *,
    count: Components | None = None,
) -> EigenbasisSample:
    """The spectrum of one trajectory with isotropic Gaussian noise in `dim` dimensions, exact in
    law.

    With K = U Λ Uᵀ the population covariance and V the right singular vectors of C A, the centred
    Gram matrix has the eigenvalues of Λ^{1/2} W' Λ^{1/2}, W' = Vᵀ W V: a Wishart matrix with `dim`
    degrees of freedom, divided by `dim`. No trajectory, no centring and no cancellation; ℓ_k are
    squared singular values of Λ^{1/2} times a factor of W'. The population eigenvalues are all T-1
    of them, for example `infinite_dimension.spectrum`. Only the `count` largest ℓ_k, where given,
    cost half the time: two rounds of block power iteration from the leading population axes,
    good to eleven digits on spectra that fall like a walk's; the returned error tells for any
    other. Raises ValueError for a count above min(T-1, dim). Source: derived here, from the
    separable form C A W Aᵀ C.
    """
    axes = population_eigenvalues.shape[0]
    require(
        count is None or count <= min(axes, dim),
        f"count must be at most min(n_points - 1, dim) = {min(axes, dim)}, got {count}",
    )
    dtype = population_eigenvalues.dtype
    factor = (
        bartlett_factor(key, axes, dim, dtype)
        if dim >= axes
        else jax.random.normal(key, (axes, dim), dtype)
    )
    factor = factor * dim**-0.5
    rows = jnp.sqrt(population_eigenvalues)[:, None] * factor
    noise_variances = jnp.sum(factor**2, axis=1)
    total_variance = jnp.sum(rows**2)
    if count is None:
        variances = jnp.linalg.svd(rows, compute_uv=False) ** 2
        return EigenbasisSample(
            variances, total_variance, noise_variances, jnp.zeros_like(variances)
        )
    leading_axes = jnp.eye(rows.shape[0], min(count + 5, rows.shape[0]), dtype=rows.dtype)
    gram = rows @ rows.T
    variances, error = _block_power(
        lambda block: gram @ block, leading_axes, total_variance, count, 2
    )
    return EigenbasisSample(variances, total_variance, noise_variances, error)
