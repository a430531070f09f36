"""Panels: means with intervals, logarithmic abscissas, letters."""

from collections.abc import Iterable
from string import ascii_lowercase
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes

_LEVEL = 0.99


def student_interval(
    runs: Float[np.ndarray, "runs *shape"],
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """Return the mean over the runs and the half width of its 99 % Student interval."""
    from scipy.stats import t

    count = len(runs)
    return runs.mean(axis=0), t.ppf((1 + _LEVEL) / 2, count - 1) * runs.std(
        axis=0, ddof=1
    ) / np.sqrt(count)


def points_with_intervals(
    axes: Axes, x: Any, runs: Float[np.ndarray, "runs points"], colour: str, **style: Any
) -> None:
    """Draw the mean over the runs as points with its 99 % Student interval."""
    mean, half_width = student_interval(runs)
    axes.errorbar(x, mean, half_width, **{"fmt": "o", "color": colour, "elinewidth": 0.8, **style})


def shares_with_intervals(
    axes: Axes, x: Any, events: Float[np.ndarray, "runs points"], colour: str, **style: Any
) -> None:
    """Draw the share of the runs with an event (1, else 0) as points with its exact 99 % interval,
    within 0 and 1.
    """
    from theory_on_trial.laws import Bernoulli

    share, low, high, *_ = Bernoulli().interval([events], 1 - _LEVEL, np.zeros(events.shape[1:]))
    axes.errorbar(
        x,
        share,
        [share - low, high - share],
        **{"fmt": "o", "color": colour, "elinewidth": 0.8, **style},
    )


def log_spaced(last: int, count: int = 25) -> Int[np.ndarray, "indices"]:
    """Return up to `count` different integers from 1 to `last`, evenly on a logarithmic axis."""
    return np.unique(np.geomspace(1, last, count).round().astype(int))


def label(axes: Axes, letter: str, x: float = -0.02) -> None:
    """Write "(a)" above the upper left corner of a panel."""
    axes.text(
        x, 1.02, f"({letter})", transform=axes.transAxes, fontweight="bold", ha="right", va="bottom"
    )


def letters(panels: Iterable[Axes], x: float = -0.02) -> None:
    """Write "(a)", "(b)" and so on above the upper left corners of panels."""
    for axes, letter in zip(panels, ascii_lowercase, strict=False):
        label(axes, letter, x)
