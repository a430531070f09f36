"""The domains of this paper's arguments, in its words."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.contract import (
    LONGEST,
    MAY_BE_INFINITE,
    MOST,
    NON_NEGATIVE,
    POSITIVE,
    Interval,
)

_DECAYS = Interval(0, closed="()", why="no minimiser exists otherwise")

Classes = Annotated[int, Interval(1, LONGEST)]
"""K, the number of classes."""
SeveralClasses = Annotated[int, Interval(2, LONGEST, why="a single class has no frame")]
"""K where frames or probabilities of classes are compared."""
ClassSizes = Annotated[
    Sequence[int] | Int[np.ndarray, " classes"], Interval(1, MOST, why="leave out an empty class")
]
"""n_1 .. n_K, the samples of each class."""
Labels = Annotated[Int[np.ndarray, " samples"], Interval(0, LONGEST)]
"""The class of each sample, counted from 0."""
Depth = Annotated[int, Interval(1, LONGEST)]
"""M, the number of linear layers after the features."""
Decay = Annotated[float, _DECAYS]
"""λ of one factor, or of all."""
WeightDecays = Annotated[Sequence[float] | Float[np.ndarray, " layers"], _DECAYS]
"""λ_W1 .. λ_WM; their number is the depth."""
Widths = Annotated[Sequence[int] | Int[np.ndarray, " layers"], Interval(1, LONGEST)]
"""d_1 .. d_M, the inputs of each layer."""
Strength = Annotated[
    Float[np.ndarray, "*directions"] | float, Interval(0, closed="(]"), MAY_BE_INFINITE
]
"""β of one or more directions, infinite for one without data."""
Root = Annotated[Float[np.ndarray, "*directions"] | float, NON_NEGATIVE]
"""x of one or more directions, zero for a dead one."""
LiveRoots = Annotated[Float[np.ndarray, " directions"], POSITIVE]
"""x of directions that live."""
Momentum = Annotated[float, Interval(0, 1, "[)", why="from 1 on no velocity fades")]
"""μ of heavy-ball descent."""
Normalisation = Literal[
    "half_mean_over_samples", "mean_over_samples", "half_mean_over_entries", "mean_over_entries"
]
"""What |Z - Y|^2 is divided by: 2 N, N, 2 N K or N K."""
