"""Learners for `theory-on-trial audit tools`: what `which_algorithm` says of those in its list, and of others.

The truth is the learner that was planted: written here in other words than the tool's own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import BayesianRidge, ElasticNet, Lasso
from sklearn.tree import DecisionTreeRegressor

from own_data.in_context_learning import Resemblance, which_algorithm
from theory_on_trial.audits.tools import DataSet, Outcome

Learner = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]
Draw = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]


def gaussian(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    inputs = rng.standard_normal((120, 7, 2))
    weights = rng.standard_normal((120, 1, 2))
    return inputs, np.sum(inputs * weights, axis=2) + 0.3 * rng.standard_normal((120, 7))


def heavy(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    inputs, labels = gaussian(rng)
    return inputs * rng.standard_t(1.5, (120, 1, 1)), labels


def each(answer: Callable[[np.ndarray, np.ndarray, np.ndarray], float]) -> Learner:
    return lambda X, Y, queries: np.array([answer(*prompt) for prompt in zip(X, Y, queries, strict=True)])


def of_sklearn(model: Any) -> Learner:
    return each(lambda X, Y, query: float(model.fit(X, Y).predict(query[None])[0]))


def ridge(regulariser: float) -> Learner:
    return each(lambda X, Y, x: float(x @ np.linalg.solve(X.T @ X + regulariser * np.eye(len(x)), X.T @ Y)))


def descent(steps: int, step: float, momentum: float = 0.0) -> Learner:
    def answer(X: np.ndarray, Y: np.ndarray, query: np.ndarray) -> float:
        weights = velocity = np.zeros(len(query))
        for _ in range(steps):
            velocity = momentum * velocity - 2 * step * X.T @ (X @ weights - Y)
            weights = weights + velocity
        return float(weights @ query)

    return each(answer)


def kernel(X: np.ndarray, Y: np.ndarray, query: np.ndarray) -> float:
    weights = np.exp(-np.sum((X - query) ** 2, axis=1))
    return float(weights @ Y / weights.sum())


def learner(name: str, fits: bool, predict: Learner, draw: Draw = gaussian) -> DataSet:
    def judge(answer: Resemblance) -> Outcome:
        if fits:
            return "right" if any(found.startswith(name) for found in answer.matching) else "wrong"
        return "wrong" if answer.matching else "right"

    return DataSet(
        tool="which_algorithm",
        name=name,
        fits=fits,
        ask=lambda seed: which_algorithm(predict, *draw(np.random.default_rng(seed)), prefixes=[3, 6]),
        truth=name if fits else "none",
        judge=judge,
        headline=lambda answer: " or ".join(answer.matching) or "none",
        draws=10,
        level=0.95 if fits else None,
    )


SETS = [
    learner("ridge", True, ridge(0.5)),
    learner("least squares", True, each(lambda X, Y, x: float(x @ np.linalg.lstsq(X, Y, rcond=None)[0]))),
    learner("one gradient step", True, descent(1, 0.05)),
    learner("gradient steps", True, descent(7, 0.02)),
    learner("gradient steps with momentum", True, descent(6, 0.02, 0.6)),
    learner("mean label", True, each(lambda X, Y, x: float(Y.mean()))),
    learner("kernel average", True, each(kernel)),
    learner("nearest", True, each(lambda X, Y, x: float(Y[np.argmin(np.sum((X - x) ** 2, axis=1))]))),
    learner("always zero", True, each(lambda X, Y, x: 0.0)),
    learner("ten times ridge", False, each(lambda X, Y, x: 10 * float(ridge(0.5)(X[None], Y[None], x[None])[0]))),
    learner("noise", False, lambda X, Y, x: np.random.default_rng(len(X[0])).standard_normal(len(X))),
    learner("squared labels", False, each(lambda X, Y, x: float(np.sum(Y**2)))),
    learner("a tree", False, of_sklearn(DecisionTreeRegressor(max_depth=2, random_state=0))),
    learner("minus ridge", False, each(lambda X, Y, x: -float(ridge(0.5)(X[None], Y[None], x[None])[0]))),
    learner("lasso with an intercept", False, of_sklearn(Lasso(0.3))),
    learner("elastic net with an intercept", False, of_sklearn(ElasticNet(0.5))),
    learner("heavy tails, median label", False, each(lambda X, Y, x: float(np.median(Y))), heavy),
    learner("evidence chooses λ, with an intercept", False, of_sklearn(BayesianRidge())),
]
