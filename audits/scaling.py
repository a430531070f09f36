"""What a figure costs at a hundred times its size, on one worker and on many:
`theory-on-trial audit scaling [FIGURE]`.

The figures are those of the table `[tool.theory-on-trial.scaling]` in the repository's
`pyproject.toml`, each with the settings of a sample and with the share of the default runs that the
sample is; all settings that count runs by the same share, so that the mix of costs is the same:

    "mixup.F5" = { share = 0.05, settings = { runs = 20 } }

A sample is drawn by a job of one process and by a job of two, each job with an empty cache. Every
process draws three times: to compile; to run the cells, in a new cache; and to read them back. What
the sweeps take the second time beyond the third is the work; the rest of the first time is what a
process needs to start. Seconds are those of the processor, because other programs on the machine
would lengthen those of the clock. What a hundred times the default runs take follows from them, as
does what more than two workers would take. The table is `scaling.json` of the records.
"""

import inspect
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audits.benchmarks import processor
from theory_on_trial import repository
from theory_on_trial.audits.driver import Audit, Measured, Row
from theory_on_trial.repository import records

TIMES = 100
COMPUTED = (8, 64, 512)


def samples() -> dict[str, dict[str, Any]]:
    """The figures of the repository that are measured, each with the `settings` and the `share` of
    its sample.
    """
    path = repository.root() / "pyproject.toml"
    settings = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    figures: dict[str, dict[str, Any]] = (
        settings.get("tool", {}).get("theory-on-trial", {}).get("scaling", {})
    )
    return figures


def measure(name: str, port: int, rank: int, processes: int) -> dict[str, float]:
    """Draw a figure's sample as one process of a job; return the seconds to start, those of its
    work, and all cells.
    """
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
        result = sweep(
            *arguments,
            **options,
            progress=lambda done, total, _: cells.extend([total] * (done == total)),
        )
        spent[-1] += time.process_time() - begin
        return result

    vars(replicates)["sweep"] = timed_sweep
    for cache in ("compile", "run", "run"):
        os.environ["THEORY_ON_TRIAL_CACHE"] = f"{folder}/{cache}"
        spent.append(0.0)
        with style():
            figure.draw(**samples()[name]["settings"])
        plt.close("all")
    work = spent[1] - spent[2]
    # each sweep was complete twice, once for each cache; read back it reports nothing
    return {"start": spent[0] - work, "work": work, "cells": sum(cells) / 2}


def job(name: str, processes: int) -> tuple[int, float, float]:
    """Draw a sample in a job; return its cells, and the seconds of a cell and of a start.
    RuntimeError if one fails.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as empty:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "THEORY_ON_TRIAL_CACHE": empty}
        command = [
            sys.executable,
            "-m",
            "theory_on_trial.command",
            "audit",
            "scaling",
            name,
            "--serve",
            str(port),
        ]
        jobs = [
            subprocess.Popen(
                [*command, str(rank), str(processes)],
                cwd=repository.root(),
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in range(processes)
        ]
        texts = [process.communicate()[0] for process in jobs]
    if any(process.returncode for process in jobs):
        raise RuntimeError(f"a process of the job that draws {name} failed, as it says above")
    reports = [json.loads(text.splitlines()[-1]) for text in texts]
    cells = int(reports[0]["cells"])
    return (
        cells,
        sum(report["work"] for report in reports) / cells,
        max(report["start"] for report in reports),
    )


def rows_of(name: str, options: Namespace) -> Measured:
    """Measure a figure."""
    rows: list[list[Any]] = []
    for workers in (1, 2, *COMPUTED):
        how = "computed"
        if workers <= 2:
            sample, cost, start = job(name, workers)
            how = f"measured, {sample} cells"
        cells = round(sample / samples()[name]["share"] * TIMES)
        hours = (start + cells * cost / workers) / 3600
        base = rows[0][5] if rows else hours
        rows.append(
            [
                name,
                cells,
                workers,
                *(float(f"{x:.3g}") for x in (1e3 * cost, start, hours, base / hours)),
                how,
            ]
        )
    return rows, [" ".join(map(str, row)) for row in rows]


def source(name: str) -> dict[str, Any]:
    """What a figure's rows rest on: the module that draws it."""
    from theory_on_trial.figures.drawing import figures

    (figure,) = figures(name)
    return records.source(repository.root(), Path(inspect.getfile(figure.draw)))


def _note(rows: list[Row]) -> str:
    return (
        f"Processor seconds of a job of one and of two processes on {os.cpu_count()} cores of: "
        f"{processor()}, load "
        f"average {os.getloadavg()[0]:.0f} (beyond the cores, costs are uncertain by half); hours "
        "are start + cells x "
        "seconds per cell / workers. Beyond two workers this is computed with the costs of two "
        "processes: it leaves "
        "out reading the results back and whatever the machines have in common."
    )


AUDIT = Audit(
    name="scaling",
    title=f"Figures with {TIMES} times their default runs, on one worker and on many",
    columns=("figure", "cells", "workers", "ms per cell", "start, s", "hours", "faster by", "how"),
    parts=lambda: list(samples()),
    measure=rows_of,
    source=source,
    note=_note,
    selects="FIGURE",
    workers=None,
    reuse=False,
)


def main(arguments: Sequence[str]) -> int:
    """Measure the figures and record them; as a process of a job, with --serve, draw one figure's
    sample.
    """
    if "--serve" in arguments:
        name, _, *numbers = arguments
        print(json.dumps(measure(name, *map(int, numbers))))
        return 0
    return AUDIT.main(arguments)
