"""Running chunks of the cells of a sweep: one compiled program per shape, on devices here or
wherever workers are.
"""

import contextlib
import dataclasses
import functools
import pkgutil
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, Shaped, UInt32

from theory_on_trial.base.compilation_cache import compilation_cache_in_use, use_compilation_cache
from theory_on_trial.base.mapping import map_cells
from theory_on_trial.contract import require
from theory_on_trial.sweep.labels import OutputShapes

Outputs = dict[str, Shaped[np.ndarray, "cells ..."]]


class SimulationError(RuntimeError):
    """A simulator raised an exception while it ran; the message names the cell."""


@dataclasses.dataclass(frozen=True)
class Program:
    """What is compiled for up to `capacity` cells: a simulator, or its "module:name" for a worker,
    with its statics.
    """

    simulator: Callable[..., Any] | str
    static: tuple[tuple[str, Any], ...]
    static_text: str  # 1 == 1.0 == True, yet they make different programs
    outputs: OutputShapes
    mode: Literal["map", "vmap"]
    capacity: int = 1


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
class Task:
    """A chunk of cells with all that a process needs to run it: plain data, no jitted function."""

    program: Program
    key: np.uint32
    streams: UInt32[np.ndarray, "cells 2"]
    seeds: UInt32[np.ndarray, " cells"]
    parameters: dict[str, Shaped[np.ndarray, " cells"]]  # the traced ones
    settings: Mapping[str, Any] = dataclasses.field(default_factory=current_settings)
    compilation_cache: str | None = dataclasses.field(default_factory=compilation_cache_in_use)


@functools.partial(jax.jit, static_argnums=0)
def _simulate(program: Program, key_seed: Any, count: Any, *cells: Any) -> dict[str, Any]:
    """Simulate the first `count` of the cells, padded to the program's capacity; the remaining rows
    are zeros.

    The number of cells is traced, so that chunks of all sizes, the last one too, share one
    compilation.
    """
    simulator = (
        pkgutil.resolve_name(program.simulator)
        if isinstance(program.simulator, str)
        else program.simulator
    )
    root = jax.random.key(key_seed)

    def simulate(stream: Any, seed: Any, parameters: Any) -> dict[str, Any]:
        key = functools.reduce(jax.random.fold_in, (*stream, seed), root)
        arrays = jax.tree.leaves(simulator(key, **dict(program.static), **parameters))
        return {
            name: jnp.asarray(a, dtype)
            for a, (name, _, dtype) in zip(arrays, program.outputs, strict=True)
        }

    def blank(*_: Any) -> dict[str, Any]:
        return {name: jnp.zeros(shape, dtype) for name, shape, dtype in program.outputs}

    def simulate_or_skip(index: Any, *cell: Any) -> Any:
        return jax.lax.cond(index < count, simulate, blank, *cell)

    outputs: dict[str, Any] = map_cells(
        simulate_or_skip, jnp.arange(program.capacity), *cells, mode=program.mode
    )
    return outputs


def bytes_per_cell(task: Task) -> int:
    """Estimate the memory of one vmapped cell, from the compilation of a program of capacity 1 that
    is not run.

    The compiler's figure leaves out the work space of library calls and was measured to be low by
    up to 2.1 times.
    """
    lowering = _simulate.lower(
        task.program, task.key, np.int32(1), task.streams, task.seeds, task.parameters
    )
    analysis: Any = lowering.compile().memory_analysis()
    return int(2.2 * (analysis.temp_size_in_bytes + analysis.output_size_in_bytes))


def run_chunk(task: Task) -> tuple[Outputs, float] | SimulationError | None:
    """Run a chunk on the default device; return its outputs and the seconds they took, compilation
    included.

    What went wrong is returned, not raised, as not every executor hands on an exception as it was:
    the error of a simulator that fails, or None where there is too little memory for the cells at
    once.
    """
    if task.compilation_cache is not None:
        use_compilation_cache(task.compilation_cache)
    count = len(task.seeds)
    start = time.perf_counter()
    try:
        outputs = {
            name: np.asarray(a)[:count] for name, a in _dispatch(task, np.arange(count)).items()
        }
    except Exception as failure:
        if str(failure).startswith("RESOURCE_EXHAUSTED") and task.program.capacity > 1:
            return None
        error = _naming_the_cell(task, failure)
        error.add_note(traceback.format_exc())  # neither a traceback nor a cause travels
        return error
    return outputs, time.perf_counter() - start


def _dispatch(task: Task, rows: Int[np.ndarray, " rows"]) -> dict[str, Any]:
    indices = rows[np.minimum(np.arange(task.program.capacity), rows.size - 1)]
    cells = jax.tree.map(lambda array: array[indices], (task.streams, task.seeds, task.parameters))
    with contextlib.ExitStack() as stack:
        for name, value in task.settings.items():
            stack.enter_context(getattr(jax, name)(value))
        outputs: dict[str, Any] = _simulate(task.program, task.key, np.int32(rows.size), *cells)
        return outputs


def _naming_the_cell(task: Task, error: Exception) -> SimulationError:
    """Find the cell in which the simulator fails by running them one by one."""
    where = f"one of {len(task.seeds)} cells, each of which runs well alone"
    for row, seed in enumerate(task.seeds):
        try:
            jax.block_until_ready(_dispatch(task, np.array([row])))
        except Exception as alone:
            cell = dict(task.program.static) | {
                name: column[row] for name, column in task.parameters.items()
            }
            where = ", ".join(f"{name}={value}" for name, value in [*cell.items(), ("seed", seed)])
            error = alone
            break
    reason = f"{type(error).__name__}: {error}".strip().splitlines()[-1]
    return SimulationError(f"the simulator failed at {where}: {reason}")


class Workers:
    """Where chunks are run: on this process's devices, a thread for each, or wherever an executor
    sends them.

    An executor is anything with `submit(function, argument)` whose results have `done()`,
    `result()` and `cancel()`.
    """

    def __init__(self, executor: Any, mode: Literal["map", "vmap"]):
        self._elsewhere = executor is not None
        if not self._elsewhere:
            devices = [*jax.local_devices()]
            if mode == "vmap" and devices[0].platform == "cpu":
                del devices[
                    1:
                ]  # batched LAPACK calls on two CPU devices may wait for each other for ever
            self.count = self.slots = len(devices)

            def take_a_device() -> (
                None
            ):  # for as long as the thread lives, which ends with the pool
                jax.default_device(devices.pop()).__enter__()

            self._executor: Any = ThreadPoolExecutor(self.count, initializer=take_a_device)
            return
        if not callable(getattr(executor, "submit", None)):
            raise TypeError(
                f"executor must have a method submit(function, argument), got {executor!r}"
            )
        threads = isinstance(executor, ThreadPoolExecutor) and mode == "vmap"
        require(
            not threads,
            'executor must not be a thread pool in mode "vmap": batched LAPACK calls dead-lock '
            "there",
        )
        context: Any = getattr(executor, "_mp_context", None)
        require(
            not isinstance(executor, ProcessPoolExecutor) or context.get_start_method() != "fork",
            "executor must not fork, which JAX does not survive: "
            'use ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))',
        )
        self._executor = executor
        self.count = getattr(
            executor, "_max_workers", 16
        )  # other executors than the standard library's do not tell
        self.slots = 4 * self.count

    def submit(self, task: Task) -> Any:
        """Send a chunk to a worker, its simulator by name where possible: a jitted function cannot
        be pickled.
        """
        simulator: Any = task.program.simulator
        name = f"{simulator.__module__}:{simulator.__qualname__}"
        importable = simulator.__module__ != "__main__" and "<" not in name
        if self._elsewhere and importable and pkgutil.resolve_name(name) is simulator:
            task = dataclasses.replace(
                task, program=dataclasses.replace(task.program, simulator=name)
            )
        try:
            return self._executor.submit(run_chunk, task)
        except (
            Exception
        ) as death:  # of a pool that is broken: it shows when the result is asked for
            future: Future[Any] = Future()
            future.set_exception(death)
            return future

    def wait(self, pending: Iterable[Any]) -> list[Any]:
        """Return those of the chunks that have ended, at least one."""
        pending = list(pending)
        if all(isinstance(future, Future) for future in pending):
            return list(wait(pending, return_when=FIRST_COMPLETED).done)
        while not (futures := [future for future in pending if future.done()]):
            time.sleep(0.05)
        return futures
