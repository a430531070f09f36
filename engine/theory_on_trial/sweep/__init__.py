"""A simulator over a grid of parameters and seeds: compiled once, run on all devices, resumed after
an interruption.
"""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import jax
import numpy as np
import xarray as xr
from jaxlib.version import __version__ as JAXLIB
from jaxtyping import Integer

from theory_on_trial.base.mapping import Mode, resolve_mode
from theory_on_trial.base.progress import ProgressSetting, progress_bar
from theory_on_trial.base.source import source_digest
from theory_on_trial.contract import ANY_NUMBER, MAY_BE_EMPTY, Count, Interval, guarded
from theory_on_trial.sweep.chunk import Carried, Program, SimulationError, current_settings
from theory_on_trial.sweep.labels import (
    as_traced,
    empty_dataset,
    output_shapes,
    read_parameters,
    seed_values,
)
from theory_on_trial.sweep.part import Part, require_fitting_backend
from theory_on_trial.sweep.store import ChunkStore

__all__ = ["SimulationError", "sweep"]

Seeds = Annotated[int, Interval(1, 2**32)] | Sequence[int] | Integer[np.ndarray, " seeds"]
"""How many seeds, or which, each in [0, 2^32)."""


@guarded(double=False)
def sweep(
    simulator: Callable[..., Any],
    grid: Annotated[Mapping[str, Any], ANY_NUMBER, MAY_BE_EMPTY],
    seeds: Seeds,
    *,
    key: Annotated[int, Interval(0, 2**32, "[)")] = 0,
    static: Annotated[Mapping[str, Any], ANY_NUMBER, MAY_BE_EMPTY] | None = None,
    common: Sequence[str] = (),
    mode: Mode = "auto",
    chunk: Count | None = None,
    cache: str | os.PathLike[str] | None = None,
    result_folder: str | os.PathLike[str] | None = None,
    progress: ProgressSetting = "auto",
) -> xr.Dataset:
    """Run `simulator(key, **parameters)` for every combination of parameter values and every seed.

    The random stream of a cell (a combination and a seed) is `fold_in(fold_in(key, hash), seed)`
    with a 64-bit hash of the names and values of its parameters. It depends on nothing else, so
    that the order and the extent of the grid, the chunks, the devices and the workers change no
    number: to the last bit in mode "map", to rounding in mode "vmap", where the size of the batch
    shows in the last digits. Numbers are computed in JAX's present precision.

    The chunks are run by joblib's present backend: on this process's devices if there is none, or
    where `joblib.parallel_config(backend="loky" | "dask" | "ray", n_jobs=...)` sends them. There is
    one compilation for each combination of static values, and for each device or worker. This
    process alone writes the cache and the result.

    Args:
        simulator: a function of a key and named parameters that JAX can trace and that returns an
            array or a tuple, dict or NamedTuple of arrays; jitted or not. For `cache` it must be
            defined in a file.
        grid: traced parameters, real numbers. A list is a dimension of the result, a number is the
            same for all cells.
        seeds: the seeds, or how many of them: 64 means 0, ..., 63. A later run with more keeps the
            ones it has.
        key: the seed of the key from which all streams are derived.
        static: parameters that fix shapes or choose branches (numbers, strings, None and tuples of
            such). A list is a dimension of the result; each of its values is compiled, and all must
            give outputs of one shape.
        common: parameters left out of the hash: cells that differ in these only share their random
            numbers.
        mode: "map" runs the cells of a chunk one after the other, "vmap" all at once; "auto" is
            "map" on a CPU and "vmap" on an accelerator.
        chunk: cells per chunk, the unit in which work is handed out and kept. If not given: about
            two seconds of work in mode "map"; in mode "vmap" up to 1024. In mode "vmap" it is also
            the batch, which is halved where a device has too little memory for it.
        cache: folder in which finished chunks are kept, and where a later run finds those of its
            cells that were computed from the same source, parameters, key, precision and kind of
            device by the same version of JAX. A damaged file counts as absent. A full disk is a
            RuntimeWarning. Nothing is kept if not given.
        result_folder: folder for the arrays of the result, `NAME.npy` for each output, which the
            dataset maps into memory: for results that memory does not hold. Files of these names
            are overwritten.
        progress: a bar on a terminal if "auto", always or never if True or False; or a function to
            be called with the cells done, all cells and the seconds since the start whenever a
            chunk is done.

    Returns:
        A dataset with one variable for each output, named by its dict key or field, `out0`, ... for
        the items of a tuple, or like the simulator for a single array. Its dimensions are the
        static lists, the lists of the grid, the seed and the output's own, `spectrum_dim0`, ....
        Coordinates hold the parameters' values.

    Raises:
        TypeError, ValueError: before the first cell, for parameters and options that do not fit, a
            backend that forks, threads in mode "vmap" on a CPU, a `cache` that cannot be written
            to.
        SimulationError: when the simulator fails while it runs. The message names the cell;
            finished chunks are kept.
        RuntimeError: when a worker fails or dies. Finished chunks
            are kept, and the same call resumes.
    """
    axes, choices = read_parameters(simulator, grid, static or {}, common)
    seed_axis = {"seed": seed_values(seeds)}
    settings = current_settings()
    plan = resolve_mode(mode)
    require_fitting_backend(plan)
    combinations = [
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    ]
    outputs = output_shapes(simulator, axes, combinations)
    provenance = {
        "simulator": f"{simulator.__module__}:{simulator.__qualname__}",
        "key": f"{settings['default_prng_impl']}:{key}",
        "common": ", ".join(sorted(common)),
        "mode": plan,
        "device": jax.local_devices()[0].device_kind,
        "jax": f"{jax.__version__}, jaxlib {JAXLIB}",
    } | {name: str(value) for name, value in settings.items()}
    dataset = empty_dataset(
        static or {}, choices, axes | seed_axis, outputs, provenance, result_folder
    )
    source = "" if cache is None else source_digest(simulator)

    parts = []
    for row, values in enumerate(combinations):
        identity = provenance | {
            "source": source,
            "static": repr(sorted(values.items())),
            "parameters": {name: str(as_traced(axis).dtype) for name, axis in sorted(axes.items())},
            "outputs": outputs,
            "batch": (chunk or "automatic") if plan == "vmap" else "free",
        }
        store = None if cache is None else ChunkStore(cache, simulator.__name__, identity)
        program = Program(Carried(simulator), tuple(values.items()), repr(values), outputs)
        # each output as combinations x cells x its own dimensions: a view, so that the dataset is
        # filled in place
        views = {
            name: dataset[name].values.reshape(len(combinations), -1, *shape)[row]
            for name, shape, _ in outputs
        }
        parts.append(Part(program, plan, key, axes | seed_axis, common, views, store))

    total, missing = (sum(int(of(part.missing)) for part in parts) for of in (np.size, np.sum))
    with progress_bar(progress, simulator.__name__, "cell", total, total - missing) as advance:
        for part in parts:
            part.run(chunk, advance)
    return dataset
