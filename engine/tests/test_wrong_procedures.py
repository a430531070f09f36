"""Wrong procedures exceed, on the same samples, the level that own keeps (1e-6 quantile, 1e5
repetitions).
"""

import numpy as np
import pytest
from scipy import stats

from theory_on_trial.laws import Asymptotic, Normal, RatioOfMeans, SupDistance, Symmetric

REPETITIONS = 100_000
CHUNKS = 40
ALPHA = 1e-2


def missed_by(low, high, truth):
    return int(np.sum((low > truth) | (high < truth)))


def exceeds(count, level, repetitions=REPETITIONS):
    return count > stats.binom.isf(1e-6, repetitions, level)


def test_delta_method_for_a_ratio_exceeds_its_level_where_fieller_does_not():
    """Six pairs of normal numbers, the denominators of mean and spread one: Fieller's interval is
    exact.
    """
    n = 6
    fieller = 0
    delta = 0
    for chunk in range(CHUNKS):
        rng = np.random.default_rng([30, chunk])
        denominator, numerator = 1 + rng.standard_normal((2, n, REPETITIONS // CHUNKS))
        pairs = np.stack([numerator, denominator], axis=-1)
        found = RatioOfMeans(normal=True).interval([pairs], ALPHA, np.asarray(0.0))
        fieller += missed_by(found.low, found.high, 1.0)
        ratio = numerator.mean(axis=0) / denominator.mean(axis=0)
        spread = (
            np.std(numerator - ratio * denominator, axis=0, ddof=1)
            / denominator.mean(axis=0)
            / np.sqrt(n)
        )
        half = stats.t.isf(ALPHA / 2, n - 1) * np.abs(spread)
        delta += missed_by(ratio - half, ratio + half, 1.0)
    assert not exceeds(fieller, ALPHA)
    assert exceeds(delta, ALPHA)


def test_student_on_skewed_samples_exceeds_its_level_and_both_laws_refuse():
    x = np.random.default_rng(31).standard_exponential((30, REPETITIONS))
    low, high = stats.t.interval(1 - ALPHA, len(x) - 1, x.mean(axis=0), stats.sem(x))
    assert exceeds(missed_by(low, high, 1.0), ALPHA)
    with pytest.raises(ValueError, match="the 300 samples are not normal: skewness"):
        Normal().interval([x.reshape(300, -1)[:, :3]], ALPHA, np.asarray(0.0))
    found = Asymptotic().interval([x], ALPHA, np.asarray(0.0))
    assert np.mean(np.isinf(found.high)) > 0.9
    assert not exceeds(missed_by(found.low, found.high, 1.0), ALPHA)


def test_looking_twelve_times_at_an_undivided_level_exceeds_it():
    looks = [5]
    undivided = 0
    divided = 0
    while len(looks) < 12:
        looks.append(round(looks[-1] * 1.4) + 1)
    for chunk in range(CHUNKS):
        x = np.random.default_rng([32, chunk]).standard_normal((looks[-1], REPETITIONS // CHUNKS))
        total = np.cumsum(x, axis=0)
        squares = np.cumsum(x * x, axis=0)
        peeked, planned = np.zeros((2, REPETITIONS // CHUNKS), bool)
        for n in looks:
            interval = Normal().interval([x[:n]], ALPHA / 12, np.asarray(0.0))
            planned |= (interval.low > 0) | (interval.high < 0)
            # the same interval at the undivided level, by Student's formula
            mean = total[n - 1] / n
            half = stats.t.isf(ALPHA / 2, n - 1) * np.sqrt((squares[n - 1] / n - mean**2) / (n - 1))
            peeked |= np.abs(mean) > half
            few = Normal().interval([x[:n, :20]], ALPHA, np.asarray(0.0))
            np.testing.assert_allclose(
                [few.low, few.high], [(mean - half)[:20], (mean + half)[:20]], 1e-9, 1e-12
            )
        undivided = undivided + peeked.sum()
        divided = divided + planned.sum()
    assert not exceeds(divided, ALPHA)
    assert exceeds(undivided, 4 * ALPHA)


def test_bets_on_symmetry_exceed_their_level_on_exponential_samples():
    """The centre that they bet on lies below the mean; symmetric samples keep the level."""
    error = 1e-2
    repetitions = 8000
    misses = {"exponential": 0, "signs": 0}
    rng = np.random.default_rng(33)
    for name, x in (
        ("exponential", rng.standard_exponential((150, repetitions)) - 1),
        ("signs", rng.choice([-1.0, 1.0], (150, repetitions))),
    ):
        missed = np.zeros(repetitions, bool)
        for n in (50, 150):
            interval = Symmetric().interval([x[:n]], error, np.asarray(0.15))
            missed |= (interval.low > 0) | (interval.high < 0)
        misses[name] = int(missed.sum())
    assert misses["exponential"] > stats.binom.isf(1e-6, repetitions, error)
    assert misses["signs"] <= stats.binom.isf(1e-6, repetitions, error)


def test_a_control_variate_fitted_to_the_same_five_samples_exceeds_the_level():
    """Y - beta C with beta fixed in advance is normal and exact; with beta from the same samples
    Student is not.
    """
    rng = np.random.default_rng(34)
    n = 5
    control = rng.standard_normal((n, REPETITIONS))
    y = 0.8 * control + 0.6 * rng.standard_normal((n, REPETITIONS))
    interval = Normal().interval([y - 0.8 * control], ALPHA, np.asarray(0.0))
    centred = control - control.mean(axis=0)
    fitted = np.sum(centred * y, axis=0) / np.sum(centred * centred, axis=0)
    naive = Normal().interval([y - fitted * control], ALPHA, np.asarray(0.0))
    assert not exceeds(missed_by(interval.low, interval.high, 0.0), ALPHA)
    assert exceeds(missed_by(naive.low, naive.high, 0.0), 3 * ALPHA)


def test_a_distance_to_a_fitted_law_verifies_what_is_false():
    """N(mu, 1) at sup distance 0.3 from N(0, 1), the border of the claim: fitting the mean first
    hides it.
    """
    rng = np.random.default_rng(35)
    n = 150
    margin = 0.3
    mu = 2 * stats.norm.ppf((1 + margin) / 2)
    x = np.sort(mu + rng.standard_normal((n, 2000)), axis=0)
    band = np.sqrt(np.log(2 / ALPHA) / (2 * n))
    known = stats.norm.cdf(x)
    fitted = stats.norm.cdf(x - x.mean(axis=0))

    def distances(cdf):
        steps = (np.arange(n + 1) / n)[:, None]
        return np.max(np.maximum(steps[1:] - cdf, cdf - steps[:-1]), axis=0)

    own = SupDistance(stats.norm.cdf).interval([x[:, 0]], ALPHA, np.asarray(margin))
    np.testing.assert_allclose(own.high, distances(known)[0] + band, rtol=1e-12)
    assert not exceeds(np.sum(distances(known) + band < margin), ALPHA, 2000)
    assert exceeds(np.sum(distances(fitted) + band < margin), 0.9, 2000)
