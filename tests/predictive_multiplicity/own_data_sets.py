"""Data for the audit of `multiplicity`; truths by brute force over all dichotomies of the plane,
exact as published.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_classification
from sklearn.linear_model import LogisticRegression
from tool_answers import DataSet, Worth

from own_data.predictive_multiplicity import Multiplicity, multiplicity
from tests.predictive_multiplicity.cells_by_hand import cells_of_plane

TOLERANCES = (0.0, 0.05, 0.15)
SHARES = 1e-9  # by which shares of the same counts may differ


def in_decimals(rows: np.ndarray) -> np.ndarray:
    """The numbers as they print: three points in a line in decimals are not quite in one as binary
    fractions.
    """
    return np.array([[Fraction(str(x)) for x in row] for row in rows.tolist()])


def against_brute_force(answer: Multiplicity) -> Worth:
    table = answer.competitors.table
    baseline = answer.competitors.baseline == 1
    cells = cells_of_plane(in_decimals(table.rows)).astype(bool)
    errors = np.where(cells, table.negatives, table.positives).sum(axis=1)
    low, high = answer.baseline.least_errors
    right = low <= errors.min() <= high
    differs = cells != baseline
    base = table.errors(answer.competitors.baseline)
    for _, row in answer.by_tolerance.iterrows():
        within = differs[errors <= base + row["admitted"]]
        truth = {
            "discrepancy": (within @ table.totals).max(initial=0),
            "ambiguity": within.any(axis=0) @ table.totals,
        }
        for measure, count in truth.items():
            share = count / table.n
            right &= row[measure] - SHARES <= share <= row[f"{measure} at most"] + SHARES
            right &= not row["proved"] or abs(row[measure] - share) <= SHARES
        right &= not row["proved"] or answer.baseline.is_own or base == errors.min()
    return "right" if right else "wrong"


def against_logistic(answer: Multiplicity, errors: int, separable: bool = False) -> Worth:
    """No more errors than logistic regression, and nothing proved but what is known of separable
    samples.
    """
    low, high = answer.baseline.least_errors
    if separable:
        bound = answer.by_tolerance["discrepancy at most"] <= answer.by_tolerance.index + SHARES
        return "right" if (low, high) == (0, 0) and bound.all() else "wrong"
    return (
        "right"
        if high <= errors and (low < high) != answer.by_tolerance["proved"].any()
        else "wrong"
    )


def headline(answer: Multiplicity) -> str:
    last = answer.by_tolerance.iloc[-1]
    low, high = answer.baseline.least_errors
    ends = [f"{last[m]:.3g}..{last[m + ' at most']:.3g}" for m in ("discrepancy", "ambiguity")]
    return f"E_0 {low}..{high}, δ {ends[0]}, α {ends[1]}"


def noisy(rng: np.random.Generator, features: np.ndarray, share: float = 0.25) -> np.ndarray:
    side = features.sum(axis=1) > np.median(features.sum(axis=1))
    return np.where(side ^ (rng.random(len(features)) < share), 1, -1)


def grid(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    features = rng.integers(0, 5, (60, 2)).astype(float)
    return features, noisy(rng, features)


def of_sklearn(
    load: Callable[..., Any], columns: list[int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    values, classes = load(return_X_y=True)
    some = rng.choice(len(values), 24, replace=False)
    return values[some][:, columns], np.where(classes[some] == classes.max(), 1, -1)


def changed(
    change: Callable[[np.random.Generator, np.ndarray, np.ndarray], tuple[Any, Any]],
) -> Callable[..., Any]:
    return lambda rng: change(rng, *grid(rng))


def near_copies(
    rng: np.random.Generator, features: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    few = np.repeat(features[:9], 2, axis=0)
    return few + 1e-11 * rng.standard_normal(few.shape), np.tile([1, -1], 9)


def asked(
    draw: Callable[[np.random.Generator], tuple[Any, Any]], seed: int, **options: Any
) -> Multiplicity:
    features, labels = draw(np.random.default_rng(seed))
    return multiplicity(features, labels, TOLERANCES, progress=False, **options)


def brute(
    name: str,
    fits: bool,
    draw: Callable[[np.random.Generator], tuple[Any, Any]],
    draws: int = 200,
    **options: Any,
) -> DataSet:
    ask = partial(asked, draw, **options)
    return DataSet(
        tool="multiplicity",
        name=name,
        fits=fits,
        ask=ask,
        truth="brute force",
        judge=against_brute_force,
        headline=headline,
        draws=draws,
        level=1.0 if fits else None,
    )


def large(name: str, features: Any, classes: Any, *, separable: bool = False) -> DataSet:
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    errors = int(
        (LogisticRegression(max_iter=2000).fit(scaled, classes).predict(scaled) != classes).sum()
    )
    return DataSet(
        tool="multiplicity",
        name=name,
        fits=False,
        ask=lambda seed: multiplicity(
            features, classes, TOLERANCES, time_limit=3 + seed, progress=False
        ),
        truth="δ <= ε, E_0 = 0" if separable else f"E_0 <= {errors}, not proved",
        judge=partial(against_logistic, errors=errors, separable=separable),
        headline=headline,
        draws=2,
    )


SETS = [
    brute("small integers", True, grid),
    brute("small integers, a baseline of one's own", True, grid, baseline=[-3.3, 1.0, 0.7]),
    brute("strings as labels", True, changed(lambda rng, X, y: (X, np.where(y == 1, "yes", "no")))),
    brute("duplicates", True, changed(lambda rng, X, y: (np.tile(X, (3, 1)), np.tile(y, 3)))),
    brute("decimals", True, changed(lambda rng, X, y: (np.round(0.1 * X + 0.3, 1), y))),
    brute(
        "one feature",
        True,
        lambda rng: (rng.integers(0, 20, (60, 1)) * 1.0, rng.choice([-1, 1], 60)),
    ),
    brute(
        "general position",
        True,
        lambda rng: (lambda X: (X, noisy(rng, X)))(rng.standard_normal((30, 2))),
    ),
    brute("iris, petals", True, partial(of_sklearn, load_iris, [2, 3])),
    brute("wine", True, partial(of_sklearn, load_wine, [0, 9])),
    brute(
        "time stamps of 1.7e12",
        False,
        changed(lambda rng, X, y: (X * [8.64e7, 1] + [1.7e12, 0], y)),
    ),
    brute("near-constant column", False, changed(lambda rng, X, y: (X * [1, 1e-9] + [0, 1.0], y))),
    brute("near copies", False, changed(near_copies), draws=5, time_limit=3),
    brute(
        "heavy tails",
        False,
        lambda rng: (lambda X: (X, noisy(rng, X)))(rng.standard_cauchy((30, 2)) ** 3),
    ),
    brute("leakage", False, changed(lambda rng, X, y: (np.column_stack([X[:, 0], y]), y))),
    brute(
        "one positive", False, changed(lambda rng, X, y: (X, np.where(np.arange(60) == 7, 1, -1)))
    ),
    brute("hardly any time", False, grid, time_limit=0.02),
    brute(
        "fewer rows than weights", False, lambda rng: (rng.standard_normal((5, 8)), [1, 0, 1, 0, 1])
    ),
    brute(
        "a missing entry",
        False,
        changed(lambda rng, X, y: (np.where(np.arange(60)[:, None] == 3, np.nan, X), y)),
    ),
    large("breast cancer", *load_breast_cancer(return_X_y=True), separable=True),
    large("make_classification 500 x 10", *make_classification(500, 10, random_state=0)),
]
