"""Simulators for the tests of the sweep, in a module that worker processes can import."""

import functools
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from theory_on_trial.sweep import sweep

runs: Counter[float] = Counter()
SPECTRA = ({"noise": [1.0, 2.0, 3.0]}, 8)
SIZES = {"n_points": 10, "dim": 20}


def walk(key, scale, drift=0.0, n_steps=8):
    steps = drift + scale * jax.random.normal(key, (n_steps, 3))
    path = jnp.cumsum(steps, axis=0)
    return {"end": path[-1], "length": jnp.sum(jnp.abs(steps))}


@functools.partial(jax.jit, static_argnames=("n_points", "dim"))
def walk_spectrum(key, noise, n_points, dim):
    """LAPACK inside: the configuration in which batched calls on two devices hang."""
    path = jnp.cumsum(noise * jax.random.normal(key, (n_points, dim)), axis=0)
    path = path - path.mean(axis=0)
    return jnp.linalg.eigvalsh(path @ path.T)


def normals(key, scale):
    """4 MiB."""
    return scale * jax.random.normal(key, (2**19,))


def gram_trace(key, scale):
    design = scale * jax.random.normal(key, (30, 10))
    return jnp.sum((design @ design.T) ** 2)


def draw(key, scale):
    return scale * jax.random.normal(key)


def counted(key, scale):
    def count(value):
        runs[float(value)] += 1
        return np.zeros_like(value)

    return jax.random.normal(key) + jax.pure_callback(
        count, jax.ShapeDtypeStruct((), scale.dtype), scale
    )


def slow(key, scale):
    def sleep(value):
        time.sleep(0.01)
        return np.zeros_like(value)

    return jax.random.normal(key) + jax.pure_callback(
        sleep, jax.ShapeDtypeStruct((), scale.dtype), scale
    )


def fragile(key, scale):
    def check(value):
        if value == 3:
            raise FloatingPointError("the scale is three")
        return np.asarray(value)

    return jax.random.normal(key) * jax.pure_callback(
        check, jax.ShapeDtypeStruct((), scale.dtype), scale
    )


def deadly(key, scale):
    """A draw that kills its process at scale 3 while the file named by DEADLY exists."""

    def check(value):
        if value == 3 and Path(os.environ["DEADLY"]).exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return np.asarray(value)

    return jax.random.normal(key) * jax.pure_callback(
        check, jax.ShapeDtypeStruct((), scale.dtype), scale
    )


def running_maxima(key, scale):
    """Three numbers from 16 MB of workspace, exact in every order of the arithmetic."""
    return scale * jax.lax.cummax(jax.random.normal(key, (2_000_000,)))[999_999::500_000]


def long_sum(key, scale, n_terms):
    return scale * jnp.sum(jax.lax.cummax(jax.random.normal(key, (n_terms,))))


class Summary(NamedTuple):
    mean: jax.Array
    count: jax.Array
    positive: jax.Array


def summary(key, scale):
    values = scale * jax.random.normal(key, (5,))
    return Summary(values.mean(), jnp.sum(values > 0), values > 0)


KILLABLE_CHUNKS = 200


def killable_sweep(cache, report=None):
    grid = {"noise": np.linspace(0.5, 1.5, KILLABLE_CHUNKS // 5)}
    static = {"n_points": 40, "dim": 60}
    return sweep(
        walk_spectrum, grid, 20, static=static, chunk=4, cache=cache, progress=report or False
    )


def main():
    print(os.getpid(), flush=True)
    killable_sweep(sys.argv[1], lambda done, total, seconds: print(done, flush=True))


def chunk_files(cache):
    return sorted(cache.glob("*/*.chunk"))


def child_environment(tmp_path, **variables):
    threads = {"OMP_NUM_THREADS": "1", "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled")}
    always = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_ENABLE_X64": "1"}
    return os.environ | threads | always | variables
