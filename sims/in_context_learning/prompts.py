"""Linear regression problems as prompts: examples, their labels, and the tokens a transformer
reads.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.in_context_learning.domains import Covariance, Deviation, Size
from theory_on_trial.base.arrays import AnyArray, FloatType
from theory_on_trial.contract import guarded, require, require_room


class Prompts(NamedTuple):
    """Examples x_i and labels y_i = wᵀx_i + ε_i of one problem, or of several along leading axes.
    After k examples, k = 0, ..., n - 1, a learner is asked for the label of the next: what it may
    see is `inputs[:k]`, `labels[:k]` and the query `inputs[k]`.
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
    input_covariance: Covariance | None = None,
    weight_covariance: Covariance | None = None,
    dtype: FloatType = float,
) -> Prompts:
    """Draw `count` independent problems of `examples` labelled examples each, all Gaussian.

    Labels have noise σ = `noise_std`; τ = `weight_std` multiplies the weights' law N(0,
    `weight_covariance`); `input_scale` multiplies the inputs, N(0, `input_covariance`), before
    labels are computed. Covariances default to the identity. Raises ValueError for one that is not
    d x d. Source: Akyürek et al. 2023 (σ = 0, τ = 1 unless stated); covariances: Zhang et al. 2024.
    """
    require_room("count, examples and dimension", count * (examples + 1) * (dimension + 1))
    for name, covariance in {
        "input_covariance": input_covariance,
        "weight_covariance": weight_covariance,
    }.items():
        require_dimension(name, covariance, dimension)
    roots = covariance_root(input_covariance), covariance_root(weight_covariance)
    law = PromptLaw(
        noise_std, weight_std, weight_mean, input_scale, input_root=roots[0], weight_root=roots[1]
    )
    return draw_prompts(key, (count, examples, dimension), law, dtype)


class PromptLaw(NamedTuple):
    """The parameters of `sample_prompts` as a loop takes them: checked, with roots of the
    covariances.
    """

    noise_std: ScalarLike = 0.0
    weight_std: ScalarLike = 1.0
    weight_mean: ScalarLike = 0.0
    input_scale: ScalarLike = 1.0
    input_root: Float[Array, "dimension dimension"] | None = None
    weight_root: Float[Array, "dimension dimension"] | None = None


def draw_prompts(
    key: Key[Array, ""], sizes: tuple[int, int, int], law: PromptLaw, dtype: FloatType
) -> Prompts:
    """What `sample_prompts` draws, for `sizes` count, n and d, without its checks."""
    count, examples, dimension = sizes
    # One draw compiles in a third of the time of three.
    normals = jax.random.normal(key, (count, (examples + 1) * dimension + examples), dtype)
    inputs, weights, noise = jnp.split(
        normals, [examples * dimension, (examples + 1) * dimension], axis=1
    )
    inputs = inputs.reshape(sizes)
    if law.input_root is not None:
        inputs = inputs @ law.input_root.astype(dtype)
    if law.weight_root is not None:
        weights = weights @ law.weight_root.astype(dtype)
    inputs = jnp.asarray(law.input_scale * inputs, dtype)
    weights = jnp.asarray(law.weight_mean + law.weight_std * weights, dtype)
    labels = jnp.sum(inputs * weights[:, None, :], axis=-1) + law.noise_std * noise
    return Prompts(inputs, jnp.asarray(labels, dtype), weights)


@guarded(double=False)
def tokens(prompts: Prompts) -> Float[Array, "*batch positions width"]:
    """The 2n tokens of width d + 1 that a transformer reads: [0, x_1], [y_1, 0], [0, x_2], [y_2,
    0], ... The label y_i is predicted at the position of x_i, 2i - 2 counted from 0. The last token
    is never needed for that. Raises ValueError for inputs and labels that do not fit each other.
    Source: the encoding of Akyürek et al. 2023.
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
    """`tokens` of inputs and labels that fit."""
    input_tokens = jnp.pad(inputs, [(0, 0)] * (inputs.ndim - 1) + [(1, 0)])
    label_tokens = jnp.pad(labels[..., None], [(0, 0)] * labels.ndim + [(0, inputs.shape[-1])])
    pairs = jnp.stack([input_tokens, label_tokens], axis=-2)
    return pairs.reshape(*labels.shape[:-1], 2 * labels.shape[-1], inputs.shape[-1] + 1)


def require_dimension(name: str, covariance: Any, dimension: int) -> None:
    """Raise `ValueError` unless `covariance` is None or d x d."""
    shape = None if covariance is None else covariance.shape
    require(
        shape in (None, (dimension, dimension)),
        f"{name} must have shape {(dimension, dimension)}, got {shape}",
    )


def covariance_root(covariance: Float[AnyArray, "dimension dimension"] | None) -> Array | None:
    """The symmetric root of a covariance, None for None."""
    if covariance is None:
        return None
    eigenvalues, vectors = jnp.linalg.eigh(jnp.asarray(covariance))
    return (vectors * jnp.sqrt(jnp.maximum(eigenvalues, 0))) @ vectors.T
