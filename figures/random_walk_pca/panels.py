"""Panels that several figures of random walks share: tableaus of scores."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import SubFigure

from theory_on_trial.figures.drawing import COLOURS


def aligned(
    scores: Float[np.ndarray, "*runs points components"],
    reference: Float[np.ndarray, "points components"],
) -> Float[np.ndarray, "*runs points components"]:
    """Give every component the sign with which it runs along its reference."""
    return scores * np.sign(np.sum(scores * reference, axis=-2, keepdims=True))


def tableau(
    area: SubFigure,
    title: str,
    *,
    points: Float[np.ndarray, "times components"] | None = None,
    lines: Float[np.ndarray, "times components"] | None = None,
    colour: str = COLOURS[0],
) -> None:
    """Draw every component against every other one (simulation as points, theory as lines), each
    against time on the diagonal.

    Scores are in units of their own amplitude, so the panels carry no ticks.
    """
    clouds = [scores for scores in (points, lines) if scores is not None]
    count = clouds[0].shape[1]
    grid: Any = area.subplots(
        count, count, squeeze=False, gridspec_kw={"hspace": 0.04, "wspace": 0.04}
    )
    limit = 1.08 * max(np.abs(scores).max() for scores in clouds)
    for row in range(count):
        for column in range(count):
            axes = grid[row, column]
            diagonal = row == column
            if points is not None:
                time = np.linspace(-0.92, 0.92, len(points)) * limit
                x = time if diagonal else points[:, column]
                axes.plot(
                    x,
                    points[:, row],
                    ".",
                    color=colour,
                    markersize=2.6,
                    markeredgewidth=0,
                    rasterized=True,
                )
            if lines is not None:
                time = np.linspace(-0.92, 0.92, len(lines)) * limit
                x = time if diagonal else lines[:, column]
                axes.plot(x, lines[:, row], color=COLOURS[6], linewidth=0.6)
            axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[])
            axes.spines[["top", "right"]].set_visible(True)
            axes.spines[:].set(linewidth=0.5, color="0.6")
            axes.set_facecolor("0.95" if diagonal else "white")
            if column == 0:
                axes.set_ylabel(f"PC{row + 1}", fontsize=7, labelpad=2)
            if row == count - 1:
                axes.set_xlabel(f"PC{column + 1}", fontsize=7, labelpad=2)
    area.suptitle(title, fontsize=9)
