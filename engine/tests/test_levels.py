"""The level of every sampled decision, at truths from no margin off to three.

A verdict is wrong if it is VERIFIED though the truth is further from the prediction than the margin,
or REFUTED though it is not. Counts are compared with the 1e-4 quantile of the binomial law at the
stated level.
"""

import numpy as np
import pytest
from scipy import special, stats

from theory_on_trial.decide import evidence
from theory_on_trial.decide.decision import Prediction
from theory_on_trial.decide.looks import Plan, plan, planned_looks, samples_needed
from theory_on_trial.laws import (
    Asymptotic,
    Bernoulli,
    Bounded,
    BoundedMoment,
    Normal,
    NormalVariance,
    Quantile,
    RatioOfMeans,
    RatioOfProbabilities,
    SubGamma,
    SubGaussian,
    Symmetric,
    TailDistance,
    TotalVariation,
)

ALPHA = 0.1
RUNS = 40
OFF = (0.0, 0.5, 0.97, 1.03, 3.0)
"""How many margins the truth lies from the prediction."""


def most_allowed(runs):
    return stats.binom.isf(1e-4, runs, ALPHA)


def verdicts(law, draw, truth, margin, off, *, side="two", runs=RUNS, most=1500):
    """Count outcomes of a prediction that is `off` margins below the truth, or above it."""
    counts = {"VERIFIED": 0, "REFUTED": 0, "INCONCLUSIVE": 0}
    for run in range(runs):
        rng = np.random.default_rng([80, run])
        sign = 1 if run % 2 or side != "two" else -1
        prediction = Prediction(truth - sign * off * margin, margin, side=side)
        finding = evidence.mean(
            lambda m, rng=rng: draw(rng, m),
            prediction,
            {},
            law=law,
            looks=plan(law, prediction, 32, most, ALPHA),
            alpha=ALPHA,
        )
        counts[finding.outcome] += 1
    return counts


SAMPLED = {
    "bounded": (Bounded(0, 1), lambda g, m: g.random(m), 0.5, 0.1),
    "bounded and rare": (Bounded(0, 1), lambda g, m: (g.random(m) < 0.1) * 1.0, 0.1, 0.08),
    "bounded vector": (Bounded(0, 1), lambda g, m: g.random((m, 4)), np.full(4, 0.5), 0.1),
    "events": (Bernoulli(), lambda g, m: (g.random(m) < 0.3) * 1.0, 0.3, 0.1),
    "normal": (Normal(), lambda g, m: g.standard_normal(m), 0.0, 0.3),
    "normal vector": (Normal(), lambda g, m: g.standard_normal((m, 4)), np.zeros(4), 0.3),
    "variance": (NormalVariance(), lambda g, m: g.standard_normal(m), 1.0, 0.3),
    "sub-Gaussian": (SubGaussian(1.0), lambda g, m: g.choice([-1.0, 1.0], m), 0.0, 0.3),
    "symmetric": (Symmetric(), lambda g, m: g.standard_t(2, m), 0.0, 0.4),
    "asymptotic": (Asymptotic(), lambda g, m: g.standard_exponential(m), 1.0, 0.25),
    "moment": (BoundedMoment(20 / 9), lambda g, m: g.pareto(2.5, m), 2 / 3, 0.4),
    "moment, rare jumps": (BoundedMoment(0.99), lambda g, m: (g.random(m) < 0.01) * 10.0, 0.1, 0.3),
    "sub-Gamma": (SubGamma(1, 1), lambda g, m: g.standard_exponential(m), 1.0, 0.3),
    "sub-Gamma, counts": (SubGamma(0.2, 1 / 3), lambda g, m: g.poisson(0.2, m), 0.2, 0.15),
    "median": (Quantile(0.5), lambda g, m: g.standard_cauchy(m), 0.0, 0.5),
    "quantile": (Quantile(0.9), lambda g, m: g.standard_exponential(m), np.log(10), 0.8),
    "quantile vector": (Quantile(0.5), lambda g, m: g.random((m, 3)), np.full(3, 0.5), 0.15),
    "ratio of events": (
        RatioOfProbabilities(),
        lambda g, m: (g.random((m, 1)) < [0.6, 0.3]) * 1.0,
        2.0,
        0.9,
    ),
    "ratio": (RatioOfMeans(), lambda g, m: 3 + g.standard_normal((m, 2)), 1.0, 0.1),
}


@pytest.mark.parametrize("off", OFF)
@pytest.mark.parametrize("name", SAMPLED)
def test_the_level_holds_wherever_the_truth_is(name, off):
    law, draw, truth, margin = SAMPLED[name]
    counts = verdicts(law, draw, truth, margin, off)
    assert counts["VERIFIED" if off > 1 else "REFUTED"] <= most_allowed(RUNS)
    if off in (0.0, 3.0):  # and the right verdict is reached
        assert counts["REFUTED" if off > 1 else "VERIFIED"] >= 0.8 * RUNS


@pytest.mark.parametrize("off", [-0.5, -0.05, 0.05, 1.0])
@pytest.mark.parametrize("side", ["at most", "at least"])
def test_the_level_of_one_sided_claims(side, off):
    """A bound that is violated by that many tenths of a standard deviation, or is not."""
    sign = 1 if side == "at most" else -1

    def claim(rng):
        prediction = Prediction(0.0, side=side)
        return evidence.mean(
            lambda m: sign * 0.3 * off + rng.uniform(-1, 1, m),
            prediction,
            {},
            law=Bounded(-2, 2),
            looks=plan(Bounded(-2, 2), prediction, 32, 4000, ALPHA),
            alpha=ALPHA,
        ).outcome

    outcomes = [claim(np.random.default_rng([81, run])) for run in range(RUNS)]
    assert outcomes.count("VERIFIED" if off > 0 else "REFUTED") <= most_allowed(RUNS)
    if abs(off) >= 0.5:
        assert outcomes.count("REFUTED" if off > 0 else "VERIFIED") >= 0.9 * RUNS


@pytest.mark.parametrize("off", OFF)
@pytest.mark.parametrize("two", [False, True])
def test_the_level_of_laws_of_samples(two, off):
    """Uniform numbers, a share of them moved to the right end: the distance of the laws is known."""
    margin = 0.12
    distance = off * margin

    def moved(x, coin):
        return np.where(coin < distance, 1 + x, x)

    def draw(rng, m):
        x = moved(rng.random(m), rng.random(m))
        return np.stack([x, rng.random(m)], axis=1) if two else x

    counts = {"VERIFIED": 0, "REFUTED": 0, "INCONCLUSIVE": 0}
    for run in range(RUNS):
        rng = np.random.default_rng([82, run])
        finding = evidence.distribution(
            lambda m, rng=rng: draw(rng, m),
            None if two else (lambda x: np.clip(x, 0, 1)),
            {},
            margin=margin,
            looks=planned_looks(32, 3000, 1.3),
            alpha=ALPHA,
        )
        counts[finding.outcome] += 1
    assert counts["VERIFIED" if off > 1 else "REFUTED"] <= most_allowed(RUNS)
    if off in (0.0, 3.0):
        assert counts["REFUTED" if off > 1 else "VERIFIED"] >= 0.9 * RUNS


def distances(law, draw, margin):
    counts = {"VERIFIED": 0, "REFUTED": 0, "INCONCLUSIVE": 0}
    prediction = Prediction(0.0, margin, side="at most")
    for run in range(RUNS):
        rng = np.random.default_rng([85, run])
        finding = evidence.mean(
            lambda m, rng=rng: draw(rng, m),
            prediction,
            {},
            law=law,
            looks=plan(law, prediction, 32, None, ALPHA),
            alpha=ALPHA,
        )
        counts[finding.outcome] += 1
    return counts


@pytest.mark.parametrize("off", OFF)
def test_the_level_of_a_finite_set(off):
    """Eight outcomes, half of them likelier: the total variation is what was moved."""
    margin = 0.12
    moved = np.repeat([1, -1], 4) * off * margin / 4
    law = TotalVariation({outcome: 1 / 8 for outcome in range(8)})
    counts = distances(law, lambda g, m: g.choice(8, m, p=1 / 8 + moved), margin)
    assert counts["VERIFIED" if off > 1 else "REFUTED"] <= most_allowed(RUNS)
    if off in (0.0, 3.0):
        assert counts["REFUTED" if off > 1 else "VERIFIED"] >= 0.9 * RUNS


@pytest.mark.parametrize("off", OFF)
def test_the_level_of_tails(off):
    """A uniform law whose lower tail of 0.05 is heavier, by a share that is known; its cdf is off by
    .075 at most, at three margins.
    """
    margin = 0.5
    heavy = 0.05 * (1 + off * margin)

    def draw(rng, m):
        u = rng.random(m)
        return np.where(u < heavy, u / heavy * 0.05, 0.05 + (u - heavy) / (1 - heavy) * 0.95)

    counts = distances(TailDistance(lambda x: np.clip(x, 0, 1), 0.05), draw, margin)
    assert counts["VERIFIED" if off > 1 else "REFUTED"] <= most_allowed(RUNS)
    if off in (0.0, 3.0):
        assert counts["REFUTED" if off > 1 else "VERIFIED"] >= 0.9 * RUNS


def test_columns_that_oppose_each_other_are_no_independent_routes():
    def opposed(m):
        u = np.random.default_rng(3).random(m)
        return np.stack([u, 1 - u], axis=1)

    with pytest.raises(ValueError, match="the two columns are not independent"):
        evidence.distribution(opposed, None, {}, margin=0.1, looks=(200,))


def test_the_error_is_spent_around_the_samples_that_are_needed():
    """A true prediction is decided there: events, the variance of normal samples, distances."""
    for law, draw, truth, margin in (
        SAMPLED["events"],
        SAMPLED["variance"],
        (SubGaussian(1.0), lambda g, m: g.standard_normal(m), 0.0, 0.3),
        (Bernoulli(), lambda g, m: (g.random(m) < 0.01) * 1.0, 0.01, 0.004),
    ):
        prediction = Prediction(truth, margin)
        needed = samples_needed(law, prediction, 1e-6)
        schedule = plan(law, prediction, 32, None, 1e-6)
        assert sum(schedule.shares) == pytest.approx(1)
        near = [
            s for n, s in zip(schedule.sizes, schedule.shares, strict=True) if 0.5 < n / needed < 2
        ]
        assert sum(near) > 0.7
        drawn = []
        for seed in range(30):
            rng = np.random.default_rng([83, seed])
            finding = evidence.mean(
                lambda m, rng=rng, draw=draw: draw(rng, m), prediction, {}, law=law, looks=schedule
            )
            assert finding.outcome == "VERIFIED"
            drawn.append(finding.interval.n)
        assert 0.6 < np.median(drawn) / needed < 1.5


def test_most_rises_to_what_is_needed_or_the_sentence_comes_first():
    rare = Prediction(0.001, 0.0005)
    assert plan(Bernoulli(), rare, 64, None, 1e-6).sizes[-1] > 3e5
    with pytest.raises(ValueError, match=r"takes about \d+ samples of this law: most=50000"):
        plan(Bernoulli(), rare, 64, 50_000, 1e-6)
    assert plan(Normal(), Prediction(0.0, 1e-3), 64, None, 1e-6).sizes[-1] < 1.3e5


def test_looks_grow_by_a_tenth_in_steps():
    sizes = planned_looks(100, 10_000, step=8)
    assert (sizes[0], sizes[-1] >= 10_000) == (100, True)
    growth = np.divide(sizes[1:], sizes[:-1])
    assert np.all((growth > 1.04) & (growth < 1.16))
    with pytest.raises(ValueError, match="growing sample sizes"):
        Plan.even((64, 64))


@pytest.mark.parametrize(
    ("law", "draw", "truth", "margin", "wald", "most_times"),
    [
        (Bounded(0, 1), lambda g, m: g.random(m), 0.5, 0.05, 1013, 1.5),
        (Bounded(0, 1), lambda g, m: g.random(m), 0.5, 0.02, 6333, 1.5),
        (Bernoulli(), lambda g, m: (g.random(m) < 0.001) * 1.0, 0.001, 0.0005, 121_614, 1.8),
        (NormalVariance(), lambda g, m: g.standard_normal(m), 1.0, 0.05, 24_323, 1.5),
        (Normal(), lambda g, m: g.standard_normal(m), 0.0, 0.1, 3040, 1.55),
        (Symmetric(), lambda g, m: g.standard_t(3, m), 0.0, 0.1, 9120, 1.0),
        (BoundedMoment(3), lambda g, m: g.standard_t(3, m), 0.0, 0.1, 9120, 1.45),
        (BoundedMoment(20 / 9), lambda g, m: g.pareto(2.5, m), 2 / 3, 0.1, 6756, 1.5),
        (SubGamma(1 / 12, 1 / 6), lambda g, m: g.random(m), 0.5, 0.05, 1013, 1.75),
    ],
)
def test_decisions_take_little_more_than_walds_limit(law, draw, truth, margin, wald, most_times):
    """The samples of his sequential test (1945) with a quarter of 1e-6, of a normal statistic with
    the variance known: 2 log(4e6) (sd / margin)^2. Eight seeds; their mean moves by a tenth.
    """
    assert 1 < wald < 1e6
    drawn = []
    prediction = Prediction(truth, margin)
    for seed in range(8):
        rng = np.random.default_rng([84, seed])
        schedule = plan(law, prediction, 64, None, 1e-6)
        finding = evidence.mean(
            lambda m, rng=rng: draw(rng, m), prediction, {}, law=law, looks=schedule
        )
        assert finding.outcome == "VERIFIED"
        drawn.append(finding.interval.n)
    assert np.mean(drawn) <= 1.1 * most_times * wald


def test_a_bet_on_samples_is_fair_under_the_mean_that_it_bets_against():
    """The mean wealth is 1 at most, simulated where it is nearest: small bets, and a rare large
    sample. The polynomial that stands for log(1 + y) lies below it.
    """
    from theory_on_trial.laws import _gains

    y = np.linspace(-0.74, 30, 20_001)
    for bet in (0.05, 0.3, 0.74):
        u = y[y >= -bet] / bet
        bound = _gains(np.array(bet), np.array(bet), u, u**2, u**3, u**4)
        assert np.all(bound <= special.log1p(bet * u) + 1e-12)


@pytest.mark.parametrize("level", [0.02, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("error", [0.1, 1e-3, 1e-9])
def test_the_interval_of_a_quantile_misses_exactly_as_often_as_binomial_counts_say(level, error):
    """Ranks alone decide: of uniform numbers k lie below the quantile with the binomial chance."""
    for n in (1, 5, 40, 700):
        # The r-th of these samples is r: the ends of the interval are ranks.
        found = Quantile(level).interval([np.arange(1.0, n + 1)], error, np.asarray(0.0))
        below = stats.binom.cdf(found.low - 1, n, level) if found.low > 0 else 0.0
        above = stats.binom.sf(found.high - 1, n, level) if found.high <= n else 0.0
        assert below <= error / 2
        assert above <= error / 2
        if found.low > 0:  # and no narrower interval would do
            assert stats.binom.cdf(found.low, n, level) > error / 2
        if 1 < found.high <= n:
            assert stats.binom.sf(found.high - 2, n, level) > error / 2


def test_a_quantile_of_a_law_with_atoms_is_missed_no_more_often_than_stated():
    """Dice: the quantile of order 1/2 is every number from 3 to 4, that of order 0.4 is 3."""
    rng = np.random.default_rng(85)
    missed = np.zeros(3, int)
    for _ in range(400):
        dice = rng.integers(1, 7, 60)
        half = Quantile(0.5).interval([dice], ALPHA, np.asarray(0.0))
        other = Quantile(0.4).interval([dice], ALPHA, np.asarray(0.0))
        missed += [
            not half.low <= 3 <= half.high,
            not half.low <= 4 <= half.high,
            not other.low <= 3 <= other.high,
        ]
    assert np.all(missed <= stats.binom.isf(1e-4, 400, ALPHA))
    assert np.all(missed[:2] > 0)
