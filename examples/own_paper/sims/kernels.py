import jax
import jax.numpy as jnp


def pair(key, distance):
    """The product of sine and cosine features of two points at a distance, for one random frequency."""
    x, y = 0.3, 0.3 + distance
    frequency = jax.random.normal(key)
    features = [jnp.array([jnp.cos(frequency * point), jnp.sin(frequency * point)]) for point in (x, y)]
    return features[0] @ features[1]


def with_phase(key, distance):
    """The same for one cosine with a random phase."""
    x, y = 0.3, 0.3 + distance
    of_frequency, of_phase = jax.random.split(key)
    frequency, phase = jax.random.normal(of_frequency), jax.random.uniform(of_phase, maxval=2 * jnp.pi)
    return 2 * jnp.cos(frequency * x + phase) * jnp.cos(frequency * y + phase)
