"""Five functions that draw at random, as numerical libraries have them."""

import numpy as np
from scipy import stats


def dropout(rng, values, rate):
    """Set each value to 0 with a chance of `rate`."""
    return np.where(rng.uniform(size=np.shape(values)) < rate, 0.0, values)


def exponential(rng, n):
    """Draw n numbers from the standard exponential law, by inversion."""
    return -np.log1p(-rng.uniform(size=n))


def mean_interval(sample, confidence=0.95):
    """Return Student's interval for the mean of a normal sample."""
    half = stats.t.isf((1 - confidence) / 2, len(sample) - 1) * stats.sem(sample)
    return np.mean(sample) - half, np.mean(sample) + half


def reservoir(rng, stream, size):
    """Draw `size` items of a stream, each set of items with the same chance."""
    kept = []
    for seen, item in enumerate(stream):
        if len(kept) < size:
            kept.append(item)
        elif (place := rng.integers(seen + 1)) < size:
            kept[place] = item
    return kept


def projected(rng, vector, dim):
    """Project a vector onto `dim` random directions, so that its length is kept on average."""
    return rng.normal(size=(dim, len(vector))) @ vector / np.sqrt(dim)
