"""The domains of this paper's simulators."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import USABLE_SCALE, Interval

Features = Annotated[Float[np.ndarray, "n p"], USABLE_SCALE]
"""X, a row per observation."""
Responses = Annotated[Float[np.ndarray, " n"], USABLE_SCALE]
"""y."""
Chosen = tuple[Annotated[int, Interval(0, 2**20)], ...]
"""S, the columns whose weights are not penalised."""
Count = Annotated[int, Interval(1, 2**20)]
Correlation = Annotated[float, Interval(0, 1, "[)")]
"""ρ, between any two columns before they are scaled."""
