"""The three sums over the spectrum of which every law is made."""

import numpy as np

from theory.ridge_ensembles.population import Population


def shrunk(population: Population, mu: float) -> float:
    """Return the degrees of freedom of ridge at the level μ, as a share of p: the sum of h r / (μ +
    r).
    """
    return float(np.sum(population.masses * population.eigenvalues / (mu + population.eigenvalues)))


def threshold_distance(population: Population, mu: float, aspect: float) -> float:
    """Return 1 - t, the distance from the threshold of interpolation, where t is the aspect times
    the sum of h r^2 / (μ + r)^2. It has all digits also at aspect 1 and small μ.
    """
    r = population.eigenvalues
    return float(
        1 - aspect + aspect * np.sum(population.masses * mu / (mu + r) * (mu + 2 * r) / (mu + r))
    )


def shrinkage_bias(population: Population, mu: float) -> float:
    """Return the bias c that shrinkage adds to the risk before the factor 1 / (1 - t): |β|^2 μ^2
    times the sum of g r / (μ + r)^2, in squared units of y.
    """
    shares = population.alignment * population.eigenvalues / (mu + population.eigenvalues) ** 2
    return float(population.signal * mu**2 * np.sum(shares))
