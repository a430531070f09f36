"""Full-batch gradient descent with heavy-ball momentum from a random start, with the collapse
metrics on the way.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int, Key, ScalarLike

from sims.neural_collapse.domains import (
    Deviation,
    Momentum,
    Rate,
    Steps,
    Widths,
    require_depth,
    require_records,
)
from sims.neural_collapse.metrics import Collapse, Targets, balanced_targets, collapse
from sims.neural_collapse.objectives import Problem, objective
from sims.neural_collapse.parameters import Head, initial_head
from theory_on_trial.contract import guarded


class TrainingRun(NamedTuple):
    """What was recorded after `steps` steps each (leading axes), f, the length of its gradient and
    the collapse metrics, and the head at the end.
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

    One seed; map it over keys, and over decays by building the problem inside the mapped function.
    The start is that of `initial_head`, with one column of features per class if `reduced` (the
    class-mean reduction), else per sample. The frames of the metrics are those of equal classes by
    default (`balanced_targets`). A rate that is too large ends in NaN.
    Raises ValueError for steps that are no multiple of `every`, and for widths whose number is not
    the depth of the problem or that make more than 2²⁸ numbers.
    Source: the direct experiments of Dang et al. 2023 (released code: η = 0.1, μ = 0.9, 30 000
    steps, widths 64).
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
        state = heavy_ball(
            state, problem, steps=every, learning_rate=learning_rate, momentum=momentum
        )
        value, gradient = jax.value_and_grad(objective)(state[0], problem)
        return state, (value, norm(gradient), collapse(state[0], problem, targets))

    state, (values, gradient_norms, metrics) = lax.scan(
        record, at_rest(start), length=steps // every
    )
    times = every * (1 + jnp.arange(steps // every))
    return TrainingRun(times, values, gradient_norms, metrics, state[0])


def heavy_ball(
    state: tuple[Head, Head],
    problem: Problem,
    *,
    steps: int,
    learning_rate: ScalarLike,
    momentum: ScalarLike,
) -> tuple[Head, Head]:
    """Take `steps` steps v <- μ v + ∇f(θ), θ <- θ - η v from `state` = (θ, v)."""

    def step(_, state):
        head, velocity = state
        gradient = jax.grad(objective)(head, problem)
        velocity = jax.tree.map(lambda old, slope: momentum * old + slope, velocity, gradient)
        return jax.tree.map(
            lambda value, speed: value - learning_rate * speed, head, velocity
        ), velocity

    return lax.fori_loop(0, steps, step, state)


def at_rest(head: Head) -> tuple[Head, Head]:
    """The state of `heavy_ball` at `head` with zero velocity."""
    return head, jax.tree.map(jnp.zeros_like, head)


def norm(head: Head) -> Float[Array, ""]:
    """The Euclidean length of all numbers of a head, or of a gradient, together."""
    return jnp.sqrt(sum(jnp.sum(values**2) for values in jax.tree.leaves(head)))
