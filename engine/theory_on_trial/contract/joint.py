"""Conditions between several arguments: one line in the body of a function."""

import sys
from typing import Any

import numpy as np

from theory_on_trial.contract.sentences import Refusal


def require(condition: Any, sentence: str) -> None:
    """Raise `Refusal` with this sentence unless a joint condition of several arguments holds;
    traced ones pass.
    """
    if not is_traced(condition) and not np.all(condition):
        raise Refusal(sentence)


def require_room(names: str, numbers: int) -> None:
    """Raise `ValueError` if the arguments `names` ask for an array of more than 2^36 numbers.

    No memory holds such an array. XLA allocates after the call has returned; if it cannot, or if
    the number of bytes exceeds 64 bits, the process ends.
    """
    require(
        numbers <= 2**36,
        f"{names} must ask for arrays of at most 2^36 numbers, got one of {numbers:.3g}",
    )


def is_traced(value: Any) -> bool:
    """Return whether JAX is tracing a value, so that its number is not known and cannot be
    judged.
    """
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, jax.core.Tracer)
