"""Panels of this paper: quantities that fall over many decades."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes

from theory_on_trial.figures.panels import student_interval

ROUNDING = 1e-10
"""Metrics below are left out when a line is laid through the last one: some are square roots of
rounded numbers.
"""

_FLOOR = 1e-18
"""Values below are drawn there, below all axes: rounding may leave an exact zero, which has no
logarithm.
"""

_OFF_AXES = 100.0
"""Natural logarithms: longer intervals than these leave the axes, and might overflow."""


def falling_points(
    axes: Axes,
    steps: Int[np.ndarray, "records"],
    runs: Float[np.ndarray, "runs records"],
    colour: str,
    rate: float | None = None,
    shown: slice = slice(None),
    **style: Any,
) -> None:
    """Draw geometric means over the runs as points, with 99 % Student intervals of the mean
    logarithm.

    A line falls at the predicted `rate` per step through the last mean above `ROUNDING`; rounding
    has the sign that it has, so absolute values are drawn. Of the
    points those at `shown` are drawn.
    """
    mean, half_width = student_interval(np.log(np.maximum(np.abs(runs), _FLOOR)))
    half_width = np.minimum(half_width, _OFF_AXES)
    middle = np.exp(mean)
    bounds = middle - np.exp(mean - half_width), np.exp(mean + half_width) - middle
    axes.errorbar(
        steps[shown],
        middle[shown],
        np.array(bounds)[:, shown],
        **{"fmt": "o", "color": colour, "elinewidth": 0.8, "markersize": 2.5, **style},
    )
    above = np.flatnonzero(middle > ROUNDING)
    if rate is not None and above.size:
        axes.plot(
            steps, middle[above[-1]] * np.exp(-rate * (steps - steps[above[-1]])), color=colour
        )
