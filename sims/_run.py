"""Running the cells of a sweep: one compiled program per shape, on the local devices or wherever an executor sends it."""

import contextlib
import dataclasses
import functools
import itertools
import pkgutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key, Shaped, UInt32

from sims._cells import Batch
from sims.compilation_cache import use_compilation_cache
from sims.mapping import map_cells

Outputs = dict[str, Shaped[np.ndarray, "cells ..."]]


class SimulationError(RuntimeError):
    """A simulator raised an exception while it ran; the message names the cell."""


@dataclasses.dataclass(frozen=True)
class Program:
    """What is compiled: a simulator with its static parameters, over up to `capacity` cells.

    `simulator` is the function itself, or "module:name" of one that a worker can import.
    """

    simulator: Callable[..., Any] | str
    static: tuple[tuple[str, Any], ...]
    static_text: str  # 1 == 1.0 == True, yet they make different programs
    outputs: tuple[tuple[str, tuple[int, ...], str], ...]  # name, shape, dtype
    key_impl: str
    mode: Literal["map", "vmap"]
    capacity: int


class Task(NamedTuple):
    """A chunk of cells with all that a process needs to run it: plain data, no jitted function, no typed key."""

    program: Program
    base_key: UInt32[np.ndarray, "..."]
    batch: Batch
    settings: Mapping[str, Any]
    compilation_cache: str | None


def current_settings() -> dict[str, Any]:
    """Return those settings of JAX on which a simulator's numbers depend, by the names of their context managers."""
    names = ("enable_x64", "default_matmul_precision", "threefry_partitionable")
    return {name: getattr(jax.config, f"jax_{name}") for name in names}


def reference(simulator: Callable[..., Any]) -> Callable[..., Any] | str:
    """Return "module:name" for a function that other processes can import, and the function itself for any other.

    (A jitted function cannot be pickled, but it can be imported.)
    """
    name = f"{simulator.__module__}:{simulator.__qualname__}"
    if simulator.__module__ != "__main__" and "<" not in simulator.__qualname__:
        if pkgutil.resolve_name(name) is simulator:
            return name
    return simulator


def named_outputs(default: str, outputs: Any) -> dict[str, Any]:
    """Flatten what a simulator returns: dict keys and field names name the arrays, `out0`, ... the items of a tuple."""
    named = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(outputs):
        name = jax.tree_util.keystr(path, simple=True, separator="_") or default
        named[f"out{name}" if name[0].isdigit() else name] = leaf
    return named


def base_key_of(data: Any, impl: str) -> Key[Array, ""]:
    """Return the key with this key data, or made from this seed."""
    return jax.random.key(data, impl=impl) if data.ndim == 0 else jax.random.wrap_key_data(data, impl=impl)


@functools.partial(jax.jit, static_argnums=0)
def _simulate(program: Program, base_key: Any, count: Any, batch: Any) -> dict[str, Any]:
    """Simulate the first `count` cells of a batch padded to the program's capacity; the remaining rows are zeros.

    The number of cells is traced, so that chunks of all sizes, the last one too, share one compilation.
    """
    simulator = pkgutil.resolve_name(program.simulator) if isinstance(program.simulator, str) else program.simulator
    root = base_key_of(base_key, program.key_impl)

    def simulate(stream: Any, seed: Any, parameters: Any) -> dict[str, Any]:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(root, stream[0]), stream[1]), seed)
        named = named_outputs(program.outputs[0][0], simulator(key, **dict(program.static), **parameters))
        return {name: jnp.asarray(named[name], dtype) for name, _, dtype in program.outputs}

    def blank(*_: Any) -> dict[str, Any]:
        return {name: jnp.zeros(shape, dtype) for name, shape, dtype in program.outputs}

    def simulate_or_skip(index: Any, *cell: Any) -> dict[str, Any]:
        return jax.lax.cond(index < count, simulate, blank, *cell)

    return map_cells(simulate_or_skip, jnp.arange(program.capacity), *batch, mode=program.mode)


def bytes_per_cell(program: Program, base_key: UInt32[np.ndarray, "..."], batch: Batch) -> int:
    """Estimate the memory of one vmapped cell from a compilation for a single one, without running it.

    The compiler's figure leaves out the work space of library calls and was measured to be low by up to 2.1 times.
    """
    alone = dataclasses.replace(program, capacity=1)
    first = jax.tree.map(lambda array: array[:1], batch)
    analysis = _simulate.lower(alone, base_key, np.int32(1), first).compile().memory_analysis()
    return int(2.2 * (analysis.temp_size_in_bytes + analysis.output_size_in_bytes))


class Running:
    """A chunk dispatched to a device: `result()` waits for it."""

    def __init__(self, task: Task, device: jax.Device):
        self.task = task
        self.device = device
        self.started = time.perf_counter()
        with self._naming_the_cell():
            self.outputs = self._dispatch(np.arange(len(task.batch.seeds)))

    def result(self) -> tuple[Outputs, float]:
        """Return the outputs of the chunk's cells, and the seconds they took (compilation included)."""
        count = len(self.task.batch.seeds)
        with self._naming_the_cell():
            outputs = {name: np.asarray(array)[:count] for name, array in self.outputs.items()}
        return outputs, time.perf_counter() - self.started

    def _dispatch(self, rows: Int[np.ndarray, " rows"]) -> dict[str, Any]:
        program, base_key, batch, settings, _ = self.task
        padded = rows[np.minimum(np.arange(program.capacity), rows.size - 1)]
        with contextlib.ExitStack() as stack:
            for name, value in settings.items():
                stack.enter_context(getattr(jax, name)(value))
            arguments = base_key, np.int32(rows.size), jax.tree.map(lambda array: array[padded], batch)
            return _simulate(program, *jax.device_put(arguments, self.device))

    @contextlib.contextmanager
    def _naming_the_cell(self) -> Iterator[None]:
        """Turn an exception of the simulator into a `SimulationError`, after running the cells one by one to find it."""
        try:
            yield
        except Exception as error:
            program, _, batch, _, _ = self.task
            culprit, cause = None, error
            for row in range(len(batch.seeds)):
                try:
                    jax.block_until_ready(self._dispatch(np.array([row])))
                except Exception as alone:
                    culprit, cause = row, alone
                    break
            where = "a cell that runs well alone" if culprit is None else cell_name(program, batch, culprit)
            what = f"{type(cause).__name__}: {str(cause).strip().splitlines()[-1]}"
            raise SimulationError(f"the simulator failed at {where}: {what}") from error


def cell_name(program: Program, batch: Batch, row: int) -> str:
    """Return the parameter values and the seed of a cell, for a message."""
    values = dict(program.static) | {name: column[row] for name, column in batch.parameters.items()}
    return ", ".join(f"{name}={value}" for name, value in (values | {"seed": batch.seeds[row]}).items())


def run_chunk(task: Task) -> tuple[Outputs, float]:
    """Run a chunk in a worker, on its first device, with the compilation cache of the process that sent it."""
    if task.compilation_cache is not None:
        use_compilation_cache(task.compilation_cache)
    return Running(task, jax.local_devices()[0]).result()


class LocalDevices:
    """The devices of this process as something to submit to: each chunk goes to the next of them, asynchronously."""

    def __init__(self, mode: Literal["map", "vmap"]):
        devices = jax.local_devices()
        if mode == "vmap" and devices[0].platform == "cpu":
            devices = devices[:1]  # batched LAPACK calls on two CPU devices wait for each other's threads for ever
        self.workers = self.slots = len(devices)
        self._next = itertools.cycle(devices)

    def submit(self, task: Task) -> Running:
        """Dispatch a chunk to the device whose turn it is."""
        return Running(task, next(self._next))

    def wait(self, pending: Iterable[Running]) -> list[Running]:
        """Return the chunk dispatched first: it ends first, and its device is the next in turn."""
        return [next(iter(pending))]


class Executor:
    """Anything with `submit(function, argument)` whose results have `done()`, `result()` and perhaps `cancel()`."""

    def __init__(self, executor: Any, mode: Literal["map", "vmap"]):
        if not callable(getattr(executor, "submit", None)):
            raise TypeError(f"executor must have a method submit(function, argument), got {executor!r}")
        if isinstance(executor, ThreadPoolExecutor) and mode == "vmap":
            raise ValueError('executor must not be a thread pool in mode "vmap": batched LAPACK calls dead-lock there')
        if isinstance(executor, ProcessPoolExecutor) and executor._mp_context.get_start_method() == "fork":
            raise ValueError(
                "executor must not fork, which JAX does not survive: "
                'use ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))'
            )
        self._executor = executor
        self.workers = getattr(executor, "_max_workers", 16)  # a foreign executor does not tell: 64 chunks at a time
        self.slots = 4 * self.workers

    def submit(self, task: Task) -> Any:
        """Send a chunk to a worker."""
        return self._executor.submit(run_chunk, task)

    def wait(self, pending: Iterable[Any]) -> list[Any]:
        """Return those of the chunks that have ended, at least one."""
        pending = list(pending)
        if all(isinstance(future, Future) for future in pending):
            return list(wait(pending, return_when=FIRST_COMPLETED).done)
        while not (done := [future for future in pending if future.done()]):
            time.sleep(0.05)
        return done
