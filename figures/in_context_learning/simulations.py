"""What the figures simulate, and the small models that they look at: trained once, read from the
cache of the claims afterwards.

Apart from the drawing, so that a change to a drawing does not throw its data away.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from sims.in_context_learning import baselines, training
from sims.in_context_learning.baselines import Predictor, Rule
from sims.in_context_learning.prompts import Prompts, sample_prompts
from sims.in_context_learning.training import TrainingSettings, Transformer
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


def fresh_prompts(settings: TrainingSettings, count: int) -> Prompts:
    """The prompts on which all figures ask a model."""
    return settings.prompts(jax.random.key(2), count)


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


LINEAR = [
    baselines.ridge(0.1),
    *map(baselines.gradient_step, (0.01, 0.02)),
    *map(baselines.sgd, (0.01, 0.03)),
]
"""The linear rules of figure 1 beside least squares."""
NEIGHBOURS = [baselines.nearest_neighbours(weighted=weighted) for weighted in (True, False)]


def distances_to_least_squares(
    key: Key[Array, ""], dimension: int, examples: int, count: int
) -> Float[Array, "rules prefixes"]:
    """SPD / d between least squares and the linear rules, the two neighbour rules and the label,
    without noise.
    """
    prompts = sample_prompts(key, count, examples, dimension)
    exact, *weights = baselines.weights_all(prompts, [baselines.ols(), *LINEAR])
    linear = [jnp.sum((of_rule - exact) ** 2, axis=-1) for of_rule in weights]
    predictions = jnp.sum(exact * prompts.inputs, axis=-1)
    neighbours = [
        (of_rule - predictions) ** 2 for of_rule in baselines.predict_all(prompts, NEIGHBOURS)
    ]
    labels = jnp.sum((exact - prompts.weights[:, None]) ** 2, axis=-1)
    return (
        jnp.stack([jnp.mean(squares, axis=0) for squares in (*linear, *neighbours, labels)])
        / dimension
    )


def risks(
    key: Key[Array, ""], dimension: int, examples: int, count: int, noise_std: float
) -> Float[Array, "rules prefixes"]:
    """E |ŵ - w|² / d of least squares, the Bayes rule, Ridge(.1), GD(.02) and SGD(.03) on noisy
    labels.
    """
    prompts = sample_prompts(key, count, examples, dimension, noise_std=noise_std)
    rules = [
        baselines.ols(),
        Rule("ridge", noise_std**2),  # the Bayes rule, whose λ may be traced
        baselines.ridge(0.1),
        baselines.gradient_step(0.02),
        baselines.sgd(0.03),
    ]
    errors = baselines.weights_all(prompts, rules) - prompts.weights[:, None]
    return jnp.mean(jnp.sum(errors**2, axis=-1), axis=1) / dimension
