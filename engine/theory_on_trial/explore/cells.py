"""The cells of a map as those of a sweep: handed out in chunks, kept as these end, and found again.

A sweep's program is a simulator that JAX traces. A trial draws until it decides and traces what it
needs itself, one program for each shape of its own, so that the executor that the sweep is given
runs a chunk trial by trial. Numbers are parameters of the sweep's grid, and label what is kept;
other values are static.
"""

import functools
import inspect
import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from theory_on_trial.base.compilation_cache import cache_folder
from theory_on_trial.base.progress import ProgressSetting
from theory_on_trial.explore.attempt import BYTES, Attempt, trial
from theory_on_trial.explore.processes import Processes, Run, bench, file_of
from theory_on_trial.explore.runs import source_of
from theory_on_trial.trial.registry import Claim

_CHUNK = 8
"""How many cells are handed out and kept together; fewer where each worker would have less than as
many chunks.
"""
_ABOUT = "the claim"  # a static value beside the settings, none of which has a blank in its name


def tried(
    subject: Claim,
    grid: dict[str, list[Any]],
    constants: dict[str, Any],
    seed: int,
    beyond: bool,
    limit: float,
    workers: int | None,
    executor: Any,
    progress: ProgressSetting,
) -> list[Attempt]:
    """Return what becomes of a claim at the points of a grid, the last setting fastest; see
    `explore.map.map_of`.
    """
    stated = file_of(subject).is_file()
    count = workers or os.cpu_count() or 1
    source = source_of(subject, Path(inspect.getfile(trial))) if stated else ""
    with bench(subject, count, beyond=beyond, limit=limit) as (run, submit):
        chunks = _Chunks(functools.partial(submit, _rows, run), count, constants)
        if executor is not None:
            start = (subject.id, file_of(subject), beyond, limit, source)
            submit = functools.partial(executor.submit, _rows_elsewhere, start)
            chunks = _Chunks(
                submit, getattr(executor, "_max_workers", 16), constants
            )  # as `sweep` counts them
        options = {
            "executor": chunks,
            "progress": progress,
            "cache": cache_folder() / "cells" if stated else None,
        }
        about = (subject.id, source, beyond)
        results = _swept(grid, constants, seed, about, **options)
        # What was late under a shorter limit is late in this sweep for ever: another one tries it
        # again.
        late = [
            point
            for point, result in results.items()
            if result.outcome == "late" and result.seconds < limit
        ]
        if late:
            axes = zip(grid.items(), zip(*late, strict=True), strict=True)
            part = {
                name: [value for value in values if value in column]
                for (name, values), column in axes
            }
            results |= _swept(part, constants, seed, (*about, limit), **options)
    return list(results.values())


def _swept(
    grid: dict[str, list[Any]],
    constants: dict[str, Any],
    seed: int,
    about: tuple[Any, ...],
    **options: Any,
) -> dict[tuple[Any, ...], Attempt]:
    import jax

    from theory_on_trial.sweep import sweep

    numbers: dict[str, Any] = {
        name: values for name, values in grid.items() if _are_numbers(values)
    }
    static: dict[str, Any] = {name: values for name, values in grid.items() if name not in numbers}
    numbers |= {name: value for name, value in constants.items() if _are_numbers([value])}
    fixed = sorted((name, repr(value)) for name, value in constants.items() if name not in numbers)
    points = list(itertools.product(*grid.values()))
    chunk = max(1, min(_CHUNK, len(points) // (_CHUNK * options["executor"]._max_workers)))
    static |= {_ABOUT: repr((about, fixed))}
    with jax.enable_x64(True):
        dataset = sweep(trial, numbers, [seed], static=static, mode="map", chunk=chunk, **options)
    rows = dataset["trial"].transpose(*grid, "seed", ...).values.reshape(-1, BYTES)
    attempts = (Attempt.of({}, seed, json.loads(row.tobytes())) for row in rows)
    return dict(zip(points, attempts, strict=True))


def _are_numbers(values: list[Any]) -> bool:
    """Whether an array keeps them as they are: an integer setting admits no 1.0, a real one is told
    by its digits.
    """
    kinds = {type(value) for value in values}
    return (
        len(kinds) == 1
        and kinds <= {int, float, bool}
        and all(-(2**63) <= value < 2**63 for value in values)
    )


class _Chunks:
    """The executor of these sweeps: `submit` has the cells of a chunk run, trial by trial, on one
    of so many workers.

    Settings that are no parameters of the sweep have the values in `constants`.
    """

    def __init__(self, submit: Any, workers: int, constants: dict[str, Any]):
        self._submit = submit
        self._max_workers = workers
        self._constants = constants

    def submit(self, _: Any, task: Any) -> Any:
        """Do so with the cells of a sweep's task; return a future of their rows."""
        static = {name: value for name, value in task.program.static if name != _ABOUT}
        names = [*task.parameters]
        columns = [column.tolist() for column in task.parameters.values()]
        cells = [
            ({**self._constants, **static, **dict(zip(names, values, strict=True))}, seed)
            for *values, seed in zip(*columns, task.seeds.tolist(), strict=True)
        ]
        return self._submit(cells)


def _rows(run: Run, cells: list[tuple[dict[str, Any], int]]) -> tuple[dict[str, Any], float]:
    """What `sweep` has of a chunk: its outputs, and the seconds they took."""
    start = time.perf_counter()
    return {"trial": np.stack([run(*cell).packed() for cell in cells])}, time.perf_counter() - start


def _rows_elsewhere(
    start: tuple[Any, ...], cells: list[tuple[dict[str, Any], int]]
) -> tuple[dict[str, Any], float]:
    """The same on a worker of an executor, whose process waits for the next chunk."""
    return _rows(_waiting(*start).attempt, cells)


@functools.lru_cache(
    maxsize=1
)  # those of another claim, or of its earlier source, end as nobody holds them any more
def _waiting(claim_id: str, file: Path, beyond: bool, limit: float, _source: str) -> Processes:
    return Processes(claim_id, file, beyond=beyond, limit=limit)
