"""Where the time of the fast tier goes, paper by paper: `theory-on-trial audit fast-tier [PAPER …]`.

Each paper's claims run in a process of their own. Columns: seconds of the clock in all (the machine should be idle),
and of these the seconds for importing (until the first claim starts), for tracing and lowering to programs, for
compiling these (or reading them from the cache on disk), and all the rest, which is the work itself; then the number of
programs, and how many of them had to be compiled. Once with the programs in the cache, `fast_tier.json` of the records,
and once with an empty cache, `fast_tier_cold.json`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from audits.benchmarks import processor
from theory_on_trial import repository
from theory_on_trial.repository import outline, records

TITLES = ("seconds", "import", "trace and lower", "compile or read", "the work", "programs", "compiled")


def measure(paper: str, cache: str) -> list[float]:
    """Run a paper's fast tier with a warm or a cold cache, and return what it cost, in the order of `TITLES`.

    Raises RuntimeError, with what pytest said, if a claim fails.
    """
    claims = [str(place) for place in outline.places(paper)]
    with tempfile.TemporaryDirectory() as scratch:
        measured, empty = Path(scratch) / "clock.json", Path(scratch) / "cache"
        environment = os.environ | {"OMP_NUM_THREADS": "1", "THEORY_ON_TRIAL_CLOCK": str(measured)}
        if cache == "cold":
            environment |= {"THEORY_ON_TRIAL_CACHE": str(empty)}
        command = ["-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "audits.clock"]
        done = subprocess.run(
            [sys.executable, *command, *claims],
            cwd=repository.root(),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"a claim of {paper} fails\n{done.stdout}{done.stderr}")
        found = json.loads(measured.read_text(encoding="utf-8"))
    return [round(found[title], 1) for title in TITLES]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the papers, print a Markdown table, and record it."""
    parser = argparse.ArgumentParser(
        prog="theory-on-trial audit fast-tier", description="Where does the time of the fast tier go?"
    )
    parser.add_argument("papers", nargs="*", metavar="PAPER", help="default: all, and the tables are recorded")
    parser.add_argument("--cache", choices=("warm", "cold"), help="default: once with either")
    options = parser.parse_args(arguments)
    known, root = outline.papers(), repository.root()
    if unknown := [paper for paper in options.papers if paper not in known]:
        parser.error(f"no paper {', '.join(unknown)}; there are {', '.join(known)}")
    for cache in [options.cache] if options.cache else ["warm", "cold"]:
        rows: list[list[str | float]] = []
        print(f"\n| paper, {cache} | " + " | ".join(TITLES) + " |\n|" + "---|" * (len(TITLES) + 1), flush=True)
        for paper in options.papers or known:
            rows.append([paper, *measure(paper, cache)])
            print("| " + " | ".join(map(str, rows[-1])) + " |", flush=True)
        if not options.papers:
            table = {
                "title": f"Where the time of the fast tier goes, {cache} cache",
                "command": "theory-on-trial audit fast-tier",
                "columns": ["paper", *TITLES],
                "rows": rows,
                "sources": [records.source(root, *outline.places(paper)) for paper in known],
                "note": f"Seconds of the clock, one process a paper after the other, on: {processor()}.",
            }
            records.write(repository.records_folder() / f"fast_tier{'_cold' * (cache == 'cold')}.json", table)
    return 0
