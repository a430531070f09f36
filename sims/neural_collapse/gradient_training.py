"""Full-batch gradient descent with heavy-ball momentum from a random start, with the collapse
metrics on the way.

The module also has gradient flow, on which layer imbalances decay at an exact rate, and slow ramps
of the decay.
"""

import itertools
from dataclasses import replace
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int, Key, ScalarLike

from sims.neural_collapse.collapse_metrics import Collapse, Targets, balanced_targets, collapse
from sims.neural_collapse.domains import (
    Deviation,
    Momentum,
    Rate,
    Steps,
    Widths,
    require_depth,
    require_records,
)
from sims.neural_collapse.model import Head, Problem, initial_head, objective, product, require_fit
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import POSITIVE, guarded


class TrainingRun(NamedTuple):
    """The record of a run: f, the length of its gradient and the collapse metrics after each of the
    recorded `steps` (leading axes), and the head at the end.
    """

    steps: Int[Array, "records"]
    objective: Float[Array, "records"]
    gradient_norm: Float[Array, "records"]
    collapse: Collapse
    head: Head


@guarded(double=False)
def train(
    key: Key[Array, ""],
    problem: Problem,
    widths: Widths,
    *,
    learning_rate: Rate,
    momentum: Momentum,
    steps: Steps,
    every: Steps,
    weight_std: Deviation,
    feature_std: Deviation,
    reduced: bool,
    targets: Targets | None = None,
) -> TrainingRun:
    """Train one head from a random start and record its metrics every `every` steps.

    A key is one seed; map the function over keys. To map it over decays, build the problem inside
    the mapped function. The start is that of `initial_head`, with one column of features per class
    if `reduced` (the class-mean reduction), else one per sample. The frames of the metrics are
    those of equal classes by default (`balanced_targets`). NaN where the rate is too large. Raises
    ValueError for steps that are no multiple of `every`, for widths whose number is not the depth
    of the problem, and for more than 2²⁸ numbers. Source: the direct experiments of Dang et al.
    2023 (released code: η = 0.1, μ = 0.9, 30 000 steps, widths 64).
    """
    require_depth(problem.depth, widths)
    require_records(steps, every)
    if targets is None:
        targets = balanced_targets(problem.n_classes, problem.depth, bias=problem.bias)
    n_columns = problem.n_classes if reduced else problem.n_samples
    start = initial_head(
        key, widths, problem.n_classes, n_columns, weight_std=weight_std, feature_std=feature_std
    )

    def record(state, _):
        state = _heavy_ball(
            state, problem, steps=every, learning_rate=learning_rate, momentum=momentum
        )
        value, gradient = jax.value_and_grad(objective)(state[0], problem)
        return state, (value, _norm(gradient), collapse(state[0], problem, targets))

    state, (values, gradient_norms, metrics) = lax.scan(
        record, _at_rest(start), length=steps // every
    )
    times = every * (1 + jnp.arange(steps // every))
    return TrainingRun(times, values, gradient_norms, metrics, state[0])


def _heavy_ball(
    state: tuple[Head, Head],
    problem: Problem,
    *,
    steps: int,
    learning_rate: ScalarLike,
    momentum: ScalarLike,
) -> tuple[Head, Head]:
    """Return the state after `steps` heavy-ball steps v <- μ v + ∇f(θ), θ <- θ - η v from `state`,
    which is (θ, v).
    """

    def step(_, state):
        head, velocity = state
        gradient = jax.grad(objective)(head, problem)
        velocity = jax.tree.map(lambda old, slope: momentum * old + slope, velocity, gradient)
        return jax.tree.map(
            lambda value, speed: value - learning_rate * speed, head, velocity
        ), velocity

    return lax.fori_loop(0, steps, step, state)


def _at_rest(head: Head) -> tuple[Head, Head]:
    """The state of `_heavy_ball` at `head` with zero velocity."""
    return head, jax.tree.map(jnp.zeros_like, head)


def _norm(head: Head) -> Float[Array, ""]:
    """The Euclidean length of all numbers of a head, or of a gradient, together."""
    return jnp.sqrt(sum(jnp.sum(values**2) for values in jax.tree.leaves(head)))


class Ramp(NamedTuple):
    """The singular values of W_M..W_1 X, the largest first, and the objective, at the end of each
    level of decay.
    """

    singular_values: Float[Array, "levels directions"]
    objective: Float[Array, "levels"]


@guarded(double=False)
def gradient_flow(
    start: Head,
    problem: Problem,
    *,
    time_step: Annotated[ScalarLike, POSITIVE],
    steps: Steps,
    every: Steps,
) -> tuple[Float[Array, "records width width"], ...]:
    """Follow dθ/dt = -∇f(θ) from `start` by the classical Runge-Kutta method, recording every
    `every` steps.

    Returns the imbalances between layers, D_0 = W_1ᵀW_1 - H Hᵀ and D_m = W_{m+1}ᵀW_{m+1} - W_m
    W_mᵀ, of d_{m+1} x d_{m+1}. The start itself is the first of the 1 + steps / every records.
    Raises ValueError for steps that are no multiple of `every`, and a start that does not fit the
    problem. A time step that is too long ends in NaN.
    Source: derived here (layer imbalances decay as exp(-2 λ t) where all decays are λ).
    """
    require_fit("start", start, problem)
    require_records(steps, every)
    slope = jax.grad(objective)

    def moved(head, direction, time):
        return jax.tree.map(lambda value, speed: value - time * speed, head, direction)

    def step(_, head):
        first = slope(head, problem)
        second = slope(moved(head, first, time_step / 2), problem)
        third = slope(moved(head, second, time_step / 2), problem)
        fourth = slope(moved(head, third, time_step), problem)
        mean = jax.tree.map(
            lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, first, second, third, fourth
        )
        return moved(head, mean, time_step)

    def record(head, _):
        head = lax.fori_loop(0, every, step, head)
        return head, _imbalances(head)

    records = lax.scan(record, start, length=steps // every)[1]
    return jax.tree.map(
        lambda first, later: jnp.concatenate([first[None], later]), _imbalances(start), records
    )


@guarded(double=False)
def ramp(
    key: Key[Array, ""],
    start: Head,
    problem: Problem,
    factors: Annotated[Float[AnyArray, "levels"], POSITIVE],
    *,
    steps: Steps,
    learning_rate: Rate,
    momentum: Momentum,
    noise: Deviation,
) -> Ramp:
    """Change all decays of weights and features level by level, and descend at each level from
    where the last one ended.

    A decay that is raised and then lowered draws a hysteresis loop. At the start of each level
    every number of the head is perturbed by `noise`, so that it does not stay on a point that has
    become unstable, and the velocity is set to zero. Then `steps` heavy-ball steps are taken. The
    factors multiply the decays of weights and features, one per level in the order of the visits,
    but not the decay of the bias. NaN where the rate is too large. Raises ValueError for a start
    that does not fit the problem.
    """
    require_fit("start", start, problem)

    def level(head, setting):
        level_key, factor = setting
        level_problem = replace(
            problem,
            weight_decays=tuple(factor * decay for decay in problem.weight_decays),
            feature_decay=factor * problem.feature_decay,
        )
        leaves, structure = jax.tree.flatten(head)
        leaf_keys = jax.random.split(level_key, len(leaves))
        noisy_leaves = [
            leaf + noise * jax.random.normal(leaf_key, leaf.shape)
            for leaf, leaf_key in zip(leaves, leaf_keys, strict=True)
        ]
        state = _at_rest(jax.tree.unflatten(structure, noisy_leaves))
        head, _ = _heavy_ball(
            state, level_problem, steps=steps, learning_rate=learning_rate, momentum=momentum
        )
        singular_values = jnp.linalg.svd(product(head.weights) @ head.features, compute_uv=False)
        return head, (singular_values, objective(head, level_problem))

    factors = jnp.asarray(factors)
    return Ramp(*lax.scan(level, start, (jax.random.split(key, factors.shape[0]), factors))[1])


def _imbalances(head: Head) -> tuple[Float[Array, "_ _"], ...]:
    factors = (head.features, *head.weights)
    return tuple(
        jnp.asarray(later.T @ later - earlier @ earlier.T)
        for earlier, later in itertools.pairwise(factors)
    )
