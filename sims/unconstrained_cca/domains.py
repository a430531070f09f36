"""The domains of the simulators' arguments, in the paper's notation."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    COVARIANCE,
    LONGEST,
    SYMMETRIC,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Interval,
)

Numerator = Annotated[Float[np.ndarray, "dim dim"], SYMMETRIC, USABLE_SCALE]
"""A."""
Denominator = Annotated[Float[np.ndarray, "dim dim"], COVARIANCE, USABLE_SCALE]
"""B, a covariance of both views."""
Weights = Annotated[Float[np.ndarray, "dim columns"], USABLE_SCALE]
"""W, one column per direction."""
Starts = Annotated[Float[np.ndarray, "starts dim columns"], USABLE_SCALE]
"""Weights to begin with."""
Correlations = Annotated[Float[AnyArray, " directions"], UNIT_INTERVAL]
"""ρ: coordinate i of one white view has this correlation with coordinate i of the other, and none
with the rest.
"""
Heads = Annotated[Float[AnyArray, "2 directions columns"], USABLE_SCALE]
"""W of both views."""
Batch = Annotated[int, Interval(2, LONGEST, why="one pair has no covariance")]
"""b, pairs in a batch."""
Form = Literal["off-diagonal", "library"]
"""Which loss: with the covariance between the views alone, or with the library's means of all
covariances.
"""
Law = Literal["normal", "exponential", "cubed exponential", "sign"]
"""The law of the independent sources, standardised."""
