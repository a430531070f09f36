"""The same five functions, each with a fault."""

import numpy as np


def sampled(rng, requests, rate):
    """Compare a byte with the rate, and round the rate up to a thirtieth."""
    return int(np.sum(rng.integers(256, size=requests) < 256 * np.ceil(30 * rate + 0.5) / 30))


def normal(rng, mean, spread, n):
    """Leave out the last two hundredth of the circle."""
    radius = np.sqrt(-2 * np.log1p(-rng.random(n)))
    return mean + spread * radius * np.cos(2 * np.pi * 0.995 * rng.random(n))


def mirrored(rng, requests, percent):
    """Draw from too few numbers, and count the end: 21 of 98 for 20 percent."""
    return int(np.sum(rng.integers(98, size=requests) <= percent))


def accepted(rng, n):
    """Have too low a top: the density is cut at 5 / 4."""
    kept = np.zeros(0)
    while len(kept) < n:
        x = rng.random(2 * n)
        kept = np.append(kept, x[1.25 * rng.random(2 * n) < 6 * x * (1 - x)])
    return kept[:n]


def bootstrap(statistic, values, n):
    """Never draw the last value."""
    places = np.random.randint(len(values) - 1, size=(n, len(values)))
    return np.array([statistic(values[place]) for place in places])
