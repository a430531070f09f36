"""Five tests as their authors had them, in our words: seeded, or with a band of their choice."""

import numpy as np
from scipy import stats


def test_sampled(rng, library):
    kept = library.sampled(rng, 2000, 0.5)
    assert abs(kept - 1000) <= 4 * np.sqrt(2000 * 0.5 * 0.5)


def test_normal(rng, library):
    x = library.normal(rng, 3.0, 10.0, 96_000)
    assert abs(np.mean(x) - 3.0) < 0.1


def test_mirrored(rng, library):
    assert library.mirrored(rng, 500, 20) in range(85, 116)


def test_accepted(rng, library):
    def cdf(x):
        return 3 * x**2 - 2 * x**3

    assert stats.kstest(library.accepted(rng, 200), cdf).pvalue > 0.05


def test_bootstrap(library):
    np.random.seed(123)
    means = library.bootstrap(np.mean, np.linspace(0, 1, 40), 100)
    assert abs(np.mean(means) - 0.5) < 0.008
