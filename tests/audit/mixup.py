"""Data that nobody prepared, for `samples_needed_on`; truths by fits with scikit-learn and NumPy to
fresh samples.

`python -m tests.audit.mixup` trains again for `mixup_sizes.json`: plain logistic regression
without a penalty (a penalty of 1e-6), the same on all mixed pairs, and Fisher's rule, without
intercepts; the mean of 1 - cos to the Bayes direction over the runs is interpolated between sizes,
in logarithms.
"""

import json
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from tool_answers import DataSet, Worth, held

from own_data.mixup import count, samples_needed_on
from theory.mixup.classes import GaussianPair, MixingLaw
from theory_on_trial.own_data.estimate import Estimate

SIZES = Path(__file__).with_name("mixup_sizes.json")
LAW = MixingLaw.beta(1.0, 6)
LEARNERS = ("plain training", "Mixup", "discriminant analysis")
PLANE = (np.array([1.0, 0.5]), np.diag([1.0, 2.0]))


def random_pair() -> GaussianPair:
    rng = np.random.default_rng(5)
    root = rng.standard_normal((4, 8))
    mean = rng.standard_normal(4)
    covariance = root @ root.T / 8 + 0.1 * np.eye(4)
    return GaussianPair(mean / np.sqrt(mean @ np.linalg.solve(covariance, mean)), covariance, 2.0)


FITTING: dict[
    str, tuple[GaussianPair, float, int, float]
] = {  # classes, cosine, rows, share of the second class
    "plane, kappa = 0.5": (GaussianPair(PLANE[0], PLANE[1], 0.5), 0.95, 300, 0.5),
    "plane, kappa = 1": (GaussianPair(PLANE[0], PLANE[1], 1.0), 0.98, 300, 0.5),
    "plane, kappa = 2": (GaussianPair(PLANE[0], PLANE[1], 2.0), 0.99, 300, 0.5),
    "round noise, 3 features": (
        GaussianPair(np.array([1.5, 0.5, 0.25]), np.eye(3), 1.0),
        0.95,
        300,
        0.5,
    ),
    "5 features": (
        GaussianPair(
            np.array([0.9, 0.54, -0.72, 0.36, 0.18]), np.diag([1.1, 0.6, 0.4, 1.6, 1.1]), 1.0
        ),
        0.95,
        400,
        0.5,
    ),
    "4 correlated features": (random_pair(), 0.9, 400, 0.5),
    "a class of 30 %": (GaussianPair(np.array([1.0, 0.5]), np.eye(2), 1.0), 0.97, 300, 0.3),
    "60 rows": (GaussianPair(np.array([1.0, 0.5]), np.eye(2), 1.0), 0.9, 60, 0.5),
    "beyond the tails of 200 rows": (GaussianPair(PLANE[0], PLANE[1], 10.0), 0.99, 200, 0.5),
}
MISFITS = (
    "uniform noise",
    "Laplace noise",
    "Student noise of 3 degrees",
    "lognormal",
    "standard deviations 3 and 1",
    "a class in two clouds",
    "digits 3 and 8, ten components",
    "breast cancer, 4 features",
    "time stamps of 1.7e12",
    "every row five times",
    "pure noise",
    "30 rows",
    "30 groups of 10 rows",
)


def gaussian(
    pair: GaussianPair, rng: np.random.Generator, rows: int, share: float = 0.5
) -> tuple[Any, Any]:
    y = (np.arange(rows) % 10 < 10 * share).astype(int)
    noise = rng.standard_normal((rows, pair.dim)) @ np.linalg.cholesky(pair.covariance).T
    return (2 * y[:, None] - 1) * pair.mean + noise / np.sqrt(pair.separability), y


def misfit(name: str, rng: np.random.Generator) -> tuple[Any, Any]:
    rows = 300
    deviations = np.sqrt(np.array([0.2, 1.8]) / 2)
    y = np.arange(rows) % 2
    noises = {
        "uniform noise": lambda: rng.uniform(-np.sqrt(3), np.sqrt(3), (rows, 2)),
        "Laplace noise": lambda: rng.laplace(size=(rows, 2)),
        "Student noise of 3 degrees": lambda: rng.standard_t(3, (rows, 2)),
        "lognormal": lambda: rng.lognormal(size=(rows, 2)),
        "30 groups of 10 rows": lambda: (
            0.7 * (rng.normal(size=(30, 2)).repeat(10, 0) + rng.normal(size=(rows, 2)))
        ),
        "standard deviations 3 and 1": lambda: (
            rng.standard_normal((rows, 2)) * np.where(y, 3.0, 1.0)[:, None]
        ),
    }
    if name in noises:
        return (2 * y[:, None] - 1) + noises[name]() * deviations, y
    normals = rng.standard_normal((rows, 2))
    if name == "a class in two clouds":
        return np.column_stack(
            [np.where(y == 0, rng.choice([-3.0, 3.0], rows), 1.0), y]
        ) + normals, y
    if name == "time stamps of 1.7e12":
        return np.column_stack([1.7e12 + rng.uniform(0, 1e10, rows), normals + y[:, None]]), y
    if name == "every row five times":
        return np.tile(rng.laplace(size=(80, 2)) + y[:80, None], (5, 1)), np.tile(y[:80], 5)
    if name == "pure noise":
        return normals, y
    if name == "30 rows":
        return normals[:30] + y[:30, None], y[:30]
    from sklearn.datasets import load_breast_cancer, load_digits

    if name.startswith("digits"):
        X, y = load_digits(return_X_y=True)
        chosen = rng.permutation(np.flatnonzero((y == 3) | (y == 8)))[:300]
        X = X[chosen]
        y = (y[chosen] == 8).astype(int)
        return X @ np.linalg.svd(X, full_matrices=False)[2][:10].T, y
    X, y = load_breast_cancer(return_X_y=True)
    chosen = rng.permutation(len(y))[:300]
    return X[chosen, :4], y[chosen]


@cache
def asked(name: str, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    if name in MISFITS:
        return samples_needed_on(*misfit(name, rng), LAW, 0.95)
    pair, cosine, rows, share = FITTING[name]
    return samples_needed_on(*gaussian(pair, rng, rows, share), LAW, cosine)


def trained(learner: str, X: Any, y: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    if learner == "discriminant analysis":
        means = np.array([X[y == k].mean(axis=0) for k in (0, 1)])
        residuals = X - means[y]
        return np.linalg.solve(residuals.T @ residuals, means[1] - means[0])
    sizes = None
    if learner == "Mixup":
        first, second = (
            side.ravel()
            for side in np.meshgrid(np.arange(len(y)), np.arange(len(y)), indexing="ij")
        )
        rows = []
        shares = []
        for node, weight, part in zip(LAW.nodes, LAW.weights, LAW.input_weights, strict=True):
            rows.append(part * X[first] + (1 - part) * X[second])
            shares.append((node * y[first] + (1 - node) * y[second], np.full(len(first), weight)))
        X, (soft, weights) = np.concatenate(rows), np.concatenate(shares, axis=1)
        X = np.tile(X, (2, 1))
        y = np.repeat([1, 0], len(soft))
        sizes = np.concatenate([soft, 1 - soft]) * np.tile(weights, 2)
        X = X[sizes > 0]
        y = y[sizes > 0]
        sizes = sizes[sizes > 0]
    rule = LogisticRegression(C=1e6, fit_intercept=False, solver="newton-cholesky", max_iter=500)
    return rule.fit(X, y, sample_weight=sizes).coef_[0]


def size_needed(name: str, learner: str) -> float:
    import warnings

    pair, cosine, _, _ = FITTING[name]
    limit = 40 if learner == "Mixup" else 100_000
    start = pair.dim + 3 + (pair.dim + 3) % 2
    curve = []
    runs = 60 if learner == "Mixup" else 200
    size = start
    rng = np.random.default_rng(0)
    while size <= limit:
        deficits = []
        for _ in range(runs):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                weights = trained(learner, *gaussian(pair, rng, size))
            deficits.append(pair.misalignment(weights))
        curve.append((size, float(np.mean(deficits))))
        if curve[-1][1] <= 1 - cosine:
            break
        size = 2 * int(0.7 * size + 1)
    logs = np.log(curve)
    if curve[-1][1] > 1 - cosine:  # the law 1 / (n - d - 2) from the last size on, for Mixup only
        return float(pair.dim + 2 + (curve[-1][0] - pair.dim - 2) * curve[-1][1] / (1 - cosine))
    return float(np.exp(np.interp(-np.log(1 - cosine), -logs[:, 1], logs[:, 0])))


def estimate_of(answer: Any, learner: str) -> Estimate:
    return getattr(
        answer, {"plain training": "log_erm", "Mixup": "log_mixup"}.get(learner, "log_lda")
    )


def judged(name: str, learner: str, answer: Any) -> Worth:
    return held(
        estimate_of(answer, learner),
        float(np.log(_known(name, learner))),
        answer,
        "of the logarithm of a size",
    )


def _known(name: str, learner: str) -> float:
    return (
        json.loads(SIZES.read_text()).get(name, {}).get(learner, np.nan)
        if SIZES.exists()
        else np.nan
    )


def shown(learner: str, answer: Any) -> str:
    value, low, high = estimate_of(answer, learner)
    if value == np.inf:
        return f"more than {count(low)}"
    return f"{count(value)} [{count(low)}, {count(high) if high < np.inf else 'inf'}]"


def of(name: str, learner: str) -> DataSet:
    return DataSet(
        tool="samples_needed_on",
        name=f"{name}: {learner}",
        fits=True,
        ask=partial(asked, name),
        truth=f"{_known(name, learner):.0f}",
        judge=partial(judged, name, learner),
        headline=partial(shown, learner),
        level=0.95,
    )


def against(name: str) -> DataSet:
    """No number is right where the classes are not what the laws assume; one with doubts of unknown
    size is doubted.
    """
    return DataSet(
        tool="samples_needed_on",
        name=name,
        fits=False,
        ask=partial(asked, name),
        truth="no law holds",
        judge=lambda answer: (
            "doubted" if any(np.isinf(doubt.size) for doubt in answer.doubts) else "wrong"
        ),
        headline=lambda answer: answer.lines()[1].strip(),
        draws=20,
    )


SETS = [of(name, learner) for name in FITTING for learner in LEARNERS] + [
    against(name) for name in MISFITS
]

if __name__ == "__main__":
    SIZES.write_text(
        json.dumps(
            {
                name: {learner: size_needed(name, learner) for learner in LEARNERS}
                for name in FITTING
            },
            indent=1,
        )
        + "\n"
    )
