"""One side of a law: the stochastic order of distributions, and O of a simulated quantity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theory_on_trial.decide import evidence
from theory_on_trial.laws import Asymptotic, Bounded, SupDistance
from theory_on_trial.trial.decisions import Trial
from theory_on_trial.trial.plain import NotVerified, PlainTrial


def identity(x):
    return np.clip(x, 0.0, 1.0)


def distribution(sampler, side, margin=0.03, **options):
    trial = Trial("a.law")
    trial.distribution(sampler=sampler, cdf=identity, side=side, margin=margin, **options)
    return trial.findings[0]


def test_p_values_that_are_valid_at_every_level_are_verified_and_others_refuted():
    valid = {
        "uniform": lambda g, n: g.random(n),
        "conservative": lambda g, n: np.sqrt(g.random(n)),
        "of a discrete statistic": lambda g, n: np.ceil(5 * g.random(n)) / 5,
    }
    for sampler in valid.values():
        assert distribution(sampler, "at most").outcome == "VERIFIED"
    found = distribution(lambda g, n: g.random(n) ** 1.5, "at most")
    assert found.outcome == "REFUTED"
    assert "the cdf is at most the given one everywhere" in found.note
    assert found.interval.guarantee == "finite-n"
    for name in ("conservative", "of a discrete statistic"):
        assert distribution(valid[name], "at least").outcome == "REFUTED"
    assert distribution(valid["uniform"], "at least").outcome == "VERIFIED"


def test_a_law_that_crosses_the_known_one_is_on_neither_side():
    for side in ("at most", "at least"):
        assert distribution(lambda g, n: g.beta(3, 3, n), side).outcome == "REFUTED"


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-3, 3).map(lambda x: round(x, 1)), min_size=1, max_size=40),
    st.sampled_from(["at most", "at least"]),
)
def test_the_distance_of_one_side_is_the_largest_difference_on_a_fine_grid(numbers, side):
    """With atoms of the known law among the samples, and ties."""

    def cdf(x):
        return np.asarray(stats.norm.cdf(np.floor(np.asarray(x) * 2) / 2))

    x = np.array(numbers)
    found = SupDistance(cdf, side=side).interval([x], 0.01, np.asarray(0.1)).estimate
    grid = np.linspace(-4, 4, 1601)
    grid = np.concatenate([grid, x, np.nextafter(x, -np.inf)])
    empirical = np.mean(x[:, None] <= grid, axis=0)
    gaps = (empirical - cdf(grid)) * (1 if side == "at most" else -1)
    assert found == pytest.approx(max(np.max(gaps), 0.0), abs=1e-9)


@pytest.mark.parametrize("margins", [0.0, 0.9, 1.1, 2.0, 3.0])
def test_the_level_of_one_side(margins):
    """The cdf exceeds the uniform one by so many margins at one half, and nowhere by more."""
    margin = 0.05
    off = margins * margin
    law = SupDistance(identity, side="at most")
    generator = np.random.default_rng(round(margins * 10))

    def sampler(m):
        x = generator.random(m)
        return np.where((x > 0.5) & (x < 0.5 + off), 0.5, x)

    runs = 300
    outcomes = []
    for _ in range(runs):
        finding = evidence.distribution(
            sampler,
            identity,
            {},
            margin=margin,
            side="at most",
            looks=(200, 800, 3200),
            alpha=0.05,
        )
        outcomes.append(finding.outcome)
    assert law.side == "at most"
    wrong = outcomes.count("REFUTED" if margins < 1 else "VERIFIED")
    assert wrong <= stats.binom.isf(1e-4, runs, 0.05)
    if margins in (0.0, 3.0):
        assert outcomes.count("INCONCLUSIVE") < runs / 2


def test_in_any_test_the_control_of_one_side_is_a_cdf_on_the_other():
    trial = PlainTrial("a_test")
    trial.distribution(lambda rng: rng.random() ** 0.3, identity, side="at most", margin=0.05)
    assert [control.name for control in trial.findings[0].controls] == ["three margins below"]
    with pytest.raises(NotVerified, match="REFUTED"):
        trial.distribution(lambda rng: rng.random() ** 2, identity, side="at most", margin=0.05)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"side": "below"}, ValueError, "side must be one of 'two', 'at most', 'at least'"),
        ({"tail": 0.01}, TypeError, "leave out tail= and directions="),
        ({"directions": np.ones((1, 2))}, TypeError, "leave out tail= and directions="),
        ({"cdf": {0: 0.5, 1: 0.5}}, TypeError, "give cdf= a function"),
        ({"cdf": None}, TypeError, "give cdf= a function"),
    ],
)
def test_bad_arguments_of_one_side_get_one_sentence(options, error, sentence):
    given = {"cdf": identity, "side": "at most", "margin": 0.05, **options}
    with pytest.raises(error, match=sentence):
        Trial("a.law").distribution(sampler=lambda g, n: g.random(n), **given)


# -------------------------------------------------------------------------------------------- O

SIZES = [16, 64, 256, 1024]


def of_power(power, noise=0.2):
    return lambda generator, count, size: size**power * (1 + noise * generator.normal(size=count))


def at_most(sampler, claimed, **options):
    trial = Trial("an.o")
    options = {"law": Asymptotic(), "sizes": SIZES, "most": 6000, **options}
    trial.growth_at_most(sampler=sampler, claimed=claimed, **options)
    return trial.findings[0]


def test_o_of_a_simulated_quantity_is_decided():
    found = at_most(of_power(0.5), "n", controls=["log n"])
    assert found.outcome == "VERIFIED"
    assert found.interval.guarantee == "asymptotic (union)"
    assert [control.outcome for control in found.controls] == ["REFUTED"]
    assert at_most(of_power(1.0), "sqrt n").outcome == "REFUTED"


def test_a_wrong_process_of_o_is_sampled_too():
    found = at_most(of_power(0.5), "n", control_processes={"squares": of_power(2.0)})
    assert [(c.name, c.outcome) for c in found.controls] == [("squares", "REFUTED")]


def test_o_draws_on_where_few_samples_give_no_box():
    def skewed(generator, count, size):
        return np.sqrt(size) * generator.exponential(size=count)

    found = at_most(skewed, "n", first=64)
    assert found.outcome == "VERIFIED"
    few = at_most(skewed, "n", first=64, most=64)
    assert few.outcome == "INCONCLUSIVE"
    assert "has no end" in few.note or "have no end" in few.note


@pytest.mark.parametrize(
    ("power", "wrong"), [(0.5, "REFUTED"), (0.8, "REFUTED"), (1.3, "VERIFIED"), (2.0, "VERIFIED")]
)
def test_the_level_of_o(power, wrong):
    """Of what grows as a power below 1 O(n) is not refuted, of one above it is not verified."""
    outcomes = []
    for seed in range(12):
        trial = Trial("an.o", seed=seed, error=0.05)
        trial.growth_at_most(
            sampler=of_power(power, noise=0.5),
            claimed="n",
            law=Asymptotic(),
            sizes=SIZES,
            most=400,
        )
        outcomes.append(trial.findings[0].outcome)
    assert outcomes.count(wrong) <= stats.binom.isf(1e-4, 12, 0.05)


@pytest.mark.parametrize(
    ("sampler", "sentence"),
    [
        (lambda g, n, size: np.full(n, 1.0) * size, "does not draw from the generator"),
        (lambda g, n, size: size * g.random() + g.random(n), "share something"),
        (lambda g, n, size: size * g.random((n, 2)), "one number a sample"),
    ],
)
def test_a_sampler_that_mean_refuses_is_refused_by_o(sampler, sentence):
    with pytest.raises(ValueError, match=sentence):
        at_most(sampler, "n")


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ({"claimed": ""}, ValueError, "growth_at_most needs a law"),
        ({"sampler": None}, ValueError, "or sampler=, sizes= and law="),
        ({"law": None}, ValueError, "the law of a sample, law="),
        ({"sizes": None}, ValueError, "needs them, sizes="),
        ({"sizes": [16, 17, 64]}, ValueError, "1.2 times the one before"),
        ({"claimed": "n!"}, ValueError, "unknown growth law 'n!'"),
        ({"control_processes": {"w": ([1], [2])}}, TypeError, "too, got tuple"),
    ],
)
def test_bad_arguments_of_o_get_one_sentence(given, error, sentence):
    options = {"sampler": of_power(0.5), "claimed": "n", "sizes": SIZES, "law": Bounded(0, 99)}
    options["law"] = Asymptotic()
    with pytest.raises(error, match=sentence):
        Trial("an.o").growth_at_most(**options | given)


def test_a_claim_of_o_without_a_control_is_refused_before_the_first_sample():
    with pytest.raises(ValueError, match="name one that somebody could hold"):
        Trial("an.o", needs_controls=True).growth_at_most(
            sampler=of_power(0.5), claimed="n", sizes=SIZES, law=Asymptotic()
        )


# ------------------------------------------------------------------------ exponents in a range


def power_in(exponent, power, noise=0.0, **options):
    trial = Trial("an.exponent")
    n = 2.0 ** np.arange(4, 14)
    low, high = ((1 + sign * noise) * n**power for sign in (-1, 1))
    options = {"error": 0.0, "exponent": exponent, "controls": ["n^2", "log n"], **options}
    trial.growth(n, low, high, "n^a", **options)
    return trial.findings[0]


def test_an_exponent_in_a_range_is_decided():
    found = power_in((0.4, 0.6), 0.55, 0.002)
    assert found.outcome == "VERIFIED"
    assert {control.outcome for control in found.controls} == {"REFUTED"}
    assert power_in((0.4, 0.6), 0.65, 0.002).outcome == "REFUTED"
    assert power_in((0.4, 0.6), 0.35, 0.002).outcome == "REFUTED"
    wide = power_in((0.4, 0.6), 0.59, 0.02)
    assert wide.outcome == "INCONCLUSIVE"
    assert "the claim 0.4 to 0.6" in wide.note


@pytest.mark.parametrize(
    "exponent", [(0.6, 0.4), (0.0, 1.0), 0.5, (0.1, 0.2, 0.3), ("a", "b"), (0.5, np.inf)]
)
def test_a_range_of_exponents_that_is_none_gets_one_sentence(exponent):
    with pytest.raises(ValueError, match="exponent= is the least and the largest a in n"):
        power_in(exponent, 0.5)


def test_a_range_of_exponents_is_one_of_a_free_exponent():
    with pytest.raises(ValueError, match='exponent= is the range of a in claimed="n'):
        Trial("x").growth(
            [1, 2, 4, 8], [1, 2, 4, 8], [1, 2, 4, 8], "n", error=0.0, exponent=(0.4, 0.6)
        )


def test_a_refuted_decision_asks_for_no_more_samples():
    trial = Trial("a.mean")
    trial.mean(
        lambda rng: rng.random(),
        0.9,
        law=Bounded(0, 1),
        margin=0.02,
        controls={"a little less": 0.45},
    )
    assert trial.findings[0].outcome == "REFUTED"
    assert "would decide" not in trial.findings[0].note
