"""What kills, full disks, too little memory and interruptions leave behind: nothing lost, nothing
wrong read.
"""

import contextlib
import re
import resource
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import sweep_support
import xarray as xr
from sweep_support import child_environment, chunk_files

from theory_on_trial.sweep import SimulationError, sweep

HERE = Path(__file__).parent
SPECTRUM = {"n_points": 40, "dim": 60}


@contextlib.contextmanager
def limited(kind, most):
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


def address_space():
    return int(re.search(r"VmSize:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


# --- a full disk
# --------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_loses_no_result_and_names_the_folder(tmp_path):
    """No file may grow beyond 4 kB: the small files of the first sweep fit, the chunks of the
    second do not.
    """
    draws = partial(sweep, sweep_support.draw, {"scale": [1.0]}, 4, cache=tmp_path / "small")
    spectra = partial(sweep, sweep_support.walk_spectrum, {"noise": [1.0]}, static=SPECTRUM)
    large = tmp_path / "large"
    small = draws()
    spectra(1, cache=large)
    # The program is compiled here: JAX, too, could not keep it on the full disk.
    reference = spectra(64, chunk=21)

    def interrupt(done, total, seconds):
        raise KeyboardInterrupt

    with limited(resource.RLIMIT_FSIZE, 4096):
        xr.testing.assert_identical(draws(), small)
        sentence = (
            rf"chunks cannot be kept in {large}/\S+ \(File too large\): this sweep goes on "
            r"and will return"
        )
        with pytest.warns(RuntimeWarning, match=sentence) as warnings:
            full = spectra(64, cache=large, chunk=21)
        with (
            pytest.warns(RuntimeWarning, match=sentence),
            pytest.raises(KeyboardInterrupt) as interruption,
        ):
            spectra(64, cache=large, chunk=21, progress=interrupt)
    assert "interrupted; 1 of 64 cells are kept" in interruption.value.__notes__[0]
    assert len(warnings) == 3
    assert "\n" not in str(warnings[0].message)
    assert list(tmp_path.glob("*/*/*.tmp")) == []
    assert len(chunk_files(large)) == 1
    xr.testing.assert_identical(full, reference)
    xr.testing.assert_identical(spectra(64, cache=large), reference)


def test_a_disk_that_is_full_from_the_start_is_refused_before_the_first_cell(tmp_path):
    sweep_support.runs.clear()
    with (
        limited(resource.RLIMIT_FSIZE, 0),
        pytest.raises(
            ValueError,
            match=rf"^cache must be a folder that can be written to, got {tmp_path} \(File too",
        ),
    ):
        sweep(sweep_support.counted, {"scale": [1.0]}, 4, cache=tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(
        ValueError, match=r"^cache must be a folder that can be written to, got .*file \(Not a dir"
    ):
        sweep(sweep_support.counted, {"scale": [1.0]}, 4, cache=tmp_path / "file")
    assert sweep_support.runs.total() == 0


# --- too little memory
# -----------------------------------------------------------------------------------------------


def test_a_batch_that_exhausts_the_memory_is_halved_until_it_fits():
    """16 cells of at least 16 MB at once in 256 MB."""
    maxima = partial(sweep, sweep_support.running_maxima, {"scale": [1.0, 2.0]}, 8)
    reference = maxima()
    with limited(resource.RLIMIT_AS, address_space() + 2**28):
        found = maxima(mode="vmap", chunk=16)
    np.testing.assert_array_equal(found["running_maxima"], reference["running_maxima"])


def test_a_cell_that_exhausts_the_memory_alone_is_named():
    with (
        limited(resource.RLIMIT_AS, address_space() + 2**29),
        pytest.raises(
            SimulationError,
            match=r"failed at n_terms=\d+, scale=3\.0, seed=0: .*RESOURCE_EXHAUSTED",
        ),
    ):
        sweep(sweep_support.long_sum, {"scale": [3.0]}, 2, static={"n_terms": 2**28})


# --- kills, interruptions, two at once
# -------------------------------------------------------------------------------

WAITING = """
import signal, sys
import jax
from sweep_support import killable_sweep
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it on behalf of what it runs beside itself
jax.config.update("jax_enable_x64", True)
print("ready", flush=True)
sys.stdin.readline()
killable_sweep(sys.argv[1], lambda done, total, seconds: print(done, flush=True)).to_netcdf(sys.argv[2])
"""


def waiting_child(tmp_path, name):
    """A process that waits for a line, then sweeps into `tmp_path`/cache and writes its result to
    `tmp_path`/name.
    """
    return subprocess.Popen(
        [sys.executable, "-c", WAITING, str(tmp_path / "cache"), str(tmp_path / name)],
        cwd=HERE,
        env=child_environment(tmp_path),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture(scope="module")
def whole():
    return sweep_support.killable_sweep(None)


def test_two_processes_on_one_cache_both_end_right(tmp_path, whole):
    children = [waiting_child(tmp_path, f"{number}.nc") for number in range(2)]
    assert [child.stdout.readline() for child in children] == ["ready\n", "ready\n"]
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    errors = [child.communicate(timeout=120)[1] for child in children]
    assert [child.returncode for child in children] == [0, 0], errors
    for number in range(2):
        with xr.open_dataset(tmp_path / f"{number}.nc") as own:
            np.testing.assert_array_equal(own["walk_spectrum"], whole["walk_spectrum"])
    assert len(chunk_files(tmp_path / "cache")) == sweep_support.KILLABLE_CHUNKS
    xr.testing.assert_identical(sweep_support.killable_sweep(tmp_path / "cache"), whole)


def test_an_interrupt_from_the_keyboard_says_what_is_kept(tmp_path, whole):
    child = waiting_child(tmp_path, "never.nc")
    child.stdin.write("\n")
    child.stdin.flush()
    for _ in range(4):
        child.stdout.readline()
    child.send_signal(signal.SIGINT)
    error = child.communicate(timeout=120)[1]
    assert child.returncode == -signal.SIGINT
    kept = len(chunk_files(tmp_path / "cache"))
    assert 3 <= kept < sweep_support.KILLABLE_CHUNKS
    assert (
        f"the sweep was interrupted; {4 * kept} of 800 cells are kept in {tmp_path / 'cache'}"
    ) in error
    assert list(tmp_path.glob("cache/*/*.tmp")) == []
    xr.testing.assert_identical(sweep_support.killable_sweep(tmp_path / "cache"), whole)
