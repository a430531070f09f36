"""Runs in processes of their own: one that hangs or dies is named and does not harm the others.

They are forks of one process that has imported JAX and started no device, so that each begins in a
moment, shares nothing with another run, and may import code that is wrong.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from theory_on_trial import repository
from theory_on_trial.audit.checks import Run, Task, audit_line, done
from theory_on_trial.explore.attempt import begin

_PRELOADED = ["jax", "jax.numpy", "scipy.stats", "scipy.optimize", "theory_on_trial.audit.checks"]
_GRACE = 15.0
"""How many seconds a late run has to end by itself: compiled code cannot be interrupted."""
_TRIALS = 3
"""How many trials of a claim one run may take, each within the claim's limit."""


def conduct(
    tasks: Iterator[Task], *, workers: int, seconds: float, most: float = float("inf")
) -> Iterator[Run]:
    """Yield the results of tasks as they end; no task begins after so many seconds, or after `most`
    tasks. Tasks that run when the caller stops are ended without a result.
    """
    context: Any = get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    start = time.monotonic()
    running: dict[Connection, tuple[Any, Task, float]] = {}
    begun = 0
    try:
        while True:
            while len(running) < workers and begun < most and time.monotonic() - start < seconds:
                task = next(tasks, None)
                if task is None:
                    break
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_child, args=(theirs, task), daemon=True)
                process.start()
                theirs.close()
                running[ours] = process, task, time.monotonic()
                begun += 1
            if not running:
                return
            ready = set(wait(list(running), timeout=1.0))
            for connection in [one for one in running if one in ready]:
                process, task, began = running.pop(connection)
                yield _ended(connection, process, task, began)
            for connection, (process, task, began) in list(running.items()):
                if time.monotonic() - began > _TRIALS * task.limit + _GRACE:
                    del running[connection]
                    _end(process)
                    connection.close()
                    yield _late(task, time.monotonic() - began)
    finally:
        for process, _, _ in running.values():
            _end(process)


def _child(connection: Connection, task: Task) -> None:
    os.setpgid(0, 0)  # Ctrl-C is for the parent, and what a claim starts ends with it
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.chdir(repository.root(Path(task.file).parent))
    begin()
    start = time.perf_counter()
    try:
        run = done(task)
    except Exception as error:
        why = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]
        run = Run(task.claim, task.check, task.number, "wrong", why, audit_line(task))
    connection.send(replace(run, seconds=round(time.perf_counter() - start, 2)))
    connection.close()


def _ended(connection: Connection, process: Any, task: Task, began: float) -> Run:
    try:
        run: Run = connection.recv()
        process.join(_GRACE)
    except (EOFError, OSError):
        process.join()
        code = process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"status {code}"
        seconds = round(time.monotonic() - began, 2)
        why = f"ended its process ({how})"
        run = Run(task.claim, task.check, task.number, "died", why, audit_line(task), seconds)
    connection.close()
    _end(process)
    return run


def _late(task: Task, seconds: float) -> Run:
    why = f"no end within {_TRIALS * task.limit + _GRACE:g} s"
    return Run(
        task.claim, task.check, task.number, "late", why, audit_line(task), round(seconds, 2)
    )


def _end(process: Any) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        process.kill()
    process.join()
