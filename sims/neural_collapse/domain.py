"""The sentences that a degenerate head or run gets, before anything is compiled."""

import itertools
import operator
from typing import Any

import jax.numpy as jnp
from jaxtyping import ScalarLike

from theory_on_trial.arguments.sims_domain import require_at_most, require_count, require_in_range

MOST_STEPS = 10**7
MOST_NUMBERS = 2**28


def require_depth(depth: int, widths: tuple[int, ...]) -> None:
    """Raise `ValueError` unless there is one width per layer."""
    if len(widths) != depth:
        raise ValueError(f"widths must be {depth} numbers, one per weight decay, got {len(widths)}")


def require_start(
    widths: tuple[int, ...], n_classes: int, n_columns: int, *, weight_std: ScalarLike, feature_std: ScalarLike
) -> None:
    """Raise `ValueError` for a size below 1, no layer, or a standard deviation that is negative or not finite."""
    require_count("the number of layers", len(widths), 1, "widths lists the inputs of each layer")
    for width in widths:
        require_count("in widths a width", width, 1, "a layer without inputs passes nothing on")
    require_count("n_classes", n_classes, 1, "nothing to tell apart otherwise")
    require_count("n_columns", n_columns, 1, "one column of features per sample or class")
    n_numbers = widths[0] * n_columns + sum(map(operator.mul, widths, (*widths[1:], n_classes)))
    require_at_most("the numbers of a head of these widths, n_classes and n_columns", n_numbers, MOST_NUMBERS, "memory")
    require_in_range("weight_std", weight_std, 0, float("inf"), includes_high=False)
    require_in_range("feature_std", feature_std, 0, float("inf"), includes_high=False)


def require_records(steps: int, every: int) -> None:
    """Raise `ValueError` unless `steps` is a positive multiple of a positive `every`."""
    require_count("every", every, 1, "steps between two records")
    if steps < 1 or steps % every:
        raise ValueError(f"steps must be a positive multiple of every = {every}, got {steps}")
    require_steps(steps)


def require_steps(steps: int) -> None:
    """Raise `ValueError` for no step, or more than ten million."""
    require_count("steps", steps, 1, "nothing moves otherwise")
    require_at_most("steps", steps, MOST_STEPS, "a compiled loop cannot be interrupted")


def require_columns(name: str, n_columns: int, n_samples: int, n_classes: int) -> None:
    """Raise `ValueError` unless there is a column of features for every sample, or for every class."""
    if n_columns not in (n_samples, n_classes):
        raise ValueError(
            f"in {name} features must have N = {n_samples} columns, or K = {n_classes} in the class-mean reduction, "
            f"got {n_columns}"
        )


def require_head(name: str, head: Any, n_classes: int | None = None) -> None:
    """Raise `ValueError` unless a `Head` holds layers of numbers that chain from its features up to its bias.

    The outputs are to be `n_classes`, if given.
    """
    layers = head.weights if isinstance(head.weights, list | tuple) else ()
    parts = [*layers, head.features, head.bias]
    if not layers or not all(_holds_reals(part) for part in parts):
        raise ValueError(f"{name} must hold a tuple of layers, features and a bias, arrays of floating-point numbers")
    shapes = [tuple(part.shape) for part in parts]
    outputs = n_classes or sum(shapes[-1])
    # Every layer gives what the next one takes, the features what the first one takes.
    *matrices, bias = [shapes[-2], *shapes[:-2], shapes[-1]]
    if not (
        all(len(shape) == 2 and min(shape) > 0 for shape in matrices)
        and all(before[0] == after[1] for before, after in itertools.pairwise(matrices))
        and matrices[-1][0] == outputs
        and bias == (outputs,)
    ):
        raise ValueError(f"{name} must chain K = {outputs} outputs down to its features, got shapes {shapes}")


def _holds_reals(part: Any) -> bool:
    return hasattr(part, "__array_namespace__") and jnp.issubdtype(part.dtype, jnp.floating)
