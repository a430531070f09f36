"""What the figures of this paper share: shades, titles, and runs of whole networks."""

from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from sims.jepa_bias import matrix_flow, networks
from sims.jepa_bias.domains import Objective
from theory_on_trial.figures.drawing import COLOURS

OBJECTIVES: tuple[tuple[Objective, str], ...] = (("jepa", "JEPA"), ("mae", "MAE"))
FEATURE_COLOURS = (COLOURS[1], COLOURS[0], COLOURS[2], COLOURS[3])
_SHADES = LinearSegmentedColormap.from_list("shades", ["#9CCBEA", COLOURS[0], "#00243B"])
STRENGTH = "strength of a feature  $\\bar w$"
PAPER_TIME = "time  t = L × flow time"
FLOW_TIME = "time of the gradient flow"


def shades(count: int) -> list[Any]:
    """Colours from light to dark."""
    return [_SHADES(value) for value in np.linspace(0, 1, count)]


def flow_of_network(
    parameters: networks.Parameters,
    covariances: tuple[Any, Any],
    objective: Objective,
    horizon: float,
    step: float,
    basis: np.ndarray | None = None,
    records: int = 600,
) -> tuple[np.ndarray, np.ndarray]:
    """Times and strengths of all features along a network's flow up to `horizon`, in steps of at
    most `step`.
    """
    stride = int(np.ceil(horizon / step / records))
    run = matrix_flow.train(
        parameters,
        covariances[0],
        covariances[1],
        horizon / (records * stride),
        records * stride,
        stride,
        objective,
        basis=basis,
    )
    return np.asarray(run.times), np.asarray(run.strengths)
