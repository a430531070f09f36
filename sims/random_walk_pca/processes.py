"""Every process of the paper, walk to averaged iterate, as one linear recursion over time."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Bool, Float, Real, ScalarLike

from sims.random_walk_pca.domain import require_finite_rows
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced, require_count, require_finite, require_in_range

JUDGED_BY_RANGE = ("momentum", "reversion", "averaging")
"""Parameters of a process whose range, and not `validated`, refuses infinity and NaN."""

Flag = bool | np.bool_ | float | int | Bool[AnyArray, ""] | Real[AnyArray, ""]
"""True or False, traced or not; the numbers 1 and 0 pass for them."""


@validated(unbounded=("noise", *JUDGED_BY_RANGE))
def trajectory(
    noise: Real[AnyArray, "points columns"],
    *,
    momentum: ScalarLike = 0.0,
    reversion: ScalarLike = 0.0,
    decay: ScalarLike = 0.0,
    averaging: ScalarLike = 0.0,
    running_mean: Flag = False,
    drift: float | int | Real[AnyArray, ""] | Float[AnyArray, "columns"] = 0.0,
) -> Float[Array, "points columns"]:
    """The recorded points of the process that the noise rows drive, from rest at the origin.

    With noise row ξ_t, t = 1..T, and v_0 = x_0 = y_0 = 0,

        v_t = γ v_{t-1} + t^{-p/2} ξ_t + μ,    x_t = (1-α) x_{t-1} + v_t,    y_t = β_t y_{t-1} + (1-β_t) x_t,

    and row t of the result is y_t. The defaults are the plain walk. Apart from the drift the map is linear in the
    noise, so that it acts on any matrix with a row per step: the noise itself, its Gram matrix, a unit impulse.

    Args:
        noise: the steps ξ_t, one row per recorded point (the start x_0 is not recorded).
        momentum: γ in [0, 1]; 0 is the plain walk, 1 the integrated walk.
        reversion: α in [0, 2), the Ornstein-Uhlenbeck rate; 0 is the plain walk, 1 independent points.
        decay: p, the noise variance falls as t^{-p}; any finite number (a limit law as T grows needs p < 2).
        averaging: β in [0, 1), exponential moving average of the iterates (EMA); 0 records the iterates themselves.
        running_mean: record the mean of all iterates so far, β_t = 1 - 1/t, in place of the moving average.
        drift: μ, added to every step: a vector, or one number for all columns.

    Raises:
        ValueError: a parameter outside its range, a noise row that is not finite (named), no noise rows, or a
            trajectory that overflows.
        TypeError: noise that is not floating point.

    Source: Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805): random walk, momentum, discrete Ornstein-Uhlenbeck
    process and iterate averaging; one recursion for all of them: derived here.
    """
    require_process(momentum=momentum, reversion=reversion, decay=decay, averaging=averaging, running_mean=running_mean)
    require_count("the number of rows of noise", noise.shape[0], 1, "one per recorded point")
    if not jnp.issubdtype(noise.dtype, jnp.floating):
        raise TypeError(f"noise must be floating point, got {noise.dtype}")
    require_finite("drift", drift)
    require_finite_rows("noise", noise)
    return _recursion(noise, momentum, reversion, decay, averaging, running_mean, drift)


@validated(unbounded=JUDGED_BY_RANGE)
def require_process(
    *,
    momentum: ScalarLike = 0.0,
    reversion: ScalarLike = 0.0,
    decay: ScalarLike = 0.0,
    averaging: ScalarLike = 0.0,
    running_mean: Flag = False,
) -> None:
    """Raise `ValueError` for a parameter of `trajectory` outside its range; traced values pass."""
    require_in_range("momentum", momentum, 0, 1, includes_high=True)
    require_in_range("reversion", reversion, 0, 2, includes_high=False, why="unstable, |1 - reversion| >= 1")
    require_in_range("averaging", averaging, 0, 1, includes_high=False)
    require_finite("decay", decay)
    if not is_traced(running_mean) and running_mean not in (False, True):
        raise ValueError(f"running_mean must be True or False, got {running_mean}")


@jax.jit
def _recursion(noise, momentum, reversion, decay, averaging, running_mean, drift):
    coefficients = step_coefficients(noise.shape[0], noise.dtype, momentum, reversion, decay, averaging, running_mean)
    rest = jnp.zeros_like(noise[0])

    def step(state, inputs):
        noise_row, coefficient = inputs
        state = time_step(state, noise_row, coefficient, jnp.asarray(drift, noise.dtype))
        return state, state.recorded

    return lax.scan(step, State(rest, rest, rest), (noise, coefficients))[1]


class State(NamedTuple):
    """The state of the recursion after a step: v_t, x_t and y_t, each with an entry per column."""

    velocity: Float[Array, "columns"]
    position: Float[Array, "columns"]
    recorded: Float[Array, "columns"]


class Coefficients(NamedTuple):
    """The coefficients of every step: γ, 1-α, the scale t^{-p/2} of the noise, and the part β_t of y_t that is kept."""

    momentum: Float[Array, "*points"]
    persistence: Float[Array, "*points"]
    noise_scale: Float[Array, "*points"]
    kept: Float[Array, "*points"]


def step_coefficients(
    n_points: int,
    dtype: DTypeLike,
    momentum: ScalarLike = 0.0,
    reversion: ScalarLike = 0.0,
    decay: ScalarLike = 0.0,
    averaging: ScalarLike = 0.0,
    running_mean: bool | ScalarLike = False,
) -> Coefficients:
    """The coefficients of steps 1..T, one row per step; the parameters are those of `trajectory`."""
    time = jnp.arange(1, n_points + 1, dtype=dtype)
    constant = jnp.ones_like(time)
    return Coefficients(
        momentum=jnp.asarray(momentum, dtype) * constant,
        persistence=(1 - jnp.asarray(reversion, dtype)) * constant,
        noise_scale=time ** (-jnp.asarray(decay, dtype) / 2),
        kept=jnp.where(running_mean, 1 - 1 / time, jnp.asarray(averaging, dtype)),
    )


def time_step(
    state: State, noise_row: Float[Array, "columns"], coefficient: Coefficients, drift: Float[Array, "..."]
) -> State:
    """One step of the recursion in the docstring of `trajectory`."""
    velocity = coefficient.momentum * state.velocity + coefficient.noise_scale * noise_row + drift
    position = coefficient.persistence * state.position + velocity
    recorded = coefficient.kept * state.recorded + (1 - coefficient.kept) * position
    return State(velocity, position, recorded)


@validated(unbounded=JUDGED_BY_RANGE)
def trajectory_gram(
    noise_gram: Float[AnyArray, "points points"], **process: ScalarLike
) -> Float[Array, "points points"]:
    """A W Aᵀ, the Gram matrix of the trajectory A R, from the noise Gram W = R Rᵀ: the walk itself is never stored.

    `process` takes the parameters of `trajectory` except the drift, which is not linear in the noise.
    Raises ValueError as `trajectory`. Derived here: the recursion A is applied to the columns of W, then to its rows.
    """
    require_count("the number of rows of noise_gram", noise_gram.shape[0], 1, "one per recorded point")
    if "drift" in process:
        raise ValueError("drift is not linear in the noise: apply trajectory to noise rows instead of their Gram")
    return trajectory(trajectory(noise_gram, **process).T, **process).T


@validated
def centre(rows: Float[AnyArray, "points columns"]) -> Float[Array, "points columns"]:
    """C X: the rows minus their mean over time. The first row goes first, so that a far origin costs no digits.

    Raises ValueError for no rows.
    """
    require_count("the number of rows", rows.shape[0], 1, "the mean of none is undefined")
    from_start = jnp.asarray(rows) - rows[0]
    return from_start - from_start.mean(axis=0)


@validated
def centre_gram(gram: Float[AnyArray, "points points"]) -> Float[Array, "points points"]:
    """C G C: the Gram matrix of centred rows, from that of the rows. Raises ValueError for no rows."""
    require_count("the number of rows of gram", gram.shape[0], 1, "the mean of none is undefined")
    return centre(centre(gram).T)
