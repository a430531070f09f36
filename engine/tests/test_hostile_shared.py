"""Fuzzing of what the papers share: numbers, sizes, and what a sweep is given."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from promises import Case, judged, odd_values

from theory_on_trial.base.mapping import map_cells, resolve_mode
from theory_on_trial.base.precision import require_float64
from theory_on_trial.sweep import sweep

SWEEP = {
    "simulator": lambda key, rate, power: rate**power + jax.random.normal(key),
    **{"grid": {"rate": [0.5, 1.0]}, "seeds": 2, "key": 0, "static": {"power": 2}},
    **{"common": ("rate",), "mode": "map", "chunk": 2, "progress": False},
}
DOCUMENTED = {"progress": "anything that is true"}


def complaints(function, given, names):
    """What is said of every odd value of every argument, where it is neither an answer nor a
    sentence.
    """
    tried = {
        (name, label): {**given, name: value} for name in names for label, value in odd_values()
    }
    return {
        at: said
        for at, arguments in tried.items()
        if (said := judged(function, arguments, Case())[0])
    }


@pytest.mark.parametrize("name", [name for name in SWEEP if name not in DOCUMENTED])
def test_a_sweep_is_answered_or_refused(name):
    assert complaints(sweep, SWEEP, [name]) == {}


def test_cells_have_one_length():
    def double(cells, others, mode):
        return map_cells(jnp.multiply, cells, others, mode=mode)

    given = {"cells": np.arange(3.0), "others": np.ones((3, 2)), "mode": "map"}
    found = complaints(double, given, given)
    # What the function itself answers or says
    theirs = (
        "not finite",
        "names no argument: multiply",
    )
    assert {at: said for at, said in found.items() if not said.startswith(theirs)} == {}


def test_modes_and_precisions_have_a_sentence():
    assert complaints(resolve_mode, {"mode": "auto"}, ["mode"]) == {}
    assert complaints(require_float64, {"what": "it"}, ["what"]) == {}
