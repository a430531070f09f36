"""Data for `predicted_forgetting`: linear models, refitted, and a narrow net,
trained.
"""

from typing import Any

import numpy as np
from tool_answers import DataSet, Worth, held

from own_data.forgetting_overlap import predicted_forgetting
from theory_on_trial.own_data.estimate import Estimate


def tasks(seed: int, n_s: int = 5, n_t: int = 6, dim: int = 10) -> tuple[Any, Any, Any]:
    generator = np.random.default_rng(seed)
    return (
        generator.normal(size=(n_s, dim)),
        generator.normal(size=(n_t, dim)),
        3 * generator.normal(size=n_t),
    )


def update(features: Any, residual: Any, ridge: float) -> Any:
    return np.linalg.solve(
        features.T @ features + ridge * np.eye(features.shape[1]), features.T @ residual
    )


def refitted(first: Any, second: Any, residual: Any, ridge: float, memory: int = 0) -> float:
    """The squared drift, by least squares on rows of T and of the ridge, off the leading directions
    of S.
    """
    right = np.linalg.svd(first)[2][:memory]
    design = np.vstack([second - second @ right.T @ right, np.sqrt(ridge) * np.eye(first.shape[1])])
    change = np.linalg.lstsq(design, np.append(residual, np.zeros(first.shape[1])))[0]
    return float(np.sum((first @ change) ** 2))


class Net:
    """Of ten ReLU units that read 4 numbers: trained on eight points by halved steps of Gauss and
    Newton.
    """

    def __init__(self, seed: int):
        generator = np.random.default_rng(seed)
        self.inputs = generator.normal(size=(14, 4))
        self.weights = generator.normal(size=50)
        here = self.outputs(self.weights)
        labels = here[6:] + 0.3 * generator.normal(size=8)
        moved = self.weights
        self.residual = labels - here[6:]
        for _ in range(200):  # whole ones may hop between kinks
            features = self.gradients(moved)[6:]
            left = labels - self.outputs(moved)[6:] + features @ (moved - self.weights)
            moved = (moved + self.weights + update(features, left, 0.5)) / 2
        self.forgotten = float(np.sum((self.outputs(moved) - here)[:6] ** 2))

    def outputs(self, w: Any) -> Any:
        return np.maximum(self.inputs @ w[:40].reshape(4, 10), 0) @ w[40:] / np.sqrt(10)

    def gradients(self, w: Any) -> Any:
        return (
            np.array(
                [self.outputs(w + 1e-6 * e) - self.outputs(w - 1e-6 * e) for e in np.eye(50)]
            ).T
            / 2e-6
        )

    def predicted(self, **given: Any) -> Any:
        here = self.gradients(self.weights)
        return predicted_forgetting(here[:6], here[6:], self.residual, ridge=0.5, **given)


def asked(
    tool: str, name: str, ask: Any, judge: Any, fits: bool = True, level: float | None = None
) -> DataSet:
    return DataSet(
        tool=tool,
        name=name,
        fits=fits,
        ask=ask,
        truth="refitted",
        judge=judge,
        level=level,
        draws=200 if fits else 50,
        headline=lambda answer: answer.lines()[0],
    )


def drift(answer: Any, truth: float) -> Worth:
    """Right to a part in a million, or doubted by as much as it is off, relative to the
    forecast.
    """
    off = truth / answer.forgetting
    return (
        "right"
        if np.isclose(off, 1, rtol=1e-6)
        else held(Estimate(1, 1, 1), off, answer, "of the forgetting")
    )


def absolute(answer: Any, truth: float) -> Worth:
    return held(Estimate(*[answer.forgetting] * 3), truth, answer, "squared units of the labels")


def linear(n_s: int, n_t: int, dim: int, ridge: float) -> list[DataSet]:
    """Its forgetting, the interval of a random residual, which that of the tasks is."""

    def ask(seed: int) -> Any:
        task = tasks(seed, n_s, n_t, dim)
        return predicted_forgetting(*task, ridge=ridge, weights=None), refitted(*task, ridge)

    predicting = "predicted_forgetting"
    of = f"{n_s} and {n_t} rows of {dim}, ridge {ridge}"
    return [
        asked(predicting, of, ask, drift),
        asked(
            predicting,
            f"{of}: chance",
            ask,
            lambda a, x: held(a.expected_if_random, x, a, ""),
            level=0.95,
        ),
    ]


def tied(seed: int) -> Any:
    """Rows of S are orthonormal, any basis of their span is one of singular vectors: the truth is
    of another.
    """
    first, *task = tasks(seed)
    rows = np.linalg.qr(first.T)[0].T
    turn = np.linalg.qr(first[:, :5])[0]
    return predicted_forgetting(rows, *task, ridge=0.5, memory=2, weights=None), refitted(
        turn @ rows, *task, 0.5, 2
    )


def narrow(name: str, told: Any) -> DataSet:
    def ask(seed: int) -> Any:
        return (net := Net(seed)).predicted(**told(net)), net.forgotten

    return asked("predicted_forgetting", f"a net of ten units, {name}", ask, drift, False)


SETS = [
    *(
        kind
        for setting in ((5, 6, 10, 0.5), (4, 30, 12, 1.0), (8, 3, 40, 0.0))
        for kind in linear(*setting)
    ),
    asked("predicted_forgetting", "a cut through tied singular values", tied, absolute, False),
    narrow("with its weights", lambda net: {"weights": net.weights}),
    narrow("whose weights are not given", lambda net: {}),
]
