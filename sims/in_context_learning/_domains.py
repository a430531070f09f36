"""The domains of this paper's arguments, in its words."""

from typing import Annotated, Literal

from jaxtyping import Float, ScalarLike

from theory_on_trial.arrays import AnyArray
from theory_on_trial.contract import COVARIANCE, NON_NEGATIVE, POSITIVE, Interval

Size = Annotated[int, Interval(1, 10**8, why="there is nothing to draw or to learn from otherwise")]
"""Of prompts, examples, dimensions, layers: a machine must have the time and the memory."""
Context = Annotated[int, Interval(1, 2**53, why="there is no example otherwise")]
"""N, the examples that a layer sums over."""
Deviation = Annotated[ScalarLike, NON_NEGATIVE]
"""A standard deviation."""
Rate = Annotated[float, POSITIVE]
"""A learning rate."""
Covariance = Annotated[Float[AnyArray, "dimension dimension"], COVARIANCE]
"""Λ, or Σ_w."""
GeluForm = Literal["erf", "tanh"]
