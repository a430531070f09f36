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
    HalfSpaceDistance,
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
    mean_enclosure,
)
from theory_on_trial.trial.decisions import Trial

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
    most = 1500 if off in (0.0, 3.0) else 1000  # near the margin all of them are drawn
    counts = verdicts(law, draw, truth, margin, off, most=most)
    assert counts["VERIFIED" if off > 1 else "REFUTED"] <= most_allowed(RUNS)
    if off in (0.0, 3.0):  # and the right verdict is reached
        assert counts["REFUTED" if off > 1 else "VERIFIED"] >= 0.8 * RUNS


@pytest.mark.parametrize(("prize", "chance"), [(300, 0.001), (100, 0.01)])
def test_what_no_sample_showed_is_in_the_interval_of_a_stated_range_or_moment(prize, chance):
    """A uniform number and a rare prize: before the prize was seen nothing tells of it."""
    truth = 0.5 + prize * chance

    def draw(rng, m):
        return rng.random(m) + prize * (rng.random(m) < chance)

    def wrong(law, off, share, runs=15):
        counts = verdicts(law, draw, truth, share * truth, off, runs=runs, most=4000)
        return counts["VERIFIED" if off > 1 else "REFUTED"]

    for law in (Bounded(0, 1 + prize), BoundedMoment(1 / 12 + prize**2 * chance)):
        assert all(wrong(law, off, 0.75) <= most_allowed(15) for off in (0.0, 1.03))
    assert wrong(Asymptotic(), 0.0, 0.25, 100) > most_allowed(100)  # so that its row has no number
    found = Asymptotic().interval([draw(np.random.default_rng(0), 99)], 0.1, np.asarray(0.0))
    assert found.guarantee == "asymptotic"


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
            looks=plan(Bounded(-2, 2), prediction, 32, 1500, ALPHA),
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


ALONG = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.6, 0.8], [0.0, 0.0, -2.0]])


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("off", OFF)
def test_the_level_of_half_spaces(off, two):
    """Normal vectors moved by s along the first direction, so that two normal laws s apart are
    farthest: 2 Φ(s/2) - 1.
    """
    margin = 0.14
    moved = 2 * stats.norm.ppf((1 + off * margin) / 2) * ALONG[0]

    def known(direction):
        return lambda x: special.ndtr(x / np.linalg.norm(direction))

    def draw(generator, m):
        x = generator.normal(size=(m, 3)) + moved
        return np.stack([x, generator.normal(size=(m, 3))], axis=1) if two else x

    outcomes = []
    for seed in range(RUNS):
        trial = Trial("toy.half_spaces", seed)
        trial.distribution(
            sampler=draw,
            cdf=None if two else known,
            directions=ALONG,
            margin=margin,
            error=ALPHA,
            most=3000 if off in (0.0, 3.0) else 1500,
        )
        outcomes.append(trial.findings[0].outcome)
    assert outcomes.count("VERIFIED" if off > 1 else "REFUTED") <= most_allowed(RUNS)
    if off in (0.0, 3.0):
        assert outcomes.count("REFUTED" if off > 1 else "VERIFIED") >= 0.9 * RUNS


@pytest.mark.parametrize("two", [False, True])
def test_directions_share_the_level(two):
    """Of a margin that is met in each of 32 directions the largest distance passes it nearly
    always, and the interval of one direction alone would say so.
    """
    margin = 0.1
    n = 400
    moved = 2 * stats.norm.ppf((1 + 0.97 * margin) / 2)
    law = HalfSpaceDistance(np.eye(32), None if two else lambda direction: special.ndtr)
    found = []
    for run in range(200):
        rng = np.random.default_rng([86, run])
        x = rng.normal(size=(n, 32)) + moved
        if two:
            x = np.stack([x, rng.normal(size=(n, 32))], axis=1)
        found.append(law.interval([x], 2 * ALPHA, np.asarray(0.0)))
    refuted = np.sum([box.low > margin for box in found])
    assert refuted <= stats.binom.isf(1e-4, 200, ALPHA)
    if not two:  # of two routes each may err for itself, so that the interval is wide
        alone = np.sqrt(np.log(2 / ALPHA) / (2 * n))
        assert np.mean([box.estimate - alone > margin for box in found]) > 2 * ALPHA


@pytest.mark.parametrize(
    ("law", "draw", "truth"),
    [
        (Bounded(0, 1), lambda g: g.random(200), 1 / 2),
        (Bernoulli(), lambda g: g.random(200) < 0.1, 0.1),
        (BoundedMoment(20 / 9), lambda g: g.pareto(2.5, size=200), 2 / 3),
        (Symmetric(), lambda g: g.standard_cauchy(200), 0.0),
        (Normal(), lambda g: g.normal(size=200), 0.0),
        (Quantile(0.5), lambda g: g.exponential(size=200), np.log(2)),
    ],
    ids=lambda part: type(part).__name__,
)
def test_the_enclosure_of_a_mean_misses_as_often_as_it_says(law, draw, truth):
    runs = 300
    missed = 0
    widths = []
    for run in range(runs):
        found = mean_enclosure(draw(np.random.default_rng([87, run])), law, ALPHA)
        missed += not found.low <= truth <= found.high
        assert found.error == ALPHA
        widths.append(found.high - found.low)
    assert missed <= stats.binom.isf(1e-4, runs, ALPHA)
    assert np.median(widths) < 1.5  # an interval of all numbers never misses


@pytest.mark.parametrize(("power", "wrong"), [(-1.0, "REFUTED"), (-1.35, "VERIFIED")])
def test_an_order_of_enclosures_errs_as_often_as_they_miss(power, wrong):
    """Errors of n^-1 to within a factor; the interval of their order holds all misses together."""
    sizes = [4, 16, 64, 256]
    runs = 100
    count = 0
    for seed in range(runs):
        trial = Trial("toy.order", seed)
        generator = trial.generator()
        boxes = [
            mean_enclosure(
                generator.binomial(n, 0.5, size=20_000) / n, Bounded(0, 1), ALPHA / len(sizes)
            )
            for n in sizes
        ]
        # The share of heads less 1/2 + 1/n, whose size falls as 1/n.
        errors = [
            box._replace(estimate=abs(box.estimate - 1 / 2 - 1 / n), low=low, high=high)
            for n, box in zip(sizes, boxes, strict=True)
            for low, high in [(1 / 2 + 1 / n - float(box.high), 1 / 2 + 1 / n - float(box.low))]
        ]
        trial.order(errors, sizes, power, margin=0.3, controls={})
        finding = trial.findings[0]
        assert finding.interval.error == pytest.approx(ALPHA)
        count += finding.outcome == wrong
    assert count <= stats.binom.isf(1e-4, runs, ALPHA)


@pytest.mark.parametrize(
    ("samples", "error", "sentence"),
    [
        (np.ones((3, 2)), 0.01, r"one each, got an array of shape \(3, 2\)"),
        ([], 0.01, "finite real numbers"),
        ([1.0, np.nan], 0.01, "finite real numbers"),
        ([0.5, 0.6], 0.5, "at most 0.1, got 0.5"),
        ([0.5, 1.6], 0.01, "contradicted by a sample of 1.6"),
    ],
)
def test_a_mean_that_has_no_enclosure_is_told(samples, error, sentence):
    with pytest.raises(ValueError, match=sentence):
        mean_enclosure(samples, Bounded(0, 1), error)


@pytest.mark.parametrize(
    ("directions", "sample", "sentence"),
    [
        (np.ones(3), np.ones(3), r"each of the shape of a sample, got the shape \(3,\)"),
        (np.zeros((2, 3)), np.ones(3), "finite, and none of them 0"),
        (np.eye(3), np.ones(2), r"a sample has the shape \(2,\).* take \(3,\)"),
    ],
)
def test_directions_that_are_none_are_told(directions, sample, sentence):
    with pytest.raises(ValueError, match=sentence):
        Trial("toy.half_spaces").distribution(
            sampler=lambda g, n: sample * g.normal(size=(n, len(sample))),
            cdf=lambda direction: stats.norm.cdf,
            directions=directions,
            margin=0.1,
        )


def test_a_tail_has_no_directions():
    with pytest.raises(TypeError, match="tail= is left out"):
        evidence.law_of_laws(lambda a: stats.norm.cdf, 0.01, np.eye(2))


def test_rotations_are_compared_entry_by_entry_and_a_constant_entry_is_none():
    """Rotation matrices by QR and by a turn and an axis; a second route that is not uniform."""
    directions = np.random.default_rng(0).normal(size=(6, 3, 3))

    def by_gram_schmidt(generator, n, corrected=True):
        q, r = np.linalg.qr(generator.normal(size=(n, 3, 3)))
        q = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :] if corrected else q
        return q * np.linalg.det(q)[:, None, None] ** 1.0

    def by_quaternions(generator, n):
        return stats.special_ortho_group.rvs(3, size=n, random_state=generator)

    def both(corrected):
        return lambda g, n: np.stack(
            [by_gram_schmidt(g, n, corrected), by_quaternions(g, n)], axis=1
        )

    trial = Trial("toy.rotations")
    trial.distribution(
        sampler=both(True),
        directions=directions,
        margin=0.05,
        control_processes={"signs of QR as they are": both(False)},
    )
    finding = trial.findings[0]
    assert finding.outcome == "VERIFIED"
    assert finding.controls[0].outcome == "REFUTED"
    assert "on the half-spaces of 6 directions" in finding.note

    affine = Trial("toy.affine")  # the first entry is 1, as that of an intercept
    affine.distribution(
        sampler=lambda g, n: np.stack([np.ones(n), g.normal(size=n)], axis=1),
        cdf=lambda a: stats.norm(a[0], abs(a[1])).cdf,
        directions=[[1.0, 1.0], [0.5, -1.0]],
        margin=0.05,
        controls={"no intercept": lambda a: stats.norm(0, abs(a[1])).cdf},
    )
    assert affine.findings[0].outcome == "VERIFIED"


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
