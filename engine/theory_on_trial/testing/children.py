"""Fixtures of test suites that start many programs: import them in a conftest."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from theory_on_trial.testing.warm_python import started

TRUE_PYTHON = sys.executable


@pytest.fixture(scope="session")
def warm_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A Python that starts in a moment, and a cache of compiled programs for what it runs."""
    with started() as python:
        yield python, tmp_path_factory.mktemp("programs")


@pytest.fixture
def warm_children(warm_python: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the test starts as `sys.executable` starts in a moment."""
    python, cache = warm_python
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setenv("THEORY_ON_TRIAL_CACHE", str(cache))


@pytest.fixture
def true_children(warm_children: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a module whose tests have warm children: the test is about what a Python imports, or how
    it is stopped.

    What it starts hears Ctrl-C. A shell starts what runs in its background deaf to it, and the deaf
    start the deaf.
    """
    monkeypatch.setattr(sys, "executable", TRUE_PYTHON)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
