"""Running a chunk of the cells of a sweep on a device: one compiled program per shape."""

import contextlib
import dataclasses
import functools
import pkgutil
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, Shaped, UInt32

from theory_on_trial.compilation_cache import compilation_cache_in_use, use_compilation_cache
from theory_on_trial.mapping import map_cells
from theory_on_trial.sweep._cells import Batch

Outputs = dict[str, Shaped[np.ndarray, "cells ..."]]
OutputShapes = tuple[tuple[str, tuple[int, ...], str], ...]  # name, shape and dtype of each output


class SimulationError(RuntimeError):
    """A simulator raised an exception while it ran; the message names the cell."""


class OutOfMemory(RuntimeError):
    """A chunk of more than one cell did not fit into the memory of a device."""


@dataclasses.dataclass(frozen=True)
class Program:
    """What is compiled: a simulator with its static parameters, over up to `capacity` cells.

    `simulator` is the function itself or, on its way to a worker that can import it, "module:name".
    """

    simulator: Callable[..., Any] | str
    static: tuple[tuple[str, Any], ...]
    static_text: str  # 1 == 1.0 == True, yet they make different programs
    outputs: OutputShapes
    key_impl: str
    mode: Literal["map", "vmap"]
    capacity: int = 1


class Task(NamedTuple):
    """A chunk of cells with all that a process needs to run it: plain data, no jitted function, no typed key."""

    program: Program
    base_key: UInt32[np.ndarray, "..."]
    batch: Batch
    settings: Mapping[str, Any]
    compilation_cache: str | None

    @staticmethod
    def of(program: Program, base_key: UInt32[np.ndarray, "..."], batch: Batch) -> "Task":
        """Return the task of running these cells as this process would."""
        return Task(program, base_key, batch, current_settings(), compilation_cache_in_use())


def current_settings() -> dict[str, Any]:
    """Return those settings of JAX on which a simulator's numbers depend, by the names of their context managers."""
    names = ("enable_x64", "default_matmul_precision", "default_prng_impl", "threefry_partitionable")
    return {name: getattr(jax.config, f"jax_{name}") for name in names}


def device_memory() -> int:
    """Return the bytes of an accelerator that JAX may use; 4 GiB on a CPU, whose free memory changes by the moment."""
    return int((jax.local_devices()[0].memory_stats() or {}).get("bytes_limit", 2**32))


@functools.partial(jax.jit, static_argnums=0)
def _simulate(program: Program, base_key: Any, count: Any, batch: Any) -> dict[str, Any]:
    """Simulate the first `count` cells of a batch padded to the program's capacity; the remaining rows are zeros.

    The number of cells is traced, so that chunks of all sizes, the last one too, share one compilation.
    """
    simulator = pkgutil.resolve_name(program.simulator) if isinstance(program.simulator, str) else program.simulator
    make_key = jax.random.key if base_key.ndim == 0 else jax.random.wrap_key_data  # of a seed, or of a key's data
    root = make_key(base_key, impl=program.key_impl)

    def simulate(stream: Any, seed: Any, parameters: Any) -> dict[str, Any]:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(root, stream[0]), stream[1]), seed)
        arrays = jax.tree.leaves(simulator(key, **dict(program.static), **parameters))
        return {name: jnp.asarray(a, dtype) for a, (name, _, dtype) in zip(arrays, program.outputs, strict=True)}

    def blank(*_: Any) -> dict[str, Any]:
        return {name: jnp.zeros(shape, dtype) for name, shape, dtype in program.outputs}

    def simulate_or_skip(index: Any, *cell: Any) -> dict[str, Any]:
        outputs: dict[str, Any] = jax.lax.cond(index < count, simulate, blank, *cell)
        return outputs

    every: dict[str, Any] = map_cells(simulate_or_skip, jnp.arange(program.capacity), *batch, mode=program.mode)
    return every


def bytes_per_cell(program: Program, base_key: UInt32[np.ndarray, "..."], batch: Batch) -> int:
    """Estimate the memory of one vmapped cell, from the compilation of a program of capacity 1 that is not run.

    The compiler's figure leaves out the work space of library calls and was measured to be low by up to 2.1 times.
    """
    analysis: Any = _simulate.lower(program, base_key, np.int32(1), batch).compile().memory_analysis()
    return int(2.2 * (analysis.temp_size_in_bytes + analysis.output_size_in_bytes))


class Running:
    """A chunk dispatched to a device: `result()` waits for it."""

    def __init__(self, task: Task, device: jax.Device):
        self.task = task
        self.device = device
        self.started = time.perf_counter()
        self.failure: Exception | None = None
        try:
            self.outputs = self._dispatch(np.arange(len(task.batch.seeds)))
        except Exception as failure:
            self.failure = failure  # raised by result(), like one that comes up later

    def result(self) -> tuple[Outputs, float]:
        """Return the outputs of the chunk's cells, and the seconds they took (compilation included).

        Raises SimulationError if the simulator fails, OutOfMemory if fewer cells at once may fit into the memory.
        """
        count = len(self.task.batch.seeds)
        with self._naming_the_cell():
            if self.failure is not None:
                raise self.failure
            outputs = {name: np.asarray(array)[:count] for name, array in self.outputs.items()}
        return outputs, time.perf_counter() - self.started

    def _dispatch(self, rows: Int[np.ndarray, " rows"]) -> dict[str, Any]:
        program, base_key, batch, settings, _ = self.task
        padded = rows[np.minimum(np.arange(program.capacity), rows.size - 1)]
        with contextlib.ExitStack() as stack:
            for name, value in settings.items():
                stack.enter_context(getattr(jax, name)(value))
            arguments = base_key, np.int32(rows.size), jax.tree.map(lambda array: array[padded], batch)
            outputs: dict[str, Any] = _simulate(program, *jax.device_put(arguments, self.device))
            return outputs

    @contextlib.contextmanager
    def _naming_the_cell(self) -> Iterator[None]:
        """Turn an exception of the simulator into a `SimulationError`, and find its cell by running them one by one."""
        try:
            yield
        except Exception as failure:
            if str(failure).startswith("RESOURCE_EXHAUSTED") and self.task.program.capacity > 1:
                raise OutOfMemory(str(failure)) from failure
            error = failure
            batch = self.task.batch
            where = f"one of {len(batch.seeds)} cells, each of which runs well alone"
            for row in range(len(batch.seeds)):
                try:
                    jax.block_until_ready(self._dispatch(np.array([row])))
                except Exception as alone:
                    where, error = _cell_name(self.task.program, batch, row), alone
                    break
            reason = f"{type(error).__name__}: {error}".strip().splitlines()[-1]
            raise SimulationError(f"the simulator failed at {where}: {reason}") from error


def _cell_name(program: Program, batch: Batch, row: int) -> str:
    values = dict(program.static) | {name: column[row] for name, column in batch.parameters.items()}
    return ", ".join(f"{name}={value}" for name, value in (values | {"seed": batch.seeds[row]}).items())


def run_chunk(task: Task) -> tuple[Outputs, float] | SimulationError | OutOfMemory:
    """Run a chunk in a worker, on its first device, with the compilation cache of the process that sent it.

    What went wrong is returned, not raised: not every executor hands on an exception as it was.
    """
    if task.compilation_cache is not None:
        use_compilation_cache(task.compilation_cache)
    try:
        return Running(task, jax.local_devices()[0]).result()
    except (SimulationError, OutOfMemory) as error:
        error.add_note(traceback.format_exc())  # neither the traceback nor the cause travels
        return error
