"""Trials of a claim in processes of their own: one that is late, or ends its process, does not harm
the others. The processes are started as programs and not by `multiprocessing`, which would run the
user's script again and does not work in Dask's workers.
"""

import contextlib
import inspect
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from theory_on_trial import repository
from theory_on_trial.explore.attempt import LIMIT, Attempt, attempt, begin, late_after
from theory_on_trial.trial.registry import Claim, claim

_TRIALS = 200
"""After how many trials a process drops its compiled programs: each setting has its own, and a
process has a limited number of memory maps.
"""
_GRACE = 10.0
"""How many seconds a late trial has to end by itself: compiled code cannot be interrupted."""


def file_of(subject: Claim) -> Path:
    """Return the module of a claim's check."""
    return Path(inspect.unwrap(subject.function).__code__.co_filename)


class Processes:
    """Processes for trials of the claim that a file states, one for each thread that asks; `close`
    ends them.
    """

    def __init__(self, claim_id: str, file: Path, beyond: bool = False, limit: float = LIMIT):
        self._claim_id = claim_id
        self._file = file
        self._limit = limit
        self._options = {"beyond": beyond, "limit": limit}
        self._own = threading.local()
        self._programs: list[subprocess.Popen[bytes]] = []
        self.close = weakref.finalize(self, _end, self._programs)

    def attempt(self, settings: dict[str, Any], seed: int) -> Attempt:
        """Return the result of settings in this thread's process, which is started if need be."""
        program, connection = self._own.process = (
            getattr(self._own, "process", None) or self._started()
        )
        outcome = "late"
        why = late_after(self._limit)
        start = time.perf_counter()
        try:
            connection.send((settings, seed, self._options))
            if connection.poll(self._limit + _GRACE):
                result: Attempt = connection.recv()
                return result
            _end([program])
        except (EOFError, OSError):
            status = program.wait()
            how = signal.Signals(-status).name if status < 0 else f"status {status}"
            outcome = "died"
            why = f"ended its process ({how})"
        self._own.process = None
        return Attempt(settings, seed, outcome, why, seconds=time.perf_counter() - start)

    def _started(self) -> tuple["subprocess.Popen[bytes]", Connection]:
        """A program that runs `main`, and the connection to it, which is its standard input."""
        ours, theirs = socket.socketpair()
        connection = Connection(ours.detach())
        module = "theory_on_trial.explore.processes"
        with theirs:
            program = subprocess.Popen(
                [sys.executable, "-m", module, self._claim_id, str(self._file)],
                stdin=theirs.fileno(),
                cwd=repository.root(self._file.parent),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                process_group=0,  # Ctrl-C is for the parent
            )
        self._programs.append(program)
        try:
            if not self.close.alive:  # by a thread that was starting this one
                _end([program])
            connection.recv()
        except (EOFError, OSError):
            raise RuntimeError(
                f"no process for trials of {self._claim_id} started; its message is printed above"
            ) from None
        return program, connection


_OPEN: dict[tuple[Any, ...], Processes] = {}


def processes(*start: Any) -> Processes:
    """Return this process's `Processes` for a claim, its file, `beyond`, `limit` and its source; at
    most two others are kept waiting.
    """
    while start not in _OPEN and len(_OPEN) > 2:
        close(next(iter(_OPEN)))
    return _OPEN.setdefault(start, Processes(*start[:4]))


def close(start: tuple[Any, ...]) -> None:
    """End what `processes` has started."""
    if found := _OPEN.pop(start, None):
        found.close()


def _end(programs: "list[subprocess.Popen[bytes]]") -> None:
    for program in list(programs):
        program.kill()
        program.wait()


def main(claim_id: str, file: str) -> None:
    """Run trials that come through the standard input, until it is closed."""
    connection = Connection(os.dup(0))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    begin()
    repository.import_file(Path(file))  # and no other of the paper's
    subject = claim(claim_id)
    connection.send("ready")
    count = 0
    with contextlib.suppress(EOFError, OSError):  # nobody waits any more
        while True:
            settings, seed, options = connection.recv()
            connection.send(attempt(subject, settings, seed, **options))
            count += 1
            if "jax" in sys.modules and count % _TRIALS == 0:
                sys.modules["jax"].clear_caches()


if __name__ == "__main__":
    main(*sys.argv[1:])
