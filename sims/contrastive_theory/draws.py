"""Single draws of contrastive losses, in JAX. Callers map over keys."""

from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.contrastive_theory.domains import Loss
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import PROBABILITIES, USABLE_SCALE, Interval, guarded

AnyWeights = Annotated[Float[AnyArray, " classes"], PROBABILITIES]
AnyConditionals = Annotated[Float[AnyArray, "classes points"], PROBABILITIES]
AnyFeatures = Annotated[Float[AnyArray, "points dim"], USABLE_SCALE]
Some = Annotated[int, Interval(1, 2**20)]


@guarded(double=False)
def sample_block_loss(
    key: Key[Array, ""],
    weights: AnyWeights,
    conditionals: AnyConditionals,
    features: AnyFeatures,
    loss: Loss,
    block: Some,
) -> Float[Array, ""]:
    """Return one draw of the loss of an anchor that compares the mean of `block` points of its
    class with the mean of `block` points of one class that is drawn independently.
    """
    at_class, at_positive, at_negative = jax.random.split(key, 3)
    anchor_class, negative_class = jax.random.choice(
        at_class, len(weights), (2,), p=jnp.asarray(weights)
    )
    scores = _of_class(at_positive, conditionals, features, anchor_class, 1 + block)
    anchor = scores[0]
    positives = scores[1:]
    negatives = _of_class(at_negative, conditionals, features, negative_class, block)
    margin = anchor @ (positives.mean(axis=0) - negatives.mean(axis=0))
    return jnp.maximum(0, 1 - margin) if loss == "hinge" else jnp.logaddexp(0, -margin) / jnp.log(2)


@guarded(double=False)
def sample_contrastive_loss(
    key: Key[Array, ""],
    weights: AnyWeights,
    conditionals: AnyConditionals,
    features: AnyFeatures,
    negatives: Some,
) -> Float[Array, ""]:
    """Return one draw of the logistic loss log2(1 + sum of e^-v) over negatives of independent
    classes.

    v is the similarity of the anchor to a positive of its class minus its similarity to the
    negative.
    """
    at_class, at_points, at_negatives = jax.random.split(key, 3)
    classes = jax.random.choice(at_class, len(weights), (1 + negatives,), p=jnp.asarray(weights))
    anchor, positive = _of_class(at_points, conditionals, features, classes[0], 2)
    laws = jnp.log(jnp.asarray(conditionals))[classes[1:]]
    negative_points = jnp.asarray(features)[jax.random.categorical(at_negatives, laws)]
    margins = (positive - negative_points) @ anchor
    return jnp.logaddexp(0, jax.nn.logsumexp(-margins)) / jnp.log(2)


@guarded(double=False)
def gaussian_log_ratios(
    key: Key[Array, ""], correlation: Annotated[ScalarLike, Interval(-1, 1, "()")], candidates: Some
) -> Float[Array, "candidates"]:
    """The logarithm of r(x, y_j), the density ratio of a joint and a product law, for a normal x
    and its candidates y_j. The first candidate is the partner of x; for each other one, r has mean
    1.
    """
    normals = jax.random.normal(key, (1 + candidates,))
    anchor = normals[0]
    noise = normals[1:]
    y = noise.at[0].set(correlation * anchor + jnp.sqrt(1 - correlation**2) * noise[0])
    product = anchor * y
    squares = anchor**2 + y**2
    log_r = (2 * correlation * product - correlation**2 * squares) / (2 * (1 - correlation**2))
    return jnp.asarray(log_r - jnp.log1p(-(correlation**2)) / 2)


def _of_class(
    key: Key[Array, ""],
    conditionals: AnyConditionals,
    features: AnyFeatures,
    which: Array,
    count: int,
) -> Float[Array, "count dim"]:
    """Return the features of independent points of a class."""
    law = jnp.asarray(conditionals)[which]
    return jnp.asarray(features)[jax.random.choice(key, len(features), (count,), p=law)]
