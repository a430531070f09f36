"""What a simulator accepts when it is called outside a compiled program: its annotations, and finite numbers."""

import dataclasses
import functools
import inspect
import itertools
from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from theory_on_trial import arguments
from theory_on_trial.arguments.sims_domain import is_traced

F = TypeVar("F", bound=Callable[..., Any])


def validated(function: F | None = None, *, unbounded: Collection[str] = ()) -> Any:
    """Hold a simulator's arguments to their annotations and all numbers to finite ones; traced values pass.

    `unbounded` names the arguments that may hold infinity or NaN, with "return" for the result, where the docstring
    says when they do. Precisions are left as they are.

    The simulator raises TypeError for an argument of another kind, and ValueError for another shape, for a number that
    is not finite, and where what follows from the arguments is not finite or fits no memory.
    """
    if function is None:
        return functools.partial(validated, unbounded=unbounded)
    if isinstance(function, type):
        function.__init__ = validated(function.__init__, unbounded=unbounded)  # type: ignore[misc]
        return function
    return arguments.validated(_finite(function, unbounded), double=False)


def _finite(function: F, unbounded: Collection[str]) -> F:
    names, others = [], ""  # those of single values, and of all further ones
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            others = parameter.name
        elif parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            names.append(parameter.name)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        for name, value in [*itertools.zip_longest(names[: len(args)], args, fillvalue=others), *kwargs.items()]:
            if name not in ("self", *unbounded) and not _is_finite(value):
                raise ValueError(f"{name} must be finite, got {_first_other(value)}")
        result = jax.block_until_ready(function(*args, **kwargs))  # what went wrong on a device is raised by waiting
        if "return" not in unbounded and not _is_finite(result):
            raise FloatingPointError(f"{_first_other(result)} in the result")
        return result

    return call  # type: ignore[return-value]


def _is_finite(value: Any) -> bool:
    return all(bool(_on_its_device(leaf).isfinite(leaf).all()) for leaf in _real_leaves(value))


def _first_other(value: Any) -> float:
    """The first number that is not finite."""
    flat = (np.asarray(leaf).ravel() for leaf in _real_leaves(value))
    return next(float(number) for numbers in flat for number in numbers[~np.isfinite(numbers)])


def _on_its_device(leaf: Any) -> Any:
    """The library that reads numbers where they are: on a CPU NumPy sees JAX's without a copy or a program."""
    on_accelerator = isinstance(leaf, jax.Array) and any(device.platform != "cpu" for device in leaf.devices())
    return jnp if on_accelerator else np


def _real_leaves(value: Any) -> Iterator[Any]:
    """Every array or number with a fractional part in a value, however it is wrapped."""
    for leaf in jax.tree.leaves(value):
        if dataclasses.is_dataclass(leaf) and not isinstance(leaf, type):
            yield from _real_leaves([getattr(leaf, field.name) for field in dataclasses.fields(leaf)])
        elif not is_traced(leaf) and (isinstance(leaf, float) or _holds_reals(leaf)):
            yield leaf


def _holds_reals(leaf: Any) -> bool:
    return not isinstance(leaf, type) and getattr(getattr(leaf, "dtype", None), "kind", "") == "f"
