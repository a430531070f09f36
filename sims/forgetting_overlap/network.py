"""Wide two-layer tanh networks that learn one task and then another, in JAX. Callers map over
keys.
"""

from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import NON_NEGATIVE, USABLE_SCALE, Interval, guarded

Inputs = Annotated[Float[AnyArray, "rows dim"], USABLE_SCALE]
Width = Annotated[
    int, Interval(1, 2**24, why="pairs of units, which cancel each other at the start")
]

_SMALL = 1e-11
_MOST_STEPS = 20_000
_NEWTON = 30


def _start(key: Key[Array, ""], pairs: int, dim: int) -> Float[Array, " parameters"]:
    """Return weights and readouts from N(0, 1), where each unit has a twin of opposite readout, so
    that all outputs are zero.
    """
    units = jax.random.normal(key, (pairs, dim + 1))
    return jnp.concatenate([units, units.at[:, dim].multiply(-1)]).ravel()


def _outputs(parameters: Float[Array, " parameters"], inputs: Inputs) -> Float[Array, " rows"]:
    units = parameters.reshape(-1, inputs.shape[1] + 1)
    return jnp.tanh(inputs @ units[:, :-1].T) @ units[:, -1] / jnp.sqrt(len(units))


@guarded(double=False)
@partial(jax.jit, static_argnames="pairs")
def lazy_features(
    key: Key[Array, ""], inputs: Inputs, pairs: Width
) -> Float[Array, "rows parameters"]:
    """The gradients of the outputs with respect to all parameters at the start."""
    gradients: Array = jax.jacrev(_outputs)(_start(key, pairs, inputs.shape[1]), inputs)
    return gradients


@guarded(double=False)
@partial(jax.jit, static_argnames="pairs")
def lazy_forgetting(
    key: Key[Array, ""],
    inputs: Annotated[Float[AnyArray, "2 rows dim"], USABLE_SCALE],
    targets: Annotated[Float[AnyArray, "2 rows"], USABLE_SCALE],
    ridge: Annotated[ScalarLike, NON_NEGATIVE],
    pairs: Width,
) -> Float[Array, ""]:
    """The squared change of a network's outputs on the inputs of the first task while it is trained
    on the second.

    Gradient descent trains the first task until no output is off by 1e-11, or for 20 000 steps. The
    second task takes 30 Gauss-Newton steps on the sum of squares plus `ridge` times the squared
    distance from the weights that the first task left. For narrow networks without a ridge they may
    not converge; the result is then NaN.
    """
    start = _start(key, pairs, inputs.shape[2])
    gradients = jax.jacrev(_outputs)(start, inputs[0])
    rate = 1 / jnp.linalg.norm(gradients @ gradients.T, 2)

    def misses(parameters: Array) -> Array:
        return _outputs(parameters, inputs[0]) - targets[0]

    def step(state: tuple[Array, Array]) -> tuple[Array, Array]:
        count, parameters = state
        residual, pull = jax.vjp(misses, parameters)
        return count + 1, parameters - rate * pull(residual)[0]

    def going(state: tuple[Array, Array]) -> Array:
        return (state[0] < _MOST_STEPS) & (jnp.max(jnp.abs(misses(state[1]))) > _SMALL)

    first = jax.lax.while_loop(going, step, (jnp.array(0), start))[1]

    def newton(_: Array | int, parameters: Array) -> Array:
        slopes = jax.jacrev(_outputs)(parameters, inputs[1])
        goal = targets[1] - _outputs(parameters, inputs[1]) + slopes @ (parameters - first)
        dual = jnp.linalg.solve(slopes @ slopes.T + ridge * jnp.eye(len(slopes)), goal)
        return first + slopes.T @ dual

    second = jax.lax.fori_loop(0, _NEWTON, newton, first)
    return jnp.sum((_outputs(second, inputs[0]) - _outputs(first, inputs[0])) ** 2)
