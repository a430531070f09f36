"""A chunk of the cells of a sweep: one compiled program per shape, run here or in a worker."""

import contextlib
import dataclasses
import functools
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import cloudpickle
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, Shaped, UInt32

from theory_on_trial.base.compilation_cache import use_compilation_cache
from theory_on_trial.sweep.labels import OutputShapes

Outputs = dict[str, Shaped[np.ndarray, "cells ..."]]


class SimulationError(RuntimeError):
    """A simulator raised an exception while it ran; the message names the cell."""


def current_settings() -> dict[str, Any]:
    """Return those settings of JAX on which a simulator's numbers depend, by the names of their
    context managers.
    """
    names = (
        "enable_x64",
        "default_matmul_precision",
        "default_prng_impl",
        "threefry_partitionable",
    )
    return {name: getattr(jax.config, f"jax_{name}") for name in names}


@dataclasses.dataclass(frozen=True)
class Carried:
    """A function that travels to workers as bytes; a worker compiles it once for all its chunks."""

    function: Callable[..., Any]

    def __reduce__(self) -> Any:
        return _unpacked, (cloudpickle.dumps(self.function),)


@functools.lru_cache
def _unpacked(content: bytes) -> Carried:
    return Carried(cloudpickle.loads(content))


@dataclasses.dataclass(frozen=True)
class Program:
    """What is compiled for up to `capacity` cells, `batch` of them at once, or one after the
    other.
    """

    simulator: Carried
    static: tuple[tuple[str, Any], ...]
    static_text: str  # 1 == 1.0 == True, yet they make different programs
    outputs: OutputShapes
    capacity: int = 1
    batch: int | None = None


@dataclasses.dataclass(frozen=True)
class Task:
    """The cells of a chunk, by their numbers in the sweep, with all that a process needs to run
    them: plain data.
    """

    program: Program
    device: int
    key: int
    cells: Int[np.ndarray, " cells"]
    streams: UInt32[np.ndarray, "cells 2"]
    seeds: UInt32[np.ndarray, " cells"]
    parameters: dict[str, Shaped[np.ndarray, " cells"]]  # the traced ones
    settings: Mapping[str, Any] = dataclasses.field(default_factory=current_settings)
    compiled: str | None = dataclasses.field(
        default_factory=lambda: jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    )


@functools.partial(jax.jit, static_argnums=0)
def _simulate(program: Program, key_seed: Any, count: Any, *cells: Any) -> dict[str, Any]:
    """Simulate the first `count` of the cells, padded to the program's capacity; the remaining rows
    are zeros.

    The number of cells is traced, so that chunks of all sizes, the last one too, share one
    compilation.
    """
    root = jax.random.key(key_seed)

    def simulate(stream: Any, seed: Any, parameters: Any) -> dict[str, Any]:
        key = functools.reduce(jax.random.fold_in, (*stream, seed), root)
        outputs = program.simulator.function(key, **dict(program.static), **parameters)
        return {
            name: jnp.asarray(array, dtype)
            for array, (name, _, dtype) in zip(
                jax.tree.leaves(outputs), program.outputs, strict=True
            )
        }

    def blank(*_: Any) -> dict[str, Any]:
        return {name: jnp.zeros(shape, dtype) for name, shape, dtype in program.outputs}

    indexed = (jnp.arange(program.capacity), *cells)
    outputs: dict[str, Any] = jax.lax.map(
        lambda cell: jax.lax.cond(cell[0] < count, simulate, blank, *cell[1:]),
        indexed,
        batch_size=program.batch,
    )
    return outputs


def run_chunk(task: Task) -> tuple[Task, Outputs, float] | SimulationError:
    """Run a chunk; return it, its outputs and the seconds they took, compilation included.

    Where a batch takes too much memory, it is run in halves. The error of a simulator that fails is
    returned, so that what others have finished is kept before it is raised.
    """
    use_compilation_cache(task.compiled)
    start = time.perf_counter()
    try:
        outputs = _run(task, np.arange(task.seeds.size))
    except Exception as failure:
        batch = task.program.batch
        if batch is not None and batch > 1 and "RESOURCE_EXHAUSTED" in str(failure):
            half = dataclasses.replace(task.program, batch=batch // 2)
            return run_chunk(dataclasses.replace(task, program=half))
        error = _naming_the_cell(task, failure)
        error.add_note(traceback.format_exc())  # neither a traceback nor a cause travels
        return error
    return task, outputs, time.perf_counter() - start


def _run(task: Task, rows: Int[np.ndarray, " rows"]) -> Outputs:
    indices = rows[np.minimum(np.arange(task.program.capacity), rows.size - 1)]
    cells = jax.tree.map(lambda array: array[indices], (task.streams, task.seeds, task.parameters))
    devices = jax.local_devices()
    with contextlib.ExitStack() as stack:
        stack.enter_context(jax.default_device(devices[task.device % len(devices)]))
        for name, value in task.settings.items():
            stack.enter_context(getattr(jax, name)(value))
        outputs = _simulate(task.program, np.uint32(task.key), np.int32(rows.size), *cells)
        return {name: np.asarray(array)[: rows.size] for name, array in outputs.items()}


def _naming_the_cell(task: Task, error: Exception) -> SimulationError:
    """Find the cell in which the simulator fails by running them one by one."""
    where = f"one of {task.seeds.size} cells, each of which runs well alone"
    for row, seed in enumerate(task.seeds):
        try:
            _run(task, np.array([row]))
        except Exception as alone:
            values = {name: column[row] for name, column in task.parameters.items()}
            cell = {**dict(task.program.static), **values, "seed": seed}
            where = ", ".join(f"{name}={value}" for name, value in cell.items())
            error = alone
            break
    reason = f"{type(error).__name__}: {error}".strip().splitlines()[-1]
    return SimulationError(f"the simulator failed at {where}: {reason}")
