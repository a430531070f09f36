from math import comb

import jax
import jax.numpy as jnp
import numpy as np


def flips(n, p):
    """The number of heads in n flips of a coin and its probabilities, exact but for rounding;
    shapes [n + 1].
    """
    heads = np.arange(n + 1)
    return heads, np.array([comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


def mean_error(n, p):
    """E |share of heads - p| of n independent flips."""
    heads, probabilities = flips(n, p)
    return np.sum(probabilities * np.abs(heads / n - p))


def stratified_mean_error(n, p):
    """The same with one point in each of n equal cells of [0, 1]: heads below p."""
    inside = n * p % 1  # only the cell around p is left to chance
    return 2 * inside * (1 - inside) / n


def standard_deviation(key, n):
    """Of n standard normal numbers, n - 1 in the denominator."""
    return jnp.std(jax.random.normal(key, (n,)), ddof=1)


def squared_cosine(key, dim):
    x, y = jax.random.normal(key, (2, dim))
    return (x @ y) ** 2 / ((x @ x) * (y @ y))
