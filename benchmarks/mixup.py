"""Compare Mixup fits with scikit-learn: `python -m benchmarks.mixup [--quick]`.

All contenders minimise the same empirical Mixup losses on the same samples of two Gaussian classes
at seven separabilities. A rule of six nodes for U[0, 1] averages over the mixing weight. Ours keeps
the pairs factorised; the others get all mixtures as rows, each unordered pair once. Ours fits 1000
seeds, the others 20 or fewer; their time for the whole grid is extrapolated and marked by ~.
Processes, turns and seconds are those of `benchmarks.side_by_side`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.side_by_side import Response, command, compare, timed
from theory.mixup.classes import MixingLaw

SEPARABILITIES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
NODES = 6
GRID_SEEDS = 1000
CHECKED = 28  # fits of a round whose error is computed

OURS = "ours"
LBFGS = "sklearn lbfgs"
CHOLESKY = "sklearn newton-cholesky"
WORKLOADS = [  # n, d, rounds, seeds of a round
    (20, 2, 4, {OURS: 250, LBFGS: 5, CHOLESKY: 5}),
    (40, 2, 4, {OURS: 250, LBFGS: 5, CHOLESKY: 5}),
    (80, 2, 4, {OURS: 250, LBFGS: 5, CHOLESKY: 5}),
    (100, 20, 2, {OURS: 500, LBFGS: 10, CHOLESKY: 10}),
]
QUICK = [(40, 2, 1, {OURS: 200, LBFGS: 1, CHOLESKY: 1})]

Fit = Callable[[Any, Any], Any]  # all samples, labels -> weights


def draw(round_: int, n: int, d: int, seeds: int):
    """Return samples [cells, n, d], where a cell is a separability and a seed, and their common
    labels.
    """
    rng = np.random.default_rng((round_, n, d))
    labels = (np.arange(n) < n // 2).astype(float)
    noise = rng.standard_normal((seeds, len(SEPARABILITIES), n, d)) * np.sqrt(
        np.geomspace(0.2, 1.8, d)
    )
    noise /= np.sqrt(SEPARABILITIES)[:, None, None]
    samples = (2 * labels[:, None] - 1) * np.sqrt(2 / d) + noise
    return samples.reshape(-1, n, d), labels


def mixtures(features, labels):
    """Return all mixtures as rows, their labels and weights. Each unordered pair is one row, since
    both orders have the same loss.
    """
    law = MixingLaw.beta(1.0, NODES)
    first, second = np.triu_indices(len(labels))
    share = law.nodes[:, None]
    rows = share[..., None] * features[first] + (1 - share[..., None]) * features[second]
    targets = share * labels[first] + (1 - share) * labels[second]
    weights = np.where(first == second, 1, 2) * law.weights[:, None] / len(labels) ** 2
    return rows.reshape(-1, features.shape[1]), targets.ravel(), weights.ravel()


def newton_step(features, labels, parameters):
    """Return the step from the weights to the minimum, to first order, by the expanded rows."""
    from scipy.special import expit

    rows, targets, weights = mixtures(features, labels)
    probabilities = expit(rows @ parameters)
    hessian = (rows.T * (weights * probabilities * (1 - probabilities))) @ rows
    return np.linalg.solve(hessian, rows.T @ (weights * (probabilities - targets)))


def ours() -> Fit:
    import jax

    from sims.mixup.fits import fit_mixup
    from theory_on_trial.base.mapping import map_cells

    jax.config.update("jax_enable_x64", True)
    law = MixingLaw.beta(1.0, NODES).lower_half

    @jax.jit
    def fit_all(samples, labels):
        return map_cells(lambda features: fit_mixup(features, labels, *law).weights, samples)

    return lambda samples, labels: np.asarray(fit_all(samples, labels))


def sklearn(solver: str) -> Fit:
    from sklearn.linear_model import LogisticRegression

    def fit(features, labels):
        rows, targets, weights = mixtures(features, labels)
        # A soft label is a row of either class; those without weight are left out.
        classes = np.repeat([1, 0], len(rows))
        shares = np.concatenate([weights * targets, weights * (1 - targets)]) * len(rows)
        mask = shares > 0
        peer = LogisticRegression(
            C=np.inf, fit_intercept=False, solver=solver, tol=1e-8, max_iter=10_000
        )
        return peer.fit(np.tile(rows, (2, 1))[mask], classes[mask], shares[mask]).coef_[0]

    return lambda samples, labels: np.array([fit(features, labels) for features in samples])


def answer_round(name: str, n: int, d: int, seeds: int) -> Callable[[int], Response]:
    """Return a function of a round that gives its processor seconds, and the relative errors that
    are left.
    """
    fit = ours() if name == OURS else sklearn(name.split()[1])

    def answer(round_: int) -> Response:
        samples, labels = draw(round_, n, d, seeds)
        seconds, parameters = timed(fit, samples, labels)
        errors = [
            float(np.linalg.norm(newton_step(features, labels, w)) / np.linalg.norm(w))
            for features, w in zip(samples[:CHECKED], parameters[:CHECKED], strict=True)
        ]
        return {"seconds": seconds, "errors": errors}

    return answer


def run(quick: bool) -> None:
    cells = len(SEPARABILITIES)
    for n, d, rounds, seeds in QUICK if quick else WORKLOADS:
        compare(
            "benchmarks.mixup",
            f"n = {n}, d = {d}, {cells} separabilities x {GRID_SEEDS} seeds",
            {name: (name, n, d, count) for name, count in seeds.items()},
            rounds,
            ours=[OURS],
            figure="worst error",
            figure_of=lambda name, answers: (
                f"{max(max(answer['errors']) for answer in answers[1:]):.1e}"
            ),
            per_unit=lambda name, answers, seeds=seeds: GRID_SEEDS / seeds[name],
            mark=lambda name, answers, seeds=seeds, rounds=rounds: (
                "" if rounds * seeds[name] >= GRID_SEEDS else "~"
            ),
        )


if __name__ == "__main__":
    command(__doc__, run, answer_round)
