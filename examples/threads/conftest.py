"""Tests of the library, or with --faulty of the one that has faults."""

import faulty
import library as right
import numpy as np
import pytest


def pytest_addoption(parser):
    parser.addoption("--faulty", action="store_true", help="test the library with faults")


@pytest.fixture
def library(request):
    return faulty if request.config.getoption("--faulty") else right


@pytest.fixture
def rng():
    return np.random.default_rng()
