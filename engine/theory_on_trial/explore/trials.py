"""Many trials of one claim: each runs in a process that may die, is kept as it ends, and is not run
again.
"""

import contextlib
import inspect
import json
import os
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from theory_on_trial.base.source import source_digest
from theory_on_trial.base.workers import mapped
from theory_on_trial.explore.attempt import LIMIT, Attempt, attempt
from theory_on_trial.explore.processes import close, file_of, processes
from theory_on_trial.trial.registry import Claim

Cell = tuple[dict[str, Any], int]
"""Settings and a seed."""


class Trials:
    """Trials of a claim, as a context: a trial that has ended under the present source is not run
    again.

    They run in processes of their own. If no file states the claim, they run in this process, and
    nothing is kept. `beyond` admits numbers outside the annotations. A trial is late after `limit`
    seconds.

    Raises `ValueError` for a claim whose settings pytest gives.
    """

    def __init__(self, subject: Claim, *, beyond: bool = False, limit: float = LIMIT):
        empty = inspect.Parameter.empty
        if lacking := [name for name, value in subject.settings.items() if value is empty]:
            names = ", ".join(lacking)
            raise ValueError(f"{subject.id} cannot be tried elsewhere: pytest gives {names}")
        self.new = 0
        self._subject = subject
        self._options: dict[str, Any] = {"beyond": beyond, "limit": limit}
        self._lock = threading.Lock()
        self._closed = False
        self._path = None
        self._start: tuple[Any, ...] | None = None
        self._known: dict[str, dict[str, Any]] = {}
        file = file_of(subject)
        if file.is_file():
            source = f"{_source(subject)}-{version('theory-on-trial')}"
            self._start = (subject.id, file, beyond, limit, source)
            self._path = _kept(subject, source)
            self._known = _lines(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """End the processes of this object, with their trials."""
        self._closed = True
        if self._start is not None:
            close(self._start)

    def at(self, settings: dict[str, Any], seed: int) -> Attempt:
        """Return the result of settings; threads may call this at the same time."""
        found = self._found((settings, seed))
        return found or self._keep(self._run((0, settings, seed))[1])

    def alone(self, settings: dict[str, Any], seed: int) -> Attempt:
        """Return the result of settings in a new process."""
        self.close()
        self._closed = False
        return self._run((0, settings, seed))[1]

    def all(
        self, cells: Sequence[Cell], workers: int, advance: Callable[[int], Any]
    ) -> list[Attempt]:
        """Return what becomes of all these settings, run by so many threads or by joblib's present
        backend; `advance` is called with 1 for each that is new.
        """
        results = {index: self._found(cell) for index, cell in enumerate(cells)}
        missing = [index for index, found in results.items() if found is None]
        advance(len(cells) - len(missing))
        run = self._run if self._start is None else _Elsewhere(self._start)
        threads = 1 if self._start is None else workers
        try:
            for index, result in mapped(run, ((i, *cells[i]) for i in missing), threads):
                results[index] = self._keep(result)
                advance(1)
        except BaseException:
            self.close()  # threads wait for their processes
            raise
        return [result for result in results.values() if result is not None]

    def _run(self, asked: tuple[int, dict[str, Any], int]) -> tuple[int, Attempt]:
        if self._start is not None:
            return _Elsewhere(self._start)(asked)
        index, settings, seed = asked
        return index, attempt(self._subject, settings, seed, **self._options)

    def _key(self, cell: Cell) -> str:
        return repr((sorted(cell[0].items()), cell[1], self._options["beyond"]))

    def _found(self, cell: Cell) -> Attempt | None:
        """The kept result; a trial that was late under a shorter limit is tried again."""
        fields = self._known.get(self._key(cell))
        if fields is None:
            return None
        if fields["outcome"] == "late" and fields["seconds"] < self._options["limit"]:
            return None
        return Attempt.of(*cell, fields)

    def _keep(self, result: Attempt) -> Attempt:
        with self._lock:
            self.new += 1
            ended_here = self._closed and result.outcome == "died"
            if self._path is not None and not ended_here:
                key = self._key((result.settings, result.seed))
                line = result.kept(key=key)
                self._known[key] = _fields(line)[1]
                with self._path.open("a", encoding="utf-8") as file:
                    # a line of its own, even after one that was cut short
                    file.write(("\n" if file.tell() else "") + line)
        return result


class _Elsewhere:
    """A trial in the process that receives this object."""

    def __init__(self, start: tuple[Any, ...]):
        self._start = start

    def __call__(self, asked: tuple[int, dict[str, Any], int]) -> tuple[int, Attempt]:
        index, settings, seed = asked
        return index, processes(*self._start).attempt(settings, seed)


def _source(subject: Claim) -> str:
    """The digest of what the claim and the engine's own modules run."""
    return f"{source_digest(subject.function)[:16]}{source_digest(attempt)[:16]}"


def _kept(subject: Claim, source: str) -> Path:
    from theory_on_trial.base.compilation_cache import cache_folder

    place = cache_folder() / "explored"
    place.mkdir(exist_ok=True)
    return place / f"{subject.id}-{source}.jsonl"


def _fields(line: str) -> tuple[str, dict[str, Any]]:
    fields = json.loads(line)
    return fields.pop("key"), fields


def _lines(path: Path) -> dict[str, dict[str, Any]]:
    """The lines of a file, by their keys, without those cut short by a kill."""
    entries = {}
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for line in text.splitlines():
        with contextlib.suppress(json.JSONDecodeError, KeyError, TypeError, AttributeError):
            key, fields = _fields(line)
            entries[key] = fields
    return entries


def count_of(workers: int | None) -> int:
    """Return the default number of workers: one for each core."""
    return workers or os.cpu_count() or 1
