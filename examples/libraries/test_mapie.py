"""MAPIE: https://github.com/scikit-learn-contrib/MAPIE/issues/452 in 0.8.3; 0.8.6 is right.

A conformal interval of level 0.8 from n exchangeable scores contains the next value with
probability at least 0.8, for every n; from six scores it must be the largest one, 6/7.
"""


def covers(seed, n):
    import numpy as np
    from mapie.regression import MapieRegressor
    from sklearn.dummy import DummyRegressor

    zero = DummyRegressor(strategy="constant", constant=0.0).fit([[0.0]], [0.0])

    def covered(y):
        model = MapieRegressor(zero, cv="prefit").fit(np.zeros((6, 1)), y[:6])
        low, high = model.predict([[0.0]], alpha=0.2)[1][0, :, 0]
        return low <= y[6] <= high

    return [covered(y) for y in np.random.default_rng(seed).normal(size=(n, 7))]


def test_coverage(trial, there):
    """The interval of level 0.8 from six scores contains the next value 80 times in 100."""
    trial.probability(there.sampler(covers), 0.8, side="at least")
