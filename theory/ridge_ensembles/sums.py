"""The three sums over the spectrum that every law is made of."""

import numpy as np

from theory.ridge_ensembles.population import Population


def shrunk(population: Population, mu: float) -> float:
    """The sum of h r / (μ + r): df of ridge at this level, as a share of p."""
    return float(np.sum(population.masses * population.eigenvalues / (mu + population.eigenvalues)))


def threshold_distance(population: Population, mu: float, aspect: float) -> float:
    """What is 1 - t(aspect), t the aspect times the sum of h r^2 / (μ + r)^2; to all digits at
    aspect 1, small μ.
    """
    r = population.eigenvalues
    return float(
        1 - aspect + aspect * np.sum(population.masses * mu / (mu + r) * (mu + 2 * r) / (mu + r))
    )


def shrinkage_bias(population: Population, mu: float) -> float:
    """What is c: |β|^2 μ^2 times the sum of g r / (μ + r)^2, in squared units of y."""
    shares = population.alignment * population.eigenvalues / (mu + population.eigenvalues) ** 2
    return float(population.signal * mu**2 * np.sum(shares))
