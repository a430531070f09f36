"""Momentum, averages, drift and decaying noise against the processes run by hand and against thirty digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from walks_by_hand import (
    UNIT_ROUNDOFF,
    centred_covariance,
    general,
    momentum_walk,
    response_matrix,
    spectrum_by_hand,
    spectrum_error,
    walk,
)

from theory import random_walk_pca as predicted

n_points_general = st.integers(2, 40)
momenta = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 0.99, 1 - 1e-12, 1.0]))


def gauss_legendre(n_nodes, lower=0.0, upper=1.0):
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    return lower + (upper - lower) * (nodes + 1) / 2, (upper - lower) / 2 * weights


@general
@given(n_points_general, momenta)
def test_momentum_response_is_the_process_run_by_hand(n_points, momentum):
    response = response_matrix(momentum_walk(momentum), n_points)
    closed = predicted.momentum_impulse_response(n_points, momentum)
    assert closed == pytest.approx(response[:, 0], rel=4 * n_points * UNIT_ROUNDOFF)
    ratios = predicted.momentum_explained_variance_ratio(n_points, momentum)
    by_hand = spectrum_by_hand(response)
    # Numerator and total are both within the bound, and the first ratio is at least 6 / pi^2.
    assert np.abs(ratios - by_hand / by_hand.sum()).max() <= 8 * n_points * spectrum_error(response) / by_hand[0]


@general
@given(n_points_general)
def test_momentum_limits_are_the_walk_and_the_integrated_walk(n_points):
    assert np.array_equal(predicted.momentum_impulse_response(n_points, 0), np.ones(n_points))
    assert np.array_equal(predicted.momentum_impulse_response(n_points, 1), np.arange(1.0, n_points + 1))
    spectrum = predicted.eigenvalues(n_points)
    assert np.array_equal(predicted.momentum_circulant_eigenvalues(n_points, 0), spectrum)
    assert predicted.momentum_circulant_eigenvalues(n_points, 1) == pytest.approx(spectrum**2, rel=1e-15)


@general
@given(st.integers(2, 200), momenta)
def test_circulant_momentum_is_a_squared_transfer_function(n_points, momentum):
    on_circle = np.exp(1j * np.pi * np.arange(1, n_points) / n_points)
    expected = 1 / (np.abs(1 - on_circle) ** 2 * np.abs(1 - momentum * on_circle) ** 2)
    # |1 - w|^2 cancels near w = 1 as theta_1 = pi^2 / T^2, each factor, with a rounding of w of 4 u.
    assert predicted.momentum_circulant_eigenvalues(n_points, momentum) == pytest.approx(
        expected, rel=64 * n_points * UNIT_ROUNDOFF
    )


@pytest.mark.parametrize("momentum", [0.3, 0.5, 0.8])
def test_circulant_momentum_is_right_to_third_order(momentum):
    errors = []
    for n_points in (100, 200):
        exact = predicted.toeplitz_eigenvalues(predicted.momentum_impulse_response(n_points, momentum))[0]
        errors.append(exact / predicted.momentum_circulant_eigenvalues(n_points, momentum)[0] - 1)
    # e(T) = a / T^3 + b / T^4 with |b / a| of the order of the memory 1 / (1 - gamma) < T / 20: a factor 8 within 10 %.
    assert errors[0] / errors[1] == pytest.approx(8, rel=0.1)
    assert 0 < errors[1] < 1e-3


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.6, -0.0])
def test_rate_of_the_momentum_ratios(momentum):
    n_components = 3
    limit = predicted.explained_variance_ratio_limit(n_components)
    slopes = [
        n_points * (predicted.momentum_explained_variance_ratio(n_points, momentum)[:n_components] / limit - 1)
        for n_points in (100, 200, 400)
    ]
    predicted_slope = 400 * (predicted.momentum_explained_variance_ratio_rate(400, momentum, n_components) / limit - 1)
    coarse, fine = 2 * slopes[1] - slopes[0], 2 * slopes[2] - slopes[1]
    # The extrapolation leaves O(1/T^2), so in norm it differs from the coarser one by three times its own error.
    assert np.abs(fine - predicted_slope).max() <= np.abs(fine - coarse).max()


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


def test_momentum_concentrates_the_variance():
    ratios = [predicted.momentum_explained_variance_ratio(80, momentum)[0] for momentum in np.linspace(0, 1, 21)]
    assert np.all(np.diff(ratios) > 0)
    # The integrated walk of T points misses its limit by O(1/T^2) after the first-order shift cancels in the ratio.
    assert ratios[-1] == pytest.approx(predicted.integrated_walk_explained_variance_ratio(1)[0], abs=100 / 80**2)
    assert predicted.momentum_explained_variance_ratio(800, 1)[0] == pytest.approx(
        predicted.integrated_walk_explained_variance_ratio(1)[0], abs=100 / 800**2
    )


@general
@given(n_points_general, st.floats(0, 0.999))
def test_exponential_average_is_momentum(n_points, decay):
    def averaged(steps, count):
        average, recorded = 0.0, []
        for position in walk(steps, count):
            average = decay * average + (1 - decay) * position
            recorded.append(average)
        return np.array(recorded)

    by_hand = response_matrix(averaged, n_points)[:, 0]
    computed = predicted.exponential_average_impulse_response(n_points, decay)
    # The product (1 - beta) h_m keeps a relative rounding per step; the recursion by hand an absolute one of 1 - beta.
    assert np.abs(computed - by_hand).max() <= 8 * n_points * UNIT_ROUNDOFF
    momentum = predicted.momentum_impulse_response(n_points, decay)
    assert computed == pytest.approx((1 - decay) * momentum, rel=1e-15)


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


def test_running_mean_law_is_the_limit_of_the_process_run_by_hand():
    ratios, totals = [], []
    sizes = (100, 200, 400)
    for n_points in sizes:
        response = response_matrix(
            lambda steps, count: np.cumsum(walk(steps, count)) / np.arange(1, count + 1), n_points
        )
        spectrum = spectrum_by_hand(response)
        ratios.append(spectrum[:3] / spectrum.sum())
        totals.append(spectrum.sum() / n_points**2)
    coarse, fine = 2 * ratios[1] - ratios[0], 2 * ratios[2] - ratios[1]
    law = predicted.running_mean_explained_variance_ratio(3)
    # Corrections are of order log(T) / T and below, so a step of the extrapolation bounds what it leaves.
    assert np.all(np.abs(fine - law) <= 2 * np.abs(fine - coarse))
    assert np.abs(fine - law).max() <= 1 / sizes[-1]
    total = np.sum(16 / predicted.running_mean_wavenumbers(2000) ** 4)
    assert abs(2 * totals[2] - totals[1] - total) <= 2 * abs(2 * totals[2] - 3 * totals[1] + totals[0])
    assert total == pytest.approx(1 / 27, rel=1e-9)


@general
@given(n_points_general, st.floats(0, 100))
def test_drift_spectrum_is_that_of_a_rank_one_addition(n_points, drift_ratio):
    response = response_matrix(walk, n_points)
    time = np.arange(1, n_points + 1) - (n_points + 1) / 2
    by_hand = np.linalg.eigvalsh(centred_covariance(response) + drift_ratio * np.outer(time, time))[:0:-1]
    modes = predicted.drift_eigenvalues(n_points, drift_ratio)
    error = np.abs(np.sort(modes)[::-1] - by_hand)
    rounding = spectrum_error(response) + 8 * n_points * UNIT_ROUNDOFF * drift_ratio * np.sum(time**2)
    assert error.max() <= rounding
    assert np.array_equal(modes[1::2], predicted.eigenvalues(n_points)[1::2])
    ratios = predicted.drift_explained_variance_ratio(n_points, drift_ratio)
    assert ratios.sum() == pytest.approx(1, abs=64 * n_points * UNIT_ROUNDOFF)
    assert ratios * by_hand.sum() == pytest.approx(modes, abs=n_points * rounding)


@general
@given(st.integers(2, 80))
def test_drift_coefficients_expand_time_in_cosines(n_points):
    time = np.arange(1, n_points + 1) - (n_points + 1) / 2
    expansion = predicted.cosine_modes(n_points, n_points - 1).T @ time
    coefficients = predicted.drift_coefficients(n_points)
    assert np.abs(np.abs(expansion) - coefficients).max() <= 16 * np.pi * n_points**2.5 * UNIT_ROUNDOFF
    assert np.sum(coefficients**2) == pytest.approx(
        n_points * (n_points**2 - 1) / 12, rel=16 * n_points * UNIT_ROUNDOFF
    )
    assert np.array_equal(predicted.drift_eigenvalues(n_points, 0), predicted.eigenvalues(n_points))


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


@general
@given(st.floats(0.05, 50))
def test_no_bessel_zero_is_missing(order):
    zeros = predicted.bessel_zeros(order, 60)
    missing = 1 / (4 * (order + 1)) - np.sum(zeros**-2)  # Rayleigh's sum
    # The zeros beyond n lie above (n + 1/2) pi for order >= 0 less a quarter period, and below (n + nu/2) pi.
    assert 1 / ((61 + order / 2) * np.pi**2) < missing < 1 / (59 * np.pi**2)


@general
@given(st.floats(-8, 1.9))
def test_decaying_noise_laws_share_the_total(exponent):
    order = 1 / (2 - exponent)
    ratios = predicted.decaying_noise_explained_variance_ratio(exponent, 3)
    eigenvalues = (2 * order / predicted.bessel_zeros(order, 3)) ** 2
    total = 1 / ((2 - exponent) * (3 - exponent))  # integral of t^-p t (1 - t)
    assert eigenvalues / total == pytest.approx(ratios, rel=64 * UNIT_ROUNDOFF)


def test_decaying_noise_without_decay_is_the_walk():
    assert predicted.decaying_noise_explained_variance_ratio(0, 5) == pytest.approx(
        predicted.explained_variance_ratio_limit(5), rel=1e-14
    )
    times = np.linspace(0.01, 1, 50)
    cosines = np.sqrt(2) * np.cos(np.pi * np.outer(times, np.arange(1, 4)))
    modes = predicted.decaying_noise_modes(times, 0, 3)
    assert modes * np.sign(modes[0]) == pytest.approx(cosines, abs=1e-13)


@pytest.mark.parametrize("exponent", [-1, 0.5, 1.2])
def test_decaying_noise_modes_are_orthonormal_and_those_of_the_process(exponent):
    nodes, weights = gauss_legendre(100)
    times, weights = nodes**4, weights * 4 * nodes**3  # t^b is then smooth enough at zero for these exponents
    modes = predicted.decaying_noise_modes(times, exponent, 3)
    assert (modes * weights[:, None]).T @ modes == pytest.approx(np.eye(3), abs=1e-9)
    errors, overlaps = [], []
    for n_points in (150, 300, 600):
        response = np.tril(np.ones((n_points, n_points))) * np.arange(1.0, n_points + 1) ** (-exponent / 2)
        spectrum, vectors = np.linalg.eigh(centred_covariance(response))
        ratios = spectrum[::-1][:3] / spectrum.sum()
        errors.append(np.abs(ratios - predicted.decaying_noise_explained_variance_ratio(exponent, 3)).max())
        sampled = predicted.decaying_noise_modes((np.arange(n_points) + 0.5) / n_points, exponent, 3) / np.sqrt(
            n_points
        )
        overlaps.append(1 - np.sum(vectors[:, ::-1][:, :3] * sampled, axis=0) ** 2)
    # Corrections fall at least as T^-(2 - p), with p up to 1.2 and terms T^-1 beside it: by half over two doublings.
    assert errors[2] <= errors[0] / 2
    assert np.all(overlaps[2] <= overlaps[0] / 2)


def test_time_that_leaves_no_digits_gets_one_sentence():
    with pytest.raises(ValueError, match=r"times must not be so small that t\^b is below 1e-200, got 1e-300"):
        predicted.decaying_noise_modes([0.5, 1e-300], -1, 1)
