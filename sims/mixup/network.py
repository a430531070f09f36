"""A small network trained on two Gaussian classes, with and without Mixup, and where its boundary
points.
"""

from functools import partial
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax
from jaxtyping import Float, Key

from sims.mixup.fits import Factor, Mean, Separability
from theory_on_trial.contract import LONGEST, Interval, guarded

Augmentation = Literal["none", "mixup", "mixup within classes"]
"""Which pairs are mixed at each step: none, any two points, or two of one class."""
WIDTH = 64
RATE = 0.003
POINTS = 200
"""Where on the Bayes line the slope is taken."""


@guarded(double=False)
@partial(jax.jit, static_argnames=("n", "augmentation", "steps"))
def network_direction(
    key: Key[Array, ""],
    mean: Mean,
    factor: Factor,
    separability: Separability,
    *,
    n: Annotated[int, Interval(2, LONGEST)],
    augmentation: Augmentation,
    steps: Annotated[int, Interval(1, 100_000, why="each is taken")] = 3000,
) -> Float[Array, "dim"]:
    """The mean gradient of a trained ReLU network along the Bayes boundary, which is normal to the
    network's own boundary.

    The two classes N(±μ, F Fᵀ / κ) are equally likely. The network has one hidden layer of 64 ReLUs
    and He's initial weights; Adam with a rate of 0.003 minimises the logistic loss of all n points.
    With Mixup every step mixes each point and its label with those of a random partner, by a λ of
    its own, uniform on [0, 1]. Gradients are averaged over the law of a point given that it lies on
    the Bayes boundary x·Σ⁻¹μ = 0. In one dimension there is no such law, and the gradient at 0 is
    taken. Source: Mixup of Zhang et al. 2018 on the data of Oh & Yun 2023 (arXiv 2306.00267); sizes
    chosen here.
    """
    data_key, first, second, mixing, places = jax.random.split(key, 5)
    mean = jnp.asarray(mean)
    spread = jnp.asarray(factor) / jnp.sqrt(separability)
    dim = mean.shape[0]
    label_key, noise_key = jax.random.split(data_key)
    labels = jax.random.bernoulli(label_key, shape=(n,)).astype(mean.dtype)
    noise = jax.random.normal(noise_key, (n, dim), mean.dtype)
    features = (2 * labels - 1)[:, None] * mean + noise @ spread.T
    weights = (
        jax.random.normal(first, (dim, WIDTH), mean.dtype) * (2 / dim) ** 0.5,
        jnp.zeros(WIDTH, mean.dtype),
        jax.random.normal(second, (WIDTH,), mean.dtype) * (2 / WIDTH) ** 0.5,
        jnp.zeros((), mean.dtype),
    )
    by_class = jnp.argsort(labels)
    ones = jnp.sum(labels == 1)
    adam = optax.adam(RATE)

    def loss(weights, inputs, targets):
        logits = _logit(weights, inputs)
        return jnp.mean(jnp.logaddexp(0, logits) - targets * logits)

    def mixed(index):
        partner_key, lambda_key = jax.random.split(jax.random.fold_in(mixing, index))
        if augmentation == "mixup":
            partners = jax.random.permutation(partner_key, n)
        else:
            ranks = jax.random.uniform(partner_key, (n,)) * jnp.where(labels == 1, ones, n - ones)
            first_of_class = jnp.where(labels == 1, n - ones, 0)
            partners = by_class[(first_of_class + ranks).astype(int)]
        share = jax.random.uniform(lambda_key, (n,), mean.dtype)
        inputs = share[:, None] * features + (1 - share)[:, None] * features[partners]
        return inputs, share * labels + (1 - share) * labels[partners]

    def descend(state, index):
        weights, moments = state
        batch = (features, labels) if augmentation == "none" else mixed(index)
        slopes = jax.grad(loss)(weights, *batch)
        updates, moments = adam.update(slopes, moments)
        return (optax.apply_updates(weights, updates), moments), None

    (weights, _), _ = lax.scan(descend, (weights, adam.init(weights)), jnp.arange(steps))
    # z less its part along F⁻¹μ, which is where F z goes across the boundary.
    across = jnp.linalg.solve(spread, mean)
    normals = jax.random.normal(places, (POINTS, dim), mean.dtype)
    along = normals - jnp.outer(normals @ across, across) / (across @ across)
    return jnp.mean(jax.vmap(jax.grad(partial(_logit, weights)))(along @ spread.T), axis=0)


def _logit(weights, inputs):
    first, first_bias, second, second_bias = weights
    return jax.nn.relu(inputs @ first + first_bias) @ second + second_bias
