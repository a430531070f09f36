"""Figures: a decorator that registers a drawing function, the common style, and the command that
draws them.
"""

from theory_on_trial.figures.chart import chart
from theory_on_trial.figures.drawing import COLOURS, figure

__all__ = ["COLOURS", "chart", "figure"]
