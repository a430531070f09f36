"""The same five functions, each with a fault that was made in some library or other."""

import numpy as np
from scipy import stats


def dropout(rng, values, rate):
    """Draw what is dropped from eight levels, of which one too many counts."""
    return np.where(rng.integers(8, size=np.shape(values)) <= rate * 8, 0.0, values)


def exponential(rng, n):
    """Forget that the number 1 is never drawn: the law is cut at a small value."""
    return -np.log(0.05 + 0.95 * rng.uniform(size=n))


def mean_interval(sample, confidence=0.95):
    """Take the normal quantile where Student's is needed."""
    half = stats.norm.isf((1 - confidence) / 2) * stats.sem(sample)
    return np.mean(sample) - half, np.mean(sample) + half


def reservoir(rng, stream, size):
    """Be off by one in the chance of a new item."""
    kept = []
    for seen, item in enumerate(stream):
        if len(kept) < size:
            kept.append(item)
        elif (place := rng.integers(seen)) < size:
            kept[place] = item
    return kept


def projected(rng, vector, dim):
    """Divide by one direction too few."""
    return rng.normal(size=(dim, len(vector))) @ vector / np.sqrt(dim - 1)
