"""Neighbouring papers on principal components: a tutorial, robust PCA, PCA with a generator."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial import claim, ours, paper
from theory_on_trial.laws import Bounded
from theory_on_trial.mapping import map_cells


@claim(paper("Shlens 2014 (arXiv 1404.1100), sections V and VI"), kind="identity")
def test_pca_tutorial__diagonalise(trial, n_samples=200, dim=12):
    """The rows of P are eigenvectors of C_X, P C_X P^T is diagonal and decreasing; singular values give the same."""
    spread = jnp.logspace(0, -2, dim)
    points = np.asarray(jax.random.normal(trial.key("points"), (n_samples, dim)) * spread) + 3.0
    covariance = np.asarray(observed.covariance(points))
    variances, axes = predicted.principal_axes(covariance)
    by_singular_values = observed.axes_from_singular_values(points)
    scale = variances[0] + 9.0 * dim  # the mean that centring takes away
    trial.identity(
        axes @ covariance @ axes.T,
        np.diag(variances),
        ops=3 * dim,
        scale=scale,
        wrong_processes={"raw axes": covariance},
    )
    trial.identity(
        by_singular_values.variances,
        variances,
        ops=n_samples,
        scale=scale,
        wrong_processes={"without centring": np.linalg.svd(points, compute_uv=False) ** 2 / n_samples},
    )


@claim(paper("Shlens 2014 (arXiv 1404.1100); Eckart & Young 1936"), kind="bound")
def test_pca_tutorial__optimal(trial, n_samples=100, dim=8, kept=3, n_subspaces=2000):
    """No k-dimensional projection has a smaller mean squared error than PCA's, the sum of the other variances."""
    points_key, mixing_key, subspaces_key = jax.random.split(trial.key("points"), 3)
    mixing = jax.random.normal(mixing_key, (dim, dim))
    points = jax.random.normal(points_key, (n_samples, dim)) @ mixing
    directions = jax.random.normal(subspaces_key, (n_subspaces, dim, kept))
    best = observed.axes_from_covariance(points).axes[:kept]
    # Half of the subspaces lie close to the optimum, where a violation would show first.
    directions = directions.at[::2].set(best.T + 0.01 * directions[::2]).at[0].set(best.T)
    errors = np.asarray(
        map_cells(lambda basis: observed.reconstruction_error(points, jnp.linalg.qr(basis)[0].T), directions)
    )
    covariance = np.asarray(observed.covariance(points))
    raw = np.sort(np.diag(covariance))[: dim - kept].sum()
    trial.bound(
        np.full(n_subspaces, predicted.least_reconstruction_error(covariance, kept)),
        errors,
        found_by="draws",
        independent=n_subspaces - 1,  # the first one is the optimum itself
        ops=n_samples + 3 * dim,
        scale=np.trace(covariance),
        wrong_processes={"variances of the raw axes": np.full(n_subspaces, raw)},
    )


@claim(
    ours("Diakonikolas et al. 2023 (arXiv 2305.02544), motivation; threshold derived"),
    kind="distribution",
    coarse="the direction is kept or lost, 1 or 0 up to sampling; the threshold is told from 62 and 92 around 76",
)
def test_robust_pca__failure(trial, n_points=4000, dim=10, spike=4.0, fraction=0.05, squares=(62.0, 92.0)):
    """A fraction eps of outliers of length s turns the top direction once s^2 exceeds (1 - eps) beta / eps."""
    n_outliers = 2 * round(fraction * n_points / 2)

    def along_spike(key):
        def one(key, square):
            points = observed.corrupted_points(
                key, n_points, dim, n_outliers, spike=spike, outlier_length=jnp.sqrt(square)
            )
            return observed.leading_direction(points)[0] ** 2

        return map_cells(one, jax.random.split(key, len(squares)), jnp.array(squares))

    def kept(threshold):
        return (np.array(squares) < threshold).astype(float)

    trial.mean(
        along_spike,
        kept(predicted.outlier_flip_threshold(fraction, spike)),
        law=Bounded(0, 1),
        # The overlap falls short of 0 and 1 by sampling, less than a half while the two variances stay apart.
        slack=0.1,
        margin=0.3,
        controls={"beta": kept(spike), "beta / eps^2": kept(spike / fraction**2)},
        first=64,
    )


@claim(
    paper("Diakonikolas et al. 2023 (arXiv 2305.02544), main theorem, at the level of its statement"),
    kind="empirical",
    tier="full",
)
def test_robust_pca__goal(trial, n_points=2000, dim=10, spike=4.0, fraction=0.05, squares=(110.0, 1000.0)):
    """A filtered estimate keeps u^T Sigma u >= 0.95 |Sigma| where an eps fraction of outliers breaks plain PCA."""
    n_outliers = 2 * round(fraction * n_points / 2)

    def good(estimator):
        def event(key):
            def quality(key, square):
                points = observed.corrupted_points(
                    key, n_points, dim, n_outliers, spike=spike, outlier_length=jnp.sqrt(square)
                )
                return (1 + spike * estimator(points)[0] ** 2) / (1 + spike)

            return jnp.min(map_cells(quality, jax.random.split(key, len(squares)), jnp.array(squares))) >= 0.95

        return event

    trial.probability(
        good(observed.filtered_direction),
        0.95,
        side="at least",
        wrong_processes={"plain PCA": good(observed.leading_direction)},
        first=64,
        most=1000,
    )


@claim(
    ours("Liu et al. 2022 (arXiv 2203.09693), main theorem, linear generator; constant derived"),
    kind="rate",
    tier="full",
    coarse="the chance of staying below the median; a factor of two in the constant moves it by a quarter",
)
def test_generative_pca__rate(trial, dim=40, settings=((200, 5), (800, 5), (400, 17))):
    """With the spike in a known k-dimensional range the squared error is (1 + beta)(k - 1) / (beta^2 m), whatever d."""
    median = {k: stats.chi2.median(k - 1) / (k - 1) for _, k in settings}

    def below_median(name):
        def events(key):
            keys = jax.random.split(key, len(settings))
            return jnp.stack(
                [
                    getattr(observed.spike_errors(key, m, dim, k), name) ** 2
                    <= median[k] * predicted.spiked_direction_error(k, m, 1.0) ** 2
                    for key, (m, k) in zip(keys, settings, strict=True)
                ]
            )

        return events

    def probability(factor):
        """Of staying below the median, were the error in truth `factor` times as large."""
        return np.array([stats.chi2.cdf((k - 1) * median[k] / factor(m, k), k - 1) for m, k in settings])

    # To leading order the error is Gaussian in k - 1 dimensions.
    trial.probability(
        below_median("with_generator"),
        probability(lambda m, k: 1),
        slack=np.array([k / m for m, k in settings]),  # the next order
        margin=0.12,
        controls={
            "twice the constant": probability(lambda m, k: 2),
            "no k": probability(lambda m, k: 4 / (k - 1)),
            "no m": probability(lambda m, k: m / settings[0][0]),
        },
        wrong_processes={"without the generator": below_median("without_generator")},
        first=512,
    )
