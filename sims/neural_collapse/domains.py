"""The domains of this paper's arguments, in its words."""

from typing import Annotated, Literal

from jaxtyping import ScalarLike

from theory_on_trial.contract import LONGEST, MOST, NON_NEGATIVE, POSITIVE, Interval, require

MOST_NUMBERS = 2**28  # held at once

Loss = Literal["mse", "ce"]
"""1/(2N) times the squared error, or 1/N times the cross entropy."""
ClassSizes = tuple[Annotated[int, Interval(1, MOST, why="leave an empty class out")], ...]
"""n_1..n_K, the samples of each class; samples are ordered by class."""
Decay = Annotated[ScalarLike, Interval(0, closed="()", why="no minimiser exists otherwise")]
"""λ of one factor."""
Widths = tuple[Annotated[int, Interval(1, LONGEST)], ...]
"""d_1..d_M, the inputs of each layer."""
Deviation = Annotated[ScalarLike, NON_NEGATIVE]
"""A standard deviation of random numbers."""
Rate = Annotated[ScalarLike, POSITIVE]
"""η, the learning rate."""
Momentum = Annotated[ScalarLike, Interval(0, 1, "[)")]
"""μ of heavy-ball descent."""
Steps = Annotated[int, Interval(1, 10**7, why="a compiled loop cannot be interrupted")]
"""Steps of a descent."""
Starts = Annotated[int, Interval(1, 10**6, why="all ends are held at once")]
"""Random starts of a search."""


def require_depth(depth: int, widths: tuple[int, ...]) -> None:
    """Raise `ValueError` unless there is one width per layer."""
    require(
        len(widths) == depth,
        f"widths must be {depth} numbers, one per weight decay, got {len(widths)}",
    )
