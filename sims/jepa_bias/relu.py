"""A ReLU encoder on pairs of frames with a slow, weak and a fast, strong feature."""

from functools import partial
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Key

from theory_on_trial.contract import Interval, guarded

Steps = Annotated[int, Interval(1, 10**6, why="each is taken")]
Batch = Annotated[int, Interval(2, 10**6, why="all are held at once")]
Objective = Literal["jepa", "mae", "jepa on shuffled frames"]

CARRY = jnp.array([0.98, 0.5])
"""Correlation of each feature between frames: slow, fast."""
STRENGTH = jnp.array([0.6, 4.0])
"""Variance of each feature: weak, strong."""
NOISE = 0.3
"""Standard deviation of the noise in each of the inputs."""
INPUTS = 16
WIDTH = 64
LATENTS = 2
RATE = 0.02
_MOST = 4096


@guarded(double=False)
@partial(jax.jit, static_argnames=("steps", "batch", "objective"))
def train_relu(
    key: Key[Array, ""], *, steps: Steps, batch: Batch, objective: Objective
) -> Float[Array, "features"]:
    """Train a ReLU encoder and a linear predictor by stochastic gradients, and return how much of
    each feature's variance a linear map reads off the latents, relative to the inputs.

    The two numbers are those of the slow and of the fast feature. The encoder has two layers, with
    64 ReLUs and 2 latents, and each step takes new pairs. Weights start at half of He's scale,
    JEPA's predictor at half the identity. JEPA predicts the latents of the next frame behind a
    stop-gradient; an autoencoder ("mae") predicts the frame itself. In shuffled frames the next one
    is of another pair. NaN where the descent diverges. Source: the temporal model of Littwin et al.
    2024 (arXiv 2407.03475), with a nonlinear encoder; sizes chosen here.
    """
    first, second, third, data, test = jax.random.split(key, 5)
    scale = 0.5 * 2**0.5
    outputs = INPUTS if objective == "mae" else LATENTS
    predictor = (
        0.5 * scale * jax.random.normal(third, (outputs, LATENTS))
        if objective == "mae"
        else 0.5 * jnp.eye(LATENTS)
    )
    weights = (
        scale / INPUTS**0.5 * jax.random.normal(first, (WIDTH, INPUTS)),
        scale / WIDTH**0.5 * jax.random.normal(second, (LATENTS, WIDTH)),
        predictor,
    )

    def loss(weights, now, later):
        target = later if objective == "mae" else lax.stop_gradient(_encode(weights, later))
        return jnp.mean(jnp.sum((_encode(weights, now) @ weights[2].T - target) ** 2, axis=1)) / 2

    def descend(weights, index):
        now, later, _ = _frames(jax.random.fold_in(data, index), batch)
        if objective == "jepa on shuffled frames":
            later = jnp.roll(later, 1, axis=0)
        slopes = jax.grad(loss)(weights, now, later)
        return jax.tree.map(lambda entry, slope: entry - RATE * slope, weights, slopes), None

    weights, _ = lax.scan(descend, weights, jnp.arange(steps))
    now, _, features = _frames(test, _MOST)
    return _read(_encode(weights, now), features) / _read(now, features)


def _frames(key, count):
    """Return frames, the frames that follow them, and the features of the first."""
    start, step, first, second = jax.random.split(key, 4)
    now = jnp.sqrt(STRENGTH) * jax.random.normal(start, (count, 2))
    fresh = jnp.sqrt(STRENGTH * (1 - CARRY**2)) * jax.random.normal(step, (count, 2))
    later = CARRY * now + fresh
    filled = ((0, 0), (0, INPUTS - 2))

    def seen(features, noise_key):
        return jnp.pad(features, filled) + NOISE * jax.random.normal(noise_key, (count, INPUTS))

    return seen(now, first), seen(later, second), now


def _encode(weights, inputs):
    return jax.nn.relu(inputs @ weights[0].T) @ weights[1].T


def _read(latents, features):
    """Return R^2 of a least-squares fit with an intercept, to which latents near 0 add nothing."""
    design = jnp.column_stack([latents, jnp.ones(len(latents))])
    fitted = design @ jnp.linalg.lstsq(design, features, rcond=1e-6)[0]
    return 1 - jnp.sum((features - fitted) ** 2, axis=0) / jnp.sum(features**2, axis=0)
