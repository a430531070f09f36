"""Is my posterior sampler right? theta ~ N(0, 1), and three y ~ N(theta, 1)."""

import numpy as np

from theory_on_trial.laws import Asymptotic

DRAWS = 9


def model(rng, n):
    """Draw n pairs of theta and y from the model, the prior first."""
    theta = rng.normal(size=n)
    return theta, theta[:, None] + rng.normal(size=(n, 3))


def test_ranks(trial, sampler):
    """Simulation-based calibration: theta has each rank among draws with the same chance."""

    def rank(rng, n):
        theta, y = model(rng, n)
        draws = sampler(rng, np.repeat(y[:, None], DRAWS, axis=1))
        return np.sum(draws < theta[:, None], axis=1)

    chances = {k: 1 / (DRAWS + 1) for k in range(DRAWS + 1)}
    trial.distribution(rank, chances, margin=0.015)


def test_routes(trial, sampler):
    """Geweke's two routes: theta from the prior, or drawn again by the sampler, given y."""

    def difference(rng, n):
        theta, y = model(rng, n)
        _, again = model(rng, n)
        return (sampler(rng, again) - again.mean(axis=1)) ** 2 - (theta - y.mean(axis=1)) ** 2

    trial.mean(difference, 0.0, law=Asymptotic(), margin=0.02)
