"""Error rates of the intervals: 1e5 repetitions at every border of a claim, and procedures that must exceed theirs.

Every count of wrong verdicts is compared with the 1e-6 quantile of the binomial law at the stated level, so that one of
these assertions fails by chance in one seed of a million, and a level that is exceeded by a few per cent is noticed.
"""

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from paper_checks.laws import (
    Asymptotic,
    Bernoulli,
    Bounded,
    Normal,
    NormalVariance,
    RatioOfMeans,
    SubGaussian,
    SupDistance,
    Symmetric,
    TwoSampleDistance,
)

REPETITIONS = 100_000
CHUNKS = 10
ALPHA = 1e-2


def most_allowed(repetitions, level):
    return stats.binom.isf(1e-6, repetitions, level)


def three_zones(low, high, p, margin, slack):
    """The rule of `decide`, one verdict per element: +1 VERIFIED, -1 REFUTED, 0 INCONCLUSIVE."""
    inside = (p - margin < low) & (high < p + margin)
    outside = (high < p - slack) | (low > p + slack)
    return np.where(inside, 1, np.where(outside, -1, 0))


def wrong_verdicts(law, draw, truth, margin, looks, *, slack_share=0.4, alpha=ALPHA, repetitions=REPETITIONS):
    """Count wrong final verdicts where the truth lies on each border of a claim, from `repetitions` sequences.

    `draw(rng, n, r)` returns a batch of shape (n, r) or (n, r, 2). A sequence stops at its first verdict.
    """
    slack = slack_share * margin
    claims = {f"{name}{sign:+d}": (truth + sign * distance, name == "slack")
              for name, distance in (("slack", slack), ("margin", margin)) for sign in (-1, 1)}
    claims["exact"] = (truth, True)
    wrong = dict.fromkeys(claims, 0)
    share = alpha if law.time_uniform else alpha / len(looks)
    for chunk in range(CHUNKS):
        rng, r = np.random.default_rng([20, chunk]), repetitions // CHUNKS
        batches, verdicts = [], {name: np.zeros(r, int) for name in claims}
        for size in np.diff([0, *looks]):
            batches.append(draw(rng, size, r))
            low, high = law.interval(batches, share, np.asarray(margin - slack))[1:3]
            for name, (p, _) in claims.items():
                new = three_zones(low, high, p, margin, slack)
                verdicts[name] = np.where(verdicts[name] == 0, new, verdicts[name])
        for name, (_, holds) in claims.items():
            wrong[name] += int(np.sum(verdicts[name] == (-1 if holds else 1)))
    return wrong


def rare_three_point(rng, n, r):
    return rng.choice([0.0, 0.5, 1.0], p=[0.9, 0.07, 0.03], size=(n, r))


def gamma_pairs(rng, n, r):
    denominator = rng.standard_exponential((n, r))
    return np.stack([denominator + rng.standard_exponential((n, r)), 0.5 + denominator], axis=-1)


def normal_pairs(rng, n, r):
    denominator = 2 + rng.standard_normal((n, r))
    return np.stack([denominator + rng.standard_normal((n, r)), denominator], axis=-1)


@pytest.mark.parametrize(
    ("law", "draw", "truth", "margin", "looks"),
    [
        pytest.param(
            Bernoulli(), lambda g, n, r: (g.random((n, r)) < 0.3) + 0.0, 0.3, 0.15, (20, 40, 80, 160), id="Bernoulli .3"
        ),
        pytest.param(
            Bernoulli(), lambda g, n, r: (g.random((n, r)) < 0.05) + 0.0, 0.05, 0.049, (20, 40, 80, 160), id="rare"
        ),
        pytest.param(Bounded(0, 1), lambda g, n, r: g.random((n, r)), 0.5, 0.2, (16, 48, 96), id="Bounded uniform"),
        pytest.param(Bounded(0, 1), rare_three_point, 0.065, 0.06, (32, 96, 200), id="Bounded three-point"),
        pytest.param(Normal(), lambda g, n, r: g.standard_normal((n, r)), 0.0, 0.6, (5, 10, 20, 40, 80), id="Normal"),
        pytest.param(
            NormalVariance(), lambda g, n, r: g.standard_normal((n, r)), 1.0, 0.8, (5, 10, 20, 40, 80), id="Variance"
        ),
        pytest.param(
            SubGaussian(1.0), lambda g, n, r: g.choice([-1.0, 1.0], size=(n, r)), 0.0, 0.6, (10, 20, 40, 80), id="Chernoff"
        ),
        pytest.param(
            Symmetric(), lambda g, n, r: g.standard_t(1.5, (n, r)), 0.0, 2.0, (10, 20, 40), id="Symmetric t(1.5)"
        ),
        pytest.param(
            Symmetric(), lambda g, n, r: g.choice([-1.0, 1.0], size=(n, r)), 0.0, 1.0, (10, 20, 40), id="Symmetric signs"
        ),
        pytest.param(RatioOfMeans(normal=True), normal_pairs, 1.0, 0.8, (5, 10, 20, 40), id="Ratio normal"),
    ],
)  # fmt: skip
def test_wrong_verdicts_stay_below_the_level_at_every_border(law, draw, truth, margin, looks):
    wrong = wrong_verdicts(law, draw, truth, margin, looks)
    print(f"{law}: {({name: count / REPETITIONS for name, count in wrong.items()})}")
    assert max(wrong.values()) <= most_allowed(REPETITIONS, ALPHA)
