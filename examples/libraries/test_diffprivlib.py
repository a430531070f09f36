"""diffprivlib: https://github.com/IBM/differential-privacy-library/issues/104 and 105.

It is open in 0.6.6. Two sets of data that differ in one row give each event probabilities p and q
with p <= e^epsilon q. So the mean of 1[A under one] - e 1[A under the other] is at most 0 for
epsilon = 1.
"""

import numpy as np

from theory_on_trial.laws import Bounded


def large_slopes(seed, n):
    import numpy as np
    from diffprivlib.models import LinearRegression

    state = np.random.RandomState(seed)
    options = {"epsilon": 1.0, "bounds_X": (0, 1), "bounds_y": (0, 1), "fit_intercept": False}

    def is_large(x):
        model = LinearRegression(**options, random_state=state)
        return abs(model.fit(np.array(x), np.zeros(2)).coef_.ravel()[0]) > 9

    return [is_large([[1.0], [0.0]]) - np.e * is_large([[1.0], [1.0]]) for _ in range(n)]


def test_privacy(trial, there):
    """A slope above 9 is at most e times as probable after one row has changed (epsilon = 1)."""
    trial.mean(there.sampler(large_slopes), 0.0, side="at most", law=Bounded(-np.e, 1))
