"""Orders of errors that one draw gives at all sizes: schemes of known order, levels, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theory_on_trial import claim, derived
from theory_on_trial.decide import evidence
from theory_on_trial.decide.decision import Prediction
from theory_on_trial.decide.slopes import CommonOrder
from theory_on_trial.laws import Asymptotic, Bounded
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.plain import NotVerified, PlainTrial

SIZES = [32, 64, 128, 256]


def at_the_end(milstein, volatility=0.25, drift=0.05):
    """The errors at time 1 of Euler and Maruyama's scheme, or Milstein's, for geometric Brownian
    motion, in sizes[k] steps on one path each.
    """

    def errors(generator, count, sizes):
        path = generator.normal(0, sizes[-1] ** -0.5, size=(count, int(sizes[-1])))
        end = np.exp(drift - volatility**2 / 2 + volatility * path.sum(axis=1))
        found = []
        for n in sizes.astype(int):
            steps = path.reshape(count, n, -1).sum(axis=2)
            factors = 1 + drift / n + volatility * steps
            factors += milstein * volatility**2 / 2 * (steps**2 - 1 / n)
            found.append(np.abs(factors.prod(axis=1) - end))
        return np.stack(found, axis=1)

    return errors


def powers(power, spread=0.5, own=0.3, next_term=0.0):
    """Errors n^power (1 + c / n), times a factor of the draw and one of draw and size, of mean 1."""

    def errors(generator, count, sizes):
        shared = generator.normal(size=(count, 1)) * spread
        alone = generator.normal(size=(count, len(sizes))) * own
        factor = np.exp(shared + alone - (spread**2 + own**2) / 2)
        return sizes**power * (1 + next_term / sizes) * factor

    return errors


def order(sampler, predict, margin=0.05, seed=0, sizes=SIZES, error=1e-6, **options):
    trial = Trial("an.order", seed=seed, error=error)
    trial.order(
        sampler=sampler, common=True, sizes=sizes, predict=predict, margin=margin, **options
    )
    return trial.findings[0]


@pytest.mark.parametrize(
    ("milstein", "predict", "outcome"),
    [(0, -0.5, "VERIFIED"), (0, -1.0, "REFUTED"), (1, -1.0, "VERIFIED"), (1, -0.5, "REFUTED")],
)
def test_the_strong_orders_of_two_schemes_are_decided_on_common_paths(milstein, predict, outcome):
    found = order(at_the_end(milstein), predict, controls={"another": -0.75})
    assert found.outcome == outcome
    assert found.procedure == "order"
    assert found.interval.guarantee == "asymptotic"
    assert "sizes 32 to 256 from common draws, slopes between them -" in found.note
    if outcome == "VERIFIED":
        assert [control.outcome for control in found.controls] == ["REFUTED"]


def test_what_the_errors_of_a_draw_share_cancels():
    """From draws of their own at each size the same errors take far more of them."""
    shared = order(powers(-1.0, spread=1.0, own=0.1), -1.0)
    alone = order(powers(-1.0, spread=0.0, own=1.0), -1.0)
    assert shared.outcome == alone.outcome == "VERIFIED"
    assert 2 * shared.interval.n < alone.interval.n


def test_the_limit_of_the_slopes_is_decided_where_their_next_term_is_said():
    """Over the stated sizes the fitted slope of (1 + 8 / n) / n is -1.09."""
    sampler = powers(-1.0, own=0.05, next_term=8)
    sizes = [16, 64, 256, 1024]
    assert order(sampler, -1.0, sizes=sizes).outcome == "REFUTED"
    found = order(sampler, -1.0, margin=0.12, next_term=1.0, sizes=sizes)
    assert found.outcome == "VERIFIED"
    assert found.interval.guarantee == "extrapolated, asymptotic"


def test_an_order_whose_slopes_drift_through_the_predicted_one_is_not_verified():
    def floored(generator, count, sizes):
        return powers(-1.0)(generator, count, sizes) + 1 / 80

    means = np.asarray(SIZES) ** -1.0 + 1 / 80
    fitted = np.polyfit(np.log(SIZES), np.log(means), 1)[0]
    found = order(floored, fitted)
    assert found.outcome == "INCONCLUSIVE"
    assert "the last slope is beyond the margin for certain: take larger sizes" in found.note


def test_the_fitted_order_is_that_of_polyfit():
    rows = powers(-0.7)(np.random.default_rng(1), 4000, np.asarray(SIZES, float))
    found = CommonOrder(np.asarray(SIZES, float)).interval([rows], 1e-4, np.asarray(0.0))
    fitted = np.polyfit(np.log(SIZES), np.log(rows.mean(axis=0)), 1)[0]
    assert found.estimate == pytest.approx(fitted, rel=1e-10)
    assert found.low < -0.7 < found.high


@settings(max_examples=25, deadline=None)
@given(st.floats(-8, 8), st.floats(0.01, 100), st.integers(0, 100))
def test_units_of_errors_and_of_sizes_do_not_move_an_order(log_unit, stretch, seed):
    sizes = np.asarray(SIZES, float)
    rows = powers(-0.5)(np.random.default_rng(seed), 3000, sizes)
    one = CommonOrder(sizes).interval([rows], 1e-4, np.asarray(0.0))
    two = CommonOrder(sizes * stretch).interval([rows * 10**log_unit], 1e-4, np.asarray(0.0))
    assert np.allclose(one[1:3], two[1:3], rtol=1e-9)


@pytest.mark.parametrize("margins", [0.0, 0.9, 1.1, 1.5, 3.0])
def test_the_level_of_an_order_from_common_draws(margins):
    """At an error of 5 % no more verdicts are wrong, wherever the truth lies."""
    sizes = np.asarray(SIZES, float)
    generator = np.random.default_rng(round(10 * margins))
    runs = 60
    prediction = Prediction(np.asarray(-1.0 + margins * 0.1), 0.1)
    outcomes = [
        evidence.mean(
            lambda m: powers(-1.0, own=0.6)(generator, m, sizes),
            prediction,
            {},
            law=CommonOrder(sizes),
            looks=(150, 300, 600, 1200),
            alpha=0.05,
        ).outcome
        for _ in range(runs)
    ]
    wrong = outcomes.count("REFUTED" if margins < 1 else "VERIFIED")
    assert wrong <= stats.binom.isf(1e-4, runs, 0.05)


@pytest.mark.parametrize("own", [0.1, 1.0])
@pytest.mark.parametrize("n", [300, 800])
def test_the_interval_of_an_order_misses_no_more_often_than_it_says(own, n):
    sizes = np.asarray(SIZES, float)
    generator = np.random.default_rng(7)
    runs = 400
    found = [
        CommonOrder(sizes).interval([powers(-1.0, own=own)(generator, n, sizes)], 0.01, sizes)
        for _ in range(runs)
    ]
    missed = sum(not box.low <= -1.0 <= box.high for box in found)
    assert missed <= stats.binom.isf(1e-5, runs, 0.01)


def test_an_order_at_least_is_that_of_errors_that_fall_as_fast_or_faster():
    for predict, sampler, outcome in [
        (-0.5, powers(-1.0), "VERIFIED"),
        (-1.0, powers(-0.5), "REFUTED"),
        (0.5, powers(1.0), "VERIFIED"),
        (1.0, powers(0.5), "REFUTED"),
    ]:
        found = order(sampler, predict, margin=None, slack=0.02, side="at least")
        assert found.outcome == outcome
        opposite = order(sampler, predict, margin=None, slack=0.02, side="at most")
        assert opposite.outcome != outcome


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"sampler": None}, TypeError, r"needs sampler\(generator, count, sizes\)"),
        ({"sampler": lambda rng, n: rng.random((n, 4))}, TypeError, r"a function of \(rng, n\)"),
        ({"control_processes": {"w": 3.0}}, TypeError, "all sizes, shape .* got float"),
        ({"errors": [1.0, 2.0, 3.0]}, TypeError, "leave out errors="),
        ({"law": Bounded(0, 1)}, ValueError, "leave out law="),
        ({"sizes": None}, ValueError, "at least 3 numbers as sizes="),
        ({"sizes": [8, 16]}, ValueError, "at least 3 numbers as sizes="),
        ({"sizes": [8, 16, 32], "next_term": 1.0}, ValueError, "at least 4 numbers as sizes="),
        ({"sizes": [8, 9, 32]}, ValueError, "1.2 times the one before"),
        ({"sizes": [32, 16, 8]}, ValueError, "1.2 times the one before"),
        ({"sizes": [-8, 8, 16]}, ValueError, "above 0"),
        ({"sizes": [8, np.nan, 16]}, ValueError, "above 0"),
        ({"next_term": -1.0}, ValueError, "next_term= is an exponent above 0"),
        ({"margin": None}, ValueError, "state the margin"),
        ({"margin": -0.1}, ValueError, "margin must be positive"),
        ({"side": "at least"}, ValueError, "a one-sided claim has no margin"),
        ({"side": "below"}, ValueError, "side must be one of"),
        ({"predict": 0.0, "side": "at least", "margin": None}, ValueError, "has no side"),
    ],
)
def test_bad_arguments_of_an_order_get_one_sentence(options, error, sentence):
    given = {"sampler": powers(-1.0), "sizes": SIZES, "predict": -1.0, "margin": 0.05, **options}
    trial = Trial("an.order")
    with pytest.raises(error, match=sentence):
        trial.order(common=True, **given)
    assert not trial.findings


@pytest.mark.parametrize(
    ("sampler", "sentence"),
    [
        (lambda g, n, sizes: g.random(n), r"at each of sizes=, shape \(count, 4\), got \("),
        (lambda g, n, sizes: g.random((n, 3)), r"shape \(count, 4\)"),
        (lambda g, n, sizes: np.ones((n, 4)), "does not draw from the generator"),
        (lambda g, n, sizes: g.random((n, 4)) * [1, 1, 1, np.nan], "not finite"),
        (lambda g, n, sizes: g.random() * np.ones((n, 4)) / sizes, "equal samples within each"),
        (lambda g, n, sizes: g.random((n, 4)) + g.random(), "share something"),
        (
            lambda g, n, sizes: np.sort(g.random((n, 4)), axis=0),
            "the law of its samples depends on their place",
        ),
    ],
)
def test_a_sampler_that_mean_refuses_is_refused_here(sampler, sentence):
    trial = Trial("an.order")
    with pytest.raises(ValueError, match=sentence):
        trial.order(sampler=sampler, common=True, sizes=SIZES, predict=-1.0, margin=0.05)
    assert not trial.findings


def test_errors_with_both_signs_decide_nothing():
    def signed(generator, count, sizes):
        return generator.normal(size=(count, len(sizes))) / sizes

    found = order(signed, -1.0, most=2000)
    assert found.outcome == "INCONCLUSIVE"
    assert "is unbounded still" in found.note


def test_in_any_test_a_wrong_order_fails_and_three_margins_are_the_control():
    trial = PlainTrial("a_test")
    trial.order(sampler=powers(-1.0), common=True, sizes=SIZES, predict=-1.0, margin=0.05)
    assert {control.outcome for control in trial.findings[0].controls} == {"REFUTED"}
    with pytest.raises(NotVerified, match="REFUTED: measured -"):
        trial.order(
            sampler=powers(-1.0),
            common=True,
            sizes=SIZES,
            predict=-0.5,
            margin=0.05,
            law=Asymptotic(),
        )


def test_a_claim_without_a_control_is_refused_before_the_first_sample():
    trial = Trial("an.order", needs_controls=True)
    with pytest.raises(ValueError, match="name one that somebody could hold"):
        trial.order(sampler=powers(-1.0), common=True, sizes=SIZES, predict=-1.0, margin=0.05)


def test_an_exponential_rate_is_decided_from_common_draws():
    def decaying(generator, count, sizes):
        return np.exp(-0.05 * sizes) * powers(0.0)(generator, count, sizes)

    options = {"sizes": [8, 16, 32, 64], "margin": 0.0025, "exponential": True}
    assert order(decaying, -0.05, **options).outcome == "VERIFIED"
    assert order(decaying, -0.06, **options).outcome == "REFUTED"


@pytest.mark.parametrize(("not_tight", "verdict"), [("", "INCONCLUSIVE"), ("why not", "VERIFIED")])
def test_a_claim_of_an_order_at_least_says_why_it_is_not_tight(not_tight, verdict):
    @claim(derived("the scheme is of order one"), not_tight=not_tight)
    def test_at_least(trial):
        """The errors are O(n^-1/2)."""
        trial.order(
            sampler=powers(-1.0),
            common=True,
            sizes=SIZES,
            predict=-0.5,
            side="at least",
            controls={"of order two": -2.0},
        )

    assert test_at_least.claim.run().verdict == verdict


# ------------------------------------------------------------------- one side, of exact errors


def exact(errors, predict, sizes=None, **options):
    trial = Trial("an.order")
    sizes = 8 * 2 ** np.arange(len(errors)) if sizes is None else sizes
    rounding = 1e-15 * np.abs(errors)
    trial.order(errors, sizes, predict, rounding=rounding, **options)
    return trial.findings[0]


def test_a_remainder_of_a_higher_order_is_o_of_a_lower_one():
    sizes = 8.0 * 2 ** np.arange(6)
    errors = sizes**-4 * (1 + 1 / sizes)
    found = exact(errors, -3.0, side="at least", controls={"of the fifth order": -5.0})
    assert found.outcome == "VERIFIED"
    assert found.prediction.side == "at most"  # the exponent
    assert [control.outcome for control in found.controls] == ["REFUTED"]
    assert exact(errors, -5.0, side="at least").outcome == "REFUTED"
    assert exact(errors, -4.0, side="at least", slack=0.1).outcome == "VERIFIED"
    assert exact(errors, -3.0, side="at most").outcome == "REFUTED"
    assert exact(errors, -5.0, side="at most").outcome == "VERIFIED"


def test_slopes_that_go_on_away_from_an_order_refute_it_without_settling():
    """From -1.65 to -1.10: they have not settled, and are no slopes of order two."""
    slopes = np.array([-1.65, -1.5, -1.3, -1.1])
    errors = np.exp(np.concatenate([[0.0], np.cumsum(slopes * np.log(2))]))
    assert np.isinf(exact(errors, -2.0, margin=0.1).interval.high)  # two-sided, as before
    found = exact(errors, -2.0, side="at least")
    assert found.outcome == "REFUTED"
    assert found.interval.guarantee == "extrapolated"
    assert exact(errors, -1.0, side="at least").outcome == "INCONCLUSIVE"


def test_an_error_that_falls_faster_than_every_power_is_of_any_order_at_least():
    sizes = 4 * 2 ** np.arange(6)
    assert exact(np.exp(-0.1 * sizes), -2.0, sizes, side="at least").outcome == "VERIFIED"


def test_noise_is_of_no_order_at_least():
    noise = 1 + 0.2 * np.random.default_rng(0).standard_normal(6)
    errors = noise / 8.0 / 2 ** np.arange(6)
    for predict in (-0.2, -2.0):
        assert exact(errors, predict, side="at least").outcome == "INCONCLUSIVE"
