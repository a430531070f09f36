"""What a figure costs at a hundred times its size, on one worker and on many: `python -m theory_on_trial.audits.scaling`.

Three figures are drawn from a sample of their runs by a job of one process and by a job of two, each job with an empty
cache. Every process draws three times: to compile; to run the cells, in a new cache; and to read them back. What the
sweeps take the second time beyond the third is the work; the rest of the first time is what a process needs to start.
Seconds are those of the processor, because other programs on the machine would lengthen those of the clock. What a
hundred times the default runs take follows from them, as does what more than two workers would take. The table is
written to docs/trust/scaling.json, for the report.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "trust" / "scaling.json"
TIMES = 100
COLUMNS = ("figure", "cells", "workers", "ms per cell", "start, s", "hours", "faster by", "how")
COMPUTED = (8, 64, 512)

# The settings that count runs, and their share of the defaults: all by the same, so that the mix of costs is the same.
SAMPLES: dict[str, tuple[dict[str, int], float]] = {
    "random_walk_pca.F10": ({"runs": 500, "swept_runs": 30}, 1 / 10),
    "naive_bayes_vs_logistic.F6": ({"runs": 200}, 1.0),
    "mixup.F5": ({"runs": 20}, 1 / 20),
}


def measure(name: str, port: int, rank: int, processes: int) -> dict[str, float]:
    """Draw a figure's sample as one process of a job; return the seconds to start, those of its work, and all cells."""
    import jax
    import matplotlib.pyplot as plt

    if processes > 1:
        jax.distributed.initialize(f"127.0.0.1:{port}", processes, rank)
    jax.config.update("jax_enable_x64", True)
    from theory_on_trial.figures import replicates
    from theory_on_trial.figures.drawing import figures, style
    from theory_on_trial.sweep import sweep

    (figure,), folder = figures(name), os.environ["THEORY_ON_TRIAL_CACHE"]
    spent: list[float] = []
    cells: list[int] = []

    def timed_sweep(*arguments: Any, **options: Any) -> Any:
        begin = time.process_time()
        result = sweep(*arguments, **options, progress=lambda done, total, _: cells.extend([total] * (done == total)))
        spent[-1] += time.process_time() - begin
        return result

    replicates.sweep = timed_sweep
    for cache in ("compile", "run", "run"):
        os.environ["THEORY_ON_TRIAL_CACHE"] = f"{folder}/{cache}"
        spent.append(0.0)
        with style():
            figure.draw(**SAMPLES[name][0])
        plt.close("all")
    work = spent[1] - spent[2]
    # each sweep was complete twice, once for each cache; read back it reports nothing
    return {"start": spent[0] - work, "work": work, "cells": sum(cells) / 2}


def job(name: str, processes: int) -> tuple[int, float, float]:
    """Draw a sample in a job on this machine; return its cells, seconds per cell, and seconds a process takes to start.

    Raises RuntimeError if a process fails.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as empty:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "THEORY_ON_TRIAL_CACHE": empty}
        command = [sys.executable, "-m", "theory_on_trial.audits.scaling", name, "--serve", str(port)]
        started = [
            subprocess.Popen(
                [*command, str(rank), str(processes)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
            )
            for rank in range(processes)
        ]
        printed = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise RuntimeError(f"a process of the job that draws {name} failed, as it says above")
    found = [json.loads(text.splitlines()[-1]) for text in printed]
    cells = int(found[0]["cells"])
    return cells, sum(one["work"] for one in found) / cells, max(one["start"] for one in found)


def rows_of(name: str) -> list[list]:
    """Measure a figure; return its rows of the table."""
    rows: list[list] = []
    for workers in (1, 2, *COMPUTED):
        how = "computed"
        if workers <= 2:
            sample, cost, start = job(name, workers)
            how = f"measured, {sample} cells"
        cells = round(sample / SAMPLES[name][1] * TIMES)
        hours = (start + cells * cost / workers) / 3600
        one = rows[0][5] if rows else hours
        rows.append([name, cells, workers, *(float(f"{x:.3g}") for x in (1e3 * cost, start, hours, one / hours)), how])
        print("| " + " | ".join(map(str, rows[-1])) + " |", flush=True)
    return rows


def main() -> int:
    """Measure the figures, print a Markdown table, and write it as JSON."""
    from benchmarks.__main__ import processor

    parser = argparse.ArgumentParser(
        prog="python -m theory_on_trial.audits.scaling", description=__doc__.splitlines()[0]
    )
    parser.add_argument("figure", nargs="?", choices=SAMPLES, help="default: all, and the table is written")
    parser.add_argument("--serve", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        print(json.dumps(measure(options.figure, *options.serve)))
        return 0
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS), flush=True)
    rows = [row for name in ([options.figure] if options.figure else SAMPLES) for row in rows_of(name)]
    if not options.figure:
        table = {
            "title": f"Figures with {TIMES} times their default runs, on one worker and on many",
            "command": "python -m theory_on_trial.audits.scaling",
            "columns": list(COLUMNS),
            "rows": rows,
            "note": (
                f"Processor seconds of a job of one and of two processes on {os.cpu_count()} cores of: {processor()}, "
                f"load average {os.getloadavg()[0]:.0f} (beyond the cores, costs are uncertain by half); hours are "
                "start + cells x seconds per cell / workers. Beyond two workers this is computed with the costs of two "
                "processes: it leaves out reading the results back and whatever the machines have in common."
            ),
        }
        TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
