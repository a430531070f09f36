"""A layer of linear self-attention trained by Adam on all its entries."""

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax
from jaxtyping import Float, Key

from sims.in_context_learning.domains import Covariance, Deviation, Rate, Size
from sims.in_context_learning.linear_attention import attention_prediction
from sims.in_context_learning.prompts import (
    PromptLaw,
    covariance_root,
    draw_prompts,
    require_dimension,
)
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import guarded

Start = Literal["positive", "random"]


class TrainedAttention(NamedTuple):
    """W_PV and W_KQ from each start, and the mean squared error of each step's batch before that
    step.
    """

    value_projection: Float[Array, "starts width width"]
    key_query: Float[Array, "starts width width"]
    losses: Float[Array, "starts steps"]


@guarded(double=False)
def train_linear_attention(
    key: Key[Array, ""],
    starts: Size,
    *,
    dimension: Size,
    context: Size,
    noise_std: Deviation = 0.0,
    input_covariance: Covariance | None = None,
    weight_covariance: Covariance | None = None,
    start: Start = "positive",
    steps: Size = 3000,
    batch: Size = 512,
    learning_rate: Rate = 1e-2,
) -> TrainedAttention:
    """Train the layer of `attention_prediction` for wᵀx from several starts, each on fresh prompts
    of its own.

    Adam in float32, from `learning_rate` to 0 along a cosine. A "positive" start has ½ as last
    entry of W_PV and ½ I / √d as input block of W_KQ, plus N(0, 0.02²) everywhere: near theorem 4.1
    of Zhang, Frei & Bartlett 2024. A "random" one is N(0, 0.3²). Entries that do not reach the
    prediction stay as they start. Each run sees `batch` prompts of `context` N labelled examples
    per step; σ = `noise_std` is of the examples' labels, the target has no noise. Covariances
    default to the identity. Infinite or NaN where the descent diverges. Raises ValueError for a
    covariance that is not d x d.
    """
    require_dimension("input_covariance", input_covariance, dimension)
    require_dimension("weight_covariance", weight_covariance, dimension)
    roots = covariance_root(input_covariance), covariance_root(weight_covariance)
    law = PromptLaw(noise_std, input_root=roots[0], weight_root=roots[1])
    return _train(
        jax.random.split(key, starts), dimension, context, start, steps, batch, learning_rate, law
    )


@guarded(double=False)
def effective_map(
    value_projection: Float[AnyArray, "*starts width width"],
    key_query: Float[AnyArray, "*starts width width"],
) -> Float[Array, "*starts dimension dimension"]:
    """The A with which a layer predicts xᵀA (1/N) Σ y_i x_i once all else is 0: the last entry of
    W_PV times the input block of W_KQ, transposed. Source: derived here.
    """
    return jnp.asarray(value_projection)[..., -1:, -1:] * jnp.swapaxes(
        key_query[..., :-1, :-1], -1, -2
    )


@partial(jax.jit, static_argnums=(1, 2, 3, 4, 5))
def _train(keys, dimension, context, start, steps, batch, learning_rate, law):
    sizes = batch, context + 1, dimension
    adam = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))

    def loss(matrices, prompts):
        def prediction(inputs, labels):
            return attention_prediction(
                matrices[0], matrices[1], inputs[:-1], labels[:-1], inputs[-1]
            )

        targets = jnp.sum(prompts.weights * prompts.inputs[:, -1], axis=-1)
        return jnp.mean((jax.vmap(prediction)(prompts.inputs, prompts.labels) - targets) ** 2)

    def from_one_start(key):
        start_key, data_key = jax.random.split(key)

        def descend(state, index):
            matrices, moments = state
            prompts = draw_prompts(jax.random.fold_in(data_key, index), sizes, law, jnp.float32)
            value, gradient = jax.value_and_grad(loss)(matrices, prompts)
            updates, moments = adam.update(gradient, moments)
            return (optax.apply_updates(matrices, updates), moments), value

        matrices = _start(start_key, dimension, start)
        (matrices, _), losses = lax.scan(
            descend, (matrices, adam.init(matrices)), jnp.arange(steps)
        )
        return TrainedAttention(matrices[0], matrices[1], losses)

    return jax.vmap(from_one_start)(keys)


def _start(key, dimension, start):
    normals = jax.random.normal(key, (2, dimension + 1, dimension + 1), jnp.float32)
    if start == "random":
        return tuple(0.3 * normals)
    value_projection = jnp.zeros_like(normals[0]).at[-1, -1].set(0.5)
    key_query = jnp.diag(jnp.append(jnp.full(dimension, 0.5 / dimension**0.5, jnp.float32), 0))
    return value_projection + 0.02 * normals[0], key_query + 0.02 * normals[1]
