"""What test suites of a workbench share: import it in a conftest.

It turns on float64, registers the profile `thorough`, keeps relative tolerances relative, and has a fixture that gives
back the programs of each module.
"""

from collections.abc import Iterator
from typing import Any

import jax
import pytest
from beartype import BeartypeConf, beartype
from hypothesis import settings

jax.config.update("jax_enable_x64", True)

typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""For jaxtyping's import hook: shapes and types are checked as the tests run; an integer is a real number too."""

_APPROX = pytest.approx


def approx(expected: Any, rel: Any = None, abs: Any = None, **options: Any) -> Any:
    """As pytest's, but a relative tolerance alone is just that: its floor of 1e-12 passes any two tiny numbers."""
    return _APPROX(expected, rel, 0 if abs is None and rel is not None else abs, **options)


pytest.approx = approx  # type: ignore[assignment]

# `pytest --hypothesis-profile=thorough` gives the solvers, which cost seconds an example, 200 examples too.
settings.register_profile("thorough", max_examples=200, deadline=None)


@pytest.fixture(scope="module", autouse=True)
def programs_of_one_module() -> Iterator[None]:
    """Forget a module's compiled programs: thousands of them exhaust the memory maps that Linux gives a process."""
    yield
    jax.clear_caches()
