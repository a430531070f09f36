"""Neighbouring papers on principal components: a tutorial, robust PCA, PCA with a generator."""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np

from sims.random_walk_pca import neighbouring_papers as observed
from theory.random_walk_pca import neighbouring_papers as predicted
from theory_on_trial import claim, derived
from theory_on_trial.base.mapping import map_cells
from theory_on_trial.contract import Interval
from theory_on_trial.laws import Asymptotic

Dimension = Annotated[int, Interval(2, 100, why="covariances are diagonalised")]
Samples = Annotated[
    int, Interval(4, 10_000, why="fewer have no second component; dense matrices are decomposed")
]
Cloud = Annotated[
    int, Interval(1000, 10_000, why="fewer scatter, and hundreds of clouds are drawn")
]
Spike = Annotated[
    float,
    Interval(1.5, 8, why="its direction is told from the others, and a lost one from a kept one"),
]
"""β, the variance that the spike adds to one."""
Share = Annotated[float, Interval(0.03, 0.2, why="outliers are some, and few")]
"""ε, the share of outliers."""


def outliers_in(n_points, fraction):
    """Return an even number of outliers, near the share that is asked for."""
    return 2 * round(fraction * n_points / 2)


def cloud(trial, n_samples, dim):
    """Return points of unequal spread about (1, …, 1)."""
    trial.require(n_samples > dim, f"n_samples must be above dim = {dim}, got {n_samples}")
    normals = trial.generator("points").standard_normal((n_samples, dim))
    return normals * np.logspace(0, -2, dim) + 1.0


@claim(derived("eigenvectors of a covariance, after Shlens 2014"), kind="identity")
def test_pca_tutorial__diagonalise(trial, n_samples: Samples = 200, dim: Dimension = 12):
    """The rows of P are eigenvectors of C_X, so that P C_X P^T is diagonal and decreasing."""
    covariance = np.asarray(observed.covariance(cloud(trial, n_samples, dim)))
    variances, axes = predicted.principal_axes(covariance)
    trial.identity(
        axes @ covariance @ axes.T,
        np.diag(variances),
        ops=3 * dim,
        scale=variances[0],
        control_processes={"raw axes": covariance},
    )


@claim(derived("singular vectors of centred points, after Shlens 2014"), kind="identity")
def test_pca_tutorial__singular_values(trial, n_samples: Samples = 200, dim: Dimension = 12):
    """Squared singular values of the centred points, over n, are the eigenvalues of C_X."""
    points = cloud(trial, n_samples, dim)
    variances, _ = predicted.principal_axes(np.asarray(observed.covariance(points)))
    uncentred = np.linalg.svd(points, compute_uv=False) ** 2 / n_samples
    trial.identity(
        observed.axes_from_singular_values(points).variances,
        variances,
        ops=n_samples,
        scale=variances[0] + dim,  # the mean that centring takes away
        controls={"n - 1 for n": variances * n_samples / (n_samples - 1)},
        control_processes={"without centring": uncentred},
    )


@claim(derived("Eckart and Young 1936, for the covariance of a cloud"), kind="bound")
def test_pca_tutorial__optimal(
    trial,
    n_samples: Samples = 100,
    dim: Annotated[int, Interval(2, 30, why="a subspace near the best one is drawn")] = 8,
    kept: Annotated[int, Interval(1, 29, why="below dim, 30 at most")] = 3,
    n_subspaces: Annotated[
        int, Interval(10, 100_000, why="few may miss a better one, and each is drawn")
    ] = 2000,
):
    """No k-dimensional projection has a smaller mean squared error than PCA's, the sum of the other
    variances.
    """
    trial.require(
        kept < dim < n_samples, f"kept < dim < n_samples must hold, got {kept}, {dim}, {n_samples}"
    )
    generator = trial.generator("points")
    points = generator.standard_normal((n_samples, dim)) @ generator.standard_normal((dim, dim))
    directions = generator.standard_normal((n_subspaces, dim, kept))
    best = np.asarray(observed.axes_from_covariance(points).axes)[:kept].T
    # Half of the subspaces lie close to the optimum, where a violation would show first.
    directions[::2] = best + 0.01 * directions[::2]
    directions[0] = best
    bases = np.linalg.qr(directions)[0]
    errors = np.asarray(
        map_cells(lambda basis: observed.reconstruction_error(points, basis.T), bases)
    )
    covariance = np.asarray(observed.covariance(points))
    raw = np.sort(np.diag(covariance))[: dim - kept].sum()
    trial.bound(
        np.full(n_subspaces, predicted.least_reconstruction_error(covariance, kept)),
        errors,
        instances="draws",
        independent=n_subspaces - 1,  # the first one is the optimum itself
        ops=n_samples + 3 * dim,
        scale=np.trace(covariance),
        control_processes={"variances of the raw axes": np.full(n_subspaces, raw)},
    )


@claim(
    derived(
        "the variances along spike and outliers are equal there; Diakonikolas et al. 2023 only "
        "say that PCA fails"
    ),
    kind="distribution",
    cases=[(2000, 10, 4.0, 0.05), (2000, 5, 2.0, 0.1)],
)
def test_robust_pca__failure(trial, n_points: Cloud, dim: Dimension, spike: Spike, fraction: Share):
    """A fraction ε of outliers of length s turns the top direction once s^2 exceeds (1 - ε) β /
    ε.
    """
    n_outliers = outliers_in(n_points, fraction)
    share = n_outliers / n_points

    # Noise in the other dimensions pushes the spike's variance up, by the second order of
    # perturbation theory.
    push = 2 * dim / (n_points * spike)
    halvings = 14
    trial.require(
        push <= share / 4, f"2 dim / (n_points spike) must be at most fraction / 4, got {push:.2g}"
    )

    def turning(key):
        """By bisection of log s^2: the clean points are those of the key, whatever s is."""
        points = observed.corrupted_points(
            key, n_points, dim, n_outliers, spike=spike, outlier_length=1.0
        )

        def halve(_, bracket):
            middle = jnp.sqrt(bracket[0] * bracket[1])
            squares = (
                observed.leading_direction(points.at[:n_outliers].multiply(jnp.sqrt(middle))) ** 2
            )
            return jnp.where(
                squares[0] > squares[1],
                jnp.array([middle, bracket[1]]),
                jnp.array([bracket[0], middle]),
            )

        low, high = jax.lax.fori_loop(
            0, halvings, halve, jnp.array([spike / 4, 4 * spike / share**2])
        )
        # Most of it is the difference of two clean variances, of known mean.
        difference = jnp.sum(points[n_outliers:, 0] ** 2 - points[n_outliers:, 1] ** 2) / n_outliers
        return jnp.sqrt(low * high) - (difference - (1 - share) * spike / share)

    threshold = predicted.outlier_flip_threshold(share, spike)
    bisection = np.log(16 / share**2) / 2 ** (halvings + 1)
    slack = threshold * (bisection + push)
    margin = threshold * (0.005 + bisection + push)
    laws = {"β / ε": spike / share, "(1 - ε)(1 + β) / ε": (1 - share) * (1 + spike) / share}
    trial.mean(
        turning,
        threshold,
        law=Asymptotic(),
        slack=slack,
        margin=margin,
        controls=laws,
        first=128,
        most=10_000,
    )


@claim(
    derived("the simplest filter at Diakonikolas et al. 2023's goal"),
    kind="empirical",
    tier="full",
    cases=[110.0, 1000.0],
)
def test_robust_pca__goal(
    trial,
    square: Annotated[float, Interval(100, 1e5, why="plain PCA is broken from 76 on")],
    n_points: Cloud = 2000,
    dim: Annotated[int, Interval(2, 20, why="more dimensions ask for more points")] = 10,
):
    """A filtered estimate keeps u^T Σ u >= 0.95 |Σ| where an ε fraction of outliers breaks plain
    PCA.
    """
    spike = 4.0
    fraction = 0.05

    def good(estimator):
        def event(key):
            points = observed.corrupted_points(
                key,
                n_points,
                dim,
                outliers_in(n_points, fraction),
                spike=spike,
                outlier_length=np.sqrt(square),
            )
            return (1 + spike * estimator(points)[0] ** 2) / (1 + spike) >= 0.95

        return event

    processes = {"plain PCA": good(observed.leading_direction)}
    trial.probability(
        good(observed.filtered_direction),
        0.95,
        side="at least",
        control_processes=processes,
        first=64,
        most=1000,
    )


@claim(
    derived(
        "first-order perturbation of the spike within a known range; Liu et al. 2022 state the "
        "order, for generators"
    ),
    kind="rate",
    tier="full",
    cases=[(1600, 8, 20), (1600, 8, 30), (2400, 12, 30)],
)
def test_generative_pca__rate(
    trial,
    n_samples: Annotated[
        int, Interval(500, 10_000, why="later orders in k / m are small, and thousands are drawn")
    ],
    latent_dim: Annotated[
        int, Interval(3, 30, why="at 1 nothing is to be found, at 2 too few are drawn")
    ],
    dim: Annotated[int, Interval(8, 100, why="without the generator, all of it counts")],
):
    """With the spike in a known k-dimensional range the squared error is (1 + β)(k - 1) / (β^2 m),
    whatever d.
    """
    trial.require(
        latent_dim <= dim / 2,
        "latent_dim must be at most half of dim: else the generator tells little",
    )
    trial.require(
        latent_dim <= n_samples / 200,
        "n_samples must be at least 200 latent_dim: later orders in k / m",
    )
    trial.require(
        n_samples * dim <= 150_000,
        "n_samples * dim must be at most 150000: thousands of sets are drawn",
    )

    def squared_error(name):
        return lambda key: (
            getattr(observed.spike_errors(key, n_samples, dim, latent_dim), name) ** 2
        )

    law = predicted.spiked_direction_error(latent_dim, n_samples, 1.0) ** 2
    later = 2 * latent_dim / n_samples  # the order of the next term
    trial.mean(
        squared_error("with_generator"),
        law,
        law=Asymptotic(),
        slack=later * law,
        margin=(0.03 + later) * law,
        controls={"twice the constant": 2 * law, "without 1 + β": law / 2},
        control_processes={"without the generator": squared_error("without_generator")},
        first=2048,
        most=60_000,
    )
