"""The same five: they pass at every seed while the library is right, and say how finely."""

import numpy as np
from scipy import stats

from theory_on_trial.laws import Asymptotic


def test_dropout(trial, library):
    trial.probability(lambda rng, n: library.dropout(rng, np.ones(n), 0.5) == 0, 0.5, margin=0.03)


def test_exponential(trial, library):
    trial.distribution(library.exponential, stats.expon.cdf, margin=0.02)


def test_mean_interval(trial, library):
    def covers(rng):
        low, high = library.mean_interval(rng.normal(size=5))
        return low <= 0 <= high

    trial.probability(covers, 0.95, margin=0.03)


def test_reservoir(trial, library):
    def drawn(rng):
        return np.isin(np.arange(10), library.reservoir(rng, range(10), 3))

    trial.probability(drawn, np.full(10, 0.3), margin=0.03)


def test_projected(trial, library):
    vector = np.ones(30) / np.sqrt(30)

    def square(rng):
        return np.sum(library.projected(rng, vector, 20) ** 2)

    trial.mean(square, 1.0, law=Asymptotic(), margin=0.025)
