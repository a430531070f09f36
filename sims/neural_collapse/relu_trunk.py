"""A linear head on a ReLU network that makes its features from images, both trained by descent."""

from functools import partial
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int, Key

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Interval, Positive, guarded, require

Depth = Annotated[int, Interval(1, 5, why="deeper linear heads leave plateaus after minutes")]
Steps = Annotated[int, Interval(1, 10**6, why="each is taken")]
Decayed = Literal["last features", "trunk", "head alone"]
WIDTH = 64
STEP = 0.05
MOMENTUM = 0.9


class Trunk(NamedTuple):
    """A trained linear head (its layers in order) and the features on which it acts, one row per
    sample.
    """

    head: tuple[Float[Array, "outputs inputs"], ...]
    features: Float[Array, "samples width"]


@guarded(double=False)
def digit_images(
    class_sizes: tuple[int, ...], seed: Annotated[int, Interval(0)]
) -> tuple[Float[np.ndarray, "samples pixels"], Int[np.ndarray, " samples"]]:
    """The given number of images of each of the first digits, drawn from scikit-learn's, and their
    classes.

    An image has 64 pixels in [0, 1]. Raises ValueError for more than ten classes or for more images
    than there are.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    chosen = []
    for digit, size in enumerate(class_sizes):
        own = np.flatnonzero(labels == digit)
        require(
            1 <= size <= len(own),
            f"class_sizes must be 1 to {len(own)} for digit {digit}, got {size}",
        )
        chosen.append(rng.choice(own, size, replace=False))
    return images[np.concatenate(chosen)] / 16, np.repeat(np.arange(len(class_sizes)), class_sizes)


@guarded(double=False)
@partial(jax.jit, static_argnames=("depth", "steps", "decayed"))
def train_trunk(
    key: Key[Array, ""],
    images: Float[AnyArray, "samples pixels"],
    targets: Float[AnyArray, "samples classes"],
    *,
    depth: Depth,
    steps: Steps,
    weight_decay: Positive,
    feature_decay: Positive,
    decayed: Decayed = "last features",
) -> Trunk:
    """Descend with momentum, in float32, on |W_M ... W_1 H - Y|^2 / (2 N) + (λ_W |W|^2 + λ_H |H|^2)
    / 2.

    H is the last of three layers of 64 ReLUs with biases, and W is a head of `depth` layers without
    biases. λ_H weighs the last features, or the weights of the trunk in their place, or nothing.
    Infinite or NaN where the descent diverges. Source: the networks of Dang et al. 2023 (arXiv
    2301.00437), made small; decay on the last features is the penalty of its theorems.
    """
    widths = [images.shape[1], WIDTH, WIDTH, WIDTH]
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    heads = [WIDTH] * depth + [targets.shape[1]]
    shapes += list(zip(heads[1:], heads[:-1], strict=True))
    keys = jax.random.split(key, len(shapes))
    drawn = [
        jax.random.normal(own, shape, jnp.float32) * ((2 if layer < 3 else 1) / shape[1]) ** 0.5
        for layer, (own, shape) in enumerate(zip(keys, shapes, strict=True))
    ]
    start = drawn[:3], [jnp.zeros(WIDTH, jnp.float32)] * 3, drawn[3:]
    inputs = jnp.asarray(images, jnp.float32)
    targets = jnp.asarray(targets, jnp.float32)

    def features(state):
        hidden = inputs
        for weights, bias in zip(state[0], state[1], strict=True):
            hidden = jax.nn.relu(hidden @ weights.T + bias)
        return hidden

    def loss(state):
        made = features(state)
        outputs = made
        for weights in state[2]:
            outputs = outputs @ weights.T
        held = {"last features": [made], "trunk": state[0], "head alone": []}[decayed]
        penalty = weight_decay * sum(jnp.sum(weights**2) for weights in state[2])
        penalty += feature_decay * sum(jnp.sum(entries**2) for entries in held)
        return jnp.sum((outputs - targets) ** 2) / (2 * len(inputs)) + penalty / 2

    def descend(carried, _):
        state, velocity = carried
        slopes = jax.grad(loss)(state)
        velocity = jax.tree.map(lambda own, slope: MOMENTUM * own - STEP * slope, velocity, slopes)
        return (jax.tree.map(jnp.add, state, velocity), velocity), None

    rest = jax.tree.map(jnp.zeros_like, start)
    (state, _), _ = lax.scan(descend, (start, rest), None, steps)
    return Trunk(tuple(state[2]), features(state))
