"""Whether a value that has the right type lies in its domain."""

import dataclasses
import fractions
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from theory_on_trial.contract.conversions import dtype_kind
from theory_on_trial.contract.domains import (
    ANY_NUMBER,
    MAY_BE_EMPTY,
    MAY_BE_INFINITE,
    Holds,
    Interval,
    Is,
    Marker,
)
from theory_on_trial.contract.joint import is_traced
from theory_on_trial.contract.sentences import Refusal, among, excerpt, first_refused, in_words


def check(name: str, value: Any, markers: tuple[Marker, ...]) -> None:
    """Raise Refusal unless a value is finite, not empty, and what its markers say."""
    for marker in markers:
        if isinstance(marker, Is) and not marker.check(value):
            raise TypeError(f"{name} must {marker.must}, got {in_words(value)}")
    if isinstance(value, float | int | fractions.Fraction) and not isinstance(
        value, bool
    ):  # mostly, and quickly
        if MAY_BE_INFINITE in markers and value == value:
            pass
        elif isinstance(value, float) and not math.isfinite(value) and ANY_NUMBER not in markers:
            raise Refusal(f"{name} must {_must(markers)}, got {value}")
        for marker in markers:
            unknown = value != value and ANY_NUMBER in markers
            if isinstance(marker, Interval) and not (unknown or marker.admits(value)):
                raise Refusal(f"{name} must {marker.broken_by(value)}, got {in_words(value)}")
        return
    for leaf in _numbers(value):
        if is_traced(leaf):
            continue
        if not leaf.size and MAY_BE_EMPTY not in markers:
            raise Refusal(f"{name} must not be empty, got an array of shape {tuple(leaf.shape)}")
        library, context = _reader_of(leaf)
        with context:
            leaf = np.asarray(leaf) if library is np else leaf
            mask: Any = np.True_  # of any number nothing is read: it may lie on a disk
            if ANY_NUMBER not in markers:
                mask = (
                    ~library.isnan(leaf) if MAY_BE_INFINITE in markers else library.isfinite(leaf)
                )
            if not bool(mask.all()):
                raise Refusal(
                    f"{name} must be finite, got {first_refused(leaf, mask)}{among(leaf)}"
                )
            for marker in markers:
                if isinstance(marker, Interval) and not bool((inside := marker.admits(leaf)).all()):
                    broken = marker.broken_by(first := first_refused(leaf, inside))
                    raise Refusal(f"{name} must {broken}, got {first}{among(leaf)}")
                if isinstance(marker, Holds) and leaf.size and not _holds(marker, np.asarray(leaf)):
                    raise Refusal(f"{name} must {marker.must}, got {excerpt(leaf)}")


def _holds(marker: Holds, values: np.ndarray) -> bool:
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # what overflows in a comparison does not hold
        return marker.check(values)


def _must(markers: tuple[Marker, ...]) -> str:
    interval = next((marker for marker in markers if isinstance(marker, Interval)), None)
    return (
        "be finite"
        if interval in (None, Interval())
        else f"be finite and {interval.must.removeprefix('be ')}"
    )


def _numbers(value: Any) -> Iterator[Any]:
    """Every array of integers or real numbers in a value, however it is wrapped."""
    if isinstance(value, type | str | bytes):
        return
    if hasattr(type(value).__init__, "contract"):
        return  # a record that is guarded itself was judged when it was made
    if dataclasses.is_dataclass(value):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for entry in value:
            yield from _numbers(entry)
    elif isinstance(value, np.generic | float | int) and not isinstance(value, bool | np.bool_):
        array = np.asarray(value)
        if array.dtype.kind in "fiu":
            yield array
    elif hasattr(value, "__array_namespace__") and dtype_kind(value) in "fiu":
        yield value


def _reader_of(leaf: Any) -> tuple[Any, AbstractContextManager[None]]:
    """The library that reads numbers without copying them, and a context in which it computes at
    once even if a caller is traced.

    On a CPU NumPy sees JAX's arrays without a copy or a program.
    """
    jax = sys.modules.get("jax")
    if (
        jax is not None
        and isinstance(leaf, jax.Array)
        and any(device.platform != "cpu" for device in leaf.devices())
    ):
        return jax.numpy, jax.ensure_compile_time_eval()
    return np, nullcontext()
