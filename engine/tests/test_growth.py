"""Growth laws as the field means them: Theta with an offset of either sign, and O."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theory_on_trial.decide import growth as growth_laws
from theory_on_trial.decide.growth import GROWTH_LAWS, growth_at_most, law_named
from theory_on_trial.laws import Bernoulli, Bounded, Normal
from theory_on_trial.trial.decisions import Trial

SIZES = 2.0 ** np.arange(3, 12)
GROWING = GROWTH_LAWS[1:]


def growth(n, low, high, claimed, controls=(), **options):
    return growth_laws.growth(
        n, low, high, claimed, controls=controls, **{"error": 0.0, "slack_log": 0.0, **options}
    )


@pytest.mark.parametrize("offset", [-3.0, -1.0, 0.0, 1.0, 3.0])
@pytest.mark.parametrize("name", GROWING)
def test_exact_laws_of_any_offset_grow_as_they_do_and_as_no_other(name, offset):
    """Boxes without width are not refuted by rounding; the offset is in units of the last value."""
    shape = law_named(name)(SIZES)
    exact = offset * shape[-1] + shape
    found = growth(SIZES, exact, exact, name, [other for other in GROWTH_LAWS if other != name])
    assert found.outcome == "VERIFIED"
    assert str(found.interval.estimate).startswith(f"{name}; ")
    assert {control.outcome for control in found.controls} == {"REFUTED"}


@pytest.mark.parametrize("offset", [-3.0, -1.0, 0.0, 3.0])
@pytest.mark.parametrize("name", GROWING)
def test_a_true_law_of_any_offset_is_refuted_no_more_often_than_stated(name, offset):
    """Normal boxes at 5 % in all, six sizes, 500 experiments; their width is a fiftieth of the
    rise.
    """
    n = 50.0 * 2.0 ** np.arange(6)
    shape = law_named(name)(n)
    truth = offset * np.ptp(shape) + shape
    rng = np.random.default_rng([81, GROWING.index(name), int(offset) + 3])
    sd = np.ptp(shape) / 100
    half = stats.norm.isf(0.05 / len(n) / 2) * sd
    drawn = truth + sd * rng.standard_normal((500, len(n)))
    rejected = sum(not growth_laws.survives(name, n, row - half, row + half) for row in drawn)
    assert rejected <= stats.binom.isf(1e-6, 500, 0.05)


def test_the_regret_of_a_bandit_is_not_refuted_for_its_negative_offset():
    horizons = [500, 1000, 2000, 4000, 8000]
    regret = np.array([44.1, 51.9, 59.3, 66.9, 74.8])  # about 11 log T - 24
    low, high = regret - 0.5, regret + 0.5
    found = growth(horizons, low, high, "log n", ["sqrt n", "n"])
    assert found.outcome == "INCONCLUSIVE"  # the power of the logarithm is hardly known
    assert "in (log n)^a, the margin 0.95 to 1.05" in found.note
    assert [control.outcome for control in found.controls] == ["REFUTED", "REFUTED"]


def test_two_or_three_sizes_tell_nothing_of_a_law():
    for sizes in ([2.0, 8.0], [2.0, 4.0, 8.0]):
        values = 1.37 ** np.array(sizes)
        with pytest.raises(ValueError, match="at least 4 different sizes"):
            growth(sizes, 0.99 * values, 1.01 * values, "n^2")
    alike = np.array([100, 101, 102, 400, 1000.0])
    with pytest.raises(ValueError, match="at least 4 different sizes, got 3"):
        growth(alike, alike, alike, "n")
    near = np.array([100, 150, 225, 400.0])
    with pytest.raises(ValueError, match="span a factor of 8, got 100 to 400"):
        growth(near, near, near, "n")
    sizes = np.array([2.0, 4.0, 8.0, 16.0])
    values = 1.37**sizes
    assert growth(sizes, 0.99 * values, 1.01 * values, "n^2").outcome == "REFUTED"


def test_a_constant_and_a_decreasing_quantity_grow_as_no_law():
    wide = growth(SIZES, np.full(9, 0.9), np.full(9, 1.1), "n")
    assert wide.outcome == "INCONCLUSIVE"
    assert "const, log log n, " in wide.note
    falling = 10 - np.log(SIZES)
    assert growth(SIZES, falling, falling, "log n").outcome == "REFUTED"


@settings(max_examples=30, deadline=None)
@given(power=st.floats(0.05, 3), offset=st.floats(-100, 100), width=st.floats(0, 1e-3))
def test_the_interval_of_a_free_exponent_holds_it(power, offset, width):
    exact = offset + SIZES**power
    half = width * np.ptp(exact)
    powers = growth_laws.admitted_powers(np.log(SIZES), exact - half, exact + half)
    assert powers is not None
    assert powers[0] - 1e-6 <= power <= powers[1] + 1e-6


def test_a_free_exponent_is_verified_with_its_interval_and_refuted_for_a_logarithm():
    values = SIZES**0.7
    found = growth(SIZES, 0.98 * values, 1.02 * values, "n^a", ["log n", "n^2"])
    assert found.outcome == "VERIFIED"
    assert str(found.interval.estimate) == "n^a; 0.6824 <= a <= 0.7177 in n^a"
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
    for name in ("n^(3/2)", "n^1.50"):
        assert growth(SIZES, values, values, name).outcome == "VERIFIED"
    for name, law in {
        "log^3 n": lambda n: np.log(n) ** 3,
        "n^2 log n": law_named("n^2 log n"),
    }.items():
        assert growth(SIZES, law(SIZES), law(SIZES), name).outcome == "VERIFIED"
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
    shape = law_named(name)(SIZES)
    exact = offset * shape[-1] + shape
    assert growth_at_most(SIZES, exact, exact, name, error=0.0).outcome == "VERIFIED"
    low = exact - 1e-3 * np.ptp(shape)
    high = exact + 1e-3 * np.ptp(shape)
    assert growth_at_most(SIZES, low, high, name, error=0.0).outcome != "REFUTED"


@pytest.mark.parametrize("offset", [-3.0, -0.9, 0.0, 2.0])
def test_a_faster_law_is_not_o_of_a_slower_one_whatever_its_offset(offset):
    for slower, faster in pairwise(GROWING):
        shape = law_named(faster)(SIZES)
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
    assert str(trial.findings[1].resolution) == "0.9971 <= a <= 1.003 in n^a"


# ------------------------------------------------------------------------------ boxes


WIDE = np.array([50.0, 100, 200, 400, 800, 1600])
TRUTHS = {
    "log n": lambda n: 5 + 3 * np.log(n),
    "sqrt n": lambda n: 4 + 2 * np.sqrt(n),
    "n": lambda n: 26.9 + 0.925 * n,
    "n log n": lambda n: 10 + 0.3 * n * np.log(n),
    "n^2": lambda n: 3 + 0.01 * n**2,
}


def boxes(truth, spread, error, rng, experiments, seeds=40):
    """Student intervals for log m(n_j) from 40 seeds each, at error / J, for many experiments at
    once.
    """
    logs = np.log(truth(WIDE))[:, None] + spread / np.sqrt(seeds) * rng.standard_normal(
        (len(WIDE), experiments)
    )
    deviation = spread * np.sqrt(rng.chisquare(seeds - 1, (len(WIDE), experiments)) / (seeds - 1))
    half = stats.t.isf(error / len(WIDE) / 2, seeds - 1) * deviation / np.sqrt(seeds)
    return np.exp(logs - half), np.exp(logs + half)


@pytest.mark.parametrize("name", TRUTHS)
def test_the_true_law_survives(name):
    """2e4 experiments for each of five truths: rejected in a share of at most 1e-2."""
    low, high = boxes(TRUTHS[name], 0.01, 1e-2, np.random.default_rng([61, len(name)]), 20_000)
    law = law_named(name)
    rejected = sum(
        not growth_laws.survives(law, WIDE, u, v) for u, v in zip(low.T, high.T, strict=True)
    )
    assert rejected <= stats.binom.isf(1e-6, 20_000, 1e-2)


@pytest.mark.parametrize("name", TRUTHS)
def test_boxes_at_one_in_a_million_leave_only_the_true_law(name):
    low, high = boxes(TRUTHS[name], 0.003, 1e-6, np.random.default_rng([62, len(name)]), 1)
    others = [law for law in TRUTHS if law != name]
    finding = growth_laws.growth(
        WIDE,
        low[:, 0],
        high[:, 0],
        name,
        error=1e-6,
        slack_log=0.002,
        margin=0.4 if name == "log n" else 0.05,
        controls=others,
        printed=others[0],
    )
    assert (
        finding.outcome == finding.controls[0].outcome.replace("REFUTED", "VERIFIED") == "VERIFIED"
    )
    assert {control.outcome for control in finding.controls} == {"REFUTED"}
    assert finding.printed == "REFUTED"
    assert str(finding.interval.estimate).startswith(f"{name}; ")


BETWEEN = {  # just beyond the margin of 5 %, or a factor that grows slowly
    "n^.526 as sqrt n": (lambda n: n**0.526, "sqrt n"),
    "n^.474 as sqrt n": (lambda n: n**0.474, "sqrt n"),
    "n / sqrt(log n) as n": (lambda n: n / np.log(n) ** 0.5, "n"),
    "n^1.2 as n log n": (lambda n: n**1.2, "n log n"),
    "log^1.06 n as log n": (lambda n: np.log(n) ** 1.06, "log n"),
}


@pytest.mark.parametrize("name", BETWEEN)
def test_a_truth_between_the_laws_is_verified_no_more_often_than_stated(name):
    """60 experiments at 10 % in all, normal boxes whose width leaves most of them open."""
    truth, claimed = BETWEEN[name]
    n = 2.0 ** np.arange(4, 14, 1.5)
    width = 0.03 * truth(n)
    sd = width / stats.norm.isf(0.1 / len(n) / 2)
    rng = np.random.default_rng([94, len(name)])
    wrong = 0
    for middle in truth(n) + sd * rng.standard_normal((60, len(n))):
        found = growth(n, middle - width, middle + width, claimed, error=0.1)
        wrong += found.outcome == "VERIFIED"
    assert wrong <= stats.binom.isf(1e-6, 60, 0.1)


@pytest.mark.parametrize("claimed", ["sqrt n", "n^(2/3)", "n", "n log n"])
def test_narrow_boxes_verify_a_true_law(claimed):
    n = 2.0 ** np.arange(4, 14, 1.5)
    truth = law_named(claimed)(n)
    width = 0.01 * truth
    sd = width / stats.norm.isf(1e-6 / len(n) / 2)
    rng = np.random.default_rng([95, len(claimed)])
    for middle in truth + sd * rng.standard_normal((10, len(n))):
        assert growth(n, middle - width, middle + width, claimed, error=1e-6).outcome == "VERIFIED"


@pytest.mark.parametrize("claimed", ["sqrt n", "n", "log n"])
def test_boxes_as_narrow_and_sizes_as_wide_as_is_said_decide(claimed):
    n = 2.0 ** np.arange(4, 11)
    truth = 7 + law_named(claimed)(n)
    width = 0.2 * truth
    narrower, wider = growth_laws.what_would_do(n, truth - width, truth + width, claimed, 0.0)
    assert narrower > 1
    near = width / narrower
    assert growth(n, truth - near, truth + near, claimed).outcome == "VERIFIED"
    assert growth(n, truth - 2 * near, truth + 2 * near, claimed).outcome == "INCONCLUSIVE"
    if claimed != "n":
        assert wider is None
        return
    sizes = 16 * (n / 16) ** (np.log(wider / 16) / np.log(64))
    far = 7 + sizes
    assert growth(sizes, 0.8 * far, 1.2 * far, claimed).outcome == "VERIFIED"


def test_exact_values_with_a_slack_verify_no_other_power():
    """A slack of 2 % passes n^(2/3) through n^.65, and leaves the exponent open."""
    n = 2.0 ** np.arange(4, 11)
    found = growth(n, n**0.65, n**0.65, "n^(2/3)", slack_log=0.02)
    assert found.outcome == "INCONCLUSIVE"
    assert growth(n, n**0.65, n**0.65, "n^(2/3)").outcome == "REFUTED"


@pytest.mark.parametrize("truth", [lambda n: 5 + n**0.6, lambda n: 300 + n])
def test_what_grows_faster_than_its_bound_is_not_verified_below_a_large_offset(truth):
    n = 2.0 ** np.arange(4, 11)
    found = growth_at_most(n, truth(n), truth(n), "sqrt n", error=0.0)
    assert found.outcome == "INCONCLUSIVE"
    assert "but grows faster, with" in found.note
    assert growth_at_most(n, np.sqrt(n) + 100, np.sqrt(n) + 100, "sqrt n", error=0.0).outcome == (
        "VERIFIED"
    )


def test_wide_boxes_leave_it_undecided_and_a_constant_is_never_verified():
    wide = growth_laws.growth(
        WIDE, WIDE * 0.2, WIDE * 5, "n", error=1e-6, slack_log=0.0, controls=[]
    )
    assert wide.outcome == "INCONCLUSIVE"
    flat = growth_laws.growth(
        WIDE, np.full(6, 0.99), np.full(6, 1.01), "const", error=1e-6, slack_log=0.0, controls=[]
    )
    assert flat.outcome == "INCONCLUSIVE"


@given(
    a=st.floats(0, 1e6),
    b=st.floats(1e-6, 1e3),
    name=st.sampled_from(sorted(TRUTHS)),
    width=st.floats(1e-9, 0.5),
)
def test_every_member_of_a_family_survives_whatever_its_offset(a, b, name, width):
    """Boxes of relative width >= 1e-9 around a + b g(n): the rounding of the closed form is below
    1e-13.
    """
    n = np.array([10.0, 100, 1000, 1e4, 1e5])
    m = a + b * law_named(name)(n)
    assert growth_laws.survives(name, n, m * (1 - width), m * (1 + width))


def test_profiling_over_a_grid_of_ratios_rejects_a_true_law():
    """3 + 0.01 n^2 has b / a = 1 / 300, which in units of the largest g is 3e7: a grid up to 1e6
    never gets there.
    """
    n = np.array([10.0, 100, 1000, 1e4, 1e5])
    m = 3 + 0.01 * n**2
    low = m * 0.97
    high = m * 1.03
    g = n**2 / np.max(n**2)
    shapes = 1 + np.logspace(-6, 6, 2001)[:, None] * g
    assert not (np.max(low / shapes, axis=1) <= np.min(high / shapes, axis=1)).any()
    assert growth_laws.survives("n^2", n, low, high)


SPREAD = np.array([25.0, 50, 100, 200, 400, 800])
ORDER = ["const", "log n", "sqrt n", "n", "n log n", "n^2"]


@given(st.sampled_from(ORDER), st.sampled_from(ORDER), st.floats(0.1, 100))
def test_at_most_follows_the_order_of_the_laws(truth, claimed, scale):
    exact = scale * law_named(truth)(SPREAD)
    found = growth_at_most(SPREAD, exact * 0.99, exact * 1.01, claimed, error=0.0)
    faster = ORDER.index(truth) > ORDER.index(claimed)
    same = truth == claimed
    assert found.outcome == ("INCONCLUSIVE" if same else "REFUTED" if faster else "VERIFIED")


@given(st.floats(1, 50), st.floats(0.5, 20), st.sampled_from(ORDER[1:]))
def test_an_offset_never_makes_a_law_grow_faster_than_itself(offset, slope, law):
    exact = offset + slope * law_named(law)(SPREAD)
    assert growth_at_most(SPREAD, exact, exact, law, error=0.0).outcome != "REFUTED"


def test_a_decreasing_quantity_refutes_the_exact_form_of_every_law():
    exact = 10 - np.log(SPREAD)
    found = growth_at_most(SPREAD, exact * 0.99, exact * 1.01, "const", error=1e-6, printed="log n")
    assert (found.outcome, found.printed) == ("VERIFIED", "REFUTED")
    flat = growth_at_most(
        SPREAD, np.full(6, 0.9), np.full(6, 1.1), "n", error=1e-6, printed="log n"
    )
    assert (flat.outcome, flat.printed) == ("VERIFIED", "INCONCLUSIVE")


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (
            lambda: growth_at_most([2, 4, 8], [0, 1, 1], [np.inf, 2, 2], "n", error=0.1),
            "first box with two ends: the box at n = 2 has no end",
        ),
        (lambda: growth_at_most([4, 2, 1], [1, 1, 1], [1, 2, 2], "n", error=0.1), "increasing"),
        (lambda: growth_at_most([4, 5], [1, 1], [1, 2], "n", error=0.1), "at least three"),
        (
            lambda: growth_at_most([1, 2, 3], [1, 1, 1], [1, 2, 2], "log log n", error=0.1),
            "finite and increasing on the design, which starts at n = 1",
        ),
    ],
)
def test_what_no_bound_can_be_judged_by_gets_one_sentence(act, sentence):
    with pytest.raises(ValueError, match=sentence):
        act()


# ------------------------------------------------------------------------------ from samplers


def noisy(law):
    """A sampler at sizes: normal numbers about a law of the size."""
    return lambda generator, count, size: law(size) + generator.standard_normal(count)


DESIGN = [100, 200, 400, 800, 1600]


def test_growth_of_a_mean_is_decided_from_its_sampler():
    for seed in range(2):
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
        low, high = re.findall(r"[\d.]+", str(found.resolution))
        assert 0.95 < float(low) < 1 < float(high) < 1.05
        assert 0 < found.budget < 1


FALSE = {  # the truth, and what it is not
    "n^(2/3) as sqrt n": (lambda n: n ** (2 / 3), "sqrt n"),
    "n^.55 as sqrt n": (lambda n: n**0.55, "sqrt n"),
    "n^.8 as sqrt n": (lambda n: n**0.8, "sqrt n"),
    "n / log n as n": (lambda n: n / np.log(n), "n"),
    "sqrt n log n as sqrt n": (lambda n: n**0.5 * np.log(n), "sqrt n"),
    "log^3 n as sqrt n": (lambda n: np.log(n) ** 3, "sqrt n"),
    "n^1.2 as n log n": (lambda n: n**1.2, "n log n"),
    "sqrt n log n as n^(2/3)": (lambda n: n**0.5 * np.log(n), "n^(2/3)"),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_neighbouring_law_is_not_verified_from_its_sampler(name):
    """Noise of half the mean, sizes 16 to 1024, as bandits and learning curves have them."""
    truth, claimed = FALSE[name]
    trial = Trial("a.rival")
    trial.growth(
        sampler=lambda rng, count, n: truth(float(n)) * (1 + 0.5 * rng.standard_normal(count)),
        sizes=[16, 32, 64, 128, 256, 512, 1024],
        law=Normal(),
        claimed=claimed,
        controls=["n^2"],
        most=20_000,
    )
    assert trial.findings[0].outcome != "VERIFIED"


def test_a_sampler_whose_budget_ends_says_how_many_samples_would_decide():
    def claimed(most):
        trial = Trial("a.regret")
        trial.growth(
            sampler=noisy(np.sqrt), sizes=DESIGN, law=Normal(), claimed="sqrt n", most=most
        )
        return trial.findings[0]

    found = claimed(1000)
    assert found.outcome == "INCONCLUSIVE"
    assert "samples at each size: most= says how many may be drawn" in found.note
    enough = int(re.search(r"about ([\d,]+) would decide", found.note)[1].replace(",", ""))
    again = claimed(2 * enough)
    assert again.outcome == "VERIFIED"
    assert again.interval.n > enough * len(DESIGN) / 10


def shared(rng, count, n):
    return n**2 * rng.uniform(0, 2) * (1 + 0.1 * rng.standard_normal(count))


SPOILED = {
    "share something": shared,
    "does not draw from the generator": lambda rng, count, n: n**2 * np.random.rand(count),  # noqa: NPY002
    "not draw from the generator that": lambda rng, count, n: (
        n**2 + np.random.default_rng(n).standard_normal(count)
    ),
    "(copies|repeats|share|correlated)": lambda rng, count, n: (
        n**2 * np.resize(rng.random(8), count)
    ),
}


@pytest.mark.parametrize("sentence", SPOILED)
@pytest.mark.parametrize("decision", ["growth", "order", "limit"])
def test_samplers_at_sizes_are_looked_at_as_those_of_means_are(decision, sentence):
    options = {
        "growth": {"claimed": "n^2", "controls": ["n"]},
        "order": {"predict": 2.0, "margin": 0.1, "controls": {"one": 1.0}},
        "limit": {"predict": 2.0, "order": 1, "margin": 0.1, "controls": {"one": 1.0}},
    }[decision]
    with pytest.raises(ValueError, match=rf"the sampler at size \d+.*{sentence}"):
        getattr(Trial("a.sampler"), decision)(
            sampler=SPOILED[sentence], sizes=DESIGN, law=Bounded(-1e9, 1e9), **options
        )


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
    for seed in range(8):
        trial = Trial("a.level", seed)
        trial.growth(
            sampler=lambda rng, count, size: rng.random(count) < 0.06 * np.log(size) - 0.15,
            sizes=DESIGN,
            law=Bernoulli(),
            claimed="log n",
            first=50,
            most=1000,
        )
        wrong += trial.findings[0].outcome == "REFUTED"
    assert wrong <= stats.binom.isf(1e-6, 8, 0.05)


def test_what_a_sampler_at_sizes_lacks_gets_one_sentence():
    trial = Trial("a.regret")
    with pytest.raises(ValueError, match="needs them, sizes=, and the law of a sample, law="):
        trial.growth(sampler=noisy(np.log), sizes=DESIGN, claimed="log n")
    with pytest.raises(ValueError, match="say what the chance is that a box misses, error="):
        trial.growth(SIZES, SIZES, SIZES, "n")
    with pytest.raises(ValueError, match='growth needs a law, as claimed="log n"'):
        trial.growth(sampler=noisy(np.log), sizes=DESIGN, law=Normal())
