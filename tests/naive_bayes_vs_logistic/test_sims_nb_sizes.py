"""The grid and the bisection that locate a sample complexity."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.naive_bayes_vs_logistic.sizes import bisect_sizes, geometric_sizes


@given(st.integers(1, 500), st.integers(0, 5000), st.floats(1.01, 3), st.integers(1, 9))
def test_the_grid_covers_its_range_in_steps_of_the_ratio(low, extra, ratio, multiple_of):
    sizes = geometric_sizes(low, low + extra, ratio, multiple_of)
    assert low <= sizes[0] < low + multiple_of
    assert sizes[-1] >= low + extra
    assert np.all(sizes % multiple_of == 0)
    steps = np.diff(sizes)
    assert np.all(steps > 0)
    assert np.all(
        (sizes[1:] <= ratio * sizes[:-1] * (1 + 1e-12)) | (steps == multiple_of)
    )  # 1.15 * 100 < 115
    assert len(sizes) == 1 or sizes[-2] < low + extra


@given(st.integers(2, 300), st.data())
def test_bisection_finds_the_crossing_of_a_falling_curve_and_supports_it(length, data):
    crossing = data.draw(st.integers(1, length - 1))
    sizes = np.arange(10, 10 + 3 * length, 3)
    calls = []

    def errors_at(size):
        calls.append(size)
        return np.array([0.5, 1.5]) * (2.0 if size < sizes[crossing] else 1.0)

    grid, errors = bisect_sizes(errors_at, sizes, 1.0)
    assert sorted(calls) == grid.tolist()  # each once
    assert len(calls) <= math.ceil(math.log2(length + 1)) + 2
    wanted = {sizes[index] for index in range(crossing - 2, crossing + 2) if 0 <= index < length}
    assert wanted <= set(grid.tolist())
    assert errors.shape == (2, len(grid))
    np.testing.assert_array_equal(errors.mean(axis=0) > 1, grid < sizes[crossing])


def test_a_curve_that_does_not_cross_on_the_grid_is_not_extrapolated():
    sizes = np.array([4, 8, 16])
    with pytest.raises(
        ValueError, match=r"must begin above the target 0.1, got a mean error of 0.05 at 4"
    ):
        bisect_sizes(lambda size: np.full(3, 0.2 / size), sizes, 0.1)
    with pytest.raises(
        ValueError, match=r"must end below the target 0.1, got a mean error of 0.25 at 16"
    ):
        bisect_sizes(lambda size: np.full(3, 4.0 / size), sizes, 0.1)


def test_an_error_that_is_not_a_number_stops_the_search():
    with pytest.raises(ValueError, match="errors at 8 samples must be numbers"):
        bisect_sizes(lambda size: np.array([0.1, np.nan]), np.array([4, 8, 16]), 0.1)


@pytest.mark.parametrize("sizes", [[4], [4, 4, 8], [8, 4]])
def test_a_grid_that_cannot_be_bisected_is_refused(sizes):
    with pytest.raises(ValueError, match="sizes"):
        bisect_sizes(lambda size: np.zeros(2), np.array(sizes), 0.1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0, 5), "low must be at least 1"),
        ((5, 4), "high must be at least low = 5"),
        ((5, 9, 1.0), "ratio must be above 1"),
        ((5, 9, 1.1, 0), "multiple_of must be at least 1"),
    ],
)
def test_a_grid_that_does_not_rise_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        geometric_sizes(*arguments)
