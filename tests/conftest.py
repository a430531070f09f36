"""Settings of the test run: float64, one BLAS thread per process, and jaxtyping's shapes checked as the tests run."""

import os

# OpenBLAS reads it once, when it is loaded: two test processes on two cores must not start four threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import jax
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

jax.config.update("jax_enable_x64", True)
install_import_hook(["theory", "sims", "tools"], "beartype.beartype")

PYTEST_APPROX = pytest.approx


def approx(expected, rel=None, abs=None, **options):
    """As pytest's, but a relative tolerance alone is just that: its floor of 1e-12 passes any two tiny numbers."""
    return PYTEST_APPROX(expected, rel, 0 if abs is None and rel is not None else abs, **options)


pytest.approx = approx

# `pytest --hypothesis-profile=thorough` gives the solvers, which cost seconds an example, 200 examples too.
settings.register_profile("thorough", max_examples=200, deadline=None)


@pytest.fixture(scope="module", autouse=True)
def programs_of_one_module():
    """Forget a module's compiled programs: thousands of them exhaust the memory maps that Linux gives a process."""
    yield
    jax.clear_caches()
