"""Simulated data of a figure: a sweep that keeps its results, so that a change of the drawing needs
no new simulation.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import xarray as xr

from theory_on_trial.base.compilation_cache import cache_folder
from theory_on_trial.base.progress import ProgressSetting
from theory_on_trial.sweep import sweep

Report = Callable[[int, int, int], None]
"""Takes the number of a sweep within a process, its cells done, and all its cells."""

_reports: list[Report] = []
_begun = 0


def report_to(report: Report | None) -> None:
    """Let the sweeps of this process report their cells instead of drawing a bar; None: let them
    draw it again.
    """
    _reports[:] = [] if report is None else [report]


def replicates(
    simulator: Any,
    runs: int,
    static: Mapping[str, Any],
    grid: Mapping[str, Any],
    common: Sequence[str] = (),
) -> xr.Dataset:
    """Run a simulator `runs` times for each combination of parameter lists, or read what was run
    before from the cache.

    `static` parameters fix shapes, `grid` ones are real numbers; those in `common` leave the random
    numbers unchanged.
    """
    global _begun
    _begun += 1
    progress: ProgressSetting = partial(_reported, _begun) if _reports else "auto"
    return sweep(
        simulator,
        grid,
        runs,
        static=static,
        common=common,
        cache=cache_folder() / "figures",
        progress=progress,
    )


def _reported(number: int, done: int, total: int, seconds: float) -> None:
    for report in _reports:
        report(number, done, total)
