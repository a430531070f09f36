"""The walk itself, at every finite number of points: spectrum, geometry, limits."""

from typing import Annotated

import numpy as np
from scipy.linalg import eigvalsh

from paper_checks.test_random_walk_pca import LISSAJOUS, Components, ManyPoints, Points, ThreePoints
from sims.random_walk_pca import infinite_dimension
from theory.random_walk_pca import plain_walk
from theory_on_trial import claim, derived, known, recalled, tried
from theory_on_trial.contract import Interval


@claim(
    recalled(
        "the spectrum of a random walk, as a reader's note quotes it",
        within="as $T$ grows; it is exact at every $T$",
    ),
    kind="identity",
    cases=[2, 3, 7, 50, 300],
)
def test_exact_spectrum(trial, n_points: Points):
    """Let $x_t = x_(t-1) + ξ_t$ be a random walk with independent steps of $E[|ξ_t|²] = 1$, and let
    $K$ have the entries $E[(x_s - c)·(x_t - c)]$, where $c$ is the mean of $x_1, …, x_T$. Then $K
    u_k = λ_k u_k$ for $k = 1, …, T - 1$, where $λ_k = 1 / (2 - 2 cos(π k / T))$ and $u_k(t) =
    sqrt(2 / T) cos(π k (t - 1/2) / T)$.

    So neither the start x_0 nor the first step, which all points share, matters.
    """
    covariance = np.asarray(infinite_dimension.covariance(n_points))
    variances = plain_walk.eigenvalues(n_points)
    cosines = plain_walk.cosine_modes(n_points, n_points - 1)
    times = np.arange(1, n_points + 1)
    index = np.arange(1, n_points)
    circle_eigenvalues = 1 / (2 - 2 * np.cos(2 * np.pi * index / n_points))
    cosines_of_t = np.cos(np.pi / n_points * np.outer(times, index))

    def residual(modes, eigenvalues):
        """K u_k - λ_k u_k in column k - 1, which is 0 of eigenvectors."""
        return covariance @ modes - modes * eigenvalues

    trial.identity(
        residual(cosines, variances),
        np.zeros((n_points, n_points - 1)),
        ops=n_points,
        scale=variances[0],
        control_processes={
            "eigenvalues of $T + 1$ points, as for absorbing ends": residual(
                cosines, plain_walk.eigenvalues(n_points + 1)[:-1]
            ),
            "eigenvalues of a walk on a circle": residual(cosines, circle_eigenvalues),
            "cosines of $t$ instead of $t - 1/2$": residual(cosines_of_t, variances),
        },
    )


@claim(
    known("Kac & Siegert 1947 and Loève 1948, the expansion of Brownian motion"),
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
    """Let $x_t = x_(t-1) + ξ_t$ be a random walk with independent steps of $E[|ξ_t|²] = 1$ from
    $x_0 = 0$. As $T$ grows, the $k$-th largest eigenvalue of the matrix of $E[x_s·x_t]$, $s, t = 1,
    …, T$, divided by its trace, tends to $8 / (π (2 k - 1))²$.

    So without centring the first principal component explains 81 % of the variance.
    """
    sizes = n_points * 2 ** np.arange(4)

    def leading_ratios(n):
        """The three largest eigenvalues of the matrix for T = n, divided by its trace."""
        # Row t: x_t is the sum of the steps 1, …, t.
        steps_of_points = np.tril(np.ones((n, n)))
        products = steps_of_points @ steps_of_points.T
        increasing = eigvalsh(products, subset_by_index=(n - 3, n - 1))
        return increasing[::-1] / np.trace(products)

    limit = plain_walk.uncentred_explained_variance_ratio_limit(3)
    with_centring = plain_walk.explained_variance_ratio_limit(3)
    controls = {
        "$6 / (π k)²$, as with centring": with_centring,
        "$8 / (π k)²$, as if every mode counted": 4 / 3 * with_centring,
    }
    trial.limit(
        [leading_ratios(n) for n in sizes.tolist()],
        sizes,
        limit,
        order=2,
        margin=1e-4 * limit,
        controls=controls,
    )


@claim(
    tried(
        "the first author's notebook HighDimensionalRandomWalk: the predicted ratio $6 / π²$ of "
        "the first component",
        "all components, and the error at a finite length",
    ),
    kind="limit",
    cases=[100, 200, 400, 800, 1600],
)
def test_evr_limit(trial, n_points: ManyPoints, count: Components = 3):
    """Let $ρ_k$ be the share of principal component $k$ in the total variance of $T$ centred points
    of a random walk. As $T$ grows, $ρ_k$ tends to $6 / (π k)²$, with the relative error
    $(1 + π² k² / 12) / T²$ to leading order.
    """
    trial.require(
        n_points >= 8 * count, f"n_points must be at least {8 * count}: a later order counts before"
    )
    index = np.arange(1, count + 1)
    spectrum = infinite_dimension.leading_spectrum(n_points, count)
    ratios = spectrum.eigenvalues / spectrum.total_variance
    relative_error = ratios / plain_walk.explained_variance_ratio_limit(count) - 1
    leading_order = plain_walk.limit_relative_error(n_points, count)
    trial.value(
        relative_error,
        leading_order,
        # Relative rounding of an eigenvalue: T roundings at the scale of the largest one.
        error=4 * n_points * 2.0**-53 * index**2,
        # The next order is less than the square of the leading one.
        slack=leading_order**2,
        margin=0.01 * leading_order + leading_order**2,
        controls={
            "$T² / 6$ for the total variance $(T² - 1) / 6$": (np.pi * index) ** 2
            / 12
            / n_points**2
        },
    )


@claim(LISSAJOUS, kind="identity", cases=[(500, 8), (100, 5)])
def test_chebyshev_relation(trial, n_points: ThreePoints, count: Components):
    """Let $λ_k$ and $u_k$ be the eigenvalues and unit eigenvectors of the covariance over time of
    the $T$ centred points of a random walk, where each $u_k$ is positive at the first point. Let
    $p_k = sqrt(λ_k) u_k$ be the scores and $b_k = sqrt(2 λ_k / T)$ their amplitudes. Then $p_k /
    b_k$ is Chebyshev's polynomial of degree $k$ of $p_1 / b_1$.

    So any two scores draw a Lissajous curve.
    """
    trial.require(
        2 <= count <= n_points - 2,
        f"count must lie in [2, n_points - 2 = {n_points - 2}], got {count}",
    )
    spectrum = infinite_dimension.leading_spectrum(n_points, count)
    variances = plain_walk.eigenvalues(n_points)
    amplitudes = np.sqrt(2 * variances[:count] / n_points)
    scaled_scores = spectrum.time_courses * np.sqrt(spectrum.eigenvalues) / amplitudes
    # Rounding may put a value beyond 1, and the polynomial is computed by arccos.
    first = np.clip(scaled_scores[:, 0], -1, 1)
    index = np.arange(1, count + 1)
    sines = np.sin(np.pi * np.outer(np.arange(1, n_points + 1) - 0.5, index) / n_points)
    # Rounding turns an eigenvector by the norm of K over the gap to the next eigenvalue.
    turned_by_rounding = variances[0] / -np.diff(variances)[:count]
    trial.identity(
        scaled_scores,
        plain_walk.chebyshev_scores(first, count),
        ops=3 * n_points,
        # An eigenvector is scaled up to amplitude one, and the polynomial has slopes up to k².
        scale=index**2 * np.sqrt(n_points / 2) * turned_by_rounding,
        controls={"powers of the first score": first[:, None] ** index},
        control_processes={"sines for even $k$": np.where(index % 2 == 0, sines, scaled_scores)},
    )


@claim(
    derived(
        "the points of the times $s$ and $t$ are $|s - t|$ independent steps apart, and principal "
        "components only rotate them"
    ),
    kind="identity",
)
def test_distance_identity(trial, n_points: ThreePoints = 200):
    """Let $λ_k$ and $u_k$ be the eigenvalues and unit eigenvectors of the covariance over time of
    the $T$ centred points of a random walk with $E[|ξ_t|²] = 1$. The scores $p_k = sqrt(λ_k) u_k$
    reproduce all mean squared distances: $sum_k (p_k(s) - p_k(t))² = E[|x_s - x_t|²] = |s - t|$.
    """
    covariance = np.asarray(infinite_dimension.covariance(n_points))
    scores = plain_walk.scores(n_points, n_points - 1)
    times = np.arange(1.0, n_points + 1)
    lags = np.abs(np.subtract.outer(times, times))

    def squared_distances(products):
        """|a_s - a_t|² for all s and t, from the products a_s·a_t."""
        squares = np.diag(products)
        return np.add.outer(squares, squares) - 2 * products

    trial.identity(
        squared_distances(covariance),
        squared_distances(scores @ scores.T),
        ops=2 * n_points,
        scale=n_points,
        controls={
            "the first component only": squared_distances(np.outer(scores[:, 0], scores[:, 0])),
            "the root of $|s - t|$": np.sqrt(lags),
            "independent points of variance $t$": np.add.outer(times, times),
        },
    )
