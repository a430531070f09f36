"""Below which penalty the feature that entered is no longer alone."""

import numpy as np

from theory.sequential_attention._domains import Chosen, Features, Responses
from theory.sequential_attention.greedy import leftover
from theory_on_trial.contract import guarded, require

_PARALLEL = 1e-9


@guarded
def second_entry_level(X: Features, y: Responses, chosen: Chosen = ()) -> float:
    """Lambda_2 of a round: between it and lambda_1 exactly one unchosen weight is active, OMP's pick j.

    Along the window the correlation of feature m is c_m - a_m (lambda_1 - lambda), a_m = s x_m . P x_j / |P x_j|^2, s
    the sign of c_j; the largest lambda in (0, lambda_1) at which one of them is +-lambda; zero where none ever is, as
    for parallel columns. Of a tie it is lambda_1. Raises ValueError as `leftover`, and where none is left or y is
    explained. Source: derived here.

    >>> round(second_entry_level([[1, -0.6], [0, 0.8]], [1, 1.5]), 12)
    0.75
    """
    left = leftover(X, y, chosen)
    c = left.correlations
    j = int(np.argmax(np.abs(c)))
    first = abs(float(c[j]))
    require(first > 0, "X must have a column outside the span of the chosen ones that is correlated with the rest of y")
    slopes = np.sign(c[j]) * (left.features.T @ left.features[:, j]) / left.lengths[j] ** 2
    found = [0.0]
    for sign in (1, -1):
        nearing = 1 - sign * slopes
        crossing = left.offered & (np.abs(nearing) > _PARALLEL)
        crossing[j] = False
        levels = sign * (c - slopes * first)[crossing] / nearing[crossing]
        found += [min(float(level), first) for level in levels if level <= first * (1 + _PARALLEL)]
    return max(found)
