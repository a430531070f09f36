"""Gradient flow, on which layer imbalances decay at an exact rate, and slow ramps of the decay."""

import itertools
from dataclasses import replace
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Key, ScalarLike

from sims.neural_collapse.descent import at_rest, heavy_ball
from sims.neural_collapse.domains import Deviation, Momentum, Rate, Steps, require_records
from sims.neural_collapse.objectives import Problem, objective, product, require_fit
from sims.neural_collapse.parameters import Head
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import POSITIVE, guarded


class Ramp(NamedTuple):
    """Singular values of W_M..W_1 X (descending), and the objective, at the end of each level of
    decay.
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
    """Change all decays of weights and features level by level, descending at each from where the
    last one ended.

    Raised and lowered again, the decay draws a hysteresis loop. At the start of each level every
    number of the head is perturbed (`noise`), so that it does not stay on a point that has become
    unstable, and the velocity is set to zero; then `steps` heavy-ball steps are taken. The decays
    of weights and features are multiplied by the factors, one per level in the order in which they
    are visited; a decay of the bias is not. Raises ValueError for a start that does not fit the
    problem. A rate that is too large ends in NaN.
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
        state = at_rest(jax.tree.unflatten(structure, noisy_leaves))
        head, _ = heavy_ball(
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
