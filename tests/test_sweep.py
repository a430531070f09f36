"""The sweep: which numbers it computes, what it labels them, what it compiles, keeps and survives."""

import concurrent.futures
import hashlib
import importlib
import io
import json
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
import sweep_support
import xarray as xr
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sims import _run
from sims._source import source_digest
from sims.sweep import SimulationError, sweep

HERE = Path(__file__).parent
GRID = {"scale": [0.5, 1.0, 2.0, 4.0], "drift": [-1.0, 0.0, 0.25]}


def stream(seed, **parameters):
    """The definition of a cell's key, spelt out."""
    text = repr(sorted((name, repr(value)) for name, value in parameters.items()))
    first, second = np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], ">u4").astype(np.uint32)
    return jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(jax.random.key(0), first), second), seed)


@pytest.fixture(scope="module")
def whole():
    return sweep(sweep_support.walk, GRID, 6)


@pytest.fixture(scope="module")
def compilations():
    """A list that grows by one whenever JAX compiles a program or loads a compiled one."""
    events = []

    def listen(event, duration, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            events.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield events
    jax.monitoring.unregister_event_duration_listener(listen)


def chunk_files(cache):
    return sorted(cache.glob("*/*.chunk"))


# --- the numbers -----------------------------------------------------------------------------------------------------


def test_a_cell_is_the_simulator_called_with_the_folded_key(whole):
    simulate = jax.jit(sweep_support.walk)
    for scale, drift, seed in [(0.5, -1.0, 0), (2.0, 0.25, 5), (4.0, 0.25, 3)]:
        # 2.0 is spelt as 2 and -1.0 as -1: equal values have one stream, whatever their types
        spelt = {"scale": {2.0: 2, 4.0: 4}.get(scale, scale), "drift": -1 if drift == -1.0 else drift}
        alone = simulate(stream(seed, **spelt), scale, drift)
        cell = whole.sel(scale=scale, drift=drift, seed=seed)
        np.testing.assert_array_equal(cell["end"], alone["end"])
        np.testing.assert_array_equal(cell["length"], alone["length"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scales=st.lists(st.sampled_from(GRID["scale"]), min_size=1, unique=True),
    drifts=st.lists(st.sampled_from(GRID["drift"]), min_size=1, unique=True),
    seeds=st.lists(st.integers(0, 5), min_size=1, unique=True),
    chunk=st.sampled_from([None, 1, 5, 8]),
    swapped=st.booleans(),
)
@example(scales=[4.0, 0.5], drifts=[0.25], seeds=[5, 1], chunk=None, swapped=True)
def test_order_extent_and_chunks_change_no_number(whole, scales, drifts, seeds, chunk, swapped):
    grid = {"scale": scales, "drift": drifts}
    part = sweep(sweep_support.walk, dict(reversed(grid.items())) if swapped else grid, seeds, chunk=chunk)
    expected = whole.sel(part.coords).transpose(*part["length"].dims, ...)
    np.testing.assert_array_equal(part["length"], expected["length"])
    np.testing.assert_array_equal(part["end"], expected["end"])


def test_a_value_has_one_stream_whether_static_traced_or_fixed(whole):
    fixed = sweep(sweep_support.walk, {"scale": 2, "drift": [0.0]}, 6)
    static = sweep(sweep_support.walk, {"drift": [0.0]}, 6, static={"scale": 2.0})
    for result in (fixed, static):
        # the scale multiplies as an integer, or as a constant of the program: at most the last digit of each step
        np.testing.assert_allclose(result["length"], whole["length"].sel(scale=2.0, drift=[0.0]), rtol=24 * 2**-53)
        assert result["scale"].ndim == 0
        assert result["length"].dims == ("drift", "seed")


def test_common_parameters_share_their_random_numbers():
    common = sweep(sweep_support.draw, {"scale": [1.0, 2.0, 4.0]}, 4, common=["scale"])["draw"]
    own = sweep(sweep_support.draw, {"scale": [1.0, 2.0, 4.0]}, 4)["draw"]
    np.testing.assert_array_equal(common / common["scale"], np.broadcast_to(common.sel(scale=1.0), (3, 4)))
    assert np.unique((own / own["scale"]).values).size == 12


def test_key_and_seed_give_different_numbers_and_a_key_equals_its_seed():
    def run(key):
        return sweep(sweep_support.draw, {"scale": [1.0]}, [0, 7, 2**32 - 1], key=key)["draw"].values

    np.testing.assert_array_equal(run(3), run(jax.random.key(3)))
    assert np.unique(np.concatenate([run(0), run(1)])).size == 6


def test_vmap_agrees_to_rounding():
    grid = {"penalty": [0.5, 1.0, 2.0]}
    mapped = sweep(sweep_support.ridge, grid, 5)["ridge"]
    batched = sweep(sweep_support.ridge, grid, 5, mode="vmap", chunk=4)["ridge"]
    # Backward error of a solve with a positive definite matrix: c n³ eps |A| |x|, amplified by the condition number,
    # for which (1.5 sqrt(30) + sqrt(10))² / 0.5 is an upper estimate.
    condition = (1.5 * 30**0.5 + 10**0.5) ** 2 / 0.5
    np.testing.assert_allclose(batched, mapped, rtol=0, atol=10**3 * 2**-53 * condition * float(abs(mapped).max()))


def test_float32_is_another_simulation(tmp_path):
    grid = {"scale": [1.0, 0.1]}
    double = sweep(sweep_support.draw, grid, 3, cache=tmp_path)
    with jax.enable_x64(False):
        single = sweep(sweep_support.draw, grid, 3, cache=tmp_path)
        assert single["draw"].dtype == np.float32
        xr.testing.assert_identical(single, sweep(sweep_support.draw, grid, 3))
    assert double["draw"].dtype == np.float64
    xr.testing.assert_identical(double, sweep(sweep_support.draw, grid, 3, cache=tmp_path))
    assert single.sel(scale=0.1)["draw"].shape == (3,)  # the labels are the user's numbers, not their float32


# --- the labels ------------------------------------------------------------------------------------------------------


def test_dimensions_units_and_provenance():
    result = sweep(
        sweep_support.walk_spectrum,
        {"noise": [1.0, 2.0]},
        [4, 2],
        static={"dim": [6, 3, 5], "n_points": 4},
        dims={"walk_spectrum": ["component"]},
        units={"noise": "m", "walk_spectrum": "m²"},
    )
    assert result["walk_spectrum"].dims == ("dim", "noise", "seed", "component")
    assert result["walk_spectrum"].shape == (3, 2, 2, 4)
    assert result["noise"].attrs == {"units": "m"}
    assert result["walk_spectrum"].attrs == {"units": "m²"}
    assert result["dim"].values.tolist() == [6, 3, 5]
    assert result["n_points"].item() == 4
    assert result["seed"].values.tolist() == [4, 2]
    assert result.attrs["simulator"] == "sweep_support:walk_spectrum"
    assert result.attrs["key"] == "threefry2x32:0"


def test_outputs_of_every_kind_are_named():
    named = sweep(sweep_support.summary, {"scale": [1.0]}, 2)
    assert {name: (str(v.dtype), v.dims[2:]) for name, v in named.items()} == {
        "mean": ("float64", ()),
        "count": ("int64", ()),
        "positive": ("bool", ("positive_dim0",)),
    }
    pair = sweep(lambda key: (jax.random.normal(key), {"half": jax.random.normal(key) / 2}), {}, 2)
    assert set(pair) == {"out0", "out1_half"}
    assert pair["out0"].dims == ("seed",)
    single = sweep(lambda key, a: a * jax.random.normal(key), {"a": [1.0]}, 2)
    assert set(single) == {"output"}


def test_dataset_survives_a_netcdf_file(tmp_path):
    static = {"n_points": [3, 4], "dim": 2}
    result = sweep(lambda key, a, n_points, dim: {"x": a * n_points * jax.random.normal(key, (2,)), "b": a > 1},
                   {"a": [0.5, 2.0]}, 3, static=static | {}, units={"a": "s"})  # fmt: skip
    labelled = sweep(sweep_support.draw, {}, 2, static={"scale": 2.0}, common=["scale"])
    for number, dataset in enumerate((result, labelled)):
        dataset.to_netcdf(tmp_path / f"{number}.nc")
        with xr.open_dataset(tmp_path / f"{number}.nc") as again:
            xr.testing.assert_identical(again.load(), dataset)


def test_static_values_of_every_kind_are_labels(tmp_path):
    def simulator(key, law, degree, shape):
        return jax.random.normal(key) * len(law)

    result = sweep(
        simulator, {}, 2, static={"law": ["normal", "cauchy"], "degree": [None, 2], "shape": (3, (True, 1.5))}
    )
    assert result["law"].values.tolist() == ["normal", "cauchy"]
    assert result["degree"].values.tolist() == ["None", "2"]
    assert result["shape"].item() == "(3, (True, 1.5))"
    result.to_netcdf(tmp_path / "static.nc")
    with xr.open_dataset(tmp_path / "static.nc") as again:
        xr.testing.assert_identical(again.load(), result)


# --- compilation -----------------------------------------------------------------------------------------------------


def test_one_compilation_per_shape(compilations):
    def simulator(key, scale, n_points=3):
        return scale * jax.random.normal(key, (n_points,)).sum()

    def compiled(*arguments, **options):
        before = len(compilations)
        sweep(simulator, *arguments, **options)
        return len(compilations) - before

    assert compiled({"scale": np.linspace(1, 2, 90)}, 3) == 1  # 270 cells in chunks of all sizes
    assert compiled({"scale": np.linspace(3, 4, 100)}, 3, key=1) == 0
    assert compiled({"scale": np.linspace(3, 4, 50)}, range(5, 11), key=jax.random.key(2)) <= 1  # the key's data
    assert compiled({"scale": [1.0, 2.0, 3.0]}, 5, chunk=4) == 1  # the last chunk has three cells
    assert compiled({"scale": [1.0, 2.0, 3.0]}, 5, chunk=4, static={"n_points": [1, 2, 4]}) == 3
    assert compiled({"scale": [1.0, 2.0, 3.0]}, 5, chunk=4, static={"n_points": [4, 2]}) == 0
    assert compiled({"scale": [1.0, 2.0, 3.0]}, 5, mode="vmap") == 2  # one of them for the memory of a cell
    assert compiled({"scale": [1.5, 2.5]}, 8, mode="vmap") == 1
    assert compiled({"scale": [1, 2, 3]}, 5, chunk=4) == 1  # integers are another type


def test_static_values_that_are_equal_but_of_different_types_are_different_programs():
    def simulator(key, flag):
        return jax.random.normal(key) + (1.0 if flag is True else 2.0)

    as_flag = sweep(simulator, {}, 1, static={"flag": True})["simulator"]
    as_number = sweep(simulator, {}, 1, static={"flag": 1})["simulator"]
    assert as_number.item() - as_flag.item() == pytest.approx(1.0, abs=2**-50)


# --- bad input -------------------------------------------------------------------------------------------------------

WRONG = [
    (dict(grid={"speed": [1.0]}), TypeError, "walk must take a key .* unexpected keyword argument 'speed'"),
    (dict(grid={}), TypeError, "walk must take a key .* missing a required argument: 'scale'"),
    (dict(grid={"scale": []}), ValueError, r"grid\['scale'\] must be a number or a list of numbers"),
    (dict(grid={"scale": [[1.0]]}), ValueError, r"grid\['scale'\] must be a number or a list of numbers"),
    (dict(grid={"scale": ["a"]}), TypeError, r"grid\['scale'\] must hold real numbers .*'a'"),
    (dict(grid={"scale": [1j]}), TypeError, r"grid\['scale'\] must hold real numbers"),
    (dict(grid={"scale": [None]}), TypeError, r"grid\['scale'\] must hold real numbers"),
    (dict(grid={"scale": [1.0, float("nan")]}), ValueError, r"grid\['scale'\] must not contain NaN"),
    (dict(grid={"scale": [1.0, 2.0, 1.0]}), ValueError, r"grid\['scale'\] must not repeat a value"),
    (dict(grid={"scale": [2**63]}), ValueError, r"grid\['scale'\] must fit into int64"),
    (dict(grid={"scale": [1.0], "seed": [1]}), ValueError, 'not be called "seed"'),
    (dict(static={"scale": 1.0}), ValueError, "must stand in grid= or in static="),
    (dict(static={"n_steps": []}), ValueError, r"static\['n_steps'\] must be one value or a list of different values"),
    (dict(static={"n_steps": [3, 3]}), ValueError, r"static\['n_steps'\] must be one value or a list of different"),
    (dict(static={"n_steps": {3}}), TypeError, r"static\['n_steps'\] must be a number, a string, None or a tuple"),
    (dict(static={"n_steps": [3, 4], "drift": print}), TypeError, r"static\['drift'\] must be a number, a string"),
    (dict(seeds=0), ValueError, "seeds must be a positive int or a list of ints, got 0"),
    (dict(seeds=[]), ValueError, "seeds must be a positive int or a list of ints"),
    (dict(seeds=[1, 1]), ValueError, r"seeds must be different numbers in \[0, 2\*\*32\)"),
    (dict(seeds=[-1]), ValueError, r"seeds must be different numbers in \[0, 2\*\*32\)"),
    (dict(seeds=[2**32]), ValueError, r"seeds must be different numbers in \[0, 2\*\*32\)"),
    (dict(key=-1), ValueError, r"key must be a key or a seed in \[0, 2\*\*32\), got -1"),
    (dict(common=["drift"]), ValueError, r"common must name parameters of the sweep \(scale\), got 'drift'"),
    (dict(dims={"start": ["axis"]}), ValueError, r"dims must use names among \['end', 'length'\]"),
    (dict(dims={"end": []}), ValueError, r"dims\['end'\] must name its 1 dimensions"),
    (dict(dims={"end": ["scale"]}), ValueError, r"dims\['end'\] must name its 1 dimensions unlike any parameter"),
    (dict(units={"speed": "m/s"}), ValueError, "units must use names among"),
    (dict(chunk=0), ValueError, "chunk must be a positive whole number, got 0"),
    (dict(memory=0.5), ValueError, "memory must be a positive whole number, got 0.5"),
    (dict(memory=16), ValueError, "memory must hold a cell, which needs about 32 bytes, got 16"),
    (dict(executor=3), TypeError, r"executor must have a method submit\(function, argument\), got 3"),
]


@pytest.mark.parametrize(("arguments", "kind", "sentence"), WRONG)
def test_bad_input_gets_one_sentence_before_any_compilation(compilations, arguments, kind, sentence):
    before = len(compilations)
    with pytest.raises(kind, match=sentence) as caught:
        sweep(sweep_support.walk, **({"grid": {"scale": [1.0]}, "seeds": 2} | arguments))
    assert "\n" not in str(caught.value)
    assert len(compilations) == before


@pytest.mark.parametrize(
    ("simulator", "kind", "sentence"),
    [
        (lambda key: (), ValueError, "must return arrays of numbers"),
        (lambda key: key, ValueError, "must return arrays of numbers"),
        (lambda key: {"seed": jax.random.normal(key)}, ValueError, "outputs must not be called like parameters"),
        (lambda key: jax.random.normal(key).astype("bfloat16"), ValueError, "must return arrays of numbers"),
        (lambda key: {"a": {"b": 1.0}, "a_b": 2.0}, ValueError, "must give its outputs different names"),
        (7, TypeError, "simulator must be a function"),
    ],
)
def test_simulators_that_cannot_be_swept_are_refused(simulator, kind, sentence):
    with pytest.raises(kind, match=sentence):
        sweep(simulator, {}, 2)


def test_outputs_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="must return arrays of one shape for all static values"):
        sweep(sweep_support.walk_spectrum, {"noise": 1.0}, 2, static={"dim": 3, "n_points": [3, 4]})


def test_a_simulator_that_cannot_be_traced_says_where():
    with pytest.raises(TypeError) as caught:
        sweep(sweep_support.walk, {"scale": [1.0], "n_steps": [3]}, 2)
    assert "flags belong in static=" in " ".join(caught.value.__notes__)
