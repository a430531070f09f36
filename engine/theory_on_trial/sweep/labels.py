"""The labels of a sweep: what its parameters and outputs are called, and the empty dataset that the cells will fill."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Int, Shaped

from theory_on_trial.contract import require
from theory_on_trial.sweep.cells import as_traced, is_axis
from theory_on_trial.sweep.run import OutputShapes


def check_parameters(
    simulator: Callable[..., Any], grid: Mapping[str, Any], static: Mapping[str, Any], common: Sequence[str]
) -> None:
    """Raise TypeError unless `simulator` takes a key and just these parameters, ValueError if names clash."""
    if not callable(simulator) or not hasattr(simulator, "__qualname__"):
        kind = type(simulator).__name__
        raise TypeError(f"simulator must be a function (bound arguments belong in static=), got a value of type {kind}")
    names = [*grid, *static]
    for name in names:
        once = name != "seed" and names.count(name) == 1
        require(once, f'a parameter must stand in grid= or in static= and not be called "seed", got {name!r}')
    for name in common:
        require(name in names, f"common must name parameters of the sweep ({', '.join(names)}), got {name!r}")
    try:
        inspect.signature(simulator).bind(None, **dict.fromkeys(names))
    except TypeError as error:
        raise TypeError(f"{simulator.__name__} must take a key and the sweep's parameters, but {error}") from None


def output_shapes(
    simulator: Callable[..., Any],
    axes: Mapping[str, Shaped[np.ndarray, "*axis"]],
    combinations: Sequence[Mapping[str, Any]],
    key_impl: str,
) -> OutputShapes:
    """Return the names, shapes and dtypes of the outputs, from tracing the simulator with each combination of statics.

    Raises ValueError for outputs that are no arrays of numbers or differ between combinations. What the simulator
    itself raises gets a note on where it happened.
    """
    key, simulated = jax.eval_shape(lambda: jax.random.key(0, impl=key_impl)), simulator.__name__
    traced = {name: jax.ShapeDtypeStruct((), as_traced(axis).dtype) for name, axis in axes.items()}
    shapes: list[OutputShapes] = []
    for static in combinations:
        try:
            outputs = jax.eval_shape(functools.partial(simulator, **static), key, **traced)
        except Exception as error:
            error.add_note(
                f"(while tracing {simulated} with static={dict(static)}: the parameters in grid=, {list(axes)}, have "
                "no values then; sizes and flags belong in static=)"
            )
            raise
        names, arrays = _output_names(simulated, outputs), jax.tree.leaves(outputs)
        numbers = bool(arrays) and all(getattr(array.dtype, "kind", "V") in "biufc" for array in arrays)
        require(numbers, f"{simulated} must return arrays of numbers, got {outputs}")
        clash = len(set(names)) < len(names)
        require(not clash, f"{simulated} must give its outputs different names, got {', '.join(names)}")
        shapes.append(tuple((name, a.shape, str(a.dtype)) for name, a in zip(names, arrays, strict=True)))
        require(
            shapes[-1] == shapes[0],
            f"{simulated} must return arrays of one shape for all static values, got {shapes[0]} for "
            f"{dict(combinations[0])} and {shapes[-1]} for {dict(static)}",
        )
    return shapes[0]


def _output_names(simulator: str, outputs: Any) -> list[str]:
    """Name outputs by dict keys and field names, items of a tuple `out0`, ..., a single array like its simulator."""
    alone = simulator if simulator.isidentifier() else "output"
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(outputs)]
    names = [jax.tree_util.keystr(path, simple=True, separator="_") or alone for path in paths]
    return [f"out{name}" if name[0].isdigit() else name for name in names]


def empty_dataset(
    static: Mapping[str, Any],
    choices: Mapping[str, Sequence[Any]],
    axes: Mapping[str, Shaped[np.ndarray, "*axis"]],
    seeds: Int[np.ndarray, " seeds"],
    outputs: OutputShapes,
    attributes: Mapping[str, Any],
) -> xr.Dataset:
    """Return the labelled dataset with uninitialised arrays, to be filled in place."""
    coordinates: dict[str, Any] = {}
    for name, values in choices.items():
        # tuples and None have no place in a file
        labels = np.array([value if isinstance(value, bool | int | float | str) else repr(value) for value in values])
        coordinates[name] = (name, labels) if is_axis(static[name]) else labels[0]
    coordinates |= {name: (name, axis) if axis.ndim else axis[()] for name, axis in axes.items()}
    coordinates["seed"] = ("seed", seeds)
    clash = {name for name, _, _ in outputs} & set(coordinates)
    require(not clash, f"outputs must not be called like parameters, got {sorted(clash)}")
    swept = [name for name, value in coordinates.items() if isinstance(value, tuple)]
    sizes = [len(coordinates[name][1]) for name in swept]
    variables = {
        name: (swept + [f"{name}_dim{axis}" for axis in range(len(shape))], np.empty([*sizes, *shape], dtype))
        for name, shape, dtype in outputs
    }
    return xr.Dataset(variables, coordinates, dict(attributes))
