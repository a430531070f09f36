"""A simulator over a grid of parameters and seeds: compiled once, run on all devices, resumed after an interruption."""

import contextlib
import inspect
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jaxlib
import numpy as np
import xarray as xr
from jaxtyping import Array, Int, Integer, Key, Shaped, UInt32
from tqdm import tqdm

from sims._cells import Cells, as_traced, is_axis, parameter_values, seed_values, static_values
from sims._run import (
    Executor,
    LocalDevices,
    Program,
    SimulationError,
    Task,
    base_key_of,
    bytes_per_cell,
    current_settings,
    named_outputs,
)
from sims._source import source_digest
from sims._store import ChunkStore
from sims.mapping import Mode, resolve_mode

__all__ = ["SimulationError", "sweep"]

_SECONDS_PER_CHUNK = 2.0
_CAPACITY = 1024  # cells per call of a program that runs them one after the other


def sweep(
    simulator: Callable[..., Any],
    grid: Mapping[str, Any],
    seeds: int | Sequence[int] | Integer[np.ndarray, " seeds"],
    *,
    key: int | Key[Array, ""] = 0,
    static: Mapping[str, Any] | None = None,
    common: Sequence[str] = (),
    dims: Mapping[str, Sequence[str]] | None = None,
    units: Mapping[str, str] | None = None,
    mode: Mode = "auto",
    memory: int | None = None,
    chunk: int | None = None,
    executor: Any = None,
    cache: str | os.PathLike[str] | None = None,
    progress: bool | Callable[[int, int, float], None] | None = None,
) -> xr.Dataset:
    ...
