"""Hostile input for what the simulators of several papers share."""

import jax
import jax.numpy as jnp
import numpy as np

from theory_on_trial import compilation_cache, mapping, precision, sample_complexity, sweep, wishart
from theory_on_trial.arguments import sims_domain as domain
from theory_on_trial.audits.hostile import case, judge, promises
from theory_on_trial.mapping import map_cells

MODULES = [sample_complexity, wishart, sweep, mapping, precision, compilation_cache, domain]
KEY = jax.random.key(0)
COMPILES = {"_costly": "compiles for every shape"}


def noisy(key, rate, power):
    return rate**power + jax.random.normal(key)


def errors_at(size):
    return np.array([1.0, 1.5]) / size


CASES = {
    "geometric_sizes": case(low=3, high=50, ratio=1.5, multiple_of=2, _within=(1, 2.0**62)),
    "bartlett_factor": case(key=KEY, n_rows=3, dim=5, dtype="float64", **COMPILES),
    "chi_square": case(key=KEY, freedom=np.array([1.0, 2.5, 7.0]), _within=(0, np.inf), **COMPILES),
    "bisect_sizes": case(errors_at=errors_at, sizes=np.array([2, 4, 8, 16]), target=0.2),
    "resolve_mode": case(mode="auto"),
    "require_float64": case(what="the test"),
    "sweep": case(
        simulator=noisy,
        grid={"rate": [0.5, 1.0]},
        seeds=2,
        key=0,
        static={"power": 2},
        common=("rate",),
        dims={},
        units={"rate": "1/s"},
        mode="map",
        memory=2**24,
        chunk=2,
        progress=False,
        **COMPILES,
    ),
}
SENTENCES = (
    *("is_traced", "require_in_range", "require_above", "require_finite", "require_count", "require_size"),
    *("require_at_most", "require_choice", "require_float_dtype", "require_scale", "require_symmetric"),
    "require_covariance",
)
WITHOUT_ARGUMENTS = ("cache_folder", "enable_compilation_cache", "compilation_cache_in_use", "programs_asked_for")
EXCLUDED = {
    **dict.fromkeys(WITHOUT_ARGUMENTS, "has no argument"),
    **dict.fromkeys(SENTENCES, "says the sentences itself, to simulators only"),
    "use_compilation_cache": "its folder becomes a setting of JAX, which looks at it when it first compiles",
    "remove_broken_entries": "removes files: folders that hold anything else are in test_compilation_cache.py",
    "map_cells": "takes any number of arguments: below",
    "SimulationError": "an exception",
}


def test_cells_have_one_length():
    tried = case(cells=np.arange(3.0), others=np.ones((3, 2)), mode="map", _infinite="what the function makes of them")
    assert judge(lambda cells, others, mode: map_cells(jnp.multiply, cells, others, mode=mode), tried) == []


test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED, examples=5
)
