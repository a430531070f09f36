"""How far two learners are apart: in their predictions, in their errors, and in the weights behind
them.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from sims.in_context_learning._records import require_prompts
from sims.in_context_learning.prompts import Prompts
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Natural, guarded, require

Predictor = Callable[[Prompts], AnyArray]
"""From prompts of n examples, one leading axis, to predictions [count, n]: the label of each from
those before it.
"""


class LinearFit(NamedTuple):
    """For each prompt, the weights of the best linear fit to a learner, and the share of its
    outputs they explain.
    """

    weights: Float[Array, "count dimension"]
    r_squared: Float[Array, "count"]


@guarded(double=False)
def implicit_fit(
    predict: Predictor,
    prompts: Prompts,
    prefix: Natural,
    test_inputs: Float[AnyArray, "tests dimension"],
) -> LinearFit:
    """The weights a learner acts by after `prefix` examples: a least squares fit to its answers on
    test inputs.

    R² = 1 - Σ (ŷ' - ŵᵀx')² / Σ ŷ'² has no mean taken out; it is 1 for a learner linear in the
    query, and where it answers 0 throughout. `predict` is given prompts of k + 1 examples, k =
    `prefix`, the last one with label 0; `test_inputs` x' are at least d and of rank d. Raises
    ValueError for a prefix out of range, test inputs that span less, and as `answer_queries`.
    Source: equation 16 of Akyürek et al. 2023, and the R² of its figure 6.
    """
    tests, dimension = test_inputs.shape
    require(
        tests >= dimension,
        f"test_inputs must be at least as many as the {dimension} dimensions, got {tests}",
    )
    answers = answer_queries(predict, prompts, prefix, test_inputs)
    fit, rank = _linear_fit(answers, test_inputs)
    require(
        rank >= dimension,
        f"test_inputs must span all {dimension} dimensions, got a matrix of rank {rank}",
    )
    return fit


@jax.jit
def _linear_fit(answers, test_inputs):
    weights, _, rank, _ = jnp.linalg.lstsq(jnp.asarray(test_inputs), answers.T)
    residuals = jnp.sum((answers - weights.T @ test_inputs.T) ** 2, axis=1)
    total = jnp.sum(answers**2, axis=1)
    return LinearFit(weights.T, 1 - residuals / jnp.where(total > 0, total, 1)), rank


@guarded(double=False)
def answer_queries(
    predict: Predictor,
    prompts: Prompts,
    prefix: Natural,
    test_inputs: Float[AnyArray, "tests dimension"],
) -> Float[Array, "count tests"]:
    """What a learner answers to each test input after the first `prefix` examples of each prompt.

    Arguments as `implicit_fit`, with any number of test inputs. Raises ValueError for a prefix
    beyond the examples, prompts without one leading axis, test inputs of other dimensions, and for
    answers not one for each example of each prompt.
    """
    require_prompts(prompts)
    _, examples, dimension = prompts.inputs.shape
    tests = len(test_inputs)
    require(prefix <= examples, f"prefix must be at most the {examples} examples, got {prefix}")
    of_tests = test_inputs.shape[1]
    require(
        of_tests == dimension,
        f"test_inputs must have the {dimension} dimensions of prompts, got {of_tests}",
    )
    query_prompts = _asked(prompts, prefix, test_inputs)
    answers = jnp.asarray(predict(query_prompts))
    if answers.shape != query_prompts.labels.shape:
        raise ValueError(
            f"predict must give answers of shape {query_prompts.labels.shape}, got {answers.shape}"
        )
    return _last(answers, tests)


@partial(jax.jit, static_argnames="prefix")
def _asked(prompts, prefix, test_inputs):
    """A prompt for each test input after the first examples of each prompt."""
    count, _, dimension = prompts.inputs.shape
    tests = len(test_inputs)
    examples = jnp.broadcast_to(prompts.inputs[:, None, :prefix], (count, tests, prefix, dimension))
    queries = jnp.broadcast_to(test_inputs[None, :, None], (count, tests, 1, dimension))
    labels = jnp.broadcast_to(prompts.labels[:, None, :prefix], (count, tests, prefix))
    return Prompts(
        jnp.concatenate([examples, queries], axis=2).reshape(count * tests, prefix + 1, dimension),
        jnp.pad(labels, ((0, 0), (0, 0), (0, 1))).reshape(count * tests, prefix + 1),
        jnp.repeat(jnp.asarray(prompts.weights), tests, axis=0),
    )


@partial(jax.jit, static_argnames="tests")
def _last(answers, tests):
    return answers[:, -1].reshape(-1, tests)


@guarded(double=False)
@jax.jit
def gram_eigenvalues(
    inputs: Float[AnyArray, "count examples dimension"],
) -> Float[Array, "count rank"]:
    """The min(k, d) eigenvalues of XᵀX that can differ from 0, in ascending order, for each sample
    X of k inputs.
    """

    def of_sample(sample):
        smaller = sample @ sample.T if sample.shape[0] < sample.shape[1] else sample.T @ sample
        return jnp.maximum(jnp.linalg.eigvalsh(smaller), 0)

    return lax.map(of_sample, jnp.asarray(inputs))
