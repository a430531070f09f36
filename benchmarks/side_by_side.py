"""Run contenders side by side: each in a process of its own, bound to one core, taking turns.

A benchmark calls `compare` with its own module's name. Each contender's process runs that module
with `--serve` and the contender's arguments. There `command` makes them a function that answers a
seed, and serves it. Seconds are those of the processor, because other programs on the machine would
lengthen those of the clock; on an idle machine the two are equal for a process on one core. Turns,
round by round, let all contenders see the same machine.
"""

import argparse
import ast
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, Any, TypeVar

from theory_on_trial import repository

T = TypeVar("T")
Response = dict[str, Any]

_MARK = "\x1e"
"""What an answer begins with: a contender's solvers write to standard output too, those in C
whenever they like.
"""

ONE_CORE = {
    "JAX_ENABLE_X64": "1",
    "JAX_PLATFORMS": "cpu",
    "OMP_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


def timed(function: Callable[..., T], *arguments: Any) -> tuple[float, T]:
    """Return the processor seconds of a call, and what it returned (NumPy, or a JAX array that is
    ready).
    """
    start = time.process_time()
    value = function(*arguments)
    return time.process_time() - start, value


def command(
    description: str,
    run: Callable[[bool], None],
    contender: Callable[..., Callable[[int], Response]],
) -> None:
    """Run the command line of a benchmark: call `run(quick)`, or answer seeds as one contender for
    `compare`.

    `contender` gets the arguments of that contender, numbers as numbers. The first line of
    `description` is what `--help` shows.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small workloads, half a minute")
    parser.add_argument("--serve", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(contender(*map(_value, options.serve)))
    else:
        run(options.quick)


def _value(written: str) -> Any:
    try:
        return ast.literal_eval(written)
    except (SyntaxError, ValueError):
        return written


def serve(answer: Callable[[int], Response]) -> None:
    """Answer each seed on standard input by one line of JSON. The answer holds "seconds", and this
    function adds the memory.
    """
    for line in sys.stdin:
        response = answer(int(line))
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(_MARK + json.dumps({"megabytes": megabytes} | response), flush=True)


def _read(lines: IO[str]) -> Response | None:
    """Return the next answer among the lines that a contender prints, or None at their end. The
    other lines go to standard error.
    """
    for line in lines:
        text, mark, written = line.rpartition(_MARK)
        print(text if mark else written, end="", file=sys.stderr)
        if mark:
            response: Response = json.loads(written)
            return response
    return None


def take_turns(
    module: str, contenders: Mapping[str, Sequence[object]], rounds: int
) -> dict[str, list[Response]]:
    """Return the answers of every contender to the seeds 0 (the first run, which compiles) to
    `rounds`.

    `contenders` maps a name to the arguments that `python -m module --serve` gets for it. Raises
    RuntimeError if a contender's process ends before it has answered; its error is on standard
    error.
    """
    processes = {}
    for name, arguments in contenders.items():
        processes[name] = subprocess.Popen(
            [sys.executable, "-m", module, "--serve", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=repository.root(),  # where `-m` finds the module
            env=os.environ | ONE_CORE,
        )
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(processes[name].pid, {max(os.sched_getaffinity(0))})
    answers: dict[str, list[Response]] = {name: [] for name in processes}
    for seed in range(rounds + 1):
        for name, process in processes.items():
            assert process.stdin is not None
            assert process.stdout is not None
            print(seed, file=process.stdin, flush=True)
            answer = _read(process.stdout)
            if answer is None:
                raise RuntimeError(
                    f"the contender {name!r} of {module} ended without an answer to seed {seed}"
                )
            answers[name].append(answer)
    for process in processes.values():
        process.communicate()
    return answers


def compare(
    module: str,
    workload: str,
    contenders: Mapping[str, Sequence[object]],
    rounds: int,
    *,
    ours: Sequence[str],
    figure: str,
    figure_of: Callable[[str, list[Response]], str],
    unit: str = "seconds",
    per_unit: Callable[[str, list[Response]], float] = lambda name, answers: 1.0,
    mark: Callable[[str, list[Response]], str] = lambda name, answers: "",
) -> dict[str, list[Response]]:
    """Let the contenders take turns, print a Markdown table, and return the answers.

    `figure` names the column that shows that the same work was done, and `figure_of` fills it for a
    contender. `per_unit` is the factor from the seconds of a run to the `unit`; for an extrapolated
    contender it leads to those of the whole work. `mark` says how far the seconds can be trusted: ~
    for extrapolated ones, > for those that a limit stopped. A column of its own says by how many
    seconds the first run, which compiles, exceeds a later one; - where it was left out.
    """
    names = without_torch(contenders)
    answers = take_turns(module, {name: contenders[name] for name in names}, rounds)
    ours = [name for name in names if name in ours]
    print(f"\n### {workload}, {rounds} round{'s' if rounds > 1 else ''}\n")
    _print_cells(
        "contender", unit, "first run, s", "MB", figure, *(f"{name} is faster by" for name in ours)
    )
    _print_cells(*["---"] * (5 + len(ours)))
    spent = {
        name: [answer["seconds"] * per_unit(name, answers[name]) for answer in answers[name][1:]]
        for name in names
    }
    for name in names:
        first = answers[name][0]["seconds"]
        steady = statistics.median(a["seconds"] for a in answers[name][1:])
        record = {
            "benchmark": module.removeprefix("benchmarks."),
            "workload": workload,
            "contender": name,
            "unit": unit,
            "time": f"{mark(name, answers[name])}{statistics.median(spent[name]):.3g}",
            "first_run": f"+{max(0.0, first - steady):.2f}" if first else "-",
            "megabytes": round(max(answer["megabytes"] for answer in answers[name])),
            "figure": f"{figure} {figure_of(name, answers[name])}",
            "faster_by": {
                our: f"{mark(name, answers[name])}{_ratio(spent[name], spent[our]):.3g}"
                for our in ours
                if our != name
            },
        }
        _print_cells(
            name,
            *(record[cell] for cell in ("time", "first_run", "megabytes")),
            figure_of(name, answers[name]),
            *(record["faster_by"].get(our, "1") for our in ours),
        )
    return answers


def answers(
    contenders: Mapping[str, Callable[..., Callable[[int], T]]],
    judge: Callable[..., dict[str, Any]],
) -> Callable[..., Callable[[int], Response]]:
    """Return the function that `command` needs, for contenders that are made for the sizes of a
    workload and then called with a seed.

    `judge(seed, found, *sizes)` returns what an answer holds beside the seconds. Its own time does
    not count.
    """

    def contender(name: str, *sizes: Any) -> Callable[[int], Response]:
        solve = contenders[name](*sizes)

        def answer(seed: int) -> Response:
            seconds, result = timed(solve, seed)
            return {"seconds": seconds, **judge(seed, result, *sizes)}

        return answer

    return contender


def contest(
    module: str,
    title: str,
    contenders: Iterable[str],
    workloads: Sequence[tuple[Any, ...]],
    quick: Sequence[tuple[Any, ...]],
    **options: Any,
) -> Callable[[bool], None]:
    """Return the `run` of a benchmark that compares all contenders on every workload. A workload is
    its sizes and the number of rounds.

    `title` is a format string of the sizes; `options` are those of `compare`.
    """

    def run(is_quick: bool) -> None:
        for *sizes, rounds in quick if is_quick else workloads:
            compare(
                module,
                title.format(*sizes),
                {name: (name, *sizes) for name in contenders},
                rounds,
                **options,
            )

    return run


def worst(entry: str = "error") -> Callable[[str, list[Response]], str]:
    """Return a `figure_of` that gives the largest entry of a contender's answers, to one digit."""
    return lambda name, answers: f"{max(answer[entry] for answer in answers):.1g}"


def _ratio(theirs: Iterable[float], ours: Iterable[float]) -> float:
    """Return how many times faster ours is: the median over rounds of the ratio of seconds."""
    return statistics.median(their / our for their, our in zip(theirs, ours, strict=True))


def _print_cells(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def runs_here(contender: str) -> bool:
    """Return whether a contender can run here; those of PyTorch can only where it is installed."""
    return not contender.startswith("PyTorch") or importlib.util.find_spec("torch") is not None


def without_torch(names: Iterable[str]) -> list[str]:
    """Return the contenders that can run here, and print a note if some are left out."""
    all_names = list(names)
    here = [name for name in all_names if runs_here(name)]
    if here != all_names:
        print("\nPyTorch is not installed and left out; `pip install torch` adds it.")
    return here
