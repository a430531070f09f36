"""Settings of the test run: those that all suites share, and jaxtyping's shapes checked as the
tests run.

Compiled programs are kept on disk: a simulator that several files test is compiled once.
"""

import signal

import pytest
from jaxtyping import install_import_hook

pytest.register_assert_rewrite("promises")

# A shell lets what it runs in the background ignore Ctrl-C, and children inherit that; the tests
# send it to theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)

install_import_hook(["theory", "sims", "own_data"], "theory_on_trial.testing.suite.typechecker")

# These imports come after the hook, which must see them.
from theory_on_trial.base.compilation_cache import enable_compilation_cache  # noqa: E402
from theory_on_trial.testing.suite import programs_of_one_module  # noqa: E402

__all__ = ["programs_of_one_module"]

enable_compilation_cache()
