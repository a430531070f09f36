"""Settings of the test run: those that all suites share, and jaxtyping's shapes checked as the tests run."""

import os
import sys

# OpenBLAS reads it once, when it is loaded: two test processes on two cores must not start four threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

NUMERICAL = ("sweep", "mapping", "precision", "wishart", "sample_complexity", "own_data")
install_import_hook([f"theory_on_trial.{name}" for name in NUMERICAL], "theory_on_trial.testing.typechecker")

import pytest  # noqa: E402 -- after the hook

from theory_on_trial.audits.warm_python import started  # noqa: E402
from theory_on_trial.testing import programs_of_one_module  # noqa: E402

__all__ = ["programs_of_one_module"]

TRUE_PYTHON = sys.executable


@pytest.fixture(scope="session")
def warm_python(tmp_path_factory):
    """A Python that starts in a moment, and a cache of compiled programs for what it runs."""
    with started() as python:
        yield python, tmp_path_factory.mktemp("programs")


@pytest.fixture
def warm_children(warm_python, monkeypatch):
    """Whatever the test starts as `sys.executable` starts in a moment."""
    python, cache = warm_python
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(cache))


@pytest.fixture
def true_children(warm_children, monkeypatch):
    """In a module whose tests have warm children: the test is about what a Python imports, or how it is stopped."""
    monkeypatch.setattr(sys, "executable", TRUE_PYTHON)
