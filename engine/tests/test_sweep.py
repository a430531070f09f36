"""The sweep: which numbers it computes, what it labels them, what it compiles, keeps and
survives.
"""

import contextlib
import functools
import hashlib
import io
import itertools
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import dask
import distributed
import jax
import joblib
import numpy as np
import pytest
import sweep_support
import xarray as xr
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from joblib._parallel_backends import ThreadingBackend
from joblib.externals.loky import get_reusable_executor
from sweep_support import SIZES, SPECTRA, child_environment, chunk_files

from theory_on_trial.sweep import SimulationError, sweep

HERE = Path(__file__).parent
GRID = {"scale": [0.5, 1.0, 2.0, 4.0], "drift": [-1.0, 0.0, 0.25]}


def stream(seed, **parameters):
    text = repr(sorted((name, repr(value)) for name, value in parameters.items()))
    first, second = np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], ">u4").astype(
        np.uint32
    )
    return jax.random.fold_in(
        jax.random.fold_in(jax.random.fold_in(jax.random.key(0), first), second), seed
    )


@pytest.fixture(scope="module")
def whole():
    return sweep(sweep_support.walk, GRID, 6)


@pytest.fixture(scope="module")
def compilations():
    """A list that grows by one whenever JAX compiles a program or loads a compiled one."""
    events = []

    def listen(event, duration, **_):
        if event.endswith("backend_compile_duration"):
            events.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield events
    jax.monitoring.unregister_event_duration_listener(listen)


# --- the numbers
# --------------------------------------------------------------------------------------------------


def test_a_cell_is_the_simulator_called_with_the_folded_key(whole):
    simulate = jax.jit(sweep_support.walk)
    for scale, drift, seed in [(0.5, -1.0, 0), (2.0, 0.25, 5), (4.0, 0.25, 3)]:
        # 2.0 is spelt as 2 and -1.0 as -1: equal values have one stream, whatever their types
        spelt = {
            "scale": {2.0: 2, 4.0: 4}.get(scale, scale),
            "drift": -1 if drift == -1.0 else drift,
        }
        alone = simulate(stream(seed, **spelt), scale, drift)
        cell = whole.sel(scale=scale, drift=drift, seed=seed)
        np.testing.assert_array_equal(cell["end"], alone["end"])
        np.testing.assert_array_equal(cell["length"], alone["length"])


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
    part = sweep(
        sweep_support.walk, dict(reversed(grid.items())) if swapped else grid, seeds, chunk=chunk
    )
    expected = whole.sel(part.coords).transpose(*part["length"].dims, ...)
    np.testing.assert_array_equal(part["length"], expected["length"])
    np.testing.assert_array_equal(part["end"], expected["end"])


def test_a_value_has_one_stream_whether_static_traced_or_fixed(whole):
    fixed = sweep(sweep_support.walk, {"scale": 2, "drift": [0.0]}, 6)
    static = sweep(sweep_support.walk, {"drift": [0.0]}, 6, static={"scale": 2.0})
    for result in (fixed, static):
        # the scale multiplies as an integer, or as a constant of the program: at most the last
        # digit of each step
        np.testing.assert_allclose(
            result["length"], whole["length"].sel(scale=2.0, drift=[0.0]), rtol=24 * 2**-53
        )
        assert result["scale"].ndim == 0
        assert result["length"].dims == ("drift", "seed")


def test_common_parameters_share_their_random_numbers_and_every_key_and_seed_has_its_own():
    common = sweep(sweep_support.draw, {"scale": [1.0, 2.0, 4.0]}, 4, common=["scale"])["draw"]
    np.testing.assert_array_equal(
        common / common["scale"], np.broadcast_to(common.sel(scale=1.0), (3, 4))
    )
    ends = [0, 2**32 - 1]
    draws = [
        sweep(sweep_support.draw, {"scale": [1.0]}, ends, key=key)["draw"].values for key in ends
    ]
    assert np.unique(draws).size == 4


def test_vmap_agrees_to_rounding():
    grid = {"scale": [0.5, 1.0, 2.0]}
    reference = sweep(sweep_support.gram_trace, grid, 5)["gram_trace"]
    traces = sweep(sweep_support.gram_trace, grid, 5, mode="vmap", chunk=4)["gram_trace"]
    # The squared Frobenius norm of G = D D', D of 30 x 10. An entry of G errs by 10 eps (|D||D|'),
    # the sum of the 900 squares relatively by 901 eps, the normals by a few: in all by 2 * 950 eps
    # of the squared norm of |D||D|', which is at most that of D to the fourth, and this at most
    # rank(D) = 10 times the result.
    np.testing.assert_allclose(traces, reference, rtol=10 * 2 * 950 * 2**-53)


def test_float32_is_another_simulation(tmp_path):
    grid = {"scale": [1.0, 0.1]}
    double = sweep(sweep_support.draw, grid, 3, cache=tmp_path)
    with jax.enable_x64(False):
        single = sweep(sweep_support.draw, grid, 3, cache=tmp_path)
        assert single["draw"].dtype == np.float32
        xr.testing.assert_identical(single, sweep(sweep_support.draw, grid, 3))
    assert double["draw"].dtype == np.float64
    xr.testing.assert_identical(double, sweep(sweep_support.draw, grid, 3, cache=tmp_path))
    # The labels are the user's numbers, not their float32
    assert single.sel(scale=0.1)["draw"].shape == (3,)


# --- the labels
# --------------------------------------------------------------------------------------------------


def test_outputs_of_every_kind_are_named():
    named = sweep(sweep_support.summary, {"scale": [1.0]}, 2)
    assert {name: (str(v.dtype), v.dims[2:]) for name, v in named.items()} == {
        "mean": ("float64", ()),
        "count": ("int64", ()),
        "positive": ("bool", ("positive_dim0",)),
    }
    pair = sweep(lambda key: (jax.random.normal(key), {"half": jax.random.normal(key) / 2}), {}, 2)
    assert set(pair) == {"out0", "out1_half"}
    assert set(sweep(lambda key, a: a * jax.random.normal(key), {"a": [1.0]}, 2)) == {"output"}


def test_static_values_of_every_kind_are_labels_that_survive_a_file(tmp_path):
    def simulator(key, rate, law, degree, shape, flag):
        return rate * len(law) * jax.random.normal(key, (2,)) + (1.0 if flag is True else 2.0)

    static = {
        "law": ["normal", "cauchy"],
        "degree": [None, 2],
        "shape": (3, (True, 1.5)),
        "flag": [True],
    }
    result = sweep(simulator, {"rate": [0.5, 2]}, [4, 2], static=static)
    assert result["simulator"].dims == ("law", "degree", "flag", "rate", "seed", "simulator_dim0")
    assert result["law"].values.tolist() == ["normal", "cauchy"]
    assert result["degree"].values.tolist() == ["None", "2"]
    assert (result["shape"].item(), result["seed"].values.tolist()) == ("(3, (True, 1.5))", [4, 2])
    assert (result.attrs["simulator"].split(":")[0], result.attrs["key"]) == (
        "test_sweep",
        "threefry2x32:0",
    )
    result.to_netcdf(tmp_path / "static.nc")
    with xr.open_dataset(tmp_path / "static.nc") as again:
        xr.testing.assert_identical(again.load(), result)
    # Equal, another program
    other = sweep(simulator, {"rate": [0.5, 2]}, [4, 2], static=static | {"flag": [1]})
    assert (other["simulator"].values - result["simulator"].values).mean() == pytest.approx(
        1.0, abs=1e-12
    )


# --- compilation
# --------------------------------------------------------------------------------------------------


def test_one_compilation_per_shape(compilations):
    def simulator(key, scale, n_points=3):
        return scale * jax.random.normal(key, (n_points,)).sum()

    def compiled(*arguments, **options):
        before = len(compilations)
        sweep(simulator, *arguments, **options)
        return len(compilations) - before

    assert compiled({"scale": np.linspace(1, 2, 90)}, 3) == 1  # 270 cells in chunks of all sizes
    assert compiled({"scale": np.linspace(3, 4, 100)}, 3, key=1) == 0
    assert compiled({"scale": [1.0, 2.0, 3.0]}, 5, chunk=4) == 1  # the last chunk has three cells
    assert compiled({"scale": [1.0, 2.0, 3.0]}, 5, chunk=4, static={"n_points": [1, 2, 4]}) == 3
    assert compiled({"scale": [1.0, 2.0, 3.0]}, 5, chunk=4, static={"n_points": [4, 2]}) == 0
    assert compiled({"scale": [1.0, 2.0, 3.0]}, 5, mode="vmap") == 1
    assert compiled({"scale": [1.5, 2.5]}, 8, mode="vmap") == 0
    assert compiled({"scale": [1, 2, 3]}, 5, chunk=4) == 1  # integers are another type


# --- bad input
# --------------------------------------------------------------------------------------------------

WRONG = [
    (
        dict(grid={"scale": 1.0, "speed": [1.0]}),
        TypeError,
        "walk must take a key .* keyword argument 'speed'",
    ),
    (dict(grid={}), TypeError, "walk must take a key .* missing a required argument: 'scale'"),
    *(
        (
            dict(grid={"scale": values}),
            ValueError,
            r"grid\['scale'\] must be a number or a list of "
            r"different numbers",
        )
        for values in ([], [[1.0]], [1.0, float("nan")], [1.0, 2.0, 1.0])
    ),
    (dict(grid={"scale": ["a"]}), TypeError, r"grid\['scale'\] must hold real numbers .*'a'"),
    (
        dict(grid={"seed": [1]}, simulator=lambda key, seed: 1.0),
        ValueError,
        "different names, got seed, seed, output",
    ),
    (
        dict(static={"scale": 1.0}),
        ValueError,
        "the seed and outputs must have different names, got scale, scale, seed",
    ),
    (
        dict(static={"n_steps": []}),
        ValueError,
        r"static\['n_steps'\] must be one value or a list "
        r"of different values",
    ),
    (
        dict(static={"n_steps": {3}}),
        TypeError,
        r"static\['n_steps'\] must be a number, a string, "
        r"None or a tuple",
    ),
    (
        dict(seeds=[]),
        TypeError,
        r"seeds must be an integer or an array of numbers with axes "
        r"\(seeds\)",
    ),
    (dict(seeds=[1, 1]), ValueError, r"seeds must be different numbers in \[0, 2\*\*32\)"),
    (dict(seeds=[2**32]), ValueError, r"seeds must be different numbers in \[0, 2\*\*32\)"),
    (
        dict(common=["drift"]),
        ValueError,
        r"common must name parameters of the sweep \(scale\), "
        r"got 'drift'",
    ),
    (dict(result_folder="/dev/null"), ValueError, "result_folder must be a folder to write to"),
    (
        dict(static={"n_steps": [3, 4]}, simulator=lambda key, scale, n_steps: key),
        ValueError,
        "arrays of numbers",
    ),
    (dict(grid={}, simulator=lambda key: ()), ValueError, "must return arrays of numbers"),
    (
        dict(grid={}, simulator=lambda key: {"seed": 1.0}),
        ValueError,
        "must have different names, got seed, seed",
    ),
    (
        dict(grid={}, simulator=lambda key: {"a": {"b": 1.0}, "a_b": 2.0}),
        ValueError,
        "names, got seed, a_b, a_b",
    ),
    (
        dict(simulator=functools.partial(sweep_support.draw, scale=1.0)),
        TypeError,
        "simulator must be a function",
    ),
    (
        dict(grid={}, static={"n": [3, 4]}, simulator=lambda key, n: jax.random.normal(key, n)),
        ValueError,
        "must return arrays of one shape for all static values",
    ),
]


@pytest.mark.parametrize(("arguments", "kind", "sentence"), WRONG)
def test_bad_input_gets_one_sentence_before_any_compilation(
    compilations, arguments, kind, sentence
):
    before = len(compilations)
    with pytest.raises(kind, match=sentence) as caught:
        sweep(
            **({"simulator": sweep_support.walk, "grid": {"scale": [1.0]}, "seeds": 2} | arguments)
        )
    assert "\n" not in str(caught.value)
    assert len(compilations) == before


@pytest.mark.parametrize(("value", "dtype"), [(2**40, "int32"), (1e300, "float32")])
def test_numbers_that_the_precision_cannot_hold_are_refused(value, dtype):
    with (
        jax.enable_x64(False),
        pytest.raises(ValueError, match=rf"grid\['scale'\] must fit into {dtype}"),
    ):
        sweep(sweep_support.draw, {"scale": [value]}, 2)


def test_a_simulator_that_cannot_be_traced_says_where():
    with pytest.raises(TypeError) as caught:
        sweep(sweep_support.walk, {"scale": [1.0], "n_steps": [3]}, 2)
    assert "flags belong in static=" in " ".join(caught.value.__notes__)


@pytest.mark.parametrize(
    ("backend", "mode", "sentence"),
    [("multiprocessing", "map", "forks"), ("threading", "vmap", "dead-lock there")],
)
def test_backends_in_which_jax_would_hang_are_refused(backend, mode, sentence):
    with joblib.parallel_config(backend, n_jobs=2), pytest.raises(ValueError, match=sentence):
        sweep(sweep_support.draw, {"scale": [1.0]}, 2, mode=mode)


# --- what is kept
# --------------------------------------------------------------------------------------------------


def counted_sweep(cache, scales=(1.0, 2.0, 4.0), seeds=6, **options):
    sweep_support.runs.clear()
    result = sweep(sweep_support.counted, {"scale": list(scales)}, seeds, cache=cache, **options)
    return result, sweep_support.runs.total()


def test_finished_cells_are_never_run_again(tmp_path, compilations):
    first, runs = counted_sweep(tmp_path, chunk=4)
    assert runs == 18
    before = len(compilations)
    again, runs = counted_sweep(tmp_path)
    assert (runs, len(compilations)) == (0, before)
    xr.testing.assert_identical(again, first)
    more, runs = counted_sweep(tmp_path, scales=(8.0, 4.0, 1.0), seeds=range(2, 9))
    assert runs == 7 + 3 + 3
    xr.testing.assert_identical(
        more.sel(scale=[4.0, 1.0], seed=range(2, 6)), first.sel(scale=[4.0, 1.0], seed=range(2, 6))
    )
    assert counted_sweep(tmp_path, key=1)[1] == 18
    assert counted_sweep(tmp_path, common=["scale"])[1] == 18
    assert counted_sweep(tmp_path)[1] == 0


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_file_counts_as_absent(tmp_path_factory, data):
    cache = tmp_path_factory.mktemp("cache")
    first, _ = counted_sweep(cache, chunk=4)
    file = data.draw(st.sampled_from(chunk_files(cache)))
    cells = len(np.load(io.BytesIO(file.read_bytes()[32:]))["label/seed"])
    content = bytearray(file.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1), label="position")
    if data.draw(st.booleans(), label="cut"):
        file.write_bytes(content[:position])
    else:
        content[position] ^= 1 << data.draw(st.integers(0, 7), label="bit")
        file.write_bytes(content)
    again, runs = counted_sweep(cache, chunk=4)
    assert runs == cells
    xr.testing.assert_identical(again, first)
    assert counted_sweep(cache)[1] == 0


def test_chunks_of_a_simulator_without_a_file_or_with_bound_values_are_not_kept(tmp_path):
    bound = 2.0
    typed = {}
    exec("def typed(key): return 1.0", typed)
    for simulator in (lambda key: bound * jax.random.normal(key), typed["typed"]):
        with pytest.raises(ValueError, match="cache needs a simulator"):
            sweep(simulator, {}, 2, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- interruptions
# --------------------------------------------------------------------------------------------------


def test_five_kills_change_no_bit(tmp_path):
    """SIGKILL after a random number of chunks, at a random moment of the next: in the middle of the
    work.
    """
    chance = random.Random(0)
    program = [sys.executable, "-c", "from sweep_support import main; main()"]
    environment = child_environment(tmp_path)
    reference = sweep_support.killable_sweep(None)
    folders = (tmp_path / f"cache{number}" for number in itertools.count())
    cache = next(folders)
    chunks = 0
    kills = 0
    while kills < 5:
        command = [*program, str(cache)]
        with subprocess.Popen(
            command, cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True
        ) as child:
            worker = int(child.stdout.readline())
            for _ in range(chance.randint(1, 6)):
                child.stdout.readline()
            time.sleep(chance.uniform(0, 0.01))
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        before = chunks
        chunks = len(chunk_files(cache))
        assert chunks > before
        if child.returncode == -signal.SIGKILL and chunks < sweep_support.KILLABLE_CHUNKS:
            kills += 1
        else:  # on a busy machine the child may have finished before the kill
            xr.testing.assert_identical(sweep_support.killable_sweep(cache), reference)
            cache = next(folders)
            chunks = 0
    xr.testing.assert_identical(sweep_support.killable_sweep(cache), reference)


def test_a_failing_cell_is_named_and_the_others_are_kept(tmp_path):
    grid = {"scale": [1.0, 2.0, 3.0]}
    with pytest.raises(
        SimulationError,
        match=r"failed at scale=3\.0, seed=0: FloatingPointError: the scale is three\n",
    ):
        sweep(sweep_support.fragile, grid, 4, chunk=3, cache=tmp_path)
    assert len(chunk_files(tmp_path)) == 2
    sweep(sweep_support.fragile, {"scale": [1.0, 2.0]}, 4, cache=tmp_path)


# --- devices and executors
# -------------------------------------------------------------------------------------------

FOUR_DEVICES = """
import faulthandler, sys
faulthandler.dump_traceback_later(100, exit=True)
import jax, numpy as np, sweep_support
from theory_on_trial.sweep import chunk as _chunk, sweep

used, plain = set(), _chunk._simulate
def watched(*arguments):
    outputs = plain(*arguments)
    used.update(device.id for array in outputs.values() for device in array.devices())
    return outputs
_chunk._simulate = watched

options = dict(static={"n_points": 40, "dim": 60}, chunk=3)
mapped = sweep(sweep_support.walk_spectrum, {"noise": [1.0, 2.0]}, 20, **options)
assert used == {0, 1, 2, 3}, used
automatic = sweep(sweep_support.draw, {"scale": [1.0, 2.0]}, 50)
used.clear()
batched = sweep(sweep_support.walk_spectrum, {"noise": [1.0, 2.0]}, 20, mode="vmap", **options)
assert len(used) == 1, used
np.savez(sys.argv[1], mapped=mapped["walk_spectrum"], automatic=automatic["draw"], batched=batched["walk_spectrum"])
"""


def test_four_devices_change_no_bit(tmp_path):
    """In mode "vmap" four CPU devices would wait for each other for ever: the time limits are part
    of the test.
    """
    # the same bits: the same options
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=4"
    environment = child_environment(tmp_path, XLA_FLAGS=flags)
    subprocess.run(
        [sys.executable, "-c", FOUR_DEVICES, str(tmp_path / "four.npz")],
        cwd=HERE,
        env=environment,
        timeout=120,
        check=True,
    )
    four = np.load(tmp_path / "four.npz")
    single = sweep(
        sweep_support.walk_spectrum, {"noise": [1.0, 2.0]}, 20, static={"n_points": 40, "dim": 60}
    )
    np.testing.assert_array_equal(four["mapped"], single["walk_spectrum"])
    np.testing.assert_array_equal(
        four["automatic"], sweep(sweep_support.draw, {"scale": [1.0, 2.0]}, 50)["draw"]
    )
    # eigenvalues are found to within c n eps |A|, and the trace bounds the norm
    scale = float(single["walk_spectrum"].sum("walk_spectrum_dim0").max())
    np.testing.assert_allclose(
        four["batched"], single["walk_spectrum"], rtol=0, atol=40 * 60 * 2**-53 * scale
    )


@pytest.fixture(scope="module")
def serial_spectra():
    return sweep(sweep_support.walk_spectrum, *SPECTRA, static=SIZES)


class Rounds(ThreadingBackend):
    """A backend that returns results all at once, as Ray's does."""

    supports_return_generator = False


joblib.register_parallel_backend("rounds", Rounds)


@pytest.mark.parametrize("backend", ["threading", "rounds", "loky"])
def test_backends_change_no_bit(serial_spectra, backend, tmp_path):
    with joblib.parallel_config(backend, n_jobs=2):
        result = sweep(sweep_support.walk_spectrum, *SPECTRA, static=SIZES, chunk=2, cache=tmp_path)
    xr.testing.assert_identical(result, serial_spectra)
    assert len(chunk_files(tmp_path)) == 12


def test_a_function_typed_into_an_interpreter_is_compiled_once_by_each_worker():
    bound = 2.0

    def where(key):  # the time of the compilation, and the process
        return {"time": time.time() % 1e6 + 0.0 * jax.random.normal(key), "process": os.getpid()}

    def typed(key):
        return bound * jax.random.normal(key) + 0.0

    with joblib.parallel_config("loky", n_jobs=2):
        there = sweep(typed, {}, 12, chunk=2)
        compiled = sweep(where, {}, 12, chunk=2)
    xr.testing.assert_identical(there, sweep(typed, {}, 12))
    times = set(zip(compiled["process"].values, compiled["time"].values, strict=True))
    assert len(times) == len(np.unique(compiled["process"])) <= 2


def test_the_death_of_a_worker_loses_no_finished_chunk(tmp_path, monkeypatch):
    """While the file `poison` is there, a cell of scale 3 kills its process."""
    poison = tmp_path / "poison"
    poison.touch()
    monkeypatch.setenv("DEADLY", str(poison))
    get_reusable_executor().shutdown(kill_workers=True)  # they do not know of the file
    deadly = ({"scale": [1.0, 2.0, 3.0]}, 4)
    cache = tmp_path / "cache"
    with (
        joblib.parallel_config("loky", n_jobs=2),
        pytest.raises(
            RuntimeError, match=r"^a worker died \(.*the same sweep again to resume$"
        ) as e,
    ):
        sweep(sweep_support.deadly, *deadly, chunk=4, cache=cache)
    assert "\n" not in str(e.value)
    assert f"{4 * len(chunk_files(cache))} of 12 cells are kept in {tmp_path}" in str(e.value)
    poison.unlink()
    resumed = sweep(sweep_support.deadly, *deadly, cache=cache)
    xr.testing.assert_identical(resumed, sweep(sweep_support.deadly, *deadly))


@pytest.fixture
def dask_cluster(monkeypatch):
    """Two worker processes of this machine, which are not started again when they die."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    with (
        dask.config.set({"distributed.nanny.environ.PYTHONPATH": str(HERE)}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_sweep_on_a_dask_cluster_survives_the_death_of_a_worker(dask_cluster):
    grid = {"scale": np.linspace(1, 2, 5)}
    seeds = 20
    workers = dask_cluster.run(os.getpid)
    assert len(set(workers.values())) == 2
    counts = []

    def kill_one_midway(done, total, seconds):
        counts.append(done)
        if len(counts) == 3:
            os.kill(next(iter(workers.values())), signal.SIGKILL)

    with joblib.parallel_config("dask"):
        result = sweep(sweep_support.slow, grid, seeds, chunk=5, progress=kill_one_midway)
    assert set(dask_cluster.run(os.getpid).values()) != set(workers.values())
    assert counts == list(range(5, 101, 5))
    xr.testing.assert_identical(result, sweep(sweep_support.slow, grid, seeds))


LARGE = """
import resource, sys
from pathlib import Path
import jax, numpy as np, sweep_support
from theory_on_trial.sweep import sweep

def anonymous():  # memory that is no file's
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) / 1024

sizes = dict(chunk=4, result_folder=sys.argv[1], cache=sys.argv[1])
sweep(sweep_support.normals, {"scale": [1.0]}, 4, **sizes)
before = anonymous()
result = sweep(sweep_support.normals, {"scale": [1.0]}, 100, **sizes)
print(result.nbytes / 2**20, anonymous() - before)
"""


def test_a_result_that_memory_does_not_hold_lies_on_disk(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path)],
        cwd=HERE,
        env=child_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    size, growth = map(float, run.stdout.split())
    assert size > 400
    assert growth < 100
    mapped = np.load(tmp_path / "normals.npy", mmap_mode="r")
    key = stream(99, scale=1)  # as the sweep spells 1.0
    np.testing.assert_array_equal(mapped[0, 99], jax.jit(sweep_support.normals)(key, 1.0))


# --- progress
# --------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_silent_without_a_terminal_and_in_xdist_workers(monkeypatch):
    def written(stream, worker, **options):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        sweep(sweep_support.draw, {"scale": [1.0]}, 4, **options)
        return stream.getvalue()

    assert written(io.StringIO(), "") == ""
    assert written(Terminal(), "gw0") == ""
    assert written(Terminal(), "", progress=False) == ""
    assert re.search(r"draw: 100%.* 4/4 \[.*cell/s\]", written(Terminal(), ""))
    assert "4/4" in written(io.StringIO(), "gw0", progress=True)
