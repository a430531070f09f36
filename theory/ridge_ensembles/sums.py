"""The three sums over the spectrum that every law is made of."""

import numpy as np

from theory.ridge_ensembles.population import Population


def shrunk(population: Population, mu: float) -> float:
    """The sum of h r / (μ + r): df of ridge at this level, as a share of p."""
    return float(np.sum(population.masses * population.eigenvalues / (mu + population.eigenvalues)))


def variance_inflation(population: Population, mu: float, aspect: float) -> float:
    """What is t(aspect): the aspect times the sum of h r^2 / (μ + r)^2; risks are divided by 1 - t."""
    shares = (population.eigenvalues / (mu + population.eigenvalues)) ** 2
    return float(aspect * np.sum(population.masses * shares))


def shrinkage_bias(population: Population, mu: float) -> float:
    """What is c: |β|^2 μ^2 times the sum of g r / (μ + r)^2, in squared units of y."""
    shares = population.alignment * population.eigenvalues / (mu + population.eigenvalues) ** 2
    return float(population.signal * mu**2 * np.sum(shares))
