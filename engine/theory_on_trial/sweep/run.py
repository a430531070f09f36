"""Running chunks of the cells of a sweep: one compiled program per shape, on devices here or wherever workers are."""

import contextlib
import dataclasses
import functools
import pkgutil
import queue
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, Shaped, UInt32

from theory_on_trial.base.compilation_cache import use_compilation_cache
from theory_on_trial.base.mapping import map_cells
from theory_on_trial.contract import require
from theory_on_trial.sweep.cells import Batch

Outputs = dict[str, Shaped[np.ndarray, "cells ..."]]
OutputShapes = tuple[tuple[str, tuple[int, ...], str], ...]  # name, shape and dtype of each output


class SimulationError(RuntimeError):
    """A simulator raised an exception while it ran; the message names the cell."""


class OutOfMemory(RuntimeError):
    """A chunk of more than one cell did not fit into the memory of a device."""


class WorkerDied(RuntimeError):
    """An executor did not return a chunk, for another reason than the simulator."""


@dataclasses.dataclass(frozen=True)
class Program:
    """What is compiled for up to `capacity` cells: a simulator, or its "module:name" for a worker, with its statics."""

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


def current_settings() -> dict[str, Any]:
    """Return those settings of JAX on which a simulator's numbers depend, by the names of their context managers."""
    names = ("enable_x64", "default_matmul_precision", "default_prng_impl", "threefry_partitionable")
    return {name: getattr(jax.config, f"jax_{name}") for name in names}


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


def run_chunk(task: Task, device: jax.Device | None = None) -> tuple[Outputs, float] | SimulationError | OutOfMemory:
    """Run a chunk; return its outputs and the seconds they took, compilation included.

    In a worker it runs on the first device, with the compilation cache of the process that sent it. What went wrong is
    returned, not raised, as not every executor hands on an exception as it was: a simulator that fails, or, where fewer
    cells at once may fit, too little memory.
    """
    in_worker = device is None
    if in_worker and task.compilation_cache is not None:
        use_compilation_cache(task.compilation_cache)
    device, count, started = device or jax.local_devices()[0], len(task.batch.seeds), time.perf_counter()
    try:
        outputs = {name: np.asarray(a)[:count] for name, a in _dispatch(task, device, np.arange(count)).items()}
    except Exception as failure:
        exhausted = str(failure).startswith("RESOURCE_EXHAUSTED") and task.program.capacity > 1
        error = OutOfMemory(str(failure)) if exhausted else _naming_the_cell(task, device, failure)
        error.__cause__ = failure
        if in_worker:
            error.add_note(traceback.format_exc())  # neither the traceback nor the cause travels
        return error
    return outputs, time.perf_counter() - started


def _dispatch(task: Task, device: jax.Device, rows: Int[np.ndarray, " rows"]) -> dict[str, Any]:
    program, base_key, batch, settings, _ = task
    padded = rows[np.minimum(np.arange(program.capacity), rows.size - 1)]
    with contextlib.ExitStack() as stack:
        for name, value in settings.items():
            stack.enter_context(getattr(jax, name)(value))
        arguments = base_key, np.int32(rows.size), jax.tree.map(lambda array: array[padded], batch)
        outputs: dict[str, Any] = _simulate(program, *jax.device_put(arguments, device))
        return outputs


def _naming_the_cell(task: Task, device: jax.Device, error: Exception) -> SimulationError:
    """Find the cell in which the simulator fails by running them one by one."""
    batch = task.batch
    where = f"one of {len(batch.seeds)} cells, each of which runs well alone"
    for row in range(len(batch.seeds)):
        try:
            jax.block_until_ready(_dispatch(task, device, np.array([row])))
        except Exception as alone:
            cell = dict(task.program.static) | {name: column[row] for name, column in batch.parameters.items()}
            where = ", ".join(f"{name}={value}" for name, value in [*cell.items(), ("seed", batch.seeds[row])])
            error = alone
            break
    reason = f"{type(error).__name__}: {error}".strip().splitlines()[-1]
    return SimulationError(f"the simulator failed at {where}: {reason}")


class Workers:
    """Where chunks are run: on this process's devices, a thread for each, or wherever an executor sends them.

    An executor is anything with `submit(function, argument)` whose results have `done()`, `result()` and `cancel()`.
    """

    def __init__(self, executor: Any, mode: Literal["map", "vmap"]):
        self._own: ThreadPoolExecutor | None = None
        if executor is None:
            devices = jax.local_devices()
            if mode == "vmap" and devices[0].platform == "cpu":
                devices = devices[:1]  # batched LAPACK calls on two CPU devices may wait for each other for ever
            self._free: queue.SimpleQueue[jax.Device] = queue.SimpleQueue()
            for device in devices:
                self._free.put(device)
            self.count = self.slots = len(devices)
            self._executor = self._own = ThreadPoolExecutor(self.count)
            return
        if not callable(getattr(executor, "submit", None)):
            raise TypeError(f"executor must have a method submit(function, argument), got {executor!r}")
        threads = isinstance(executor, ThreadPoolExecutor) and mode == "vmap"
        require(not threads, 'executor must not be a thread pool in mode "vmap": batched LAPACK calls dead-lock there')
        context: Any = getattr(executor, "_mp_context", None)
        require(
            not isinstance(executor, ProcessPoolExecutor) or context.get_start_method() != "fork",
            "executor must not fork, which JAX does not survive: "
            'use ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))',
        )
        self._executor = executor
        self.count = getattr(executor, "_max_workers", 16)  # other executors than the standard library's do not tell
        self.slots = 4 * self.count

    def submit(self, task: Task) -> Any:
        """Send a chunk to a worker, its simulator by name where possible: a jitted function cannot be pickled."""
        if self._own is not None:
            return self._own.submit(self._on_a_free_device, task)
        simulator: Any = task.program.simulator
        name = f"{simulator.__module__}:{simulator.__qualname__}"
        if simulator.__module__ != "__main__" and "<" not in name and pkgutil.resolve_name(name) is simulator:
            task = task._replace(program=dataclasses.replace(task.program, simulator=name))
        with _reporting_death():
            return self._executor.submit(run_chunk, task)

    def wait(self, pending: Iterable[Any]) -> list[Any]:
        """Return those of the chunks that have ended, at least one."""
        pending = list(pending)
        if all(isinstance(future, Future) for future in pending):
            return list(wait(pending, return_when=FIRST_COMPLETED).done)
        while not (done := [future for future in pending if future.done()]):
            time.sleep(0.05)
        return done

    def result(self, future: Any) -> tuple[Outputs, float]:
        """Return the outputs of a chunk that has ended and the seconds it took; raise what went wrong."""
        with _reporting_death():
            outcome: Any = future.result()
        if isinstance(outcome, Exception):
            raise outcome
        outputs: tuple[Outputs, float] = outcome
        return outputs

    def close(self) -> None:
        """End the threads of this process's devices once they have run what they have begun."""
        if self._own is not None:
            self._own.shutdown(wait=False, cancel_futures=True)

    def _on_a_free_device(self, task: Task) -> Any:
        device = self._free.get()
        try:
            return run_chunk(task, device)
        finally:
            self._free.put(device)


@contextlib.contextmanager
def _reporting_death() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]  # queue systems append whole logs
        raise WorkerDied(reason) from error
