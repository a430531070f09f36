"""The errors of naive Bayes and of the best rule with infinite data, for two Gaussian classes of
one covariance Σ, with intervals from the laws of what a sample shows of them.

Let d be the difference of the means and D the diagonal of Σ. The score of naive Bayes has the
signal A = d'D^-1 d and the variance B = d'D^-1 Σ D^-1 d within a class, that of the best rule the
signal and variance Δ^2 = d'Σ^-1 d. By Cauchy and Schwarz θ = A / sqrt(B) is at most Δ. Of equally
likely classes naive Bayes errs by Φ(-θ / 2) and the best rule by Φ(-Δ / 2).

With c = 1/m_1 + 1/m_2 and f = m - 2, Δ^2 as fitted has, but for a factor, the noncentral F law of
Hotelling (1931), which is exact. As fitted A and B are c tr R and c tr R^2 too large, with the
correlation matrix R, and have nearly noncentral chi-square laws: with strong correlations the noise
of B is many times B. Their intervals and that of Σ, which the delta method gives, make one of
log θ, and those of both errors one of their difference (the method of variance estimates recovery,
Zou & Donner 2008). Derived here.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from theory_on_trial.own_data.estimate import Estimate

_PLACES = 33  # of an interval at which an error is computed that need not be monotone


class Limits(NamedTuple):
    """Error rates with infinite data, and their difference."""

    naive_bayes: Estimate
    bayes: Estimate
    gap: Estimate


def two_class_limits(
    difference: Float[np.ndarray, " features"],
    covariance: Float[np.ndarray, "features features"],
    counts: Int[np.ndarray, "2"],
    confidence: float,
) -> Limits:
    """Return the limits of both classifiers from the difference of two fitted means, the pooled
    covariance and the number of samples of each class, whose shares count as known.

    The best rule's error is never above that of naive Bayes, nor is an end of its interval.
    """
    noise = float(1 / counts[0] + 1 / counts[1])
    freedom = int(counts.sum()) - 2
    delta = _best(difference, covariance, noise, freedom, confidence)
    signal, theta, together = _naive(difference, covariance, noise, freedom, confidence, delta)
    odds = float(np.log(counts[1] / counts[0]))
    share = float(counts[1] / counts.sum())
    best = [_error(end, end**2, odds, share) for end in delta]
    value = max(_error(theta.value, signal.value, odds, share), best[0])

    def ends(theta: Estimate) -> Estimate:
        errors = [
            _error(place, part, odds, share)
            for place in np.linspace(theta.low, theta.high, _PLACES).tolist()
            for part in (*signal, float(np.clip(place**2, signal.low, signal.high)))
        ]
        return Estimate(value, min(value, max(min(errors), best[2])), max(value, *errors))

    naive, narrow = ends(theta), ends(together)
    bayes = Estimate(best[0], best[2], best[1])
    alike = _correlation(difference, covariance, noise, freedom)
    half_up = _apart(narrow.high - value, bayes.value - bayes.low, alike)
    half_down = _apart(value - narrow.low, bayes.high - bayes.value, alike)
    gap = value - bayes.value
    return Limits(naive, bayes, Estimate(gap, max(0.0, gap - half_down), gap + half_up))


def _apart(first: float, second: float, alike: float) -> float:
    """The half width of the interval of a difference, from those of two correlated numbers."""
    return float(np.sqrt((first - second) ** 2 + 2 * (1 - alike) * first * second))


def _correlation(
    difference: Float[np.ndarray, " features"],
    covariance: Float[np.ndarray, "features features"],
    noise: float,
    freedom: int,
) -> float:
    """The correlation of the estimates of θ and Δ, by the delta method."""
    naive = difference / np.diag(covariance)
    best = np.linalg.solve(covariance, difference)
    pulled = covariance @ naive
    signal, spread, square = (float(difference @ naive), float(naive @ pulled), difference @ best)
    if not signal:
        return 0.0
    slopes = (2 * naive / signal - pulled / np.diag(covariance) / spread, best / square)
    own = pulled * naive / np.diag(covariance) / spread - naive**2 / signal
    of_naive = np.diag(own) - np.outer(naive, naive) / (2 * spread)
    influences = of_naive @ covariance, -np.outer(best, difference) / (2 * square)

    def product(one: int, two: int) -> float:
        of_means = noise * float(slopes[one] @ covariance @ slopes[two])
        return of_means + 2 * float(np.sum(influences[one] * influences[two].T)) / freedom

    return float(np.clip(product(0, 1) / np.sqrt(product(0, 0) * product(1, 1)), 0, 1))


def pair_distance(
    difference: Float[np.ndarray, " features"],
    covariance: Float[np.ndarray, "features features"],
    noise: float,
    freedom: int,
) -> float:
    """Return θ^2, freed of its bias, of two classes among several; noise and freedom as above."""
    raw = float(difference @ np.linalg.solve(covariance, difference))
    best = max(0.0, (freedom - len(difference) - 1) / freedom * raw - len(difference) * noise)
    signal, spread, *_ = _moments(difference, covariance, noise, freedom, best)
    return min(signal.value**2 / spread.value, best) if signal.value else 0.0


def _error(theta: float, signal: float, odds: float, share: float) -> float:
    """The error of a score of signal A and standard deviation A / θ, for classes of these odds."""
    from scipy.special import ndtr

    if signal <= 0:
        return min(share, 1 - share)
    shift = odds * theta / signal
    return float((1 - share) * ndtr(shift - theta / 2) + share * ndtr(-shift - theta / 2))


def _best(
    difference: Float[np.ndarray, " features"],
    covariance: Float[np.ndarray, "features features"],
    noise: float,
    freedom: int,
    confidence: float,
) -> Estimate:
    """Δ with its exact interval."""
    from scipy.stats import f, ncf

    n_features = len(difference)
    rest = freedom - n_features + 1
    raw = float(difference @ np.linalg.solve(covariance, difference))
    ratio = raw * rest / (freedom * n_features * noise)

    def chance(noncentral: float) -> float:
        if not noncentral:
            return float(f.cdf(ratio, n_features, rest))
        return float(ncf.cdf(ratio, n_features, rest, noncentral))

    low, high = _inverted(chance, ratio * n_features, confidence)
    value = max(0.0, (rest - 2) / freedom * raw - n_features * noise)
    ends = np.sqrt([value, min(value, low * noise), max(value, high * noise)])
    return Estimate(*ends.tolist())


class _Moments(NamedTuple):
    """A, B, the correlation of their estimates given the covariance, and the variance of the
    logarithm of θ that comes from the covariance.
    """

    signal: Estimate
    spread: Estimate
    alike: float
    variance: float


def _naive(
    difference: Float[np.ndarray, " features"],
    covariance: Float[np.ndarray, "features features"],
    noise: float,
    freedom: int,
    confidence: float,
    delta: Estimate,
) -> tuple[Estimate, Estimate, Estimate]:
    """A and θ with their intervals, and that of θ which counts on the correlation of A and B.

    Simulated at m = 200, the last alone holds the truth in 83 % of samples at worst, and makes
    that of the difference of the errors hold 93 %.
    """
    from scipy.special import ndtri

    signal, spread, alike, variance = _moments(
        difference, covariance, noise, freedom, delta.high**2, confidence
    )
    if not signal.value:
        nothing = Estimate(0.0, 0.0, delta.high)
        return signal, nothing, nothing
    theta = float(signal.value / np.sqrt(spread.value))
    own = float(ndtri((1 + confidence) / 2)) ** 2 * variance

    def half(first: tuple[float, float], second: tuple[float, float], alike: float) -> float:
        if min(first[1], second[1]) <= 0:
            return 700.0
        halves = np.log(first[0] / first[1]), np.log(second[0] / second[1]) / 2
        return min(700.0, float(np.sqrt(_apart(*halves, alike) ** 2 + own)))

    def interval(alike: float) -> Estimate:
        down = half((signal.value, signal.low), (spread.high, spread.value), alike)
        up = half((signal.high, signal.value), (spread.value, spread.low), alike)
        high = min(theta * float(np.exp(up)), delta.high)
        low = min(theta * float(np.exp(-down)), high)
        return Estimate(max(low, min(theta, delta.value)), low, high)

    return signal, interval(0.0), interval(alike)


def _moments(
    difference: Float[np.ndarray, " features"],
    covariance: Float[np.ndarray, "features features"],
    noise: float,
    freedom: int,
    best: float,
    confidence: float = 0.95,
) -> _Moments:
    n_features = len(difference)
    variances = np.diag(covariance)
    deviations = np.sqrt(variances)
    correlation = covariance / np.outer(deviations, deviations)
    gap = difference / deviations
    pulled = correlation @ gap
    raw_signal = float(gap @ gap)
    raw_spread = float(gap @ pulled)
    squared = correlation @ correlation
    second = max(n_features, (freedom * np.trace(squared) - n_features**2) / freedom)
    fourth = float(np.sum(squared**2))
    signal = max(0.0, (freedom - 2) / freedom * raw_signal - n_features * noise)
    spread = max(raw_spread - noise * second, signal**2 / best if signal and best else 0.0)
    cubed = float(pulled @ correlation @ pulled)
    tiny = 1e-300
    signal_unit = noise * max(second / n_features, raw_spread / max(raw_signal, tiny))
    spread_unit = noise * max(fourth / second, cubed / max(raw_spread, tiny))
    of_both = 4 * noise * float(pulled @ pulled) + 2 * noise**2 * float(
        np.sum(squared * correlation)
    )
    of_signal = 4 * noise * raw_spread + 2 * noise**2 * second
    of_spread = 4 * noise * cubed + 2 * noise**2 * fourth
    weights = difference / variances
    own = np.diag(pulled * gap / variances / max(raw_spread, tiny))
    own -= np.diag(weights**2 / max(raw_signal, tiny))
    influence = (own - np.outer(weights, weights) / (2 * max(raw_spread, tiny))) @ covariance
    return _Moments(
        _chi_square(raw_signal, signal, n_features * noise, signal_unit, confidence),
        _chi_square(raw_spread, spread, noise * second, spread_unit, confidence),
        min(1.0, of_both / float(np.sqrt(of_signal * of_spread))),
        2 * float(np.sum(influence * influence.T)) / freedom,
    )


def _chi_square(raw: float, value: float, mean: float, unit: float, confidence: float) -> Estimate:
    """The noncentrality of a square as fitted, in its own units; `mean` is that of its noise."""
    from scipy.stats import chi2, ncx2

    freedom = mean / unit

    def chance(noncentral: float) -> float:
        if not noncentral:
            return float(chi2.cdf(raw / unit, freedom))
        return float(ncx2.cdf(raw / unit, freedom, noncentral))

    low, high = _inverted(chance, raw / unit, confidence)
    return Estimate(value, min(value, unit * low), max(value, unit * high))


def _inverted(
    chance: Callable[[float], float], start: float, confidence: float
) -> tuple[float, float]:
    """The noncentralities at which what was seen, or less, has the chance (1 ± c) / 2, c being the
    confidence.
    """
    from scipy.optimize import brentq

    ends = []
    for level in ((1 + confidence) / 2, (1 - confidence) / 2):
        high = max(1.0, start)
        if chance(0.0) <= level:
            ends.append(0.0)
            continue
        while chance(high) > level:
            high *= 2
        ends.append(float(brentq(lambda x, level=level: chance(x) - level, 0.0, high)))
    return ends[0], ends[1]
