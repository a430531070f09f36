"""Full-batch gradient descent with heavy-ball momentum from a random start, with the collapse
metrics on the way.

The module also has slow ramps of the decay.
"""

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
)
from sims.neural_collapse.model import Head, Problem, initial_head, objective, product, require_fit
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import POSITIVE, guarded, require


class TrainingRun(NamedTuple):
    """The record of a run: f and the collapse metrics after each of the recorded `steps` (leading
    axes), and the head at the end.
    """

    steps: Int[Array, "records"]
    objective: Float[Array, "records"]
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
    require(steps % every == 0, f"steps must be a multiple of every = {every}, got {steps}")
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
        return state, (objective(state[0], problem), collapse(state[0], problem, targets))

    state, (values, metrics) = lax.scan(record, _at_rest(start), length=steps // every)
    times = every * (1 + jnp.arange(steps // every))
    return TrainingRun(times, values, metrics, state[0])


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
) -> Float[Array, "levels directions"]:
    """Change all decays of weights and features level by level, and descend at each level from
    where the last one ended. Return the singular values of W_M..W_1 X at the end of each level, the
    largest first.

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
        return head, jnp.linalg.svd(product(head.weights) @ head.features, compute_uv=False)

    factors = jnp.asarray(factors)
    return lax.scan(level, start, (jax.random.split(key, factors.shape[0]), factors))[1]
