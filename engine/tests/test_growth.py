"""Growth laws as the field means them: Theta with an offset of either sign, and O."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theory_on_trial.decide import trends
from theory_on_trial.decide.trends import GROWTH_LAWS, growth_at_most
from theory_on_trial.laws import Bernoulli, Normal
from theory_on_trial.trial.decisions import Trial

SIZES = 2.0 ** np.arange(3, 12)
GROWING = list(GROWTH_LAWS)[1:]


def growth(n, low, high, claimed, controls=(), **options):
    return trends.growth(
        n, low, high, claimed, controls=controls, **{"error": 0.0, "slack_log": 0.0, **options}
    )


@pytest.mark.parametrize("offset", [-3.0, -1.0, 0.0, 1.0, 3.0])
@pytest.mark.parametrize("name", GROWING)
def test_exact_laws_of_any_offset_grow_as_they_do_and_as_no_other(name, offset):
    """Boxes without width are not refuted by rounding; the offset is in units of the last value."""
    shape = GROWTH_LAWS[name](SIZES)
    exact = offset * shape[-1] + shape
    found = growth(SIZES, exact, exact, name, [other for other in GROWTH_LAWS if other != name])
    assert (found.outcome, str(found.interval.estimate)) == ("VERIFIED", name)
    assert {control.outcome for control in found.controls} == {"REFUTED"}


@pytest.mark.parametrize("offset", [-3.0, -1.0, 0.0, 3.0])
@pytest.mark.parametrize("name", GROWING)
def test_a_true_law_of_any_offset_is_refuted_no_more_often_than_stated(name, offset):
    """Normal boxes at 5 % in all, six sizes, 500 experiments; their width is a fiftieth of the
    rise.
    """
    n = 50.0 * 2.0 ** np.arange(6)
    shape = GROWTH_LAWS[name](n)
    truth = offset * np.ptp(shape) + shape
    rng = np.random.default_rng([81, GROWING.index(name), int(offset) + 3])
    sd = np.ptp(shape) / 100
    half = stats.norm.isf(0.05 / len(n) / 2) * sd
    drawn = truth + sd * rng.standard_normal((500, len(n)))
    rejected = sum(
        not trends.survives(GROWTH_LAWS[name], n, row - half, row + half) for row in drawn
    )
    assert rejected <= stats.binom.isf(1e-6, 500, 0.05)


def test_the_regret_of_a_bandit_is_no_longer_refuted_for_its_negative_offset():
    horizons = [500, 1000, 2000, 4000, 8000]
    regret = np.array([44.1, 51.9, 59.3, 66.9, 74.8])  # about 11 log T - 24
    found = growth(horizons, regret - 0.5, regret + 0.5, "log n", ["sqrt n", "n"])
    assert found.outcome == "VERIFIED"
    assert growth(horizons, regret - 0.5, regret + 0.5, "sqrt n").outcome == "REFUTED"


def test_two_or_three_sizes_tell_nothing_of_a_law():
    for sizes in ([2.0, 8.0], [2.0, 4.0, 8.0]):
        values = 1.37 ** np.array(sizes)
        with pytest.raises(ValueError, match="at least 4 different sizes"):
            growth(sizes, 0.99 * values, 1.01 * values, "n^2")
    sizes = np.array([2.0, 4.0, 8.0, 16.0])
    values = 1.37**sizes
    assert growth(sizes, 0.99 * values, 1.01 * values, "n^2").outcome == "REFUTED"


def test_a_constant_and_a_decreasing_quantity_grow_as_no_law():
    wide = growth(SIZES, np.full(9, 0.9), np.full(9, 1.1), "n")
    assert wide.outcome == "INCONCLUSIVE"
    assert "const and " in wide.note
    falling = 10 - np.log(SIZES)
    assert growth(SIZES, falling, falling, "log n").outcome == "REFUTED"


@settings(max_examples=30, deadline=None)
@given(power=st.floats(0.05, 3), offset=st.floats(-100, 100), width=st.floats(0, 1e-3))
def test_the_interval_of_a_free_exponent_holds_it(power, offset, width):
    exact = offset + SIZES**power
    half = width * np.ptp(exact)
    powers = trends.surviving_powers(SIZES, exact - half, exact + half)
    assert powers is not None
    assert powers[0] - 1e-6 <= power <= powers[1] + 1e-6


def test_a_free_exponent_is_verified_with_its_interval_and_refuted_for_a_logarithm():
    values = SIZES**0.7
    found = growth(SIZES, 0.98 * values, 1.02 * values, "n^a", ["log n", "n^2"])
    assert found.outcome == "VERIFIED"
    assert str(found.interval.estimate) == "n^a; 0.682362 <= a <= 0.717742"
    assert {control.outcome for control in found.controls} == {"REFUTED"}
    assert growth(SIZES, np.log(SIZES), np.log(SIZES), "n^a").outcome == "REFUTED"
    assert growth(SIZES, SIZES, SIZES, "n^a").outcome == "VERIFIED"


def test_a_law_may_be_a_power_or_a_function_and_is_no_rival_of_itself():
    values = 5 + SIZES**1.5
    assert growth(SIZES, values, values, "n^1.5", ["n", "n^2"]).outcome == "VERIFIED"
    assert growth(SIZES, values, values, lambda n: 2 * n**1.5).outcome == "VERIFIED"
    controls = {"cubes": lambda n: n**3, "linear": "n"}
    found = growth(SIZES, values, values, "n^1.5", controls)
    assert [control.outcome for control in found.controls] == ["REFUTED", "REFUTED"]
    assert growth(SIZES, SIZES, SIZES, "n^1").outcome == "VERIFIED"
    with pytest.raises(ValueError, match="finite and increasing on the design"):
        growth(SIZES, values, values, lambda n: -n)


def test_a_box_without_end_is_named():
    high = SIZES + 1
    high[[0, 8]] = np.inf
    found = growth(SIZES, SIZES - 1, high, "n")
    assert found.outcome == "VERIFIED"
    high[:] = np.inf
    high[0] = 9
    found = growth(SIZES, SIZES - 1, high, "n")
    assert "the boxes at n = 16, n = 32" in found.note
    assert "have no end: nothing that was tried brackets the quantity there" in found.note


@pytest.mark.parametrize("name", GROWING)
@pytest.mark.parametrize("offset", [-3.0, -0.9, 0.0, 2.0])
def test_a_law_is_o_of_itself_whatever_its_offset(name, offset):
    shape = GROWTH_LAWS[name](SIZES)
    exact = offset * shape[-1] + shape
    assert growth_at_most(SIZES, exact, exact, name, error=0.0).outcome == "VERIFIED"
    low = exact - 1e-3 * np.ptp(shape)
    high = exact + 1e-3 * np.ptp(shape)
    assert growth_at_most(SIZES, low, high, name, error=0.0).outcome != "REFUTED"


@pytest.mark.parametrize("offset", [-3.0, -0.9, 0.0, 2.0])
def test_a_faster_law_is_not_o_of_a_slower_one_whatever_its_offset(offset):
    for slower, faster in pairwise(GROWING):
        shape = GROWTH_LAWS[faster](SIZES)
        exact = offset * shape[0] + shape
        if offset <= 0:
            found = growth_at_most(SIZES, exact, exact, slower, error=0.0)
            assert found.outcome == "REFUTED"
        # m(n_1) / g(n_1) is a constant, too: a large offset is room for growth.
        assert growth_at_most(SIZES, exact, exact, faster, error=0.0).outcome == "VERIFIED"


def test_the_trial_takes_functions_and_says_what_a_wrong_process_leaves_open():
    trial = Trial("a.growth")
    boxes = SIZES - 1, SIZES + 1
    trial.growth_at_most(
        SIZES, boxes, "n", error=0.0, control_processes={"itself": boxes, "n^2": (SIZES**2,) * 2}
    )
    found = trial.findings[0]
    assert [control.outcome for control in found.controls] == ["INCONCLUSIVE", "REFUTED"]
    assert "the wrong process 'itself': the boxes admit both" in found.note
    trial.growth(
        SIZES, *boxes, lambda n: n + 1, error=0.0, slack_log=0.0, controls={"squares": np.square}
    )
    assert trial.findings[1].outcome == "VERIFIED"


# ------------------------------------------------------------------------------ from samplers


def noisy(law):
    """A sampler at sizes: normal numbers about a law of the size."""
    return lambda generator, count, size: law(size) + generator.standard_normal(count)


DESIGN = [100, 200, 400, 800, 1600]


def test_growth_of_a_mean_is_decided_from_its_sampler():
    for seed in range(5):
        trial = Trial("a.regret", seed)
        trial.growth(
            sampler=noisy(lambda n: 11 * np.log(n) - 24),
            sizes=DESIGN,
            law=Normal(),
            claimed="log n",
            controls=["sqrt n", "const"],
        )
        found = trial.findings[0]
        assert found.outcome == "VERIFIED"
        assert {control.outcome for control in found.controls} == {"REFUTED"}
        assert 0 < found.interval.error <= 1e-6
        assert found.interval.guarantee == "finite-n (normal) (union)"
        assert found.interval.n % len(DESIGN) == 0
        assert 0 < found.budget < 1


def test_a_sampler_whose_budget_ends_says_how_wide_its_boxes_are():
    trial = Trial("a.regret")
    trial.growth(
        sampler=noisy(np.log), sizes=DESIGN, law=Normal(), claimed="log n", controls=[], most=100
    )
    assert trial.findings[0].outcome == "INCONCLUSIVE"
    note = trial.findings[0].note
    assert "wide after 128 samples at each size: most= says how many" in note
    enough = int(re.search(r"about ([\d,]+) would decide", note)[1].replace(",", ""))
    again = Trial("a.regret")
    again.growth(
        sampler=noisy(np.log),
        sizes=DESIGN,
        law=Normal(),
        claimed="log n",
        controls=[],
        most=4 * enough,
    )
    assert again.findings[0].outcome == "VERIFIED"
    assert again.findings[0].interval.n > enough * len(DESIGN) / 30


def test_orders_and_limits_are_decided_from_samplers_too():
    trial = Trial("a.rate")
    options = {"sizes": DESIGN, "law": Normal(), "first": 4096, "most": 400_000}
    trial.order(
        sampler=noisy(lambda n: 1e5 / n), predict=-1.0, margin=0.05, controls={"w": -0.5}, **options
    )
    trial.limit(
        sampler=noisy(lambda n: 5 + 1e4 / n),
        predict=5.0,
        order=1,
        margin=0.5,
        controls={"w": 9.0},
        **options,
    )
    assert [finding.outcome for finding in trial.findings] == ["VERIFIED", "VERIFIED"]
    assert [finding.drawn for finding in trial.findings] == [0, 0]
    assert trial.findings[0].interval.guarantee.startswith("extrapolated, finite-n")


def test_a_true_law_is_refuted_from_its_sampler_no_more_often_than_stated(monkeypatch):
    """The level is raised to 5 %; the looks stop as soon as anything is decided."""
    monkeypatch.setattr(Trial, "_alpha", lambda self, *error: 0.05)
    wrong = 0
    for seed in range(100):
        trial = Trial("a.level", seed)
        trial.growth(
            sampler=lambda rng, count, size: rng.random(count) < 0.06 * np.log(size) - 0.15,
            sizes=DESIGN,
            law=Bernoulli(),
            claimed="log n",
            first=50,
            most=2000,
        )
        wrong += trial.findings[0].outcome == "REFUTED"
    assert wrong <= stats.binom.isf(1e-6, 100, 0.05)


def test_what_a_sampler_at_sizes_lacks_gets_one_sentence():
    trial = Trial("a.regret")
    with pytest.raises(ValueError, match="needs them, sizes=, and the law of a sample, law="):
        trial.growth(sampler=noisy(np.log), sizes=DESIGN, claimed="log n")
    with pytest.raises(ValueError, match="say what the chance is that a box misses, error="):
        trial.growth(SIZES, SIZES, SIZES, "n")
    with pytest.raises(ValueError, match='growth needs a law, as claimed="log n"'):
        trial.growth(sampler=noisy(np.log), sizes=DESIGN, law=Normal())
