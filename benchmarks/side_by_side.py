"""Contenders side by side: each in a process of its own, bound to one core, taking turns.

A benchmark calls `take_turns` with its own module's name; each contender's process runs that module with `--serve` and
the contender's arguments, where the module calls `serve` with a function that answers a seed. Seconds are those of the
processor, because other programs on the machine would lengthen those of the clock; on an idle machine the two are equal
for a process on one core. Turns, round by round, let all contenders see the same machine.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Answer = dict[str, Any]

ONE_CORE = {"OMP_NUM_THREADS": "1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "JAX_ENABLE_X64": "1"}


def timed(function: Callable[..., T], *arguments: Any) -> tuple[float, T]:
    """The processor seconds of a call, and what it returned (NumPy or a JAX array that is ready)."""
    start = time.process_time()
    value = function(*arguments)
    return time.process_time() - start, value


def serve(answer: Callable[[int], Answer]) -> None:
    """Answer each seed on standard input by one line of JSON; the answer holds "seconds"."""
    for line in sys.stdin:
        print(json.dumps(answer(int(line))), flush=True)


def take_turns(module: str, contenders: Mapping[str, Sequence[object]], rounds: int) -> dict[str, list[Answer]]:
    """The answers of every contender to seeds 0 (the first run, which compiles) to `rounds`.

    `contenders` maps a name to the arguments that `python -m module --serve` gets for it.
    Raises RuntimeError if a contender's process ends before it has answered; its error is on standard error.
    """
    processes = {}
    for name, arguments in contenders.items():
        processes[name] = subprocess.Popen(
            [sys.executable, "-m", module, "--serve", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | ONE_CORE,
        )
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(processes[name].pid, {max(os.sched_getaffinity(0))})
    answers: dict[str, list[Answer]] = {name: [] for name in processes}
    for seed in range(rounds + 1):
        for name, process in processes.items():
            assert process.stdin is not None
            assert process.stdout is not None
            print(seed, file=process.stdin, flush=True)
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the contender {name!r} of {module} ended without an answer to seed {seed}")
            answers[name].append(json.loads(line))
    for process in processes.values():
        process.communicate()
    return answers


def steady_seconds(answers: Sequence[Answer]) -> list[float]:
    """The seconds of every run but the first."""
    return [answer["seconds"] for answer in answers[1:]]


def first_run_extra(answers: Sequence[Answer]) -> float:
    """Seconds that the first run took beyond a later one: compilation."""
    return max(0.0, answers[0]["seconds"] - statistics.median(steady_seconds(answers)))


def speedup(theirs: Iterable[float], ours: Iterable[float]) -> float:
    """How many times faster ours is: the median over rounds of the ratio of seconds."""
    return statistics.median(their / our for their, our in zip(theirs, ours, strict=True))


def print_row(*cells: object) -> None:
    """One row of a Markdown table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def print_header(*titles: str) -> None:
    """The head of a Markdown table."""
    print_row(*titles)
    print("|" + "---|" * len(titles), flush=True)


def without_torch(names: Iterable[str]) -> list[str]:
    """The contenders that can run here: those of PyTorch only where it is installed; says what it leaves out."""
    names = list(names)
    if importlib.util.find_spec("torch") is None and any(name.startswith("PyTorch") for name in names):
        print("\nPyTorch is not installed and left out; `pip install torch` adds it.")
        names = [name for name in names if not name.startswith("PyTorch")]
    return names
