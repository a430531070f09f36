"""Two tasks that are trained one after the other, by ridge refits, by gradient descent with or
without a memory of the first task, and in wide networks.
"""

from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    LONGEST,
    NON_NEGATIVE,
    USABLE_SCALE,
    Count,
    Interval,
    NonNegative,
    guarded,
    require,
)

Features = Annotated[Float[np.ndarray, "rows dim"], USABLE_SCALE]
"""φ, a row per input."""
Targets = Annotated[Float[np.ndarray, "*batch rows"], USABLE_SCALE]
"""y, one set of labels or many."""
Start = Annotated[Float[np.ndarray, "*batch dim"], USABLE_SCALE]
"""The weights that training starts from, and that a ridge draws towards."""
Kept = Annotated[Float[np.ndarray, "kept dim"], USABLE_SCALE]
"""Orthonormal rows to which an update must be orthogonal."""
Length = Annotated[int, Interval(1, LONGEST)]
Rank = Annotated[int, Interval(1, 2**12)]
Angle = Annotated[float, Interval(0, np.pi / 2)]

_PASSES = 4
_DOUBLINGS = 64


@guarded
def refit(
    features: Features, targets: Targets, start: Start, ridge: NonNegative
) -> Float[np.ndarray, "*batch dim"]:
    """The minimiser of |φ w - y|^2 + ridge |w - start|^2. For ridge 0 it is the minimiser of |φ w -
    y|^2 that is nearest to the start.
    """
    rows, dim = features.shape
    design = np.vstack([features, np.sqrt(ridge) * np.eye(dim)]) if ridge > 0 else features
    inverse = np.linalg.pinv(design, rcond=max(design.shape) * 2.0**-52)[:, :rows]
    weights: Float[np.ndarray, "*batch dim"] = start + (targets - start @ features.T) @ inverse.T
    return weights


@guarded
def descend(
    features: Features,
    targets: Annotated[Float[np.ndarray, " rows"], USABLE_SCALE],
    start: Annotated[Float[np.ndarray, " dim"], USABLE_SCALE],
    ridge: NonNegative,
    kept: Kept | None = None,
) -> Float[np.ndarray, " dim"]:
    """The limit of gradient descent on |φ w - y|^2 + ridge |w - start|^2 from the start.

    With `kept` every gradient is projected off these rows. 2^k steps are taken at once, by k
    squarings of the affine map of one step. Raises ValueError where 2^64 steps do not reach the
    limit.
    """
    projector = np.eye(len(start)) - (0 if kept is None else kept.T @ kept)
    curvature = features.T @ features + ridge * np.eye(len(start))
    rate = float(np.linalg.norm(curvature, 2))
    update = np.zeros(len(start))
    residual = targets - features @ start
    step = projector - projector @ curvature @ projector / (rate or 1.0)
    for _ in range(_PASSES):
        gradient = projector @ (features.T @ (residual - features @ update) - ridge * update)
        update = update + _geometric_sum(step, gradient / (rate or 1.0))
    return start + update


def _geometric_sum(
    step: Float[np.ndarray, "dim dim"], first: Float[np.ndarray, " dim"]
) -> Float[np.ndarray, " dim"]:
    """Return the sum first + step first + step^2 first + ..., stopped when a doubling of the number
    of terms adds 1e-10 of it.
    """
    total = first
    power = step
    for _ in range(_DOUBLINGS):
        more = power @ total
        total = total + more
        if np.linalg.norm(more) <= 1e-10 * np.linalg.norm(total):
            return total
        power = power @ power
    raise ValueError(
        "features must be better conditioned: 2^64 steps of gradient descent do not reach its limit"
    )


@guarded
def march(
    features: Features,
    targets: Annotated[Float[np.ndarray, " rows"], USABLE_SCALE],
    start: Annotated[Float[np.ndarray, " dim"], USABLE_SCALE],
    rate: Annotated[float, Interval(0, closed="()")],
    steps: Annotated[int, Interval(0, 10**6, why="each is taken")],
) -> Float[np.ndarray, " dim"]:
    """The weights after `steps` steps of gradient descent on |φ w - y|^2 / 2 from the start."""
    weights = start
    for _ in range(steps):
        weights = weights + rate * (features.T @ (targets - features @ weights))
    return weights


@guarded
def drift(features: Features, before: Start, after: Start) -> float | Float[np.ndarray, "*batch"]:
    """Return |φ (after - before)|^2, the squared change of the outputs on the inputs with features
    φ.
    """
    movement: float | Float[np.ndarray, "*batch"] = np.sum(
        ((after - before) @ features.T) ** 2, axis=-1
    )
    return movement


@guarded
def principal_directions(features: Features, count: Count, *, centred: bool = False) -> Kept:
    """The `count` leading right singular vectors of the features, as rows, after centring if
    `centred`. Raises ValueError for more than there are.
    """
    require(
        count <= min(features.shape), f"count must be at most {min(features.shape)}, got {count}"
    )
    rows = features - features.mean(axis=0) if centred else features
    return np.linalg.svd(rows, full_matrices=False)[2][:count]


@guarded
def tilted_subspaces(
    generator: np.random.Generator, rank: Rank, dim: Rank, angle: Angle
) -> tuple[Float[np.ndarray, "rank dim"], Float[np.ndarray, "rank dim"]]:
    """Return two random orthonormal sets of rows with the given principal angles between them, A
    and cos(angles) A + sin(angles) A_perp.

    Raises ValueError for 2 rank > dim.
    """
    require(2 * rank <= dim, f"dim must be at least twice the rank, got {dim} and {rank}")
    basis = np.linalg.qr(generator.standard_normal((dim, 2 * rank)))[0].T
    first = basis[:rank]
    second = basis[rank:]
    return first, np.cos(angle) * first + np.sin(angle) * second


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
