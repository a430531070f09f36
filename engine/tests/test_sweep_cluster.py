"""One sweep on real queue systems: Slurm with two nodes and Dask's scheduler with two workers, on
this machine.

`pytest -m cluster engine/tests`; Slurm's tests want root and Debian's slurm-wlm and munge, and are
skipped without.
"""

import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import submitit
import sweep_support
import xarray as xr
from sweep_support import SIZES, SPECTRA, child_environment, chunk_files

from theory_on_trial.sweep import sweep

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("warm_children")]

HERE = Path(__file__).parent
MORTAL = ({"scale": [1.0, 2.0, 3.0]}, 5)

# Two nodes of one host, distinguished by their ports.
SLURM = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={ports[0]}
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
NodeName=n1 NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 State=UNKNOWN
NodeName=n2 NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 State=UNKNOWN
PartitionName=short Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""

TASK = """
import os, sys
import jax, numpy as np
jax.distributed.initialize(sys.argv[3])  # that the names of the nodes resolve to; the rest is Slurm's
import sweep_support
from theory_on_trial.sweep import sweep

assert jax.process_count() == 2
cache, own = sys.argv[1], sys.argv[2]
if jax.process_index() == 0:
    os.environ["DEADLY"] = "no such file"
# Processes that have spoken once notice a death at once; at their first word they wait half a minute for each other.
sweep(sweep_support.draw, {"scale": [1.0]}, 2, cache=cache)
try:
    result = sweep(sweep_support.deadly, {"scale": [1.0, 2.0, 3.0]}, 5, chunk=1, cache=cache)
    np.save(f"{own}/{jax.process_index()}.npy", result["deadly"].values)
except RuntimeError as error:
    print(str(error).splitlines()[0])
sys.stdout.flush()
os._exit(0)
"""


def free_ports(n):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def eventually(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.2)


@contextlib.contextmanager
def started(*command, **options):
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Start munge, the controller and the daemons of two nodes; yield the environment that finds
    them.
    """
    missing = [
        name
        for name in ("munged", "slurmctld", "slurmd", "srun", "sbatch")
        if not shutil.which(name)
    ]
    if missing or os.geteuid():
        pytest.skip(
            f"needs {', '.join(missing) or 'root'}: apt-get install slurm-wlm munge, as root"
        )
    folder = tmp_path_factory.mktemp("slurm")
    host = socket.gethostname()
    (folder / "state").mkdir()
    conf = folder / "slurm.conf"
    key = folder / "munge.key"
    conf.write_text(SLURM.format(folder=folder, host=host, ports=free_ports(3)))
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    environment = child_environment(folder, SLURM_CONF=str(conf), PYTHONPATH=str(HERE))
    files = [f"--{name}-file={folder}/munge.{name}" for name in ("log", "pid", "seed")]
    munge = [
        "munged",
        "--foreground",
        "--force",
        f"--key-file={key}",
        f"--socket={folder}/munge.socket",
        *files,
    ]
    spoken = functools.partial(
        subprocess.run, env=environment, capture_output=True, text=True, check=False
    )
    with contextlib.ExitStack() as stack:
        start = functools.partial(started, env=environment, stderr=subprocess.DEVNULL)
        stack.enter_context(start(*munge))
        eventually((folder / "munge.socket").exists, "munge's socket")
        stack.enter_context(start("slurmctld", "-D", "-f", str(conf)))
        for node in ("n1", "n2"):
            stack.enter_context(start("slurmd", "-D", "-N", node, "-f", str(conf)))
        eventually(
            lambda: spoken(["sinfo", "-h", "-t", "idle", "-o", "%D"]).stdout.strip() == "2",
            "two idle nodes",
        )
        yield environment
        spoken(["scancel", "-u", "root"])


def test_the_tasks_of_a_slurm_job_share_a_sweep_and_one_of_them_may_be_killed(
    slurm, tmp_path, monkeypatch
):
    """`srun` starts both; the second kills itself midway, and the next job resumes to the same
    digits.
    """
    poison = tmp_path / "poison"
    cache = tmp_path / "cache"
    poison.touch()
    command = [
        "srun",
        "--ntasks=2",
        "--nodes=2",
        "--no-kill",
        "--kill-on-bad-exit=0",
        "--wait=0",
        sys.executable,
        "-c",
    ]
    environment = slurm | {"DEADLY": str(poison)}
    address = f"127.0.0.1:{free_ports(1)[0]}"
    run = functools.partial(
        subprocess.run,
        [*command, TASK, str(cache), str(tmp_path), address],
        env=environment,
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    first = run()
    assert "another process of the job died" in first.stdout, first.stderr
    kept = len(chunk_files(cache))
    assert (
        kept == 2 + 8 + 5
    )  # the two draws; all cells of the first task; those of the second before the scale 3
    poison.unlink()
    second = run()
    assert second.returncode == 0, second.stderr
    assert len(chunk_files(cache)) == 2 + 15
    monkeypatch.setenv("DEADLY", str(poison))
    expected = sweep(sweep_support.deadly, *MORTAL)["deadly"]
    for rank in range(2):
        np.testing.assert_array_equal(np.load(tmp_path / f"{rank}.npy"), expected)


def test_slurm_jobs_for_each_chunk_change_no_bit(slurm, tmp_path, monkeypatch):
    """What submitit says of a job that was killed comes from Slurm's accounts, which this cluster
    keeps none of.
    """
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    executor = submitit.AutoExecutor(
        tmp_path / "jobs", cluster="slurm", slurm_python=sys.executable
    )
    executor.update_parameters(
        slurm_partition="short", timeout_min=5, cpus_per_task=1, slurm_srun_args=["--mpi=none"]
    )
    result = sweep(sweep_support.walk_spectrum, *SPECTRA, static=SIZES, executor=executor, chunk=12)
    xr.testing.assert_identical(result, sweep(sweep_support.walk_spectrum, *SPECTRA, static=SIZES))


def test_a_dask_scheduler_gives_the_work_of_a_killed_worker_to_the_other(tmp_path, monkeypatch):
    """Scheduler and workers are processes of their own, as on machines of their own."""
    from dask.distributed import Client

    (port,) = free_ports(1)
    address = f"tcp://127.0.0.1:{port}"
    environment = child_environment(tmp_path, PYTHONPATH=str(HERE))
    start = functools.partial(
        started, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    dask = [sys.executable, "-m", "dask"]
    own = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            start(*dask, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        )
        workers = [stack.enter_context(start(*dask, "worker", address, *own)) for _ in range(2)]
        client = stack.enter_context(Client(address, timeout=60))
        client.wait_for_workers(2, timeout=60)
        counts = []

        def kill_one_midway(done, total, seconds):
            counts.append(done)
            if len(counts) == 3:
                workers[0].send_signal(signal.SIGKILL)

        grid = {"scale": np.linspace(1, 2, 5)}
        seeds = 20
        result = sweep(
            sweep_support.slow,
            grid,
            seeds,
            executor=client.get_executor(),
            chunk=5,
            progress=kill_one_midway,
        )
        assert workers[0].wait(timeout=30) == -signal.SIGKILL
        assert len(client.scheduler_info()["workers"]) == 1
    assert counts[-1] == 100
    xr.testing.assert_identical(result, sweep(sweep_support.slow, grid, seeds))
