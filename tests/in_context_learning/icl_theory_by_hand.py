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


def spectral_mean(function, d, k, nodes=(48, 40, 32, 28)):
    """E sum_i f(s_i) by integrating the joint density of the n <= 4 nonzero eigenvalues, ordered, with s = t^2."""
    n, alpha = min(d, k), abs(d - k)
    points, weights = np.polynomial.legendre.leggauss(nodes[n - 1])
    outer_points, outer_weights = np.polynomial.legendre.leggauss(80)
    reach = np.sqrt(d) + np.sqrt(k) + 10
    largest = reach * (outer_points + 1) / 2
    # The ratios t_2 / t_1, t_3 / t_2, ... each run over (0, 1).
    axes = [(largest, outer_weights * reach / 2)] + [((points + 1) / 2, weights / 2)] * (n - 1)
    ratios = np.stack(np.meshgrid(*(axis[0] for axis in axes), indexing="ij")).reshape(n, -1)
    roots = np.cumprod(ratios, axis=0)
    density = np.prod(np.meshgrid(*(axis[1] for axis in axes), indexing="ij"), axis=0).ravel()
    for i in range(n):
        density = density * roots[i] ** alpha * np.exp(-(roots[i] ** 2) / 2)
        density = density * (roots[i - 1] if i else 1)  # the Jacobian of t_i = t_(i-1) r_i
        for j in range(i):
            density = density * (roots[j] ** 2 - roots[i] ** 2)
    return np.sum(density * sum(function(root**2) for root in roots)) / density.sum()
