"""The domains of this paper's simulators."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import ORTHONORMAL, PROBABILITIES, USABLE_SCALE, Interval

Level = Annotated[float, Interval(1e-9, 1e9, why="covariances s^2 P + gamma^2 I are inverted")]
"""s or γ."""
Bases = Sequence[Annotated[Float[np.ndarray, "_ _"], ORTHONORMAL]]
Weights = Annotated[Float[np.ndarray, " subspaces"], PROBABILITIES]
Points = Annotated[Float[np.ndarray, "points n"], USABLE_SCALE]
Nodes = Annotated[Float[np.ndarray, "nodes n"], USABLE_SCALE]
NodeWeights = Annotated[Float[np.ndarray, " nodes"], PROBABILITIES]
PointWeights = Annotated[Float[np.ndarray, " points"], PROBABILITIES]
Order = Annotated[int, Interval(2, 200, why="all its products are nodes")]
Dim = Annotated[int, Interval(1, 2**12, why="matrices are decomposed")]
Natural = Annotated[int, Interval(0, 2**12, why="matrices are decomposed")]
Draws = Annotated[int, Interval(1, 2**24, why="so many are drawn at once")]
Rule = Literal["soft", "clean", "noisy"]
"""What chooses the subspace: weights at x_t, the clean point alone, or the largest projection of
x_t alone.
"""
