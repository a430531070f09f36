"""Trials of a claim in processes of their own: one that is late, or ends its process, is named so and costs no other.

They are started as programs: `multiprocessing` would run the user's script again, and is not for Dask's workers.
"""

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from theory_on_trial import repository
from theory_on_trial.base.compilation_cache import programs_asked_for
from theory_on_trial.explore.attempt import LIMIT, Attempt, attempt, begin, late_after
from theory_on_trial.trial.registry import Claim, claim

_PROGRAMS = 1000
"""After how many compiled programs a process forgets them: each setting has its own, and memory maps are few."""
_GRACE = 10.0
"""How many seconds a trial that is late has for ending by itself: compiled code is not interrupted."""
Cells = list[tuple[dict[str, Any], int]]
"""Settings, each with its seed."""


class Here:
    """Trials in this very process, one after the other."""

    workers = 1

    def __init__(self, subject: Claim, *, beyond: bool = False, limit: float = LIMIT):
        self.attempt = functools.partial(attempt, subject, beyond=beyond, limit=limit)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run a function and return its result as a future."""
        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future

    def close(self) -> None:
        """Nothing is left to be ended."""


class Processes:
    """Processes for trials of the claim `claim_id`, as many as threads ask for one at a time.

    `file` states the claim, `source` is the digest of what they load, `beyond` and `limit` are those of `attempt`.
    `submit` runs functions in `workers` threads, one for each core if not given.
    """

    def __init__(
        self,
        claim_id: str,
        file: Path,
        *,
        beyond: bool = False,
        limit: float = LIMIT,
        workers: int | None = None,
        source: str = "",
    ):
        self.claim_id, self.file, self.limit = claim_id, file, limit
        self._options = {"beyond": beyond, "limit": limit}
        self.workers = workers or os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(self.workers)
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._lock, self._closed = threading.Lock(), False
        self._end = weakref.finalize(self, _end, self._threads, self._all)

    def attempt(self, settings: dict[str, Any], seed: int) -> Attempt:
        """Return what becomes of settings, in a process that has nothing else to do."""
        process = self._taken()
        outcome, why, start = "late", late_after(self.limit), time.perf_counter()
        try:
            process.connection.send((settings, seed, self._options))
            if process.connection.poll(self.limit + _GRACE):
                result: Attempt = process.connection.recv()
                self._idle.append(process)
                return result
            process.end()
        except (EOFError, OSError):
            status = process.program.wait()
            how = signal.Signals(-status).name if status < 0 else f"status {status}"
            outcome, why = "died", f"ended its process ({how})"
        self._all.discard(process)
        return Attempt(settings, seed, outcome, why, seconds=time.perf_counter() - start)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run a function in a thread."""
        return self._threads.submit(function, *arguments)

    def close(self) -> None:
        """End all, with the trials for which nobody waits."""
        with self._lock:
            self._closed = True
        self._end()

    def _taken(self) -> "_Process":
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if self._closed:
                raise RuntimeError("these processes have been closed")
            process = _Process(self.claim_id, self.file)
            self._all.add(process)
        try:
            process.connection.recv()
        except (EOFError, OSError):
            raise RuntimeError(f"no process could be started for trials of {self.claim_id}, as it says above") from None
        return process


def _end(threads: ThreadPoolExecutor, processes: "set[_Process]") -> None:
    threads.shutdown(wait=False, cancel_futures=True)
    for process in list(processes):
        process.end()


class _Process:
    """A program that runs `main`, and the connection to it, which is its standard input."""

    def __init__(self, claim_id: str, file: Path):
        ours, theirs = socket.socketpair()
        with theirs:
            self.program = subprocess.Popen(
                [sys.executable, "-m", "theory_on_trial.explore.processes", claim_id, str(file)],
                stdin=theirs.fileno(),
                cwd=repository.root(file.parent),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                process_group=0,  # Ctrl-C is for the parent
            )
        self.connection = Connection(ours.detach())

    def end(self) -> None:
        self.program.kill()
        self.program.wait()


def packed(run: Callable[[dict[str, Any], int], Attempt], cells: Cells) -> tuple[dict[str, Any], float]:
    """Return rows of attempts as a chunk of a sweep of `trial` has them, and the seconds they took."""
    start = time.perf_counter()
    return {"trial": np.stack([run(*cell).packed() for cell in cells])}, time.perf_counter() - start


def packed_elsewhere(arguments: tuple[tuple[str, Any], ...], cells: Cells) -> tuple[dict[str, Any], float]:
    """Do so on a worker of an executor, whose processes wait for its next chunk."""
    return packed(_waiting(arguments).attempt, cells)


@functools.lru_cache(maxsize=1)  # those of another claim end as nobody holds them any more
def _waiting(arguments: tuple[tuple[str, Any], ...]) -> Processes:
    return Processes(**dict(arguments))


def main(claim_id: str, file: str) -> None:
    """Run trials that come through the standard input, until it is closed."""
    connection = Connection(os.dup(0))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    begin()
    repository.import_file(Path(file))  # and no other of the paper's
    subject = claim(claim_id)
    connection.send("ready")
    forgotten = 0
    with contextlib.suppress(EOFError, OSError):  # nobody waits any more
        while True:
            settings, seed, options = connection.recv()
            connection.send(attempt(subject, settings, seed, **options))
            if "jax" in sys.modules and programs_asked_for() - forgotten >= _PROGRAMS:
                sys.modules["jax"].clear_caches()
                forgotten = programs_asked_for()


if __name__ == "__main__":
    main(*sys.argv[1:])
