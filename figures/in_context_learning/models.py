"""The small models that the figures look at: trained once, read from the cache of the claims
afterwards.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from sims.in_context_learning import training
from sims.in_context_learning.baselines import Rule
from sims.in_context_learning.learner import Transformer
from sims.in_context_learning.metrics import Predictor
from sims.in_context_learning.prompts import Prompts, sample_prompts
from sims.in_context_learning.training import TrainingSettings
from theory_on_trial.base.compilation_cache import cache_folder

EXAMPLES = 6


def ladder(dimension: int, layers: int, steps: int) -> TrainingSettings:
    """One model of a ladder of depths, one head of 32 units, for prompts without noise."""
    return TrainingSettings(
        dimension, EXAMPLES, layers=layers, width=32, heads=1, steps=steps, learning_rate=4e-3
    )


def small(
    steps: int, layers: int = 2, width: int = 16, heads: int = 2, noise_std: float = 0.0
) -> TrainingSettings:
    """A model of scalar problems, a few seconds of training."""
    return TrainingSettings(
        1,
        EXAMPLES,
        layers=layers,
        width=width,
        heads=heads,
        steps=steps,
        learning_rate=5e-3,
        noise_std=noise_std,
    )


def trained(settings: TrainingSettings) -> Transformer:
    """The model with these settings, the first run of seed 0 among the claims' models."""
    key = jax.random.fold_in(jax.random.key(0), 0)
    return training.train(key, settings, checkpoint=cache_folder() / "in_context_learning").model


def untrained(settings: TrainingSettings) -> Transformer:
    """A model at a random start."""
    sizes = {
        name: getattr(settings, name)
        for name in ("dimension", "examples", "layers", "width", "heads")
    }
    return Transformer(jax.random.key(1), **sizes)


def fresh_prompts(settings: TrainingSettings, count: int) -> Prompts:
    """Prompts of the kind that a model was trained on."""
    return sample_prompts(
        jax.random.key(2),
        count,
        settings.examples,
        settings.dimension,
        noise_std=settings.noise_std,
        weight_std=settings.weight_std,
        weight_mean=settings.weight_mean,
    )


def distances(
    settings: TrainingSettings, rules: list[Rule], count: int
) -> Float[Array, "rules count prefixes"]:
    """Squared differences over d between a trained model and rules, after k = 1, 2, ...
    examples.
    """
    evaluation = training.evaluate(trained(settings), fresh_prompts(settings, count), rules)
    return evaluation.differences[:, :, 1:] / settings.dimension


def at_full_length(predict: Predictor, examples: int) -> Predictor:
    """The same learner asked with shorter prompts, which are filled up with zeros: one program for
    all lengths.

    No prediction depends on what comes after it.
    """

    def answer(shown: Prompts) -> Array:
        length = shown.labels.shape[1]
        filling = ((0, 0), (0, examples - length))
        full = Prompts(
            jnp.pad(shown.inputs, (*filling, (0, 0))), jnp.pad(shown.labels, filling), shown.weights
        )
        return jnp.asarray(predict(full))[:, :length]

    return answer
