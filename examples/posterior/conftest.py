"""The sampler on trial: with `--spread 1.1` its draws are spread by 10 % too much."""

import numpy as np
import pytest


def pytest_addoption(parser):
    parser.addoption("--spread", type=float, default=1.0, help="times the right spread")


def posterior(rng, y, spread=1.0):
    """Draw theta of theta ~ N(0, 1), y_i ~ N(theta, 1), given y along the last axis."""
    precision = 1 + np.shape(y)[-1]
    noise = rng.normal(size=np.shape(y)[:-1])
    return np.sum(y, axis=-1) / precision + spread * noise / np.sqrt(precision)


@pytest.fixture
def sampler(request):
    spread = request.config.getoption("--spread")
    return lambda rng, y: posterior(rng, y, spread)
