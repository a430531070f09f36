"""What the figures simulate. Apart from the drawing, so that a change to a drawing does not throw
its data away.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from sims.in_context_learning import baselines
from sims.in_context_learning.baselines import Rule
from sims.in_context_learning.prompts import sample_prompts

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
        _bayes(noise_std),
        baselines.ridge(0.1),
        baselines.gradient_step(0.02),
        baselines.sgd(0.03),
    ]
    errors = baselines.weights_all(prompts, rules) - prompts.weights[:, None]
    return jnp.mean(jnp.sum(errors**2, axis=-1), axis=1) / dimension


def _bayes(noise_std: float) -> Rule:
    """Ridge regression at λ = σ², which may be traced."""
    return Rule("ridge", noise_std**2)
