"""Where the time of the fast tier goes, paper by paper: `python -m theory_on_trial.audits.fast_tier [PAPER …] [--cold]`.

Each paper's claims run in a process of their own. Columns: seconds of the clock in all (the machine should be idle),
and of these the seconds for importing (until the first claim starts), for tracing and lowering to programs, for
compiling these (or reading them from the cache on disk), and all the rest, which is the work itself; then the number of
programs, and how many of them had to be compiled. With `--cold` the cache is empty at the start. The table is written
to docs/trust/fast_tier.json, for the report.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "trust" / "fast_tier.json"
TITLES = ("seconds", "import", "trace and lower", "compile or read", "the work", "programs", "compiled")


def measure(paper: str) -> dict[str, float]:
    """Run a paper's fast tier in this process, quietly, and return what it cost; RuntimeError if a claim fails."""
    import jax
    import pytest

    spent: dict[str, list[float]] = {}
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: spent.setdefault(event.rpartition("/")[2], []).append(seconds)
    )
    jax.monitoring.register_event_listener(
        lambda event, **_: spent.setdefault(event.rpartition("/")[2], []).append(0.0)
    )
    begin, started = time.perf_counter(), []

    class Clock:
        def pytest_runtest_call(self) -> None:
            started.append(time.perf_counter())

    arguments = ["-q", "-p", "no:cacheprovider", "--no-header", str(ROOT / "paper_checks" / f"test_{paper}")]
    if pytest.main(arguments, plugins=[Clock()]):
        raise RuntimeError(f"a claim of {paper} fails")
    total, imported = time.perf_counter() - begin, started[0] - begin
    lowered = sum(spent.get("jaxpr_trace_duration", [])) + sum(spent.get("jaxpr_to_mlir_module_duration", []))
    compiled = sum(spent.get("backend_compile_duration", []))
    return {
        "seconds": total,
        "import": imported,
        "trace and lower": lowered,
        "compile or read": compiled,
        "the work": total - imported - lowered - compiled,
        "programs": len(spent.get("jaxpr_to_mlir_module_duration", [])),
        "compiled": len(spent.get("cache_misses", [])),
    }


def main() -> int:
    """Measure the papers, print a Markdown table, and write it as JSON."""
    from benchmarks.__main__ import papers, processor

    parser = argparse.ArgumentParser(
        prog="python -m theory_on_trial.audits.fast_tier", description=__doc__.splitlines()[0]
    )
    parser.add_argument("papers", nargs="*", metavar="PAPER", help="default: all, and the table is written")
    parser.add_argument("--cold", action="store_true", help="with an empty cache of programs")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.papers[0])), file=sys.stderr)
        return 0
    rows = []
    print("| paper | " + " | ".join(TITLES) + " |\n|" + "---|" * (len(TITLES) + 1), flush=True)
    for paper in options.papers or papers():
        with tempfile.TemporaryDirectory() as empty:
            environment = (
                os.environ | {"OMP_NUM_THREADS": "1"} | ({"THEORY_ON_TRIAL_CACHE": empty} if options.cold else {})
            )
            command = [sys.executable, "-m", "theory_on_trial.audits.fast_tier", paper, "--one"]
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        found = json.loads(done.stderr.splitlines()[-1])
        rows.append([paper, *(round(found[title], 1) for title in TITLES)])
        print("| " + " | ".join(map(str, rows[-1])) + " |", flush=True)
    if not options.papers:
        name = "cold" if options.cold else "warm"
        held = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else []
        table = {
            "title": f"Where the time of the fast tier goes, {name} cache",
            "command": "python -m theory_on_trial.audits.fast_tier" + (" --cold" if options.cold else ""),
            "columns": ["paper", *TITLES],
            "rows": rows,
            "note": f"Seconds of the clock, one process a paper after the other, on: {processor()}.",
        }
        held = [other for other in held if other["title"] != table["title"]] + [table]
        TABLE.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
