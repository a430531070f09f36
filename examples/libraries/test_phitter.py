"""phitter: https://github.com/phitter-hub/phitter-kernel/issues/4 in 0.7.2; 1.0.4 is right."""


def variance():
    import phitter

    law = getattr(phitter.continuous, "NORMAL", None) or phitter.continuous.Normal
    value = law({"mu": 0, "sigma": 2}).variance
    return value() if callable(value) else value


def test_variance(trial, there):
    """The variance of the normal law is the square of its standard deviation 2."""
    trial.identity(there.call(variance), 4.0, ops=10)
