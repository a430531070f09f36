"""Data for `multicalibration_audit`: scores that are off by what is known, and rows that are not
new or independent.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.signal import lfilter
from scipy.stats import norm
from tool_answers import DataSet, Worth

from own_data.multicalibration_boosting import multicalibration_audit

Rng = np.random.Generator
THREE = np.array([0.2, 0.5, 0.8])
UNEQUAL = np.array([0.02, 0.1, 0.5, 1.0])


def scored(
    rng: Rng, n: int = 900, off: float = 0.0, shares: Any = (0.4, 0.5), groups: Any = ...
) -> Any:
    """Predictions .2, .5 or .8, groups of these shares, labels off by that much in the first one at
    .5.
    """
    f = rng.choice(THREE, n)
    member = rng.random((n, len(shares))) < shares
    return f, (rng.random(n) < f + off * member[:, 0] * (f == 0.5)).astype(float), member[:, groups]


def ten(rng: Rng) -> Any:
    """Ten groups that do not overlap, at ten levels; the first is off by a tenth."""
    f = rng.choice(np.arange(0.05, 1, 0.1), 20_000)
    group = rng.integers(10, size=20_000)
    return (
        f,
        rng.random(20_000) < np.minimum(f + 0.1 * (group == 0), 1),
        group[:, None] == np.arange(10),
    )


def binned(rng: Rng, share: float) -> Any:
    """Predictions spread over bins, .01 too low, of rare labels; units of 2 and groups of weight
    -3.
    """
    f = rng.uniform(0.0, 0.1, 400)
    return 2 * f, 2.0 * (rng.random(400) < f + 0.01), -3.0 * (rng.random((400, 1)) < share)


def of_numbers(rng: Rng) -> Any:
    f = rng.choice(THREE, 3000)
    h = rng.uniform(-1, 1, (3000, 2))
    mean = f + 0.1 * h[:, 0]
    return f, rng.beta(4 * mean, 4 * (1 - mean)), h


def following(rng: Rng) -> Any:
    """Right at each row, of labels that depend on those before."""
    f = rng.choice(THREE, 900)
    series = lfilter([0.312], [1, -0.95], rng.standard_normal(1400))[500:]
    return f, norm.cdf(series) < f, np.ones((900, 1))


def fitted_scores(rng: Rng) -> Any:
    x = rng.uniform(-1, 1, 2000)
    y = (rng.random(2000) < 0.5 + 0.2 * x).astype(float)
    basis = np.column_stack([np.ones(2000), x])
    return basis @ np.linalg.lstsq(basis, y, rcond=None)[0], y, (x > 0)[:, None]


def level_means(rng: Rng) -> Any:
    """Means of the labels of each of eight levels, of the rows that are audited."""
    level = rng.integers(0, 8, 2000)
    y = (rng.random(2000) < (level + 1) / 9).astype(float)
    return (np.bincount(level, y) / np.bincount(level))[level], y, (rng.random(2000) < 0.5)[:, None]


def copied(rng: Rng, times: int = 2) -> Any:
    f = rng.random(1000)
    n = 1000 * times
    y = rng.random(1000) < f
    h = rng.random((1000, 1)) < 0.5
    return np.resize(f, n), np.resize(y, n), np.resize(h, (n, 1))


def redrawn(rng: Rng) -> Any:
    """Three levels and a numeric group, drawn with replacement."""
    rows = rng.integers(0, 500, 2000)
    return rng.choice(THREE, 500)[rows], (rng.random(500) < 0.5)[rows], rng.random((500, 1))[rows]


def over(rng: Rng, grid: Any, n: int, turns: float = 0.0) -> Any:
    """Values of a grid, off by this by turns."""
    place = rng.integers(0, len(grid), n)
    return (
        grid[place],
        (rng.random(n) < grid[place] - turns * (-1) ** place).astype(float),
        np.ones((n, 1)),
    )


def audited(
    name: str, draw: Any, judge: Any, truth: str, level: float | None = 0.95, **given: Any
) -> DataSet:
    return DataSet(
        tool="multicalibration_audit",
        name=name,
        fits=level is not None,
        truth=truth,
        judge=judge,
        level=level,
        ask=lambda seed: multicalibration_audit(
            *draw(np.random.default_rng(seed)), held_out=True, **given
        ),
        headline=lambda answer: answer.lines()[0].split(": ")[1],
    )


def cells(means: Callable[[Any], Any], accused: int = 0) -> Callable[[Any], Worth]:
    """Right where all cells hold E[h r | v], and at least so many are off, none in a group that is
    not.
    """

    def judge(answer: Any) -> Worth:
        table = np.broadcast_to(
            means(answer.values[:, None]), (len(answer.values), len(answer.groups))
        )
        hits = [c.residual.low <= table[c.level, c.group] <= c.residual.high for c in answer.cells]
        return (
            "right"
            if all(hits) and sum(c.residual.low > 0 for c in answer.cells) >= accused
            else "wrong"
        )

    return judge


def combined(answer: Any) -> Worth:
    """Of the combination's lower bound, by the law's own weights of levels."""
    truth = (answer.combination.weights @ [0.4 * 0.15, 0.4 * 0.5 * 0.15]) ** 2 / 3
    return "right" if answer.combination.least <= truth else "wrong"


def doubted(name: str, draw: Any, sentence: str) -> DataSet:
    """Data that must be doubted by this sentence, in any draw."""
    return audited(
        name,
        draw,
        lambda answer: "doubted" if sentence in answer.summary() else "wrong",
        "doubted",
        None,
    )


SETS = [
    audited(
        "off by .15 in 40 % at one of three levels",
        lambda rng: scored(rng, off=0.15),
        cells(lambda v: (v == 0.5) * 0.15 * np.array([0.4, 0.2])),
        "E[h r | v]",
    ),
    audited(
        "the same: the worst combination",
        lambda rng: scored(rng, off=0.15),
        combined,
        "at least least",
    ),
    audited(
        "right: what a round would gain",
        lambda rng: scored(rng, 3000),
        lambda answer: "right" if answer.round_gain.low <= 0 else "wrong",
        "nothing",
    ),
    audited("right in all groups", lambda rng: scored(rng, 3000), cells(lambda v: 0 * v), "0"),
    audited(
        "off by .1 in a tenth of 20,000 rows, which must be seen",
        ten,
        cells(lambda v: 0.1 * np.minimum(0.1, 1 - v) * (np.arange(10) == 0), 1),
        "E[h r | v]",
    ),
    audited(
        "groups of 2 to 100 %, the smallest off by .2",
        lambda rng: scored(rng, 20_000, 0.2, UNEQUAL),
        cells(lambda v: (v == 0.5) * 0.02 * 0.2 * np.append(1, UNEQUAL[1:])),
        "E[h r | v]",
    ),
    *(
        audited(
            f"rare labels in bins, {share:.0%}",
            partial(binned, share=share),
            cells(partial(np.full_like, fill_value=m)),
            f"{m}",
            n_levels=20,
            bounds=(0.0, 2.0),
            min_count=15,
        )
        for share, m in ((0.3, -0.018), (1, -0.06))
    ),
    audited(
        "numbers as labels and groups",
        of_numbers,
        cells(lambda v: np.array([0.1 / 3, 0]) + 0 * v),
        "1/30, 0",
    ),
    doubted(
        "labels that follow those before, .95",
        following,
        "residuals of neighbouring rows are alike",
    ),
    audited(
        "right, on a grid: neither copies nor fitted",
        lambda rng: over(rng, np.arange(2, 19) / 20, 3000),
        lambda answer: "wrong" if "copies" in str(answer) or "training" in str(answer) else "right",
        "no",
        0.99,
    ),
    doubted(
        "a score fitted on these rows", fitted_scores, "an audit on training data says nothing"
    ),
    doubted(
        "means of these labels as a score", level_means, "an audit on training data says nothing"
    ),
    doubted("each row twice", copied, "rows are copies of others"),
    doubted("each row twenty times", lambda rng: copied(rng, 20), "rows are copies of others"),
    doubted("rows drawn with replacement", redrawn, "rows are copies of others"),
    doubted(
        "off by turns within the bins",
        lambda rng: over(rng, (np.arange(20) + 0.5) / 20, 20_000, 0.02),
        "which can hide miscalibration",
    ),
    doubted(
        "bins hardly wider than the grid",
        lambda rng: over(rng, np.arange(13) / 12, 3000),
        "which share a level depends on rounding",
    ),
    doubted(
        "a group given twice",
        lambda rng: scored(rng, 2000, groups=[0, 0, 1]),
        "1 groups are equal to others",
    ),
    doubted(
        "a level of one row",
        lambda rng: (np.append(0.51, (data := scored(rng, 2000))[0][1:]), *data[1:]),
        "levels of one row",
    ),
]
