"""The walk itself, at every finite number of points: spectrum, geometry, limits."""

from fractions import Fraction

import jax
import numpy as np

from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial import claim, ours, paper


@claim(ours("section 3 (spectrum); exact at finite T: derived"), kind="identity")
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


@claim(paper("section 3 (centring)"), kind="identity")
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


@claim(ours("section 3 (trace); closed forms derived"), kind="identity")
def test_total_variance(trial, sizes=tuple(range(3, 31))):
    """Total variance (T^2 - 1)/6, sum of squares (T^2 - 1)(2 T^2 + 7)/180, participation 5 (T^2 - 1)/(2 T^2 + 7)."""

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


@claim(paper("equation for rho_k, limit of large T"), kind="limit")
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


@claim(paper("section 3 (Lissajous curves)"), kind="identity")
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


@claim(paper("section 3 (geometry of the walk)"), kind="identity")
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
