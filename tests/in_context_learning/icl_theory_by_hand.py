"""Prompts, exact Gaussian quadrature and the joint eigenvalue density: what the closed forms are held against."""

import itertools

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

UNIT_ROUNDOFF = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=40)

seeds = st.integers(0, 2**32 - 1)
dimensions = st.integers(1, 5)
example_counts = st.integers(0, 8)
stds = st.floats(0.1, 3)
regularisers = st.floats(-1, 1).map(lambda exponent: 10.0**exponent)


def rounding(operations, scale):
    """Rounding error of so many operations on numbers up to `scale`, every one of them allowed eight units."""
    return 8 * operations * UNIT_ROUNDOFF * scale


def prompt(seed, d, k):
    """Standard normal inputs, labels and a query."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((k, d)), rng.standard_normal(k), rng.standard_normal(d)


def covariance(rng, d):
    """A random covariance of condition at most about 30, with no preferred axes."""
    rotation, _ = np.linalg.qr(rng.standard_normal((d, d)))
    matrix = rotation * rng.uniform(0.1, 3, d) @ rotation.T
    return (matrix + matrix.T) / 2


def normal_nodes(variables, nodes_each):
    """Nodes and weights of the tensor Gauss-Hermite rule, exact below degree 2 `nodes_each` in every variable."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes_each)
    weights = weights / weights.sum()
    grid = np.array(list(itertools.product(points, repeat=variables)))
    return grid, np.prod(np.array(list(itertools.product(weights, repeat=variables))), axis=1)
