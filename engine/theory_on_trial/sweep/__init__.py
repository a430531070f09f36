"""A simulator over a grid of parameters and seeds: compiled once, run on all devices, resumed after an interruption."""

import contextlib
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import jax
import numpy as np
import xarray as xr
from jaxlib.version import __version__ as JAXLIB
from jaxtyping import Array, Integer, Key

from theory_on_trial.base.mapping import Mode, resolve_mode
from theory_on_trial.base.progress import ProgressSetting, progress_bar
from theory_on_trial.contract import ANY_NUMBER, MAY_BE_EMPTY, Count, Interval, guarded
from theory_on_trial.sweep.cells import Cells, as_traced, parameter_values, seed_values, static_values
from theory_on_trial.sweep.labels import check_parameters, empty_dataset, output_shapes
from theory_on_trial.sweep.part import Part, joined
from theory_on_trial.sweep.run import Program, SimulationError, Workers, current_settings
from theory_on_trial.sweep.store import ChunkStore, source_digest

__all__ = ["SimulationError", "sweep"]

Seeds = Annotated[int, Interval(1, 2**32)] | Sequence[int] | Integer[np.ndarray, " seeds"]
"""How many seeds, or which, each in [0, 2^32)."""
BaseKey = Annotated[int, Interval(0, 2**32, "[)")] | Key[Array, ""]
"""A key of JAX, or the seed of one."""
Bytes = Annotated[float, Interval(1)]


@guarded(double=False)
def sweep(
    simulator: Callable[..., Any],
    grid: Annotated[Mapping[str, Any], ANY_NUMBER, MAY_BE_EMPTY],
    seeds: Seeds,
    *,
    key: BaseKey = 0,
    static: Annotated[Mapping[str, Any], ANY_NUMBER, MAY_BE_EMPTY] | None = None,
    common: Sequence[str] = (),
    mode: Mode = "auto",
    memory: Bytes | None = None,
    chunk: Count | None = None,
    executor: Any = None,
    cache: str | os.PathLike[str] | None = None,
    progress: ProgressSetting = "auto",
) -> xr.Dataset:
    """Run `simulator(key, **parameters)` for every combination of parameter values and every seed.

    The random stream of a cell (a combination and a seed) is `fold_in(fold_in(key, hash), seed)` with a 64-bit hash of
    the names and values of its parameters. It depends on nothing else, so that the order and the extent of the grid,
    the chunks, the devices and the executor change no number: to the last bit in mode "map", to rounding in mode
    "vmap", where the size of the batch shows in the last digits. Numbers are computed in JAX's present precision.

    There is one compilation for each combination of static values (and for each device or worker process; in mode
    "vmap" another one measures the memory of a cell). Processes that share the cores of a machine should be started
    with OMP_NUM_THREADS=1 in their environment. A chunk for which a device has too little memory is run in halves.

    Called with a `cache` in every process of a `jax.distributed` job, on a folder they share, each process runs its
    share of the cells, waits for the others and returns the whole dataset. Without a cache each runs all cells.

    Args:
        simulator: a function of a key and named parameters that JAX can trace and that returns an array or a tuple,
            dict or NamedTuple of arrays; jitted or not. For `cache` it must be defined in a file; for executors that
            use plain pickle, it must be importable.
        grid: traced parameters, real numbers. A list is a dimension of the result, a number is the same for all cells.
        seeds: the seeds, or how many of them: 64 means 0, ..., 63. A later run with more keeps the ones it has.
        key: the seed, or the key, from which all streams are derived.
        static: parameters that fix shapes or choose branches (numbers, strings, None and tuples of such). A list is a
            dimension of the result; each of its values is compiled, and all must give outputs of one shape.
        common: parameters left out of the hash: cells that differ in these only share their random numbers.
        mode: "map" runs the cells of a chunk one after the other, "vmap" all at once; "auto" is "map" on a CPU and
            "vmap" on an accelerator.
        memory: bytes per device that a chunk may use, in mode "vmap" all that its cells need at once; a quarter of an
            accelerator's memory or, on a CPU, 1 GiB if not given.
        chunk: cells per chunk, the unit in which work is handed out and kept. If not given: about two seconds of work
            in mode "map"; in mode "vmap" what `memory` holds, decided when `cache` is first used for this simulation.
        executor: where the chunks are run: anything with `submit(function, argument)`, such as a process pool (not
            one that forks) or Dask's `client.get_executor()` with one thread per worker; all local devices if not
            given. Workers must have the kind of devices and the source that this process has, which alone writes.
        cache: folder in which finished chunks are kept, and where a later run finds those of its cells that were
            computed from the same source, parameters, key, precision and kind of device by the same version of JAX. A
            damaged file counts as absent. A full disk is a RuntimeWarning. Nothing is kept if not given.
        progress: a bar on a terminal if "auto", always or never if True or False; or a function to be called with the
            cells done, all cells and the seconds since the start whenever a chunk is done.

    Returns:
        A dataset with one variable for each output, named by its dict key or field, `out0`, ... for the items of a
        tuple, or like the simulator for a single array. Its dimensions are the static lists, the lists of the grid, the
        seed and the output's own, `spectrum_dim0`, .... Coordinates hold the parameters' values.

    Raises:
        TypeError, ValueError: before the first cell, for parameters and options that do not fit, a cell that does not
            fit into `memory`, executors that fork, thread pools in mode "vmap", a `cache` that cannot be written to.
        SimulationError: when the simulator fails while it runs. The message names the cell; finished chunks are kept.
        RuntimeError: when a worker, or another process of the job, fails or dies. Finished chunks are kept, and the
            same call resumes.
    """
    check_parameters(simulator, grid, static or {}, common)
    axes = {name: parameter_values(name, values) for name, values in grid.items()}
    choices = {name: static_values(name, values) for name, values in (static or {}).items()}
    seed_axis = seed_values(seeds)
    is_seed, key_impl = isinstance(key, int), current_settings()["default_prng_impl"]
    base_key = np.array(key, np.uint32) if is_seed else np.asarray(jax.random.key_data(key))
    key_impl = key_impl if is_seed else str(jax.random.key_impl(key))
    plan = resolve_mode(mode)
    workers = Workers(executor, plan)
    combinations = [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]
    outputs = output_shapes(simulator, axes, combinations, key_impl)
    provenance = {
        "simulator": f"{simulator.__module__}:{simulator.__qualname__}",
        "key": f"{key_impl}:{base_key.tolist()}",
        "common": ", ".join(sorted(common)),
        "mode": plan,
        "device": jax.local_devices()[0].device_kind,
        "jax": f"{jax.__version__}, jaxlib {JAXLIB}",
    } | {name: str(value) for name, value in current_settings().items()}
    dataset = empty_dataset(static or {}, choices, axes, seed_axis, outputs, provenance)
    source = "" if cache is None else source_digest(simulator)

    parts = []
    for row, values in enumerate(combinations):
        program = Program(simulator, tuple(values.items()), repr(values), outputs, key_impl, plan)
        cells = Cells(axes, seed_axis, values, common)
        identity = provenance | {
            "source": source,
            "static": repr(sorted(values.items())),
            "parameters": {name: str(as_traced(axis).dtype) for name, axis in sorted(axes.items())},
            "outputs": outputs,
            "batch": (chunk or "automatic") if plan == "vmap" else "free",
        }
        store = None if cache is None else ChunkStore(cache, simulator.__name__, identity)
        flat = {name: dataset[name].values.reshape(len(combinations), len(cells), *shape) for name, shape, _ in outputs}
        parts.append(Part(program, cells, {name: array[row] for name, array in flat.items()}, store))

    shared = cache is not None and jax.process_count() > 1
    total = sum(len(part.cells) for part in parts)
    done = total - sum(int(part.missing.sum()) for part in parts)
    with (
        contextlib.closing(workers),
        progress_bar(progress, simulator.__name__, "cell", total, done) as advance,
        joined(parts, advance, shared),
    ):
        for part in parts:
            numbers = part.own_share() if shared else np.flatnonzero(part.missing)
            if numbers.size:
                try:
                    for finished in part.run(numbers, base_key, workers, chunk, memory):
                        advance(finished)
                except KeyboardInterrupt as interrupt:
                    interrupt.add_note(f"(the sweep of {simulator.__name__} was interrupted; {part.kept()})")
                    raise
    return dataset
