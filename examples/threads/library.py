"""Five functions of the kind that the threads are about, in our words."""

import numpy as np


def sampled(rng, requests, rate):
    """Keep each request with a chance of `rate`; return how many are kept."""
    return int(np.sum(rng.random(requests) < rate))


def normal(rng, mean, spread, n):
    """Draw n normal numbers, by Box and Muller's method."""
    radius = np.sqrt(-2 * np.log1p(-rng.random(n)))
    return mean + spread * radius * np.cos(2 * np.pi * rng.random(n))


def mirrored(rng, requests, percent):
    """Mirror each request with a chance of `percent` in 100; return how many are mirrored."""
    return int(np.sum(rng.integers(100, size=requests) < percent))


def accepted(rng, n):
    """Draw n numbers of the density 6 x (1 - x) on [0, 1], by rejection below a top of 3 / 2."""
    kept = np.zeros(0)
    while len(kept) < n:
        x = rng.random(2 * n)
        kept = np.append(kept, x[1.5 * rng.random(2 * n) < 6 * x * (1 - x)])
    return kept[:n]


def bootstrap(statistic, values, n):
    """Return a statistic of n samples that are drawn from values with replacement."""
    places = np.random.randint(len(values), size=(n, len(values)))
    return np.array([statistic(values[place]) for place in places])
