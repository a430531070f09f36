"""Where the time of the fast tier goes, paper by paper:
`theory-on-trial audit fast-tier [PAPER …]`.

Each paper's claims run in a process of their own. Columns: seconds of the clock in all (the machine
should be idle), and of these the seconds for importing (until the first claim starts), for tracing
and lowering to programs, for compiling these (or reading them from the cache on disk), and all the
rest, which is the work itself; then the number of programs, and how many of them had to be
compiled. Once with the programs in the cache, and once with an empty cache. The table is
`fast_tier.json` of the records.
"""

import json
import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

from audits.benchmarks import processor
from theory_on_trial import repository
from theory_on_trial.audits.driver import Audit, Measured
from theory_on_trial.repository import outline, records

TITLES = (
    "seconds",
    "import",
    "trace and lower",
    "compile or read",
    "the work",
    "programs",
    "compiled",
)


def seconds_of(paper: str, cache: str) -> list[float]:
    """Return what a paper's fast tier cost with a warm or a cold cache, as `TITLES`; RuntimeError
    if a claim fails.
    """
    claims = [str(place) for place in outline.places(paper)]
    with tempfile.TemporaryDirectory() as scratch:
        clock = Path(scratch) / "clock.json"
        empty = Path(scratch) / "cache"
        environment = os.environ | {"OMP_NUM_THREADS": "1", "THEORY_ON_TRIAL_CLOCK": str(clock)}
        if cache == "cold":
            environment |= {"THEORY_ON_TRIAL_CACHE": str(empty)}
        command = [
            "-m",
            "pytest",
            "-q",
            "--no-header",
            "-p",
            "no:cacheprovider",
            "-p",
            "audits.clock",
        ]
        run = subprocess.run(
            [sys.executable, *command, *claims],
            cwd=repository.root(),
            env=environment,
            capture_output=True,
            text=True,
        )
        if run.returncode:
            raise RuntimeError(f"a claim of {paper} fails\n{run.stdout}{run.stderr}")
        seconds = json.loads(clock.read_text(encoding="utf-8"))
    return [round(seconds[title], 1) for title in TITLES]


def measure(paper: str, options: Namespace) -> Measured:
    """Run a paper with either cache."""
    rows = [[paper, cache, *seconds_of(paper, cache)] for cache in ("warm", "cold")]
    return list(rows), [" ".join(map(str, row)) for row in rows]


def source(paper: str) -> dict[str, Any]:
    """What the seconds of a paper rest on: its claims."""
    return records.source(repository.root(), *outline.places(paper))


main = Audit(
    name="fast_tier",
    title="Where the time of the fast tier goes",
    columns=("paper", "cache", *TITLES),
    parts=outline.papers,
    measure=measure,
    source=source,
    note=lambda rows: (
        f"Seconds of the clock, one process a paper after the other, on: {processor()}."
    ),
    selects="PAPER",
    workers=None,
    reuse=False,
).main
