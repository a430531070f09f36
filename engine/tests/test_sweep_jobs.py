"""One sweep on many machines: the processes of a `jax.distributed` job."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sweep_support
import xarray as xr
from sweep_support import child_environment, chunk_files

from theory_on_trial.sweep import sweep

HERE = Path(__file__).parent
SPECTRA = ({"noise": [1.0, 2.0, 3.0]}, 8)
SIZES = {"n_points": 10, "dim": 20}

# It ends without JAX's own farewell, which waits minutes for a process that has died.
PROCESS = """
import os, sys
import jax, numpy as np
jax.distributed.initialize(f"127.0.0.1:{sys.argv[1]}", 2, int(sys.argv[2]))
import sweep_support
from theory_on_trial.sweep import sweep

cache, own = sys.argv[3], sys.argv[4]

def attempt(simulator, folder):
    try:
        sweep(simulator, {"scale": [1.0, 2.0, 3.0]}, 5, chunk=1, cache=folder)
    except RuntimeError as error:
        print(f"{type(error).__name__}: {error}".splitlines()[0])

if "DEADLY" in os.environ:
    os.environ["DEADLY"] = os.environ["DEADLY"] if sys.argv[2] == "1" else "no such file"
    sweep(sweep_support.draw, {"scale": [1.0]}, 2, cache=cache)
    attempt(sweep_support.deadly, cache)
else:
    result = sweep(sweep_support.counted, {"scale": [1.0, 2.0]}, 5, cache=cache)
    print(sweep_support.runs.total())
    sweep(sweep_support.counted, {"scale": [1.0, 2.0]}, 6, cache=cache)
    print(sweep_support.runs.total())
    sweep(sweep_support.counted, {"scale": [1.0]}, 3)
    print(sweep_support.runs.total())
    np.save(f"{own}.npy", result["counted"].values)
    attempt(sweep_support.fragile, cache)
    attempt(sweep_support.draw, own)
sys.stdout.flush()
os._exit(0)
"""


def run_job(tmp_path, **variables):
    """Run two processes as one job; return the lines that each printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = child_environment(tmp_path, **variables)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(port), str(rank), str(tmp_path / "cache"), str(tmp_path / f"{rank}")],
            cwd=HERE,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    printed = [process.communicate(timeout=120)[0].splitlines() for process in processes]
    return [[line for line in lines if not line.startswith("[Gloo]")] for lines in printed]


@pytest.mark.usefixtures("warm_children")
def test_the_processes_of_a_job_share_the_cells_and_all_return_all(tmp_path):
    zero, one = run_job(tmp_path)
    # 10 cells, then 2 new ones: half of them each; without a cache nothing is shared
    assert [int(line) for line in zero[:3]] == [5, 6, 9]
    assert [int(line) for line in one[:3]] == [5, 6, 9]
    expected = sweep(sweep_support.counted, {"scale": [1.0, 2.0]}, 5)["counted"]
    for rank in range(2):
        np.testing.assert_array_equal(np.load(tmp_path / f"{rank}.npy"), expected)
    # of scale 3, which fails, process 0 has the seeds 0, 2, 4
    assert zero[3].startswith("SimulationError: the simulator failed at scale=3.0, seed=0: ")
    assert one[3].startswith("SimulationError: the simulator failed at scale=3.0, seed=1: ")
    for lines in (zero, one):
        sentence = "RuntimeError: cache must be a folder that all 2 processes of the job share, but [78] cells of other"
        assert re.match(sentence, lines[4])


@pytest.mark.usefixtures("warm_children")
def test_a_process_of_a_job_that_dies_loses_nothing_that_is_finished(tmp_path, monkeypatch):
    poison = tmp_path / "poison"
    poison.touch()
    zero, one = run_job(tmp_path, DEADLY=str(poison))
    assert one == []
    sentence = (
        "RuntimeError: another process of the job died .*; what is finished is kept in .*: start it again to resume"
    )
    assert re.match(sentence, zero[-1])
    # the two draws; all 8 cells of process 0; those 5 of process 1 that come before scale 3
    assert len(chunk_files(tmp_path / "cache")) == 2 + 8 + 5
    poison.unlink()
    monkeypatch.setenv("DEADLY", str(poison))
    resumed = sweep(sweep_support.deadly, {"scale": [1.0, 2.0, 3.0]}, 5, cache=tmp_path / "cache")
    xr.testing.assert_identical(resumed, sweep(sweep_support.deadly, {"scale": [1.0, 2.0, 3.0]}, 5))
