"""sktime: https://github.com/sktime/sktime/pull/6324 in 0.28.0; 0.28.1 is right."""


def variance():
    import numpy as np
    from sktime.proba.laplace import Laplace

    return np.asarray(Laplace(mu=[[0.0]], scale=[[3.0]]).var()).ravel()[0]


def test_variance(trial, there):
    """The variance of the Laplace law of scale 3 is 18, twice the square of the scale."""
    trial.identity(there.call(variance), 18.0, ops=10)
