"""Averages of independent numbers, and what is computed from them."""

from math import lgamma

import numpy as np
from scipy import stats


def bernstein(n, variance, deviation, most=1.0):
    """Bound on P(mean of n - its expectation >= deviation) for centred terms <= most (Bernstein
    1924).
    """
    return np.exp(-n * deviation**2 / (2 * (variance + most * deviation / 3)))


def bernstein_without_range(n, variance, deviation):
    return np.exp(-n * deviation**2 / (2 * variance))


MONTE_CARLO_EXPONENT = -1 / 2


def mean_of_deviation(n):
    """E s / σ of the standard deviation s of n normal numbers, n - 1 in its denominator (Cochran
    1934).
    """
    return np.sqrt(2 / (n - 1)) * np.exp(lgamma(n / 2) - lgamma((n - 1) / 2))


def squared_cosine_cdf(dim):
    """Of the squared cosine between two uniform directions in R^dim."""
    return stats.beta(1 / 2, (dim - 1) / 2).cdf


def squared_cosine_cdf_normal(dim):
    """As if the cosine were N(0, 1 / dim)."""
    return lambda x: stats.chi2.cdf(dim * x, 1)
