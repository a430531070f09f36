"""Error rates at 1e-6 itself, by exact recursion and importance sampling; and the sequential driver
end to end.
"""

import numpy as np
import pytest
from scipy import stats

from theory_on_trial.decide import evidence
from theory_on_trial.decide.decision import Prediction
from theory_on_trial.decide.looks import planned_looks
from theory_on_trial.laws import Bernoulli, Bounded, Normal, Symmetric

ALPHA = 1e-6


def zones(low, high, p, margin, slack):
    inside = (p - margin < low) & (high < p + margin)
    return inside, ((high < p - slack) | (low > p + slack)) & ~inside


def intervals_of_every_count(looks, alpha):
    """Low and high ends at each look, for all counts at once: one column of samples per possible
    count.
    """
    ends = []
    for n in looks:
        every_count = np.arange(n)[:, None] < np.arange(n + 1)
        ends.append(Bernoulli().interval([every_count], alpha / len(looks), np.asarray(0.0))[1:3])
    return ends


def exact_verdicts(truth, p, margin, slack, looks, ends):
    """P(VERIFIED), P(REFUTED), P(INCONCLUSIVE) of a probability claim, by the law of the count
    among undecided runs.
    """
    law = np.ones(1)
    verified = 0.0
    refuted = 0.0
    before = 0
    for n, (low, high) in zip(looks, ends, strict=True):
        law = np.convolve(law, stats.binom.pmf(np.arange(n - before + 1), n - before, truth))
        inside, outside = zones(low, high, p, margin, slack)
        verified = verified + law[inside].sum()
        refuted = refuted + law[outside].sum()
        law = np.where(inside | outside, 0.0, law)
        before = n
    return verified, refuted, law.sum()


def spread_looks(first, most):
    return tuple(int(n) for n in np.ceil(np.geomspace(first, most, 9)))


@pytest.mark.parametrize(("p", "margin"), [(0.3, 0.12), (0.1, 0.09)])
@pytest.mark.parametrize("slack_share", [0.0, 0.25])
def test_probability_claims_err_at_most_one_time_in_a_million(p, margin, slack_share):
    """The rounding of the recursion, about 1e-13, is far below 1e-6. The last look reaches n_max:
    always decided.
    """
    slack = slack_share * margin
    # n_max = (2 z / (margin - slack))^2 times the largest variance, that of p + margin; z < 5.4 at
    # 1e-6 / 9.
    looks = spread_looks(30, 117 * (p + margin) * (1 - p - margin) / (margin - slack) ** 2)
    ends = intervals_of_every_count(looks, ALPHA)
    for truth in {p - slack, p, p + slack}:
        verified, refuted, inconclusive = exact_verdicts(truth, p, margin, slack, looks, ends)
        assert refuted <= ALPHA
        assert inconclusive == 0  # every count at the last look decides
        assert verified == pytest.approx(1 - refuted, abs=1e-12)
    for truth in (p - margin, p + margin):
        verified, refuted, inconclusive = exact_verdicts(truth, p, margin, slack, looks, ends)
        assert verified <= ALPHA / 2
        assert inconclusive == 0


def test_the_recursion_sees_an_undivided_level():
    looks = spread_looks(30, 1500)
    assert (
        exact_verdicts(
            0.3, 0.3, 0.12, 0.0, looks, intervals_of_every_count(looks, ALPHA * len(looks))
        )[1]
        > ALPHA
    )


def weighted_chance(
    law, draw, log_ratio, wanted, looks, p, margin, *, runs=100_000, chunks=10, seed=40
):
    """Estimate P(first verdict is `wanted`) under one law from runs of another, and its standard
    error.

    `draw(rng, n, run)` returns the next n samples of the runs numbered `run`; `log_ratio(batches)`
    is the log likelihood ratio of the two laws at the moment of stopping. Decided runs leave.
    """
    weights = np.zeros(runs)
    share = ALPHA if law.time_uniform else ALPHA / len(looks)
    for chunk in range(chunks):
        rng = np.random.default_rng([seed, chunk])
        alive = np.arange(runs // chunks) + chunk * (runs // chunks)
        batches = []
        for size in np.diff([0, *looks]):
            batches.append(draw(rng, size, alive))
            low, high = law.interval(batches, share, np.asarray(margin))[1:3]
            inside, outside = zones(low, high, p, margin, 0.0)
            # Refuted from above; below is its mirror image
            hit = inside if wanted == "VERIFIED" else low > p
            weights[alive[hit]] = np.exp(log_ratio(batches)[hit])
            keep = ~(inside | outside)
            alive = alive[keep]
            batches = [batch[:, keep] for batch in batches]
    return weights.mean(), weights.std() / np.sqrt(runs)


# Where Student's quotient is large its denominator is small too: mean and spread of the likeliest
# such samples, from maximising the likelihood at the critical value of each of the five looks
# below.
LIKELIEST = np.array([(0.87, 0.49), (0.78, 0.63), (0.68, 0.74), (0.57, 0.82), (0.49, 0.87)])


@pytest.mark.parametrize(
    ("wanted", "truth", "sign", "margin"), [("VERIFIED", 1, -1, 1.0), ("REFUTED", 0, 1, 0.05)]
)
def test_normal_means_err_less_than_half_a_time_in_a_million_per_side(wanted, truth, sign, margin):
    """Run i is drawn from component i mod 5; its weight is the density of N(truth, 1) over that of
    the mixture.
    """
    means = truth + sign * LIKELIEST[:, :1]
    spreads = LIKELIEST[:, 1:]

    def draw(rng, size, run):
        which = run % len(LIKELIEST)
        return means[which, 0] + spreads[which, 0] * rng.standard_normal((size, len(run)))

    def log_density(batches, mean, spread):
        n = sum(map(len, batches))
        total = sum(batch.sum(axis=0) for batch in batches)
        squares = sum(np.square(batch).sum(axis=0) for batch in batches)
        return -n * np.log(spread) - (squares - 2 * mean * total + n * mean**2) / (2 * spread**2)

    def log_ratio(batches):
        mixture = np.logaddexp.reduce(log_density(batches, means, spreads), axis=0) - np.log(
            len(LIKELIEST)
        )
        return log_density(batches, truth, 1.0) - mixture

    chance, spread = weighted_chance(
        Normal(), draw, log_ratio, wanted, (20, 30, 45, 68, 100), 0.0, margin
    )
    assert 0 < 10 * spread < chance
    assert chance + 5 * spread <= ALPHA / 2


def bernoulli_log_ratio(q, drawn_with):
    def log_ratio(batches):
        n = sum(map(len, batches))
        ones = sum(batch.sum(axis=0) for batch in batches)
        return ones * np.log(q / drawn_with) + (n - ones) * np.log((1 - q) / (1 - drawn_with))

    return log_ratio


@pytest.mark.parametrize(
    ("wanted", "p", "truth", "drawn_with", "margin"),
    [("VERIFIED", 0.4, 0.7, 0.45, 0.3), ("REFUTED", 0.4, 0.4, 0.65, 0.3)],
)
def test_bounded_means_err_less_than_half_a_time_in_a_million_per_side(
    wanted, p, truth, drawn_with, margin
):
    def draw(rng, size, run):
        return (rng.random((size, len(run))) < drawn_with).astype(float)

    log_ratio = bernoulli_log_ratio(truth, drawn_with)
    chance, spread = weighted_chance(
        Bounded(0, 1), draw, log_ratio, wanted, (64, 160), p, margin, runs=20_000
    )
    assert 0 < 5 * spread < chance
    assert chance + 5 * spread <= ALPHA / 2


@pytest.mark.parametrize(
    ("law", "claims", "draw"),
    [
        (Normal(), 400, lambda rng, shape: rng.standard_normal(shape)),
        (Symmetric(), 100, lambda rng, shape: rng.standard_cauchy(shape)),
        (Bernoulli(), 400, lambda rng, shape: (rng.random(shape) < 0.5) + 0.0),
        (Bounded(-1, 1), 100, lambda rng, shape: rng.choice([-1.0, 1.0], shape)),
    ],
)
def test_many_coordinates_and_looks_share_one_level(law, claims, draw):
    """Eight coordinates and up to four looks per claim, the prediction true: REFUTED at most in a
    share 0.1.
    """
    alpha = 0.1
    prediction = Prediction(np.full(8, 0.5 if law == Bernoulli() else 0.0), 0.02)
    refutations = 0
    for claim in range(claims):
        rng = np.random.default_rng([41, claim])
        finding = evidence.mean(
            lambda m, rng=rng: draw(rng, (m, 8)),
            prediction,
            {},
            law=law,
            looks=(8, 12, 20, 32),
            alpha=alpha,
        )
        refutations += finding.outcome == "REFUTED"
        assert finding.outcome == "REFUTED" or finding.looks == 4
    assert refutations <= stats.binom.isf(1e-6, claims, alpha)


def test_true_claims_are_verified_and_their_controls_refuted_at_one_in_a_million():
    """Power: by design nothing stays INCONCLUSIVE once the last look reaches n_max = (2 z /
    margin)^2 = 1.3e3.
    """
    for seed in range(200):
        rng = np.random.default_rng([42, seed])
        finding = evidence.mean(
            lambda m, rng=rng: np.array([0.0, 3.0]) + rng.standard_normal((m, 2)),
            Prediction(np.array([0.0, 3.0]), 0.3),
            {"off by twice the margin": np.array([0.0, 3.6])},
            law=Normal(),
            looks=planned_looks(32, 1600),
        )
        assert finding.outcome == "VERIFIED"
        assert finding.controls[0].outcome == "REFUTED"
        assert finding.interval.error == pytest.approx(1e-6, rel=1e-12, abs=0)
