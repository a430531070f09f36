"""Linear discriminant analysis with an estimated covariance: generative, but not naive."""

from typing import Annotated

import numpy as np

from theory_on_trial.contract import Interval, NonNegative, guarded

AspectRatio = Annotated[
    float, Interval(0, 1, "[)", why="the sample covariance is singular from 1 on")
]
"""y = n / m, features per sample."""


@guarded
def lda_expected_error(squared_distance: NonNegative, aspect_ratio: AspectRatio) -> float:
    """Φ(-Δ^2 sqrt(1 - y) / (2 sqrt(Δ^2 + 4 y))): the limit as n and m grow with y = n / m =
    `aspect_ratio`.

    Two balanced classes, pooled sample covariance. Known form of the double asymptotics.
    """
    from scipy.special import ndtr

    if squared_distance == 0:
        return 0.5
    noise = squared_distance + 4 * aspect_ratio
    return float(ndtr(-squared_distance / 2 * np.sqrt((1 - aspect_ratio) / noise)))
