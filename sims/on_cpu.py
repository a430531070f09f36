"""Run functions of many small steps, such as the solution of a differential equation, on the CPU:
an accelerator, which waits at each step, is a hundred times slower.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import jax

Result = TypeVar("Result")


def on_cpu(function: Callable[..., Result]) -> Callable[..., Result]:
    """Make a function compute on the CPU even if an accelerator is the default device. Within a
    compiled program it changes nothing.
    """

    @wraps(function)
    def run(*arguments: Any, **options: Any) -> Result:
        if jax.default_backend() == "cpu":
            return function(*arguments, **options)
        with jax.default_device(jax.local_devices(backend="cpu")[0]):
            return function(*arguments, **options)

    return run
