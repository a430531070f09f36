"""The cells of a sweep that share a program: numbered, run chunk by chunk, kept and found again."""

import dataclasses
import functools
import hashlib
import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import jax
import joblib
import numpy as np
import pandas as pd
from jaxtyping import Int, Shaped, UInt32

from theory_on_trial.base.workers import mapped
from theory_on_trial.contract import require
from theory_on_trial.sweep.chunk import Program, SimulationError, Task, run_chunk
from theory_on_trial.sweep.labels import Axis, as_traced
from theory_on_trial.sweep.store import ChunkStore

_SECONDS_PER_CHUNK = 2.0
# of the next chunk over the last: the first holds one cell, whose time includes the compilation
_GROWTH = 8
_CAPACITY = 1024  # cells per call of a program
_MEMORY = 2**30  # bytes of the results of a call

Cells = Int[np.ndarray, " cells"]


@dataclasses.dataclass
class Part:
    """The cells of one choice of static values, numbered with the seeds fastest, and their results,
    filled in place.
    """

    program: Program  # its capacity is for `run` to set
    mode: Literal["map", "vmap"]
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
            positions = [index.get_indexer(labels[name]) for name, index in self.indices.items()]
            ours = np.min(positions, axis=0) >= 0
            numbers = np.ravel_multi_index(tuple(positions), self.shape, mode="clip")
            self._fill(numbers[ours], {name: rows[ours] for name, rows in outputs.items()})

    def run(self, chunk: int | None, advance: Callable[[int], Any]) -> None:
        """Run the missing cells, keep each chunk and report its size.

        Raises SimulationError for a cell that fails, RuntimeError if a worker dies.
        """
        failure: SimulationError | None = None
        is_timed = chunk is None and self.mode == "map"
        program = self._program(chunk)
        size = 1 if is_timed else program.capacity

        def tasks() -> Iterator[Task]:
            queue = np.flatnonzero(self.missing)
            for number in itertools.count():
                if failure is not None or not queue.size:
                    return
                batch, queue = np.split(queue, [size])
                yield self._task(program, number % _devices(self.mode), batch)

        try:
            for outcome in mapped(run_chunk, tasks(), _devices(self.mode)):
                if isinstance(outcome, SimulationError):
                    failure = outcome  # once the other finished chunks are kept
                    continue
                task, outputs, seconds = outcome
                self._keep(task.cells, outputs)
                if is_timed:
                    growth = min(_SECONDS_PER_CHUNK / seconds, _GROWTH)
                    size = min(max(int(growth * task.cells.size), 1), program.capacity)
                advance(task.cells.size)
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(f"(the sweep was interrupted; {self._kept()})")
            raise
        except Exception as death:
            # some backends append whole logs
            reason = f"{type(death).__name__}: {death}".strip().splitlines()[0]
            raise RuntimeError(f"a worker died ({reason}); {self._kept()}") from death
        if failure is not None:
            raise failure

    def _program(self, chunk: int | None) -> Program:
        """Set how many cells a call takes: powers of two, so that there are few shapes to
        compile.
        """
        cell_bytes = max(sum(array[:1].nbytes for array in self.results.values()), 1)
        fitting = 1 << max(_MEMORY // cell_bytes, 1).bit_length() - 1
        enough = 1 << (self.missing.size - 1).bit_length()
        capacity = int(min(fitting, enough, chunk or _CAPACITY))
        batch = capacity if self.mode == "vmap" else None
        return dataclasses.replace(self.program, capacity=capacity, batch=batch)

    def _task(self, program: Program, device: int, cells: Cells) -> Task:
        labels = self._labels(cells)
        seeds = labels.pop("seed").astype(np.uint32)
        parameters = {name: as_traced(values) for name, values in labels.items()}
        streams = self._streams[cells // self.shape[-1]]
        return Task(program, device, self.key, cells, streams, seeds, parameters)

    def _labels(self, cells: Cells) -> dict[str, Shaped[np.ndarray, " cells"]]:
        """Return the parameter values and seeds of the cells, in the user's own dtypes."""
        positions = np.unravel_index(cells, self.shape)
        return {
            name: axis[at] for (name, axis), at in zip(self.axes.items(), positions, strict=True)
        }

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

    def _fill(self, cells: Cells, outputs: Mapping[str, Any]) -> None:
        for name, rows in outputs.items():
            self.results[name][cells] = rows
        self.missing[cells] = False

    def _keep(self, cells: Cells, outputs: Mapping[str, Any]) -> None:
        if self.store is not None:
            try:
                self.store.save(self._labels(cells), outputs)
            except OSError as error:
                warnings.warn(
                    f"chunks cannot be kept in {self.store.folder} ({error.strerror or error}): "
                    "this sweep goes on and will return them, but if it is interrupted they are "
                    "lost",
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
        return (
            f"{count} of {self.missing.size} cells are kept in {self.store.folder}: run the same "
            "sweep again to resume"
        )


def require_fitting_backend(mode: Literal["map", "vmap"]) -> None:
    """Raise ValueError for a backend of joblib in which JAX would hang."""
    backend, n_jobs = joblib.parallel.get_active_backend()
    kind = type(backend).__name__
    require(
        kind != "MultiprocessingBackend",
        'joblib\'s backend must not be "multiprocessing", which forks, and JAX does not survive '
        'that: use "loky"',
    )
    batched = mode == "vmap" and jax.default_backend() == "cpu"
    require(
        not (kind == "ThreadingBackend" and n_jobs not in (None, 1) and batched),
        'joblib\'s backend must not be "threading" in mode "vmap": batched LAPACK calls dead-lock '
        "there",
    )


def _devices(mode: Literal["map", "vmap"]) -> int:
    """Return how many devices of this process run chunks at a time: batched LAPACK calls on two CPU
    devices may wait for each other for ever.
    """
    batched = mode == "vmap" and jax.default_backend() == "cpu"
    return 1 if batched else jax.local_device_count()


def _spelling(value: Any) -> str:
    """Spell equal numbers equally, so that 1 and 1.0, traced or static, are one parameter value
    with one stream.
    """
    is_whole = isinstance(value, bool) or (isinstance(value, float) and value.is_integer())
    return repr(int(value) if is_whole else value)
