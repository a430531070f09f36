"""The domains of this paper's arguments, in its words, and what records of arrays owe each other
before anything is compiled.
"""

from typing import Annotated, Any, Literal

import numpy as np
from jax import Array
from jaxtyping import Float, ScalarLike

from theory_on_trial.contract import (
    ANY_NUMBER,
    NON_NEGATIVE,
    POSITIVE,
    Interval,
    is_traced,
    require,
)

Size = Annotated[int, Interval(1, 10**8, why="there is nothing to draw or to learn from otherwise")]
"""A number of prompts, examples, dimensions or layers, within the time and the memory of a machine.
"""
Deviation = Annotated[ScalarLike, NON_NEGATIVE]
"""A standard deviation."""
Rate = Annotated[float, POSITIVE]
"""A learning rate."""
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


_LEAST_SIZE = 1e-100
_LARGEST_SIZE = 1e100


def require_shapes(record: str, expected: dict[str, tuple[Any, tuple[int, ...]]], why: str) -> None:
    """Raise `ValueError` unless each named array has the shape given beside it, and `TypeError` for
    what is not an array.
    """
    for name, (array, shape) in expected.items():
        if not hasattr(array, "__array_namespace__"):
            raise TypeError(
                f"{record}.{name} must be an array of real numbers, got a value of "
                f"{type(array).__name__}"
            )
        require(
            array.shape == shape,
            f"{record}.{name} must have shape {shape} ({why}), got {array.shape}",
        )


def require_prompts(prompts: Any) -> None:
    """Raise `ValueError` unless `prompts` have one leading axis and fit each other."""
    inputs, labels, weights = prompts
    shapes = np.shape(inputs), np.shape(labels)
    require(
        len(shapes[0]) == 3 and shapes[1] == shapes[0][:2],
        "prompts must have inputs [count, examples, dimension] and labels [count, examples], "
        f"got shapes {shapes[0]} and {shapes[1]}",
    )
    count, _, dimension = shapes[0]
    require_shapes(
        "prompts", {"weights": (weights, (count, dimension))}, "count and dimension of the inputs"
    )


def require_representable_squares(name: str, rows: Any) -> None:
    """Raise `ValueError` for rows [..., dimension] whose squared lengths float64 cannot tell from 0
    or infinity. Lengths decide which examples are new or near, which would go wrong silently.
    Traced values pass.
    """
    if is_traced(rows):
        return
    largest = np.abs(np.asarray(rows, float)).max(axis=-1, initial=0)
    outside = largest[(largest != 0) & ~((largest >= _LEAST_SIZE) & (largest <= _LARGEST_SIZE))]
    first = outside[0] if outside.size else 0
    require(
        not outside.size,
        f"{name} must be zero or of sizes from {_LEAST_SIZE:g} to {_LARGEST_SIZE:g} (their "
        "squares are needed), "
        f"got a row with entries up to {first:g}",
    )
