"""Linear regression problems as prompts: examples, their labels, and the tokens a transformer
reads.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.in_context_learning.domains import Deviation, Size
from theory_on_trial.base.arrays import AnyArray, FloatType
from theory_on_trial.contract import guarded, require_room


class Prompts(NamedTuple):
    """The examples x_i and labels y_i = wᵀx_i + ε_i of one problem, or of several along leading
    axes.

    After k examples, k = 0, ..., n - 1, a learner is asked for the label of the next one. It may
    see `inputs[:k]`, `labels[:k]` and the query `inputs[k]`.
    """

    inputs: Float[AnyArray, "*batch examples dimension"]
    labels: Float[AnyArray, "*batch examples"]
    weights: Float[AnyArray, "*batch dimension"]


@guarded(double=False)
def sample_prompts(
    key: Key[Array, ""],
    count: Size,
    examples: Size,
    dimension: Size,
    *,
    noise_std: Deviation = 0.0,
    weight_std: Deviation = 1.0,
    weight_mean: ScalarLike = 0.0,
    input_scale: ScalarLike = 1.0,
    dtype: FloatType = float,
) -> Prompts:
    """Draw `count` independent problems of `examples` labelled examples each, all Gaussian.

    The noise of the labels has the standard deviation σ = `noise_std`. The weights are
    N(μ, τ² I) with μ = `weight_mean` in every entry and τ = `weight_std`. The inputs are standard
    normal times `input_scale`, and labels are computed from the scaled ones. Source: Akyürek et al.
    2023 (σ = 0, τ = 1 unless stated).
    """
    require_room("count, examples and dimension", count * (examples + 1) * (dimension + 1))
    law = PromptLaw(noise_std, weight_std, weight_mean, input_scale)
    return draw_prompts(key, (count, examples, dimension), law, dtype)


class PromptLaw(NamedTuple):
    """The parameters of `sample_prompts` as a loop takes them: checked."""

    noise_std: ScalarLike = 0.0
    weight_std: ScalarLike = 1.0
    weight_mean: ScalarLike = 0.0
    input_scale: ScalarLike = 1.0


def draw_prompts(
    key: Key[Array, ""], sizes: tuple[int, int, int], law: PromptLaw, dtype: FloatType
) -> Prompts:
    """Return prompts as `sample_prompts` does, for the `sizes` count, n and d, but without its
    checks.
    """
    count, examples, dimension = sizes
    # One draw compiles in a third of the time of three.
    normals = jax.random.normal(key, (count, (examples + 1) * dimension + examples), dtype)
    inputs, weights, noise = jnp.split(
        normals, [examples * dimension, (examples + 1) * dimension], axis=1
    )
    inputs = inputs.reshape(sizes)
    inputs = jnp.asarray(law.input_scale * inputs, dtype)
    weights = jnp.asarray(law.weight_mean + law.weight_std * weights, dtype)
    labels = jnp.sum(inputs * weights[:, None, :], axis=-1) + law.noise_std * noise
    return Prompts(inputs, jnp.asarray(labels, dtype), weights)


@guarded(double=False)
def tokens(prompts: Prompts) -> Float[Array, "*batch positions width"]:
    """The 2n tokens of width d + 1 that a transformer reads: [0, x_1], [y_1, 0], [0, x_2], [y_2,
    0], ...

    The label y_i is predicted at the position of x_i, which is 2i - 2 counted from 0. The last
    token is never needed for that. Raises ValueError for inputs and labels that do not fit each
    other. Source: the encoding of Akyürek et al. 2023.
    """
    if not prompts.labels.ndim or prompts.labels.shape != prompts.inputs.shape[:-1]:
        raise ValueError(
            "prompts must have inputs [..., examples, dimension] and labels [..., examples], "
            f"got shapes {prompts.inputs.shape} and {prompts.labels.shape}"
        )
    return token_rows(jnp.asarray(prompts.inputs), jnp.asarray(prompts.labels))


def token_rows(
    inputs: Float[Array, "*batch examples dimension"], labels: Float[Array, "*batch examples"]
) -> Float[Array, "*batch positions width"]:
    """Return what `tokens` returns, for inputs and labels that fit each other."""
    input_tokens = jnp.pad(inputs, [(0, 0)] * (inputs.ndim - 1) + [(1, 0)])
    label_tokens = jnp.pad(labels[..., None], [(0, 0)] * labels.ndim + [(0, inputs.shape[-1])])
    pairs = jnp.stack([input_tokens, label_tokens], axis=-2)
    return pairs.reshape(*labels.shape[:-1], 2 * labels.shape[-1], inputs.shape[-1] + 1)
