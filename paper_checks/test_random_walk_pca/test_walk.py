"""The walk itself, at every finite number of points: spectrum, geometry, limits."""

from fractions import Fraction
from typing import Annotated

import jax
import numpy as np
from scipy.linalg import eigvalsh

from paper_checks.test_random_walk_pca import LISSAJOUS, Components, ManyPoints, Points, ThreePoints
from sims.random_walk_pca import infinite_dimension, pca, trajectories
from theory.random_walk_pca import plain_walk
from theory_on_trial import balls, claim, code, derived
from theory_on_trial.contract import Interval


@claim(
    derived(
        "differences over time undo the sum and the mean: the covariance is the path graph's "
        "pseudo-inverse"
    ),
    kind="identity",
    cases=[2, 3, 7, 50, 300],
)
def test_exact_spectrum(trial, n_points: Points):
    """The eigenvalues of the centred walk are 1 / (2 - 2 cos(π k / T)), its eigenvectors the DCT-II
    cosines.
    """
    variances = plain_walk.eigenvalues(n_points)
    scale = n_points * plain_walk.eigenvalues(n_points)[0]
    controls = {
        "both ends absorbing": plain_walk.eigenvalues(n_points + 1)[:-1],
        "a periodic walk": np.sort(plain_walk.circulant_eigenvalues(n_points))[::-1],
    }
    trial.identity(
        infinite_dimension.spectrum(n_points),
        variances,
        ops=3,
        scale=scale,
        controls=controls,
    )
    covariance = np.asarray(infinite_dimension.covariance(n_points))

    def residual(phase):
        modes = np.sqrt(2 / n_points) * np.cos(
            np.pi / n_points * np.outer(phase, np.arange(1, n_points))
        )
        return covariance @ modes - modes * variances

    times = np.arange(1, n_points + 1)
    late = {"cosines of t instead of t - 1/2": residual(times)}
    zeros = np.zeros((n_points, n_points - 1))
    trial.identity(
        residual(times - 0.5), zeros, ops=n_points, scale=variances[0], control_processes=late
    )


@claim(
    derived("fixed before it starts: every other mode of a path of 2 T + 1 points"),
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
    """Without centring ratio k tends to 8 / (π (2k - 1))^2: 81 % in the first component."""
    sizes = n_points * 2 ** np.arange(4)

    def ratios(n):
        walk = np.tril(np.ones((n, n)))
        return eigvalsh(walk @ walk.T, subset_by_index=(n - 3, n - 1))[::-1] / np.sum(walk**2)

    limit = plain_walk.uncentred_explained_variance_ratio_limit(3)
    controls = {
        "6 / (π k)^2": plain_walk.explained_variance_ratio_limit(3),
        "8 / (π k)^2": 4 / 3 * plain_walk.explained_variance_ratio_limit(3),
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
    derived("the difference matrix on a circle is circulant"), kind="identity", cases=[3, 20, 151]
)
def test_exact_spectrum__circle(trial, n_points: ThreePoints):
    """Closed into a circle and centred, the walk has eigenvalues 1 / (2 - 2 cos(2 π k / T)), in
    pairs.
    """
    steps = np.eye(n_points) - 1 / n_points  # what is left of them when they sum to zero
    walk = np.cumsum(steps, axis=0)
    loop = walk - walk.mean(axis=0)
    eigenvalues = np.sort(plain_walk.circulant_eigenvalues(n_points))[::-1]
    controls = {
        "the open walk": plain_walk.eigenvalues(n_points),
        "once each": plain_walk.eigenvalues(2 * n_points)[1::2][: n_points - 1],
    }
    trial.identity(
        np.linalg.eigvalsh(loop @ loop.T)[:0:-1],
        eigenvalues,
        ops=3 * n_points,
        scale=eigenvalues[0],
        controls=controls,
    )


@claim(
    derived("centring over time is blind to what all points share: the start and the first step"),
    kind="identity",
)
def test_first_step_irrelevant(
    trial,
    n_points: Points = 40,
    dim: Annotated[int, Interval(1, 10_000, why="a cap, which nothing requires")] = 60,
    first_step: Annotated[
        float, Interval(1, 1e7, why="rounding of a longer one hides the others")
    ] = 1e6,
):
    """The first step, and the starting point, do not enter the centred trajectory."""
    steps = np.array(jax.random.normal(trial.key("steps"), (n_points, dim)))
    far_steps = steps.copy()
    far_steps[0] *= first_step
    reference = np.asarray(pca.gram_variances(trajectories.trajectory(steps)))
    walk = np.asarray(trajectories.trajectory(far_steps))

    def of_gram(rows):
        return np.maximum(np.linalg.eigvalsh(rows @ rows.T)[::-1][: reference.size], 0)

    variances = pca.gram_variances(walk)
    scale = np.linalg.norm(far_steps[0]) * np.sqrt(reference[0])
    processes = {"without centring": of_gram(walk), "from the first point": of_gram(walk - walk[0])}
    trial.identity(
        variances, reference, ops=4 * (n_points + dim), scale=scale, control_processes=processes
    )


@claim(
    derived("sums over the path graph's spectrum: traces of its pseudo-inverse"),
    kind="identity",
    cases=range(3, 31),
)
def test_total_variance(
    trial, n_points: Annotated[int, Interval(3, 60, why="fractions take T^3 operations")]
):
    """Total variance (T^2 - 1)/6, sum of squares (T^2 - 1)(2 T^2 + 7)/180, participation 5 (T^2 -
    1)/(2 T^2 + 7).
    """
    n = n_points
    walk = [[Fraction(int(s <= t)) for s in range(n)] for t in range(n)]
    means = [sum(column) / n for column in zip(*walk, strict=True)]
    deviations = [[entry - mean for entry, mean in zip(row, means, strict=True)] for row in walk]
    gram = [[sum(a * b for a, b in zip(p, q, strict=True)) for q in deviations] for p in deviations]
    total = sum(gram[t][t] for t in range(n))
    squares = sum(entry * entry for row in gram for entry in row)
    exact = [
        plain_walk.total_variance(n),
        plain_walk.squared_eigenvalue_sum(n),
        plain_walk.participation_ratio(n),
    ]
    controls = {
        "total without centring": [n * (n + 1) / 2, *exact[1:]],
        "T^2 / 6": [n * n / 6, *exact[1:]],
        "T^2 + 11 for 2 T^2 + 7": [exact[0], (n * n - 1) * (n * n + 11) / 180, exact[2]],
    }
    trial.identity(
        [float(total), float(squares), float(total * total / squares)],
        exact,
        ops=0,
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
    """ρ_k(T) tends to 6 / (π k)^2 with relative error (1 + π^2 k^2 / 12) / T^2."""
    trial.require(
        n_points >= 8 * count, f"n_points must be at least {8 * count}: a later order counts before"
    )
    squares = (np.pi * np.arange(1, count + 1)) ** 2
    spectrum = infinite_dimension.leading_spectrum(n_points, count)
    ratios = spectrum.eigenvalues / spectrum.total_variance
    law = plain_walk.limit_relative_error(n_points, count)
    excess = ratios / plain_walk.explained_variance_ratio_limit(count) - 1
    # Relative rounding of an eigenvalue: T roundings at the scale of the largest one.
    error = 4 * n_points * 2.0**-53 * np.arange(1, count + 1) ** 2
    controls = {
        "an exact total": squares / 12 / n_points**2,
        "24 for 12": (1 + squares / 24) / n_points**2,
    }
    trial.value(
        excess, law, error=error, slack=law**2, margin=0.01 * law + law**2, controls=controls
    )


@claim(LISSAJOUS, kind="identity", cases=[(500, 8), (100, 5)])
def test_chebyshev_relation(trial, n_points: ThreePoints, count: Components):
    """The scores are Chebyshev polynomials of the first one, p_k / b_k = T_k(p_1 / b_1): Lissajous
    curves.
    """
    trial.require(
        2 <= count <= n_points - 2,
        f"count must lie in [2, n_points - 2 = {n_points - 2}], got {count}",
    )
    spectrum = infinite_dimension.leading_spectrum(n_points, count)
    scores = (
        spectrum.time_courses
        * np.sqrt(spectrum.eigenvalues)
        / plain_walk.score_amplitudes(n_points, count)
    )
    scores *= np.sign(scores[0])
    components = np.arange(1, count + 1)
    variances = plain_walk.eigenvalues(n_points)
    sine = np.sin(np.pi * np.outer(np.arange(1, n_points + 1) - 0.5, components) / n_points)
    first = np.clip(scores[:, 0], -1, 1)
    trial.identity(
        scores,
        plain_walk.chebyshev_scores(first, count),
        ops=3 * n_points,
        # An eigenvector moves by |K| / gap, is scaled up to amplitude one, and T_k stretches the
        # first score by k^2.
        scale=components**2
        * np.sqrt(n_points / 2)
        * variances[0]
        / (variances[:count] - variances[1 : count + 1]),
        controls={"powers of the first score": first[:, None] ** components},
        control_processes={"sines of even order": np.where(components % 2 == 0, sine, scores)},
    )


@claim(
    derived("any two points are |s - t| independent steps apart, and components rotate them only"),
    kind="identity",
)
def test_distance_identity(trial, n_points: ThreePoints = 200):
    """The scores reproduce |x_s - x_t|^2 = |s - t| exactly: sum_k λ_k (u_k(s) - u_k(t))^2 = |s -
    t|.
    """
    scores = plain_walk.scores(n_points, n_points - 1)
    products = np.asarray(infinite_dimension.covariance(n_points))
    controls = {"one component only": np.outer(scores[:, 0], scores[:, 0])}
    trial.identity(products, scores @ scores.T, ops=n_points, scale=n_points, controls=controls)
    squares = np.diag(products)
    lags = plain_walk.squared_distances(n_points)
    times = np.arange(1.0, n_points + 1)
    controls = {
        "the root of |s - t|": np.sqrt(lags),
        "independent points": np.add.outer(times, times),
    }
    trial.identity(
        squares[:, None] + squares - 2 * products,
        lags,
        ops=n_points,
        scale=n_points,
        controls=controls,
    )


@claim(derived("every number of points up to 400, enclosed"), kind="bound")
def test_evr_limit__everywhere(trial):
    """ρ_1(T) = 6 / ((T² - 1) 4 sin²(π / 2T)) >= 6 / π² for all T = 2..400: the limit is approached
    from above.
    """

    def ratio(n_points):
        theta = 4 * balls.sin(balls.pi(n_points) / (2 * n_points)) ** 2
        return 6 / ((n_points**2 - 1) * theta)

    trial.prove(
        lambda n_points: 6 / balls.pi(n_points) ** 2,
        ratio,
        {"n_points": range(2, 401)},
        controls={
            "1 % less": lambda n_points: 0.99 * ratio(n_points),
            "divided by T²": lambda n_points: ratio(n_points) * Fraction(n_points - 1, n_points),
        },
        same_as=(
            lambda n_points: plain_walk.explained_variance_ratio_limit(1)[0],
            lambda n_points: plain_walk.explained_variance_ratio(n_points)[0],
        ),
    )
