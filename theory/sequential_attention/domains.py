"""The domains of this paper's arguments, in its words."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import LONGEST, USABLE_SCALE, Interval

Features = Annotated[Float[np.ndarray, "n p"], USABLE_SCALE]
"""X, a row per observation, a column per feature, of any scale."""
Responses = Annotated[Float[np.ndarray, " n"], USABLE_SCALE]
"""y, a response per observation."""
Chosen = tuple[Annotated[int, Interval(0, LONGEST)], ...]
"""S, the features chosen so far, by their column."""
Rounds = Annotated[int, Interval(1, LONGEST)]
"""k, how many features are chosen."""
Coherence = Annotated[float, Interval(0, 1, why="a |cosine|")]
"""μ, the largest |cosine| between two columns."""
Uneven = Annotated[
    float, Interval(1, 1e200, why="the longest over the shortest; the high end is a cap")
]
"""L / l, the longest column over the shortest."""
