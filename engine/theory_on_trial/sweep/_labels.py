"""The labels of a sweep: what its parameters and outputs are called, and the empty dataset that the cells will fill."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Int, Shaped

from theory_on_trial.sweep._cells import as_traced, is_axis
from theory_on_trial.sweep._run import OutputShapes


def check_parameters(
    simulator: Callable[..., Any], grid: Mapping[str, Any], static: Mapping[str, Any], common: Sequence[str]
) -> None:
    """Raise TypeError unless `simulator` takes a key and just these parameters, ValueError if names clash."""
    if not callable(simulator) or not hasattr(simulator, "__qualname__"):
        raise TypeError(
            "simulator must be a function (bound arguments belong in static=), got a value of type "
            f"{type(simulator).__name__}"
        )
    names = [*grid, *static]
    for name in names:
        if name == "seed" or names.count(name) > 1:
            raise ValueError(f'a parameter must stand in grid= or in static= and not be called "seed", got {name!r}')
    for name in common:
        if name not in names:
            raise ValueError(f"common must name parameters of the sweep ({', '.join(names)}), got {name!r}")
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
    key = jax.eval_shape(lambda: jax.random.key(0, impl=key_impl))
    traced = {name: jax.ShapeDtypeStruct((), as_traced(axis).dtype) for name, axis in axes.items()}
    found: list[OutputShapes] = []
    for static in combinations:
        try:
            outputs = jax.eval_shape(functools.partial(simulator, **static), key, **traced)
        except Exception as error:
            error.add_note(
                f"(while tracing {simulator.__name__} with static={dict(static)}: the parameters in grid=, "
                f"{list(axes)}, have no values then; sizes and flags belong in static=)"
            )
            raise
        names, arrays = _output_names(simulator.__name__, outputs), jax.tree.leaves(outputs)
        if not arrays or any(getattr(array.dtype, "kind", "V") not in "biufc" for array in arrays):
            raise ValueError(f"{simulator.__name__} must return arrays of numbers, got {outputs}")
        if len(set(names)) < len(names):
            raise ValueError(f"{simulator.__name__} must give its outputs different names, got {', '.join(names)}")
        found.append(tuple((name, a.shape, str(a.dtype)) for name, a in zip(names, arrays, strict=True)))
        if found[-1] != found[0]:
            raise ValueError(
                f"{simulator.__name__} must return arrays of one shape for all static values, "
                f"got {found[0]} for {dict(combinations[0])} and {found[-1]} for {dict(static)}"
            )
    return found[0]


def _output_names(simulator: str, outputs: Any) -> list[str]:
    """Name outputs by dict keys and field names, items of a tuple `out0`, ..., a single array like its simulator."""
    names = []
    for path, _ in jax.tree_util.tree_leaves_with_path(outputs):
        alone = simulator if simulator.isidentifier() else "output"
        name = jax.tree_util.keystr(path, simple=True, separator="_") or alone
        names.append(f"out{name}" if name[0].isdigit() else name)
    return names


def empty_dataset(
    static: Mapping[str, Any],
    choices: Mapping[str, Sequence[Any]],
    axes: Mapping[str, Shaped[np.ndarray, "*axis"]],
    seeds: Int[np.ndarray, " seeds"],
    outputs: OutputShapes,
    dims: Mapping[str, Sequence[str]],
    units: Mapping[str, str],
    attributes: Mapping[str, Any],
) -> xr.Dataset:
    """Return the labelled dataset with uninitialised arrays, to be filled in place.

    Raises ValueError for names in `dims` or `units` that do not exist and for dimensions that do not fit the outputs.
    """
    coordinates: dict[str, Any] = {}
    for name, values in choices.items():
        # tuples and None have no place in a file
        labels = np.array([value if isinstance(value, bool | int | float | str) else repr(value) for value in values])
        coordinates[name] = (name, labels) if is_axis(static[name]) else labels[0]
    for name, axis in axes.items():
        coordinates[name] = (name, axis) if axis.ndim else axis[()]
    coordinates["seed"] = ("seed", seeds)
    swept = [name for name, value in coordinates.items() if isinstance(value, tuple)]
    sizes = [len(coordinates[name][1]) for name in swept]
    variables = {}
    for name, shape, dtype in outputs:
        own = list(dims.get(name, [f"{name}_dim{axis}" for axis in range(len(shape))]))
        if len(own) != len(shape) or len(set(own)) != len(own) or set(own) & set(coordinates):
            raise ValueError(f"dims[{name!r}] must name its {len(shape)} dimensions unlike any parameter, got {own}")
        variables[name] = (swept + own, np.empty([*sizes, *shape], dtype))
    for argument, given, known in (("dims", dims, set(variables)), ("units", units, set(variables) | set(coordinates))):
        if not set(given) <= known:
            raise ValueError(f"{argument} must use names among {sorted(known)}, got {sorted(given)}")
    if set(variables) & set(coordinates):
        raise ValueError(f"outputs must not be called like parameters, got {sorted(set(variables) & set(coordinates))}")
    dataset = xr.Dataset(variables, coordinates, dict(attributes))
    for name, unit in units.items():
        dataset[name].attrs["units"] = unit
    return dataset
