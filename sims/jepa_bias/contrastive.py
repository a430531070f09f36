"""Arora's two losses on finite classes, by enumeration of every pair, triple and task: no sampling error."""

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced, require_choice, require_count, require_size

Loss = Literal["hinge", "logistic"]


@validated
def random_classes(
    key: Key[Array, ""], n_classes: int, n_points: int
) -> tuple[Float[Array, "classes"], Float[Array, "classes points"]]:
    """Random class probabilities, and for every class a random distribution over the points (uniform Dirichlet).

    Raises ValueError for fewer than two classes or no point.
    """
    require_count("n_classes", n_classes, 2, "nothing to tell apart otherwise")
    require_count("n_points", n_points, 1, "need at least one point")
    require_size("n_classes and n_points", n_classes * (n_points + 1))
    exponentials = jax.random.exponential(key, (n_classes, n_points + 1))
    weights, likelihoods = exponentials[:, 0], exponentials[:, 1:]
    return weights / weights.sum(), likelihoods / likelihoods.sum(axis=1, keepdims=True)


@validated
def unsupervised_loss(
    features: Float[AnyArray, "points dim"],
    class_probabilities: Float[AnyArray, "classes"],
    likelihoods: Float[AnyArray, "classes points"],
    loss: Loss,
) -> Float[Array, ""]:
    """E ℓ(f(x)·(f(x⁺) - f(x⁻))): x and x⁺ are drawn from one class c⁺, x⁻ from an independent class c⁻.

    ℓ(v) is max(0, 1 - v) (hinge) or log₂(1 + exp(-v)) (logistic). Raises ValueError for another loss, or probabilities
    that are negative or do not sum to 1. Source: one negative sample in Arora et al. 2019.
    """
    require_choice("loss", loss, Loss)
    require_distributions(class_probabilities, likelihoods)
    return _unsupervised_loss(features, class_probabilities, likelihoods, loss)


@partial(jax.jit, static_argnames="loss")
def _unsupervised_loss(features, class_probabilities, likelihoods, loss):
    similarities = features @ features.T
    margins = similarities[:, :, None] - similarities[:, None, :]
    marginal = class_probabilities @ likelihoods
    pairs = jnp.einsum("c,cx,cp->xp", class_probabilities, likelihoods, likelihoods)
    return jnp.einsum("xp,n,xpn->", pairs, marginal, _surrogate(margins, loss))


@validated
def mean_classifier_loss(
    features: Float[AnyArray, "points dim"],
    class_probabilities: Float[AnyArray, "classes"],
    likelihoods: Float[AnyArray, "classes points"],
    loss: Loss,
) -> Float[Array, ""]:
    """E ℓ(f(x)·(μ_{c⁺} - μ_{c⁻})) over tasks c⁺ ≠ c⁻ and x from c⁺, with the class means μ_c = E[f(x) | c].

    Errors as `unsupervised_loss`. Source: the supervised loss of the mean classifier in Arora et al. 2019.
    """
    require_choice("loss", loss, Loss)
    require_distributions(class_probabilities, likelihoods)
    return _mean_classifier_loss(features, class_probabilities, likelihoods, loss)


@partial(jax.jit, static_argnames="loss")
def _mean_classifier_loss(features, class_probabilities, likelihoods, loss):
    scores = features @ (likelihoods @ features).T
    margins = scores[:, :, None] - scores[:, None, :]
    tasks = class_probabilities[:, None] * class_probabilities * (1 - jnp.eye(class_probabilities.shape[0]))
    return jnp.einsum("cn,cx,xcn->", tasks / tasks.sum(), likelihoods, _surrogate(margins, loss))


def _surrogate(margins, loss):
    if loss == "hinge":
        return jnp.maximum(0, 1 - margins)
    return jnp.logaddexp(0.0, -margins) / np.log(2)


def require_distributions(
    class_probabilities: Float[AnyArray, "classes"], likelihoods: Float[AnyArray, "classes points"]
) -> None:
    """Raise `ValueError` unless the rows are probabilities of at least two classes; traced values pass."""
    require_count("the number of classes", class_probabilities.shape[0], 2, "class_probabilities hold one each")
    require_count("the number of points", likelihoods.shape[1], 1, "likelihoods have a column each")
    for name, rows in (("class_probabilities", class_probabilities), ("likelihoods", likelihoods)):
        if is_traced(rows):
            continue
        rows = np.asarray(rows)
        totals = np.atleast_1d(rows.sum(axis=-1))
        if rows.min() < 0 or np.abs(totals - 1).max() > 8 * rows.shape[-1] * np.finfo(totals.dtype).eps:
            raise ValueError(f"{name} must be probabilities that sum to 1, got sums {totals}")
