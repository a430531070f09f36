"""Settings of the test run: those that all suites share, and jaxtyping's shapes checked as the tests run."""

import os
import sys
from pathlib import Path

# OpenBLAS reads it once, when it is loaded: two test processes on two cores must not start four threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

sys.path.append(str(Path(__file__).parents[2] / "tests"))  # `promises`, which the tests of the papers share

import pytest
from jaxtyping import install_import_hook

pytest.register_assert_rewrite("promises")

NUMERICAL = ("sweep", "base.mapping", "base.precision", "own_data")
install_import_hook([f"theory_on_trial.{name}" for name in NUMERICAL], "theory_on_trial.testing.suite.typechecker")

from theory_on_trial.testing.children import true_children, warm_children, warm_python  # noqa: E402 -- after the hook
from theory_on_trial.testing.suite import programs_of_one_module  # noqa: E402

__all__ = ["programs_of_one_module", "true_children", "warm_children", "warm_python"]
