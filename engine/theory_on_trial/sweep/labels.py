"""The inputs and outputs of a sweep: values of parameters, seeds, names of outputs, and the dataset
to be filled.
"""

import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Int, Integer, Shaped

from theory_on_trial.contract import require

Axis = Shaped[np.ndarray, "*axis"]
OutputShapes = tuple[tuple[str, tuple[int, ...], str], ...]  # name, shape and dtype of each output


def read_parameters(
    simulator: Callable[..., Any],
    grid: Mapping[str, Any],
    static: Mapping[str, Any],
    common: Sequence[str],
) -> tuple[dict[str, Axis], dict[str, list[Any]]]:
    """Return the values of each traced and of each static parameter.

    Raises TypeError unless `simulator` takes a key and just these parameters, ValueError for other
    names in `common`.
    """
    if not callable(simulator) or not hasattr(simulator, "__qualname__"):
        kind = type(simulator).__name__
        raise TypeError(
            "simulator must be a function (bound arguments belong in static=), got a value of "
            f"type {kind}"
        )
    names = [*grid, *static]
    for name in common:
        require(
            name in names,
            f"common must name parameters of the sweep ({', '.join(names)}), got {name!r}",
        )
    try:
        inspect.signature(simulator).bind(None, **dict.fromkeys(names))
    except TypeError as error:
        raise TypeError(
            f"{simulator.__name__} must take a key and the sweep's parameters, but {error}"
        ) from None
    axes = {name: _traced_values(name, values) for name, values in grid.items()}
    return axes, {name: _static_values(name, values) for name, values in static.items()}


def _traced_values(name: str, values: Any) -> Axis:
    """Return a traced parameter's value, or its axis of different values: real numbers that JAX's
    precision holds.
    """
    array = np.asarray(values)
    label = f"grid[{name!r}]"
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{label} must hold real numbers (use static= for others), got {values!r}")
    differ = (
        array.ndim < 2
        and array.size > 0
        and np.unique(array).size == array.size
        and not np.isnan(array).any()
    )
    require(differ, f"{label} must be a number or a list of different numbers, got {values!r}")
    axis = as_traced(array)
    is_whole = array.dtype.kind != "f"
    lost = (np.isinf(axis) != np.isinf(array)).any() or (is_whole and (axis != array).any())
    require(not lost, f"{label} must fit into {axis.dtype}, got {values!r}")
    return array


def as_traced(values: Axis) -> Axis:
    """Return `values` in the dtype in which JAX's present precision traces them (float64 or
    float32, ...).
    """
    with np.errstate(over="ignore"):
        return values.astype(jax.dtypes.canonicalize_dtype(values.dtype))


def _static_values(name: str, values: Any) -> list[Any]:
    """Return the different values of a list, a range or an array, or else the single one: numbers,
    strings, ...
    """
    plain = [_plain(name, value) for value in (values if _is_axis(values) else [values])]
    differ = bool(plain) and len(set(map(repr, plain))) == len(plain)
    require(
        differ, f"static[{name!r}] must be one value or a list of different values, got {values!r}"
    )
    return plain


def _is_axis(values: Any) -> bool:
    return isinstance(values, list | range) or (isinstance(values, np.ndarray) and values.ndim > 0)


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_plain(name, item) for item in value)
    value = (
        value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value
    )
    if value is not None and not isinstance(value, bool | int | float | str):
        raise TypeError(
            f"static[{name!r}] must be a number, a string, None or a tuple of these, got {value!r}"
        )
    return value


def seed_values(
    seeds: int | Sequence[int] | Integer[np.ndarray, " seeds"],
) -> Int[np.ndarray, " seeds"]:
    """Return the seeds as an array, `range(seeds)` for an int."""
    array = np.asarray(range(seeds) if isinstance(seeds, int) else seeds)
    differ = array.min() >= 0 and array.max() < 2**32 and np.unique(array).size == array.size
    require(differ, f"seeds must be different numbers in [0, 2**32), got {seeds!r}")
    return array.astype(np.int64)


def output_shapes(
    simulator: Callable[..., Any],
    axes: Mapping[str, Axis],
    combinations: Sequence[Mapping[str, Any]],
) -> OutputShapes:
    """Return the names, shapes and dtypes of the outputs, from tracing the simulator with each
    combination of statics.

    Raises ValueError for outputs that are no arrays of numbers or differ between combinations, and
    for names that clash. What the simulator itself raises gets a note on where it happened.
    """
    key = jax.eval_shape(jax.random.key, 0)
    label = simulator.__name__
    parameters = {
        name: jax.ShapeDtypeStruct((), as_traced(axis).dtype) for name, axis in axes.items()
    }
    shapes: list[OutputShapes] = []
    for static in combinations:
        try:
            outputs = jax.eval_shape(functools.partial(simulator, **static), key, **parameters)
        except Exception as error:
            error.add_note(
                f"(while tracing {label} with static={dict(static)}: the parameters in grid=, "
                f"{list(axes)}, have "
                "no values then; sizes and flags belong in static=)"
            )
            raise
        leaves = jax.tree_util.tree_leaves_with_path(outputs)
        numbers = bool(leaves) and all(
            getattr(array.dtype, "kind", "V") in "biufc" for _, array in leaves
        )
        require(numbers, f"{label} must return arrays of numbers, got {outputs}")
        shapes.append(
            tuple((_output_name(label, path), a.shape, str(a.dtype)) for path, a in leaves)
        )
        names = [*static, *axes, "seed", *(name for name, _, _ in shapes[-1])]
        clash = len(set(names)) < len(names)
        require(
            not clash,
            f"parameters, the seed and outputs must have different names, got {', '.join(names)}",
        )
        require(
            shapes[-1] == shapes[0],
            f"{label} must return arrays of one shape for all static values, got {shapes[0]} for "
            f"{dict(combinations[0])} and {shapes[-1]} for {dict(static)}",
        )
    return shapes[0]


def _output_name(simulator: str, path: Any) -> str:
    """Name an output by its dict key or field, items of a tuple `out0`, ..., a single array like
    its simulator.
    """
    alone = simulator if simulator.isidentifier() else "output"
    name = jax.tree_util.keystr(path, simple=True, separator="_") or alone
    return f"out{name}" if name[0].isdigit() else name


def empty_dataset(
    static: Mapping[str, Any],
    choices: Mapping[str, Sequence[Any]],
    axes: Mapping[str, Axis],
    outputs: OutputShapes,
    attributes: Mapping[str, Any],
    folder: str | os.PathLike[str] | None = None,
) -> xr.Dataset:
    """Return the labelled dataset with arrays to be filled in place: in memory, uninitialised, or
    mapped from files in a folder.
    """
    coordinates: dict[str, Any] = {}
    for name, values in choices.items():
        # tuples and None have no place in a file
        labels = np.array(
            [
                value if isinstance(value, bool | int | float | str) else repr(value)
                for value in values
            ]
        )
        coordinates[name] = (name, labels) if _is_axis(static[name]) else labels[0]
    coordinates |= {name: (name, axis) if axis.ndim else axis[()] for name, axis in axes.items()}
    swept = [name for name, value in coordinates.items() if isinstance(value, tuple)]
    sizes = [len(coordinates[name][1]) for name in swept]
    variables = {
        name: (
            swept + [f"{name}_dim{axis}" for axis in range(len(shape))],
            _empty(name, (*sizes, *shape), dtype, folder),
        )
        for name, shape, dtype in outputs
    }
    return xr.Dataset(variables, coordinates, dict(attributes))


def _empty(
    name: str, shape: tuple[int, ...], dtype: str, folder: str | os.PathLike[str] | None
) -> Shaped[np.ndarray, "..."]:
    if folder is None:
        return np.empty(shape, dtype)
    path = Path(folder).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
        return np.lib.format.open_memmap(path / f"{name}.npy", "w+", np.dtype(dtype), shape)
    except OSError as error:
        reason = f"got {path} ({error.strerror or error})"
        raise ValueError(f"result_folder must be a folder to write to, {reason}") from error
