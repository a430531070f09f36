"""Finitely many dimensions: bias, scatter and directions of the sample components, and the whole spectrum."""

import jax
import jax.numpy as jnp
import numpy as np

from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial import claim, ours, paper
from theory_on_trial.laws import Asymptotic, Bounded, NormalVariance


@claim(
    paper("the first author's public account of the result; Moore et al. 2018"),
    kind="distribution",
    as_printed=paper(
        "the first author's public account", says="The first two components explain 80 % of the variance."
    ),
)
def test_first_two_fraction(trial, n_points=60, dim=1000):
    """The first two components of a long high-dimensional walk explain 76 % of the variance, three explain 83 %."""
    variances = predicted.eigenvalues(n_points)
    expected = predicted.mean_explained_variance_ratio(variances, dim, 3)
    second_order = np.abs(predicted.explained_variance_ratio_second_order(variances, dim, 3))
    uncentred = predicted.uncentred_explained_variance_ratio_limit(3)
    trial.mean(
        lambda key: jnp.cumsum(observed.explained_variance_ratio(key, n_points, dim)[:3])[1:],
        np.cumsum(expected)[1:],
        law=Bounded(0, 1),
        slack=np.cumsum(second_order)[1:],
        margin=0.01,
        controls={"without centring": np.cumsum(uncentred)[1:]},
        as_printed=np.array([0.80, np.cumsum(expected)[2]]),
        first=256,
    )


@claim(
    ours("simulated explained variance ratios; finite-d law derived"),
    kind="distribution",
    coarse="a variance: half the error costs four times as many walks",
)
def test_sim_evr(trial, n_points=24, dim=50, scatter_points=16, scatter_dim=2000):
    """Ratio k has mean rho_k (1 + (b_k - 2 rho_k + 2 q) / d) and variance 2 rho_k^2 (1 - 2 rho_k + q) / d."""
    variances = predicted.eigenvalues(n_points)
    population = observed.population_spectrum(n_points)
    expected = predicted.mean_explained_variance_ratio(variances, dim, 3)
    unbiased = predicted.explained_variance_ratio(n_points)[:3]
    trial.mean(
        lambda key: _leading_ratios(observed.eigenbasis_sample(key, population, dim, count=3)),
        expected,
        law=Bounded(0, 1),
        slack=np.abs(predicted.explained_variance_ratio_second_order(variances, dim, 3)),
        margin=0.9 * np.abs(expected - unbiased),
        controls={"no bias": unbiased},
        first=1024,
        most=1_000_000,
    )
    variances = predicted.eigenvalues(scatter_points)
    expected = predicted.explained_variance_ratio_std(variances, scatter_dim)[:3] ** 2
    ratios = predicted.explained_variance_ratio(scatter_points)[:3]
    trial.mean(
        lambda key: observed.variance_ratios(
            observed.trajectory(observed.equivalent_gaussian_noise(key, scatter_points, scatter_dim))
        )[:3],
        expected,
        law=NormalVariance(asymptotic=True),
        slack=expected * 20 / scatter_dim,
        margin=0.1 * expected,
        controls={"without q": 2 / scatter_dim * ratios**2 * (1 - 2 * ratios)},
        first=4096,
        most=200_000,
    )


def _leading_ratios(sample):
    return sample.variances / sample.total_variance


@claim(ours("bias of sample eigenvalues (Lawley 1956); closed sum derived"), kind="rate", tier="full")
def test_eig_bias_three_quarters(trial, n_points=20, dim=200):
    """Eigenvalue k has relative bias b_k / d, b_k = (3/2) x_k / (1 + x_k), x_k = cos(pi k / T): 3/4 for every k."""
    population = observed.population_spectrum(n_points)
    variances = predicted.eigenvalues(n_points)
    expected = predicted.eigenvalue_bias_coefficient(n_points)[:3]

    def scaled_bias(key):
        sample = observed.eigenbasis_sample(key, population, dim, count=3)
        # The noise along each population axis has mean exactly one: a control variate with a known mean.
        return dim * (sample.variances[:3] / population[:3] - sample.noise_variances[:3])

    trial.mean(
        scaled_bias,
        expected,
        law=Asymptotic(),
        slack=dim * np.abs(predicted.eigenvalue_bias_second_order(variances, dim, 3)),
        margin=np.array([0.042, 0.1, 0.1]),
        controls={"3 k / 4": 0.75 * np.arange(1, 4), "one half": np.full(3, 0.5), "no bias": np.zeros(3)},
        first=8192,
        most=400_000,
    )


@claim(
    ours("Lissajous curves at finite d; overlap law derived"),
    kind="rate",
    coarse="a mean deficit of a few per mille: half the error costs four times as many walks",
)
def test_lissajous(trial, n_points=16, dims=(40, 80)):
    """Component k misses its cosine by (1/d) sum_{j != k} theta_j theta_k / (theta_j - theta_k)^2, about k^2 / d."""
    variances = predicted.eigenvalues(n_points)
    first, second = (
        np.concatenate([term(variances, dim, 3) for dim in dims])
        for term in (predicted.overlap_deficit, predicted.overlap_deficit_second_order)
    )

    def deficits(modes):
        def measure(key):
            keys = jax.random.split(key, len(dims))
            return jnp.concatenate(
                [1 - _overlaps(key, n_points, dim, modes) for key, dim in zip(keys, dims, strict=True)]
            )

        return measure

    cosines = predicted.cosine_modes(n_points, 4)
    sines = np.sin(np.pi * np.outer(np.arange(1, n_points + 1) - 0.5, np.arange(1, 4)) / n_points)
    constant = np.concatenate([np.pi**2 * np.arange(1, 4) ** 2 / 6 / dim for dim in dims])
    trial.mean(
        deficits(cosines[:, :3]),
        first + second,
        law=Bounded(0, 1),
        slack=second**2 / first,  # the next term, were the series in 1 / d geometric
        margin=0.15 * first,
        controls={"pi^2 k^2 / 6": constant, "a deficit of order 1 / d^2": np.tile(first[:3], len(dims)) / 16},
        wrong_processes={"sines": deficits(sines), "the next component": deficits(cosines[:, 1:])},
        first=1024,
    )


def _overlaps(key, n_points, dim, modes):
    walk = observed.trajectory(observed.equivalent_gaussian_noise(key, n_points, dim))
    return observed.squared_overlaps(observed.principal_components(walk, 3).time_courses, modes)


@claim(ours("total variance of a sampled walk; law derived"), kind="distribution")
def test_trace_laplace(trial, n_points=12, arguments=(0.01, 0.05, 0.2)):
    """Per coordinate the total variance S has E exp(-s S) = (T / U_{T-1}(1 + s))^(1/2), U Chebyshev's second kind."""
    s = np.array(arguments)
    variances = predicted.eigenvalues(n_points)

    def total(key):
        return jnp.sum(observed.centre(observed.trajectory(observed.noise(key, n_points, 1))) ** 2)

    def transform(power):
        return np.array([predicted.trace_laplace(argument, n_points, power) for argument in arguments])

    trial.mean(
        lambda key: jnp.exp(-s * total(key)),
        transform(1),
        law=Bounded(0, 1),
        margin=0.005,
        controls={
            "power 1 for 1/2": transform(2),
            "one point more": np.array([predicted.trace_laplace(a, n_points + 1, 1) for a in arguments]),
        },
        first=4096,
        most=400_000,
        vectorised=True,
    )
    grid = np.linspace(0, 12 * variances.sum(), 4000)
    tables = {dim: predicted.trace_cdf(grid, variances, dim) for dim in (1, 2)}
    trial.distribution(
        total,
        lambda x: np.interp(x, grid, tables[1]),
        margin=0.02,
        slack=float(np.max(np.abs(np.diff(tables[1], 2)))),  # interpolation
        controls={"two coordinates": lambda x: np.interp(x, grid, tables[2])},
        first=4096,
        vectorised=True,
    )


@claim(ours("spectrum at finite d; companion equation derived"), kind="limit")
def test_mp_equation(trial, n_points=120, dim=60, arguments=(-0.5, -5.0, -100.0)):
    """The spectrum's Stieltjes transform m(z) solves z = -1/m + (1/d) sum_k 1 / (theta_k + m), a closed form in m."""
    shifts = np.logspace(-6, 1, 15)
    inverse_variances = 1 / np.asarray(observed.population_spectrum(n_points))
    phi = 2 * np.arcsinh(np.sqrt(shifts) / 2)
    sums = np.sum(1 / (inverse_variances[:, None] + shifts), axis=0)
    trial.identity(
        sums,
        [predicted.laplacian_resolvent_trace(shift, n_points) for shift in shifts],
        # The smallest 1 / lambda carries a relative error of T roundings.
        ops=3 * n_points,
        scale=sums,
        controls={"coth(T phi) = 1": (n_points - 1 / np.tanh(phi)) / (2 * np.sinh(phi))},
    )
    z = np.array(arguments)
    population = observed.population_spectrum(n_points)

    def transform(key):
        spectrum = observed.eigenbasis_sample(key, population, dim).variances
        return jnp.mean(1 / (spectrum[:, None] - z), axis=0)

    exact = np.array([predicted.companion_stieltjes(argument, n_points, dim) for argument in arguments])
    trial.mean(
        transform,
        exact,
        law=Asymptotic(),
        slack=exact / dim,  # the first correction is of relative order 1 / d
        margin=0.04 * exact,
        controls={"Marchenko-Pastur": _marchenko_pastur(z, n_points, dim)},
        first=256,
        most=4000,
    )


def _marchenko_pastur(z, n_points, dim):
    """Companion transform of white noise of the same trace: z = -1/m + (n / d) v / (1 + v m), v the mean variance."""
    n = n_points - 1
    v = predicted.total_variance(n_points) / n
    # v z m^2 + (z + v - v n / d) m + 1 = 0
    linear = z + v - v * n / dim
    return (-linear - np.sqrt(linear**2 - 4 * v * z)) / (2 * v * z)


@claim(paper("figure 2 at the paper's scale and beyond"), kind="distribution", tier="paper")
def test_sim_evr_large(trial, n_points=1000, dim=1_000_000, block=2000):
    """A walk in a million dimensions, streamed: rho_1..3 have the finite-d means and scatter."""
    variances = predicted.eigenvalues(n_points)

    def ratios(streamed):
        def measure(key):
            gram = observed.trajectory_gram(streamed(key))
            return observed.leading_variance_ratios_of_gram(gram, 3).ratios

        return measure

    mean = predicted.mean_explained_variance_ratio(variances, dim, 3)
    variance = predicted.explained_variance_ratio_std(variances, dim)[:3] ** 2
    streamed = ratios(lambda key: observed.noise_gram(key, n_points, dim, block=block))
    # Every block the same noise: as if there were only `block` dimensions.
    repeated = ratios(lambda key: observed.noise_gram(key, n_points, block, block=block))
    trial.mean(
        streamed,
        mean,
        law=Asymptotic(),
        margin=5 * np.sqrt(variance),
        controls={"without centring": predicted.uncentred_explained_variance_ratio_limit(3)},
        first=32,
        most=128,
    )
    trial.mean(
        streamed,
        variance,
        law=NormalVariance(asymptotic=True),
        margin=8 * variance,
        controls={"ten times as large": 10 * variance},
        wrong_processes={"the same noise in every block": repeated},
        first=128,
        most=1024,  # of fewer nobody knows the kurtosis
    )
