"""Momentum, iterate averages and the running mean."""

import jax
import numpy as np

from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial import claim, ours, paper


@claim(paper("circulant formula for momentum"), kind="rate")
def test_momentum_spectrum(trial, momentum=0.5, sizes=(100, 200, 400, 800)):
    """lambda_1 = 1 / (theta_1 ((1 - gamma)^2 + gamma theta_1)) up to a relative error of order T^-3."""
    n = np.array(sizes)
    exact = np.array([observed.leading_population_spectrum(size, 1, momentum=momentum).eigenvalues[0] for size in n])

    def relative_error(formula):
        return np.abs(exact / formula - 1)

    theta = np.array([predicted.laplacian_eigenvalues(size)[0] for size in sizes])
    circulant = np.array([predicted.momentum_circulant_eigenvalues(size, momentum)[0] for size in sizes])
    trial.order(
        relative_error(circulant),
        n,
        -3.0,
        rounding=4 * n * 2.0**-53,
        margin=0.1,
        controls={"order T^-2": -2.0},
        wrong_processes={
            "plus 2 gamma cos": relative_error(1 / (theta * (1 + momentum**2 + momentum * (2 - theta)))),
            "without the gamma theta term": relative_error(1 / (theta * (1 - momentum) ** 2)),
        },
    )


@claim(
    ours("the exact covariance of the walk with momentum, beside the paper's circulant formula"),
    kind="identity",
)
def test_momentum_long_memory(trial, n_points=100, momentum=0.99):
    """Where T (1 - gamma) is not large, only the exact covariance gives rho_k; the circulant formula does not."""
    circulant = predicted.momentum_circulant_eigenvalues(n_points, momentum)
    trial.identity(
        np.asarray(
            observed.population_spectrum(n_points, momentum=momentum)
            / predicted.toeplitz_total_variance(predicted.momentum_impulse_response(n_points, momentum))
        ),
        predicted.momentum_explained_variance_ratio(n_points, momentum),
        ops=3 * n_points,
        controls={
            "the plain walk": predicted.explained_variance_ratio(n_points),
            "the circulant formula": circulant / circulant.sum(),
        },
    )


@claim(paper("momentum concentrates the variance"), kind="limit")
def test_momentum_concentrates(trial, n_points=200, sizes=(400, 800, 1600, 3200), momentum=0.5):
    """At fixed T rho_1 grows with gamma, up to 30 / mu_1^4 = 0.9589 at gamma = 1; as T grows it tends to 6 / pi^2."""
    grid = np.array([0.0, 0.2, 0.5, 0.8, 0.9, 0.97, 0.99, 0.999])

    def ratio(n, gamma):
        spectrum = observed.leading_population_spectrum(int(n), 1, momentum=gamma)
        return spectrum.eigenvalues[0] / spectrum.total_variance

    along = np.array([ratio(n_points, gamma) for gamma in grid])
    trial.bound(
        along[:-1], along[1:], found_by="grid", ops=4 * n_points, wrong_processes={"momentum falling": along[1:] + 1e-3}
    )
    trial.limit(
        [ratio(n, 1.0) for n in sizes],
        sizes,
        predicted.integrated_walk_explained_variance_ratio(1)[0],
        order=1,
        margin=1e-6,
        controls={"everything in one component": 1.0, "one eighth pi for a quarter": 30 / (0.875 * np.pi) ** 4},
    )
    limit = predicted.explained_variance_ratio_limit(1)[0]
    trial.limit(
        [(ratio(n, momentum) - limit) * n for n in sizes],
        sizes,
        (predicted.momentum_explained_variance_ratio_rate(1000, momentum, 1)[0] - limit) * 1000,
        order=1,
        margin=0.02,
        controls={"no correction": 0.0, "without 1 + gamma": 6 * momentum / (1 - momentum) * limit},
    )


@claim(paper("averaged iterates"), kind="identity")
def test_ema_is_momentum(trial, n_points=300, dim=20, decay=0.9):
    """The exponential average (factor beta) of a walk is (1 - beta) times the walk with momentum beta, path by path."""
    steps = jax.random.normal(trial.key("steps"), (n_points, dim))
    averaged = np.asarray(observed.trajectory(steps, averaging=decay))

    def momentum(gamma):
        return (1 - gamma) * np.asarray(observed.trajectory(steps, momentum=gamma))

    trial.identity(
        averaged,
        momentum(decay),
        ops=n_points,
        scale=np.max(np.abs(observed.trajectory(steps))),
        controls={"beta and 1 - beta exchanged": momentum(1 - decay)},
    )


@claim(ours("averaged iterates; running mean derived"), kind="limit")
def test_running_average(trial, sizes=(800, 1600, 3200, 6400), count=3):
    """For the running mean of a walk rho_k tends to 432 / z_k^4: 0.8357, 0.1126, 0.0294; the variance to T^2 / 27."""
    spectra = [observed.leading_population_spectrum(n, count, running_mean=True) for n in sizes]
    trial.limit(
        [spectrum.eigenvalues / spectrum.total_variance for spectrum in spectra],
        sizes,
        predicted.running_mean_explained_variance_ratio(count),
        order=1,
        margin=2e-5,
        controls={"the plain walk": predicted.explained_variance_ratio_limit(count)},
    )
    trial.limit(
        [spectrum.total_variance / n**2 for n, spectrum in zip(sizes, spectra, strict=True)],
        sizes,
        1 / 27,
        order=1,
        margin=1e-5,
        controls={"the plain walk": 1 / 6},
    )
