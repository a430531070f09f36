"""The domains of this paper's simulators."""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.contract import MOST, PROBABILITIES, UNIT_INTERVAL, USABLE_SCALE, Interval

Probabilities = Annotated[Float[np.ndarray, " cells"], PROBABILITIES]
Values = Annotated[Float[np.ndarray, " cells"], UNIT_INTERVAL]
"""Predictions f, labels y or their means E[y | x], of each cell."""
Function = Annotated[Float[np.ndarray, " cells"], USABLE_SCALE]
Basis = Annotated[Float[np.ndarray, "cells functions"], USABLE_SCALE]
"""Functions that span H, a column each."""
Seed = Annotated[int, Interval(0, MOST)]
Cells = Annotated[int, Interval(1, 2**20)]
Dim = Annotated[int, Interval(1, 2**10)]
Grid = Annotated[int, Interval(1, MOST, why="a finer grid rounds nothing")]
Counts = Annotated[Int[np.ndarray, " levels"], Interval(1, 2**20)]
Levels = Annotated[Float[np.ndarray, " levels"], UNIT_INTERVAL]
