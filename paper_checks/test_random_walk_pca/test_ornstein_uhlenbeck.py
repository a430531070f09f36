"""The discrete Ornstein-Uhlenbeck process: spectrum, components, trapping."""

import jax.numpy as jnp
import numpy as np

from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial import claim, ours
from theory_on_trial.laws import Asymptotic, NormalVariance


@claim(ours("discrete Ornstein-Uhlenbeck process; secular equation derived"), kind="identity")
def test_ou_exact(trial, settings=((50, 0.04), (200, 0.01), (100, 0.3), (60, 1.5), (60, 1.9), (60, 0.999))):
    """A secular equation gives all T - 1 eigenvalues of the process started at the minimum, at every rate in (0, 2)."""
    spectra = [np.asarray(observed.population_spectrum(n, reversion=rate)) for n, rate in settings]

    def joined(theory):
        return np.concatenate([np.sort(theory(n, rate))[::-1] for n, rate in settings])

    trial.identity(
        np.concatenate(spectra),
        joined(predicted.ornstein_uhlenbeck_eigenvalues),
        ops=3,
        scale=np.concatenate([np.full(n - 1, n * s[0]) for (n, _), s in zip(settings, spectra, strict=True)]),
        controls={"the circulant formula": joined(predicted.ornstein_uhlenbeck_circulant_eigenvalues)},
    )


@claim(
    ours("the exact spectrum beside the paper's circulant formula"),
    kind="bound",
    loose="a round constant: 1.57 would do",
)
def test_ou_circulant_limit(trial, sizes=(400, 1600), crossovers=(0.01, 0.03, 0.05, 0.2, 1, 2, 4, 8, 20, 60, 150)):
    """The circulant formula errs in rho_1 by at most 2 / (alpha T) for alpha T >= 4 and 2 % for alpha T <= 0.05."""
    c = np.array(crossovers)

    def relative_error(n, crossover):
        spectrum = observed.leading_population_spectrum(n, 1, reversion=crossover / n)
        formula = predicted.ornstein_uhlenbeck_circulant_eigenvalues(n, crossover / n)
        return abs(formula.max() / formula.sum() / (spectrum.eigenvalues[0] / spectrum.total_variance) - 1)

    bound = np.where(c >= 4, 2 / c, np.where(c <= 0.05, 0.02, 1.0))
    trial.bound(
        [[relative_error(n, crossover) for crossover in crossovers] for n in sizes],
        np.broadcast_to(bound, (len(sizes), len(c))),
        found_by="grid",
        ops=4 * max(sizes),
        controls={
            "half the constant": np.broadcast_to(np.where(c >= 4, 1 / c, bound), (len(sizes), len(c))),
            "5 % at every alpha T": np.full((len(sizes), len(c)), 0.05),
        },
    )


@claim(ours("crossover of the Ornstein-Uhlenbeck process; continuum law derived"), kind="limit")
def test_ou_crossover(trial, sizes=(200, 400, 800, 1600, 3200), crossovers=(0.05, 0.5, 2, 8, 40), count=3):
    """At fixed c = alpha T the ratios tend to a continuum law, from 6 / (pi k)^2 at c = 0 to a flat 2 / c."""

    def ratios(n, crossover):
        spectrum = observed.leading_population_spectrum(n, count, reversion=crossover / n)
        return spectrum.eigenvalues / spectrum.total_variance

    walk = predicted.explained_variance_ratio_limit(count)
    trial.limit(
        [[ratios(n, crossover) for crossover in crossovers] for n in sizes],
        sizes,
        [predicted.crossover_explained_variance_ratio(crossover, count) for crossover in crossovers],
        order=(1, 2),
        margin=1e-4,
        controls={"(6 / pi^2) / (1 + c)": [walk / (1 + crossover) for crossover in crossovers]},
    )


@claim(
    ours("secular equation of the exact covariance: its boundary conditions change from free to fixed ends"),
    kind="limit",
)
def test_ou_sine_not_cosine(trial, n_points=1600, crossovers=(20, 60, 150)):
    """For alpha T >> 1 the first component is a full sine, not a half cosine: its cosine content falls towards
    (8 / 3 pi)^2 = 0.72.
    """

    def content(crossover):
        spectrum = observed.leading_population_spectrum(n_points, 1, reversion=crossover / n_points)
        return predicted.cosine_content(spectrum.time_courses)[0]

    exact = [
        predicted.cosine_content(predicted.ornstein_uhlenbeck_modes(n_points, crossover / n_points, 1))[0]
        for crossover in crossovers
    ]
    # The gap between the first two eigenvalues closes as c grows, and the eigenvector turns by rounding / gap.
    gaps = [1 - np.divide(*predicted.ornstein_uhlenbeck_eigenvalues(n_points, c / n_points)[1::-1]) for c in crossovers]
    trial.identity(
        [content(crossover) for crossover in crossovers],
        exact,
        ops=3 * n_points,
        scale=1 / np.array(gaps),
        controls={
            "the limit of large alpha T": np.full(len(crossovers), (8 / (3 * np.pi)) ** 2),
            "cosines, as those of the walk": np.ones(len(crossovers)),
        },
    )


@claim(
    ours("stationary law of the discrete Ornstein-Uhlenbeck process"),
    kind="distribution",
)
def test_ou_trapping(trial, n_points=32, dim=40, rate=0.1, lag=10):
    """The squared norm settles at 1 / (alpha (2 - alpha)), relative spread sqrt(2 / d); directions decay as a^lag."""
    settled = predicted.mean_squared_norm(np.array([n_points]), rate)[0]

    def squared_norm(key):
        return observed.squared_norms(key, n_points, dim, reversion=rate, dtype=jnp.float32)[-1]

    trial.mean(
        squared_norm,
        settled,
        law=Asymptotic(),
        margin=0.012 * settled,
        controls={"1 / (2 alpha)": 1 / (2 * rate), "1 / alpha^2": 1 / rate**2},
        first=256,
    )
    variance = (predicted.squared_norm_relative_std(dim) * settled) ** 2
    trial.mean(
        squared_norm,
        variance,
        law=NormalVariance(asymptotic=True),
        margin=0.045 * variance,
        controls={"spread sqrt(1 / d)": variance / 2},
        first=2048,
    )

    def correlation(key):
        walk = observed.trajectory(observed.noise(key, n_points, dim), reversion=rate)
        return jnp.sum(walk[-1] * walk[-1 - lag]) / predicted.trapping_radius(rate) ** 2

    reverted = predicted.stationary_correlation(np.array([lag]), rate)[0]
    trial.mean(
        correlation,
        reverted,
        law=Asymptotic(),
        margin=0.015,
        controls={"twice the rate": reverted**2, "no reversion: the direction is kept": 1.0},
        first=256,
    )


@claim(
    ours("Chernoff's bound for chi-squares at the trapped radius"),
    kind="bound",
    cases=[8, 16],
    loose="Chernoff's bound lacks its prefactor: best known ratio .24",
)
def test_ou_not_mean_reverting(trial, dim, n_points=300, rate=0.05):
    """The trapped norm stays off the minimum: P(|x_t| < r_c / 2) <= exp(-0.318 d)."""

    def comes_close(dim):
        def event(key):
            norm = observed.squared_norms(key, n_points, dim, reversion=rate, dtype=jnp.float32)[-1]
            return norm < predicted.trapping_radius(rate) ** 2 / 4

        return event

    trial.probability(
        comes_close(dim),
        predicted.escape_probability_bound(0.25, dim),
        side="at most",
        controls={"exp(-d)": np.exp(-dim)},
        wrong_processes={"a quarter of the dimensions": comes_close(dim // 4)},
        first=2048,
        most=50_000,
    )
