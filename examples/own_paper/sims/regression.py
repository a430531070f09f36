import jax
import jax.numpy as jnp


def squared_error(key, n, d, noise=1.0, signal=1.0):
    """|b^ - b|^2 of least squares of least norm on one data set, in the mean over its noise."""
    features = jax.random.normal(key, (n, d))
    weights = jnp.zeros(d).at[0].set(jnp.sqrt(signal))  # any direction: the features have none
    gram = features @ features.T if n < d else features.T @ features
    inverse = jnp.linalg.inv(gram)
    lost = weights - features.T @ inverse @ features @ weights if n < d else jnp.zeros(d)
    return jnp.sum(lost**2) + noise * jnp.trace(inverse)
