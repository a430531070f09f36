"""PCA when the signal is known to lie in the range of a linear generator, against PCA that does not
know it.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Key, ScalarLike

from theory_on_trial.contract import LONGEST, Interval, Size, guarded, require, require_room


class SpikeErrors(NamedTuple):
    """Distances |ŵ - v| (the nearer sign) of both estimates of the spike v from one sample."""

    with_generator: Float[Array, ""]
    without_generator: Float[Array, ""]


@guarded(double=False)
def spike_errors(
    key: Key[Array, ""],
    n_samples: Annotated[int, Interval(2, LONGEST, why="one point has no variance")],
    dim: Size,
    latent_dim: Size,
    *,
    spike: Annotated[
        ScalarLike, Interval(0, 1e12, "(]", why="squares of squares overflow in float32 beyond")
    ] = 1.0,
    rounds: Annotated[int, Interval(1, 10_000, why="a loop that nothing can stop")] = 50,
) -> SpikeErrors:
    """Estimate the spike of a covariance I + β v vᵀ from m = `n_samples` points, with and without
    its generator.

    v is a random unit vector in the range of a random orthonormal d x k matrix. The projected power
    method repeats, `rounds` times, w <- P Σ̂ w / |P Σ̂ w|, with P the projection on that range,
    from a random start there; the other estimate is the leading component. β is `spike`, k is
    `latent_dim`. Raises ValueError for latent_dim > dim. Source: PCA with generative priors, Liu et
    al. 2022 (arXiv 2203.09693), here with a linear generator.
    """
    require_room("n_samples and dim", max(n_samples, dim) * dim)
    require(latent_dim <= dim, f"latent_dim must be at most dim = {dim}, got {latent_dim}")
    generator_key, latent_key, noise_key, signal_key, start_key = jax.random.split(key, 5)
    generator = jnp.linalg.qr(jax.random.normal(generator_key, (dim, latent_dim)))[0]
    signal = generator @ _random_unit(latent_key, latent_dim)
    strength = jnp.sqrt(spike) * jax.random.normal(signal_key, (n_samples, 1))
    points = jax.random.normal(noise_key, (n_samples, dim)) + strength * signal
    scatter = points.T @ points

    def repeat(_, estimate):
        image = generator @ (generator.T @ (scatter @ estimate))
        return image / jnp.linalg.norm(image)

    start = generator @ _random_unit(start_key, latent_dim)
    with_generator = lax.fori_loop(0, rounds, repeat, start)
    without_generator = jnp.linalg.eigh(scatter)[1][:, -1]
    return SpikeErrors(_distance(with_generator, signal), _distance(without_generator, signal))


def _random_unit(key, dim):
    vector = jax.random.normal(key, (dim,))
    return vector / jnp.linalg.norm(vector)


def _distance(estimate, signal):
    return jnp.minimum(jnp.linalg.norm(estimate - signal), jnp.linalg.norm(estimate + signal))
