"""The cells of a sweep: all combinations of parameter values and seeds, numbered, each with its own random stream."""

import functools
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int, Integer, Shaped, UInt32

from theory_on_trial.contract import require


def parameter_values(name: str, values: Any) -> Shaped[np.ndarray, "*axis"]:
    """Return a traced parameter's value, or its axis of different values: real numbers that JAX's precision holds."""
    array, which = np.asarray(values), f"grid[{name!r}]"
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{which} must hold real numbers (use static= for others), got {values!r}")
    is_list = array.ndim < 2 and array.size > 0
    require(is_list, f"{which} must be a number or a list of numbers, got an array of shape {array.shape}")
    require(not np.isnan(array).any(), f"{which} must not contain NaN")
    require(np.unique(array).size == array.size, f"{which} must not repeat a value, got {values!r}")
    traced = as_traced(array)
    is_whole = array.dtype.kind != "f"
    lost = (np.isinf(traced) != np.isinf(array)).any() or (is_whole and (traced != array).any())
    require(not lost, f"{which} must fit into {traced.dtype}, got {values!r}")
    return array


def as_traced(values: Shaped[np.ndarray, "*axis"]) -> Shaped[np.ndarray, "*axis"]:
    """Return `values` in the dtype in which JAX's present precision traces them (float64 or float32, ...)."""
    with np.errstate(over="ignore"):
        return values.astype(jax.dtypes.canonicalize_dtype(values.dtype))


def static_values(name: str, values: Any) -> list[Any]:
    """Return the different values of a list, a range or an array, or else the single one: numbers, strings, ..."""
    values = values.tolist() if isinstance(values, np.ndarray | np.generic) else values
    listed = list(values) if is_axis(values) else [values]
    differ = bool(listed) and len({repr(value) for value in listed}) == len(listed)
    require(differ, f"static[{name!r}] must be one value or a list of different values, got {values!r}")
    return [_plain(name, value) for value in listed]


def is_axis(values: Any) -> bool:
    """Tell whether `values` are an axis of the sweep, rather than one value."""
    return isinstance(values, list | range) or (isinstance(values, np.ndarray) and values.ndim > 0)


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_plain(name, item) for item in value)
    value = value.item() if isinstance(value, np.generic) else value
    if value is not None and not isinstance(value, bool | int | float | str):
        raise TypeError(f"static[{name!r}] must be a number, a string, None or a tuple of these, got {value!r}")
    return value


def seed_values(seeds: int | Sequence[int] | Integer[np.ndarray, " seeds"]) -> Int[np.ndarray, " seeds"]:
    """Return the seeds as an array, `range(seeds)` for an int."""
    array = np.asarray(range(seeds) if isinstance(seeds, int) else seeds)
    is_list = array.ndim == 1 and array.size > 0 and array.dtype.kind in "iu"
    require(is_list, f"seeds must be a positive int or a list of ints, got {seeds!r}")
    differ = array.min() >= 0 and array.max() < 2**32 and np.unique(array).size == array.size
    require(differ, f"seeds must be different numbers in [0, 2**32), got {seeds!r}")
    return array.astype(np.int64)


class Batch(NamedTuple):
    """What a program needs to know of some cells: arrays of one length, and the values of the traced parameters."""

    streams: UInt32[np.ndarray, "cells 2"]
    seeds: UInt32[np.ndarray, " cells"]
    parameters: dict[str, Shaped[np.ndarray, " cells"]]


class Cells:
    """The grid's points times the seeds for one choice of the static parameters, numbered with the seeds fastest."""

    def __init__(
        self,
        axes: Mapping[str, Shaped[np.ndarray, "*axis"]],
        seeds: Int[np.ndarray, " seeds"],
        static: Mapping[str, Any],
        common: Sequence[str],
    ):
        self.axes = {name: np.atleast_1d(axis) for name, axis in axes.items()} | {"seed": seeds}
        self.static, self.common = static, common
        self.shape = tuple(axis.size for axis in self.axes.values())

    def __len__(self) -> int:
        return math.prod(self.shape)

    def labels(self, numbers: Int[np.ndarray, " cells"]) -> dict[str, Shaped[np.ndarray, " cells"]]:
        """Return the parameter values and seeds of the cells, in the user's own dtypes."""
        positions = np.unravel_index(numbers, self.shape)
        return {name: axis[at] for (name, axis), at in zip(self.axes.items(), positions, strict=True)}

    def batch(self, numbers: Int[np.ndarray, " cells"]) -> Batch:
        """Return the cells as their program takes them."""
        labels = self.labels(numbers)
        seeds = labels.pop("seed").astype(np.uint32)
        traced = {name: as_traced(values) for name, values in labels.items()}
        return Batch(self._streams[numbers // self.shape[-1]], seeds, traced)

    def numbers(self, labels: Mapping[str, Shaped[np.ndarray, " rows"]]) -> Int[np.ndarray, " rows"]:
        """Return the numbers of the cells with these labels (the inverse of `labels`), -1 for each that is not ours."""
        ours, positions = np.bool_(True), []
        for name, axis in self.axes.items():
            order = np.argsort(axis)
            nearest = order[np.minimum(np.searchsorted(axis, labels[name], sorter=order), axis.size - 1)]
            ours = ours & (axis[nearest] == labels[name])
            positions.append(nearest)
        return np.where(ours, np.ravel_multi_index(tuple(positions), self.shape), -1)

    @functools.cached_property
    def _streams(self) -> UInt32[np.ndarray, "points 2"]:
        """The first 64 bits of SHA-256 over the names and values of a point's parameters, `common` ones left out."""
        streams = np.empty((len(self) // self.shape[-1], 2), np.uint32)
        names = list(self.axes)[:-1]
        for point, position in enumerate(np.ndindex(self.shape[:-1])):
            traced = {name: self.axes[name][at].item() for name, at in zip(names, position, strict=True)}
            values = {**self.static, **traced}
            text = repr(sorted((name, _spelling(values[name])) for name in values if name not in self.common))
            streams[point] = np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], ">u4")
        return streams


def _spelling(value: Any) -> str:
    """Spell equal numbers equally, so that 1 and 1.0, traced or static, are one parameter value with one stream."""
    is_whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
    return repr(int(value) if is_whole else value)
