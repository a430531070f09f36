"""Limits, orders of convergence and crossings: brackets that hold the truth."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from theory_on_trial.decide import trends
from theory_on_trial.decide.decision import Prediction
from theory_on_trial.decide.trends import crossing
from theory_on_trial.laws import Asymptotic, Bounded, Enclosure, Normal, NormalVariance
from theory_on_trial.trial.decisions import Trial

U = 2.0**-53
doublings = 50.0 * 2.0 ** np.arange(6)


# f(n), its limit and the order of its leading term; the second terms are of order one higher.
SEQUENCES = {
    "(1 + 1/n)^n": (lambda n: np.exp(n * np.log1p(1 / n)), np.e, 1),
    "n sin(1/n)": (lambda n: n * np.sin(1 / n), 1.0, 2),
    "sum of 1/k^2": (
        lambda n: np.array([np.sum(1 / np.arange(m, 0, -1) ** 2) for m in n]),
        np.pi**2 / 6,
        1,
    ),
    "first component of a walk": (
        lambda n: 6 / ((n * n - 1) * 4 * np.sin(np.pi / (2 * n)) ** 2),
        6 / np.pi**2,
        2,
    ),
    "below its limit": (lambda n: 2 - 5 / n + 7 / n**2, 2.0, 1),
    "root": (lambda n: 1 + 1 / np.sqrt(n) + 1 / n**1.5, 1.0, 0.5),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_extrapolated_bracket_holds_the_limit_and_is_narrower_than_the_last_step(name):
    function, truth, order = SEQUENCES[name]
    values = function(doublings)
    prediction = Prediction(truth, abs(values[-1] - truth))
    finding = trends.limit(
        values, doublings, prediction, {"last value": truth - 2 * (truth - values[-1])}, order=order
    )
    # n roundings of a sum, amplified by the geometric series 1 / (2^order - 1) in either bracket
    # end.
    rounding = 4 * doublings[-1] * U * np.max(np.abs(values)) / (2.0**order - 1)
    assert finding.interval.low - rounding <= truth <= finding.interval.high + rounding
    assert finding.interval.high - finding.interval.low < abs(values[-1] - values[-2])
    assert (finding.outcome, finding.controls[0].outcome) == ("VERIFIED", "REFUTED")
    assert finding.interval.guarantee == "extrapolated"


@pytest.mark.parametrize(
    ("function", "order"),
    [
        (lambda n: 1 + 1 / n, 2),
        (lambda n: 1 + 1 / n**2, 1),
        (lambda n: np.log(n), 1),
        (lambda n: np.sin(n), 1),
        (lambda n: np.ones_like(n), 1),
        (lambda n: n, 1),
    ],
)
def test_a_wrong_order_or_no_limit_gives_no_bracket(function, order):
    found = trends.limit(function(doublings), doublings, Prediction(1.0, 0.1), {}, order=order)
    assert np.isinf(found.interval.low)
    assert np.isinf(found.interval.high)
    assert found.outcome == "INCONCLUSIVE"


LIMIT = Prediction(1.0, 0.5)


@pytest.mark.parametrize("order", [0.06, 0.08, 0.1, 0.12, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("first", [4, 8, 15, 20, 30])
@pytest.mark.parametrize("count", [8, 12, 16])
def test_the_ratios_of_a_logarithm_do_not_settle_at_a_small_order(order, first, count):
    """They drift through that of any order; 1 + 1 / log n was bracketed above 1 at many of these."""
    sizes = 2.0 ** np.arange(first, first + count)
    found = trends.limit(1 + 1 / np.log(sizes), sizes, LIMIT, {}, order=order)
    assert not np.isfinite(found.interval.low)


@pytest.mark.parametrize("order", [0.1, 0.2, 0.3, 0.45])
@pytest.mark.parametrize("next_term", [0.0, 0.5, 1.0])
def test_a_small_power_settles_and_two_that_are_near_are_named(order, next_term):
    sizes = 2.0 ** np.arange(4, 12)
    near = 0.3 * sizes**-next_term if next_term else 0.0
    found = trends.limit(1 + sizes**-order * (1 + near), sizes, LIMIT, {}, order=order)
    assert found.interval.low <= 1 <= found.interval.high < np.inf
    both = (order, 2 * order)
    found = trends.limit(1 + sizes**-order + sizes ** -both[1], sizes, LIMIT, {}, order=both)
    assert found.interval.low <= 1 <= found.interval.high < np.inf


@pytest.mark.parametrize(
    ("order", "sentence"), [(1.0, "larger sizes would decide"), (3.0, "have not settled into")]
)
def test_an_undecided_limit_names_its_coordinate(order, sentence):
    sizes = np.array([8, 16, 32, 64])
    values = np.stack([1 + 1 / sizes + 1 / sizes**2, 1 + 0.001 / sizes], axis=1)
    trial = Trial("toy.limit")
    trial.limit(
        values, sizes, [1.0, 1.0], order=order, margin=[1e-5, 1.0], controls={"w": [2.0, 9.0]}
    )
    assert trial.findings[0].outcome == "INCONCLUSIVE"
    assert "the interval of coordinate [0] " in trial.findings[0].note
    assert sentence in trial.findings[0].note


def test_a_computed_remainder_is_the_half_width():
    found = trends.limit(
        [1.0, 1.5, 1.75], [1, 2, 4], Prediction(2.0, 0.6), {"off": 3.0}, remainder=0.25, printed=2.7
    )
    assert (found.interval.low, found.interval.high) == (1.5, 2.0)
    assert (found.outcome, found.controls[0].outcome, found.printed) == (
        "VERIFIED",
        "REFUTED",
        "REFUTED",
    )


@pytest.mark.parametrize("correction", [4.0, -4.0])
@pytest.mark.parametrize("exponent", [-3.0, -1.5, -1.0, 0.5, 2.0])
def test_the_order_of_convergence_is_enclosed(exponent, correction):
    errors = 3 * doublings**exponent * (1 + correction / doublings)
    interval = trends.convergence_order(errors, doublings, 4 * U * errors)
    assert interval.low <= exponent <= interval.high
    assert interval.high - interval.low < 0.02
    found = trends.order(interval, Prediction(exponent, 0.05), {"next": exponent - 0.5})
    assert (found.outcome, found.controls[0].outcome) == ("VERIFIED", "REFUTED")


def test_rounding_widens_the_order_and_unsettled_slopes_leave_it_open():
    errors = 3 * doublings**-2.0
    exact, blurred = (
        trends.convergence_order(errors, doublings, r * errors) for r in (4 * U, 1e-3)
    )
    assert exact.high - exact.low < 1e-12
    # A power law disturbed by +-0.1 % at each size, as the stated rounding allows.
    for seed in range(200):
        noise = np.random.default_rng([60, seed]).uniform(-1e-3, 1e-3, len(errors))
        disturbed = trends.convergence_order(
            errors * (1 + noise), doublings, 1e-3 * errors * (1 + 2e-3)
        )
        assert disturbed.low <= -2 <= disturbed.high
    assert blurred.high - blurred.low == pytest.approx(2 * 5 * 2e-3 / np.log(2), rel=1e-2, abs=0)
    drifting = trends.convergence_order(1 / np.log(doublings) ** 3, doublings, 0.0)
    assert np.isinf(drifting.low)
    assert np.isinf(drifting.high)


FACTORS = 4.0 ** np.arange(5)


def mean_squares(seed, sizes, runs, error, seeds):
    """For every seed one interval per size for the mean square of normal errors whose variance is 1
    / size.
    """
    rng = np.random.default_rng([65, seed])
    law = NormalVariance()
    boxes = [
        law.interval(
            [rng.standard_normal((runs, seeds)) / np.sqrt(n)], error / len(sizes), np.asarray(0.0)
        )
        for n in sizes
    ]
    return [
        [box._replace(estimate=box.estimate[i], low=box.low[i], high=box.high[i]) for box in boxes]
        for i in range(seeds)
    ]


def test_a_true_rate_of_a_simulated_error_is_refuted_by_chance_no_more_often_than_stated():
    """The level is 1e-3, where a thousand seeds could show more; of values taken for exact one in
    fifty is refuted.
    """
    refutations = as_if_exact = 0
    for boxes in mean_squares(0, FACTORS, 1000, 1e-3, 1000):
        exponent = trends.convergence_order(boxes, FACTORS)
        assert exponent.error == pytest.approx(1e-3)
        refutations += trends.order(exponent, Prediction(-1.0, 0.25), {}).outcome == "REFUTED"
        bare = trends.convergence_order([box.estimate for box in boxes], FACTORS, 0.0)
        as_if_exact += trends.order(bare, Prediction(-1.0, 0.001), {}).outcome == "REFUTED"
    assert refutations == 0
    assert as_if_exact > 10


def test_enough_runs_verify_a_true_rate_and_refute_a_wrong_one():
    for boxes in mean_squares(1, FACTORS, 60_000, 1e-6, 20):
        exponent = trends.convergence_order(boxes, FACTORS)
        found = trends.order(exponent, Prediction(-1.0, 0.4), {"n^(-2)": -2.0, "n^(-1/2)": -0.5})
        assert found.outcome == "VERIFIED"
        assert [control.outcome for control in found.controls] == ["REFUTED", "REFUTED"]
        assert (found.interval.guarantee, found.interval.n) == ("extrapolated, finite-n (union)", 5)


def within(values, widths, where):
    """Intervals that have values at their lower or, where a bit of `where` is set, at their upper
    end.
    """
    lows = [
        value - width * (where >> k & 1)
        for k, (value, width) in enumerate(zip(values, widths, strict=True))
    ]
    return [
        Enclosure(low + w / 2, low, low + w, 1e-8, "finite-n", 10)
        for low, w in zip(lows, widths, strict=True)
    ]


@given(
    exponent=st.floats(-2, 2),
    correction=st.floats(-3, 3),
    width=st.floats(1e-6, 0.3),
    where=st.integers(0, 2**6 - 1),
)
def test_the_exponent_is_enclosed_wherever_the_errors_lie_in_their_boxes(
    exponent, correction, width, where
):
    errors = 3 * doublings**exponent * (1 + correction / doublings)
    found = trends.convergence_order(within(errors, width * errors, where), doublings)
    assert found.low <= exponent <= found.high


def test_an_interval_that_reaches_zero_tells_nothing_of_an_order():
    boxes = [
        Enclosure(np.asarray(1 / n), np.asarray(low), np.asarray(2 / n), 1e-8, "finite-n", 9)
        for n, low in zip(doublings, (0.01, 0.005, 1e-3, 1e-3, 0.0, -np.inf), strict=True)
    ]
    found = trends.convergence_order(boxes, doublings)
    assert (found.low, found.high) == (-np.inf, np.inf)


@pytest.mark.parametrize("options", [{"order": 1}, {"order": (1, 2)}, {"remainder": 0.1}])
def test_intervals_of_no_width_give_the_limit_of_exact_values(options):
    values = 2 - 5 / doublings + 7 / doublings**2 + 3 / doublings**3
    exact = trends.limit(values, doublings, Prediction(2.0, 0.5), {}, **options).interval
    boxes = [Enclosure(value, value, value, 0.0, "finite-n", 5) for value in values]
    found = trends.limit(boxes, doublings, Prediction(2.0, 0.5), {}, **options).interval
    assert found[:4] == exact[:4]
    assert found.guarantee != exact.guarantee


@given(
    leading=st.floats(1, 5),
    following=st.floats(-5, 5),
    width=st.floats(0, 1e-3),
    where=st.integers(0, 2**6 - 1),
    order=st.sampled_from([0.5, 1, 2, (1, 2)]),
    sign=st.sampled_from([-1, 1]),
)
def test_the_limit_is_enclosed_wherever_the_values_lie_in_their_boxes(
    leading, following, width, where, order, sign
):
    first = np.min(order)
    values = 2 + sign * leading / doublings**first + following / doublings ** (first + 1)
    boxes = within(values, np.full(6, width), where)
    bracket = trends.limit(boxes, doublings, Prediction(2.0, 1.0), {}, order=order).interval
    assert bracket.low - 64 * U <= 2 <= bracket.high + 64 * U
    exact = trends.limit(values, doublings, Prediction(2.0, 1.0), {}, order=order).interval
    assert bracket.low <= exact.low + 64 * U
    assert bracket.high >= exact.high - 64 * U
    assert bracket.error == pytest.approx(6e-8)


def test_a_computed_remainder_needs_the_last_interval_only():
    samples = np.random.default_rng(67).standard_normal((1000, 2))
    last = Asymptotic().interval([samples], 1e-7, np.asarray(0.0))
    found = trends.limit(
        [last, last, last], [1, 2, 4], Prediction([0.0, 0.0], 1.0), {}, remainder=0.25
    ).interval
    np.testing.assert_array_equal(found.high, last.high + 0.25)
    assert (found.error, found.guarantee) == (2e-7, "asymptotic (computed remainder)")


def test_a_trial_takes_what_it_drew_for_exact_only_if_it_is_told_so():
    sizes = (4, 8, 16, 32)
    rate = {"margin": 0.1, "controls": {"as 1 / n": -1.0}}
    for draw in (lambda trial: trial.generator("draws"), lambda trial: trial.key("draws")):
        trial = Trial("a.claim")
        exact = 3.0 / np.array(sizes)
        rng = np.random.default_rng(1)
        trial.order(exact, sizes, -1.0, rounding=1e-15, margin=0.1, controls={"as n^-2": -2.0})
        draw(trial)
        with pytest.raises(
            ValueError, match="numbers of a claim that draws at random are not exact"
        ):
            trial.order(
                [rng.standard_normal((400, n)).mean(axis=1).std() for n in sizes],
                sizes,
                -0.5,
                rounding=0.0,
                **rate,
            )
        for numbers in (exact, [Enclosure(v, v, v, 1e-9, "finite-n", 9) for v in exact]):
            with pytest.raises(
                ValueError, match="numbers of a claim that draws at random are not exact"
            ):
                trial.limit(numbers, sizes, 0.0, order=1, margin=0.1)
        trial.order(
            exact,
            sizes,
            -1.0,
            rounding=1e-15,
            margin=0.1,
            controls={"as n^-2": -2.0},
            same_instance=True,
        )
        trial.limit(exact, sizes, 0.0, order=1, margin=0.1, scale=1.0, same_instance=True)
        trial.order(
            [Enclosure(v, 0.99 * v, 1.01 * v, 1e-9, "finite-n", 9) for v in exact],
            sizes,
            -1.0,
            margin=0.5,
            controls={"as n^-2": -2.0},
        )
        trial.value(0.01, 0.0, margin=0.1, error=0.0, scale=1.0, controls={"one": 1.0})
        assert [finding.outcome for finding in trial.findings] == ["VERIFIED"] * 5
        assert [finding.note for finding in trial.findings] == [
            "",
            *["on one random instance, the same at every size"] * 2,
            "",
            "",
        ]
        assert [finding.drawn for finding in trial.findings] == [0, 1, 1, 0, 1]


def test_samples_that_the_trial_draws_itself_leave_later_limits_exact():
    trial = Trial("a.claim")
    trial.mean(
        jax.random.normal,
        0.0,
        law=Normal(),
        margin=0.5,
        scale=1.0,
        controls={"one": 1.0},
        vectorised=True,
    )
    trial.limit(1.0 / doublings, doublings, 0.0, order=1, margin=0.1, scale=1.0)
    assert trial.findings[-1].outcome == "VERIFIED"


SIZES = np.array([10.0, 12, 15, 19, 24, 30])


def curves(rng, mean, runs, sd):
    """Draw curves that share one normal disturbance per run, as nested designs do, besides one of
    their own.
    """
    shared = rng.standard_normal((runs, 1))
    own = rng.standard_normal((runs, len(mean)))
    return mean * (1 + sd * (0.8 * shared + 0.6 * own))


@given(st.floats(0.3, 4), st.floats(11, 29))
def test_a_power_law_is_cut_exactly_where_it_meets_the_level(exponent, where):
    samples = curves(np.random.default_rng(4), (SIZES / where) ** -exponent * 0.01, 50, 1e-12)
    found = crossing(SIZES, samples, 0.01, law=Normal(), error=1e-6)
    # The mean of 50 runs and Student's 6 leave about 1e-12 of each mean, and 1 / exponent of that
    # in m*.
    np.testing.assert_allclose(
        [found.low, found.estimate, found.high], where, rtol=2e-12 * (1 + 1 / exponent)
    )


def test_the_interval_misses_the_crossing_no_more_often_than_it_says():
    rng = np.random.default_rng(0)
    alpha = 0.05
    repetitions = 20_000
    runs = 12
    where = 17.3
    mean = (SIZES / where) ** -2.0 * 0.01
    misses = 0
    for _ in range(repetitions):
        interval = crossing(SIZES, curves(rng, mean, runs, 0.3), 0.01, law=Normal(), error=alpha)
        misses += not interval.low <= where <= interval.high
    assert misses <= stats.binom.isf(1e-6, repetitions, alpha)
    # Two of the six means decide on either side, so that the union bound is generous, but not by
    # orders of magnitude.
    assert misses >= repetitions * alpha / 100


def test_without_the_share_of_each_size_the_interval_would_miss_too_often():
    rng = np.random.default_rng(1)
    repetitions = 4000
    where = 17.3
    mean = np.full(6, 0.01) * (SIZES / where) ** -0.05
    misses = 0
    for _ in range(repetitions):
        samples = mean + 0.004 * rng.standard_normal((12, 6))
        interval = crossing(SIZES, samples, 0.01, law=Normal(), error=6 * 0.05)  # each size at 0.05
        misses += not interval.low <= where <= interval.high
    assert misses > stats.binom.isf(1e-6, repetitions, 0.05)


@pytest.mark.parametrize(("level", "low", "high"), [(1.0, 0.0, 0.0), (1e-5, np.inf, np.inf)])
def test_a_level_outside_the_design_is_said_to_be_outside(level, low, high):
    found = crossing(
        SIZES,
        curves(np.random.default_rng(5), 1 / SIZES, 5, 1e-12),
        level,
        law=Normal(),
        error=1e-6,
    )
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
        (
            lambda: crossing([2, 2], np.ones((3, 2)), 1.0, law=Normal(), error=0.1),
            "increasing positive sizes",
        ),
        (lambda: crossing([1, 2], np.ones((3, 3)), 1.0, law=Normal(), error=0.1), "shape"),
        (lambda: crossing([1, 2], np.full((3, 2), np.nan), 1.0, law=Normal(), error=0.1), "finite"),
        (lambda: crossing([1, 2], np.ones((3, 2)), 0.0, law=Normal(), error=0.1), "positive level"),
    ],
)
def test_what_cannot_be_judged_gets_one_sentence(act, sentence):
    with pytest.raises(ValueError, match=sentence):
        act()
