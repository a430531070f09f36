"""Data for `selection_audit`: signals, noise of independent rows and of others, and copies of a
column.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.signal import lfilter
from tool_answers import DataSet, Worth

from own_data.sequential_attention import selection_audit

Rng = np.random.Generator
Table = Callable[[Rng], tuple[Any, Any]]
NOISE = ("random order", "alike in y")
TIE = ("copies to a millionth",)


def asked(
    name: str, table: Table, k: int, truth: Any, said: Any, level: float | None = None
) -> DataSet:
    """Right where these features come first, or no more is explained than by chance; doubted where
    that is said.
    """

    def judge(answer: Any) -> Worth:
        right = set(answer.order) == truth if truth else answer.explained <= answer.by_chance.high
        doubted = any(part in doubt.reason for doubt in answer.doubts for part in said)
        return "right" if right and doubted <= (not truth) else "doubted" if doubted else "wrong"

    fits = level is not None
    truths = str(truth or "noise")
    return DataSet(
        tool="selection_audit",
        name=name,
        fits=fits,
        judge=judge,
        truth=truths,
        level=level,
        ask=lambda seed: selection_audit(*table(np.random.default_rng(seed)), k, standardise=True),
        headline=lambda answer: answer.lines()[0].split(";")[0],
    )


def signal(rng: Rng, n: int, p: int, size: float = 3.0) -> tuple[Any, Any]:
    X = rng.normal(size=(n, p))
    return X, size * X[:, :2].sum(axis=1) + rng.normal(size=n)


def noise(draw: Callable[[Rng, int], Any], p: int = 30) -> Table:
    return lambda rng: (draw(rng, p), draw(rng, 1)[:, 0])


def following(share: float) -> Callable[[Rng, int], Any]:
    return lambda rng, p: lfilter([1], [1, -share], rng.normal(size=(400, p)), axis=0)[200:]


def grouped(sizes: Any, own: float) -> Callable[[Rng, int], Any]:
    of_row = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    return lambda rng, p: (
        rng.normal(size=(len(sizes), p))[of_row] + own * rng.normal(size=(len(of_row), p))
    )


def copied(rng: Rng) -> tuple[Any, Any]:
    X, y = signal(rng, 30, 6)
    return np.column_stack([X, X[:, 0] + 1e-6 * rng.normal(size=30)]), X[:, 0] + 0.01 * y


SETS = [
    asked("two features and noise, 30 x 100", partial(signal, n=30, p=100), 2, {0, 1}, NOISE, 0.99),
    asked(
        "two features and noise, 400 x 20",
        partial(signal, n=400, p=20, size=1.0),
        2,
        {0, 1},
        NOISE,
        0.99,
    ),
    asked(
        "noise, 30 x 100", noise(lambda rng, p: rng.normal(size=(30, p)), 100), 8, None, (), 0.99
    ),
    asked("noise, 200 x 30", noise(lambda rng, p: rng.normal(size=(200, p))), 3, None, (), 0.99),
    asked(
        "random walks",
        noise(lambda rng, p: rng.normal(size=(200, p)).cumsum(axis=0)),
        3,
        None,
        NOISE,
    ),
    *(
        asked(f"noise that follows itself, {a}", noise(following(a)), 3, None, NOISE)
        for a in (0.5, 0.7, 0.9)
    ),
    *(
        asked(f"noise in {len(sizes)} {kind} groups", noise(grouped(sizes, 0.1)), 3, None, NOISE)
        for kind, sizes in (("equal", [20] * 10), ("unequal", [20] * 5 + [10] * 5 + [5] * 10))
    ),
    asked("a copy to a millionth", copied, 1, {-1}, TIE),
]
