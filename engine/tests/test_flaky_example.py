"""The flaky tests of examples/flaky: they are flaky, and with a trial they are not."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from theory_on_trial.laws import exact_ends

FOLDER = Path(__file__).parents[2] / "examples" / "flaky"
NAMES = ("dropout", "exponential", "mean_interval", "reservoir", "projected")


@pytest.fixture(scope="module")
def shares():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("shares")
    sys.path.remove(str(FOLDER))
    for name in ("shares", "library", "faulty", "test_before", "test_after"):
        sys.modules.pop(name)


def readme(name):
    """What the README says of a test: its shares of failures, in percent."""
    line = next(
        line
        for line in (FOLDER / "README.md").read_text().splitlines()
        if line.startswith(f"| `{name}`")
    )
    return [float(share) for share in re.findall(r"([0-9.]+) %", line)]


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_says_how_often_the_test_before_fails(shares, name):
    seeds = range(10_000, 10_150)  # others than those of the README
    said, found = readme(name)[:2]
    for module, share in ((shares.library, said), (shares.faulty, found)):
        fails = sum(shares.fails_before(name, seed, module) for seed in seeds)
        low, high = exact_ends(fails, len(seeds), 1e-6)
        assert 100 * low <= share <= 100 * high
    assert 1 <= said <= 10


@pytest.mark.parametrize("name", NAMES)
def test_the_test_after_passes_and_finds_the_fault(shares, name):
    assert readme(name)[2:] == [0, 100]
    assert not any(shares.fails_after(name, seed, shares.library) for seed in (100, 101))
    assert shares.fails_after(name, 100, shares.faulty)


def test_the_suite_passes_and_with_the_faults_fails(tmp_path):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_after.py"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True)
    assert "5 passed" in done.stdout, done.stdout + done.stderr
    faulty = subprocess.run([*command, "--faulty"], cwd=FOLDER, capture_output=True, text=True)
    assert "5 failed" in faulty.stdout, faulty.stdout + faulty.stderr
    assert faulty.stdout.count("REFUTED: measured") >= 5
