"""Every paper's benchmark in one go: `python -m benchmarks [PAPER …] [--quick]`.

Prints the tables as they come, and writes what they hold to docs/trust/benchmarks.json, from which the report shows it:
a line for each contender of each workload.
"""

import argparse
import importlib
import json
import pkgutil
import platform
import sys
from pathlib import Path

import benchmarks
from theory_on_trial.audits.side_by_side import RECORDS

ROOT = Path(__file__).parent.parent


def papers() -> list[str]:
    """The papers that have a benchmark."""
    own = ("__main__", "fast_tier", "scaling", "side_by_side")
    return [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in own]


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def table(records: list[dict], quick: bool) -> dict:
    """The records as a table for the report."""
    rows = [
        [
            *(record[name] for name in ("benchmark", "workload", "contender", "unit", "time", "first_run")),
            "; ".join(f"{ratio} ({our})" for our, ratio in record["faster_by"].items()) or "1",
            *(record[name] for name in ("figure", "megabytes")),
            "CPU core",
        ]
        for record in records
    ]
    return {
        "title": "Benchmarks: side by side with what you would otherwise run" + (", reduced sizes" if quick else ""),
        "command": "python -m benchmarks" + (" --quick" if quick else ""),
        "columns": [
            "paper",
            "workload",
            "contender",
            "unit",
            "time",
            "first run, s",
            "ours is faster by",
            "agreement",
            "MB",
            "device",
        ],
        "rows": rows,
        "note": f"Processor time on one core of {processor()}, contenders in turns. ~ extrapolated, > cut by a limit.",
    }


def main() -> int:
    """Run the benchmarks that were asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("papers", nargs="*", metavar="PAPER", help="default: all")
    parser.add_argument("--quick", action="store_true", help="the smallest workloads, half a minute a paper")
    parser.add_argument("--out", type=Path, help="default: docs/trust/benchmarks.json, with --quick nowhere")
    options = parser.parse_args()
    if unknown := set(options.papers) - set(papers()):
        parser.error(f"no benchmark of {', '.join(sorted(unknown))}; there are {', '.join(papers())}")
    for paper in options.papers or papers():
        print(f"\n## {paper}", flush=True)
        importlib.import_module(f"benchmarks.{paper}").run(options.quick)
    out = options.out or (None if options.quick else ROOT / "docs" / "trust" / "benchmarks.json")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(table(RECORDS, options.quick), indent=1) + "\n", encoding="utf-8")
        print(f"\n{out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
