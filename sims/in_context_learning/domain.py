"""The sentences that hostile input to the learners gets, before anything is compiled."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from theory_on_trial.arguments.sims_domain import is_traced, require_at_most, require_count, require_float_dtype

FloatType = str | type | np.dtype
"""A type of floating-point numbers, as NumPy and JAX take it: its name, its class or its dtype."""

_MOST = 10**8
_LEAST_SIZE, _LARGEST_SIZE = 1e-100, 1e100


def require_size(name: str, value: int, why: str, most: int = _MOST) -> None:
    """Raise `ValueError` unless the integer `value` is from 1 to `most`: no machine has room for more."""
    require_count(name, value, 1, why)
    require_at_most(name, value, most, "a machine must have the time and the memory")


def float_type(name: str, dtype: Any) -> Any:
    """The NumPy dtype of a type of floating-point numbers (`float` is left to JAX's precision), else `TypeError`."""
    require_float_dtype(name, dtype)
    return dtype if dtype is float else np.dtype(dtype)


def require_numbers(record: str, **fields: Any) -> None:
    """Raise unless the fields of a record are arrays of real numbers (`TypeError`), finite ones (`ValueError`)."""
    for name, array in fields.items():
        if not isinstance(array, jax.Array | np.ndarray) or not (
            jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)
        ):
            raise TypeError(f"{record}.{name} must be an array of real numbers, got a value of {type(array).__name__}")
        if not is_traced(array) and not np.isfinite(array).all():
            first = np.asarray(array)[~np.isfinite(array)][0]
            raise ValueError(f"{record}.{name} must be finite, got {first}")


def require_shapes(record: str, expected: dict[str, tuple[Any, tuple[int, ...]]], why: str) -> None:
    """Raise `ValueError` unless each named array has the shape given beside it."""
    for name, (array, shape) in expected.items():
        if np.shape(array) != shape:
            raise ValueError(f"{record}.{name} must have shape {shape} ({why}), got {np.shape(array)}")


def require_prompts(prompts: Any) -> None:
    """Raise unless `prompts` have one leading axis, fit each other and are finite, with something along every axis."""
    inputs, labels, weights = prompts
    require_numbers("prompts", inputs=inputs, labels=labels, weights=weights)
    if inputs.ndim != 3 or labels.shape != inputs.shape[:2]:
        raise ValueError(
            "prompts must have inputs [count, examples, dimension] and labels [count, examples], "
            f"got shapes {inputs.shape} and {labels.shape}"
        )
    count, _, dimension = inputs.shape
    require_shapes("prompts", {"weights": (weights, (count, dimension))}, "count and dimension of the inputs")
    for name, size in zip(("prompts", "examples", "dimensions"), inputs.shape, strict=True):
        require_count(f"the number of {name} in prompts", size, 1, "there is nothing to learn from otherwise")


def require_representable_squares(name: str, rows: Any) -> None:
    """Raise `ValueError` for rows [..., dimension] whose squared lengths float64 cannot tell from 0 or infinity.

    Lengths decide which examples are new directions, and which are near: from such rows these decisions would be wrong
    without any number looking so. Traced values pass.
    """
    if is_traced(rows):
        return
    largest = np.abs(np.asarray(rows, float)).max(axis=-1, initial=0)
    outside = largest[(largest != 0) & ~((largest >= _LEAST_SIZE) & (largest <= _LARGEST_SIZE))]
    if outside.size:
        raise ValueError(
            f"{name} must be zero or of sizes from {_LEAST_SIZE:g} to {_LARGEST_SIZE:g} (their squares are needed), "
            f"got a row with entries up to {outside[0]:g}"
        )
