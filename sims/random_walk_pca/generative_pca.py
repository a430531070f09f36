"""PCA when the signal is known to lie in the range of a linear generator, against PCA that does not know it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Key, ScalarLike

from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import require_above, require_at_most, require_count, require_size


class SpikeErrors(NamedTuple):
    """Distances |ŵ - v| (the nearer sign) of both estimates of the spike v from one sample."""

    with_generator: Float[Array, ""]
    without_generator: Float[Array, ""]


@validated
def spike_errors(
    key: Key[Array, ""], n_samples: int, dim: int, latent_dim: int, *, spike: ScalarLike = 1.0, rounds: int = 50
) -> SpikeErrors:
    """Estimate the spike of a covariance I + β v vᵀ from m = `n_samples` points, with and without its generator.

    v is a random unit vector in the range of a random orthonormal d x k matrix. The projected power method repeats
    w <- P Σ̂ w / |P Σ̂ w|, with P the projection on that range, from a random start there; the other estimate is the
    leading component of all points. β is `spike` in (0, 1e12], k is `latent_dim` in 1..dim, and the projection is
    repeated `rounds` times, 1 to 10000.

    Raises ValueError for sizes, a spike or rounds outside these ranges.
    Source: PCA with generative priors, Liu et al. 2022 (arXiv 2203.09693), here with a linear generator.
    """
    require_count("n_samples", n_samples, 2, "one point has no variance")
    require_count("dim", dim, 1, "need at least one coordinate")
    require_count("latent_dim", latent_dim, 1, "the generator needs an input")
    if latent_dim > dim:
        raise ValueError(f"latent_dim must be at most dim = {dim}, got {latent_dim}")
    require_size("n_samples and dim", max(n_samples, dim) * dim)
    require_above("spike", spike, 0, "there is no leading direction otherwise")
    require_at_most("spike", spike, 10**12, "squares of squares overflow in float32 beyond")
    require_count("rounds", rounds, 1, "rounds of the power method")
    require_at_most("rounds", rounds, 10_000, "a loop that nothing can stop")
    generator_key, latent_key, noise_key, signal_key, start_key = jax.random.split(key, 5)
    generator = jnp.linalg.qr(jax.random.normal(generator_key, (dim, latent_dim)))[0]
    signal = generator @ _random_unit(latent_key, latent_dim)
    strength = jnp.sqrt(spike) * jax.random.normal(signal_key, (n_samples, 1))
    points = jax.random.normal(noise_key, (n_samples, dim)) + strength * signal

    def repeat(_, estimate):
        projected = generator @ (generator.T @ (points.T @ (points @ estimate)))
        return projected / jnp.linalg.norm(projected)

    start = generator @ _random_unit(start_key, latent_dim)
    with_generator = lax.fori_loop(0, rounds, repeat, start)
    without_generator = jnp.linalg.eigh(points.T @ points)[1][:, -1]
    return SpikeErrors(_distance(with_generator, signal), _distance(without_generator, signal))


def _random_unit(key, dim):
    vector = jax.random.normal(key, (dim,))
    return vector / jnp.linalg.norm(vector)


def _distance(estimate, signal):
    return jnp.minimum(jnp.linalg.norm(estimate - signal), jnp.linalg.norm(estimate + signal))
