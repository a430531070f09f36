"""Many trials of one claim: over processes, in the order asked for, and each kept in the cache as it ends.

A cell of `sweep` is a function that JAX traces; a trial draws until it decides and traces what it needs itself, so
that its cells are run here.
"""

import contextlib
import inspect
import json
import multiprocessing
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from theory_on_trial import repository
from theory_on_trial.explore.attempt import Attempt, attempt, begin
from theory_on_trial.repository import records
from theory_on_trial.trial.registry import Claim, claim

_CLEARED = 40
"""After how many trials a process forgets its compiled programs: each setting has its own, and memory maps are few."""
_count = 0


class Runs:
    """Trials of a claim, as a context: what has ended under the present source is not run again.

    They run in `workers` processes, one for each core by default, or in an `executor`, anything with `submit`; in this
    process if `workers` is 1, if no file states the claim, and for the first `here` seconds, as starting others takes
    longer than a thousand cheap trials. `beyond` admits numbers outside the annotations.

    Raises `ValueError` for a claim whose settings pytest gives.
    """

    def __init__(
        self,
        subject: Claim,
        *,
        workers: int | None = None,
        beyond: bool = False,
        executor: Any = None,
        here: float = 0.0,
    ):
        if lacking := [name for name, value in subject.settings.items() if value is inspect.Parameter.empty]:
            raise ValueError(f"{subject.id} cannot be tried elsewhere: pytest gives {', '.join(lacking)}")
        self.subject, self.beyond = subject, beyond
        self.executor, self._here = executor, here
        self._pool: ProcessPoolExecutor | None = None
        self.workers = workers or os.cpu_count() or 1
        self._ahead = 2 * self.workers if executor is None else 256  # trials that are handed out at a time
        self.deadline, self.left = float("inf"), float("inf")
        self.new = 0
        self._path = kept_path(subject, "explored", Path(inspect.getfile(attempt)))
        self._known = kept_lines(self._path, "key") if self._path else {}

    def allow(self, seconds: float = float("inf"), runs: float = float("inf")) -> None:
        """Let `at` begin trials for so many seconds from now, and so many of them."""
        self.deadline, self.left = time.perf_counter() + seconds, runs

    def at(self, asked: Iterable[tuple[dict[str, Any], int]]) -> Iterator[Attempt]:
        """Yield what becomes of settings with their seeds, in this order, as long as it is allowed."""
        queue: deque[tuple[dict[str, Any], int, Any]] = deque()
        for settings, seed in asked:
            if self.left <= 0 or time.perf_counter() > self.deadline:
                break
            self.left -= 1
            key = repr((sorted(settings.items()), seed, self.beyond))
            queue.append((settings, seed, self._known.get(key) or self._begun(settings, seed)))
            while len(queue) > self._ahead or (queue and not isinstance(queue[0][2], Future)):
                yield self._ended(*queue.popleft())
        while queue:
            yield self._ended(*queue.popleft())

    def _begun(self, settings: dict[str, Any], seed: int) -> Any:
        if self.executor is None and self._here <= 0 and self._path is not None and self.workers > 1:
            self._others = set(multiprocessing.active_children())
            context = multiprocessing.get_context("spawn")
            self._pool = self.executor = ProcessPoolExecutor(self.workers, mp_context=context, initializer=begin)
        if self.executor is None:
            result = attempt(self.subject, settings, seed, beyond=self.beyond)
            self._here -= result.seconds
            return result
        return self.executor.submit(_attempted, self.subject.id, settings, seed, self.beyond)

    def _ended(self, settings: dict[str, Any], seed: int, result: Any) -> Attempt:
        if isinstance(result, dict):  # on file
            fields = {name: value for name, value in result.items() if name != "key"}
            return Attempt(settings, seed, **(fields | {"error": tuple(fields["error"]) if fields["error"] else None}))
        try:
            trial_result: Attempt = result if isinstance(result, Attempt) else result.result()
        except BrokenProcessPool:
            place = ", ".join(f"{name}={value!r}" for name, value in settings.items())
            raise ValueError(
                f"{self.subject.id} ended its process, at {place} or at one of the next settings"
            ) from None
        self.new += 1
        if self._path is not None:
            key = repr((sorted(settings.items()), seed, self.beyond))
            self._known[key] = json.loads(line := trial_result.kept(key))
            keep_line(self._path, line)
        return trial_result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is None:
            return
        self._pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - self._others:
            child.terminate()  # a trial that nobody waits for


def _attempted(claim_id: str, settings: dict[str, Any], seed: int, beyond: bool) -> Attempt:
    """Run in a process of its own, which finds the claim by its id."""
    global _count
    _count += 1
    result = attempt(claim(claim_id), settings, seed, beyond=beyond)
    if _count % _CLEARED == 0 and "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    return result


def file_of(subject: Claim) -> Path:
    """Return the module of a claim's check."""
    return Path(inspect.unwrap(subject.function).__code__.co_filename)


def kept_path(subject: Claim, folder: str, judge: Path) -> Path | None:
    """Return where a folder of the cache keeps a claim's runs under its present source and the engine's present rules.

    `judge` is the module that decides what is kept of a run. None for a claim that no file states.
    """
    from theory_on_trial.base.compilation_cache import cache_folder

    if not file_of(subject).is_file():
        return None
    place = cache_folder() / folder
    place.mkdir(exist_ok=True)
    source = records.source(repository.root(), file_of(subject), judge)
    digest = source["digest"] + source["rules"]
    return place / f"{subject.id}-{digest}-{version('theory-on-trial')}.jsonl"


def keep_line(path: Path, line: str) -> None:
    """Add a line to a file: one of its own, even after one that was cut short."""
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if file.tell() else "") + line)


def kept_lines(path: Path, key: str) -> dict[Any, dict[str, Any]]:
    """Return the JSON objects in the lines of a file, each by one of its entries, without those cut short by a kill."""
    entries = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
        with contextlib.suppress(json.JSONDecodeError, KeyError, TypeError):
            entry = json.loads(line)
            entries[entry[key]] = entry
    return entries
