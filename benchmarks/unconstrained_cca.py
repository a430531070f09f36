"""Canonical correlations of data in memory: scikit-learn's CCA against two factorisations, and the certificate.

`python -m benchmarks.unconstrained_cca [--quick]` prints the table. The loss is for data too large to hold; where they
can be held, an eigenvalue problem of the covariances or a QR factorisation is all it takes.
"""

from collections.abc import Callable

import numpy as np

from audits.side_by_side import Response, command, contest, timed, worst

WORKLOADS = [(5000, 40, 5, 5)]  # rows, features of each view, components, rounds
QUICK = [(500, 10, 3, 1)]


def views(rows: int, features: int, components: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two views that share some components, mixed at random."""
    rng = np.random.default_rng(seed)
    rho = np.zeros(features)
    rho[:components] = np.linspace(0.9, 0.5, components)
    own, other = rng.normal(size=(2, rows, features))
    mixing = rng.normal(size=(2, features, features))
    return own @ mixing[0], (rho * own + np.sqrt(1 - rho**2) * other) @ mixing[1]


def scikit_learn(components: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    from sklearn.cross_decomposition import CCA

    def correlations(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
        scores = CCA(components, max_iter=5000).fit_transform(X, Y)
        return np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(scores[0].T, scores[1].T, strict=True)])

    return correlations


def eigenvalue_problem(components: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    from sims.unconstrained_cca import pencil_of_views
    from theory.unconstrained_cca import generalised_eigenvalues

    def correlations(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
        S, d = np.cov(np.hstack([X, Y]).T), X.shape[1]
        return generalised_eigenvalues(*pencil_of_views(S[:d, :d], S[d:, d:], S[:d, d:]))[:components]

    return correlations


def factorisation(components: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def correlations(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
        bases = [np.linalg.qr(Z - Z.mean(axis=0))[0] for Z in (X, Y)]
        return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)[:components]

    return correlations


def certificate(components: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    from own_data.unconstrained_cca import ey_certificate

    return lambda X, Y: ey_certificate(X, Y).correlations[:components]


CONTENDERS = {
    "scikit-learn CCA": scikit_learn,
    "eigenvalue problem": eigenvalue_problem,
    "QR and SVD": factorisation,
    "certificate with intervals": certificate,
}


def answer_seed(name: str, rows: int, features: int, components: int) -> Callable[[int], Response]:
    solver, exact = CONTENDERS[name](components), factorisation(components)

    def answer(seed: int) -> Response:
        X, Y = views(rows, features, components, seed)
        seconds, correlations = timed(solver, X, Y)
        return {"seconds": seconds, "error": float(np.abs(correlations - exact(X, Y)).max())}

    return answer


run = contest(
    "benchmarks.unconstrained_cca", "{0} rows, {1} + {1} features, {2} components", CONTENDERS, WORKLOADS, QUICK,
    ours=["eigenvalue problem", "certificate with intervals"], figure="largest difference from QR and SVD",
    figure_of=worst(),
)  # fmt: skip


if __name__ == "__main__":
    command(__doc__, run, answer_seed)
