"""Antognini & Sohl-Dickstein 2018, "PCA of high dimensional random walks with comparison to neural network training".

Deterministic claims meet the simulators' population spectra (the recursion run on unit impulses); Monte-Carlo claims
meet sampled trajectories. T is the number of recorded points, d the dimension; s2 = tr Sigma = 1.
"""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks import claim
from paper_checks.laws import Asymptotic, Bounded, Normal, NormalVariance
from sims import random_walk_pca as observed
from sims.mapping import map_cells
from theory import random_walk_pca as predicted

# ------------------------------------------------------------------------------------------- the walk, at every finite T


@claim("section 3 (spectrum); exact at finite T: derived", kind="identity")
def test_exact_spectrum(trial, sizes=(2, 3, 7, 50, 300)):
    """The eigenvalues of the centred walk are 1 / (2 - 2 cos(pi k / T)), its eigenvectors the DCT-II cosines."""
    spectra = [np.asarray(observed.population_spectrum(n)) for n in sizes]

    def joined(theory):
        return np.concatenate([theory(n)[: n - 1] for n in sizes])

    trial.identity(
        np.concatenate(spectra),
        joined(predicted.eigenvalues),
        ops=3,
        scale=np.concatenate([np.full(n - 1, n * spectrum[0]) for n, spectrum in zip(sizes, spectra, strict=True)]),
        controls={
            "both ends absorbing": joined(lambda n: 1 / np.sort(1 / predicted.dirichlet_eigenvalues(n))),
            "a periodic walk": joined(predicted.circulant_eigenvalues),
        },
    )
    n_points = sizes[-1]
    covariance = np.asarray(observed.population_covariance(n_points))
    cosines = predicted.cosine_modes(n_points, n_points - 1)
    late = np.cos(np.pi * np.outer(np.arange(1, n_points + 1), np.arange(1, n_points)) / n_points)
    late *= np.sqrt(2 / n_points)
    variances = predicted.eigenvalues(n_points)
    trial.identity(
        covariance @ cosines,
        cosines * variances,
        ops=n_points,
        scale=variances[0],
        wrong_processes={"cosines of t instead of t - 1/2": covariance @ late - late * variances + cosines * variances},
    )


@claim("section 3 (centring)", kind="identity")
def test_first_step_irrelevant(trial, n_points=40, dim=60, first_step=1e6):
    """The first step, and the starting point, do not enter the centred trajectory."""
    steps = np.array(jax.random.normal(trial.key("steps"), (n_points, dim)))
    moved = steps.copy()
    moved[0] *= first_step
    variances = observed.gram_variances(observed.trajectory(moved))
    uncentred = np.linalg.eigvalsh(observed.trajectory_gram(moved @ moved.T))[::-1]
    reference = np.asarray(observed.gram_variances(observed.trajectory(steps)))
    trial.identity(
        variances,
        reference,
        ops=4 * (n_points + dim),
        scale=np.linalg.norm(moved[0]) * np.sqrt(reference[0]),
        wrong_processes={"without centring": uncentred[: n_points - 1]},
    )


@claim("section 3 (trace); closed forms derived", kind="identity")
def test_total_variance(trial, sizes=tuple(range(3, 31))):
    """Total variance tr K = (T^2 - 1) / 6, tr K^2 = (T^2 - 1)(2 T^2 + 7) / 180, participation ratio 5 (T^2 - 1) / (2 T^2 + 7)."""

    def exact(n):
        walk = [[Fraction(int(s <= t)) for s in range(n)] for t in range(n)]
        means = [sum(column) / n for column in zip(*walk, strict=True)]
        centred = [[entry - mean for entry, mean in zip(row, means, strict=True)] for row in walk]
        gram = [[sum(a * b for a, b in zip(p, q, strict=True)) for q in centred] for p in centred]
        total, squares = sum(gram[t][t] for t in range(n)), sum(entry * entry for row in gram for entry in row)
        return [float(total), float(squares), float(total * total / squares)]

    def theory(total, squares):
        return [[total(n), squares(n), predicted.participation_ratio(n)] for n in sizes]

    trial.identity(
        [exact(n) for n in sizes],
        theory(predicted.total_variance, predicted.squared_eigenvalue_sum),
        ops=0,
        controls={
            "total without centring": theory(lambda n: n * (n + 1) / 2, predicted.squared_eigenvalue_sum),
            "T^2 / 6": theory(lambda n: n * n / 6, predicted.squared_eigenvalue_sum),
            "T^2 + 11 for 2 T^2 + 7": theory(predicted.total_variance, lambda n: (n * n - 1) * (n * n + 11) / 180),
        },
    )


@claim("equation for rho_k, limit of large T", kind="limit")
def test_evr_limit(trial, sizes=(100, 200, 400, 800, 1600), count=3):
    """rho_k(T) tends to 6 / (pi k)^2 with relative error (1 + pi^2 k^2 / 12) / T^2."""
    components = np.arange(1, count + 1)
    spectra = [observed.leading_population_spectrum(n, count) for n in sizes]
    ratios = np.array([spectrum.eigenvalues / spectrum.total_variance for spectrum in spectra])
    errors = ratios / predicted.explained_variance_ratio_limit(count) - 1
    law = np.array([predicted.limit_relative_error(n, count) for n in sizes])
    n = np.array(sizes)[:, None]
    uncentred = ratios[-1] / predicted.uncentred_explained_variance_ratio_limit(count) - 1
    trial.value(
        errors,
        law,
        # Relative rounding of an eigenvalue: T roundings at the scale of the largest one.
        error=4 * n * 2.0**-53 * components**2,
        slack=law**2,
        margin=0.01 * law,
        controls={
            "an error of 1 / T": law[:1] * sizes[0] / n,
            "no k^2": np.broadcast_to(law[:, :1], law.shape),
        },
        wrong_processes={"against the limit without centring": errors * 0 + uncentred},
    )


@claim("section 3 (Lissajous curves)", kind="identity")
def test_chebyshev_relation(trial, n_points=500, count=8):
    """The scores are Chebyshev polynomials of the first one, p_k / b_k = T_k(p_1 / b_1): Lissajous curves."""
    spectrum = observed.leading_population_spectrum(n_points, count)
    scores = spectrum.time_courses * np.sqrt(spectrum.eigenvalues) / predicted.score_amplitudes(n_points, count)
    signs = np.sign(np.sum(scores * predicted.cosine_modes(n_points, count), axis=0))
    components = np.arange(1, count + 1)
    variances = predicted.eigenvalues(n_points)
    sine = np.sin(np.pi * np.outer(np.arange(1, n_points + 1) - 0.5, components) / n_points)
    trial.identity(
        scores * signs,
        predicted.chebyshev_scores(np.clip(scores[:, 0] * signs[0], -1, 1), count),
        ops=3 * n_points,
        # An eigenvector moves by |K| / gap, is scaled up to amplitude one, and T_k stretches the first score by k^2.
        scale=components**2 * np.sqrt(n_points / 2) * variances[0] / (variances[:count] - variances[1 : count + 1]),
        wrong_processes={"sines of even order": np.where(components % 2 == 0, sine, scores * signs)},
    )


@claim("section 3 (geometry of the walk)", kind="identity")
def test_distance_identity(trial, n_points=200):
    """The scores reproduce |x_s - x_t|^2 = |s - t| exactly: sum_k lambda_k (u_k(s) - u_k(t))^2 = |s - t|."""
    scores = predicted.scores(n_points, n_points - 1)
    gram = np.asarray(observed.population_covariance(n_points))

    def distances(products):
        return np.diag(products)[:, None] + np.diag(products)[None, :] - 2 * products

    lags = predicted.squared_distances(n_points)
    for products in (gram, scores @ scores.T):
        trial.identity(
            distances(products),
            lags,
            ops=n_points,
            scale=n_points,
            controls={"the root of |s - t|": np.sqrt(lags), "the square of |s - t|": lags**2},
        )


# --------------------------------------------------------------------------------------------- momentum and averages


@claim("circulant formula for momentum", kind="rate")
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
    "circulant formula for momentum",
    kind="identity",
    as_printed="The circulant formula holds for every momentum (here gamma = 0.99 at T = 100).",
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
        controls={"the plain walk": predicted.explained_variance_ratio(n_points)},
        as_printed=circulant / circulant.sum(),
    )


@claim("momentum concentrates the variance", kind="limit")
def test_momentum_concentrates(trial, n_points=200, sizes=(500, 1000, 2000, 4000), momentum=0.5):
    """rho_1 grows with gamma at fixed T, up to 30 / mu_1^4 = 0.9589 at gamma = 1; at fixed gamma it tends to 6 / pi^2."""
    grid = np.array([0.0, 0.2, 0.5, 0.8, 0.9, 0.97, 0.99, 0.999])

    def ratio(n, gamma):
        spectrum = observed.leading_population_spectrum(int(n), 1, momentum=gamma)
        return spectrum.eigenvalues[0] / spectrum.total_variance

    along = np.array([ratio(n_points, gamma) for gamma in grid])
    trial.bound(
        along[:-1], along[1:], found_by="all", ops=4 * n_points, wrong_processes={"momentum falling": along[1:] + 1e-3}
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


@claim("averaged iterates", kind="identity")
def test_ema_is_momentum(trial, n_points=300, dim=20, decay=0.9):
    """The exponential average of a walk with factor beta is (1 - beta) times the walk with momentum beta, path by path."""
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


@claim("averaged iterates; running mean derived", kind="limit")
def test_running_average(trial, sizes=(1000, 2000, 4000, 8000), count=3):
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


# ----------------------------------------------------------------------------------------- the Ornstein-Uhlenbeck walk


@claim("discrete Ornstein-Uhlenbeck process; secular equation derived", kind="identity")
def test_ou_exact(trial, settings=((50, 0.04), (200, 0.01), (100, 0.3), (60, 1.5), (60, 1.9), (60, 0.999))):
    """A secular equation gives all T - 1 eigenvalues of the process started at the minimum, for every rate in (0, 2)."""
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
    "circulant formula for the Ornstein-Uhlenbeck process",
    kind="bound",
    as_printed="The circulant formula gives rho_1 to within 5 % at every alpha T.",
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
        found_by="all",
        ops=4 * max(sizes),
        controls={"half the constant": np.broadcast_to(np.where(c >= 4, 1 / c, bound), (len(sizes), len(c)))},
        as_printed=np.full((len(sizes), len(c)), 0.05),
    )


@claim("crossover of the Ornstein-Uhlenbeck process; continuum law derived", kind="limit")
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
    "projections of the Ornstein-Uhlenbeck process",
    kind="limit",
    as_printed="The components of the trapped process are cosines (cosine content 1).",
)
def test_ou_sine_not_cosine(trial, n_points=1500, crossovers=(20, 60, 150)):
    """For alpha T >> 1 the first component is a full sine, not a half cosine: its cosine content falls to 0.72."""

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
        controls={"the limit of large alpha T": np.full(len(crossovers), (8 / (3 * np.pi)) ** 2)},
        as_printed=np.ones(len(crossovers)),
    )


@claim(
    "the norm of the Ornstein-Uhlenbeck process",
    kind="distribution",
    as_printed="The trapped process does not revert: successive positions keep their direction.",
)
def test_ou_trapping(trial, n_points=120, dim=200, rate=0.05, lag=20):
    """The squared norm settles at 1 / (alpha (2 - alpha)) with relative spread sqrt(2 / d); directions decorrelate as a^lag."""
    settled = predicted.mean_squared_norm(np.array([n_points]), rate)[0]

    def squared_norm(key):
        return observed.squared_norms(key, n_points, dim, reversion=rate)[-1]

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
        margin=0.3 * variance,
        controls={"spread sqrt(1 / d)": variance / 2},
        first=256,
    )

    def correlation(key):
        walk = observed.trajectory(observed.noise(key, n_points, dim), reversion=rate)
        return jnp.sum(walk[-1] * walk[-1 - lag]) / predicted.trapping_radius(rate) ** 2

    reverted = predicted.stationary_correlation(np.array([lag]), rate)[0]
    trial.mean(
        correlation,
        reverted,
        law=Asymptotic(),
        margin=0.02,
        controls={"twice the rate": reverted**2},
        as_printed=1.0,
        first=256,
    )


@claim("the trapped process stays away from the minimum", kind="bound")
def test_ou_not_mean_reverting(trial, n_points=2000, burn_in=200, dim=100, rate=0.05):
    """In high dimension the trapped norm never comes near the minimum: P(|x_t| < r_c / 2) <= exp(-0.318 d) per step."""

    def comes_close(dimension):
        def event(key):
            norms = observed.squared_norms(key, n_points, dimension, reversion=rate)[burn_in:]
            return jnp.min(norms) < predicted.trapping_radius(rate) ** 2 / 4

        return event

    trial.probability(
        comes_close(dim),
        (n_points - burn_in) * predicted.escape_probability_bound(0.25, dim),
        side="at most",
        margin=0.1,
        wrong_processes={"two dimensions": comes_close(2)},
        first=128,
        most=1000,
    )


# ------------------------------------------------------------------------------------------- drift and decaying noise


@claim("comparison with training: drift; secular equation derived", kind="identity")
def test_drift_mixing(trial, n_points=60, drift_ratio=0.05, dim=2000):
    """A drift leaves the even components alone; the odd ones solve 1 = (|mu|^2 / s2) sum r_k^2 / (lambda - lambda_k)."""
    exact = np.asarray(observed.population_spectrum(n_points, drift=np.sqrt(drift_ratio)))
    by_mode = predicted.drift_eigenvalues(n_points, drift_ratio)
    shifted = by_mode.copy()
    shifted[1::2] += np.mean(by_mode[::2] - predicted.eigenvalues(n_points)[::2])
    trial.identity(
        exact,
        np.sort(by_mode)[::-1],
        ops=3 * n_points,
        scale=exact[0],
        controls={
            "no drift": predicted.eigenvalues(n_points),
            "even components shifted too": np.sort(shifted)[::-1],
        },
    )
    ratios = np.sort(predicted.drift_explained_variance_ratio(n_points, drift_ratio))[::-1][:3]
    trial.mean(
        lambda key: observed.explained_variance_ratio(key, n_points, dim, drift=np.sqrt(drift_ratio))[:3],
        ratios,
        law=Asymptotic(),
        # The cross term of drift and noise shifts the ratios by a multiple of 1 / d.
        slack=ratios / dim,
        margin=0.02 * ratios,
        controls={"no drift": predicted.explained_variance_ratio(n_points)[:3]},
        first=128,
    )


@claim("comparison with training: decaying noise; Bessel law derived", kind="limit")
def test_decay_bessel(trial, n_points=32_000, exponents=(0.0, 0.5, 1.0, -1.0), count=3):
    """With noise variance t^-p, p < 2, rho_k tends to 4 (nu + 1) / j_{nu,k}^2 with nu = 1 / (2 - p)."""
    spectra = [observed.leading_population_spectrum(n_points, count, decay=exponent) for exponent in exponents]

    def law(order):
        return [4 * (order(p) + 1) / predicted.bessel_zeros(order(p), count) ** 2 for p in exponents]

    trial.value(
        [spectrum.eigenvalues / spectrum.total_variance for spectrum in spectra],
        [predicted.decaying_noise_explained_variance_ratio(exponent, count) for exponent in exponents],
        error=4 * n_points * 2.0**-53,
        slack=np.log(n_points) / n_points,  # the order of the correction at p = 1, the slowest of these
        margin=2e-3,
        controls={"order 1 / (2 + p)": law(lambda p: 1 / (2 + p))},
    )


# ------------------------------------------------------------------------------------------ finitely many dimensions


@claim(
    "public statements of the result; Moore et al. 2018",
    kind="distribution",
    as_printed="The first two components explain 80 % of the variance.",
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


@claim("simulated explained variance ratios; finite-d law derived", kind="distribution")
def test_sim_evr(trial, n_points=30, dim=50, scatter_points=60, scatter_dim=200):
    """The ratio of component k has mean rho_k (1 + (b_k - 2 rho_k + 2 q) / d) and variance 2 rho_k^2 (1 - 2 rho_k + q) / d."""
    variances = predicted.eigenvalues(n_points)
    population = observed.population_spectrum(n_points)
    trial.mean(
        lambda key: _ratios(observed.eigenbasis_sample(key, population, dim).variances)[:3],
        predicted.mean_explained_variance_ratio(variances, dim, 3),
        law=Bounded(0, 1),
        slack=np.abs(predicted.explained_variance_ratio_second_order(variances, dim, 3)),
        margin=np.array([0.006, 0.003, 0.0016]),
        controls={"no bias": predicted.explained_variance_ratio(n_points)[:3]},
        first=1024,
    )
    variances = predicted.eigenvalues(scatter_points)
    expected = predicted.explained_variance_ratio_std(variances, scatter_dim)[:3] ** 2
    ratios = predicted.explained_variance_ratio(scatter_points)[:3]
    trial.mean(
        lambda key: observed.explained_variance_ratio(key, scatter_points, scatter_dim)[:3],
        expected,
        law=NormalVariance(asymptotic=True),
        slack=expected * 20 / scatter_dim,
        margin=0.4 * expected,
        controls={"without q": 2 / scatter_dim * ratios**2 * (1 - 2 * ratios)},
        first=256,
    )


def _ratios(variances):
    return variances / jnp.sum(variances)


@claim("bias of sample eigenvalues (Lawley 1956); closed sum derived", kind="rate", tier="full")
def test_eig_bias_three_quarters(trial, n_points=50, dim=200):
    """The relative bias of eigenvalue k is b_k / d with b_k = (3/2) x_k / (1 + x_k), x_k = cos(pi k / T): 3/4 for every k."""
    population = observed.population_spectrum(n_points)
    variances = predicted.eigenvalues(n_points)
    expected = predicted.eigenvalue_bias_coefficient(n_points)[:3]

    def scaled_bias(key):
        sample = observed.eigenbasis_sample(key, population, dim)
        # The noise along each population axis has mean exactly one: a control variate with a known mean.
        return dim * (sample.variances[:3] / population[:3] - sample.noise_variances[:3])

    trial.mean(
        scaled_bias,
        expected,
        law=Asymptotic(),
        slack=dim * np.abs(predicted.eigenvalue_bias_second_order(variances, dim, 3)),
        margin=np.array([0.1, 0.12, 0.2]),
        controls={"3 k / 4": 0.75 * np.arange(1, 4), "one half": np.full(3, 0.5), "no bias": np.zeros(3)},
        first=1024,
    )


@claim("Lissajous curves at finite d; overlap law derived", kind="rate")
def test_lissajous(trial, n_points=16, dims=(40, 100)):
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
        margin=0.2 * first,
        controls={"pi^2 k^2 / 6": constant, "a deficit of order 1 / d^2": np.tile(first[:3], len(dims)) / 16},
        wrong_processes={"sines": deficits(sines), "the next component": deficits(cosines[:, 1:])},
        first=1024,
    )


def _overlaps(key, n_points, dim, modes):
    walk = observed.trajectory(observed.equivalent_gaussian_noise(key, n_points, dim))
    return observed.squared_overlaps(observed.principal_components(walk, 3).time_courses, modes)


@claim("total variance of a sampled walk; law derived", kind="distribution")
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


@claim("random projection before PCA; combined dimension derived", kind="rate")
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


@claim("spectrum at finite d; companion equation derived", kind="limit")
def test_mp_equation(trial, n_points=200, dim=100, arguments=(-0.5, -5.0, -100.0)):
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
        margin=0.025 * exact,
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


@claim("Bartlett's decomposition for the noise", kind="distribution")
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
        factor = observed.bartlett_factor(key, n_points, dim)
        return factor + jnp.diag(jnp.diag(factor) ** 2 - jnp.diag(factor))

    trial.distribution(
        pair(lambda key: observed.bartlett_factor(key, n_points, dim)),
        margin=0.08,
        wrong_processes={"chi-square for chi on the diagonal": pair(squared_diagonal)},
        first=2048,
    )
    trial.mean(
        lambda key: jnp.mean(jnp.sum(observed.bartlett_factor(key, n_points, dim) ** 2, axis=1)),
        float(dim),
        law=Asymptotic(),
        margin=0.1,
        controls={"one degree of freedom less": dim - 1.0},
        first=2048,
    )


@claim("noise with unequal variances; estimator derived", kind="distribution")
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
        margin=0.1 * expected,
        controls={"including s = t": with_diagonal, "the rank": float(dim)},
        first=128,
        most=2000,
    )


@claim("random projection before PCA; combined dimension derived", kind="rate", tier="full")
def test_jl_projection__bias(trial, n_points=20, dim=40, target=40):
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
        margin=0.0035,
        controls={"min(d, m)": mean(min(dim, target)), "d + m": mean(dim + target)},
        first=2048,
        most=200_000,
    )


@claim("generality of the noise; condition derived", kind="distribution", tier="full")
def test_noise_universality(trial, n_points=60, dim=400, laws=("rademacher", "uniform", "student", "laplace")):
    """Steps of any law with finite variance give rho_1 the same mean, and scatter up to the factor of their kurtosis."""
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
    "condition on the noise covariance: rank much larger than the number of steps",
    kind="distribution",
    tier="full",
    as_printed="What counts is the rank of the covariance: the scatter is that of d = rank dimensions.",
)
def test_deff_not_rank(trial, n_points=60, dim=2000, exponent=-0.5, many_points=20_000, few_dim=50):
    """The scatter of rho_1 is set by d_eff = (tr Sigma)^2 / tr Sigma^2, and the number of points may exceed it by far."""
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
        controls={"half of d_eff": scatter(effective / 2)},
        as_printed=scatter(dim),
        first=256,
    )
    long = predicted.mean_explained_variance_ratio(predicted.eigenvalues(many_points), few_dim, 1)[0]
    trial.mean(
        lambda key: observed.variance_ratios(observed.trajectory(observed.noise(key, many_points, few_dim)))[0],
        long,
        law=Asymptotic(),
        slack=3 / few_dim**2,
        margin=0.02,
        controls={"without centring": predicted.uncentred_explained_variance_ratio_limit(1)[0]},
        first=128,
        most=3000,
    )


@claim("figure 2 at the paper's scale and beyond", kind="distribution", tier="paper")
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
    budget = {"first": 32, "most": 128}
    trial.mean(
        streamed,
        mean,
        law=Normal(asymptotic=True),
        margin=5 * np.sqrt(variance),
        controls={"without centring": predicted.uncentred_explained_variance_ratio_limit(3)},
        **budget,
    )
    trial.mean(
        streamed,
        variance,
        law=NormalVariance(asymptotic=True),
        margin=8 * variance,
        controls={"ten times as large": 10 * variance},
        wrong_processes={"the same noise in every block": repeated},
        **budget,
    )


# ------------------------------------------------------------------------------------------------ trained networks


@claim("comparison with neural network training (substitute: scikit-learn's digits)", kind="empirical", tier="full")
def test_nn_walk_with_drift(trial, n_runs=15, n_steps=2000, window=500):
    """Training is a walk with drift: rho_1 above the walk's, cosine first component, and early on no straight drift."""
    inputs, targets = observed.digits()
    starts = {"first": 0, "middle": (n_steps - window) // 2, "last": n_steps - window}
    settings = {
        "linear": {"learning_rate": 0.02, "batch": 32},
        "one hidden layer": {"hidden": (64,), "loss": "cross_entropy", "learning_rate": 0.1, "batch": 64},
        "noisy momentum": {
            "hidden": (64,),
            "loss": "cross_entropy",
            "learning_rate": 0.02,
            "momentum": 0.9,
            "batch": 8,
        },
    }

    def observe(key, options):
        train, points, steps = jax.random.split(key, 3)
        gram = observed.training_gram(train, inputs, targets, n_steps=n_steps, **options).gram
        whole, shuffled = gram[::4, ::4], observed.shuffle_steps(steps, gram)[::4, ::4]
        blocks = {name: gram[start : start + window, start : start + window] for name, start in starts.items()}
        blocks |= {"whole": whole, "steps shuffled": shuffled[: len(whole), : len(whole)]}
        blocks["points shuffled"] = observed.shuffle_points(points, blocks["last"])
        return {name: _first_components(block) for name, block in blocks.items()}

    runs = {
        name: jax.jit(lambda keys, options=options: map_cells(lambda key: observe(key, options), keys))(
            jax.random.split(trial.key(name), n_runs)
        )
        for name, options in settings.items()
    }
    alpha = 2.0 ** (1 - n_runs)
    content = {name: {part: seen[1] for part, seen in parts.items()} for name, parts in runs.items()}
    ratio = {name: {part: seen[0] for part, seen in parts.items()} for name, parts in runs.items()}

    def least(index, parts):
        return np.min([content[name][part][:, index] for name in settings for part in parts], axis=0)

    trial.runs(
        least(0, (*starts, "whole")) - 0.6,
        alpha=alpha,
        controls={"points in random order": least(0, ("points shuffled",)) - 0.6},
    )
    trial.runs(
        np.median([content[name][part][:, 1] for name in settings for part in ("middle", "last")], axis=0) - 0.6,
        alpha=0.05,
        controls={"early on": np.median([content[name]["whole"][:, 1] for name in settings], axis=0) - 0.6},
    )
    trial.runs(
        np.min([ratio[name]["whole"] for name in settings], axis=0) - 0.8,
        alpha=alpha,
        controls={"the plain walk": np.full(n_runs, predicted.explained_variance_ratio(window)[0] - 0.8)},
    )
    trial.runs(
        0.15 - np.abs(np.asarray(ratio["noisy momentum"]["last"]) - 0.6),
        alpha=alpha,
        controls={"the whole run": 0.15 - np.abs(np.asarray(ratio["noisy momentum"]["whole"]) - 0.6)},
    )
    trial.runs(
        np.min([content[name]["steps shuffled"][:, 1] - content[name]["whole"][:, 1] for name in settings], axis=0),
        alpha=0.05,
        controls={"compared with itself": np.zeros(n_runs)},
    )


def _first_components(gram):
    components = observed.principal_components_of_gram(gram, 3)
    cosines = predicted.cosine_modes(gram.shape[0], 3)
    overlaps = observed.squared_overlaps(components.time_courses, cosines)
    return components.variances[0] / components.total_variance, overlaps


# --------------------------------------------------------------------------------------------- neighbouring papers


@claim("Shlens 2014 (arXiv 1404.1100), sections V and VI", kind="identity")
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


@claim("Shlens 2014 (arXiv 1404.1100); Eckart & Young 1936", kind="bound")
def test_pca_tutorial__optimal(trial, n_samples=100, dim=8, kept=3, n_subspaces=2000):
    """No k-dimensional projection has a smaller mean squared error than PCA's, which is the sum of the other variances."""
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
        ops=n_samples + 3 * dim,
        scale=np.trace(covariance),
        wrong_processes={"variances of the raw axes": np.full(n_subspaces, raw)},
    )


@claim("Diakonikolas et al. 2023 (arXiv 2305.02544), motivation; threshold derived", kind="distribution")
def test_robust_pca__failure(trial, n_points=2000, dim=10, spike=4.0, fraction=0.05, squares=(50.0, 110.0)):
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


@claim("Diakonikolas et al. 2023 (arXiv 2305.02544), main theorem, at the level of its statement", kind="empirical", tier="full")
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
        0.9,
        side="at least",
        wrong_processes={"plain PCA": good(observed.leading_direction)},
        first=64,
        most=1000,
    )


@claim("Liu et al. 2022 (arXiv 2203.09693), main theorem, linear generator; constant derived", kind="rate", tier="full")
def test_generative_pca__rate(trial, dim=60, settings=((400, 5), (1600, 5), (400, 17))):
    """With the spike in a known k-dimensional range the squared error is (1 + beta)(k - 1) / (beta^2 m), whatever d."""

    def squared_errors(name):
        def measure(key):
            keys = jax.random.split(key, len(settings))
            errors = [
                getattr(observed.spike_errors(key, m, dim, k), name) for key, (m, k) in zip(keys, settings, strict=True)
            ]
            return jnp.stack(errors) ** 2

        return measure

    def law(latent):
        return np.array([predicted.spiked_direction_error(latent(k), m, 1.0) ** 2 for m, k in settings])

    exact = law(lambda k: k)
    trial.mean(
        squared_errors("with_generator"),
        exact,
        law=Asymptotic(),
        slack=exact * np.array([2 * k / m for m, k in settings]),  # the next order in k / m
        margin=0.25 * exact,
        controls={"k for k - 1": law(lambda k: 2 * k - 1), "no k": np.full(len(settings), exact[0])},
        wrong_processes={"without the generator": squared_errors("without_generator")},
        first=512,
    )
