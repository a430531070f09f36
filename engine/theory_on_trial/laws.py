"""Confidence intervals for a mean (or a variance, a ratio, a distance between laws), one class per
law of the data.

Every law turns the samples drawn so far into an interval whose chance of missing the truth is a
number chosen in advance. `time_uniform` laws may be asked at any moment; for the others the chance
is per look, and the caller divides its budget by the number of planned looks. Samples arrive in
batches of shape `(n_j, *shape)`; the interval has shape `shape`, `error` being the chance of
missing any *one* coordinate. Quantiles are taken with `isf`: `ppf(1 - 1e-8)` would lose eight
digits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

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
    mean = np.mean(x, axis=0)
    if n < 2:
        return mean, np.full(x.shape[1:], np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = np.std(x, axis=0, ddof=1)
    if not np.all((spread > 1e-140) & (spread < 1e140)):  # squares may be lost
        unit = _size(x - mean, axis=0)
        spread = unit * np.std((x - mean) / unit, axis=0, ddof=1)
    return mean, np.asarray(spread / np.sqrt(n))


def _shape(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skewness and kurtosis (0 for a normal law) along the first axis; NaN for samples that are all
    equal.
    """
    x = x - np.mean(x, axis=0)
    size = _size(x, axis=0)
    if not np.all((size > 1e-70) & (size < 1e70)):  # fourth powers may be lost
        x = x / size
    squares = x * x
    variance = np.where(np.ptp(x, axis=0) > 0, np.mean(squares, axis=0), np.nan)
    return np.mean(squares * x, axis=0) / variance**1.5, np.mean(
        squares * squares, axis=0
    ) / variance**2 - 3


def _widening(pivot_skewness: np.ndarray, n: int, error: float, most: float) -> np.ndarray:
    """Return the factor by which an asymptotic interval is widened, infinite beyond `most`.

    A pivot of skewness g / sqrt(n) has a quantile that differs from the normal one, z, by about g
    z^2 / (6 sqrt(n)) (Cornish and Fisher 1938), of which twice is allowed for, g being measured.
    Where that is no small correction, g is not known well enough either. NaN, of samples that are
    all equal, is infinite too.
    """
    from scipy import stats

    widening = 1 + 2 * pivot_skewness * stats.norm.isf(error / 2) / (6 * np.sqrt(n))
    return np.where(widening <= most, widening, np.inf)


def _with_one_more(x: np.ndarray, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the ends of Student's interval, widened for the skewness, lie below and above
    the mean if one sample more were to come, as far from the mean as the farthest one, below or
    above.

    So no single draw turns a verdict that rests on these ends, unless it is farther out than all
    before. Few samples that hold most of the variance, or of the third moment, count as few.

    Student's pivot has -2 times the samples' skewness. That is enlarged by its own standard error
    sqrt(6 / n): a few samples may look symmetric by chance. It exceeds what the lightest tails (two
    values, kurtosis -2) ask for, z^3 / (6 n), for every z below nine.
    """
    from scipy import stats

    n = len(x)
    deviations = x - np.mean(x, axis=0)
    varied = np.ptp(x, axis=0) > 0  # the mean of equal numbers may be rounded
    farthest = np.where(varied, np.max(np.abs(deviations), axis=0), 0.0)
    deviations = deviations / np.where(varied, farthest, 1.0)
    squares = np.sum(deviations**2, axis=0)
    cubes = np.sum(deviations**3, axis=0)
    moved = 1 / (n + 1)  # the mean, in units of the farthest deviation
    variance = (squares + n * moved) / n
    ends = []
    for side in (-1, 1):
        third = cubes - 3 * side * moved * squares + side * ((1 - moved) ** 3 - n * moved**3)
        with np.errstate(divide="ignore", invalid="ignore"):
            skewness = third / (n + 1) / (variance * n / (n + 1)) ** 1.5
        pivot_skewness = 2 * (np.abs(skewness) + np.sqrt(6 / (n + 1)))
        student = stats.t.isf(error / 2, n) * _widening(pivot_skewness, n + 1, error, 1.25)
        ends.append(np.where(varied, student * np.sqrt(variance / (n + 1)) + moved, np.inf))
    with np.errstate(invalid="ignore"):
        below, above = (np.nan_to_num(end * farthest, nan=np.inf, posinf=np.inf) for end in ends)
    return np.asarray(below), np.asarray(above)


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


def _varied(
    x: np.ndarray,
    error: float,
    otherwise: str = "use Asymptotic(), or Bounded(a, b) where a range is proved",
) -> np.ndarray:
    """Tell which coordinates are not all equal, having asked whether they can be normal.

    The scores are compared with the quantile at error / 1e5, shared among the coordinates. The
    reserve is for the scores themselves, whose chance in so far a tail is too high (at n = 1000,
    their worst, 1e-9 where it should be 1e-13): truly normal samples are refused less often than
    `error`. Of fewer than twenty samples nothing is asked, and of a hundred only gross violations
    show. Raises `ValueError` for samples that are not normal; `otherwise` says what serves then.
    """
    from scipy import stats

    n = len(x)
    mask = np.asarray(np.ptp(x, axis=0) > 0)
    if n >= 20 and mask.any():
        # Centred first: SciPy warns where a spread is small beside the mean.
        deviations = (x - np.mean(x, axis=0))[:, mask]
        # Whose fourth powers have a size
        deviations = deviations / np.max(np.abs(deviations), axis=0)
        score = _abnormality(deviations)
        if np.max(score) > stats.norm.isf(error / 2e5 / score.size):
            skewness, kurtosis = (moment[np.argmax(score)] for moment in _shape(deviations))
            raise ValueError(
                f"the {n} samples are not normal: skewness {skewness:.2g}, excess kurtosis "
                f"{kurtosis:.2g}; {otherwise}"
            )
        _refuse_few_values(x[:, mask])
    return mask


def _refuse_few_values(x: np.ndarray) -> None:
    """Raise `ValueError` for samples that take a few values only, as no continuous law does.

    Two samples of a law on k values are equal with a chance of 1 / k at least; of numbers in half
    precision with one of about 1 / 150. Asked once 48 pairs are equal.
    """
    n = len(x)
    if n < _FEW_ASKED:
        return
    for column in x.reshape(n, -1).T:
        if len(np.unique(column[:_FEW_ASKED])) == _FEW_ASKED:
            continue
        _, counts = np.unique(column, return_counts=True)
        equal = np.sum(counts * (counts - 1.0)) / 2
        if equal >= _EQUAL_PAIRS and n * (n - 1) / 2 < 64 * equal:
            raise ValueError(
                f"the {n} samples are not normal: they take {len(counts)} values only; say "
                "Bounded(a, b), or Bernoulli() for events"
            )


_OTHER_VARIANCE = (
    "for their variance use NormalVariance(asymptotic=True) where they are nearly normal, else "
    "measure (x - y)**2 / 2 of two samples, whose mean it is, with law=Asymptotic()"
)
_FEW_ASKED = 64
_EQUAL_PAIRS = 48


def exact_ends(
    successes: ArrayLike, trials: ArrayLike, error: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of Clopper and Pearson's interval (1934) of a share, which misses with a
    chance of `error`.

    It never shrinks to a point. Successes may be real.
    """
    from scipy.special import betainccinv, betaincinv

    failures = np.subtract(trials, successes)
    successes = np.asarray(successes, float)
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
            widening = np.where(_varied(x, error, _OTHER_VARIANCE), 1.0, np.inf)
        finite = np.isfinite(widening)
        widening = np.where(finite, widening, 1.0)
        low = np.where(
            finite, variance * (freedom / stats.chi2.isf(error / 2, freedom)) ** widening, -np.inf
        )
        high = np.where(
            finite, variance * (freedom / stats.chi2.ppf(error / 2, freedom)) ** widening, np.inf
        )
        return Enclosure(variance, low, high, error, guarantee, n)


@dataclass(frozen=True)
class Quantile:
    """The quantile of order `level` in (0, 1) of samples of any law, 0.5 for a median, between two
    order statistics at planned looks: exact at every size.

    A quantile q has P(X < q) <= level <= P(X <= q), so that k or more of n samples lie below it no
    more often than Bin(n, level) reaches k (Thompson 1936). Of a law with several quantiles of that
    order, the interval holds each with the stated chance.
    """

    level: float
    time_uniform: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"Quantile(level) needs a level in (0, 1), got {self.level}")

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return the interval between two samples; an end is infinite while no sample can be it."""
        from scipy import stats

        x = np.sort(np.concatenate(batches), axis=0)
        n = len(x)
        count = stats.binom(n, self.level)
        ranks = np.arange(n + 1)
        # All ranks, and no quantile function: its rounding would count in so far a tail.
        below = int(np.sum(count.cdf(ranks) <= error / 2))  # so many samples lie below the interval
        above = int(np.argmax(np.append(count.sf(ranks) <= error / 2, True)))
        infinite = np.full(x.shape[1:], np.inf)
        low = x[below - 1] if below else -infinite
        high = x[above] if above < n else infinite
        return Enclosure(
            np.quantile(x, self.level, axis=0, method="inverted_cdf"),
            low,
            high,
            error,
            "finite-n",
            n,
        )


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
class SubGamma:
    """Samples of a *proved* variance and scale, log E exp(t (X - EX)) <= t^2 variance /
    (2 (1 - |t| scale)) for |t| scale < 1: Bernstein's inequality at planned looks.

    So it is of samples within b of their mean, with scale = b / 3 (Boucheron, Lugosi and Massart
    2013, section 2.4), of exponential and Gamma laws (scale as theirs), and of Poisson counts
    (scale 1 / 3). `SubGamma(variance, 0)` is `SubGaussian(sqrt(variance))`.
    """

    variance: float
    scale: float
    time_uniform: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.variance < np.inf:
            raise ValueError(
                f"SubGamma(variance, scale) needs variance > 0, got variance={self.variance}"
            )
        if not 0 <= self.scale < np.inf:
            raise ValueError(f"SubGamma(variance, scale) needs scale >= 0, got scale={self.scale}")

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return mean -+ (sqrt(2 variance t / n) + scale t / n) with t = log(2 / error); raise
        `ValueError` for samples that vary more, or lie further out (asked at error / 1e5).
        """
        x = np.concatenate(batches)
        mean = np.mean(x, axis=0)
        n = len(x)
        _check_moment(x, self.variance, 2, error)
        t = np.log(2e5 * n * max(mean.size, 1) / error)
        reach = np.sqrt(2 * self.variance * t) + self.scale * t
        if np.any(np.abs(x - mean) > reach * (1 + 1 / np.sqrt(n))):
            raise ValueError(
                f"a sample {np.max(np.abs(x - mean)):.3g} from the mean is not "
                f"SubGamma({self.variance:g}, {self.scale:g}): of {n} samples none lies beyond "
                f"{reach:.3g}"
            )
        t = np.log(2 / error)
        half = np.sqrt(2 * self.variance * t / n) + self.scale * t / n
        return Enclosure(mean, mean - half, mean + half, error, "finite-n", n)


@dataclass(frozen=True)
class BoundedMoment:
    """Samples of a *proved* central moment, E|X - EX|^power <= bound for a power in (1, 2], their
    variance unless told: any tails beyond that; time-uniform.

    With y = l (X - EX), 1 + y + c |y|^p has mean 1 + c l^p bound at most, and it is positive where
    c is large enough. The logarithm of its largest monotone minorant is what a sample adds to the
    evidence, so that a large one adds a logarithm only. With c = 1 / p that is the influence
    function of Catoni (2012; for powers below two and looks at any time Wang and Ramdas 2023). Here
    c is 1 / 3 for p = 2, at which the third moment does not count: a skewed law costs less. Ville
    (1939) bounds the chance that the evidence ever reaches 2 / error. The bets l aim at `target`.
    """

    bound: float
    power: float = 2.0
    time_uniform: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.bound < np.inf:
            raise ValueError(f"BoundedMoment(bound) needs bound > 0, got bound={self.bound}")
        if not 1 < self.power <= 2:
            raise ValueError(
                f"BoundedMoment(bound, power) needs a power above 1 and at most 2, got "
                f"power={self.power}"
            )

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return all means that neither bettor rejects; `ValueError` for samples that vary more.

        The estimate is the middle of the two means at which a bettor of the first aim breaks even.
        """
        x = np.concatenate(batches)
        _check_moment(x, self.bound, self.power, error)
        # In units in which the bound is 1, from a place that large samples do not move.
        unit = self.bound ** (1 / self.power)
        centre = np.median(x, axis=0)
        shape = centre.shape
        x = (x - centre) / unit
        aim = np.broadcast_to(np.asarray(target, float) / unit, shape)
        aim = np.where(aim > 0, aim, np.minimum(3 / np.sqrt(len(x)), 1.0))
        low, estimate, high = self._ends(x, aim, np.log(2 / error))
        return Enclosure(
            centre + unit * estimate,
            centre + unit * low,
            centre + unit * high,
            error,
            "finite-n (moment)",
            len(x),
        )

    def _ends(
        self, x: np.ndarray, aim: np.ndarray, threshold: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the least mean that is not rejected, the estimate and the largest one, of samples
        whose moment is at most 1.
        """
        p = self.power
        factors = _MOMENT_AIMS.reshape(-1, *(1,) * aim.ndim)
        bets = np.minimum(factors * aim, 1.0) ** (1 / (p - 1))
        c = (4 / 3 * (1 - 1 / p)) ** (p - 1) / p  # 1 + y + c |y|^p is 1 / 4 at its least, at lowest
        lowest = -((c * p) ** (-1 / (p - 1)))
        cost = np.log1p(c * bets**p)
        weights = np.log(_MOMENT_WEIGHTS).reshape(factors.shape)

        def gains(m: np.ndarray, sign: int) -> np.ndarray:
            """Return the log wealth of each bettor against a mean of m at most."""
            wealth = []
            for bet, price in zip(bets, cost, strict=True):
                y = np.maximum(sign * bet * (x - m), lowest)
                power = y * y if p == 2 else np.abs(y) ** p
                wealth.append(np.sum(np.log1p(y + c * power), axis=0) - len(x) * price)
            return np.stack(wealth)

        def evidence(m: np.ndarray, sign: int) -> np.ndarray:
            return np.asarray(np.logaddexp.reduce(gains(m, sign) + weights, axis=0))

        first = int(np.argmax(_MOMENT_WEIGHTS))  # whose break-even points are the estimate's

        def surplus(m: np.ndarray, sign: int) -> np.ndarray:
            return np.asarray(sign * gains(m, sign)[first])

        def above(m: np.ndarray, sign: int) -> np.ndarray:
            return sign * (evidence(m, sign) - threshold)

        reach = (threshold / len(x)) ** (1 - 1 / p) + 1 / np.sqrt(len(x))
        ends = []
        for sign in (1, -1):
            even = _crossing(partial(surplus, sign=sign), np.zeros(aim.shape), 4 * reach)
            ends.append((even, _crossing(partial(above, sign=sign), even, 4 * reach)))
        (even_low, low), (even_high, high) = ends
        estimate = (even_low + even_high) / 2
        return np.minimum(low, estimate), estimate, np.maximum(high, estimate)


_MOMENT_AIMS = np.array([0.25, 1.0, 3.0])
_MOMENT_WEIGHTS = np.array([0.1, 0.8, 0.1])
"""Where these bets aim, as multiples of the target; see `_AIMS`."""


def _crossing(
    falling: Callable[[np.ndarray], np.ndarray], start: np.ndarray, step: np.ndarray | float
) -> np.ndarray:
    """Return, per coordinate, where a falling function of m is 0, to 1e-4 of `step`, from around
    `start`; where it has no zero within 2^30 steps, an infinity of that side.
    """
    step = np.broadcast_to(np.asarray(step, float), start.shape)
    low = np.array(start - step)
    high = np.array(start + step)
    for end, sign in ((low, 1), (high, -1)):
        far = step.copy()
        for _ in range(30):
            beyond = sign * falling(end) > 0
            if np.all(beyond):
                break
            far = np.where(beyond, far, 2 * far)
            end[...] = np.where(beyond, end, start - sign * far)
        else:
            end[...] = np.where(sign * falling(end) > 0, end, -sign * np.inf)
    known = np.isfinite(low) & np.isfinite(high)
    a = np.where(known, low, start)
    b = np.where(known, high, start)
    for _ in range(14):
        middle = (a + b) / 2
        up = falling(middle) > 0
        a = np.where(up, middle, a)
        b = np.where(up, b, middle)
    middle = (a + b) / 2
    return np.where(known, middle, np.where(np.isfinite(low), high, low))


def _check_moment(x: np.ndarray, bound: float, power: float, error: float) -> None:
    """Raise `ValueError` for samples whose central moment is above the bound.

    For two samples, |X - X'|^p / c has a mean of the bound at most, with c = 2 for p = 2 and
    c = 2^p below (convexity). It is not negative, so 1 + l (|X - X'|^p / (c bound) - 1) is a fair
    bet for l in [0, 1], whatever the tails. Pairs are disjoint; asked at error / 1e5, shared among
    the coordinates.
    """
    pairs = x[: len(x) // 2 * 2].reshape(len(x) // 2, 2, *x.shape[1:])
    share = np.abs(pairs[:, 0] - pairs[:, 1]) ** power / (2 if power == 2 else 2**power) / bound
    logs = [np.sum(np.log1p(bet * (share - 1)), axis=0) for bet in (0.02, 0.1, 0.3)]
    evidence = np.max(np.stack(logs), axis=0) - np.log(3)
    if np.any(evidence > np.log(1e5 * max(evidence.size, 1) / error)):
        raise ValueError(
            f"the {len(x)} samples vary more than a moment of {bound:g} lets them: of order "
            f"{power:g} theirs is near {bound * np.max(np.mean(share, axis=0)):.3g}"
        )


@dataclass(frozen=True)
class Symmetric:
    """Samples symmetric about their centre, any tails, no moments needed; time-uniform.

    If X is symmetric about m, 1 + l tanh(s (X - m)) has mean 1 for |l| < 1, and so has the product
    of such factors with predictable l and s: a bet on "the centre lies above m", which no large
    sample can ruin, since tanh is bounded; Ville (1939) bounds the chance that it ever reaches
    2 / error. The bets aim at `target`. The main use is the paired difference of two routes that
    should have the same law. Symmetry is asked of the samples.
    """

    time_uniform: bool = True

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return all centres that neither bettor rejects; `ValueError` for asymmetric samples."""
        x = np.concatenate(batches)
        _check_symmetric(x, error)
        mean = np.mean(x, axis=0)
        # Divided by their size, so that samples of any size are treated alike.
        unit = _size(x - mean, axis=0)
        pieces = [(piece - mean) / unit for piece in _pieces(batches)]
        centre = np.median(x, axis=0)
        zero = (centre - mean) / unit
        low, high = (
            _least_centre([sign * piece for piece in pieces], sign * zero, error, target / unit)
            for sign in (1, -1)
        )
        return Enclosure(
            centre,
            np.minimum(mean + unit * low, centre),
            np.maximum(mean - unit * high, centre),
            error,
            "finite-n (symmetric)",
            len(x),
        )


def _size(x: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Return the largest |x| along an axis, 1 where all are 0: what squares are divided by first.

    Squares of numbers near 1e-200 are nothing, and of numbers near 1e200 infinite.
    """
    largest = np.max(np.abs(x), axis=axis, initial=0.0)
    return np.where(largest > 0, largest, 1.0)


def _pieces(batches: Batches) -> list[np.ndarray]:
    """Cut long batches: what is bet on a piece is learned from those before it, first of 8."""
    pieces = []
    n = 0
    for batch in batches:
        start = 0
        while start < len(batch):
            pieces.append(batch[start : start + max(8, n // 4)])
            start += len(pieces[-1])
            n += len(pieces[-1])
    return pieces


_AIMS = np.array([0.15, 0.5, 1.0, 3.0, 10.0])
_AIM_WEIGHTS = np.array([0.04, 0.1, 0.7, 0.12, 0.04])
"""Where bets aim, as multiples of the target: at a truth on the prediction, from the border of its
margin, first of all; the others serve where the truth is elsewhere.
"""
_LEARNT = 2000
"""How many of the samples before it a bet under symmetry is learned from."""


def _least_centre(
    pieces: list[np.ndarray], start: np.ndarray, error: float, target: np.ndarray
) -> np.ndarray:
    """Return the least centre that is not rejected, samples and target in units of the samples."""
    threshold = np.log(2 / error)
    x = np.concatenate(pieces)
    starts = np.cumsum([0, *map(len, pieces)])
    learned = [_symmetric_bets(x[max(n - _LEARNT, 0) : n], target) for n in starts[1:-1]]
    # Of the first piece nothing is known: nothing is bet on it.
    slopes = np.stack([np.ones(start.shape), *(slope for slope, _ in learned)])
    bets = np.stack([np.zeros((len(_AIMS), *start.shape)), *(bet for _, bet in learned)], axis=1)
    slope = np.repeat(slopes, np.diff(starts), axis=0)

    def evidence(m: np.ndarray) -> np.ndarray:  # against "the centre is at most m"
        g = np.tanh(slope * (x - m))
        square = g * g
        q1, q2, q3, q4 = (
            np.add.reduceat(power, starts[:-1], axis=0)
            for power in (g, square, square * g, square * square)
        )
        return _mixed(_gains(bets, bets, q1, q2, q3, q4), _AIM_WEIGHTS)

    spread = np.median(np.abs(x - start), axis=0) / np.sqrt(len(x))
    return _end(evidence, threshold, start, spread, np.full(start.shape, -np.inf))


def _symmetric_bets(past: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slope s for samples like those, and for each aim the bet l that gains about most
    were their centre off by so much: its factors' mean over their square's.
    """
    z = past - np.median(past, axis=0)
    scale = np.median(np.abs(z), axis=0)
    scale = np.where(scale > 0, scale, np.maximum(np.mean(np.abs(z), axis=0), 1e-12))
    slope = 1 / (3 * scale)
    square = np.square(np.tanh(slope * z)).mean(axis=0)
    # Without a target the bets aim at what so many samples can distinguish.
    aim = np.where(target > 0, target, 6 * scale / np.sqrt(len(past)))
    shift = np.tanh(slope * _AIMS.reshape(-1, *(1,) * aim.ndim) * aim) * (1 - square)
    return slope, np.minimum(shift / (square + shift**2), _MOST_BET)


@dataclass(frozen=True)
class Bounded:
    """Samples proved to lie in `[a, b]`, variance unknown: betting with predictable bets;
    time-uniform.

    The wealth of a bet on "the mean exceeds m" is bounded below by a polynomial of degree four, as
    Fan, Grama and Liu (2015) do by one of degree two, so that a batch enters by five sums; Ville
    (1939) bounds the chance that it ever reaches 2 / error. The bets aim at `target` (the idea of
    betting on means: Waudby-Smith and Ramdas 2024) and are those that gain most on samples like the
    ones before. Tell it the tightest range that can be *proved*.
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
            raise ValueError(
                f"law=Bounded({self.a:g}, {self.b:g}) is contradicted by a sample of "
                f"{x.max() if x.max() > self.b else x.min():.6g}"
            )
        # Distances from either end, so that a far-away range cancels no digits, in units of the
        # width.
        width = self.b - self.a
        pieces = _pieces(batches)
        low = self.a + width * _least_mean(
            [(piece - self.a) / width for piece in pieces], error, target / width
        )
        high = self.b - width * _least_mean(
            [(self.b - piece) / width for piece in pieces], error, target / width
        )
        mean = np.mean(x, axis=0)
        return Enclosure(
            mean, np.minimum(low, mean), np.maximum(high, mean), error, "finite-n", len(x)
        )


_MOST_BET = 0.75
"""The largest share of the wealth that a bet may lose."""


def _least_mean(batches: Batches, error: float, target: np.ndarray) -> np.ndarray:
    """Return the least mean that is not rejected, for samples in [0, 1]."""
    sums = _sums(batches)
    threshold = np.log(2 / error)
    aimed = bool(np.all(target > 0))
    moments = _moments_before(sums)
    bets = _best_bets(moments, _aims(moments, target)) if aimed else None

    def evidence(m: np.ndarray) -> np.ndarray:  # against "the mean is at most m"
        if bets is not None:
            return _log_wealth(sums, m, bets, _AIM_WEIGHTS)
        return _log_wealth(sums, m, _best_bets(moments, _reached(moments, m)), _REACH_WEIGHTS)

    n = len(batches) and np.sum(sums[0], axis=0)
    mean = np.sum(sums[1], axis=0) / n
    variance = np.maximum(np.sum(sums[2], axis=0) / n - mean**2, 0) + 1 / n
    return _end(evidence, threshold, mean, np.sqrt(variance / n), np.zeros(mean.shape))


def _end(
    evidence: Callable[[np.ndarray], np.ndarray],
    threshold: float,
    accepted: np.ndarray,
    spread: np.ndarray,
    bottom: np.ndarray,
) -> np.ndarray:
    """Return, per coordinate, the largest number below `accepted` whose `evidence` is seen to reach
    the threshold, to a few digits of its distance; `bottom` where none is.

    A number that is rejected is found first, then the bracket is halved, at its chord's crossing
    where that is no worse (Illinois).
    """
    reach = np.sqrt(2 * threshold) * spread
    rejected = np.full(accepted.shape, np.nan)
    value = np.full(accepted.shape, np.nan)
    for factor in (32.0, 8.0, 4.0, 2.0, 1.2):
        m = accepted - factor * reach
        m = np.where(m > bottom, m, np.nan_to_num(bottom) + (accepted - bottom) * 1e-6)
        seen = evidence(m)
        better = seen >= threshold
        rejected = np.where(better, m, rejected)
        value = np.where(better, seen, value)
        if np.all(~better & ~np.isnan(rejected)):
            break
    known = ~np.isnan(rejected)
    if not np.any(known):
        return bottom
    low = np.where(known, rejected, accepted - reach)
    high = accepted
    low_value = np.where(known, value, threshold) - threshold
    high_value = np.minimum(evidence(high) - threshold, -1e-9)
    for _ in range(9):
        share = np.clip(low_value / np.maximum(low_value - high_value, 1e-300), 0.02, 0.98)
        m = low + share * (high - low)
        seen = evidence(m) - threshold
        up = seen >= 0
        high_value = np.where(up, high_value / 2, seen)
        low_value = np.where(up, seen, low_value / 2)
        low = np.where(up, m, low)
        high = np.where(up, high, m)
    return np.where(known, low, bottom)


def _sums(batches: Batches) -> tuple[np.ndarray, ...]:
    """Per batch: n, and the sums of the first four powers."""
    shape = (len(batches), *batches[0].shape[1:])
    n = np.array([len(batch) for batch in batches], float).reshape(-1, *(1 for _ in shape[1:]))
    powers: list[list[np.ndarray]] = [[], [], [], []]
    for batch in batches:
        square = batch * batch
        for kept, power in zip(
            powers, (batch, square, square * batch, square * square), strict=True
        ):
            kept.append(power.sum(axis=0))
    return np.broadcast_to(n, shape), *(np.stack(power) for power in powers)


def _moments_before(sums: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Return n, mean, and central moments 2 to 4 of all earlier batches.

    Four pseudo-samples of spread 1 / 4 keep early bets moderate; the very first bet assumes the
    worst spread.
    """
    n, p1, p2, p3, p4 = (np.cumsum(s, axis=0) - s for s in sums)
    many = np.maximum(n, 1)
    mean = np.where(n > 0, p1 / many, 0.5)
    second = np.maximum(p2 - n * mean**2, 0)
    third = p3 - 3 * mean * p2 + 2 * n * mean**3
    fourth = np.maximum(p4 - 4 * mean * p3 + 6 * mean**2 * p2 - 3 * n * mean**4, 0)
    worst = np.where(n > 0, 0.0, 3 / 4)
    return (
        n,
        mean,
        (second + 1 / 4 + worst) / (n + 4),
        third / (n + 4),
        (fourth + 1 / 64 + worst / 4) / (n + 4),
    )


def _aims(moments: tuple[np.ndarray, ...], target: np.ndarray) -> np.ndarray:
    aims = _AIMS.reshape(-1, *(1,) * moments[0].ndim)
    return np.asarray(aims * np.broadcast_to(target, moments[0].shape))


_REACH = np.array([1.0, 0.5])
_REACH_WEIGHTS = np.array([0.7, 0.3])


def _reached(moments: tuple[np.ndarray, ...], m: np.ndarray) -> np.ndarray:
    """Return where bets aim without a target: at how far the mean so far is from m."""
    n, mean, variance, *_ = moments
    scales = _REACH.reshape(-1, *(1,) * n.ndim)
    return np.asarray(scales * np.fmax(mean - m, np.sqrt(variance / (n + 4))))


def _best_bets(moments: tuple[np.ndarray, ...], aims: np.ndarray) -> np.ndarray:
    """Return the bets l that gain most on samples with these moments, their mean being an aim above
    m: E log(1 + l (X - m)) to fourth order, by Newton's method.
    """
    _, _, second, third, fourth = moments
    m2 = second + aims**2
    m3 = third + 3 * second * aims + aims**3
    m4 = fourth + 4 * third * aims + 6 * second * aims**2 + aims**4
    start = aims / m2
    bets = start
    for _ in range(5):
        slope = aims - bets * (m2 - bets * (m3 - bets * m4))
        bend = np.minimum(-m2 + bets * (2 * m3 - 3 * bets * m4), -1e-300)
        bets = np.clip(bets - slope / bend, 0.3 * start, 2 * start)
    return np.asarray(bets)


def _log_wealth(
    sums: tuple[np.ndarray, ...], m: np.ndarray, bets: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return a lower bound on the log wealth against "the mean is at most m".

    With y = l (x - m) >= -b, b = l m, log(1 + y) >= y - y^2/2 + y^3/3 - k y^4, where k is the
    integral of s^3 / (1 - s b) over [0, 1]: the remainder is -y^4 times that of s^3 / (1 + s y).
    """
    n, p1, p2, p3, p4 = sums
    bets = np.minimum(bets, _MOST_BET / np.maximum(m, 1e-300))
    b = bets * m
    q1 = p1 - n * m
    q2 = p2 - m * (2 * p1 - n * m)
    q3 = p3 - m * (3 * p2 - m * (3 * p1 - n * m))
    q4 = np.maximum(p4 - m * (4 * p3 - m * (6 * p2 - m * (4 * p1 - n * m))), 0)
    return _mixed(_gains(bets, b, q1, q2, q3, q4), weights)


def _gains(
    bets: np.ndarray, b: np.ndarray, q1: np.ndarray, q2: np.ndarray, q3: np.ndarray, q4: np.ndarray
) -> np.ndarray:
    """Return lower bounds on sums of log(1 + l u), from the sums of the powers of u, l u >= -b."""
    large = np.maximum(b, 0.05)
    series = 1 / 4 + b * (1 / 5 + b * (1 / 6 + b * (1 / 7 + b)))  # above the integral
    k = np.where(
        b > 0.05,
        (-np.log1p(-large) - large * (1 + large * (1 / 2 + large / 3))) / large**4,
        series,
    )
    return np.asarray(bets * (q1 - bets * (q2 / 2 - bets * (q3 / 3 - bets * k * q4))))


def _mixed(gains: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the log of the mean wealth of bettors, from their gains (bettor, batch, ...)."""
    wealth = np.sum(gains, axis=1)
    logs = np.log(weights).reshape(-1, *(1,) * (wealth.ndim - 1))
    return np.asarray(np.logaddexp.reduce(wealth + logs, axis=0))


@dataclass(frozen=True)
class Asymptotic:
    """Finite variance and nothing else: no finite-sample interval exists (Bahadur and Savage 1956);
    this one says so.

    Student's interval, widened by twice what the measured skewness and its standard error ask for,
    each end as if one more sample had come there, as far out as the farthest. Nothing is concluded
    before the skewness widens it by less than a quarter: for normal samples about n = 50 at 1e-4
    and 80 at 1e-8, for exponential ones about 500 and 1000. On twelve laws at 1e-3 and seven at
    1e-4, skewed, discrete or with heavy tails, it never missed more often than it says.

    Of rare large events that no sample showed it knows nothing: a share p of them is unseen in n
    samples with a chance of exp(-p n), and a true mean is then REFUTED. Where such events are
    possible, state a range with `Bounded` or a variance with `BoundedMoment`.
    """

    time_uniform: bool = False

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return Student's interval, widened; infinite while n is too small for the skewness."""
        x = np.concatenate(batches)
        mean = np.mean(x, axis=0)
        below, above = _with_one_more(x, error)
        return Enclosure(mean, mean - below, mean + above, error, "asymptotic", len(x))


_TIMES = 10
"""A batch of a path is so many correlation times long."""


@dataclass(frozen=True)
class OnePath:
    """One long stationary path, given as `samples=` in its order, whose long-run mean is asked.

    Its samples depend on each other, and so they are averaged over batches of ten correlation
    times, whose means count as independent samples of `Asymptotic`. The variance of a mean of
    batches that long exceeds what their spread shows by about a twentieth (of an autoregression);
    the interval is widened for a tenth. A hundred batches, a thousand correlation times, are about
    what a first verdict takes at 1e-6. The guarantee is asymptotic: a state that the path has not
    visited, or a part of it that is slower than the path is long, shows in nothing. Drop the
    warm-up first.
    """

    time_uniform: bool = False

    def batches(self, path: np.ndarray) -> np.ndarray:
        """Return the means of equal batches of a path, shape (n, *shape), without the few samples
        at its beginning that are left over; shape (b, *shape), where b may be 0.
        """
        length = int(min(np.ceil(_TIMES * self.correlation_time(path)), len(path) + 1))
        many = len(path) // length
        rows = path[len(path) - many * length :]
        return np.asarray(rows.reshape(many, length, *path.shape[1:]).mean(axis=1))

    def correlation_time(self, path: np.ndarray) -> float:
        """Return the sum of all autocorrelations of a path, 1 of independent samples, by the
        initial positive sequence (Geyer 1992); of several coordinates the largest, and 1 at least.
        """
        n = len(path)
        columns = path.reshape(n, -1)
        spread = np.max(np.abs(columns - columns.mean(axis=0)), axis=0)
        times = [1.0]
        for column in (columns[:, spread > 0] / spread[spread > 0]).T:
            transformed = np.fft.rfft(column - column.mean(), 2 * n)
            covariances = np.fft.irfft(np.abs(transformed) ** 2)[: n - n % 2]
            pairs = covariances[0::2] + covariances[1::2]
            end = int(np.argmax(pairs <= 0)) if np.any(pairs <= 0) else len(pairs)
            times.append(float(2 * np.sum(pairs[:end]) / covariances[0] - 1))
        return max(times)

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return the interval for the long-run mean; infinite while there are too few batches."""
        path = np.concatenate(batches)
        means = self.batches(path)
        mean = np.mean(path, axis=0)
        if len(means) < 2:
            infinite = np.full(mean.shape, np.inf)
            return Enclosure(mean, -infinite, infinite, error, "asymptotic", len(path))
        found = Asymptotic().interval([means], error, target)
        wider = np.sqrt(1 + 1 / _TIMES)
        return Enclosure(
            found.estimate,
            found.estimate - wider * (found.estimate - found.low),
            found.estimate + wider * (found.high - found.estimate),
            error,
            "asymptotic",
            len(path),
        )


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
        # Squares of numbers near 1e-200 would be 0; what both are divided by leaves the ratio.
        size = np.max(np.abs(x), axis=(0, -1), keepdims=True)
        x = x / np.where(size > 0, size, 1.0)
        a, b = np.moveaxis(x.mean(axis=0), -1, 0)
        deviations = x - x.mean(axis=0)
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
            scores = (
                deviations[..., 0] - np.where(np.isfinite(ratio), ratio, 0) * deviations[..., 1]
            )
            spread = _moments(scores)[1]
            with np.errstate(divide="ignore", invalid="ignore"):
                student = np.maximum(*_with_one_more(scores, error)) / spread
            student = np.where(spread > 0, student, np.inf)
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
class RatioOfProbabilities:
    """The ratio P(A) / P(B) from samples `(A, B)` along the last axis, which are 0 or 1: exact at
    every n, at planned looks.

    The two events of a sample may depend on each other. Of a privacy guarantee, B is A under the
    neighbouring data.
    """

    time_uniform: bool = False

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return the quotients of the ends of two intervals by Clopper and Pearson (1934), which
        share the error; infinite above while B was not seen. Raises `ValueError` for a sample
        other than 0 or 1.
        """
        x = np.concatenate(batches)
        if not np.isin(x, (0, 1)).all():
            raise ValueError("RatioOfProbabilities() needs samples that are 0 or 1")
        n = len(x)
        counts = np.moveaxis(x.sum(axis=0, dtype=float), -1, 0)
        (low_a, high_a), (low_b, high_b) = (exact_ends(k, n, error / 2) for k in counts)
        with np.errstate(divide="ignore", invalid="ignore"):
            high = np.where(low_b > 0, high_a / low_b, np.inf)
            ratio = np.where(counts[1] > 0, counts[0] / counts[1], high)
        return Enclosure(ratio, low_a / high_b, high, error, "finite-n", n)


@dataclass(frozen=True)
class SupDistance:
    """The distance sup |F - F0| between the law of scalar samples and a known `cdf`, at planned
    looks.

    Dvoretzky, Kiefer and Wolfowitz (1956) with Massart's (1990) constant: valid for every law, with
    atoms too (`cdf` is then right-continuous). No parameter of `cdf` may come from the same
    samples.

    Of a `side` the distance is that of the stochastic order: sup (F - F0) for "at most", which is 0
    if F is at most F0 everywhere, and sup (F0 - F) for "at least".
    """

    cdf: Callable[[np.ndarray], np.ndarray]
    time_uniform: bool = False
    side: str = "two"

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return [max(0, D - d), D + e] with D the Kolmogorov distance, each end missing with
        error / 2.

        The distance is above D + e only if the empirical law is off by e at the one place where the
        true law is farthest from `cdf`: e = sqrt(log(2 / error) / (2 n)), by Hoeffding (1963). It
        is below D - d only if that is off by d somewhere: d = sqrt(log(4 / error) / (2 n)), and of
        one side, on which alone it must be off, d = e.
        """
        x = np.concatenate(batches)
        n = len(x)
        distance = _from_cdf(x, self.cdf, self.side)
        above = np.sqrt(np.log(2 / error) / (2 * n))
        below = above if self.side != "two" else np.sqrt(np.log(4 / error) / (2 * n))
        return Enclosure(
            distance, np.maximum(distance - below, 0.0), distance + above, error, "finite-n", n
        )


def _from_cdf(
    x: np.ndarray, cdf: Callable[[np.ndarray], np.ndarray], side: str = "two"
) -> np.ndarray:
    """Return the distance sup |F_n - F0| between the empirical law of numbers and a cdf, or that of
    one side, see `SupDistance`.
    """
    x = np.sort(x)
    steps = np.arange(len(x) + 1) / len(x)
    at = np.asarray(cdf(x), float)
    before = np.asarray(cdf(np.nextafter(x, -np.inf)), float)
    _check_cdf(cdf, x, at)
    above, below = steps[1:] - at, before - steps[:-1]
    if side == "at most":
        return np.asarray(np.max(above, initial=0.0))
    if side == "at least":
        return np.asarray(np.max(below, initial=0.0))
    return np.asarray(np.max(np.maximum(above, below)))


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
class TotalVariation:
    """The distance sup |P(A) - P0(A)| over all sets A between the law of samples on a finite set
    and known `probabilities` (a number for each outcome), at planned looks.

    An outcome that is not in the list counts as one of probability 0. No probability may come from
    the same samples. Raises `ValueError` unless the probabilities are such and add up to 1.
    """

    probabilities: Mapping[float, float]
    time_uniform: bool = False

    def __post_init__(self) -> None:
        if len(self.probabilities) == 0:
            raise ValueError("the probabilities of a finite set name one outcome at least")
        try:
            outcomes, chances = (
                np.array(list(part), float)
                for part in (self.probabilities.keys(), self.probabilities.values())
            )
        except (TypeError, ValueError) as error:
            raise ValueError(
                "the outcomes of a finite set and their probabilities must be numbers: give each "
                f"outcome a number ({error})"
            ) from error
        if not (np.all(np.isfinite(outcomes)) and np.all(chances >= 0)):
            raise ValueError("outcomes must be finite and their probabilities not negative")
        if not abs(chances.sum() - 1) < 1e-9:
            raise ValueError(
                f"the probabilities of all outcomes must add up to 1, got {chances.sum():.12g}"
            )

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return [max(0, D - d), D + e] with D the distance of the empirical law, each end missing
        with error / 2.

        The distance is above D + e only if the empirical chance of the one set where it is attained
        is off by e: e = sqrt(log(2 / error) / (2 n)), by Hoeffding (1963). D exceeds its own mean
        by as much (McDiarmid 1989), and that the distance by sum sqrt(p (1 - p) / n) / 2 at most,
        which is sqrt((k - 1) / n) / 2 at most on k outcomes: d is the sum of both.
        """
        x = np.concatenate(batches)
        n = len(x)
        outcomes = np.array(sorted(self.probabilities), float)
        chances = np.array([self.probabilities[outcome] for outcome in outcomes])
        at = np.clip(np.searchsorted(outcomes, x), 0, len(outcomes) - 1)
        known = outcomes[at] == x
        counts = np.bincount(at[known], minlength=len(outcomes))
        distance = (np.abs(counts / n - chances).sum() + np.mean(~known)) / 2
        above = np.sqrt(np.log(2 / error) / (2 * n))
        below = above + np.sqrt(len(outcomes) / n) / 2  # all others are one outcome more
        return Enclosure(
            np.asarray(distance),
            np.maximum(distance - below, 0.0),
            np.asarray(distance + above),
            error,
            "finite-n",
            n,
        )


_ASKED = 2000
"""Of so many samples it is asked whether a cdf is one."""


@dataclass(frozen=True)
class TailDistance:
    """The largest relative error |P / P0 - 1| of a tail probability of scalar samples, over the
    tails that have P0 = 1/2, 1/4, 1/8, … down to `level` under a known continuous `cdf`, on either
    side, at planned looks.

    `SupDistance` hardly sees a tail: of a cdf that is off by .001 it says so with a million
    samples, though all of a tail may be missing. No parameter of `cdf` may come from the same
    samples.
    """

    cdf: Callable[[np.ndarray], np.ndarray]
    level: float
    time_uniform: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.level <= 0.5:
            raise ValueError(
                f"the smallest tail probability (tail=) lies in (0, 0.5], got {self.level}"
            )

    @property
    def levels(self) -> np.ndarray:
        """The probabilities of the tails that are compared: 1/2, 1/4, … and `level` itself."""
        halves = 0.5 ** np.arange(1, np.floor(-np.log2(self.level) + 1e-9) + 1)
        return halves if np.isclose(halves[-1], self.level) else np.append(halves, self.level)

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return the interval by Clopper and Pearson's (1934) for each tail, each end missing with
        error / 2.

        The distance is above its end only if the interval of the one tail where it is attained has
        missed, on one side; below its end if any of the 4 k has, which share the chance.
        """
        x = np.concatenate(batches)
        n = len(x)
        some = np.sort(x[:_ASKED])
        at = np.asarray(self.cdf(some), float)
        _check_cdf(self.cdf, some, at)
        if np.any(at - np.asarray(self.cdf(np.nextafter(some, -np.inf)), float) > 1e-6):
            raise ValueError(
                "tails are compared under a continuous law (tail=): this cdf jumps at a sample"
            )
        at = np.asarray(self.cdf(x), float)
        levels = self.levels
        counts = np.array(
            [np.sum(at <= level) for level in levels]
            + [np.sum(at >= 1 - level) for level in levels]
        )
        chances = np.tile(levels, 2)
        seen = np.abs(counts / n / chances - 1)
        low, high = exact_ends(counts, n, error)
        above = np.max(np.maximum(high / chances - 1, 1 - low / chances))
        low, high = exact_ends(counts, n, error / (2 * len(chances)))
        below = np.max(np.maximum(low / chances - 1, 1 - high / chances))
        return Enclosure(
            np.max(seen), np.maximum(below, 0.0), np.asarray(above), error, "finite-n", n
        )


@dataclass(frozen=True)
class TwoSampleDistance:
    """The distance sup |F - G| between the laws of the samples' two columns, at planned looks."""

    time_uniform: bool = False

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return [max(0, D - 2 d), D + e] with D the two-sample Kolmogorov distance, each end
        missing with error / 2.

        The distance is above D + e only if the difference of the empirical laws is off by e at the
        one place where the true ones are farthest apart: of independent columns
        e = sqrt(log(2 / error) / n), by Hoeffding (1963). It is below D - 2 d only if one of the
        two is off by d somewhere: d = sqrt(log(8 / error) / (2 n)). Raises `ValueError` for columns
        that move in opposite directions.
        """
        pairs = np.concatenate(batches)
        n = len(pairs)
        distance = _of_columns(pairs)
        above = np.sqrt(np.log(2 / error) / n)
        below = 2 * np.sqrt(np.log(8 / error) / (2 * n))
        return Enclosure(
            distance, np.maximum(distance - below, 0.0), distance + above, error, "finite-n", n
        )


@dataclass(frozen=True, eq=False)
class HalfSpaceDistance:
    """The distance max sup |P(<a, X> <= t) - P0(<a, X> <= t)| over the half-spaces of some
    `directions` a, between the law of array samples X and a known one, at planned looks.

    `directions` has the shape `(k, *shape)` of k samples, and `cdf(a)` returns the cdf of <a, X>,
    the sum of the entries' products; without it samples have the shape `(2, *shape)`, and the laws
    of two routes are compared. The laws of all <a, X> determine that of X (Cramér and Wold 1936);
    those of k directions do not, and nothing is said of others. Directions and `cdf` must not come
    from the same samples. Raises `ValueError` for directions that are none.
    """

    directions: np.ndarray
    cdf: Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]] | None = None
    time_uniform: bool = False

    def __post_init__(self) -> None:
        rows = np.asarray(self.directions)
        if rows.ndim < 2 or rows.dtype.kind not in "iuf" or not rows.size:
            raise ValueError(
                "directions= is an array of one direction or more along its first axis, each of "
                f"the shape of a sample, got the shape {rows.shape}"
            )
        flat = rows.reshape(len(rows), -1)
        if not np.all(np.isfinite(flat)) or not np.all(np.any(flat != 0, axis=1)):
            raise ValueError("directions= must be finite, and none of them 0")

    @property
    def routes(self) -> int:
        """How many laws are sampled: 1 beside a known law, else 2."""
        return 1 if self.cdf is not None else 2

    def products(self, x: np.ndarray) -> np.ndarray:
        """Return <a, X> of samples, shape `(n, k)`, of two routes `(n, 2, k)`; raise `ValueError`
        for samples of another shape.
        """
        directions = np.asarray(self.directions, float)
        wanted = (*(2,) * (self.routes - 1), *directions.shape[1:])
        if x.shape[1:] != wanted:
            raise ValueError(
                f"a sample has the shape {x.shape[1:]}, and directions= of the shape "
                f"{directions.shape} take {wanted}"
            )
        rows = x.reshape(*x.shape[: self.routes], -1)
        return np.asarray(rows @ directions.reshape(len(directions), -1).T)

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return [max(0, D - d), D + e] with D the largest of the k Kolmogorov distances, each end
        missing with error / 2.

        The distance is above D + e only if the empirical law is off by e at the one half-space
        where the true law is farthest: the e of `SupDistance`, or `TwoSampleDistance`. It is below
        D - d only if one of k empirical laws is off by d somewhere (of two routes one of 2 k, by
        d / 2), which share the chance: d = sqrt(log(4 k / error) / (2 n)), of two routes
        2 sqrt(log(8 k / error) / (2 n)).
        """
        products = self.products(np.concatenate(batches))
        n = len(products)
        k = products.shape[-1]
        if self.cdf is None:
            distances = [_of_columns(products[:, :, j]) for j in range(k)]
            above = np.sqrt(np.log(2 / error) / n)
            below = 2 * np.sqrt(np.log(8 * k / error) / (2 * n))
        else:
            known = [self.cdf(direction) for direction in np.asarray(self.directions, float)]
            distances = [_from_cdf(products[:, j], known[j]) for j in range(k)]
            above = np.sqrt(np.log(2 / error) / (2 * n))
            below = np.sqrt(np.log(4 * k / error) / (2 * n))
        distance = np.asarray(np.max(distances))
        return Enclosure(
            distance, np.maximum(distance - below, 0.0), distance + above, error, "finite-n", n
        )


def _of_columns(pairs: np.ndarray) -> np.ndarray:
    """Return the two-sample distance sup |F_n - G_n| of two columns; raise `ValueError` for columns
    that move in opposite directions.
    """
    _refuse_opposed(pairs)
    x, y = np.sort(pairs, axis=0).T
    points = np.concatenate([x, y])
    gaps = np.searchsorted(x, points, side="right") - np.searchsorted(y, points, side="right")
    return np.asarray(np.max(np.abs(gaps)) / len(pairs))


def mean_enclosure(samples: Any, law: Law, error: float) -> Enclosure:
    """Return an interval for the mean of independent samples, shape `(n,)`, or for another
    parameter of their `law`, that misses it with a chance of `error` at most, in (0, 0.1].

    `Trial.order` and `Trial.limit` take a list of them, one for each size, and add up their chances
    of error. The number of samples must not depend on what they are. Raises `ValueError` for
    anything but finite numbers in one row, for an error out of its range, and for samples that
    contradict the law.
    """
    x = np.asarray(samples)
    if x.ndim != 1 or not x.size or x.dtype.kind not in "biuf" or not np.all(np.isfinite(x)):
        raise ValueError(
            "the samples of a mean must be finite real numbers, one each, got an array of shape "
            f"{x.shape} and type {x.dtype}"
        )
    if not 0 < error <= 0.1:
        raise ValueError(
            f"error= is the chance that the interval misses, above 0 and at most 0.1, got {error}"
        )
    found = law.interval([x.astype(float)], error, np.asarray(0.0))
    return found._replace(error=error)


def _refuse_opposed(pairs: np.ndarray) -> None:
    """Raise `ValueError` where the first of a pair is large when the second is small, and the other
    way round: their difference varies more than that of independent numbers.
    """
    from scipy import stats

    ranks = stats.rankdata(pairs, axis=0) - (len(pairs) + 1) / 2
    products = ranks[:, 0] * ranks[:, 1]
    if np.sum(products) < -7 * np.sqrt(np.sum(np.square(products))):
        raise ValueError(
            "the two columns are not independent, one is large where the other is small: draw each "
            "from random numbers of its own"
        )
