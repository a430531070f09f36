"""The size at which a mean curve falls to a level, and growth that is bounded by a law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from theory_on_trial.decide.trends import GROWTH_LAWS, crossing, growth_at_most
from theory_on_trial.laws import Bounded, Normal

SIZES = np.array([10.0, 12, 15, 19, 24, 30])


def curves(rng, mean, runs, sd):
    """Draw curves that share one normal disturbance per run, as nested designs do, besides one of their own."""
    shared, own = rng.standard_normal((runs, 1)), rng.standard_normal((runs, len(mean)))
    return mean * (1 + sd * (0.8 * shared + 0.6 * own))


@given(st.floats(0.3, 4), st.floats(11, 29))
def test_a_power_law_is_cut_exactly_where_it_meets_the_level(exponent, where):
    samples = curves(np.random.default_rng(4), (SIZES / where) ** -exponent * 0.01, 50, 1e-12)
    found = crossing(SIZES, samples, 0.01, law=Normal(), error=1e-6)
    # The mean of 50 runs and Student's 6 leave about 1e-12 of each mean, and 1 / exponent of that in m*.
    np.testing.assert_allclose([found.low, found.estimate, found.high], where, rtol=2e-12 * (1 + 1 / exponent))


def test_the_interval_misses_the_crossing_no_more_often_than_it_says():
    rng, alpha, repetitions, runs, where = np.random.default_rng(0), 0.05, 20_000, 12, 17.3
    mean = (SIZES / where) ** -2.0 * 0.01
    missed = 0
    for _ in range(repetitions):
        found = crossing(SIZES, curves(rng, mean, runs, 0.3), 0.01, law=Normal(), error=alpha)
        missed += not found.low <= where <= found.high
    assert missed <= stats.binom.isf(1e-6, repetitions, alpha)
    # Two of the six means decide on either side, so that the union bound is generous, but not by orders of magnitude.
    assert missed >= repetitions * alpha / 100


def test_without_the_share_of_each_size_the_interval_would_miss_too_often():
    rng, repetitions, where = np.random.default_rng(1), 4000, 17.3
    mean, missed = np.full(6, 0.01) * (SIZES / where) ** -0.05, 0
    for _ in range(repetitions):
        samples = mean + 0.004 * rng.standard_normal((12, 6))
        found = crossing(SIZES, samples, 0.01, law=Normal(), error=6 * 0.05)  # each size at 0.05
        missed += not found.low <= where <= found.high
    assert missed > stats.binom.isf(1e-6, repetitions, 0.05)


@pytest.mark.parametrize(("level", "low", "high"), [(1.0, 0.0, 0.0), (1e-5, np.inf, np.inf)])
def test_a_level_outside_the_design_is_said_to_be_outside(level, low, high):
    found = crossing(SIZES, curves(np.random.default_rng(5), 1 / SIZES, 5, 1e-12), level, law=Normal(), error=1e-6)
    assert (found.low, found.high) == (low, high)


def test_a_band_that_does_not_bracket_has_an_open_end():
    rng = np.random.default_rng(2)
    noisy = crossing(SIZES, curves(rng, 0.1 / SIZES, 20, 1.0), 0.1 / 29, law=Normal(), error=1e-6)
    assert noisy.high == np.inf
    assert noisy.low < 29


def test_samples_with_a_proved_range_give_a_finite_n_interval():
    rng = np.random.default_rng(3)
    mean = np.array([0.4, 0.3, 0.2, 0.12, 0.08, 0.05])
    events = (rng.random((20_000, 6)) < mean).astype(float)
    found = crossing(SIZES, events, 0.15, law=Bounded(0, 1), error=1e-6)
    truth = 15 * (19 / 15) ** (np.log(0.2 / 0.15) / np.log(0.2 / 0.12))
    assert found.guarantee == "finite-n"
    assert 15 < found.low < truth < found.high < 19


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: crossing([2, 2], np.ones((3, 2)), 1.0, law=Normal(), error=0.1), "increasing positive sizes"),
        (lambda: crossing([1, 2], np.ones((3, 3)), 1.0, law=Normal(), error=0.1), "shape"),
        (lambda: crossing([1, 2], np.full((3, 2), np.nan), 1.0, law=Normal(), error=0.1), "finite"),
        (lambda: crossing([1, 2], np.ones((3, 2)), 0.0, law=Normal(), error=0.1), "positive level"),
        (lambda: growth_at_most([2, 4], [0, 1], [1, 2], "n", error=0.1), "first box"),
        (lambda: growth_at_most([4, 2], [1, 1], [1, 2], "n", error=0.1), "increasing sizes"),
        (lambda: growth_at_most([1, 2], [1, 1], [1, 2], "log n", error=0.1), "positive on the design"),
    ],
)
def test_what_cannot_be_judged_gets_one_sentence(act, sentence):
    with pytest.raises(ValueError, match=sentence):
        act()


DESIGN = np.array([25.0, 50, 100, 200, 400, 800])
ORDER = ["const", "log n", "sqrt n", "n", "n log n", "n^2"]


@given(st.sampled_from(ORDER), st.sampled_from(ORDER), st.floats(0.1, 100))
def test_at_most_follows_the_order_of_the_laws(truth, claimed, scale):
    exact = scale * GROWTH_LAWS[truth](DESIGN)
    found = growth_at_most(DESIGN, exact * 0.99, exact * 1.01, claimed, error=0.0)
    faster, same = ORDER.index(truth) > ORDER.index(claimed), truth == claimed
    assert found.outcome == ("INCONCLUSIVE" if same else "REFUTED" if faster else "VERIFIED")


@given(st.floats(1, 50), st.floats(0.5, 20), st.sampled_from(ORDER[1:]))
def test_an_offset_never_makes_a_law_grow_faster_than_itself(offset, slope, law):
    exact = offset + slope * GROWTH_LAWS[law](DESIGN)
    assert growth_at_most(DESIGN, exact, exact, law, error=0.0).outcome != "REFUTED"


def test_a_decreasing_quantity_refutes_the_exact_form_of_every_law():
    exact = 10 - np.log(DESIGN)
    found = growth_at_most(DESIGN, exact * 0.99, exact * 1.01, "const", error=1e-6, printed="log n")
    assert (found.outcome, found.printed) == ("VERIFIED", "REFUTED")
    flat = growth_at_most(DESIGN, np.full(6, 0.9), np.full(6, 1.1), "n", error=1e-6, printed="log n")
    assert (flat.outcome, flat.printed) == ("VERIFIED", "INCONCLUSIVE")
