"""The order of errors that are simulated from common draws at all sizes.

One draw, such as a Brownian path, gives an error at every size. What the errors of a draw share
cancels in the ratio of their means, so that slopes are known far better than from draws of their
own at each size.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from theory_on_trial.decide.trends import FINEST, what_is_left
from theory_on_trial.laws import Batches, Enclosure, RatioOfMeans

LEAST_SIZES = 3
"""Two sizes have one slope, which shows no law."""
_LEAST_TO_SETTLE = 4


@dataclass(frozen=True, eq=False)
class CommonOrder:
    """The order of mean errors E_k at growing `sizes` n_k, from samples of K errors each: the slope
    of the least-squares line through the points (log n_k, log E_k), which `numpy.polyfit` fits.

    With `next_term=e` it is the limit of the slopes between successive sizes, extrapolated as by
    `trends.convergence_order`. `exponential` errors have the points (n_k, log E_k).

    Attributes:
        sizes: K growing sizes, shape (K,).
        next_term: the next term of the errors is smaller by n^-e; None for the line.
        exponential: whether the errors fall as e^(s n).
    """

    sizes: np.ndarray
    next_term: float | None = None
    exponential: bool = False
    time_uniform: bool = False

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of a sample beside those of what is estimated."""
        return (len(self.sizes),)

    @property
    def places(self) -> np.ndarray:
        """The abscissas of the points, shape (K,)."""
        return self.sizes if self.exponential else np.log(self.sizes)

    @property
    def weights(self) -> np.ndarray:
        """The w of the fitted slope sum_k w_k log E_k, shape (K,)."""
        centred = self.places - np.mean(self.places)
        return np.asarray(centred / np.sum(centred**2))

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Return what the fitted slope of samples, shape (n, K), is a mean of but for rest terms:
        sum_k w_k x_k / E_k, shape (n,).
        """
        means = np.mean(x, axis=0)
        return np.asarray((x / np.where(means > 0, means, np.inf)) @ self.weights)

    def interval(self, batches: Batches, error: float, target: np.ndarray) -> Enclosure:
        """Return an interval for the order; infinite while a mean error is not told from 0, and of
        a limit while the slopes have not settled.

        In units of the samples' means m_k, a draw has the errors y_k and the average error b over
        sizes. With 1 + u_k = E y_k / E b, the slope is that of the m_k plus sum_k w_k log(1 + u_k),
        because the weights add up to 0: so what all errors of a draw share cancels. Here
        log(1 + u_k) is u_k less a rest in [0, d_k^2 / (2 - 2 d_k)] where |u_k| <= d_k < 1. The
        d_k, and sum_k w_k u_k, are ratios of means, of which `RatioOfMeans` gives the intervals.
        """
        if self.next_term is not None:
            return self._limit(batches, error)
        x = np.concatenate(batches)
        means = np.mean(x, axis=0)
        nothing = _number(np.nan, -np.inf, np.inf, error, "asymptotic", len(x))
        if not np.all(means > 0):
            return nothing
        y = x / means
        b = np.mean(y, axis=1)
        ratios = [*y.T, y @ self.weights]
        pairs = np.stack([np.stack([ratio, b], axis=-1) for ratio in ratios], axis=1)
        found = RatioOfMeans().interval([pairs], error, target)
        off = np.maximum(1 - found.low[:-1], found.high[:-1] - 1)
        if not np.all(off < 1) or not np.isfinite(found.high[-1] - found.low[-1]):
            return nothing
        rest = off**2 / (2 - 2 * off)
        slope = self.weights @ np.log(means)
        low = slope + found.low[-1] - np.maximum(self.weights, 0) @ rest
        high = slope + found.high[-1] + np.maximum(-self.weights, 0) @ rest
        return _number(slope, low, high, error, "asymptotic", len(x))

    def slopes(self, batches: Batches, error: float) -> Enclosure:
        """Return intervals for the slopes between successive sizes, shape (K - 1,), by those of
        `RatioOfMeans`; `error` is that of all together.
        """
        x = np.concatenate(batches)
        steps = np.diff(self.places)
        pairs = np.stack([x[:, 1:], x[:, :-1]], axis=-1)
        found = RatioOfMeans().interval([pairs], error / len(steps), np.asarray(0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            estimate = np.log(np.where(found.estimate > 0, found.estimate, np.nan)) / steps
            low = np.where(found.low > 0, np.log(found.low) / steps, -np.inf)
            high = np.where(found.high > 0, np.log(found.high) / steps, np.inf)
        return Enclosure(estimate, low, high, error, found.guarantee, len(x))

    def _limit(self, batches: Batches, error: float) -> Enclosure:
        found = self.slopes(batches, error)
        with np.errstate(invalid="ignore"):
            blur = np.maximum(found.high - found.estimate, found.estimate - found.low)
        settled = np.inf
        if np.all(np.isfinite(blur)):
            settled = what_is_left(found.estimate, blur, self.sizes, self.next_term)
        last = found.estimate[-1]
        known = np.isfinite(settled)
        low, high = (last - settled, last + settled) if known else (-np.inf, np.inf)
        return _number(last, low, high, error, "extrapolated, asymptotic", found.n)


def _number(
    estimate: float, low: float, high: float, error: float, guarantee: str, n: int
) -> Enclosure:
    """An interval for one number."""
    return Enclosure(np.asarray(estimate), np.asarray(low), np.asarray(high), error, guarantee, n)


def checked_sizes(sizes: Any, next_term: float | None, exponential: bool) -> np.ndarray:
    """Return the sizes of an order from common draws as an array; raise `ValueError` unless they
    are finite, positive, enough, and each 1.2 times the one before or more.
    """
    given = np.asarray(() if sizes is None else sizes)
    least = LEAST_SIZES if next_term is None else _LEAST_TO_SETTLE
    if given.ndim != 1 or len(given) < least or given.dtype.kind not in "iuf":
        raise ValueError(
            f"an order from common draws needs at least {least} numbers as sizes=, got {sizes!r}"
        )
    numbers = given.astype(float)
    if not (np.all(np.isfinite(numbers)) and np.all(numbers > 0)):
        raise ValueError(f"sizes= must be finite and above 0, got {sizes!r}")
    if np.any(numbers[1:] < FINEST * (1 - 1e-12) * numbers[:-1]):
        raise ValueError(f"each of sizes= must be {FINEST:g} times the one before, got {sizes!r}")
    if next_term is not None and not next_term > 0:
        raise ValueError(f"next_term= is an exponent above 0, got {next_term}")
    return numbers


def in_words(sizes: np.ndarray, slopes: Enclosure) -> str:
    """Say over which sizes an order is, and which slopes were seen between them."""
    seen = ", ".join(f"{slope:.3g}" for slope in slopes.estimate)
    return f"sizes {sizes[0]:g} to {sizes[-1]:g} from common draws, slopes between them {seen}"
