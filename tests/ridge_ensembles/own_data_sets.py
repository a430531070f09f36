"""Data for `choose_subsample`: risks of bags that are fitted again, at new points of the law of the
rows.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import lstsq
from scipy.signal import lfilter
from scipy.stats import t
from tool_answers import DataSet, Worth, held

from own_data.ridge_ensembles import choose_subsample

Rng = np.random.Generator


UNIT = np.sqrt(3 / 5)  # of Student's t of 5 degrees, whose variance it makes 1
WITH, SQUARE = (
    t(5, scale=UNIT).expect(part)
    for part in (lambda e: e * np.sin(2 * e), lambda e: np.sin(2 * e) ** 2)
)


def regression(rng: Rng, n: int = 200, p: int = 100) -> Any:
    """Correlated rows with heavy tails and a response that is mildly non-linear; with their second
    moments.
    """
    factor = np.linalg.cholesky(0.5 ** np.abs(np.subtract.outer(np.arange(p), np.arange(p))))
    x = rng.standard_t(5, (n, p)) * UNIT @ factor.T
    slopes = rng.standard_normal(p) / np.sqrt(p)
    y = x @ slopes + 0.5 * np.sin(2 * x[:, 0]) + 0.5 * rng.standard_normal(n)
    rise = 0.5 * WITH * factor[:, 0]
    return x, y, moments(factor @ factor.T, slopes, 0.25 + 0.25 * SQUARE, rise)


def moments(covariance: Any, slopes: Any, rest: float, rise: Any = 0.0) -> Any:
    """Second moments of a row and its response, linear but for a part of mean square `rest` with
    E[x part] = rise.
    """
    both = covariance @ slopes + rise
    return np.block([[covariance, both[:, None]], [both, slopes @ (both + rise) + rest]])


def refitted(rng: Rng, x: Any, y: Any, second: Any, k: int, penalty: float, bags: int = 8) -> float:
    """The mean risk of bags of five at a new point of these second moments."""
    fits = []
    for rows in (rng.choice(len(y), k, replace=False) for _ in range(5 * bags)):
        ridge = np.vstack([x[rows], np.sqrt(k * penalty) * np.eye(x.shape[1])])
        fits.append(
            lstsq(ridge, np.append(y[rows], np.zeros(x.shape[1])), lapack_driver="gelsy")[0]
        )
    errors = np.column_stack([-np.mean(np.split(np.array(fits), bags), axis=1), np.ones(bags)])
    return float(np.mean(np.einsum("bi,ij,bj->b", errors, second, errors)))


def following(share: float) -> Callable[[Rng, int], Any]:
    return lambda rng, p: lfilter(
        [np.sqrt(1 - share**2)], [1, -share], rng.standard_normal((700, p)), axis=0
    )[500:]


def grouped(shuffled: bool) -> Callable[[Rng, int], Any]:
    """Of 40 groups of five rows; the groups are those of the generator's first state."""
    group = np.random.default_rng(0).permutation(200) // 5 if shuffled else np.arange(200) // 5
    return lambda rng, p: (
        0.954 * rng.standard_normal((40, p))[group] + 0.3 * rng.standard_normal((200, p))
    )


def unrelated(draw: Callable[[Rng, int], Any]) -> Callable[[Rng], Any]:
    """Twenty columns and a response that know nothing of each other, all of mean 0 and variance
    1.
    """
    return lambda rng: (draw(rng, 20), draw(rng, 1)[:, 0], np.eye(21))


def repeated(rng: Rng, times: int, noise: float) -> Any:
    x, y, second = regression(rng, 60, 30)
    x = np.repeat(x, times, axis=0)
    y = np.repeat(y, times)
    x = x + noise * rng.standard_normal(x.shape)
    y = y + noise * rng.standard_normal(len(y))
    return x, y, second + noise**2 * np.eye(31)


def scaled(rng: Rng, outlier: float = 0.0) -> Any:
    """Rows of lengths of Student's t."""
    x = rng.standard_t(2.5, (200, 1)) * rng.standard_normal((200, 80))
    y = x @ np.ones(80) / 9 + rng.standard_normal(200) + outlier * (np.arange(200) == 7)
    return x, y, moments(5 * np.eye(80), np.ones(80) / 9, 1.0)


def bag(
    name: str, law: Callable[[Rng], Any], k: int, *penalties: float, fits: bool = False
) -> DataSet:
    """The risk of one penalty, or by how much that of the worse of two is above the other's."""

    def ask(seed: int) -> Any:
        x, y, second = law(np.random.default_rng(seed))
        table = choose_subsample(x, y, [k], penalties, 5, random_state=seed, fit_intercept=False)
        risks = [
            refitted(np.random.default_rng([seed, 1]), x, y, second, k, row.penalty)
            for row in table.settings
        ]
        return table, risks

    def judge(answer: Any, risks: Any) -> Worth:
        last = answer.settings[-1]
        one = len(risks) == 1
        return held(
            last.risk if one else last.excess,
            risks[-1] - (not one) * risks[0],
            answer,
            "of each risk",
        )

    return DataSet(
        tool="choose_subsample",
        name=f"{name}, k = {k}, λ = {', '.join(map(str, penalties))}",
        fits=fits,
        ask=ask,
        level=0.95 if fits else None,
        truth="of the bag",
        judge=judge,
        headline=lambda answer: str(answer.settings[-1].risk),
    )


FITTING = [
    bag("heavy tails, mildly non-linear", regression, *s, fits=True)
    for s in ((50, 0.0), (120, 0.2), (150, 0.0))
]
SETS = [
    *FITTING,
    bag("heavy tails, mildly non-linear", regression, 120, 0.2, 2.0, fits=True),
    bag(
        "noise in independent rows",
        unrelated(lambda rng, p: rng.standard_normal((200, p))),
        120,
        0.5,
        fits=True,
    ),
    *(
        bag(f"noise that follows itself, {share}", unrelated(following(share)), 120, 0.5)
        for share in (0.5, 0.7, 0.9, 0.98)
    ),
    *(
        bag(f"noise in groups {'shuffled' * s or 'in order'}", unrelated(grouped(s)), 120, 0.5)
        for s in (False, True)
    ),
    bag("each row twice", partial(repeated, times=2, noise=0.0), 60, 0.5),
    bag("each row three times, nearly", partial(repeated, times=3, noise=0.1), 90, 0.1),
    bag("rows of unlike scale", scaled, 120, 0.05),
    bag("an outlier", partial(scaled, outlier=1e4), 120, 0.05),
]
