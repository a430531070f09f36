"""The noise Gram matrix in one pass over blocks of coordinates: memory does not grow with the
dimension.
"""

import itertools
import math
from typing import Unpack

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Key

from sims.random_walk_pca.domains import NumberOfPoints, Process
from sims.random_walk_pca.processes import trajectory
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Size, guarded, require_room


@guarded(double=False)
def noise_gram(
    key: Key[Array, ""], n_points: NumberOfPoints, dim: Size, *, block: Size = 1000
) -> Float[Array, "points points"]:
    """W = R Rᵀ of T isotropic Gaussian steps in `dim` coordinates, accumulated over blocks of
    coordinates; E W = 1.

    Noise and block products are in float32, the running sum is in the default precision, so that
    float32 rounding stays at the size of one block's. Memory: T² + T `block` numbers. Another block
    size is another draw. Source: every linear process of Antognini & Sohl-Dickstein 2018 from one
    Gram matrix: derived here.
    """
    require_room("n_points", n_points**2)
    # Four panels of rows, each against the rows up to its own end: W is symmetric, and this is 5/8
    # of all products.
    ends = [math.ceil(n_points * quarter / 4) for quarter in range(5)]
    panels = list(itertools.pairwise(ends))

    def add_block(sums, rows):
        return [
            total + (rows[start:end] @ rows[:end].T).astype(total.dtype)
            for total, (start, end) in zip(sums, panels, strict=True)
        ]

    zeros = [jnp.zeros((end - start, end)) for start, end in panels]
    sums = _over_coordinates(add_block, zeros, key, n_points, dim, block)
    lower = jnp.concatenate(
        [jnp.pad(total, ((0, 0), (0, n_points - total.shape[1]))) for total in sums]
    )
    return jnp.tril(lower) + jnp.tril(lower, -1).T


@guarded(double=False)
def squared_norms(
    key: Key[Array, ""], n_points: NumberOfPoints, dim: Size, **process: Unpack[Process]
) -> Float[Array, "points"]:
    """|x_t|², t = 1..T, of a process driven by isotropic steps with tr Σ = 1, a thousand
    coordinates at a time.

    `process` takes the parameters of `trajectory`. The process is in float32, the sums are in the
    default precision; infinite or NaN where the trajectory overflows.
    With a reversion this is the sphere that traps the walker (Antognini & Sohl-Dickstein 2018,
    Ornstein-Uhlenbeck).
    """

    def add_block(squares, rows):
        return squares + jnp.sum(trajectory(rows, **process).astype(squares.dtype) ** 2, axis=1)

    return _over_coordinates(add_block, jnp.zeros(n_points), key, n_points, dim, 1000)


@guarded(double=False)
def random_projection(
    key: Key[Array, ""], trajectory: Float[AnyArray, "points dim"], target_dim: Size
) -> Float[Array, "points target_dim"]:
    """X P / sqrt(m) of a recorded trajectory X, with P a d x m matrix of independent standard
    normals. Infinite for entries near the largest number.
    Source: the random projection of the ResNet-50 trajectories in Antognini & Sohl-Dickstein 2018.
    """
    require_room("target_dim", max(trajectory.shape) * target_dim)
    projection = jax.random.normal(key, (trajectory.shape[1], target_dim), trajectory.dtype)
    return trajectory @ projection * target_dim**-0.5


def _over_coordinates(add_block, total, key, n_points, dim, block):
    """Fold `add_block` over the noise rows, one block of coordinates after the other, each from a
    key of its own.
    """
    require_room("n_points, dim and block", max(n_points * min(block, dim), dim))
    width = min(block, dim)
    n_blocks = math.ceil(dim / width)
    scales = (
        jnp.zeros(n_blocks * width, jnp.float32).at[:dim].set(dim**-0.5)
    )  # the last block may reach beyond dim

    def next_block(carried, block_input):
        index, scale = block_input
        rows = (
            jax.random.normal(jax.random.fold_in(key, index), (n_points, width), jnp.float32)
            * scale
        )
        return add_block(carried, rows), None

    return lax.scan(next_block, total, (jnp.arange(n_blocks), scales.reshape(n_blocks, width)))[0]
