"""The laws of random walks by second routes: many digits, quadrature, the processes run by hand."""

import itertools

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import exp1, roots_hermite

from theory import random_walk_pca as predicted

UNIT_ROUNDOFF = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=40)


def response_matrix(n_points, momentum=0.0, rate=0.0):
    """Matrix A of x = A xi: the process by its definition, run on unit impulses."""
    velocity = position = np.zeros(n_points)
    rows = []
    for impulse in np.eye(n_points):
        velocity = momentum * velocity + impulse
        position = (1 - rate) * position + velocity
        rows.append(position)
    return np.array(rows)


def centred_covariance(response):
    n_points = response.shape[0]
    centre = np.eye(n_points) - 1 / n_points
    return centre @ response @ response.T @ centre


def spectrum_by_hand(response):
    """The T - 1 leading eigenvalues of C A A^T C, decreasing."""
    return np.linalg.eigvalsh(centred_covariance(response))[:0:-1]


def spectrum_error(response):
    """Bound on the absolute error of `spectrum_by_hand`.

    Four products of T terms each round by at most T u relative to the products of absolute values, of norm at most
    |C|_F^2 |A|_F^2 <= T |A|_F^2; the symmetric eigenvalue solver adds about T u |K|.
    """
    n_points = response.shape[0]
    return float(5 * n_points**2 * UNIT_ROUNDOFF * np.sum(response**2))


n_points_general = st.integers(2, 60)


@general
@given(n_points_general)
def test_cosines_are_the_eigenvectors_and_the_constant_has_none(n_points):
    response = response_matrix(n_points)
    modes = predicted.cosine_modes(n_points, n_points - 1)
    spectrum = predicted.eigenvalues(n_points)
    residual = centred_covariance(response) @ modes - modes * spectrum
    # Entries of the modes carry the rounding of a phase of up to pi T, which the covariance amplifies by lambda_1.
    phase_error = 4 * np.pi * n_points * UNIT_ROUNDOFF * spectrum[0] * np.sqrt(n_points)
    assert np.abs(residual).max() <= spectrum_error(response) + phase_error
    orthonormality = modes.T @ modes - np.eye(n_points - 1)
    assert np.abs(orthonormality).max() <= 16 * np.pi * n_points * UNIT_ROUNDOFF


@pytest.mark.parametrize("n_points", [2, 3, 7, 50, 1000, 10**6])
def test_eigenvalues_are_relatively_exact(n_points):
    index = np.unique(np.array([1, 2, n_points // 2, n_points - 1]).clip(1, n_points - 1))
    with mpmath.workdps(40):
        exact = [1 / (2 - 2 * mpmath.cos(mpmath.pi * int(k) / n_points)) for k in index]
    relative = predicted.eigenvalues(n_points)[index - 1] / np.array(exact, dtype=float) - 1
    # pi, product, quotient and the sine (which at most keeps its argument's error), squared: 2 * 4 + 4 roundings.
    assert np.abs(relative).max() <= 12 * UNIT_ROUNDOFF


@pytest.mark.parametrize("n_points", [50, 200, 1600])
def test_limit_relative_error_is_the_leading_term(n_points):
    n_components = 3
    with mpmath.workdps(40):
        exact = [
            6 / ((n_points**2 - 1) * (2 - 2 * mpmath.cos(mpmath.pi * k / n_points))) * (mpmath.pi * k) ** 2 / 6 - 1
            for k in range(1, n_components + 1)
        ]
    leading = predicted.limit_relative_error(n_points, n_components)
    index = np.arange(1, n_components + 1)
    # The next term is (1 + y + 3 y^2 / 5) / T^4 with y = pi^2 k^2 / 12; twice it bounds all that follow at pi k < T.
    y = (np.pi * index) ** 2 / 12
    assert np.all(np.abs(np.array(exact, dtype=float) - leading) <= 2 * (1 + y + 0.6 * y**2) / n_points**4)


@general
@given(n_points_general)
def test_distances_are_reproduced_by_the_scores(n_points):
    positions = predicted.scores(n_points, n_points - 1)
    distances = np.sum((positions[:, None] - positions) ** 2, axis=2)
    error = np.abs(distances - predicted.squared_distances(n_points))
    # T squared differences of scores below sqrt(T), with a phase rounding of 4 pi T each.
    assert error.max() <= 32 * np.pi * n_points**3 * UNIT_ROUNDOFF


@general
@given(n_points_general)
def test_scores_are_amplitudes_times_chebyshev_polynomials(n_points):
    n_components = min(n_points - 1, 8)
    normalised = predicted.scores(n_points, n_components) / predicted.score_amplitudes(n_points, n_components)
    curves = predicted.chebyshev_scores(normalised[:, 0].clip(-1, 1), n_components)
    # T_k' <= k^2, and the first score is wrong by the rounding of its phase, below pi, and of four operations.
    assert np.abs(curves - normalised).max() <= 16 * n_components**2 * UNIT_ROUNDOFF * np.pi
    x = np.linspace(-1, 1, 7)
    second_and_third = predicted.chebyshev_scores(x, 3)[:, 1:]
    assert np.abs(second_and_third - np.stack([2 * x**2 - 1, 4 * x**3 - 3 * x], axis=1)).max() <= 100 * UNIT_ROUNDOFF


@general
@given(n_points_general, st.floats(-1e3, 1e3).filter(lambda scale: abs(scale) > 1e-3))
def test_cosine_content_ignores_scale_and_finds_only_cosines(n_points, scale):
    modes = predicted.cosine_modes(n_points, n_points - 1)
    rounding = 32 * np.pi * n_points * UNIT_ROUNDOFF
    assert predicted.cosine_content(scale * modes) == pytest.approx(np.ones(n_points - 1), abs=rounding)
    assert predicted.cosine_content(modes + 1)[0] == pytest.approx(1 / (1 + n_points), abs=rounding)
    shifted = np.roll(modes, 1, axis=1) if n_points > 2 else np.ones((2, 1))
    assert predicted.cosine_content(shifted) == pytest.approx(np.zeros(n_points - 1), abs=rounding)


def test_uncentred_limit_is_approached_from_the_spectrum():
    n_points = 20_000
    eigenvalues = 1 / (4 * np.sin(np.pi * np.array([1, 3, 5]) / (2 * (2 * n_points + 1))) ** 2)  # classical
    ratios = eigenvalues / (n_points * (n_points + 1) / 2)
    limit = predicted.uncentred_explained_variance_ratio_limit(3)
    # x_k = pi (2k - 1) / (4T + 2): relative error x_k^2 / 3 + 1 / (4 T^2) to leading order, so 10 / T^2 is above it.
    assert ratios == pytest.approx(limit, rel=(2 * np.pi) ** 2 / n_points**2)
    assert limit[:2].sum() == pytest.approx(0.9006327434874468, rel=1e-15)


@general
@given(n_points_general)
def test_the_circulant_spectrum_inverts_its_matrix(n_points):
    tolerance = (
        64 * n_points**2 * UNIT_ROUNDOFF
    )  # eigenvalue solver on a matrix of norm 4, then differences of order one
    circulant = 2 * np.eye(n_points) - np.roll(np.eye(n_points), 1, axis=0) - np.roll(np.eye(n_points), -1, axis=0)
    on_circle = predicted.circulant_eigenvalues(n_points)
    assert np.sort(1 / on_circle) == pytest.approx(np.linalg.eigvalsh(circulant)[1:], abs=tolerance)
    assert on_circle == pytest.approx(on_circle[::-1], rel=16 * n_points * UNIT_ROUNDOFF)  # sine and cosine pairs


momenta = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 0.99, 1 - 1e-12, 1.0]))


@general
@given(n_points_general, momenta)
def test_momentum_response_is_the_process_run_by_hand(n_points, momentum):
    response = response_matrix(n_points, momentum=momentum)
    closed = predicted.momentum_impulse_response(n_points, momentum)
    assert closed == pytest.approx(response[:, 0], rel=4 * n_points * UNIT_ROUNDOFF)
    ratios = predicted.momentum_explained_variance_ratio(n_points, momentum)
    by_hand = spectrum_by_hand(response)
    # Numerator and total are both within the bound, and the first ratio is at least 6 / pi^2.
    assert np.abs(ratios - by_hand / by_hand.sum()).max() <= 8 * n_points * spectrum_error(response) / by_hand[0]


@pytest.mark.parametrize("momentum", [0.3, 0.5, 0.8])
def test_circulant_momentum_is_right_to_third_order(momentum):
    errors = []
    for n_points in (100, 200):
        exact = predicted.toeplitz_eigenvalues(predicted.momentum_impulse_response(n_points, momentum))[0]
        errors.append(exact / predicted.momentum_circulant_eigenvalues(n_points, momentum)[0] - 1)
    # e(T) = a / T^3 + b / T^4 with |b / a| of the order of the memory 1 / (1 - gamma) < T / 20: a factor 8 within 10 %.
    assert errors[0] / errors[1] == pytest.approx(8, rel=0.1)
    assert 0 < errors[1] < 1e-3


@general
@given(st.integers(2, 1000), st.floats(0.01, 0.99))
def test_crossover_index_balances_the_circulant_formula(n_points, momentum):
    index = predicted.momentum_crossover_index(n_points, momentum)
    assert momentum * (np.pi * index / n_points) ** 2 == pytest.approx((1 - momentum) ** 2, rel=1e-13)
    assert predicted.momentum_crossover_index(n_points, 0) == np.inf


def test_integrated_walk_wavenumbers_to_thirty_digits():
    computed = predicted.integrated_walk_wavenumbers(12)
    with mpmath.workdps(30):
        exact = [
            mpmath.findroot(lambda m: mpmath.sin(m) + mpmath.cos(m) * mpmath.tanh(m), (k - 0.25) * mpmath.pi)
            for k in range(1, 13)
        ]
    assert computed == pytest.approx(np.array(exact, dtype=float), rel=4 * UNIT_ROUNDOFF)
    assert np.all((computed > (np.arange(1, 13) - 0.25) * np.pi * (1 - 1e-15)) & (computed < np.arange(1, 13) * np.pi))
    ratios = predicted.integrated_walk_explained_variance_ratio(2000)
    assert (
        0 < 1 - ratios.sum() < 30 / (3 * np.pi**4 * 1999**3)
    )  # mu_k > (k - 1/4) pi, and the tail is below the integral
    assert ratios[0] == pytest.approx(30 / computed[0] ** 4, rel=1e-15)


@general
@given(n_points_general, st.floats(0, 0.999))
def test_exponential_average_is_momentum(n_points, decay):
    average, by_hand = 0.0, []
    for position in response_matrix(n_points)[:, 0]:
        average = decay * average + (1 - decay) * position
        by_hand.append(average)
    computed = predicted.exponential_average_impulse_response(n_points, decay)
    # The product (1 - beta) h_m keeps a relative rounding per step; the recursion by hand an absolute one of 1 - beta.
    assert np.abs(computed - by_hand).max() <= 8 * n_points * UNIT_ROUNDOFF
    assert computed == pytest.approx((1 - decay) * predicted.momentum_impulse_response(n_points, decay), rel=1e-15)


def test_running_mean_wavenumbers_to_thirty_digits():
    computed = predicted.running_mean_wavenumbers(5)

    def secular(z):
        j, i, y, k = mpmath.besselj, mpmath.besseli, mpmath.bessely, mpmath.besselk
        first = (j(0, z) - i(0, z)) * (-y(1, z) - 2 / mpmath.pi * k(1, z))
        return first + (j(1, z) + i(1, z)) * (y(0, z) + 2 / mpmath.pi * k(0, z))

    with mpmath.workdps(30):
        exact = [mpmath.findroot(secular, float(z)) for z in computed]
    # Bessel functions of SciPy are good to some 1e-15 absolutely, and the equation has slopes of order one.
    assert computed == pytest.approx(np.array(exact, dtype=float), rel=32 * UNIT_ROUNDOFF)
    ratios = predicted.running_mean_explained_variance_ratio(1000)
    assert 0 < 1 - ratios.sum() < 432 / (3 * np.pi**4 * 1000**3)  # z_k > (k + 1/2) pi: none is missing
    assert np.all(np.diff(ratios) < 0)
    assert ratios[:3] == pytest.approx(27 * 16 / computed[:3] ** 4, rel=1e-15)


def test_drift_is_resolved_at_every_scale():
    exact = []
    n_points, drift_ratio = 9, 1e-7
    with mpmath.workdps(40):
        theta = [2 - 2 * mpmath.cos(mpmath.pi * k / n_points) for k in range(1, n_points)]
        time = mpmath.matrix([t - mpmath.mpf(n_points + 1) / 2 for t in range(1, n_points + 1)])
        modes = mpmath.matrix(n_points, n_points - 1)
        for k in range(1, n_points):
            for t in range(1, n_points + 1):
                modes[t - 1, k - 1] = mpmath.sqrt(mpmath.mpf(2) / n_points) * mpmath.cos(
                    mpmath.pi * k * (t - mpmath.mpf(1) / 2) / n_points
                )
        for scale in (mpmath.mpf(drift_ratio), mpmath.mpf(10) ** 9):
            full = modes * mpmath.diag([1 / t for t in theta]) * modes.T + scale * time * time.T
            exact.append(sorted(mpmath.eigsy(full, eigvals_only=True), reverse=True)[:-1])
    for scale, values in zip((drift_ratio, 1e9), exact, strict=True):
        computed = np.sort(predicted.drift_eigenvalues(n_points, scale))[::-1]
        assert computed == pytest.approx(np.array(values, dtype=float), rel=64 * UNIT_ROUNDOFF)


@pytest.mark.parametrize("order", [0.01, 0.4, 0.5, 1.0, 7.3, 80.0, 1000.0])
def test_bessel_zeros_to_thirty_digits(order):
    n_components = 4
    computed = predicted.bessel_zeros(order, n_components)
    with mpmath.workdps(25):
        exact = [mpmath.findroot(lambda z: mpmath.besselj(order, z), float(z)) for z in computed]
    # SciPy's J is good to some 1e-14 of its amplitude; the slope at a zero is of the same size near z, more so far out.
    assert computed == pytest.approx(np.array(exact, dtype=float), rel=1e-14)
    if order < 10:  # above, mpmath's own count of zeros takes seconds
        assert computed == pytest.approx([float(mpmath.besseljzero(order, k)) for k in range(1, 5)], rel=1e-14)


def test_decaying_noise_without_decay_is_the_walk():
    assert predicted.decaying_noise_explained_variance_ratio(0, 5) == pytest.approx(
        predicted.explained_variance_ratio_limit(5), rel=1e-14
    )
    times = np.linspace(0.01, 1, 50)
    cosines = np.sqrt(2) * np.cos(np.pi * np.outer(times, np.arange(1, 4)))
    modes = predicted.decaying_noise_modes(times, 0, 3)
    assert modes * np.sign(modes[0]) == pytest.approx(cosines, abs=1e-13)


rates = st.one_of(
    st.floats(0, 1.99),
    st.floats(0, 0.05),
    st.sampled_from([0.0, 1e-12, 1e-6, 0.999, 1 - 1e-9, 1.0, 1 + 1e-9, 1.5, 1.9, 1.999999]),
)


@pytest.mark.parametrize("rate", [1e-9, 0.01, 0.2, 0.97, 1.001, 1.6, 1.99])
def test_eigenvalues_to_thirty_digits(rate):
    n_points = 14
    with mpmath.workdps(40):
        contraction = 1 - mpmath.mpf(rate)
        response = mpmath.matrix(n_points, n_points)
        for row in range(n_points):
            for column in range(row + 1):
                response[row, column] = contraction ** (row - column)
        centre = mpmath.eye(n_points) - mpmath.ones(n_points) / n_points
        exact = sorted(mpmath.eigsy(centre * response * response.T * centre, eigvals_only=True), reverse=True)[:-1]
    # A root keeps some four roundings of T omega; theta magnifies them by two at small omega and at pi by T.
    tolerance = 32 * n_points * UNIT_ROUNDOFF
    computed = predicted.ornstein_uhlenbeck_eigenvalues(n_points, rate)
    assert computed == pytest.approx(np.array(exact, dtype=float), rel=tolerance)


@general
@given(n_points_general, rates)
def test_modes_are_eigenvectors(n_points, rate):
    assume(abs(rate - 1) > 1e-3)
    response = response_matrix(n_points, rate=rate)
    covariance = centred_covariance(response)
    n_components = min(n_points - 1, 7)
    modes = predicted.ornstein_uhlenbeck_modes(n_points, rate, n_components)
    spectrum = predicted.ornstein_uhlenbeck_eigenvalues(n_points, rate)[:n_components]
    # Near alpha = 1 the roots, and so the modes, are resolved to a rounding divided by |1 - alpha|.
    conditioning = 1 / min(1, abs(1 - rate))
    residual = np.abs(covariance @ modes - modes * spectrum).max()
    assert residual <= conditioning * (spectrum_error(response) + 64 * n_points * UNIT_ROUNDOFF * spectrum[0])
    assert np.abs(np.linalg.norm(modes, axis=0) - 1).max() <= 8 * n_points * UNIT_ROUNDOFF
    assert np.all(modes[0] > 0)
    assert np.abs(modes.sum(axis=0)).max() <= 8 * n_points * UNIT_ROUNDOFF


@general
@given(st.integers(2, 200), rates)
def test_circulant_spectrum_is_a_squared_transfer_function(n_points, rate):
    on_circle = np.exp(1j * np.pi * np.arange(1, n_points) / n_points)
    expected = np.abs(1 - (1 - rate) * on_circle) ** -2
    computed = predicted.ornstein_uhlenbeck_circulant_eigenvalues(n_points, rate)
    # Both cancel to as little as (pi / T)^2 of terms of order four.
    assert computed == pytest.approx(expected, rel=16 * n_points**2 * UNIT_ROUNDOFF)


@pytest.mark.parametrize("crossover", [0, 1e-9, 1e-4, 0.03, 0.5, 0.999, 1.0, 1.001, 3.0, 50.0, 1e5])
def test_continuum_total_to_thirty_digits(crossover):
    with mpmath.workdps(60):
        c = mpmath.mpf(crossover)
        if crossover == 0:
            exact = mpmath.mpf(1) / 6
        else:
            once, twice = (1 - mpmath.exp(-c)) / c, (1 - mpmath.exp(-2 * c)) / (2 * c)
            exact = (1 - twice) / (2 * c) - (1 - 2 * once + twice) / c**2
    # At c = 1 the closed form's terms are ten times their difference, and each keeps a few roundings.
    assert predicted.crossover_total_variance(crossover) == pytest.approx(float(exact), rel=64 * UNIT_ROUNDOFF)


@general
@given(st.floats(0, 1.999), st.integers(0, 60))
def test_norm_law_is_the_sum_of_squared_responses(rate, step):
    response = predicted.ornstein_uhlenbeck_impulse_response(61, rate)
    expected = np.sum(response[:step] ** 2)
    computed = predicted.mean_squared_norm(np.array([step]), rate)
    assert computed == pytest.approx([expected], rel=64 * (1 + step) * UNIT_ROUNDOFF)
    if 0.3 < rate < 1.7:
        # 200 steps leave a^400 < 1e-60 of the way.
        radius = predicted.trapping_radius(rate)
        assert predicted.mean_squared_norm(np.array([200]), rate) == pytest.approx([radius**2], rel=1e-14)
        lags = np.arange(-3, 4)
        by_hand = np.array([np.sum(response[abs(lag) :] * response[: 61 - abs(lag)]) for lag in lags]) / radius**2
        rounding = 64 * 61 * UNIT_ROUNDOFF + abs(1 - rate) ** (2 * 57)  # the sums stop after 57 steps
        assert predicted.stationary_correlation(lags, rate) == pytest.approx(by_hand, abs=rounding)


@general
@given(st.floats(0.001, 0.999), st.integers(1, 200))
def test_escape_bound_is_above_the_chi_square_probability(squared_fraction, dim):
    bound = predicted.escape_probability_bound(squared_fraction, dim)
    log_probability = stats.chi2(dim).logcdf(squared_fraction * dim)
    # The best exponent: the bound is above, and the probability misses it only by a power of d and of 1 - f.
    assert log_probability <= np.log(bound) if bound > 0 else log_probability < -700
    assert (
        np.log(max(bound, 1e-300)) <= log_probability + np.log(10 * dim) + np.log(1 / (1 - squared_fraction))
        or bound < 1e-300
    )


spectra = st.lists(st.integers(1, 400), min_size=2, max_size=12, unique=True).map(
    lambda values: np.sort(np.array(values, dtype=float))[::-1]
)


def chi_quadrature(n_nodes, degrees_of_freedom):
    """Gauss quadrature over a chi-square law by its Jacobi matrix; the nodes are those of its square root."""
    index = np.arange(1, n_nodes)
    off_diagonal = np.diag(np.sqrt(index * (index + degrees_of_freedom / 2 - 1)), 1)
    jacobi = np.diag(2 * np.arange(n_nodes) + degrees_of_freedom / 2) + off_diagonal + off_diagonal.T
    half_squares, vectors = np.linalg.eigh(jacobi)
    return np.sqrt(2 * half_squares), vectors[0] ** 2


def wishart_means(eigenvalues, dim):
    """Moments over Lambda^(1/2) W Lambda^(1/2), W Wishart of three components, by quadrature over Bartlett's factor.

    Eigenvalues and ratios are relative to those of the population.
    """
    n_nodes = 7
    normal_nodes, normal_weights = roots_hermite(n_nodes)
    axes = [(np.sqrt(2) * normal_nodes, normal_weights / normal_weights.sum())] * 3
    for row in range(3):
        axes.append(chi_quadrature(n_nodes, dim - row))
    nodes = np.array(list(itertools.product(*(axis[0] for axis in axes))))
    weights = np.prod(np.array(list(itertools.product(*(axis[1] for axis in axes)))), axis=1)
    factor = np.zeros((weights.size, 3, 3))
    factor[:, [1, 2, 2], [0, 0, 1]] = nodes[:, :3]
    factor[:, [0, 1, 2], [0, 1, 2]] = nodes[:, 3:]
    rows = np.sqrt(eigenvalues / dim)[:, None] * factor
    sample, vectors = np.linalg.eigh(rows @ rows.transpose(0, 2, 1))
    sample, vectors = sample[:, ::-1], vectors[:, :, ::-1]
    overlaps = np.einsum("nkk->nk", vectors) ** 2
    relative = sample / eigenvalues
    ratios = sample / sample.sum(axis=1, keepdims=True) / (eigenvalues / eigenvalues.sum())
    mean, ratio_mean = weights @ relative, weights @ ratios
    return {
        "bias": mean - 1,
        "variance": weights @ (relative - mean) ** 2,
        "ratio bias": ratio_mean - 1,
        "ratio variance": weights @ (ratios - ratio_mean) ** 2,
        "deficit": weights @ (1 - overlaps),
    }


@pytest.mark.parametrize("eigenvalues", [np.array([5.0, 2.0, 1.0]), np.array([9.0, 4.0, 0.5])])
def test_first_and_second_order_are_those_of_the_wishart_law(eigenvalues):
    dims = (1600, 3200, 6400)
    measured = [wishart_means(eigenvalues, dim) for dim in dims]
    laws = {
        "bias": (predicted.eigenvalue_bias, predicted.eigenvalue_bias_second_order),
        "deficit": (predicted.overlap_deficit, predicted.overlap_deficit_second_order),
        "ratio bias": (
            lambda *a: predicted.mean_explained_variance_ratio(*a) / (eigenvalues / eigenvalues.sum()) - 1,
            lambda *a: predicted.explained_variance_ratio_second_order(*a) / (eigenvalues / eigenvalues.sum()),
        ),
        "variance": (
            lambda values, dim, n: np.full(n, 2 / dim),
            lambda values, dim, n: predicted.eigenvalue_variance(values, dim, n) - 2 / dim,
        ),
    }
    for name, (first, second) in laws.items():
        remainders = [
            dim**2 * (means[name] - first(eigenvalues, dim, 3)) for dim, means in zip(dims, measured, strict=True)
        ]
        # d^2 (mean - first order) = second order + c/d + O(d^-2): two extrapolations whose difference exceeds the error
        # of the finer one, plus the rounding of means of order one, magnified by d^2 and by the smallest relative gap.
        coarse, fine = 2 * remainders[1] - remainders[0], 2 * remainders[2] - remainders[1]
        rounding = 3 * dims[-1] ** 2 * 64 * UNIT_ROUNDOFF
        coefficient = dims[-1] ** 2 * second(eigenvalues, dims[-1], 3)
        assert np.all(np.abs(fine - coefficient) <= np.abs(fine - coarse) + rounding), name
        assert np.all(np.abs(fine - coarse) <= 0.02 * np.abs(fine).max()), (
            f"{name}: the extrapolation has not converged"
        )
    with_std = predicted.explained_variance_ratio_std(eigenvalues, 6400) / (eigenvalues / eigenvalues.sum())
    halved = [dim * means["ratio variance"] for dim, means in zip(dims, measured, strict=True)]
    extrapolated = 2 * halved[2] - halved[1]
    assert np.all(
        np.abs(extrapolated - 6400 * with_std**2) <= np.abs(extrapolated - (2 * halved[1] - halved[0])) + 1e-9
    )


@pytest.mark.parametrize("n_points", [2, 3, 5, 17, 50])
def test_closed_sums_of_the_walk_to_thirty_digits(n_points):
    with mpmath.workdps(40):
        theta = [2 - 2 * mpmath.cos(mpmath.pi * k / n_points) for k in range(1, n_points)]
        bias = [sum(t / (u - t) for u in theta if u is not t) for t in theta]
    coefficient = predicted.eigenvalue_bias_coefficient(n_points)
    # 3/2 - 3/4 / sin^2 cancels near x = 0; its terms are at most |b| + 3/2, and the sine is good to four roundings.
    tolerance = 16 * UNIT_ROUNDOFF * (np.abs(coefficient) + 1.5)
    assert np.all(np.abs(coefficient - np.array(bias, dtype=float)) <= tolerance)


@pytest.mark.parametrize("n_points", [2, 3, 4, 5, 8, 21, 60])
@pytest.mark.parametrize("excess_kurtosis", [-2, -1.2, 0, 3, 6.0])
def test_kurtosis_factor_is_that_of_the_sine_modes(n_points, excess_kurtosis):
    index = np.arange(1, n_points)
    squares = 2 / n_points * np.sin(np.pi * np.outer(index, index) / n_points) ** 2  # what the steps see of each mode
    covariance = 2 * np.eye(n_points - 1) + excess_kurtosis * squares.T @ squares  # d Cov(W_jj, W_kk)
    tolerance = 100 * n_points * UNIT_ROUNDOFF
    if n_points == 2:
        assert predicted.kurtosis_factor_ratio(n_points, excess_kurtosis) == pytest.approx([1], abs=0)
        return
    ratios = predicted.explained_variance_ratio(n_points)
    contrasts = np.eye(n_points - 1) - ratios
    expected = np.einsum("kj,ji,ki->k", contrasts, covariance, contrasts) / (2 * np.sum(contrasts**2, axis=1))
    assert predicted.kurtosis_factor_ratio(n_points, excess_kurtosis) == pytest.approx(expected, abs=10 * tolerance)


@general
@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=20).filter(lambda values: max(values) > 1e-3), st.floats(1e-9, 1e9)
)
def test_effective_dimension_counts_equal_directions(values, unit):
    spectrum = np.array(values)
    dimension = predicted.effective_dimension(spectrum)
    rounding = 8 * spectrum.size * UNIT_ROUNDOFF
    assert 1 - rounding <= dimension <= np.count_nonzero(spectrum) * (1 + rounding)
    assert predicted.effective_dimension(unit * spectrum) == pytest.approx(dimension, rel=rounding)
    assert predicted.effective_dimension(np.repeat(spectrum, 3)) == pytest.approx(3 * dimension, rel=3 * rounding)
    assert predicted.effective_dimension(np.full(7, unit)) == pytest.approx(7, rel=rounding)
    assert predicted.effective_dimension(1e200 * spectrum) == pytest.approx(dimension, rel=rounding)  # no overflow
    direct = np.sum(spectrum) ** 2 / np.sum(spectrum**2)
    assert dimension == pytest.approx(direct, rel=rounding)


@general
@given(st.lists(st.floats(0.5, 1e6), min_size=1, max_size=5))
def test_combined_dimension_is_harmonic(dimensions):
    combined = predicted.combined_dimension(*dimensions)
    assert combined <= min(dimensions) * (1 + 8 * UNIT_ROUNDOFF)
    assert 1 / combined == pytest.approx(sum(1 / value for value in dimensions), rel=16 * UNIT_ROUNDOFF)
    assert predicted.combined_dimension(*[dimensions[0]] * 4) == pytest.approx(dimensions[0] / 4, rel=1e-15)


def test_small_dimensions_warn():
    spectrum = predicted.eigenvalues(10)
    for law in (
        lambda dim: predicted.mean_explained_variance_ratio(spectrum, dim, 1),
        lambda dim: predicted.explained_variance_ratio_std(spectrum, dim),
    ):
        with pytest.warns(UserWarning, match=r"dim = 29.9 is below 30: .*7 %"):
            law(29.9)
        law(30)  # a warning would be an error
    with pytest.warns(UserWarning, match="PC 6 is not expected to be a cosine"):
        predicted.overlap_deficit(spectrum, 35, 6)
    predicted.overlap_deficit(spectrum, 36, 6)


@pytest.mark.parametrize("n_points", [2, 12, 1000])
@pytest.mark.parametrize("argument", [1e-12, 1e-7, 1e-3, 0.05, 0.2, 3, 900])
def test_laplace_transform_is_chebyshevs_to_thirty_digits(n_points, argument):
    with mpmath.workdps(40):
        exact = -mpmath.log(n_points / mpmath.chebyu(n_points - 1, 1 + mpmath.mpf(argument))) / 2
    computed = -np.log(predicted.trace_laplace(argument, n_points, 0.1)) / 0.1
    # The exponential rounds to u, which its logarithm sees as absolute error; the exponent itself is good to 32 u.
    assert computed == pytest.approx(float(exact), rel=32 * UNIT_ROUNDOFF, abs=20 * UNIT_ROUNDOFF)


@pytest.mark.parametrize(("n_points", "dim"), [(12, 1), (6, 4)])
def test_trace_law_agrees_with_imhof(n_points, dim):
    weights = predicted.eigenvalues(n_points)

    def imhof(u, total):
        angle = dim / 2 * np.sum(np.arctan(weights * u)) - total * u / 2
        return np.sin(angle) / (u * np.prod((1 + (weights * u) ** 2) ** (dim / 4)))

    totals = weights.sum() * dim * np.array([0.2, 0.5, 1.0, 2.0])
    for total in totals:
        # Imhof's bound on the tail beyond u is (2 / (pi n d)) u^(-n d / 2) prod lambda^(-d/2), below 1e-12 here.
        integral, error = integrate.quad(imhof, 0, 400, args=(total,), limit=2000, epsabs=1e-12)
        truncation = 2 / (np.pi * weights.size * dim) * np.prod((weights * 400) ** (-dim / 2))
        computed = predicted.trace_cdf(np.array([total]), weights, dim)[0]
        assert abs(computed - (0.5 - integral / np.pi)) <= error + truncation + 1e-14


@pytest.mark.parametrize("n_points", [2, 3, 40, 300])
@pytest.mark.parametrize("shift", [0, 1e-15, 1e-9, 1e-6, 1e-4, 0.01, 0.09, 0.6, 1.3, 10, 1e6])
def test_resolvent_trace_is_the_sum_over_the_path(n_points, shift):
    with mpmath.workdps(40):
        exact = mpmath.fsum(
            1 / (2 - 2 * mpmath.cos(mpmath.pi * k / n_points) + mpmath.mpf(shift)) for k in range(1, n_points)
        )
    # T^2 L(T phi) - L(phi) cancels at most to 3/4 of itself (T = 2); some twenty operations in all.
    assert predicted.laplacian_resolvent_trace(shift, n_points) == pytest.approx(float(exact), rel=64 * UNIT_ROUNDOFF)


def test_hardly_any_freedom_leaves_hardly_any_tail():
    """As d -> 0 a chi-square exceeds x with probability d E_1(x / 2) / 2, on both sides of the change of formula."""
    total, eigenvalues = np.array([0.5, 2.0]), np.array([1.0, 0.25])
    tail = np.sum(exp1(total[:, None] / (2 * eigenvalues)), axis=1) / 2
    for dim in (4e-13, 1e-11):
        np.testing.assert_allclose((1 - predicted.trace_cdf(total, eigenvalues, dim)) / dim, tail, rtol=0, atol=1e-3)


seeds = st.integers(0, 2**32 - 1)


def random_covariance(seed, dim):
    factor = np.random.default_rng(seed).standard_normal((dim, dim))
    return factor @ factor.T


@general
@given(seeds, st.integers(1, 12))
def test_principal_axes_diagonalise(seed, dim):
    covariance = random_covariance(seed, dim)
    variances, axes = predicted.principal_axes(covariance)
    rounding = 16 * dim**2 * UNIT_ROUNDOFF * variances[0]  # backward-stable solver and two products of dim terms
    assert np.abs(axes @ covariance @ axes.T - np.diag(variances)).max() <= rounding
    assert np.abs(axes @ axes.T - np.eye(dim)).max() <= 16 * dim * UNIT_ROUNDOFF
    assert np.all(np.diff(variances) <= 0)


@general
@given(seeds, st.integers(2, 10), st.data())
def test_no_subspace_reconstructs_better(seed, dim, data):
    covariance = random_covariance(seed, dim)
    n_components = data.draw(st.integers(1, dim))
    least = predicted.least_reconstruction_error(covariance, n_components)
    rounding = 64 * dim**2 * UNIT_ROUNDOFF * np.trace(covariance)
    basis = np.random.default_rng(seed + 1).standard_normal((dim, n_components))
    error = predicted.reconstruction_error(covariance, basis)
    assert error >= least - rounding
    projector = basis @ np.linalg.pinv(basis)
    residual = np.eye(dim) - projector
    by_hand = np.trace(residual @ covariance @ residual)
    assert error == pytest.approx(by_hand, abs=rounding * np.linalg.cond(basis))
    best = predicted.principal_axes(covariance)[1][:n_components].T
    assert predicted.reconstruction_error(covariance, best) == pytest.approx(least, abs=rounding)
    recombined = best @ (np.eye(n_components) + 0.3 * np.triu(np.ones((n_components, n_components)), 1))
    assert predicted.reconstruction_error(covariance, recombined) == pytest.approx(least, abs=16 * rounding)


@general
@given(st.floats(0.01, 0.9), st.floats(0.1, 50))
def test_contaminated_covariance_flips_at_the_threshold(fraction, spike):
    signal, outlier = np.eye(3)[:2]
    clean = np.eye(3) + spike * np.outer(signal, signal)
    threshold = predicted.outlier_flip_threshold(fraction, spike)
    for squared_length, top in ((0.999 * threshold, signal), (1.001 * threshold, outlier)):
        contaminated = (1 - fraction) * clean + fraction * squared_length * np.outer(outlier, outlier)
        assert abs(np.linalg.eigh(contaminated)[1][:, -1] @ top) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("spike", [0.5, 1, 6.0])
@pytest.mark.parametrize("dim", [2, 5, 20])
def test_direction_error_is_first_order_perturbation(spike, dim):
    # The sample covariance of m points is C + E / sqrt(m) with Var E_1j = C_11 C_jj; v moves by E_1j / (sqrt(m) gap).
    n_samples = 700
    covariance = np.diag(np.r_[1 + spike, np.ones(dim - 1)])
    variances = [
        covariance[0, 0] * covariance[j, j] / (covariance[0, 0] - covariance[j, j]) ** 2 for j in range(1, dim)
    ]
    expected = np.sqrt(sum(variances) / n_samples)
    assert predicted.spiked_direction_error(dim, n_samples, spike) == pytest.approx(expected, rel=1e-14)
    assert predicted.spiked_direction_error(1, n_samples, spike) == 0
