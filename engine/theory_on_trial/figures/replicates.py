"""Simulated data of a figure: a sweep that keeps its results, so that a change to the drawing costs
nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from theory_on_trial.base.compilation_cache import cache_folder
from theory_on_trial.sweep import sweep


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
    return sweep(
        simulator, grid, runs, static=static, common=common, cache=cache_folder() / "figures"
    )
