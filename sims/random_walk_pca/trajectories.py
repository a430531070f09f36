"""Steps, and every process of the paper that they drive, from the walk to the averaged iterate, as
one linear recursion over time.

The recursion runs on the steps, or on their Gram matrix, which is accumulated in blocks of
coordinates so that its memory does not grow with the dimension, or on the few columns that stand
for isotropic Gaussian steps. The Gram matrix also serves trajectories whose times are shuffled.
"""

import itertools
import math
from typing import Literal, Unpack

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Key, ScalarLike

from sims.random_walk_pca.domains import (
    Averaging,
    Flag,
    Gram,
    Momentum,
    NumberOfPoints,
    Process,
    Reversion,
    Scales,
)
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


@guarded(double=False)
def trajectory(
    noise: Float[AnyArray, "points columns"],
    *,
    momentum: Momentum = 0.0,
    reversion: Reversion = 0.0,
    decay: ScalarLike = 0.0,
    averaging: Averaging = 0.0,
    running_mean: Flag = False,
    drift: ScalarLike | Float[AnyArray, "columns"] = 0.0,
) -> Float[Array, "points columns"]:
    """The recorded points of the process that the noise rows drive, from rest at the origin.

    With noise row ξ_t, t = 1..T, and v_0 = x_0 = y_0 = 0,

        v_t = γ v_{t-1} + t^{-p/2} ξ_t + μ,    x_t = (1-α) x_{t-1} + v_t,    y_t = β_t y_{t-1} +
        (1-β_t) x_t,

    and row t of the result is y_t. The defaults are the plain walk. Apart from the drift the map is
    linear in the noise, so that it acts on any matrix with a row per step: the noise itself, its
    Gram matrix, a unit impulse.

    Args:
        noise: the steps ξ_t, one row per recorded point (the start x_0 is not recorded).
        momentum: γ; 0 is the plain walk, 1 the integrated walk.
        reversion: α, the Ornstein-Uhlenbeck rate; 0 is the plain walk, 1 independent points.
        decay: p, the noise variance falls as t^{-p}; a limit law as T grows needs p < 2.
        averaging: β, exponential moving average of the iterates (EMA); 0 records the iterates
            themselves.
        running_mean: record the mean of all iterates so far, β_t = 1 - 1/t, in place of the moving
            average.
        drift: μ, added to every step: a vector, or one number for all columns.

    Infinite or NaN where the trajectory overflows.
    Source: Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) for the random walk, momentum, the
    discrete Ornstein-Uhlenbeck process and iterate averaging; the common recursion was derived
    here.

    >>> trajectory([[1.0], [2.0], [3.0]], momentum=0.5).tolist()
    [[1.0], [3.5], [7.75]]
    """
    return _recursion(noise, momentum, reversion, decay, averaging, running_mean, drift)


@jax.jit
def _recursion(noise, momentum, reversion, decay, averaging, running_mean, drift):
    time = jnp.arange(1, len(noise) + 1, dtype=noise.dtype)
    scales = time ** (-jnp.asarray(decay, noise.dtype) / 2)
    kept = jnp.where(running_mean, 1 - 1 / time, jnp.asarray(averaging, noise.dtype))
    momentum = jnp.asarray(momentum, noise.dtype)
    persistence = 1 - jnp.asarray(reversion, noise.dtype)
    drift = jnp.asarray(drift, noise.dtype)

    def step(state, inputs):
        velocity, position, recorded = state
        row, scale, keep = inputs
        velocity = momentum * velocity + scale * row + drift
        position = persistence * position + velocity
        recorded = keep * recorded + (1 - keep) * position
        return (velocity, position, recorded), recorded

    zero = jnp.zeros_like(noise[0])
    return lax.scan(step, (zero, zero, zero), (noise, scales, kept))[1]


@guarded(double=False)
def trajectory_gram(
    noise_gram: Float[AnyArray, "points points"], **process: Unpack[Process]
) -> Float[Array, "points points"]:
    """A W Aᵀ, the Gram matrix of the trajectory A R, from the noise Gram W = R Rᵀ: the walk itself
    is never stored. `process` takes the parameters of `trajectory` except the drift, which is not
    linear in the noise. Infinite or NaN where the trajectory overflows. Derived here: the recursion
    A is applied to the columns of W, then to its rows.
    """
    return trajectory(trajectory(noise_gram, **process).T, **process).T


@guarded(double=False)
def centre(rows: Float[AnyArray, "points columns"]) -> Float[Array, "points columns"]:
    """Return C X, the rows minus their mean over time.

    The first row is subtracted first, so that a far origin costs no digits.
    """
    from_start = jnp.asarray(rows) - rows[0]
    return from_start - from_start.mean(axis=0)


@guarded(double=False)
def centre_gram(gram: Float[AnyArray, "points points"]) -> Float[Array, "points points"]:
    """Return C G C, the Gram matrix of the centred rows, from that of the rows."""
    return centre(centre(gram).T)


@guarded(double=False)
def noise_gram(
    key: Key[Array, ""], n_points: NumberOfPoints, dim: Size, *, block: Size = 1000
) -> Float[Array, "points points"]:
    """Return W = R Rᵀ of T isotropic Gaussian steps in `dim` coordinates, accumulated over blocks
    of coordinates; its mean is the identity.

    Noise and block products are in float32, the running sum is in the default precision, so that
    float32 rounding stays at the size of one block's. Memory: T² + T `block` numbers. Another block
    size is another draw. Source: every linear process of Antognini & Sohl-Dickstein 2018 from one
    Gram matrix: derived here.
    """
    require_room("n_points", n_points**2)
    width = min(block, dim)
    require_room("n_points, dim and block", max(n_points * width, dim))
    n_blocks = math.ceil(dim / width)
    # The last block may reach beyond dim
    scales = jnp.zeros(n_blocks * width, jnp.float32).at[:dim].set(dim**-0.5)
    # Four panels of rows, each against the rows up to its own end: W is symmetric, and this is 5/8
    # of all products.
    ends = [math.ceil(n_points * quarter / 4) for quarter in range(5)]
    panels = list(itertools.pairwise(ends))

    def add_block(sums, block_input):
        index, scale = block_input
        normals = jax.random.normal(jax.random.fold_in(key, index), (n_points, width), jnp.float32)
        rows = normals * scale
        return [
            total + (rows[start:end] @ rows[:end].T).astype(total.dtype)
            for total, (start, end) in zip(sums, panels, strict=True)
        ], None

    zeros = [jnp.zeros((end - start, end)) for start, end in panels]
    blocks = jnp.arange(n_blocks), scales.reshape(n_blocks, width)
    sums, _ = lax.scan(add_block, zeros, blocks)
    lower = jnp.concatenate(
        [jnp.pad(total, ((0, 0), (0, n_points - total.shape[1]))) for total in sums]
    )
    return jnp.tril(lower) + jnp.tril(lower, -1).T


@guarded(double=False)
def random_projection(
    key: Key[Array, ""], trajectory: Float[AnyArray, "points dim"], target_dim: Size
) -> Float[Array, "points target_dim"]:
    """Return the random projection X P / sqrt(m) of a recorded trajectory X, with a d x m matrix P
    of independent standard normals.

    It is infinite for entries near the largest number.
    Source: the random projection of the ResNet-50 trajectories in Antognini & Sohl-Dickstein 2018.
    """
    require_room("target_dim", max(trajectory.shape) * target_dim)
    projection = jax.random.normal(key, (trajectory.shape[1], target_dim), trajectory.dtype)
    return trajectory @ projection * target_dim**-0.5


@guarded(double=False)
def step_gram(gram: Gram) -> Float[Array, "steps steps"]:
    """Return the inner products ⟨ξ_s, ξ_t⟩ of the T-1 steps, which are second differences of the
    points' Gram matrix X Xᵀ.

    Derived here.
    """
    return jnp.diff(jnp.diff(gram, axis=0), axis=1)


@guarded(double=False)
def shuffle_points(
    key: Key[Array, ""], gram: Float[AnyArray, "points points"]
) -> Float[Array, "points points"]:
    """The Gram matrix of the same points in random order: its spectrum stays, its time courses are
    destroyed. Source: the control of Antognini & Sohl-Dickstein 2018.
    """
    order = jax.random.permutation(key, gram.shape[0])
    return jnp.asarray(gram)[order][:, order]
