"""Every process of the paper, walk to averaged iterate, as one linear recursion over time."""

from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Float, ScalarLike

from sims.random_walk_pca.domains import Averaging, Flag, Momentum, Process, Reversion
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import guarded


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
    coefficients = step_coefficients(
        noise.shape[0], noise.dtype, momentum, reversion, decay, averaging, running_mean
    )
    zero = jnp.zeros_like(noise[0])

    def step(state, inputs):
        noise_row, coefficient = inputs
        state = time_step(state, noise_row, coefficient, jnp.asarray(drift, noise.dtype))
        return state, state.recorded

    return lax.scan(step, State(zero, zero, zero), (noise, coefficients))[1]


class State(NamedTuple):
    """The state of the recursion after a step: v_t, x_t and y_t, each with an entry per column."""

    velocity: Float[Array, "columns"]
    position: Float[Array, "columns"]
    recorded: Float[Array, "columns"]


class Coefficients(NamedTuple):
    """The coefficients of every step: γ, 1-α, the scale t^{-p/2} of the noise, and the part β_t of
    y_t that is kept.
    """

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
    running_mean: Flag = False,
) -> Coefficients:
    """The coefficients of steps 1..T, one row per step; the parameters are those of
    `trajectory`.
    """
    time = jnp.arange(1, n_points + 1, dtype=dtype)
    constant = jnp.ones_like(time)
    return Coefficients(
        momentum=jnp.asarray(momentum, dtype) * constant,
        persistence=(1 - jnp.asarray(reversion, dtype)) * constant,
        noise_scale=time ** (-jnp.asarray(decay, dtype) / 2),
        kept=jnp.where(running_mean, 1 - 1 / time, jnp.asarray(averaging, dtype)),
    )


def time_step(
    state: State,
    noise_row: Float[Array, "columns"],
    coefficient: Coefficients,
    drift: Float[Array, "..."],
) -> State:
    """One step of the recursion in the docstring of `trajectory`."""
    velocity = coefficient.momentum * state.velocity + coefficient.noise_scale * noise_row + drift
    position = coefficient.persistence * state.position + velocity
    record = coefficient.kept * state.recorded + (1 - coefficient.kept) * position
    return State(velocity, position, record)


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
    """C X: the rows minus their mean over time. The first row goes first, so that a far origin
    costs no digits.
    """
    from_start = jnp.asarray(rows) - rows[0]
    return from_start - from_start.mean(axis=0)


def centre_gram(gram: Float[AnyArray, "points points"]) -> Float[Array, "points points"]:
    """C G C: the Gram matrix of centred rows, from that of the rows."""
    return centre(centre(gram).T)
