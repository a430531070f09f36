"""Where the chunks of a sweep are run: on the devices of this process, or wherever an executor sends them."""

import contextlib
import dataclasses
import itertools
import pkgutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from typing import Any, Literal

import jax

from theory_on_trial.sweep._run import Outputs, Running, Task, run_chunk


class LocalDevices:
    """The devices of this process as workers: each chunk is dispatched, without waiting, to the next of them."""

    def __init__(self, mode: Literal["map", "vmap"]):
        devices = jax.local_devices()
        if mode == "vmap" and devices[0].platform == "cpu":
            devices = devices[:1]  # batched LAPACK calls on two CPU devices may wait for each other for ever
        self.count = self.slots = len(devices)
        self._next = itertools.cycle(devices)

    def submit(self, task: Task) -> Running:
        """Dispatch a chunk to the device whose turn it is."""
        return Running(task, next(self._next))

    def wait(self, pending: Iterable[Running]) -> list[Running]:
        """Return the chunk dispatched first: its device is the next in turn."""
        return [next(iter(pending))]

    def result(self, running: Running) -> tuple[Outputs, float]:
        """Wait for a chunk and return its outputs and the seconds it took."""
        return running.result()

    def cancel(self, running: Running) -> None:
        """Leave a dispatched chunk to itself."""


class WorkerDied(RuntimeError):
    """An executor did not return a chunk, for another reason than the simulator."""


class Executor:
    """Anything with `submit(function, argument)` whose results have `done()`, `result()` and `cancel()`, as workers."""

    def __init__(self, executor: Any, mode: Literal["map", "vmap"]):
        if not callable(getattr(executor, "submit", None)):
            raise TypeError(f"executor must have a method submit(function, argument), got {executor!r}")
        if isinstance(executor, ThreadPoolExecutor) and mode == "vmap":
            raise ValueError('executor must not be a thread pool in mode "vmap": batched LAPACK calls dead-lock there')
        context: Any = getattr(executor, "_mp_context", None)
        if isinstance(executor, ProcessPoolExecutor) and context.get_start_method() == "fork":
            raise ValueError(
                "executor must not fork, which JAX does not survive: "
                'use ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))'
            )
        self._executor = executor
        self.count = getattr(executor, "_max_workers", 16)  # other executors than the standard library's do not tell
        self.slots = 4 * self.count

    def submit(self, task: Task) -> Any:
        """Send a chunk to a worker, its simulator by name where possible: a jitted function cannot be pickled."""
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
        """Return the outputs of a chunk that has ended and the seconds it took."""
        with _reporting_death():
            outcome = future.result()
        if isinstance(outcome, Exception):
            raise outcome
        found: tuple[dict[str, np.ndarray], float] = outcome
        return found

    def cancel(self, future: Any) -> None:
        """Take back a chunk that no worker has begun."""
        future.cancel()


@contextlib.contextmanager
def _reporting_death() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]  # queue systems append whole logs
        raise WorkerDied(reason) from error
