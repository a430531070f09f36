"""The resolution of a decision: the smallest error of its prediction that it detects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

OF_TAILS = "of a tail probability"
"""The unit of an error that is relative to the probability of a tail."""


@dataclass(frozen=True)
class Resolution:
    """The smallest error that a decision detects.

    Attributes:
        size: the smallest error that would not have been VERIFIED, a common factor on all
            coordinates, >= 0; infinite if no size of error is known to be detected; 0 in exact
            arithmetic.
        each: the same for an error in one coordinate alone, of the coordinate that detects least.
        unit: the quantity of which `size` is a share; "" stands for the prediction.
        exponent: of a growth law, what is known of its exponent, in words; then `size` is a share
            of the exponent.
        beside: as `each`, of all coordinates and as a share of the scale, or without one of the
            largest coordinate.
        at_zero: the same of the coordinates that are predicted to be 0 beside others that are not.
    """

    size: float
    each: float
    unit: str = ""
    exponent: str = ""
    beside: float = 0.0
    at_zero: float = 0.0

    def __str__(self) -> str:
        if self.exponent:
            return self.exponent
        if not np.isfinite(self.size):
            return "unknown"
        if self.size == 0:
            return f"any error {self.unit}".strip()
        if self.unit:
            return f"{_brief(self.size)} {self.unit}"
        if self.size >= 1e-4:
            return f"{float(f'{100 * self.size:.2g}'):g} %"  # 150 %, not 1.5e+02 %
        return _brief(self.size, "0e")


def _brief(size: float, form: str = "2g") -> str:
    return f"{size:.{form}}".replace("e-0", "e-")


EXACT = Resolution(0.0, 0.0)
UNKNOWN = Resolution(np.inf, np.inf)


def resolution_of(low: Any, high: Any, prediction: Any) -> Resolution:
    """Return the resolution of an interval [low, high] that verified a prediction (a
    `decision.Prediction`).

    A prediction that is moved up by d is no longer VERIFIED, and is excluded, once the interval is
    not within its margin and leaves its slack: d >= max(high - value + slack, low - value +
    margin); downwards in the same way, mirrored. Of a one-sided prediction the tightening counts,
    and no less than the slack, by which it may be violated.
    """
    parts = (low, high, prediction.value, prediction.margin, prediction.slack)
    low, high, value, margin, slack = np.broadcast_arrays(*(np.asarray(v, float) for v in parts))
    up = np.maximum(high - value + slack, low - value + margin)
    down = np.maximum(value - low + slack, value - high + margin)
    if prediction.side == "at most":
        return _resolution((np.maximum(down, slack),), prediction)
    if prediction.side == "at least":
        return _resolution((np.maximum(up, slack),), prediction)
    positive = value >= 0
    upwards = np.where(positive, up, down)
    downwards = np.where(positive, down, up)
    return _resolution((upwards, downwards), prediction)


def resolution_of_margin(prediction: Any) -> Resolution:
    """Return the resolution of a two-sided prediction that is decided by sampling.

    Sampling goes on until the truth is known to lie within the margin or beyond it. A theory that
    is right up to its slack is within the margin; moved by margin + slack it is beyond, whatever
    the samples. So the resolution is known before the first sample.
    """
    return _resolution((np.add(prediction.margin, prediction.slack, dtype=float),), prediction)


def _resolution(errors: Sequence[np.ndarray], prediction: Any) -> Resolution:
    """Return the resolution that smallest detected errors of each coordinate, in one or two
    directions, amount to.

    An error is a share of the prediction; where all of that is 0, of its `scale`. A common factor
    is detected as soon as one coordinate detects it.
    """
    value, *errors = np.broadcast_arrays(np.asarray(prediction.value, float), *errors)
    if not np.any(value) and prediction.scale is None:
        return UNKNOWN
    unit = "" if np.any(value) else "of its scale"
    largest = np.max(np.abs(value), initial=0.0)
    scale = np.abs(
        np.broadcast_to(largest if prediction.scale is None else prediction.scale, value.shape)
    )
    moving = (value != 0) | (largest == 0)
    size = np.where(value != 0, np.abs(value), scale)
    with np.errstate(over="ignore", invalid="ignore"):
        shares = [error / size for error in errors]
    common = float(max(np.min(share[moving]) for share in shares))
    if prediction.side != "two":
        return Resolution(common, common, unit)  # one violated instance refutes a bound
    each = max(np.max(share[moving]) for share in shares)
    beside = max(np.max(share * size / np.maximum(size, scale)) for share in shares)
    at_zero = max(np.max(share[~moving], initial=0.0) for share in shares)
    return Resolution(common, float(each), unit, beside=float(beside), at_zero=float(at_zero))


def unequal(found: Resolution) -> str:
    """Say which coordinates detect far less than the one that `size` is about; "" if none does."""
    parts = []
    if 10 * found.size < found.each > 0.05:
        parts.append(
            f"a common factor is detected from {found} on, an error in one coordinate from "
            f"{found.each:.2g} on"
        )
    if found.at_zero > 0.05:
        parts.append(
            f"where 0 is predicted errors are detected from {found.at_zero:.2g} of the largest on"
        )
    return "; ".join(parts)


def distances(wrong: Any, prediction: Any) -> np.ndarray:
    """Return how far a wrong prediction lies from the true one on each coordinate, in the unit of
    the resolution.
    """
    value = np.asarray(prediction.value, float)
    size = np.where(
        value != 0, np.abs(value), 1.0 if prediction.scale is None else np.abs(prediction.scale)
    )
    with np.errstate(over="ignore"):
        return np.asarray(np.abs(np.asarray(wrong, float) - value) / size)


def distance(wrong: Any, prediction: Any) -> float:
    """Return the largest of the `distances`."""
    return float(np.max(distances(wrong, prediction), initial=0.0))
