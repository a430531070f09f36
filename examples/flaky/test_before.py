"""Five tests as one finds them: each passes on most days."""

import numpy as np
from scipy import stats


def test_dropout(rng, library):
    kept = library.dropout(rng, np.ones(1000), 0.5)
    assert abs(np.mean(kept == 0) - 0.5) < 0.03


def test_exponential(rng, library):
    assert stats.kstest(library.exponential(rng, 500), "expon").pvalue > 0.01


def test_mean_interval(rng, library):
    covered = 0
    for _ in range(100):
        low, high = library.mean_interval(rng.normal(size=5))
        covered += low <= 0 <= high
    assert covered > 90


def test_reservoir(rng, library):
    counts = np.zeros(10)
    for _ in range(300):
        counts[library.reservoir(rng, range(10), 3)] += 1
    np.testing.assert_allclose(counts / 300, 0.3, atol=0.075)


def test_projected(rng, library):
    vector = np.ones(30) / np.sqrt(30)
    squares = [np.sum(library.projected(rng, vector, 20) ** 2) for _ in range(50)]
    np.testing.assert_allclose(np.mean(squares), 1, rtol=0.1)
