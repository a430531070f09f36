"""Every paper's benchmark in one go: `theory-on-trial audit benchmarks [PAPER …] [--quick]`, or `python -m benchmarks`.

A benchmark is a module `benchmarks/<paper>.py` of the repository, or a package, with a function `run(quick)` that calls
`side_by_side.compare`. Prints the tables as they come, and keeps what they hold in the table `benchmarks.json` of the
records: a line for each contender of each workload.
"""

import argparse
import importlib
import pkgutil
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audits.side_by_side import RECORDS, runs_here
from theory_on_trial import repository
from theory_on_trial.audits import make_root_importable
from theory_on_trial.repository import records

COLUMNS = (
    *("paper", "workload", "contender", "unit", "time", "first run, s", "ours is faster by", "agreement", "MB"),
    "device",
)


def papers() -> list[str]:
    """The papers of the present repository that have a benchmark."""
    folder = repository.root() / "benchmarks"
    return sorted(module.name for module in pkgutil.iter_modules([str(folder)]) if not module.name.startswith("_"))


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def table(measured: Sequence[dict[str, Any]], earlier: dict[str, Any]) -> dict[str, Any]:
    """What `side_by_side.compare` found, as a table; the lines of what did not run stay as they were.

    Those are the papers that were not measured, and on the measured workloads the contenders that cannot run here.
    """
    root = repository.root()
    found: dict[str, list[tuple[list[Any], Any]]] = {}
    for row, source in zip(earlier.get("rows", []), earlier.get("sources", []), strict=True):
        found.setdefault(row[0], []).append((row, source))
    for paper in dict.fromkeys(record["benchmark"] for record in measured):
        place = root / "benchmarks" / paper
        source = records.source(root, place if place.is_dir() else place.with_suffix(".py"))
        new = [_row(record) for record in measured if record["benchmark"] == paper]
        workloads = [row[1] for row in new]
        left_out = [(row, of) for row, of in found.get(paper, []) if row[1] in workloads and not runs_here(row[2])]
        found[paper] = sorted([(row, source) for row in new] + left_out, key=lambda one: workloads.index(one[0][1]))
    lines = [line for paper in papers() for line in found.get(paper, [])]
    return {
        "title": "Benchmarks: side by side with what you would otherwise run",
        "command": "theory-on-trial audit benchmarks",
        "columns": list(COLUMNS),
        "rows": [row for row, _ in lines],
        "sources": [source for _, source in lines],
        "note": f"Processor time on one core of {processor()}, contenders in turns. ~ extrapolated, > cut by a limit.",
    }


def _row(record: dict[str, Any]) -> list[Any]:
    return [
        *(record[name] for name in ("benchmark", "workload", "contender", "unit", "time", "first_run")),
        "; ".join(f"{ratio} ({our})" for our, ratio in record["faster_by"].items()) or "1",
        *(record[name] for name in ("figure", "megabytes")),
        "CPU core",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that were asked for; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="theory-on-trial audit benchmarks", description="Side by side with what people would otherwise run."
    )
    parser.add_argument("papers", nargs="*", metavar="PAPER", help="default: all")
    parser.add_argument("--quick", action="store_true", help="the smallest workloads, half a minute a paper; no record")
    options = parser.parse_args(arguments)
    known = papers()
    if unknown := [paper for paper in options.papers if paper not in known]:
        parser.error(f"no benchmark of {', '.join(unknown)}; there are {', '.join(known) or 'none'}")
    make_root_importable()
    path = repository.records_folder() / "benchmarks.json"
    for paper in options.papers or known:
        print(f"\n## {paper}", flush=True)
        importlib.import_module(f"benchmarks.{paper}").run(options.quick)
        if not options.quick:
            records.write(path, table(RECORDS, records.read(path)))
    return 0
