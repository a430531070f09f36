"""The walk itself, at every finite number of points: spectrum, geometry, limits."""

from typing import Annotated

import numpy as np
from scipy.linalg import eigvalsh

from paper_checks.test_random_walk_pca import LISSAJOUS, Components, ManyPoints, Points, ThreePoints
from sims.random_walk_pca import infinite_dimension
from theory.random_walk_pca import plain_walk
from theory_on_trial import claim, code, derived
from theory_on_trial.contract import Interval


@claim(
    derived(
        "differences over time undo the sum and the mean, so that K is the pseudo-inverse of "
        "the Laplacian of a path"
    ),
    kind="identity",
    cases=[2, 3, 7, 50, 300],
)
def test_exact_spectrum(trial, n_points: Points):
    """Let x_t = x_(t-1) + ξ_t be a random walk with independent steps of E[|ξ_t|²] = 1, and let K
    have the entries E[(x_s - c)·(x_t - c)], where c is the mean of x_1, …, x_T. Then K u_k = λ_k
    u_k for k = 1, …, T - 1, where λ_k = 1 / (2 - 2 cos(π k / T)) and u_k(t) = sqrt(2 / T) cos(π k
    (t - 1/2) / T).

    So neither the start x_0 nor the first step, which all points share, matters.
    """
    covariance = np.asarray(infinite_dimension.covariance(n_points))
    variances = plain_walk.eigenvalues(n_points)
    cosines = plain_walk.cosine_modes(n_points, n_points - 1)
    index = np.arange(1, n_points)
    on_circle = 1 / (2 - 2 * np.cos(2 * np.pi * index / n_points))
    late = np.cos(np.pi / n_points * np.outer(np.arange(n_points) + 1, index))

    def residual(modes, eigenvalues):
        return covariance @ modes - modes * eigenvalues

    trial.identity(
        residual(cosines, variances),
        np.zeros((n_points, n_points - 1)),
        ops=n_points,
        scale=variances[0],
        control_processes={
            "eigenvalues of T + 1 points, as for absorbing ends": residual(
                cosines, plain_walk.eigenvalues(n_points + 1)[:-1]
            ),
            "the eigenvalues of a walk on a circle": residual(cosines, on_circle),
            "cosines of t instead of t - 1/2": residual(late, variances),
        },
    )


@claim(
    derived(
        "the components are every other mode of a path of 2 T + 1 points, since the walk is "
        "fixed at its start"
    ),
    kind="limit",
    cases=[40, 100],
)
def test_exact_spectrum__uncentred(
    trial,
    n_points: Annotated[
        int,
        Interval(20, 200, why="with fewer, later orders count; a matrix over time is diagonalised"),
    ],
):
    """Let x_t = x_(t-1) + ξ_t be a random walk with independent steps of E[|ξ_t|²] = 1 from x_0 =
    0. As T grows, the k-th largest eigenvalue of the matrix of E[x_s·x_t], s, t = 1, …, T, divided
    by its trace, tends to 8 / (π (2 k - 1))².

    So without centring the first principal component explains 81 % of the variance.
    """
    sizes = n_points * 2 ** np.arange(4)

    def ratios(n):
        walk = np.tril(np.ones((n, n)))
        return eigvalsh(walk @ walk.T, subset_by_index=(n - 3, n - 1))[::-1] / np.sum(walk**2)

    limit = plain_walk.uncentred_explained_variance_ratio_limit(3)
    controls = {
        "6 / (π k)^2, as with centring": plain_walk.explained_variance_ratio_limit(3),
        "8 / (π k)^2, every mode of the path": 4 / 3 * plain_walk.explained_variance_ratio_limit(3),
    }
    trial.limit(
        [ratios(n) for n in sizes.tolist()],
        sizes,
        limit,
        order=2,
        margin=1e-4 * limit,
        controls=controls,
    )


@claim(
    code(
        "joe-antognini/joe-antognini.github.io",
        "notebooks/HighDimensionalRandomWalk.ipynb",
        "7c7f7ab",
        says="the predicted value 6 / np.pi**2 of the first ratio",
    ),
    kind="limit",
    cases=[100, 200, 400, 800, 1600],
)
def test_evr_limit(trial, n_points: ManyPoints, count: Components = 3):
    """Let ρ_k be the share of principal component k in the total variance of T centred points of a
    random walk. As T grows, ρ_k tends to 6 / (π k)², with the relative error (1 + π² k² / 12) / T²
    to leading order.
    """
    trial.require(
        n_points >= 8 * count, f"n_points must be at least {8 * count}: a later order counts before"
    )
    index = np.arange(1, count + 1)
    spectrum = infinite_dimension.leading_spectrum(n_points, count)
    ratios = spectrum.eigenvalues / spectrum.total_variance
    law = plain_walk.limit_relative_error(n_points, count)
    trial.value(
        ratios / plain_walk.explained_variance_ratio_limit(count) - 1,
        law,
        # Relative rounding of an eigenvalue: T roundings at the scale of the largest one.
        error=4 * n_points * 2.0**-53 * index**2,
        slack=law**2,
        margin=0.01 * law + law**2,
        controls={"T² / 6 for the total (T² - 1) / 6": (np.pi * index) ** 2 / 12 / n_points**2},
    )


@claim(LISSAJOUS, kind="identity", cases=[(500, 8), (100, 5)])
def test_chebyshev_relation(trial, n_points: ThreePoints, count: Components):
    """Let λ_k and u_k be the eigenvalues and unit eigenvectors of the covariance over time of the T
    centred points of a random walk, with a suitable sign. The scores p_k = sqrt(λ_k) u_k and the
    amplitudes b_k = sqrt(2 λ_k / T) are such that p_k / b_k is Chebyshev's polynomial of degree k
    of p_1 / b_1.

    So any two scores draw a Lissajous curve.
    """
    trial.require(
        2 <= count <= n_points - 2,
        f"count must lie in [2, n_points - 2 = {n_points - 2}], got {count}",
    )
    spectrum = infinite_dimension.leading_spectrum(n_points, count)
    variances = plain_walk.eigenvalues(n_points)
    amplitudes = np.sqrt(2 * variances[:count] / n_points)
    scores = spectrum.time_courses * np.sqrt(spectrum.eigenvalues) / amplitudes
    first = np.clip(scores[:, 0], -1, 1)
    index = np.arange(1, count + 1)
    sines = np.sin(np.pi * np.outer(np.arange(1, n_points + 1) - 0.5, index) / n_points)
    turned = variances[0] / -np.diff(variances)[:count]  # rounding turns an eigenvector: |K| / gap
    trial.identity(
        scores,
        plain_walk.chebyshev_scores(first, count),
        ops=3 * n_points,
        # An eigenvector is scaled up to amplitude one, and T_k stretches the first score by k^2.
        scale=index**2 * np.sqrt(n_points / 2) * turned,
        controls={"powers of the first score": first[:, None] ** index},
        control_processes={"sines of even order": np.where(index % 2 == 0, sines, scores)},
    )


@claim(
    derived(
        "the points of the times s and t are |s - t| independent steps apart, and principal "
        "components only rotate them"
    ),
    kind="identity",
)
def test_distance_identity(trial, n_points: ThreePoints = 200):
    """Let λ_k and u_k be the eigenvalues and unit eigenvectors of the covariance over time of the T
    centred points of a random walk with E[|ξ_t|²] = 1. The scores p_k = sqrt(λ_k) u_k reproduce all
    mean squared distances: sum_k (p_k(s) - p_k(t))² = E[|x_s - x_t|²] = |s - t|.
    """
    covariance = np.asarray(infinite_dimension.covariance(n_points))
    scores = plain_walk.scores(n_points, n_points - 1)
    times = np.arange(1.0, n_points + 1)
    lags = np.abs(np.subtract.outer(times, times))

    def squared_distances(products):
        squares = np.diag(products)
        return np.add.outer(squares, squares) - 2 * products

    trial.identity(
        squared_distances(covariance),
        squared_distances(scores @ scores.T),
        ops=2 * n_points,
        scale=n_points,
        controls={
            "one component only": squared_distances(np.outer(scores[:, 0], scores[:, 0])),
            "the root of |s - t|": np.sqrt(lags),
            "independent points": np.add.outer(times, times),
        },
    )
