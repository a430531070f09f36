"""The p-values of a test: which sample is behind each, and how far may it move?

The tests of `scipy.stats` are wrapped, so that a p-value can be traced to the call that made it.
The call is repeated with the sample moved, until the p-value is below the level.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory_on_trial.weigh.recorder import Recorder

_SECONDS = 8.0
"""How long samples are moved."""
_ONE_SAMPLE: tuple[str, ...] = (
    "kstest",
    "ks_1samp",
    "ks_2samp",
    "ttest_1samp",
    "ttest_ind",
    "cramervonmises",
)
_ONE_SAMPLE += ("mannwhitneyu", "wilcoxon", "cramervonmises_2samp", "chisquare")
"""Tests of scipy.stats whose first argument is the sample that a fault would move."""


def watched_tests(recorder: Recorder) -> None:
    """Let the tests of scipy.stats tell the recorder how they were called."""
    from scipy import stats

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            result = function(*given, **named)
            value: Any = getattr(result, "pvalue", None)
            if value is not None and np.ndim(value) == 0:
                recorder.tests.append((function, given, named, float(value)))
            return result

        return called

    for name in _ONE_SAMPLE:
        setattr(stats, name, watched(getattr(stats, name)))


def moved(calls: dict[int, Any]) -> tuple[list[float], list[float]] | None:
    """Return how far the sample behind each p-value may move, up and down, before the test fails,
    for as many of the first calls as the time allows; None without samples.
    """
    if not calls:
        return None
    ups: list[float] = []
    downs: list[float] = []
    end = time.perf_counter() + _SECONDS
    for function, (sample, *rest), named, level in calls.values():
        if time.perf_counter() > end:
            break
        try:
            x = np.asarray(sample, float)
        except (TypeError, ValueError):
            return None

        spread = float(np.std(x))
        if not 0 < spread < math.inf:
            return None
        along = np.ones_like(x)
        if function.__name__ == "chisquare":  # the first count grows, and the others pay for it
            along = np.where(np.arange(len(x)) == 0, 1.0, -1.0 / (len(x) - 1))
            spread = float(np.sqrt(np.mean(x)))
        test = _Test(function, x, along, tuple(rest), named, level)
        for room, sign in ((ups, 1.0), (downs, -1.0)):
            room.append(-1.0 if test.fails(0.0) else _first(test, sign, spread))
    return ups, downs


@dataclass(frozen=True)
class _Test:
    """A call of a test of scipy.stats, to be repeated with its sample moved along a direction."""

    function: Callable[..., Any]
    sample: np.ndarray
    along: np.ndarray
    rest: tuple[Any, ...]
    named: dict[str, Any]
    level: float

    def fails(self, by: float) -> bool:
        moved = self.sample + by * self.along
        return not self.function(moved, *self.rest, **self.named).pvalue > self.level


def _first(test: _Test, sign: float, spread: float) -> float:
    """Return the least move in a direction at which a test fails, by bisection to 1 in 200; it is
    infinite beyond ten standard deviations.
    """
    high = spread / 64
    while not test.fails(sign * high):
        high *= 2
        if high > 10 * spread:
            return math.inf
    low = high / 2 if high > spread / 64 else 0.0
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (low, middle) if test.fails(sign * middle) else (middle, high)
    return high


def facts_of(calls: dict[int, Any]) -> dict[str, Any]:
    """Return which test of scipy.stats made the p-value, of how many numbers, at which level."""
    for function, (sample, *rest), named, level in calls.values():
        facts = {"test": function.__name__, "size": int(np.size(sample)), "level": level}
        if function.__name__ == "chisquare":
            expected = rest[0] if rest else named.get("f_exp", np.mean(sample))
            facts["other"] = [np.ravel(expected).tolist()]
        return facts
    return {}
