"""Confidence intervals for a mean (or a variance, a ratio, a distance between laws), one class per
law of the data.

Every law turns the samples drawn so far into an interval whose chance of missing the truth is a
number chosen in advance. `time_uniform` laws may be asked at any moment; for the others the chance
is per look, and the caller divides its budget by the number of planned looks. Samples arrive in
batches of shape `(n_j, *shape)`; the interval has shape `shape`, `error` being the chance of
missing any *one* coordinate. Quantiles are taken with `isf`: `ppf(1 - 1e-8)` would lose eight
digits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

Batches = Sequence[np.ndarray]


class Enclosure(NamedTuple):
    """An interval `[low, high]` for an unknown value, with its point estimate.

    Attributes:
        estimate: the point estimate, any shape; `low` and `high` have the same shape and the unit
            of the value.
        error: a bound on the chance that any coordinate of the truth lies outside, in [0, 1]; 0 if
            proved.
        guarantee: what the bound rests on: "exact", "finite-n", "finite-n (normal)", "asymptotic",
            "extrapolated", …
        n: the number of samples (or instances, sizes, runs) behind it.
    """

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    error: float
    guarantee: str
    n: int


class Law(Protocol):
    """What a decision procedure needs to know about the law of its samples."""

    @property
    def time_uniform(self) -> bool:
        """Whether the interval is valid at all looks at once."""

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return the interval; `target` (margin minus slack) only tunes its power, never its
        validity.
        """


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error along the first axis; infinite below two samples."""
    n = len(x)
    spread = np.std(x, axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.full(x.shape[1:], np.inf)
    return np.mean(x, axis=0), spread


def _shape(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skewness and kurtosis (0 for a normal law) along the first axis; NaN for samples that are all
    equal.
    """
    x = x - np.mean(x, axis=0)
    squares = x * x
    variance = np.where(np.ptp(x, axis=0) > 0, np.mean(squares, axis=0), np.nan)
    return np.mean(squares * x, axis=0) / variance**1.5, np.mean(
        squares * squares, axis=0
    ) / variance**2 - 3


def _widening(pivot_skewness: np.ndarray, n: int, error: float, most: float) -> np.ndarray:
    """By which factor an asymptotic interval is widened, infinite where that would be more than
    `most`.

    A pivot of skewness g / sqrt(n) has a quantile that differs from the normal one, z, by about g
    z^2 / (6 sqrt(n)) (Cornish and Fisher 1938), of which twice is allowed for, g being measured.
    Where that is no small correction, g is not known well enough either. NaN, of samples that are
    all equal, is infinite too.
    """
    from scipy import stats

    widening = 1 + 2 * pivot_skewness * stats.norm.isf(error / 2) / (6 * np.sqrt(n))
    return np.where(widening <= most, widening, np.inf)


def _student(x: np.ndarray, error: float) -> np.ndarray:
    """Student's quantile for samples of any law, widened for their skewness, of which his pivot has
    -2 times.

    It is enlarged by its own standard error sqrt(6 / n): a few samples may look symmetric by
    chance. That exceeds what the lightest tails (two values, kurtosis -2) ask for, z^3 / (6 n), for
    every z below nine.
    """
    from scipy import stats

    pivot_skewness = 2 * (np.abs(_shape(x)[0]) + np.sqrt(6 / len(x)))
    return np.asarray(
        stats.t.isf(error / 2, max(len(x) - 1, 1)) * _widening(pivot_skewness, len(x), error, 1.25)
    )


def _abnormality(x: np.ndarray) -> np.ndarray:
    """The larger of the normal scores of |skewness| (D'Agostino 1970) and of kurtosis (Anscombe and
    Glynn 1983).

    Light tails count for nothing: they hardly harm Student's interval, and that score's lower tail
    is a poor one.
    """
    from scipy import stats

    skewness = stats.skewtest(x, axis=0).statistic
    kurtosis = stats.kurtosistest(x, axis=0).statistic
    return np.asarray(np.maximum(np.abs(skewness), kurtosis))


def _varied(x: np.ndarray, error: float) -> np.ndarray:
    """Tell which coordinates are not all equal, having asked whether they can be normal.

    The scores are compared with the quantile at error / 1e5, shared among the coordinates. The
    reserve is for the scores themselves, whose chance in so far a tail is too high (at n = 1000,
    their worst, 1e-9 where it should be 1e-13): truly normal samples are refused less often than
    `error`. Of fewer than twenty samples nothing is asked, and of a hundred only gross violations
    show. Raises `ValueError` for samples that are not normal.
    """
    from scipy import stats

    n = len(x)
    mask = np.asarray(np.ptp(x, axis=0) > 0)
    if n >= 20 and mask.any():
        # Centred first: SciPy warns where a spread is small beside the mean.
        deviations = (x - np.mean(x, axis=0))[:, mask]
        deviations = deviations / np.max(
            np.abs(deviations), axis=0
        )  # whose fourth powers have a size
        score = _abnormality(deviations)
        if np.max(score) > stats.norm.isf(error / 2e5 / score.size):
            skewness, kurtosis = (moment[np.argmax(score)] for moment in _shape(deviations))
            raise ValueError(
                f"the {n} samples are not normal: skewness {skewness:.2g}, excess kurtosis "
                f"{kurtosis:.2g}; "
                "use Asymptotic(), or Bounded(a, b) where a range is proved"
            )
    return mask


def exact_ends(
    successes: ArrayLike, trials: ArrayLike, error: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of Clopper and Pearson's interval (1934) of a share, which misses with a
    chance of `error`.

    It never shrinks to a point. Successes may be real.
    """
    from scipy.special import betainccinv, betaincinv

    successes, failures = np.asarray(successes, float), np.subtract(trials, successes)
    low = betaincinv(np.where(successes > 0, successes, 1), failures + 1, error / 2)
    high = betainccinv(successes + 1, np.where(failures > 0, failures, 1), error / 2)
    return np.where(successes > 0, low, 0.0), np.where(failures > 0, high, 1.0)


@dataclass(frozen=True)
class Bernoulli:
    """Events: samples are 0 or 1. Clopper-Pearson (1934) at planned looks: exact for every
    probability and every n.
    """

    time_uniform: bool = False

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return the Clopper-Pearson interval. Raises `ValueError` for a sample other than 0 or
        1.
        """
        x = np.concatenate(batches)
        if not np.isin(x, (0, 1)).all():
            raise ValueError("Bernoulli() needs samples that are 0 or 1")
        n = len(x)
        k = x.sum(axis=0, dtype=float)
        return Enclosure(k / n, *exact_ends(k, n, error), error, "finite-n", n)


@dataclass(frozen=True)
class Normal:
    """Exactly normal samples (linear functionals of Gaussian noise): Student's interval at planned
    looks.

    Normality is asked of the samples too. What is normal only in a limit has the law
    `Asymptotic()`.
    """

    time_uniform: bool = False

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return Student's interval; infinite for samples that are all equal. Raises `ValueError`
        if not normal.
        """
        from scipy import stats

        x = np.concatenate(batches)
        mean, spread = _moments(x)
        half = np.where(
            _varied(x, error), stats.t.isf(error / 2, max(len(x) - 1, 1)) * spread, np.inf
        )
        return Enclosure(mean, mean - half, mean + half, error, "finite-n (normal)", len(x))


@dataclass(frozen=True)
class NormalVariance:
    """The variance of normal samples: chi-square interval at planned looks.

    `asymptotic=True` is for statistics that are normal only in a limit: the interval is widened by
    the measured kurtosis k, as (k + 2) / 2 in the number of degrees of freedom. The pivot's
    skewness is then off by about sqrt(8) k, and the interval, in logarithms, is widened for that
    too, k being enlarged by twice its standard error sqrt(24 / n); nothing is concluded before this
    is less than an eighth. So it says nothing, at any affordable n, of laws that are far from
    normal.
    """

    asymptotic: bool = False
    time_uniform: bool = False

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return the interval for the variance; infinite while nothing is known. Raises
        `ValueError` if not normal.
        """
        from scipy import stats

        x = np.concatenate(batches)
        n = len(x)
        guarantee = "asymptotic" if self.asymptotic else "finite-n (normal)"
        if n < 2:
            nothing = np.full(x.shape[1:], np.nan)
            wide = np.full(x.shape[1:], np.inf)
            return Enclosure(nothing, -wide, wide, error, guarantee, n)
        variance = np.var(x, axis=0, ddof=1)
        freedom = np.full(variance.shape, n - 1.0)
        if self.asymptotic:
            kurtosis = _shape(x)[1]
            freedom = freedom / np.fmax(kurtosis / 2 + 1, 1)
            widening = _widening(
                np.sqrt(8) * (np.abs(kurtosis) + 2 * np.sqrt(24 / n)), n, error, 1.125
            )
        else:
            widening = np.where(_varied(x, error), 1.0, np.inf)
        finite = np.isfinite(widening)
        widening = np.where(finite, widening, 1.0)
        low = np.where(
            finite, variance * (freedom / stats.chi2.isf(error / 2, freedom)) ** widening, -np.inf
        )
        high = np.where(
            finite, variance * (freedom / stats.chi2.ppf(error / 2, freedom)) ** widening, np.inf
        )
        return Enclosure(variance, low, high, error, guarantee, n)


def _check_symmetric(x: np.ndarray, error: float) -> None:
    """Raise `ValueError` unless the mean of three samples lies above their median about as often as
    below.

    So it is under every symmetric law (Randles and others 1980); of disjoint triples the signs are
    independent, and Hoeffding bounds the chance of so many of one sign: asked at error / 1e5,
    shared among the coordinates.
    """
    gaps = np.diff(
        np.sort(x[: len(x) // 3 * 3].reshape(len(x) // 3, 3, *x.shape[1:]), axis=1), axis=1
    )
    signs = np.sum(np.sign(gaps[:, 1] - gaps[:, 0]), axis=0)
    if np.any(np.abs(signs) > np.sqrt(2 * len(gaps) * np.log(2e5 * max(signs.size, 1) / error))):
        excess = signs.ravel()[np.argmax(np.abs(signs))] / len(gaps)
        raise ValueError(
            f"the {len(x)} samples are not symmetric: of three, the mean lies "
            f"{'above' if excess > 0 else 'below'} the "
            f"median more often than not, by {abs(excess):.2g} of the time"
        )


@dataclass(frozen=True)
class SubGaussian:
    """Samples with log E exp(t (X - EX)) <= t^2 sigma^2 / 2 for a *proved* sigma: Chernoff at
    planned looks.
    """

    sigma: float
    time_uniform: bool = False

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise ValueError(f"SubGaussian(sigma) needs sigma > 0, got {self.sigma}")

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return mean -+ sigma sqrt(2 log(2 / error) / n); raise `ValueError` for samples that
        spread further.

        Their squares add up to more than sigma^2 (n + 2 sqrt(n t) + 2 t) with chance e^-t at most
        (Hsu, Kakade, Zhang 2012); asked at error / 1e5, shared among the coordinates.
        """
        x = np.concatenate(batches)
        mean = np.mean(x, axis=0)
        n = len(x)
        t = np.log(1e5 * max(mean.size, 1) / error)
        squares = np.sum((x - mean) ** 2, axis=0)
        most = self.sigma**2 * (n + 2 * np.sqrt(n * t) + 2 * t)
        if np.any(squares > most):
            spread = np.sqrt(np.max(squares) / n)
            raise ValueError(
                f"{n} samples of standard deviation {spread:.3g} are not "
                f"SubGaussian({self.sigma:g})"
            )
        half = self.sigma * np.sqrt(2 * np.log(2 / error) / n)
        return Enclosure(mean, mean - half, mean + half, error, "finite-n", n)


@dataclass(frozen=True)
class Symmetric:
    """Samples symmetric about their centre, any tails, no moments needed; time-uniform.

    Self-normalised normal mixture (de la Pena 1999): with V the sum of squares about the candidate
    centre, exp(lambda S - lambda^2 V / 2) is a supermartingale; mixing lambda ~ N(0, 1 / precision)
    gives the closed form used here. The main use is the paired difference of two routes that should
    have the same law. Symmetry is asked of the samples.
    """

    precision: float = 1.0
    time_uniform: bool = True

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return all centres that the mixture does not reject, by bisection; `ValueError` for
        asymmetric samples.
        """
        x = np.concatenate(batches)
        _check_symmetric(x, error)
        mean = np.mean(x, axis=0)
        n = len(x)
        second = np.mean((x - mean) ** 2, axis=0)

        def log_evidence(centre: np.ndarray) -> np.ndarray:
            total = n * (mean - centre)
            squares = n * (second + (mean - centre) ** 2)
            precision = squares + self.precision
            return np.asarray(np.log(self.precision / precision) / 2 + total**2 / precision / 2)

        threshold = np.log(1 / error)
        # A truth 1e3 spreads away has all samples on one side: chance 2^(1-n), nothing once n could
        # reject it.
        reach = np.sqrt(second) + 1 / np.sqrt(n * self.precision)
        # Evidence against a far centre grows only to (n - log n) / 2: with few samples nothing can
        # be excluded.
        low = mean - 1e3 * reach
        high = mean + 1e3 * reach
        low = np.where(
            log_evidence(low) < threshold, -np.inf, _bisect(log_evidence, threshold, low, mean)
        )
        high = np.where(
            log_evidence(high) < threshold, np.inf, _bisect(log_evidence, threshold, high, mean)
        )
        return Enclosure(mean, low, high, error, "finite-n (symmetric)", n)


@dataclass(frozen=True)
class Bounded:
    """Samples proved to lie in `[a, b]`, variance unknown: betting with predictable bets;
    time-uniform.

    The wealth of a bet on "the mean exceeds m" is bounded below through Fan, Grama and Liu (2015),
    so that a batch enters by three sums; Ville (1939) bounds the chance that it ever reaches 1 /
    error. The bets aim at `target` (the idea of betting on means: Waudby-Smith and Ramdas 2024).
    Tell it the tightest range that can be *proved*. Samples must be identically distributed:
    batches that drift can leave accepted means outside the interval.
    """

    a: float
    b: float
    time_uniform: bool = True

    def __post_init__(self) -> None:
        if not -np.inf < self.a < self.b < np.inf:
            raise ValueError(f"Bounded(a, b) needs finite a < b, got a={self.a}, b={self.b}")

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return all means that neither bettor rejects. Raises `ValueError` for a sample outside
        `[a, b]`.
        """
        x = np.concatenate(batches)
        if x.min() < self.a or x.max() > self.b:
            raise ValueError(f"Bounded({self.a}, {self.b}) got a sample of {x.min()} … {x.max()}")
        # Distances from either end, so that a far-away range cancels no digits, in units of the
        # width.
        width = self.b - self.a
        low = self.a + width * _least_mean(
            [(batch - self.a) / width for batch in batches], error, target / width
        )
        high = self.b - width * _least_mean(
            [(self.b - batch) / width for batch in batches], error, target / width
        )
        mean = np.mean(x, axis=0)
        return Enclosure(
            mean, np.minimum(low, mean), np.maximum(high, mean), error, "finite-n", len(x)
        )


def _least_mean(batches: Batches, error: float, target: np.ndarray) -> np.ndarray:
    """Return the least mean that is not rejected, for samples in [0, 1]."""
    sums = _sums(batches)
    threshold = np.log(2 / error)

    def evidence(m: np.ndarray) -> np.ndarray:  # against "the mean is at most m"
        return _log_wealth(sums, m, target)

    mean = np.mean(np.concatenate(batches), axis=0)
    bottom = np.full(mean.shape, 1e-12)
    return np.where(evidence(bottom) < threshold, 0.0, _bisect(evidence, threshold, bottom, mean))


def _sums(batches: Batches) -> tuple[np.ndarray, ...]:
    """Per batch: n, sum, sum of squares, and variance and mean of all earlier batches (NaN before
    the first).
    """
    shape = (len(batches), *batches[0].shape[1:])
    n = np.array([len(batch) for batch in batches], float).reshape(-1, *(1 for _ in shape[1:]))
    first = np.stack([batch.sum(axis=0) for batch in batches])
    second = np.stack([np.square(batch).sum(axis=0) for batch in batches])
    n_before, first_before, second_before = (np.cumsum(s, axis=0) - s for s in (n, first, second))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_before = first_before / n_before
        scatter = np.maximum(second_before - n_before * mean_before**2, 0)
    # Four pseudo-samples of spread 1 / 4 keep early bets moderate; the very first bet assumes the
    # worst spread.
    variance = np.where(n_before > 0, (np.nan_to_num(scatter) + 1 / 4) / (n_before + 4), 1 / 4)
    return np.broadcast_to(n, shape), first, second, variance, np.broadcast_to(mean_before, shape)


def _log_wealth(sums: tuple[np.ndarray, ...], m: np.ndarray, target: np.ndarray) -> np.ndarray:
    n, first, second, variance, mean = sums
    distance = np.fmax(target, mean - m)
    gain = first / m - n
    risk = second / m**2 - 2 * first / m + n
    # The bet that maximises bet * gain - (-log(1 - bet) - bet) * risk is odds / (1 + odds), odds =
    # gain / risk.
    odds = m * distance / (variance + distance**2) * _BET_SCALES.reshape(-1, *(1,) * gain.ndim)
    bets = odds / (1 + odds)
    wealth = np.sum(bets * gain + (np.log1p(-bets) + bets) * risk, axis=1)
    weights = np.log(_BET_WEIGHTS).reshape(-1, *(1,) * (wealth.ndim - 1))
    return np.asarray(np.logaddexp.reduce(wealth + weights, axis=0))


_BET_SCALES = np.array([1.0, 0.5])
_BET_WEIGHTS = np.array([0.7, 0.3])


@dataclass(frozen=True)
class Asymptotic:
    """Finite variance and nothing else: no finite-sample interval exists (Bahadur and Savage 1956);
    this one says so.

    Student's interval, widened by twice what the measured skewness and its standard error ask for.
    Nothing is concluded before that is less than a quarter: for normal samples about n = 50 at 1e-4
    and 80 at 1e-8, for exponential ones about 500 and 1000. On twelve laws at 1e-3 and seven at
    1e-4, skewed, discrete or with heavy tails, it never missed more often than it says.
    """

    time_uniform: bool = False

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return Student's interval, widened; infinite while n is too small for the skewness."""
        x = np.concatenate(batches)
        mean, spread = _moments(x)
        with np.errstate(invalid="ignore"):
            half = np.nan_to_num(_student(x, error) * spread, nan=np.inf, posinf=np.inf)
        return Enclosure(mean, mean - half, mean + half, error, "asymptotic", len(x))


@dataclass(frozen=True)
class RatioOfMeans:
    """The ratio E A / E B from samples `(A, B)` along the last axis, E B > 0, by Fieller (1954) on
    A - r B.

    The delta method would be wrong at small n. Exact for jointly normal pairs (`normal=True`; the
    samples are asked), otherwise as `Asymptotic`, with the skewness of A - r B at the estimated r.
    Note that E[A / B] is another number.
    """

    normal: bool = False
    time_uniform: bool = False

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return all r for which Student does not reject E[A - r B] = 0; infinite while E B is not
        separated from 0.

        Raises `ValueError` if `normal` is claimed of samples that are not.
        """
        from scipy import stats

        x = np.concatenate(batches)
        n = len(x)
        (a, b), deviations = np.moveaxis(x.mean(axis=0), -1, 0), x - x.mean(axis=0)
        guarantee = "finite-n (normal)" if self.normal else "asymptotic"
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = a / b
        if n < 3:
            return Enclosure(
                ratio, np.full(a.shape, -np.inf), np.full(a.shape, np.inf), error, guarantee, n
            )
        if self.normal:
            student = np.where(
                _varied(x, error).any(axis=-1), stats.t.isf(error / 2, n - 1), np.inf
            )
        else:
            student = _student(
                deviations[..., 0] - np.where(np.isfinite(ratio), ratio, 0) * deviations[..., 1],
                error,
            )
        finite = np.isfinite(student)
        scale = np.where(finite, student, 0) ** 2 / (n * (n - 1))
        aa, bb = np.moveaxis(scale[..., None] * np.square(deviations).sum(axis=0), -1, 0)
        ab = scale * (deviations[..., 0] * deviations[..., 1]).sum(axis=0)
        # r with (a - r b)^2 <= aa - 2 r ab + r^2 bb: a quadratic; its leading coefficient says if E
        # B is clear of 0.
        lead = b * b - bb
        half = a * b - ab
        constant = a * a - aa
        root = np.sqrt(np.maximum(half * half - lead * constant, 0))
        clear = finite & (lead > 0) & (b > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            low = np.where(clear, (half - root) / lead, -np.inf)
            high = np.where(clear, (half + root) / lead, np.inf)
        return Enclosure(ratio, low, high, error, guarantee, n)


@dataclass(frozen=True)
class SupDistance:
    """The distance sup |F - F0| between the law of scalar samples and a known `cdf`, at planned
    looks.

    Dvoretzky, Kiefer and Wolfowitz (1956) with Massart's (1990) constant: valid for every law, with
    atoms too (`cdf` is then right-continuous). No parameter of `cdf` may come from the same
    samples.
    """

    cdf: Callable[[np.ndarray], np.ndarray]
    time_uniform: bool = False

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return [max(0, D - e), D + e] with D the Kolmogorov distance and e = sqrt(log(2 / error)
        / (2 n)).
        """
        x = np.sort(np.concatenate(batches))
        n = len(x)
        steps = np.arange(n + 1) / n
        at = np.asarray(self.cdf(x), float)
        before = np.asarray(self.cdf(np.nextafter(x, -np.inf)), float)
        _check_cdf(self.cdf, x, at)
        distance = np.max(np.maximum(steps[1:] - at, before - steps[:-1]))
        band = np.sqrt(np.log(2 / error) / (2 * n))
        return Enclosure(
            distance, np.maximum(distance - band, 0.0), distance + band, error, "finite-n", n
        )


def _check_cdf(cdf: Callable[[np.ndarray], np.ndarray], x: np.ndarray, values: np.ndarray) -> None:
    """Raise `ValueError` unless `values`, of the sorted numbers x, grow from 0 to 1 and depend on
    one number each.
    """
    if values.shape != x.shape or not (np.all(values >= -1e-9) and np.all(values <= 1 + 1e-9)):
        raise ValueError("a cdf gives each number one in [0, 1]")
    if np.any(np.diff(values) < -1e-9):
        raise ValueError("a cdf does not fall")
    some = slice(len(x) // 3, None, max(len(x) // 8, 1))
    # One number after the other in decreasing order: ranks and standardised numbers are others
    # then.
    alone = np.array([np.ravel(cdf(np.array([number])))[0] for number in x[some]])
    if not np.allclose(alone, values[some], rtol=1e-6, atol=1e-9):
        raise ValueError(
            "the cdf of a number depends on the other numbers that it is given: it is fitted to "
            "them"
        )


@dataclass(frozen=True)
class TwoSampleDistance:
    """The distance sup |F - G| between the laws of the samples' two columns: two Massart bands at
    planned looks.
    """

    time_uniform: bool = False

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return [max(0, D - 2 e), D + 2 e] with D the two-sample Kolmogorov distance and e as in
        `SupDistance`.
        """
        x, y = np.sort(np.concatenate(batches), axis=0).T
        n = len(x)
        points = np.concatenate([x, y])
        gaps = np.searchsorted(x, points, side="right") - np.searchsorted(y, points, side="right")
        distance = np.max(np.abs(gaps)) / n
        bands = 2 * np.sqrt(np.log(4 / error) / (2 * n))
        return Enclosure(
            distance, np.maximum(distance - bands, 0.0), distance + bands, error, "finite-n", n
        )


def _bisect(
    evidence: Callable[[np.ndarray], np.ndarray],
    threshold: float,
    rejected: np.ndarray,
    accepted: np.ndarray,
) -> np.ndarray:
    """Return, per coordinate, the rejected end of a bracket whose `evidence` crosses `threshold`,
    halved 48 times.
    """
    for _ in range(48):
        middle = (rejected + accepted) / 2
        reject = evidence(middle) >= threshold
        rejected = np.where(reject, middle, rejected)
        accepted = np.where(reject, accepted, middle)
    return rejected
