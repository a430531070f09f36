"""Settings of the test run: those that all suites share, and jaxtyping's shapes checked as the
tests run.
"""

import os
import signal
import sys
from pathlib import Path

# OpenBLAS reads it once, when it is loaded: two test processes on two cores must not start four
# threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# `promises`, which the tests of the papers share
sys.path.append(str(Path(__file__).parents[2] / "tests"))

import pytest
from jaxtyping import install_import_hook

pytest.register_assert_rewrite("promises")

NUMERICAL = ("sweep", "base.mapping", "base.precision", "own_data")
install_import_hook(
    [f"theory_on_trial.{name}" for name in NUMERICAL], "theory_on_trial.testing.suite.typechecker"
)

from theory_on_trial.testing.layout import lay_out  # noqa: E402
from theory_on_trial.testing.suite import programs_of_one_module  # noqa: E402

__all__ = ["programs_of_one_module"]

# A shell lets what it runs in the background ignore Ctrl-C, and children inherit that; the tests send
# it to theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _as_for_others(monkeypatch):
    """A verdict rests on the engine's own defaults, not on the settings of the repository around it."""
    from theory_on_trial.ledger import verdict
    from theory_on_trial.plugin import LEAST_DRAWN

    monkeypatch.setattr(verdict, "LEAST_DRAWN", int(LEAST_DRAWN))


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Lays out files in a repository with a cache, where the test runs; what it imports and
    registers is forgotten.
    """
    from theory_on_trial.trial import registry

    def laid_out(files, settings=""):
        lay_out(tmp_path, {"pyproject.toml": f"[tool.pytest.ini_options]\n{settings}", **files})
        return tmp_path

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(registry, "_REGISTERED", {})
    yield laid_out
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
