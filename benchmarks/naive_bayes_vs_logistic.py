"""Compare naive Bayes and ridge-penalised logistic regression with scikit-learn.

`python -m benchmarks.naive_bayes_vs_logistic [--quick]` prints the tables. Naive Bayes is also
written in NumPy. Everything is done on the synthetic problem of the released code of Zheng et al.
2023. The time by which the first run exceeds a later one (compilation) has its own column.
Processes, turns and seconds are those of `benchmarks.side_by_side`.
"""

import math
from collections.abc import Callable

import numpy as np

from benchmarks.side_by_side import Response, command, compare, timed
from theory.naive_bayes_vs_logistic.linear_rules import official_design

Run = Callable[[int], float]  # seed -> the figure that says what was computed

TOLERANCE = 1e-6
TEST_POINTS = 2000
DATA_SETS = 8

# kind, (n, m, K), rounds; m is the training size, the largest one where there are several
WORKLOADS = [
    ("naive Bayes", (100, 42, 2), 5),
    ("naive Bayes", (1000, 42, 2), 3),
    ("ridge", (50, 200, 2), 7),
    ("ridge", (200, 200, 2), 7),
    ("ridge", (400, 100, 2), 7),
    ("ridge", (200, 440, 3), 7),
    ("ridge", (100, 300, 5), 7),
    ("ridge", (1000, 150, 5), 7),
]
QUICK = [("naive Bayes", (100, 42, 2), 2), ("ridge", (200, 200, 2), 3)]
CONTENDERS = {"naive Bayes": ["ours", "NumPy", "scikit-learn"], "ridge": ["ours", "scikit-learn"]}
UNITS = {"naive Bayes": ("cell", "mean error"), "ridge": ("fit", "derivative left")}


def design(n: int, n_classes: int):
    """Return class means and variances. With more than two classes they are in the units that the
    released code gives the learner.
    """
    means, variances = official_design(n, n_classes)
    unit = 2.0 ** (n_classes - 3) if n_classes > 2 else 1.0
    return (means - unit * (n_classes > 2)) / unit, variances / unit**2


def draw(rng, labels, means, variances):
    return means[labels] + rng.standard_normal((len(labels), means.shape[1])) * variances**0.5


def naive_bayes(name: str, n: int, largest: int, n_classes: int) -> tuple[Run, int]:
    """Return a function of a seed that gives the mean error of naive Bayes over seeds and sizes,
    and the number of cells (a seed and a size) of a run.
    """
    means, variances = design(n, n_classes)
    sizes = tuple(range(2 * n_classes, largest + 1, n_classes))
    if name == "ours":
        import jax

        from sims.naive_bayes_vs_logistic import data, rules

        n_seeds = 2000
        labels = data.balanced_labels(largest, n_classes)

        @jax.jit
        def errors(keys):
            def error(key):
                features = data.gaussian_classes(key, labels, means, np.sqrt(variances))
                fitted = rules.prefix_naive_bayes(features, labels, n_classes, sizes)
                return rules.conditional_error(fitted, means, variances)

            return jax.lax.map(error, keys)

        return lambda seed: float(
            errors(jax.random.split(jax.random.key(seed), n_seeds)).mean()
        ), n_seeds * len(sizes)

    from scipy.special import ndtr
    from sklearn.naive_bayes import GaussianNB

    n_seeds = 100 if name == "NumPy" else 10

    def exact_error(features, labels):
        classes = [features[labels == k] for k in range(2)]
        centres = np.array([rows.mean(axis=0) for rows in classes])
        squares = [
            ((rows - centre) ** 2).sum(axis=0)
            for rows, centre in zip(classes, centres, strict=True)
        ]
        variance = sum(squares) / len(labels) + 1e-9
        weights = (centres[1] - centres[0]) / variance
        intercept = -0.5 * ((centres[1] ** 2 - centres[0] ** 2) / variance).sum()
        spread = math.sqrt((weights**2 * variances).sum())
        margins = (weights @ means.T + intercept) / spread
        return (ndtr(margins[0]) + ndtr(-margins[1])) / 2

    def run(seed):
        rng = np.random.default_rng(seed)
        test_labels = np.arange(TEST_POINTS) % n_classes
        test = draw(rng, test_labels, means, variances)
        errors = []
        for _ in range(n_seeds):
            for size in sizes:
                labels = np.arange(size) % n_classes
                features = draw(rng, labels, means, variances)
                if name == "NumPy":
                    errors.append(exact_error(features, labels))
                else:
                    errors.append(
                        (GaussianNB().fit(features, labels).predict(test) != test_labels).mean()
                    )
        return float(np.mean(errors))

    return run, n_seeds * len(sizes)


def ridge(name: str, n: int, m: int, n_classes: int) -> tuple[Run, int]:
    """Return a function of a seed that gives the largest derivative of the mean loss after the fits
    of eight given data sets, and their number. The figure is nan for seeds above 0.
    """
    from scipy.special import softmax

    means, variances = design(n, n_classes)
    rng = np.random.default_rng(0)
    labels = np.arange(m) % n_classes
    features = np.stack([draw(rng, labels, means, variances) for _ in range(DATA_SETS)])

    def derivative(rows, weights, intercepts, vectors):
        """Return the largest derivative by the weights that are penalised, which are one vector for
        two classes, and by the intercepts.
        """
        residuals = (softmax(rows @ weights.T + intercepts, axis=1) - np.eye(n_classes)[labels])[
            :, -len(vectors) :
        ]
        return (
            max(np.abs(residuals.T @ rows + vectors).max(), np.abs(residuals.sum(axis=0)).max()) / m
        )

    if name == "ours":
        import jax

        from sims.naive_bayes_vs_logistic.logistic import ridge_logistic

        def fit(rows):
            return ridge_logistic(rows, labels, n_classes, tolerance=TOLERANCE).rule

        fit_all = jax.jit(lambda stack: jax.lax.map(fit, stack))

        def run(seed):
            rules = jax.tree.map(np.asarray, jax.block_until_ready(fit_all(features)))
            if seed > 0:
                return math.nan
            cases = zip(features, *rules, strict=True)
            return max(
                derivative(x, w, b, w if n_classes > 2 else w[1:] - w[:1]) for x, w, b in cases
            )

        return run, DATA_SETS

    from sklearn.linear_model import LogisticRegression

    def run(seed):
        fits = [
            LogisticRegression(C=1.0, tol=TOLERANCE, max_iter=10_000).fit(rows, labels)
            for rows in features
        ]
        if seed > 0:
            return math.nan
        worst = 0.0
        for rows, peer in zip(features, fits, strict=True):
            weights = peer.coef_
            intercepts = peer.intercept_
            if n_classes == 2:
                weights = np.vstack([0 * weights, weights])
                intercepts = np.r_[0, intercepts]
            worst = max(worst, derivative(rows, weights, intercepts, peer.coef_))
        return worst

    return run, DATA_SETS


def answer_seed(kind: str, name: str, *sizes: int) -> Callable[[int], Response]:
    """Return a function of a seed that gives the processor seconds of one run, the number of units
    that it did, and the figure that it found.
    """
    run, units = {"naive Bayes": naive_bayes, "ridge": ridge}[kind](name, *sizes)

    def answer(seed: int) -> Response:
        seconds, figure = timed(run, seed)
        return {"seconds": seconds, "units": units, "figure": figure}

    return answer


def run(quick: bool) -> None:
    for kind, (n, m, n_classes), rounds in QUICK if quick else WORKLOADS:
        unit, figure = UNITS[kind]
        compare(
            "benchmarks.naive_bayes_vs_logistic",
            f"{kind}, n = {n}, m {'=' if kind == 'ridge' else 'up to'} {m}, K = {n_classes}",
            {name: (kind, name, n, m, n_classes) for name in CONTENDERS[kind]},
            rounds,
            ours=["ours"],
            figure=figure,
            figure_of=lambda name, answers: (
                f"{np.nanmean([answer['figure'] for answer in answers]):.3g}"
            ),
            unit=f"ms per {unit}",
            per_unit=lambda name, answers: 1e3 / answers[0]["units"],
        )


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
