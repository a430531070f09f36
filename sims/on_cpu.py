"""Chains of small steps, as of a differential equation: an accelerator that waits at each is a
hundred times slower.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import jax

Result = TypeVar("Result")


def on_cpu(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let a function compute on the CPU, even if an accelerator is the default; no effect inside a
    compiled program.
    """

    @wraps(function)
    def run(*arguments: Any, **options: Any) -> Result:
        if jax.default_backend() == "cpu":
            return function(*arguments, **options)
        with jax.default_device(jax.local_devices(backend="cpu")[0]):
            return function(*arguments, **options)

    return run
