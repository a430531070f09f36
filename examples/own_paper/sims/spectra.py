import jax
import jax.numpy as jnp


def largest_singular_value(key, n, d):
    """Of one n x d matrix of N(0, 1) entries, over sqrt(n)."""
    matrix = jax.random.normal(key, (n, d))
    return jnp.sqrt(jnp.linalg.eigvalsh(matrix.T @ matrix)[-1] / n)
