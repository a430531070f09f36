"""The domains of this paper's arguments, in its words."""

from typing import Annotated, Literal

from jax import Array
from jaxtyping import Float, ScalarLike

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import ANY_NUMBER, COVARIANCE, NON_NEGATIVE, POSITIVE, Interval

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
"""Of a product or a bypass."""
ProgramSize = Annotated[int, Interval(1, 10**4)]
"""Dimensions or examples of a program that is laid out register by register."""
Regulariser = Annotated[
    float, Interval(1e-300, why="the Sherman-Morrison recursion starts from I / regulariser")
]
"""λ > 0, whose reciprocal is finite."""
Hidden = Annotated[Float[Array, "rows positions"], ANY_NUMBER]
"""A hidden state, whatever its layers have made of it."""
