"""Every paper's benchmark in one go: `theory-on-trial audit benchmarks [PAPER …] [--quick]`, or
`python -m benchmarks`.

A benchmark is a module `benchmarks/<paper>.py` of the repository, or a package, with a function
`run(quick)` that calls `side_by_side.compare`. Prints the tables as they come, and keeps what they
hold in the table `benchmarks.json` of the records: a line for each contender of each workload.
"""

import importlib
import pkgutil
import platform
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audits.side_by_side import RECORDS, runs_here
from theory_on_trial import repository
from theory_on_trial.audits import make_root_importable
from theory_on_trial.audits.driver import Line, Table
from theory_on_trial.repository import records


def papers() -> list[str]:
    """The papers of the present repository that have a benchmark."""
    folder = repository.root() / "benchmarks"
    return sorted(
        module.name
        for module in pkgutil.iter_modules([str(folder)])
        if not module.name.startswith("_")
    )


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def lines_of(paper: str, measured: Sequence[dict[str, Any]], earlier: Sequence[Line]) -> list[Line]:
    """What `compare` found, as lines; contenders that cannot run here keep their `earlier` ones of
    these workloads.
    """
    place = repository.root() / "benchmarks" / paper
    source = records.source(
        repository.root(), place if place.is_dir() else place.with_suffix(".py")
    )
    new = [_row(record) for record in measured if record["benchmark"] == paper]
    workloads = [row[1] for row in new]
    left_out = [(row, of) for row, of in earlier if row[1] in workloads and not runs_here(row[2])]
    return sorted(
        [(row, source) for row in new] + left_out, key=lambda one: workloads.index(one[0][1])
    )


def _row(record: dict[str, Any]) -> list[Any]:
    return [
        *(
            record[name]
            for name in ("benchmark", "workload", "contender", "unit", "time", "first_run")
        ),
        "; ".join(f"{ratio} ({our})" for our, ratio in record["faster_by"].items()) or "1",
        *(record[name] for name in ("figure", "megabytes")),
        "CPU core",
    ]


TABLE = Table(
    name="benchmarks",
    title="Benchmarks: side by side with what you would otherwise run",
    columns=(
        *(
            "paper",
            "workload",
            "contender",
            "unit",
            "time",
            "first run, s",
            "ours is faster by",
            "agreement",
            "MB",
        ),
        "device",
    ),
    parts=papers,
    note=lambda rows: (
        f"Processor time on one core of {processor()}, contenders in turns. ~ extrapolated, > cut "
        "by a limit."
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that were asked for; return the exit status."""
    parser = ArgumentParser(prog="theory-on-trial audit benchmarks", description=TABLE.title)
    parser.add_argument("papers", nargs="*", metavar="PAPER", help="default: all")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="the smallest workloads, half a minute a paper; no record",
    )
    options = parser.parse_args(arguments)
    try:
        chosen = TABLE.chosen(options.papers)
    except ValueError as error:
        parser.error(str(error))
    make_root_importable()
    for paper in chosen:
        print(f"\n## {paper}", flush=True)
        importlib.import_module(f"benchmarks.{paper}").run(options.quick)
        if not options.quick:
            lines = TABLE.on_record()
            TABLE.write(lines | {paper: lines_of(paper, RECORDS, lines.get(paper, []))})
    return 0
