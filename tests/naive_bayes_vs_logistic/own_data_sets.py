"""Data that nobody prepared, for `assumption_diagnostics`; truths by scikit-learn's classifiers on
more data.

`python -m tests.naive_bayes_vs_logistic.own_data_sets` measures the leads of `leads.json` again:
logistic regression, C by cross-validation, against `GaussianNB`, on fresh training sets and 2000
fresh rows (the bundled data: on other rows of the whole table).
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from scipy.special import ndtr
from tool_answers import DataSet, Worth, held

from own_data.naive_bayes_vs_logistic import assumption_diagnostics
from theory.naive_bayes_vs_logistic import linear_rules

jax.config.update("jax_enable_x64", True)
LEADS = Path(__file__).with_name("leads.json")
RUNS = 8
Drawer = Callable[[np.random.Generator, int], tuple[Any, Any]]


def classes(means: Any, covariance: Any, shares: Any = None) -> Drawer:
    root = np.linalg.cholesky(covariance)

    def draw(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
        y = (
            np.arange(rows) % len(means)
            if shares is None
            else (np.arange(rows) % 10 < 10 * shares).astype(int)
        )
        return means[y] + rng.standard_normal((rows, means.shape[1])) @ root.T, y

    return draw


def two(gap: Any) -> Any:
    return np.stack([0 * np.asarray(gap, float), gap])


def equal(n: int, correlation: float) -> Any:
    return np.full((n, n), correlation) + (1 - correlation) * np.eye(n)


def bundled(name: str) -> Drawer:
    from sklearn import datasets

    def draw(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        chosen = rng.permutation(len(y))[:rows]
        return X[chosen], y[chosen]

    return draw


def shaped(
    noise: Callable[[np.random.Generator, Any], Any], gap: float = 0.8, n: int = 4
) -> Drawer:
    def draw(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
        y = np.arange(rows) % 2
        return noise(rng, (rows, n)) + gap * y[:, None], y

    return draw


gaussian = shaped(lambda rng, shape: rng.standard_normal(shape))


def wide(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    y = np.arange(rows) % 2
    return rng.standard_normal((rows, 4)) * np.where(y, 4.0, 1.0)[:, None], y


def stamped(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    y = np.arange(rows) % 2
    when = 1.7e12 + rng.uniform(0, 1e10, rows)
    return np.column_stack([when, rng.standard_normal((rows, 3)) + 0.8 * y[:, None]]), y


def leaking(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    X, y = gaussian(rng, rows)
    return np.column_stack([X, y + 0.01 * rng.standard_normal(rows)]), y


def copied(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    X, y = shaped(lambda r, s: r.lognormal(size=s))(rng, rows // 4)
    return np.tile(X, (4, 1)), np.tile(y, 4)


def sparse(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    X, y = gaussian(rng, rows)
    return np.column_stack([X, rng.random((rows, 2)) < 0.08, np.ones(rows)]).astype(float), y


def crossed(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    y = np.arange(rows) % 2
    side = rng.choice([-2.0, 2.0], rows)
    corner = np.column_stack([side, side * (2 * y - 1)])
    return np.column_stack(
        [corner + rng.standard_normal((rows, 2)), rng.standard_normal(rows) + 0.5 * y]
    ), y


ALTERNATING = np.array([0.8, -0.8, 0.8, -0.8])
THREE = np.random.default_rng(4).standard_normal((3, 4))
FITTING: dict[str, tuple[Any, Any, Any, int]] = {
    "4 independent features": (two(np.full(4, 0.8)), np.eye(4), None, 200),
    "6 features, correlation .3, half of them tell": (
        two(0.8 * (np.arange(6) < 3)),
        equal(6, 0.3),
        None,
        800,
    ),
    "12 weak features": (two(np.full(12, 0.4)), np.eye(12), None, 240),
    "correlation .6 against the signal": (two(ALTERNATING), equal(4, 0.6), None, 600),
    "3 classes": (THREE, equal(4, 0.2), None, 240),
    "a class of 20 %": (two(np.full(4, 0.8)), equal(4, 0.2), 0.2, 300),
    "100 rows of 2 features": (two(np.full(2, 1.0)), equal(2, 0.3), None, 100),
    "units from 1e-6 to 1e12": (two(np.full(4, 0.8)), np.eye(4), None, 200),
}
UNITS = np.array([1e-6, 1.0, 1e6, 1e12])
MISFITS: dict[str, tuple[Drawer, int]] = {
    "standard deviations 4 and 1": (wide, 300),
    "lognormal": (shaped(lambda r, s: r.lognormal(size=s)), 300),
    "Student noise of 2 degrees": (shaped(lambda r, s: r.standard_t(2, s)), 300),
    "time stamps of 1.7e12": (stamped, 300),
    "a leaking column": (leaking, 300),
    "every row four times": (copied, 400),
    "near-constant and constant columns": (sparse, 300),
    "classes on crossed corners": (crossed, 300),
    "pure noise": (shaped(lambda r, s: r.standard_normal(s), gap=0.0), 300),
    "30 rows": (gaussian, 30),
    "breast cancer, 250 of 569": (bundled("breast_cancer"), 250),
    "wine, 120 of 178": (bundled("wine"), 120),
}


def drawer(name: str) -> tuple[Drawer, int]:
    """How to draw a data set, and how many rows a user has."""
    if name in MISFITS:
        return MISFITS[name]
    means, covariance, shares, rows = FITTING[name]
    draw = classes(means, covariance, shares)
    if not name.startswith("units"):
        return draw, rows
    return lambda rng, count: (lambda X, y: (X * UNITS, y))(*draw(rng, count)), rows


@cache
def asked(name: str, seed: int) -> Any:
    draw, rows = drawer(name)
    return assumption_diagnostics(*draw(np.random.default_rng(seed), rows))


def leads(name: str) -> dict[str, tuple[float, float]]:
    """Mean lead of naive Bayes (error of logistic regression less its own) at three sizes, and its
    standard error.
    """
    import warnings

    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import train_test_split
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    draw, rows = drawer(name)
    least = max(10, 3 * len(np.unique(draw(np.random.default_rng(0), 100)[1])))
    results = {}
    for size in np.unique(np.geomspace(least, max(least, rows // 2), 3).astype(int)).tolist():
        differences = []
        for run in range(RUNS):
            X, y = draw(np.random.default_rng(10_000 + run), size + 2000)
            train, test, own, rest = train_test_split(
                X, y, train_size=size, stratify=y, random_state=run
            )
            rival = LogisticRegressionCV(
                Cs=[0.01, 0.1, 1, 10],
                cv=3,
                scoring="neg_log_loss",
                use_legacy_attributes=False,
                l1_ratios=(0,),
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rival = make_pipeline(StandardScaler(), rival).fit(train, own)
                scale = StandardScaler().fit(train)
                naive = GaussianNB().fit(scale.transform(train), own)
            differences.append(
                naive.score(scale.transform(test), rest) - np.mean(rival.predict(test) == rest)
            )
        results[str(size)] = (
            float(np.mean(differences)),
            float(np.std(differences) / np.sqrt(RUNS)),
        )
    return results


def ahead(name: str) -> Callable[[Any], Worth]:
    """Right where who is said to be ahead is, to three standard errors; none where nobody is said
    to be.
    """

    def judge(answer: Any) -> Worth:
        known = {
            int(size): lead for size, lead in json.loads(LEADS.read_text()).get(name, {}).items()
        }
        _, low, high = answer.crossing
        if name in MISFITS and not name.startswith("wine") and answer.predicted is not None:
            return "wrong"
        sizes = np.array(sorted(known))
        mean, error = np.array([known[size] for size in sizes.tolist()]).T
        if low == 0 and high == np.inf:
            sure = [one.size for one in answer.measured if one.lead.high < 0]
            contradicted = np.interp(np.log(sure), np.log(sizes), mean - 3 * error) > 0
            return "none" if not sure else "wrong" if contradicted.any() else "right"
        behind = low > 0 and np.interp(np.log(low), np.log(sizes), mean + 3 * error) < 0
        not_ahead = np.any((mean - 3 * error > 0) & (sizes >= high * 1.01))
        return "wrong" if behind or not_ahead else "right"

    return judge


def said(name: str) -> str:
    known = json.loads(LEADS.read_text()).get(name, {}) if LEADS.exists() else {}
    signs = [
        f"{'naive Bayes' if lead > 0 else 'logistic'} at {size}"
        for size, (lead, error) in known.items()
        if abs(lead) > 3 * error
    ]
    return ", ".join([signs[0], signs[-1]] if len(signs) > 1 else signs) or "hardly a difference"


def bayes_error(name: str) -> float:
    means, covariance, shares, _ = FITTING[name]
    return linear_rules.bayes_error(
        means, covariance, None if shares is None else np.array([1 - shares, shares])
    )


def of_errors(name: str) -> DataSet:
    truth = bayes_error(name)
    return DataSet(
        tool="assumption_diagnostics",
        name=f"{name}: Bayes error",
        fits=True,
        ask=lambda seed: asked(name, seed),
        truth=f"{truth:.4f}",
        judge=lambda answer: (
            "none"
            if answer.predicted is None
            else held(answer.predicted.bayes_error, truth, answer, "of the error rate")
        ),
        headline=lambda answer: (
            "none" if answer.predicted is None else str(answer.predicted.bayes_error)
        ),
        level=0.95,
    )


def of_leads(name: str) -> DataSet:
    return DataSet(
        tool="assumption_diagnostics",
        name=name,
        fits=name in FITTING,
        ask=lambda seed: asked(name, seed),
        truth="no such table" if name == "30 rows" else said(name),
        judge=ahead(name),
        headline=lambda answer: answer.lines()[0].split("classes: ")[1],
        draws=200 if name in FITTING else 20,
    )


@cache
def needed(share: float, excess: float = 0.01, gap: float = 0.8, n: int = 4) -> float:
    """Samples at which naive Bayes is within the excess, by its exact errors for drawn means,
    variances and shares.
    """
    rng = np.random.default_rng(0)
    log_odds = np.log(share / (1 - share))
    signs = np.array([-1.0, 1.0])[:, None, None]
    distance = gap * np.sqrt(n)
    best = share * ndtr(-distance / 2 - log_odds / distance) + (1 - share) * ndtr(
        -distance / 2 + log_odds / distance
    )

    def above(size: int) -> float:
        counts = np.maximum(1, np.round(size * np.array([1 - share, share])))[:, None, None]
        means = signs * gap / 2 + rng.standard_normal((2, 40_000, n)) / np.sqrt(counts)
        weights = (means[1] - means[0]) / (rng.chisquare(size - 2, (40_000, n)) / size)
        offset = np.log(counts[1] / counts[0])[:, 0] - np.sum(
            weights * (means[1] + means[0]) / 2, axis=1
        )
        scores = (signs[:, :, 0] * gap / 2 * weights.sum(axis=1) + offset) / np.linalg.norm(
            weights, axis=1
        )
        return float(
            (1 - share) * ndtr(scores[0]).mean() + share * ndtr(-scores[1]).mean() - best - excess
        )

    sizes = np.unique(np.geomspace(20, 200, 40).astype(int))
    return float(np.interp(0, [-above(size) for size in sizes.tolist()], sizes))


def of_needs(share: float) -> DataSet:
    @cache
    def ask(seed: int) -> Any:
        y = (np.arange(400) >= 400 * (1 - share)).astype(int)
        return assumption_diagnostics(
            np.random.default_rng(seed).standard_normal((400, 4)) + 0.8 * y[:, None], y
        )

    def judge(answer: Any) -> Worth:
        found = answer.predicted and answer.predicted.samples
        return "none" if not found else held(found, needed(share), answer, "samples")

    return DataSet(
        tool="assumption_diagnostics",
        name=f"a class of {share:.0%}: samples that naive Bayes needs",
        fits=True,
        ask=ask,
        truth=f"{needed(share):.0f}",
        judge=judge,
        headline=lambda answer: str(answer.predicted and answer.predicted.samples),
        draws=40,
        level=0.95,
    )


def labelled(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    y = np.arange(rows) % 2
    return np.column_stack([rng.standard_normal((rows, 3)), y]), y


def of_hidden(name: str, draw: Drawer, word: str) -> DataSet:
    """Right where the answer names what tells the classes, none where it says that nothing does."""
    return DataSet(
        tool="assumption_diagnostics",
        name=name,
        fits=False,
        ask=lambda seed: assumption_diagnostics(*draw(np.random.default_rng(seed), 300)),
        truth=word,
        judge=lambda answer: "right" if word in str(answer) and answer.answerable else "wrong",
        headline=lambda answer: answer.departures[0] if answer.departures else answer.missing,
        draws=40,
    )


def exclusive(rng: np.random.Generator, rows: int) -> tuple[Any, Any]:
    y = np.arange(rows) % 2
    side = rng.choice([-1.0, 1.0], rows)
    return np.column_stack([side, side * (2 * y - 1)]) + 0.5 * rng.standard_normal((rows, 2)), y


def of_floor() -> DataSet:
    """No error measured may lie surely below that of the best rule."""
    best = linear_rules.bayes_error(two(np.full(4, 2.0)), np.eye(4), None)

    def judge(answer: Any) -> Worth:
        ends = [found.high for one in answer.measured for found in (one.naive_bayes, one.logistic)]
        return "wrong" if min(ends) < best else "right"

    return DataSet(
        tool="assumption_diagnostics",
        name="100 rows that hardly overlap: errors measured against the Bayes error",
        fits=True,
        ask=lambda seed: assumption_diagnostics(
            *classes(two(np.full(4, 2.0)), np.eye(4))(np.random.default_rng(seed), 100)
        ),
        truth=f"at least {best:.4f}",
        judge=judge,
        headline=lambda answer: str(answer.measured[-1].logistic),
        level=0.95,
    )


SETS = [of_leads(name) for name in (*FITTING, *MISFITS)] + [of_errors(name) for name in FITTING]
SETS += [of_needs(share) for share in (0.5, 0.4, 0.3, 0.2, 0.1, 0.05)]
SETS += [of_hidden("the label as a column", labelled, "column 'x4' alone"), of_floor()]
SETS += [of_hidden("exclusive or", exclusive, "in one class than in another")]

if __name__ == "__main__":
    names = [name for name in (*FITTING, *MISFITS) if name != "30 rows"]
    measured: dict[str, Any] = {}
    for name in names:
        measured[name] = leads(name)
        LEADS.write_text(json.dumps(measured, indent=1) + "\n")
