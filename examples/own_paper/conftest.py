"""What this repository's tests had before any claim: a seed and a report of their own, and
fixtures.
"""

from pathlib import Path

import numpy as np
import pytest


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=0, help="of the ordinary tests' random numbers")
    parser.addoption("--report", type=Path, help="write how many tests passed")


@pytest.fixture
def rng(request):
    return np.random.default_rng(request.config.getoption("seed"))


@pytest.fixture
def steps():
    """After how many steps gradient descent is looked at."""
    return np.array([1, 3, 10, 30])


def pytest_terminal_summary(terminalreporter, config):
    if path := config.getoption("report"):
        passed = terminalreporter.stats.get("passed", [])
        path.write_text(f"{len(passed)} passed with seed {config.getoption('seed')}\n")
