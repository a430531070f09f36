"""Chi-square variables and factors of Wishart matrices, drawn from their exact laws."""

from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Key

from theory_on_trial.base.arrays import AnyArray, FloatType
from theory_on_trial.contract import MOST, Count, Interval, guarded, require

Rows = Annotated[int, Interval(1, 2**18)]
"""Rows of a square matrix that memory may hold."""
Freedom = Annotated[Float[AnyArray, "draws"], Interval(1, MOST)]
"""Degrees of freedom: below zero no draw is ever accepted, and nothing could stop the loop."""


@guarded(double=False)
def bartlett_factor(
    key: Key[Array, ""], n_rows: Rows, dim: Count, dtype: FloatType = float
) -> Float[Array, "rows rows"]:
    """Return a lower triangular L, rows x rows, such that L Lᵀ has the law Wishart(dim, I). Raises
    ValueError for fewer dimensions than rows. Source: Bartlett 1933.
    """
    require(dim >= n_rows, f"dim must be at least the {n_rows} rows (Bartlett's factor), got {dim}")
    normal_key, chi_key = jax.random.split(key)
    odd_row = n_rows % 2
    width = n_rows - 1 + odd_row
    normals = jax.random.normal(normal_key, (n_rows // 2, width), dtype)
    # The triangle's rows are taken in pairs, a short and a long one from one row of normals, so
    # that none is wasted.
    square = jnp.concatenate([jnp.zeros((odd_row, width), dtype), normals, normals[::-1, ::-1]])
    below = jnp.tril(jnp.pad(square, ((0, 0), (0, n_rows - width))), -1)
    freedom = dim - jnp.arange(n_rows, dtype=dtype)
    return below + jnp.diag(jnp.sqrt(chi_square(chi_key, freedom)))


@guarded(double=False)
@jax.jit  # a loop outside of a program is compiled at every call
def chi_square(key: Key[Array, ""], freedom: Freedom) -> Float[Array, "draws"]:
    """Return independent chi-square variables, one for each number of degrees of freedom. One
    rejection loop makes all draws, in a third of the time of `jax.random.chisquare`. Source:
    Marsaglia and Tsang 2000.
    """
    shape = jnp.asarray(freedom) / 2
    root_key, loop_key = jax.random.split(key)
    order = jnp.where(shape < 1, shape + 1, shape)
    centre = order - 1 / 3
    width = (9 * centre) ** -0.5

    State = tuple[Array | int, Array, Array]  # attempts, accepted draws, which draws wait

    def attempt(state: State) -> State:
        index, draws, waiting = state
        normal_key, uniform_key = jax.random.split(jax.random.fold_in(loop_key, index))
        normal = jax.random.normal(normal_key, shape.shape, shape.dtype)
        uniform = jax.random.uniform(uniform_key, shape.shape, shape.dtype)
        cube = (1 + width * normal) ** 3
        log_cube = jnp.log(jnp.where(cube > 0, cube, 1))
        accept = (cube > 0) & (jnp.log(uniform) < normal**2 / 2 + centre * (1 - cube + log_cube))
        return index + 1, jnp.where(waiting & accept, centre * cube, draws), waiting & ~accept

    start: State = (0, jnp.zeros_like(shape), jnp.ones(shape.shape, bool))
    gamma = lax.while_loop(lambda state: jnp.any(state[2]), attempt, start)[1]
    root = jax.random.uniform(root_key, shape.shape, shape.dtype) ** (1 / shape)
    return 2 * jnp.where(shape < 1, gamma * root, gamma)
