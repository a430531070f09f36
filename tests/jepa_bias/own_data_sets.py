"""Data that nobody prepared, for the learning orders; truths by plain descent, or by quadrature
where all commute.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from scipy.integrate import quad
from sklearn.datasets import load_digits, load_iris, load_wine
from tool_answers import DataSet, Worth, held

from own_data.jepa_bias import (
    LearningOrder,
    ViewsLearningOrder,
    learning_order,
    learning_order_of_views,
)
from tests.jepa_bias.jepa_flow_by_hand import descent_crossings

LAMBDA = np.array([1.0, 0.45])
RHO = np.array([0.5, 0.9])
RATES = {"jepa": 0.02, "mae": 0.005}


def views(
    seed: int, n_samples: int = 300, noise: Callable[..., Any] | None = None, memory: float = 0.0
) -> Any:
    """Two features of λ 1 and .45, ρ .5 and .9, the first of which is noisy, in a turned basis."""
    rng = np.random.default_rng(seed)
    draw = rng.standard_normal if noise is None else partial(noise, rng)
    signal, *noises = (draw((n_samples, 2)) for _ in range(3))
    for part in (signal, *noises):
        for row in range(1, n_samples if memory else 0):
            part[row] = memory * part[row - 1] + np.sqrt(1 - memory**2) * part[row]
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    seen = [
        (signal * np.sqrt(LAMBDA) + part * np.sqrt(LAMBDA / RHO - LAMBDA)) @ turn.T
        for part in noises
    ]
    return seen[0], seen[1]


@cache
def times_of_scalars(objective: str, epsilon: float, depth: int) -> tuple[float, ...]:
    """Of half the final strengths, on the clock of the flow: the integral of 1 over the velocity,
    in log strength.
    """
    power, gain = {"jepa": (depth, 3 - 1 / depth), "mae": (depth / (depth + 1), 2 - 1 / depth)}[
        objective
    ]
    times = []
    for strength, rho in zip(LAMBDA, RHO, strict=True):

        def inverse(log: float, strength: float = strength, rho: float = rho) -> float:
            w = float(np.exp(log))
            return w / (depth * strength * (w**gain - w**3 / rho))

        times.append(quad(inverse, np.log(epsilon), np.log(0.5 * rho**power), limit=200)[0])
    return tuple(times)


def of_population(
    data: Callable[[int], Any], objective: str, name: str, fits: bool, draws: int, **more: Any
) -> DataSet:
    """Both times of a population whose covariances commute, by quadrature."""
    truths = sorted(times_of_scalars(objective, 0.01, 2))

    def ask(seed: int) -> ViewsLearningOrder:
        return learning_order_of_views(*data(seed), 2, 0.01, objective)

    def judge(answer: ViewsLearningOrder) -> Worth:
        found = [
            held(time, truth, answer, "none")
            for time, truth in zip(answer.times, truths, strict=True)
        ]
        doubted = any(doubt.size == np.inf for doubt in answer.doubts)
        return "right" if found.count("right") == len(truths) else "doubted" if doubted else "wrong"

    level = 0.9 if fits else None  # two intervals of 95 %
    told = f"{objective.upper()}: {truths[0]:.4g} and {truths[1]:.4g}"
    return DataSet(
        tool="learning_order_of_views",
        name=name,
        fits=fits,
        ask=ask,
        truth=told,
        judge=judge,
        headline=lambda answer: ", ".join(map(str, answer.times)),
        draws=draws,
        level=level,
    )


def of_many(n_samples: int) -> DataSet:
    """Of λ of the features that a sample shows of five, which it pulls apart: the extremes are
    partly chance.
    """
    strengths = np.linspace(1, 0.4, 5)
    regressions = np.array([0.5, 0.9, 0.6, 0.8, 0.7])

    def ask(seed: int) -> ViewsLearningOrder:
        signal, *noises = np.random.default_rng(seed).standard_normal((3, n_samples, 5)) * np.sqrt(
            strengths
        )
        return learning_order_of_views(
            *(signal + part * np.sqrt(1 / regressions - 1) for part in noises), 2, 0.01, "mae"
        )

    def judge(answer: ViewsLearningOrder) -> Worth:
        truths = strengths @ answer.order.basis**2
        found = [
            one.low <= truth <= one.high
            for one, truth in zip(answer.covariance, truths, strict=True)
        ]
        return "right" if all(found) else "wrong"

    return DataSet(
        tool="learning_order_of_views",
        name=f"covariances of five features, {n_samples} pairs",
        fits=True,
        ask=ask,
        truth="1 to .4 in their own basis",
        judge=judge,
        level=0.75,  # five intervals of 95 %
        headline=lambda answer: ", ".join(map(str, answer.covariance)),
        draws=200,
    )


def of_descent(
    moments: Callable[[int], Any],
    name: str,
    fits: bool,
    objective: str,
    depth: int,
    epsilon: float,
    draws: int,
) -> DataSet:
    """All first times and whatever is unlearned, against descent on the same covariances."""

    last: list[int] = []

    def ask(seed: int) -> LearningOrder:
        last[:] = [seed]
        return learning_order(*moments(seed), depth, epsilon, objective)

    def judge(answer: LearningOrder) -> Worth:
        pair = moments(last[0])
        rate = RATES[objective]
        seen = descent_crossings(
            *pair, answer.basis, depth, epsilon, objective, 0.5, rate, 1.2 * answer.horizon
        )
        slack = 0.02 + answer.integration_error  # descent is off by rate times rates
        for feature, times in enumerate(seen):
            told = [event.time for event in answer.events if event.feature == feature]
            if len(told) != len(times) or not np.allclose(told, times, rtol=slack):
                return "wrong"
        return "right"

    return DataSet(
        tool="learning_order",
        name=name,
        fits=fits,
        ask=ask,
        judge=judge,
        truth=f"{objective.upper()}: descent in NumPy",
        headline=lambda answer: (
            "; ".join(answer.course().split("; "))
            if answer.displaced
            else ("times " + ", ".join(f"{time:.4g}" for time in answer.times[:4]))
        ),
        draws=draws,
    )


def refused(data: Callable[[int], Any], name: str) -> DataSet:
    return DataSet(
        tool="learning_order_of_views",
        name=name,
        fits=False,
        truth="not to be judged",
        draws=3,
        ask=lambda seed: learning_order_of_views(*data(seed), 2, 0.01, "mae"),
        judge=lambda answer: "wrong",
    )


def covariances(x: Any, y: Any) -> tuple[Any, Any]:
    x = x - x.mean(axis=0)
    y = y - y.mean(axis=0)
    return x.T @ x / len(x), y.T @ x / len(x)


def random_problem(seed: int, asymmetry: float = 0.05) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    variance = rng.uniform(0.5, 2, 4)
    return np.diag(variance), np.diag(
        rng.uniform(0.3, 1, 4) * variance
    ) + asymmetry * rng.standard_normal((4, 4))


def real(load: Callable[..., Any], columns: int) -> Callable[[int], Any]:
    """Two disjoint halves of the rows of a table, paired by class, standardised; drawn anew for
    each seed.
    """

    def moments(seed: int) -> tuple[Any, Any]:
        features, labels = load(return_X_y=True)
        features = ((features - features.mean(axis=0)) / features.std(axis=0))[:, :columns]
        rng = np.random.default_rng(seed)
        partner = np.concatenate(
            [rng.permutation(np.flatnonzero(labels == k)) for k in np.unique(labels)]
        )
        order = np.argsort(labels, kind="stable")
        return covariances(features[order], features[partner])

    return moments


def digits_halves(seed: int) -> tuple[Any, Any]:
    images = load_digits().data / 4
    rows = np.random.default_rng(seed).permutation(len(images))[:1500]
    parts = np.linalg.svd(images - images.mean(axis=0), full_matrices=False)[2][:4].T
    top = images[rows][:, :32] @ parts[:32]
    bottom = images[rows][:, 32:] @ parts[32:]
    return covariances(top, bottom)


def turning(seed: int) -> tuple[Any, Any]:
    angle = 0.3 + 0.1 * seed
    return np.eye(2), np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def twice(seed: int) -> Any:
    x, y = views(seed, 150)
    rows = np.random.default_rng(seed).permutation(np.repeat(np.arange(150), 3))
    return x[rows], y[rows]


def with_column(seed: int, column: Any) -> Any:
    return [np.hstack([view, column[:, None]]) for view in views(seed)]


SETS = [
    of_population(views, "mae", "Gaussian views, 300 pairs", True, 200),
    of_population(lambda seed: views(seed, 80), "mae", "80 pairs", True, 200),
    of_population(views, "jepa", "Gaussian views, 300 pairs", True, 200),
    of_population(
        lambda seed: views(seed, memory=0.6), "mae", "successive rows alike, 300 pairs", True, 200
    ),
    of_population(twice, "mae", "150 pairs, three times each", True, 200),
    of_many(200),
    of_descent(
        partial(random_problem, asymmetry=0.05),
        "four features, nearly commuting",
        True,
        "jepa",
        2,
        0.05,
        20,
    ),
    of_descent(
        partial(random_problem, asymmetry=0.05),
        "four features, nearly commuting",
        True,
        "mae",
        3,
        0.05,
        20,
    ),
    of_descent(real(load_iris, 2), "iris, pairs of a class", True, "mae", 2, 0.02, 20),
    of_descent(real(load_wine, 3), "wine, pairs of a class", True, "mae", 2, 0.05, 20),
    of_descent(
        partial(random_problem, asymmetry=0.2),
        "four features, far from commuting",
        False,
        "jepa",
        2,
        0.05,
        20,
    ),
    of_descent(
        partial(random_problem, asymmetry=0.2),
        "four features, far from commuting",
        False,
        "mae",
        3,
        0.05,
        20,
    ),
    of_descent(digits_halves, "digits, top and bottom halves", False, "mae", 2, 0.01, 3),
    of_descent(turning, "views turned by an angle", False, "mae", 1, 0.05, 4),
    of_population(
        lambda seed: views(seed, noise=lambda rng, size: rng.standard_t(3, size) / np.sqrt(3)),
        "mae",
        "Student's t of 3 degrees",
        False,
        40,
    ),
    refused(lambda seed: views(seed, 30), "30 pairs"),
    refused(
        lambda seed: np.random.default_rng(seed).standard_normal((2, 60, 10)),
        "60 pairs of 10 columns",
    ),
    refused(
        lambda seed: with_column(seed, 1.7e12 + 8.64e7 * np.arange(300)), "a time stamp of 1.7e12"
    ),
    refused(
        lambda seed: with_column(seed, 1 + 1e-7 * views(seed)[0][:, 0]), "a nearly constant column"
    ),
    refused(
        lambda seed: (
            np.where(np.arange(600).reshape(300, 2) == 2 * seed, np.nan, views(seed)[0]),
            views(seed)[1],
        ),
        "a missing entry",
    ),
]
