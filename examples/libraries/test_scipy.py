"""SciPy: https://github.com/scipy/scipy/issues/20692 in 1.11.2; 1.17.1 is right.

A probability does not depend on the type of a number: k = 11 as an integer is k = 11.
"""


def ratio(kind):
    import numpy as np
    from scipy import stats

    k = np.array([11])
    return stats.zipf(20).pmf(k.astype(kind)) / stats.zipf(20).pmf(k.astype(float))


def test_integers(trial, there):
    """P(K = 11) under zipf(20) is the same for 11 as an integer and as a float."""
    trial.identity(there.call(ratio, "int64"), [1.0], ops=20)
