"""Linear discriminant analysis with an estimated covariance: generative, but not naive."""

import numpy as np

from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_non_negative


@validated
def lda_expected_error(squared_distance: float | int, aspect_ratio: float | int) -> float:
    """Phi(-Delta^2 sqrt(1 - y) / (2 sqrt(Delta^2 + 4 y))): the limit as n and m grow with y = n / m = `aspect_ratio`.

    Two balanced Gaussian classes, pooled sample covariance; `squared_distance` is Delta^2. The number of samples is
    therefore proportional to n. Known form of the double asymptotics; `ValueError` if Delta^2 is negative or not finite
    or y is not in [0, 1), since the sample covariance is singular from y = 1 on.
    """
    from scipy.special import ndtr

    check_non_negative("squared_distance", squared_distance)
    if not 0 <= aspect_ratio < 1:
        raise ValueError(
            f"aspect_ratio must be in [0, 1), because the sample covariance is singular from 1 on, got {aspect_ratio}"
        )
    if squared_distance == 0:
        return 0.5
    noise = squared_distance + 4 * aspect_ratio
    return float(ndtr(-squared_distance / 2 * np.sqrt((1 - aspect_ratio) / noise)))
