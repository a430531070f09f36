"""The resolution of a decision: the smallest error of its prediction that its own interval would
have refuted.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Resolution:
    """How small an error a decision detects.

    Attributes:
        size: the smallest error that would not have been VERIFIED, a common factor on all
            coordinates, >= 0; infinite if no size of error is known to be detected; 0 in exact
            arithmetic.
        each: the same for an error in one coordinate alone, of the coordinate that detects least.
        unit: what `size` is a share of: "" for the prediction itself, else what is named.
        rival: of a growth law, the nearest other laws, which are excluded; then `size` is 0.
        beside: as `each`, of all coordinates and as a share of the scale, or without one of the
            largest coordinate.
        at_zero: the same of the coordinates that are predicted to be 0 beside others that are not.
    """

    size: float
    each: float
    unit: str = ""
    rival: str = ""
    beside: float = 0.0
    at_zero: float = 0.0

    def __str__(self) -> str:
        if self.rival:
            return f"not {self.rival}"
        if not np.isfinite(self.size):
            return "no size"
        if self.size == 0:
            return "any error"
        if self.unit:
            return f"{_brief(self.size)} {self.unit}"
        return f"{100 * self.size:.2g} %" if self.size >= 1e-4 else _brief(self.size, "0e")


def _brief(size: float, form: str = "2g") -> str:
    return f"{size:.{form}}".replace("e-0", "e-")


EXACT = Resolution(0.0, 0.0)
UNKNOWN = Resolution(np.inf, np.inf)


def resolution_of(low: Any, high: Any, prediction: Any) -> Resolution:
    """Return the resolution of an interval [low, high] that verified a prediction (a
    `decision.Prediction`).

    A prediction that is moved up by d is no longer VERIFIED, and is REFUTED, once the interval is
    not within its margin and leaves its slack: d >= max(high - value + slack, low - value +
    margin); downwards likewise, mirrored. Of a one-sided prediction the tightening counts, and no
    less than the slack, by which it may be violated. An error is a share of the prediction; where
    all of that is 0, of its `scale`. A common factor is detected as soon as one coordinate detects
    it.
    """
    parts = (low, high, prediction.value, prediction.margin, prediction.slack)
    low, high, value, margin, slack = np.broadcast_arrays(*(np.asarray(v, float) for v in parts))
    up = np.maximum(high - value + slack, low - value + margin)
    down = np.maximum(value - low + slack, value - high + margin)
    if not np.any(value) and prediction.scale is None:
        return UNKNOWN
    unit = "" if np.any(value) else "of its scale"
    largest = np.max(np.abs(value), initial=0.0)
    scale = np.abs(
        np.broadcast_to(largest if prediction.scale is None else prediction.scale, value.shape)
    )
    moving = (value != 0) | (largest == 0)
    size = np.where(value != 0, np.abs(value), scale)
    sign = np.where(value < 0, -1.0, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        errors = {
            "two": (np.where(sign > 0, up, down) / size, np.where(sign > 0, down, up) / size),
            "at most": (np.maximum(down, slack) / size,),
            "at least": (np.maximum(up, slack) / size,),
        }[prediction.side]
    common = float(max(np.min(error[moving]) for error in errors))
    if prediction.side != "two":
        return Resolution(common, common, unit)  # one violated instance refutes a bound
    each = max(np.max(error[moving]) for error in errors)
    beside = max(np.max(error * size / np.maximum(size, scale)) for error in errors)
    at_zero = max(np.max(error[~moving], initial=0.0) for error in errors)
    return Resolution(common, float(each), unit, beside=float(beside), at_zero=float(at_zero))


def unequal(found: Resolution) -> str:
    """Say which coordinates notice far less than the one that `size` speaks of; "" if none does."""
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


def passable(low: Any, high: Any, prediction: Any) -> float:
    """Return the largest common factor of error that an interval would still have VERIFIED, 0 if it
    would none.

    For the looks of a sampled decision before its last: a wrong prediction may have its luck there,
    where the true one was not decided yet. Of one-sided predictions a tighter one is never decided
    earlier.
    """
    parts = (low, high, prediction.value, prediction.margin)
    low, high, value, margin = np.broadcast_arrays(*(np.asarray(v, float) for v in parts))
    size = np.where(
        value != 0, value, 0.0 if np.any(value) or prediction.scale is None else prediction.scale
    )
    zeros = size == 0  # coordinates that a common factor does not move
    if prediction.side != "two" or np.all(zeros):
        return 0.0
    least = high - margin - value
    most = low + margin - value
    if np.any(zeros & ((least >= 0) | (most <= 0))):
        return 0.0
    with np.errstate(over="ignore"):
        ends = np.sort(np.stack([least, most])[:, ~zeros] / size[~zeros], axis=0)
    lowest = np.max(ends[0])
    highest = np.min(ends[1])
    return float(max(-lowest, highest, 0.0)) if np.all(least < most) and lowest < highest else 0.0


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
