"""Many trials of one claim at settings that nobody knows beforehand: in the order asked for, each
kept as it ends.

The cells of a map, which are known, go through `sweep` instead (`explore.map`); both run where
`bench` says.
"""

import contextlib
import inspect
import json
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from theory_on_trial.explore.attempt import Attempt, attempt
from theory_on_trial.explore.processes import bench, file_of
from theory_on_trial.repository.source import digest
from theory_on_trial.trial.registry import Claim


class Runs:
    """Trials of a claim, as a context: what has ended under the present source is not run again.

    They run in `workers` processes, one for each core by default, or here if that is 1 or if no
    file states the claim. `beyond` admits numbers outside the annotations.

    Raises `ValueError` for a claim whose settings pytest gives.
    """

    def __init__(self, subject: Claim, *, workers: int | None = None, beyond: bool = False):
        self.subject = subject
        self.beyond = beyond
        count = workers or os.cpu_count() or 1
        self._bench = bench(subject, 0 if count == 1 else count, beyond=beyond)
        self._ahead = 2 * count  # trials that are handed out at a time
        self.deadline, self.left = float("inf"), float("inf")
        self.new = 0
        self._path = kept_path(subject, "explored", Path(inspect.getfile(attempt)))
        self._known = kept_lines(self._path, "key") if self._path else {}

    def allow(self, seconds: float = float("inf"), runs: float = float("inf")) -> None:
        """Let `at` begin trials for so many seconds from now, and so many of them."""
        self.deadline = time.perf_counter() + seconds
        self.left = runs

    def at(self, asked: Iterable[tuple[dict[str, Any], int]]) -> Iterator[Attempt]:
        """Yield what becomes of settings with their seeds, in this order, as long as it is
        allowed.
        """
        queue: deque[tuple[str, Attempt | Future[Attempt]]] = deque()
        for settings, seed in asked:
            if self.left <= 0 or time.perf_counter() > self.deadline:
                break
            self.left -= 1
            key = repr((sorted(settings.items()), seed, self.beyond))
            if line := self._known.get(key):
                fields = {name: value for name, value in line.items() if name != "key"}
                queue.append((key, Attempt.of(settings, seed, fields)))
            else:
                queue.append((key, self._submit(self._run, settings, seed)))
            while queue and (
                len(queue) > self._ahead or isinstance(queue[0][1], Attempt) or queue[0][1].done()
            ):
                yield self._ended(*queue.popleft())
        while queue:
            yield self._ended(*queue.popleft())

    def alone(self, settings: dict[str, Any], seed: int) -> Attempt:
        """Return what becomes of settings in a new process that has tried nothing before."""
        with bench(self.subject, 1, beyond=self.beyond) as (run, submit):
            result: Attempt = submit(run, settings, seed).result()
        return result

    def _ended(self, key: str, result: Attempt | Future[Attempt]) -> Attempt:
        if isinstance(result, Attempt):  # on file
            return result
        trial_result = result.result()
        self.new += 1
        if self._path is not None:
            self._known[key] = json.loads(line := trial_result.kept(key=key))
            keep_line(self._path, line)
        return trial_result

    def __enter__(self) -> Self:
        self._run, self._submit = self._bench.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bench.__exit__(*error)


def kept_path(subject: Claim, folder: str, judge: Path) -> Path | None:
    """Return where a folder of the cache keeps a claim's runs under its present source and the
    engine's present rules.

    `judge` is the module that decides what is kept of a run. None for a claim that no file states.
    """
    from theory_on_trial.base.compilation_cache import cache_folder

    if not file_of(subject).is_file():
        return None
    place = cache_folder() / folder
    place.mkdir(exist_ok=True)
    return place / f"{subject.id}-{source_of(subject, judge)}.jsonl"


def source_of(subject: Claim, judge: Path) -> str:
    """Return the digest of the source that a claim and `judge` reach, and the engine's version."""
    return f"{digest(file_of(subject), judge)[:16]}-{version('theory-on-trial')}"


def keep_line(path: Path, line: str) -> None:
    """Add a line to a file: one of its own, even after one that was cut short."""
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if file.tell() else "") + line)


def kept_lines(path: Path, key: str) -> dict[Any, dict[str, Any]]:
    """Return the JSON objects in the lines of a file, each by one of its entries, without those cut
    short by a kill.
    """
    entries = {}
    for line in (
        path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    ):
        with contextlib.suppress(json.JSONDecodeError, KeyError, TypeError):
            entry = json.loads(line)
            entries[entry[key]] = entry
    return entries
