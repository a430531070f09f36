"""Data that nobody prepared, for `certify_head`; a bracket must hold the best of many descents by
SciPy's L-BFGS.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.neural_network import MLPClassifier
from tool_answers import DataSet, Worth

from own_data.neural_collapse import HeadCertificate, certify_head

_REACHED = 1e-5  # relative, of descents


@cache
def least(
    sizes: tuple[int, ...],
    widths: tuple[int, ...],
    decays: tuple[float, ...],
    loss: str,
    bias: bool,
) -> float:
    """The least objective of twelve descents, with one free feature vector per class."""
    counts = np.array(sizes)
    n_classes = len(sizes)
    depth = len(widths)
    outs = [*widths[1:], n_classes]
    shapes = [*zip(outs, widths, strict=True), (widths[0], n_classes)]
    cuts = np.cumsum([rows * columns for rows, columns in shapes])

    def objective(flat: Any) -> tuple[float, Any]:
        parts = [
            part.reshape(shape)
            for part, shape in zip(np.split(flat, cuts)[:-1], shapes, strict=True)
        ]
        offset = flat[cuts[-1] :] * bias
        chain = [parts[-1]]
        for layer in parts[:-1]:
            chain.append(layer @ chain[-1])
        outputs = chain[-1] + offset[:, None]
        if loss == "ce":
            values = -np.diag(log_softmax(outputs, axis=0))
            slope = softmax(outputs, axis=0) - np.eye(n_classes)
        else:
            slope = outputs - np.eye(n_classes)
            values = np.sum(slope**2, axis=0) / 2
        slope = slope * counts / counts.sum()
        value = values @ counts / counts.sum()
        gradients = [slope.sum(axis=1) * bias]
        back = slope
        weights = [np.ones(1)] * depth + [counts[None]]
        for index in range(depth - 1, -1, -1):
            gradients.append(back @ chain[index].T)
            back = parts[index].T @ back
        gradients = [*gradients[:0:-1], back, gradients[0]]
        for index, (decay, part, weight) in enumerate(zip(decays, parts, weights, strict=True)):
            value += decay / 2 * np.sum(weight * part**2)
            gradients[index] = gradients[index] + decay * weight * part
        return float(value), np.concatenate([gradient.ravel() for gradient in gradients])

    minima = []
    for seed in range(12):
        start = np.random.default_rng(seed).standard_normal(cuts[-1] + n_classes) * (0.5 + seed % 3)
        options = {"maxiter": 5000, "maxfun": 10_000, "ftol": 1e-15, "gtol": 1e-10}
        minima.append(minimize(objective, start, jac=True, method="L-BFGS-B", options=options).fun)
    return float(min(minima))


def headline(answer: HeadCertificate) -> str:
    return answer.lines()[0]


def of_random_head(
    name: str,
    sizes: Sequence[int],
    widths: Sequence[int],
    decays: Sequence[float],
    loss: str,
    bias: bool = False,
    *,
    fits: bool = True,
    spoil: Callable[[Any, Any], Any] | None = None,
) -> DataSet:
    """A head far from trained; its features are what a user could have from anywhere."""
    truth = [0.0]

    def ask(seed: int) -> HeadCertificate:
        rng = np.random.default_rng(seed)
        outs = [*widths[1:], len(sizes)]
        weights = [0.5 * rng.standard_normal(shape) for shape in zip(outs, widths, strict=True)]
        labels = np.repeat(np.arange(len(sizes)), sizes)
        features = rng.standard_normal((len(labels), widths[0]))
        features = features if spoil is None else spoil(rng, features)
        truth[0] = least(tuple(sizes), tuple(widths), tuple(decays), loss, bias)
        offset = rng.standard_normal(len(sizes)) if bias else None
        return certify_head(weights, features, labels, decays, bias=offset, loss=loss)

    return DataSet(
        tool="certify_head",
        name=name,
        fits=fits,
        ask=ask,
        judge=lambda answer: bracket(answer, truth[0]),
        truth="the best of 12 descents",
        headline=headline,
    )


def bracket(answer: HeadCertificate, truth: float) -> Worth:
    """Whether the best descent is in the bracket, and the gap no smaller than to it."""
    inside = answer.lower_bound * (1 - _REACHED) <= truth <= answer.upper_bound * (1 + _REACHED)
    return (
        "right"
        if inside and answer.value - truth <= answer.gap * (1 + _REACHED) + 1e-9
        else "wrong"
    )


def of_network(
    name: str, load: Callable[..., Any], decays: tuple[float, float] | None, hidden: int = 16
) -> DataSet:
    """The last layer of scikit-learn's network with a ReLU, trained with a decay of its own."""
    truth = [0.0]

    def ask(seed: int) -> HeadCertificate:
        features, labels = load(return_X_y=True)
        features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)
        rows = np.random.default_rng(seed).permutation(len(labels))[:300]
        features = features[rows]
        labels = labels[rows]
        network = MLPClassifier((hidden,), alpha=1e-3, max_iter=200, random_state=seed).fit(
            features, labels
        )
        inner = np.maximum(features @ network.coefs_[0] + network.intercepts_[0], 0)
        weight = network.coefs_[1].T
        bias = network.intercepts_[1]
        if len(weight) == 1:  # two classes share one output
            weight = np.vstack([-weight / 2, weight / 2])
            bias = np.array([-bias[0] / 2, bias[0] / 2])
        penalties = (1e-3 / len(labels), 0.0) if decays is None else decays
        if decays is not None:
            sizes = tuple(np.bincount(labels).tolist())
            truth[0] = least(sizes, (hidden,), decays, "ce", True)
        return certify_head([weight], inner, labels, penalties, bias=bias, loss="ce")

    told = "no decay of the features: no minimum" if decays is None else "the best of 12 descents"
    return DataSet(
        tool="certify_head",
        name=name,
        fits=decays is not None,
        ask=ask,
        truth=told,
        headline=headline,
        judge=lambda answer: "wrong" if decays is None else bracket(answer, truth[0]),
    )


def twice(rng: Any, features: Any) -> Any:
    return np.repeat(features[::2], 2, axis=0)


def stamped(rng: Any, features: Any) -> Any:
    return np.hstack([features[:, 1:], 1.7e12 + rng.standard_normal((len(features), 1))])


def constant(rng: Any, features: Any) -> Any:
    return np.hstack([features[:, 1:], np.ones((len(features), 1))])


SETS = [
    of_random_head("equal classes, depth 1", (10,) * 4, (5,), (0.01, 0.01), "mse"),
    of_random_head("unequal classes, depth 2", (12, 8, 4), (5, 5), (5e-3, 5e-3, 5e-3), "mse"),
    of_random_head("a class too small to live", (20, 10, 1), (4, 4), (0.02, 0.02, 0.02), "mse"),
    of_random_head("with a bias", (8, 8, 8), (4,), (0.01, 0.02), "mse", True),
    of_random_head("equal classes, depth 1", (10,) * 4, (5,), (5e-3, 5e-3), "ce"),
    of_random_head("unequal classes, depth 1", (12, 8, 4), (5,), (5e-3, 5e-3), "ce"),
    of_random_head("unequal classes, with a bias", (12, 8, 4), (5,), (5e-3, 5e-3), "ce", True),
    of_random_head("six classes, depth 2", (10,) * 6, (6, 6), (5e-4,) * 3, "ce"),
    of_random_head("ten classes, depth 3", (5,) * 10, (10, 10, 10), (2e-3,) * 4, "ce"),
    of_network("wine, scikit-learn's network", load_wine, (1e-3, 1e-3)),
    of_network("breast cancer, scikit-learn's network", load_breast_cancer, (1e-3, 1e-3)),
    of_random_head("unequal classes, depth 2", (12, 8, 4), (5, 5), (5e-3,) * 3, "ce", fits=False),
    of_random_head("width below K - 1", (10,) * 4, (2,), (5e-3, 5e-3), "ce", fits=False),
    of_random_head(
        "Cauchy features",
        (12, 8, 4),
        (5,),
        (5e-3, 5e-3),
        "ce",
        fits=False,
        spoil=lambda rng, features: rng.standard_cauchy(features.shape),
    ),
    of_random_head(
        "every row twice", (12, 8, 4), (5, 5), (5e-3,) * 3, "mse", fits=False, spoil=twice
    ),
    of_random_head(
        "a feature of 1.7e12", (12, 8, 4), (5,), (5e-3, 5e-3), "ce", fits=False, spoil=stamped
    ),
    of_random_head(
        "a constant feature", (12, 8, 4), (5,), (5e-3, 5e-3), "mse", fits=False, spoil=constant
    ),
    of_network("digits, ordinary training", load_digits, None, 32),
    of_network("iris, ordinary training", load_iris, None),
    of_network("wine, ordinary training", load_wine, None),
]
