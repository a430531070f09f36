"""The cells of a sweep that share a program: run chunk by chunk, kept, found again, and shared between processes."""

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Int, Shaped, UInt32

from theory_on_trial.base.compilation_cache import compilation_cache_in_use
from theory_on_trial.contract import require
from theory_on_trial.sweep.cells import Cells
from theory_on_trial.sweep.run import (
    OutOfMemory,
    Program,
    SimulationError,
    Task,
    WorkerDied,
    Workers,
    bytes_per_cell,
    current_settings,
)
from theory_on_trial.sweep.store import ChunkStore

_SECONDS_PER_CHUNK = 2.0
_GROWTH = 8  # of the next chunk over the last: the first holds one cell, whose time includes the compilation
_CAPACITY = 1024  # cells per call of a program that runs them one after the other
_MEMORY = 2**32  # bytes of a CPU, whose free memory changes by the moment


class Part:
    """The cells of one combination of static values, their results (filled in place) and where these are kept."""

    def __init__(
        self,
        program: Program,
        cells: Cells,
        results: Mapping[str, Shaped[np.ndarray, "cells ..."]],
        store: ChunkStore | None,
    ):
        self.program, self.cells, self.results, self.store = program, cells, results, store
        self.missing = np.ones(len(cells), bool)
        self.read()

    def read(self) -> None:
        """Fill in what is kept, by this process or by another."""
        for labels, outputs in self.store.chunks() if self.store else ():
            self._fill(labels, outputs)

    def run(
        self,
        numbers: Int[np.ndarray, " cells"],
        base_key: UInt32[np.ndarray, "..."],
        workers: Workers,
        chunk: int | None,
        memory: int | float | None,
    ) -> Iterator[int]:
        """Run cells, keep each chunk and yield its size; SimulationError for a cell, RuntimeError if a worker dies."""
        capacity = self._capacity(base_key, workers, chunk, memory)
        fixed = chunk is not None or self.program.mode == "vmap"
        size, waiting = capacity if fixed else 1, numbers
        pending: dict[Any, tuple[Int[np.ndarray, " cells"], int]] = {}
        try:
            while waiting.size or pending:
                while waiting.size and len(pending) < workers.slots:
                    share = -(-waiting.size // workers.count)
                    batch, waiting = np.split(waiting, [size if fixed else min(size, share)])
                    program = dataclasses.replace(self.program, capacity=capacity)
                    settings, cache = current_settings(), compilation_cache_in_use()
                    future = workers.submit(Task(program, base_key, self.cells.batch(batch), settings, cache))
                    pending[future] = batch, capacity
                failures = []
                for future in workers.wait(pending):
                    batch, tried = pending.pop(future)
                    try:
                        outputs, seconds = workers.result(future)
                    except OutOfMemory:
                        waiting = np.concatenate([batch, waiting])
                        capacity = min(capacity, -(-tried // 2))
                        size = min(size, capacity)
                        continue
                    except (SimulationError, WorkerDied) as error:
                        failures.append(error)  # once the other finished chunks are kept
                        continue
                    self._keep(batch, outputs)
                    if not fixed:
                        growth = min(_SECONDS_PER_CHUNK / seconds, _GROWTH)
                        size = min(max(int(growth * batch.size), 1), capacity)
                    yield batch.size
                if failures:
                    raise failures[0]
        except WorkerDied as error:
            raise RuntimeError(f"a worker died ({error}); {self.kept()}") from error
        finally:
            for future in pending:
                future.cancel()  # where no worker has begun it

    def own_share(self) -> Int[np.ndarray, " own"]:
        """Return the missing cells that this process of a job has to run.

        Each process takes the same share of every line of the grid, along all axes: costs may rise along one, and cells
        added at the end of one are to be shared, too. It must not depend on what is missing, which each sees otherwise.
        """
        missing = np.flatnonzero(self.missing)
        diagonals = np.sum(np.unravel_index(missing, self.cells.shape), axis=0)
        return np.asarray(missing[diagonals % jax.process_count() == jax.process_index()])

    def _fill(self, labels: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        numbers = self.cells.numbers(labels)
        ours = numbers >= 0
        for name, rows in outputs.items():
            self.results[name][numbers[ours]] = rows[ours]
        self.missing[numbers[ours]] = False

    def _keep(self, numbers: Int[np.ndarray, " cells"], outputs: Mapping[str, Any]) -> None:
        labels = self.cells.labels(numbers)
        if self.store is not None:
            try:
                self.store.save(labels, outputs)
            except OSError as error:
                warnings.warn(
                    f"chunks cannot be kept in {self.store.folder} ({error.strerror or error}): this sweep goes on and "
                    "will return them, but if it is interrupted they are lost",
                    RuntimeWarning,
                    stacklevel=4,  # the caller of sweep
                )
        self._fill(labels, outputs)

    def kept(self) -> str:
        """Say what is kept, and where."""
        if self.store is None:
            return "nothing was kept, because no cache was given"
        done = len(self.cells) - self.missing.sum()
        kept = f"{self.store.count()} finished chunks with {done} of {len(self.cells)} cells"
        return f"{kept} are kept in {self.store.folder}: run the same sweep again to resume"

    def _capacity(self, base_key: Any, workers: Workers, chunk: int | None, memory: int | float | None) -> int:
        """Return how many cells a call of the program takes: in mode "vmap" that is the size of every chunk."""

        def find() -> int:
            if self.program.mode == "vmap":
                cell_bytes = bytes_per_cell(self.program, base_key, self.cells.batch(np.arange(1)))
                most = -(-len(self.cells) // (workers.count * jax.process_count()))
            else:
                cell_bytes = sum(array[:1].nbytes for array in self.results.values())
                most = min(len(self.cells), _CAPACITY)
            limit = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit", _MEMORY)
            budget = limit // 4 if memory is None else int(memory)
            require(
                cell_bytes <= budget, f"memory must hold a cell, which needs about {cell_bytes} bytes, got {budget}"
            )
            # powers of two: few shapes, few compilations
            fitting = 1 << (budget // max(cell_bytes, 1)).bit_length() - 1
            enough = 1 << ((len(self.cells) if chunk else most) - 1).bit_length()
            return min(fitting, enough, chunk or fitting)

        return self.store.chunk_size(find) if self.program.mode == "vmap" and self.store is not None else find()


@contextlib.contextmanager
def joined(parts: Sequence[Part], advance: Callable[[int], Any], shared: bool) -> Iterator[None]:
    """Run the body and, if the sweep is `shared`, wait until all processes have, then read what the others have kept.

    Raises RuntimeError if another process failed or died, or kept its cells in a folder that is not this one's.
    """
    try:
        yield
    except Exception:
        if shared:
            with contextlib.suppress(Exception):  # ours is what matters, even if another process is gone
                _failed(True)
        raise
    if not shared:
        return
    kept = f"what is finished is kept in {', '.join(str(part.store.folder) for part in parts if part.store)}"
    try:
        failed = _failed(False)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise RuntimeError(f"another process of the job died ({reason}); {kept}: start it again to resume") from error
    if failed.size:
        which = ", ".join(map(str, failed))
        raise RuntimeError(f"the sweep failed in process {which} of the job, which says why; {kept}")
    for part in parts:
        before = part.missing.sum()
        if before:
            part.read()
            advance(int(before - part.missing.sum()))
        if part.missing.any():
            raise RuntimeError(
                f"cache must be a folder that all {jax.process_count()} processes of the job share, but "
                f"{part.missing.sum()} cells of other processes are not in {part.store and part.store.folder}"
            )


def _failed(here: bool) -> Int[np.ndarray, " failed"]:
    """Return the numbers of the processes that failed, once each has said whether it did."""
    return np.flatnonzero(multihost_utils.process_allgather(np.array(here)))
