"""NumPy: https://github.com/numpy/numpy/issues/11443, open in 2.4.6 for `RandomState`.

Of 12 items, drawn from g good and g/2 bad ones, 8 are good on average: each is with chance 2/3.
"""

from theory_on_trial.laws import Bounded


def of_huge(seed, n):
    import numpy as np

    return np.random.RandomState(seed).hypergeometric(2**48, 2**47, 12, size=n)


def in_a_million(seed, n):
    import numpy as np

    return np.random.RandomState(seed).hypergeometric(2**20, 2**19, 12, size=n)


def test_huge_population(trial, there):
    """Of 12 items out of 2^48 good and 2^47 bad ones, 8 are good on average."""
    trial.mean(there.sampler(of_huge), 8.0, law=Bounded(0, 12), margin=0.05)


def test_large_population(trial, there):
    """Of 12 items out of 2^20 good and 2^19 bad ones, 8 are good on average."""
    trial.mean(there.sampler(in_a_million), 8.0, law=Bounded(0, 12), margin=0.05)
