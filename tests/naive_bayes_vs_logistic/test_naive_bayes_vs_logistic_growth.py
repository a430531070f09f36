"""The sample size m* at which a curve falls to a target: the grid and the bisection that locate it,
and how often the whole procedure from seeds to the growth law says something wrong.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sims.naive_bayes_vs_logistic.learning_curves import bisect_sizes, geometric_sizes
from theory_on_trial.decide.trends import crossing, growth
from theory_on_trial.laws import Bernoulli

DESIGN = np.array([25, 50, 100, 200, 400, 800])
TARGET = 0.01
# the law of m*(n), as it was measured for the learners of this paper, or with their offsets
PROCESSES = {
    "n": lambda n: 26.9 + 0.925 * n,
    "n log n": lambda n: 20 + 0.2 * n * np.log(n),
    "sqrt n": lambda n: 20 + 20 * np.sqrt(n),
    "log n": lambda n: 20 + 40 * np.log(n),
}


def boxes(rng, needed, runs, error):
    """The interval for each m*, by bisection on nested curves whose error falls as exp(-2 (m / m* -
    1)).

    Errors are skewed (γ of shape 4, as the errors of trained rules near their target) and share a
    part of their noise along the curve, as prefixes of one data set do. Half of them reach the
    target a fixed share before their mean does, which leaves the law as it is.
    """
    low = []
    high = []
    for truth in needed:
        common = rng.gamma(4, 1 / 4, runs)
        sizes = geometric_sizes(int(truth / 3), int(truth * 3))

        def fails_at(m, truth=truth, shared=common):
            mean = TARGET * np.exp(-2 * (m / truth - 1))
            return (mean * (0.7 * shared + 0.3 * rng.gamma(4, 1 / 4, runs)) > TARGET).astype(float)

        evaluated, fails = bisect_sizes(fails_at, sizes, 0.5)
        share = error / len(needed) * len(evaluated) / len(sizes)
        box = crossing(evaluated, fails, 0.5, law=Bernoulli(), error=share)
        low.append(box.low)
        high.append(box.high)
    return np.array(low), np.array(high)


@pytest.mark.parametrize("law", PROCESSES)
def test_the_true_law_is_hardly_ever_rejected(law):
    rng = np.random.default_rng(sorted(PROCESSES).index(law))
    alpha = 0.01
    repetitions = 150
    sizes = PROCESSES[law](DESIGN)
    rejections = 0
    for _ in range(repetitions):
        low, high = boxes(rng, sizes, 60, alpha)
        if not (np.any(np.isfinite(low)) and np.any(np.isfinite(high))):
            continue  # such boxes are refused: nothing is known, and nothing is rejected
        found = growth(DESIGN, low, high, law, error=alpha, slack_log=0.01, controls=[])
        rejections += found.outcome == "REFUTED"
    # A chance at most alpha by the union bound.
    assert rejections <= stats.binom.isf(1e-6, repetitions, alpha)


def test_with_enough_runs_only_the_true_law_survives():
    rng = np.random.default_rng(9)
    successes = 0
    for _ in range(10):
        low, high = boxes(rng, PROCESSES["n"](DESIGN), 4000, 1e-6)
        rivals = ["const", "log n", "sqrt n", "n log n"]
        found = growth(DESIGN, low, high, "n", error=1e-6, slack_log=0.01, controls=rivals)
        successes += found.outcome == "VERIFIED" and all(
            control.outcome == "REFUTED" for control in found.controls
        )
    assert successes == 10


def test_a_wrong_law_is_never_verified():
    rng = np.random.default_rng(10)
    for law, curve in PROCESSES.items():
        for _ in range(10):
            low, high = boxes(rng, curve(DESIGN), 300, 1e-6)
            for claimed in PROCESSES:
                found = growth(DESIGN, low, high, claimed, error=1e-6, slack_log=0.01, controls=[])
                assert claimed == law or found.outcome != "VERIFIED"


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
    position = data.draw(st.integers(1, length - 1))
    sizes = np.arange(10, 10 + 3 * length, 3)
    calls = []

    def errors_at(size):
        calls.append(size)
        return np.array([0.5, 1.5]) * (2.0 if size < sizes[position] else 1.0)

    grid, errors = bisect_sizes(errors_at, sizes, 1.0)
    assert sorted(calls) == grid.tolist()  # each once
    assert len(calls) <= math.ceil(math.log2(length + 1)) + 2
    wanted = {sizes[index] for index in range(position - 2, position + 2) if 0 <= index < length}
    assert wanted <= set(grid.tolist())
    assert errors.shape == (2, len(grid))
    np.testing.assert_array_equal(errors.mean(axis=0) > 1, grid < sizes[position])


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


def test_a_grid_that_does_not_rise_is_refused():
    with pytest.raises(ValueError, match="high must be at least low = 5"):
        geometric_sizes(5, 4)
