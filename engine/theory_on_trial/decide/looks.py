"""The interim looks of a sampled decision: after how many samples it looks, and the share of its
error at each look.

A law whose interval holds at one look only divides its error among the looks (the union bound). The
shares may be any that were fixed before the first sample. Where law, margin and prediction say how
many samples it takes, most of the error is spent around that many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory_on_trial.decide.decision import Prediction
from theory_on_trial.laws import (
    Bernoulli,
    BoundedMoment,
    HalfSpaceDistance,
    Law,
    NormalVariance,
    SubGamma,
    SubGaussian,
    SupDistance,
    Symmetric,
    TailDistance,
    TotalVariation,
    TwoSampleDistance,
)

_GROWTH = 1.1
_COARSE_GROWTH = 1.25
"""The factors by which looks grow: where the error is spent, and elsewhere (a look that is not used
costs little, but not nothing).
"""
_AROUND = 0.7
"""The share of the error that is spent around the number of samples that is known to be needed."""
_SPREAD = 0.22
"""The width of that range in log n: the number of samples at a decision varies by so much."""
_ROOM = 2.0
"""The plan allows at least so many times the samples that a true prediction needs."""


@dataclass(frozen=True)
class Plan:
    """Total sample sizes of the looks, growing, and the share of the error of each (sum 1)."""

    sizes: tuple[int, ...]
    shares: tuple[float, ...]

    @classmethod
    def even(cls, sizes: Sequence[int]) -> "Plan":
        """Return looks that share the error equally; raise `ValueError` unless they grow."""
        if len(sizes) == 0 or np.any(np.diff([0, *sizes]) <= 0):
            raise ValueError(f"looks must be growing sample sizes, got {tuple(sizes)}")
        return cls(tuple(sizes), (1 / len(sizes),) * len(sizes))


def planned_looks(
    first: int, most: int, ratio: float = _GROWTH, step: int | None = None
) -> tuple[int, ...]:
    """Return sample sizes n_1 < … < n_K, `first` and multiples of `step` (first unless given) more,
    growing by about `ratio` and ending at `most` or above.
    """
    if not 1 <= first <= most:
        raise ValueError(f"need 1 <= first <= most, got first={first}, most={most}")
    step = step or first
    sizes = [first]
    while sizes[-1] < most:
        sizes.append(sizes[-1] + step * max(1, round(sizes[-1] * (ratio - 1) / step)))
    return tuple(sizes)


def plan(
    law: Law,
    prediction: Prediction,
    first: int,
    most: int | None,
    alpha: float,
    step: int | None = None,
) -> Plan:
    """Return the looks of a decision: from `first` samples to `most` (100,000 unless given, or more
    where more are known to be needed), the error spent where the decision is expected.

    Raises `ValueError` for a `most` at which not even samples that are just as predicted decide.
    """
    needed = samples_needed(law, prediction, alpha)
    if most is None:
        most = max(100_000, first, int(_ROOM * 1.5 * (needed or 0)))
    elif needed is not None and most < needed / 1.6:
        raise ValueError(
            f"a margin of {_brief(prediction.margin)} takes about {float(f'{needed:.2g}'):.0f} "
            f"samples of this law: most={most} cannot be enough"
        )
    if needed is None or law.time_uniform:
        return Plan.even(planned_looks(first, most, _GROWTH if law.time_uniform else 1.2, step))
    sizes = planned_looks(first, most, _GROWTH, step)
    far = 3 * _SPREAD
    near = {n for n in sizes if abs(np.log(n / needed)) < far}
    elsewhere = planned_looks(first, most, _COARSE_GROWTH, step)
    near |= {n for n in elsewhere if abs(np.log(n / needed)) >= far}
    sizes = tuple(sorted(near | {sizes[0], sizes[-1]}))
    bump = np.exp(-((np.log(np.asarray(sizes) / needed) / _SPREAD) ** 2) / 2)
    if not np.sum(bump) > 0.5:  # the first look is beyond all that is needed
        return Plan.even(sizes)
    shares = _AROUND * bump / np.sum(bump) + (1 - _AROUND) / len(sizes)
    return Plan(sizes, tuple(float(share) for share in shares))


def samples_needed(law: Law, prediction: Prediction, alpha: float) -> float | None:
    """Return about how many samples a true prediction takes to be VERIFIED at `alpha`, where law,
    margin and prediction tell; None where it depends on the samples' variance.

    With a chance of exp(-n D) that n samples of a law on the margin's border look like the
    predicted one (Chernoff 1952), n D must exceed log(1 / alpha), with an allowance for the looks
    and for samples that do not look just as predicted.
    """
    value, margin = np.broadcast_arrays(
        np.asarray(prediction.value, float), np.asarray(prediction.margin, float)
    )
    log_error = np.log(1 / alpha)
    if isinstance(law, SupDistance | TwoSampleDistance):
        size = float(np.max(margin))
        two = isinstance(law, TwoSampleDistance)
        band = np.sqrt((log_error + 2) / (1 if two else 2))
        return float(((band + 0.87 * (np.sqrt(2) if two else 1)) / size) ** 2)
    if isinstance(law, HalfSpaceDistance):
        band = np.sqrt((log_error + 2) * law.routes / 2)
        # The largest of k distances, each of which has a tail of exp(-2 n t^2).
        largest = (0.87 + np.sqrt(np.log(len(law.directions)) / 2)) * np.sqrt(law.routes)
        return float(((band + largest) / float(np.max(margin))) ** 2)
    if isinstance(law, TotalVariation):
        chances = np.array(list(law.probabilities.values()))
        off = np.sum(np.sqrt(chances * (1 - chances) / (2 * np.pi)))  # the mean distance, by sqrt n
        return float(((np.sqrt((log_error + 2) / 2) + off) / float(np.max(margin))) ** 2)
    if isinstance(law, TailDistance):
        tail = law.levels[-1]
        rates = [_relative_entropy(tail, tail * (1 + sign * margin)) for sign in (-1, 1)]
        # The largest of many deviations is beyond 0 by about two standard deviations.
        log_error = (np.sqrt(log_error) + 1) ** 2
        least = min(float(np.min(rate)) for rate in rates)
        return float(_ALLOWANCE * log_error / least)
    if prediction.side != "two":
        return None
    if isinstance(law, Bernoulli):
        rates = [_relative_entropy(value, end) for end in (value - margin, value + margin)]
    elif isinstance(law, NormalVariance) and not law.asymptotic:
        rates = [_of_variances(value, end) for end in (value - margin, value + margin)]
    elif isinstance(law, SubGaussian):
        rates = [(margin / law.sigma) ** 2 / 2]
    elif isinstance(law, SubGamma):
        rates = [margin**2 / (2 * (law.variance + law.scale * margin))]
    elif isinstance(law, BoundedMoment):
        p = law.power
        rates = [(margin / law.bound ** (1 / p)) ** (p / (p - 1)) * (1 - 1 / p)]
    else:
        return None
    least = min(float(np.min(rate)) for rate in rates)
    return float(_ALLOWANCE * log_error / least) if 0 < least < np.inf else None


_ALLOWANCE = 1.3


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the relative entropy of an event of chance p to one of chance q, infinite for q beyond
    [0, 1].
    """
    from scipy.special import rel_entr

    inside = (q > 0) & (q < 1)
    at = np.where(inside, q, 0.5)
    return np.where(inside, rel_entr(p, at) + rel_entr(1 - p, 1 - at), np.inf)


def _of_variances(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the relative entropy of a normal law of variance p to one of variance q."""
    ratio = np.where(q > 0, p / np.where(q > 0, q, 1.0), np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(ratio < np.inf, (ratio - 1 - np.log(ratio)) / 2, np.inf)


def hopeless(law: Law, batches: Sequence[np.ndarray], prediction: Prediction, alpha: float) -> bool:
    """Tell whether a time-uniform law cannot decide yet, from the samples' spread alone.

    Its interval costs more time than the samples. So it is not computed while even 3.3 standard
    errors (at 1e-6; fewer at larger chances) reach across the border of the margin, on every
    coordinate or on one that would have to be verified. This may delay a decision, but never makes
    one earlier.
    """
    if not law.time_uniform or prediction.side != "two" or len(batches) < 2:
        return False
    x = np.concatenate(batches)
    centre = np.median(x, axis=0) if isinstance(law, Symmetric) else np.mean(x, axis=0)
    if centre.shape != np.shape(prediction.value):
        return False
    spread = np.std(x, axis=0)
    if isinstance(law, BoundedMoment):
        if law.power < 2:
            return False
        spread = np.minimum(spread, np.sqrt(law.bound))
    if isinstance(law, Symmetric):
        robust = 1.48 * np.median(np.abs(x - centre), axis=0)
        spread = np.where(robust > 0, np.minimum(robust, spread), spread)
    half = 3.3 * np.sqrt(np.log(1 / alpha) / np.log(1e6)) * spread / np.sqrt(len(x))
    off = np.abs(centre - prediction.value)
    verified = np.all(off + half < prediction.margin)
    refuted = np.any(off - half > prediction.margin)
    return not (verified or refuted)


def _brief(margin: Any) -> str:
    return f"{float(np.min(np.asarray(margin, float))):.3g}"
