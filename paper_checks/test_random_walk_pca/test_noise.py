"""The noise: its law, its effective dimension, its projection, and how it is sampled."""

import jax
import jax.numpy as jnp
import numpy as np

from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial import claim, ours, paper
from theory_on_trial.laws import Asymptotic, Bounded, NormalVariance
from theory_on_trial.wishart import bartlett_factor


@claim(ours("generality of the noise; condition derived"), kind="distribution", tier="full")
def test_noise_universality(trial, n_points=60, dim=400, laws=("rademacher", "uniform", "student", "laplace")):
    """Steps of any law with finite variance give rho_1 the same mean, and the same scatter but for their kurtosis."""
    variances = predicted.eigenvalues(n_points)
    kurtosis = {"rademacher": -2.0, "uniform": -1.2, "student": 6.0, "laplace": 3.0}

    def first_ratios(chosen):
        def measure(key):
            keys = jax.random.split(key, len(chosen))
            return jnp.stack(
                [
                    observed.explained_variance_ratio(key, n_points, dim, law=law)[0]
                    for key, law in zip(keys, chosen, strict=True)
                ]
            )

        return measure

    mean = predicted.mean_explained_variance_ratio(variances, dim, 1)[0]
    wrong = {"infinite variance": first_ratios(["cauchy"] * len(laws))}
    trial.mean(
        first_ratios(laws),
        np.full(len(laws), mean),
        law=Asymptotic(),
        margin=0.01,
        controls={"without centring": np.full(len(laws), predicted.uncentred_explained_variance_ratio_limit(1)[0])},
        wrong_processes=wrong,
        first=256,
    )
    variance = predicted.explained_variance_ratio_std(variances, dim)[0] ** 2
    factors = np.array([predicted.kurtosis_factor_ratio(n_points, kurtosis[law])[0] for law in laws])
    trial.mean(
        first_ratios(laws),
        variance * factors,
        law=NormalVariance(asymptotic=True),
        slack=variance * 20 / dim,
        margin=0.4 * variance,
        controls={"twice the scatter": 4 * variance * factors},
        wrong_processes=wrong,
        first=256,
    )


@claim(
    ours("moments of the Gram matrix of the steps; the paper's condition is on the rank of the covariance"),
    kind="distribution",
    tier="full",
    coarse="a variance, to first order in 1 / d_eff: the next one is 20 / d_eff",
)
def test_deff_not_rank(trial, n_points=60, dim=2000, exponent=-0.5, many_points=5000, few_dim=50):
    """The scatter of rho_1 is set by d_eff = (tr Sigma)^2 / tr Sigma^2; the number of points may exceed it by far."""
    spectrum = np.arange(1, dim + 1) ** exponent
    variances = predicted.eigenvalues(n_points)
    effective = predicted.effective_dimension(spectrum)

    def scatter(dimension):
        return predicted.explained_variance_ratio_std(variances, dimension)[0] ** 2

    trial.mean(
        lambda key: observed.explained_variance_ratio(key, n_points, dim, scales=np.sqrt(spectrum))[0],
        scatter(effective),
        law=NormalVariance(asymptotic=True),
        slack=scatter(effective) * 20 / effective,
        margin=0.4 * scatter(effective),
        controls={"half of d_eff": scatter(effective / 2), "the rank": scatter(dim)},
        first=256,
    )
    long = predicted.mean_explained_variance_ratio(predicted.eigenvalues(many_points), few_dim, 1)[0]
    trial.mean(
        lambda key: observed.variance_ratios(observed.trajectory(observed.noise(key, many_points, few_dim)))[0],
        long,
        law=Bounded(0, 1),
        slack=3 / few_dim**2,
        margin=0.02,
        controls={"without centring": predicted.uncentred_explained_variance_ratio_limit(1)[0]},
        first=512,
        most=20_000,
    )


@claim(ours("noise with unequal variances; estimator derived"), kind="distribution")
def test_deff_estimator(trial, n_steps=60, dim=300, exponent=-0.5):
    """The inner products of the steps estimate d_eff = (tr Sigma)^2 / tr Sigma^2."""
    spectrum = np.arange(1, dim + 1) ** exponent

    def estimate(key):
        steps = observed.noise(key, n_steps, dim, scales=np.sqrt(spectrum))
        return observed.effective_dimension(steps @ steps.T)

    expected = predicted.effective_dimension(spectrum)
    with_diagonal = 1 / ((1 - 1 / n_steps) / expected + 1 / n_steps)
    trial.mean(
        estimate,
        expected,
        law=Asymptotic(),
        slack=expected * (1 / n_steps + 2 / dim),  # the order of the bias of a ratio of averages
        margin=0.045 * expected,
        controls={"including s = t": with_diagonal, "the rank": float(dim)},
        first=512,
        most=20_000,
    )


@claim(
    ours("random projection before PCA; combined dimension derived"),
    kind="rate",
    coarse="the second order in 1 / D, up to 8 % here, is not computed",
)
def test_jl_projection(trial, n_points=20, settings=((100, 100), (50, 400))):
    """Projecting d dimensions on m spreads rho_1 as one dimension D with 1/D = 1/d + 1/m does."""
    variances = predicted.eigenvalues(n_points)

    def first_ratios(key):
        keys = jax.random.split(key, len(settings))
        return jnp.stack(
            [
                observed.variance_ratios(observed.trajectory(observed.projected_noise(key, n_points, dim, target)))[0]
                for key, (dim, target) in zip(keys, settings, strict=True)
            ]
        )

    def law(combine):
        dims = [combine(*setting) for setting in settings]
        return np.array([predicted.explained_variance_ratio_std(variances, dim)[0] for dim in dims]) ** 2

    variance = law(predicted.combined_dimension)
    combined = np.array([predicted.combined_dimension(*setting) for setting in settings])
    trial.mean(
        first_ratios,
        variance,
        law=NormalVariance(asymptotic=True),
        slack=variance * 4 / combined,
        margin=0.3 * variance,
        controls={"min(d, m)": law(min), "d + m": law(lambda dim, target: dim + target)},
        first=512,
    )


@claim(ours("random projection before PCA; combined dimension derived"), kind="rate", tier="full")
def test_jl_projection__bias(trial, n_points=20, dim=60, target=60):
    """Projecting d dimensions on m moves the mean of rho_1 as one dimension D with 1/D = 1/d + 1/m."""
    variances = predicted.eigenvalues(n_points)

    def mean(dimension):
        return predicted.mean_explained_variance_ratio(variances, dimension, 1)[0]

    combined = predicted.combined_dimension(dim, target)
    trial.mean(
        lambda key: observed.variance_ratios(observed.trajectory(observed.projected_noise(key, n_points, dim, target)))[
            0
        ],
        mean(combined),
        law=Bounded(0, 1),
        slack=abs(predicted.explained_variance_ratio_second_order(variances, combined, 1)[0]),
        margin=0.0025,
        controls={"min(d, m)": mean(min(dim, target)), "d + m": mean(dim + target)},
        first=2048,
        most=200_000,
    )


@claim(paper("Bartlett's decomposition for the noise"), kind="distribution")
def test_bartlett_equals_walk(trial, n_points=12, dim=16):
    """The spectrum from Bartlett's triangular factor has the law of the spectrum of a simulated walk."""

    def first_ratio(noise):
        return observed.variance_ratios(observed.trajectory(noise))[0]

    def pair(factor):
        def measure(key):
            walk, bartlett = jax.random.split(key)
            return jnp.stack(
                [first_ratio(observed.noise(walk, n_points, dim)), first_ratio(factor(bartlett) / jnp.sqrt(dim))]
            )

        return measure

    def squared_diagonal(key):
        factor = bartlett_factor(key, n_points, dim)
        return factor + jnp.diag(jnp.diag(factor) ** 2 - jnp.diag(factor))

    trial.distribution(
        pair(lambda key: bartlett_factor(key, n_points, dim)),
        margin=0.1,
        wrong_processes={"chi-square for chi on the diagonal": pair(squared_diagonal)},
        first=2048,
    )
    trial.mean(
        lambda key: jnp.mean(jnp.sum(bartlett_factor(key, n_points, dim) ** 2, axis=1)),
        float(dim),
        law=Asymptotic(),
        margin=0.1,
        controls={"one degree of freedom less": dim - 1.0},
        first=2048,
    )
