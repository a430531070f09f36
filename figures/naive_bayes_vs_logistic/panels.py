"""Panels of this paper: logarithmic axes whose few ticks are plain numbers."""

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator


def plain_log_ticks(axes: Axes, name: Literal["x", "y"]) -> None:
    """Label a logarithmic axis at powers of ten, and at 2 and 5 (3 and 7) times these below two
    decades (one decade).

    To be called when everything is drawn: ticks are placed within the limits of that moment, which
    stay.
    """
    low, high = axes.get_xlim() if name == "x" else axes.get_ylim()
    steps = (1, 2, 3, 5, 7) if high < 10 * low else (1, 2, 5) if high < 100 * low else (1,)
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)))
    ticks = [step * power for power in powers for step in steps if low <= step * power <= high]
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axis.set_minor_locator(NullLocator())
