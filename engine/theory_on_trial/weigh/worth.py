"""What a test is worth, from what was recorded: which fault does it notice how often?

If the value moves by s > 0, a run fails if `up` < s, or if `down` < -s where it failed already. The
share of such runs is the power of the test at s. The fault that a test notices with a chance of L
is the least s with a power of L; its interval holds the s at which Clopper and Pearson's interval
of the share contains L.
"""

from dataclasses import dataclass

import numpy as np

from theory_on_trial.laws import exact_ends

HALF = 0.5
NEARLY = 0.99
"""The shares at which a fault is named: noticed half of the time, and nearly always."""
ERROR = 1e-3
"""The chance that an interval of a fault misses it."""


@dataclass(frozen=True)
class Fault:
    """The least shift of a value that a test notices with a chance of `share`.

    Attributes:
        share: that chance.
        size: the shift, in the unit of the value; infinite where no shift on this side is noticed
            so often, 0 where the test fails so often without any.
        low, high: its interval.
    """

    share: float
    size: float
    low: float
    high: float


def fault(up: np.ndarray, down: np.ndarray, others: np.ndarray, share: float) -> Fault:
    """Return the least upward shift that is noticed with a chance of `share`; swap `up` and `down`
    for the downward one.

    Args:
        up: how far the value of each run may move up before the form fails, shape `(n,)`.
        down: how far down.
        others: whether each run failed for another reason, shape `(n,)`.
        share: in (0, 1).
    """
    others = others | ((up < 0) & (down < 0))  # no move mends these, as a NaN
    at = np.unique(np.concatenate([[0.0], up[np.isfinite(up) & (up > 0) & ~others], [np.inf]]))
    counts = _failing(up[~others], down[~others], at) + np.sum(others)
    low, high = exact_ends(counts, len(up), ERROR)
    return Fault(share, *(_reached(at, shares, share) for shares in (counts / len(up), high, low)))


def _failing(up: np.ndarray, down: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return how many runs fail just beyond each shift; infinity is beyond every finite end."""
    over = np.searchsorted(np.sort(up), np.where(np.isinf(at), np.finfo(float).max, at), "right")
    under = len(down) - np.searchsorted(np.sort(-down), at, "right")
    return np.asarray(np.minimum(over + under, len(up)))


def _reached(at: np.ndarray, shares: np.ndarray, share: float) -> float:
    """Return the shift from which on the share stays reached: moving the value may first mend runs
    that failed, so the last shift below it counts.
    """
    below = np.flatnonzero(shares < share)
    first = below[-1] + 1 if len(below) else 0
    return float(at[first]) if first < len(at) else float(np.inf)
