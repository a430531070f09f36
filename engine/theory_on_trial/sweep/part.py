"""The cells of a sweep that share a program: run chunk by chunk, kept, found again, and shared
between processes.
"""

import contextlib
import dataclasses
import functools
import hashlib
import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import pandas as pd
from jax.experimental import multihost_utils
from jaxtyping import Int, Shaped, UInt32

from theory_on_trial.sweep.labels import Axis, as_traced
from theory_on_trial.sweep.run import Program, SimulationError, Task, Workers, bytes_per_cell
from theory_on_trial.sweep.store import ChunkStore

_SECONDS_PER_CHUNK = 2.0
# of the next chunk over the last: the first holds one cell, whose time includes the compilation
_GROWTH = 8
_CAPACITY = 1024  # cells per call of a program that runs them one after the other
_MEMORY = 2**32  # bytes of a CPU, whose free memory changes by the moment

Cells = Int[np.ndarray, " cells"]


@dataclasses.dataclass
class Part:
    """The cells of one choice of static values, numbered with the seeds fastest, and their results,
    filled in place.
    """

    program: Program
    key: int
    axes: dict[str, Axis]  # the last one is the seed
    common: Sequence[str]
    results: Mapping[str, Shaped[np.ndarray, "cells ..."]]
    store: ChunkStore | None

    def __post_init__(self) -> None:
        self.axes = {name: np.atleast_1d(axis) for name, axis in self.axes.items()}
        self.indices = {name: pd.Index(axis) for name, axis in self.axes.items()}
        self.shape = tuple(axis.size for axis in self.axes.values())
        self.missing = np.ones(math.prod(self.shape), bool)
        self.read()

    def read(self) -> None:
        """Fill in what is kept, by this process or by another."""
        for labels, outputs in self.store.chunks() if self.store else ():
            self._fill(self.numbers(labels), outputs)

    def labels(self, cells: Cells) -> dict[str, Shaped[np.ndarray, " cells"]]:
        """Return the parameter values and seeds of the cells, in the user's own dtypes."""
        positions = np.unravel_index(cells, self.shape)
        return {
            name: axis[at] for (name, axis), at in zip(self.axes.items(), positions, strict=True)
        }

    def numbers(
        self, labels: Mapping[str, Shaped[np.ndarray, " rows"]]
    ) -> Int[np.ndarray, " rows"]:
        """Return the numbers of the cells with these labels (the inverse of `labels`), -1 for each
        that is not ours.
        """
        positions = [index.get_indexer(labels[name]) for name, index in self.indices.items()]
        numbers = np.ravel_multi_index(tuple(positions), self.shape, mode="clip")
        return np.where(np.min(positions, axis=0) < 0, -1, numbers)

    def _task(self, program: Program, cells: Cells) -> Task:
        labels = self.labels(cells)
        seeds = labels.pop("seed").astype(np.uint32)
        parameters = {name: as_traced(values) for name, values in labels.items()}
        return Task(
            program, np.uint32(self.key), self._streams[cells // self.shape[-1]], seeds, parameters
        )

    @functools.cached_property
    def _streams(self) -> UInt32[np.ndarray, "points 2"]:
        """The first 64 bits of SHA-256 over the names and values of a point's parameters, `common`
        ones left out.
        """
        *names, _ = self.axes
        streams = []
        for point in itertools.product(*(self.axes[name].tolist() for name in names)):
            values = [*self.program.static, *zip(names, point, strict=True)]
            text = repr(
                sorted(
                    (name, _spelling(value)) for name, value in values if name not in self.common
                )
            )
            streams.append(np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], ">u4"))
        return np.array(streams, np.uint32)

    def run(
        self, cells: Cells, workers: Workers, chunk: int | None, advance: Callable[[int], Any]
    ) -> None:
        """Run cells, keep each chunk and report its size; SimulationError for a cell, RuntimeError
        if a worker dies.
        """
        capacity = self._capacity(workers, chunk)
        queue = cells
        is_timed = chunk is None and self.program.mode == "map"
        size = 1 if is_timed else capacity
        pending: dict[Any, tuple[Cells, int]] = {}
        failure: Exception | None = None
        try:
            while failure is None and (queue.size or pending):
                while queue.size and len(pending) < workers.slots:
                    batch, queue = np.split(queue, [size])
                    program = dataclasses.replace(self.program, capacity=capacity)
                    pending[workers.submit(self._task(program, batch))] = batch, capacity
                for future in workers.wait(pending):
                    batch, last_capacity = pending.pop(future)
                    try:
                        outcome = future.result()
                    except Exception as death:
                        outcome = death
                    if outcome is None:  # too little memory
                        queue = np.concatenate([batch, queue])
                        capacity = min(capacity, -(-last_capacity // 2))
                        size = min(size, capacity)
                    elif isinstance(outcome, Exception):
                        failure = outcome  # once the other finished chunks are kept
                    else:
                        outputs, seconds = outcome
                        self._keep(batch, outputs)
                        if is_timed:
                            growth = min(_SECONDS_PER_CHUNK / seconds, _GROWTH)
                            size = min(max(int(growth * batch.size), 1), capacity)
                        advance(batch.size)
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(f"(the sweep was interrupted; {self._kept()})")
            raise
        finally:
            for future in pending:
                future.cancel()  # where no worker has begun it
        if isinstance(failure, SimulationError):
            raise failure
        if failure is not None:
            reason = f"{type(failure).__name__}: {failure}".strip().splitlines()[
                0
            ]  # queue systems append whole logs
            raise RuntimeError(f"a worker died ({reason}); {self._kept()}") from failure

    def own_share(self) -> Cells:
        """Return the missing cells that this process of a job has to run.

        Each process takes the same share of every line of the grid, along all axes: costs may rise
        along one, and cells added at the end of one are to be shared, too. It must not depend on
        what is missing, which each sees otherwise.
        """
        missing = np.flatnonzero(self.missing)
        diagonals = np.sum(np.unravel_index(missing, self.shape), axis=0)
        return np.asarray(missing[diagonals % jax.process_count() == jax.process_index()])

    def _fill(self, cells: Int[np.ndarray, " rows"], outputs: Mapping[str, Any]) -> None:
        ours = cells >= 0
        for name, rows in outputs.items():
            self.results[name][cells[ours]] = rows[ours]
        self.missing[cells[ours]] = False

    def _keep(self, cells: Cells, outputs: Mapping[str, Any]) -> None:
        if self.store is not None:
            try:
                self.store.save(self.labels(cells), outputs)
            except OSError as error:
                warnings.warn(
                    f"chunks cannot be kept in {self.store.folder} ({error.strerror or error}): "
                    "this sweep goes on and "
                    "will return them, but if it is interrupted they are lost",
                    RuntimeWarning,
                    stacklevel=5,  # the caller of sweep
                )
        self._fill(cells, outputs)

    def _kept(self) -> str:
        if self.store is None:
            return "nothing was kept, because no cache was given"
        self.missing[:] = True
        # the disk may have been full, or the interrupt have come while a chunk was written
        self.read()
        count = self.missing.size - self.missing.sum()
        folder = self.store.folder
        return (
            f"{count} of {self.missing.size} cells are kept in {folder}: run the same sweep "
            "again to resume"
        )

    def _capacity(self, workers: Workers, chunk: int | None) -> int:
        """Return how many cells a call of the program takes: in mode "vmap" that is the size of
        every chunk.
        """
        if self.program.mode == "vmap":
            cell_bytes = bytes_per_cell(self._task(self.program, np.arange(1)))
            most = -(-self.missing.size // (workers.count * jax.process_count()))
        else:
            cell_bytes = sum(array[:1].nbytes for array in self.results.values())
            most = min(self.missing.size, _CAPACITY)
        budget = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit", _MEMORY) // 4
        # powers of two: few shapes, few compilations
        fitting = 1 << max(budget // max(cell_bytes, 1), 1).bit_length() - 1
        enough = 1 << ((self.missing.size if chunk else most) - 1).bit_length()
        return int(min(fitting, enough, chunk or fitting))


def _spelling(value: Any) -> str:
    """Spell equal numbers equally, so that 1 and 1.0, traced or static, are one parameter value
    with one stream.
    """
    is_whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
    return repr(int(value) if is_whole else value)


@contextlib.contextmanager
def joined(parts: Sequence[Part], advance: Callable[[int], Any]) -> Iterator[None]:
    """Run the body, wait until all processes of the job have, and read what the others have kept.

    Raises RuntimeError if another process failed or died, or kept its cells in a folder that is not
    this one's.
    """
    try:
        yield
    except Exception:
        with contextlib.suppress(
            Exception
        ):  # ours is what matters, even if another process is gone
            multihost_utils.sync_global_devices("sweep")
        raise
    folders = ", ".join(str(part.store.folder) for part in parts if part.store)
    try:
        multihost_utils.sync_global_devices("sweep")
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        remedy = f"what is finished is kept in {folders}: start it again to resume"
        raise RuntimeError(f"another process of the job died ({reason}); {remedy}") from error
    for part in parts:
        before = part.missing.sum()
        if before:
            part.read()
            advance(int(before - part.missing.sum()))
        if part.missing.any():
            raise RuntimeError(
                f"{part.missing.sum()} cells of other processes of the job are not in {folders}: "
                "one of them failed, "
                f"or cache is not a folder that all {jax.process_count()} share"
            )
