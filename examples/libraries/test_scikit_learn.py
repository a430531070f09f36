"""scikit-learn: https://github.com/scikit-learn/scikit-learn/issues/25623 and 26658, open in 1.9.1.

Scott's rule multiplies n^(-1/5) by the standard deviation, so data that are 20 times as wide have
20 times the bandwidth.
"""


def of_scikit_learn(scale):
    import numpy as np
    from sklearn.neighbors import KernelDensity

    x = np.random.default_rng(0).normal(size=(200, 1))
    widths = [KernelDensity(bandwidth="scott").fit(c * x).bandwidth_ for c in (1.0, scale)]
    return widths[1] / widths[0]


def of_scipy(scale):
    import numpy as np
    from scipy.stats import gaussian_kde

    x = np.random.default_rng(0).normal(size=200)
    widths = [gaussian_kde(c * x, "scott").covariance[0, 0] ** 0.5 for c in (1.0, scale)]
    return widths[1] / widths[0]


def test_bandwidth_follows_the_scale(trial, there):
    """Data 20 times as wide have 20 times the bandwidth of KernelDensity("scott")."""
    trial.identity(there.call(of_scikit_learn, 20.0), 20.0, ops=1000)


def test_bandwidth_of_scipy_follows_the_scale(trial, there):
    """Data 20 times as wide have 20 times the bandwidth of SciPy's gaussian_kde."""
    trial.identity(there.call(of_scipy, 20.0), 20.0, ops=1000)
