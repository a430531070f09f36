"""The same five with a trial: each expected value with the error of it that is tolerated."""

import numpy as np

from theory_on_trial.laws import Asymptotic


def test_sampled(trial, library):
    trial.mean(lambda rng: library.sampled(rng, 2000, 0.5), 1000, law=Asymptotic(), margin=10)


def test_normal(trial, library):
    def statistic(rng):
        return np.mean(library.normal(rng, 3.0, 10.0, 96_000))

    trial.mean(statistic, 3.0, law=Asymptotic(), margin=0.02)


def test_mirrored(trial, library):
    trial.mean(lambda rng: library.mirrored(rng, 500, 20), 100, law=Asymptotic(), margin=3)


def test_accepted(trial, library):
    def cdf(x):
        return 3 * x**2 - 2 * x**3

    trial.distribution(library.accepted, cdf, margin=0.01)


def test_bootstrap(trial, library):
    def statistic(rng):
        np.random.seed(int(rng.integers(2**31)))
        return np.mean(library.bootstrap(np.mean, np.linspace(0, 1, 40), 100))

    trial.mean(statistic, 0.5, law=Asymptotic(), margin=0.003)
