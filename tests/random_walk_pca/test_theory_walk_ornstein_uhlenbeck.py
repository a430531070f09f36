"""Ornstein-Uhlenbeck spectra, their continuum limit and the trapping sphere, by hand and to thirty digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from walks_by_hand import (
    UNIT_ROUNDOFF,
    centred_covariance,
    general,
    ornstein_uhlenbeck,
    response_matrix,
    spectrum_by_hand,
    spectrum_error,
)

from theory import random_walk_pca as predicted

n_points_general = st.integers(2, 40)
rates = st.one_of(
    st.floats(0, 1.99),
    st.floats(0, 0.05),
    st.sampled_from([0.0, 1e-12, 1e-6, 0.999, 1 - 1e-9, 1.0, 1 + 1e-9, 1.5, 1.9, 1.999999]),
)


@general
@given(n_points_general, rates)
def test_every_eigenvalue_is_found(n_points, rate):
    response = response_matrix(ornstein_uhlenbeck(rate), n_points)
    assert predicted.ornstein_uhlenbeck_impulse_response(n_points, rate) == pytest.approx(
        response[:, 0], abs=4 * n_points * UNIT_ROUNDOFF
    )
    spectrum = predicted.ornstein_uhlenbeck_eigenvalues(n_points, rate)
    assert spectrum.shape == (n_points - 1,)
    assert np.abs(spectrum - spectrum_by_hand(response)).max() <= spectrum_error(response)
    uncentred = np.linalg.eigvalsh(response @ response.T)[::-1]  # centring interlaces
    assert np.all(uncentred[:-1] + spectrum_error(response) >= spectrum)
    assert np.all(spectrum + spectrum_error(response) >= uncentred[1:])


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
    response = response_matrix(ornstein_uhlenbeck(rate), n_points)
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


def test_nearly_degenerate_modes_stay_centred():
    modes = predicted.ornstein_uhlenbeck_modes(50, 1 - 1e-9, 3)
    assert np.abs(modes.sum(axis=0)).max() <= 8 * 50 * UNIT_ROUNDOFF


@general
@given(n_points_general)
def test_special_rates(n_points):
    count = n_points - 1
    walk_spectrum = predicted.eigenvalues(n_points)
    rounding = 32 * n_points * UNIT_ROUNDOFF
    assert predicted.ornstein_uhlenbeck_eigenvalues(n_points, 0) == pytest.approx(walk_spectrum, rel=rounding)
    assert predicted.ornstein_uhlenbeck_circulant_eigenvalues(n_points, 0) == pytest.approx(walk_spectrum, rel=1e-15)
    cosines = predicted.cosine_modes(n_points, count)
    modes = predicted.ornstein_uhlenbeck_modes(n_points, 0, count)
    assert np.abs(np.abs(np.sum(modes * cosines, axis=0)) - 1).max() <= rounding * n_points
    assert np.array_equal(predicted.ornstein_uhlenbeck_eigenvalues(n_points, 1), np.ones(count))
    assert np.array_equal(predicted.ornstein_uhlenbeck_circulant_eigenvalues(n_points, 1), np.ones(count))


@general
@given(st.integers(2, 200), rates)
def test_circulant_spectrum_is_a_squared_transfer_function(n_points, rate):
    on_circle = np.exp(1j * np.pi * np.arange(1, n_points) / n_points)
    expected = np.abs(1 - (1 - rate) * on_circle) ** -2
    computed = predicted.ornstein_uhlenbeck_circulant_eigenvalues(n_points, rate)
    # Both cancel to as little as (pi / T)^2 of terms of order four.
    assert computed == pytest.approx(expected, rel=16 * n_points**2 * UNIT_ROUNDOFF)


def test_circulant_formula_misses_half_at_the_crossover_and_nothing_far_from_it():
    n_points = 400
    ratio = {
        crossover: predicted.ornstein_uhlenbeck_eigenvalues(n_points, crossover / n_points)[0]
        / predicted.ornstein_uhlenbeck_circulant_eigenvalues(n_points, crossover / n_points)[0]
        for crossover in (1e-4, 2, 80)
    }
    assert ratio[1e-4] == pytest.approx(1, abs=1e-3)
    assert ratio[2] == pytest.approx(0.514, abs=0.005)
    assert ratio[80] == pytest.approx(1, abs=2 / 80)


@general
@given(st.floats(0, 60))
def test_continuum_wavenumbers_solve_their_equation_between_the_uncentred_ones(crossover):
    y = predicted.crossover_wavenumbers(crossover, 6)
    inverse = crossover**2 + y**2
    secular = (crossover**2 - inverse * np.sin(y) / y) * (y * np.cos(y) + crossover * np.sin(y))
    secular += inverse * (crossover * np.cos(y) - crossover - y * np.sin(y)) * (1 - np.cos(y)) / y
    # Each factor is rounded a few times, and moving y by its rounding moves the terms by as much again.
    scale = inverse * (1 + crossover / y) * (y + crossover) * y
    assert np.all(np.abs(secular) <= 64 * UNIT_ROUNDOFF * scale)
    index = np.arange(1, 7)
    assert np.all(((index - 0.5) * np.pi < y) & (y < (index + 1) * np.pi))


@pytest.mark.parametrize("crossover", [0.0, 0.5, 2.0, 8.0, 40.0])
def test_continuum_law_is_the_limit_of_the_exact_spectrum(crossover):
    errors, totals = [], []
    for n_points in (200, 400, 800):
        rate = crossover / n_points
        spectrum = predicted.ornstein_uhlenbeck_eigenvalues(n_points, rate)
        limit = predicted.crossover_eigenvalues(crossover, 4)
        errors.append(spectrum[:4] / n_points**2 / limit - 1)
        response = predicted.ornstein_uhlenbeck_impulse_response(n_points, rate)
        totals.append(predicted.toeplitz_total_variance(response) / n_points**2)
    # Corrections are a / T + b / T^2 + ..., so two extrapolations leave O(T^-3); each step bounds what remains of it.
    first = [2 * errors[1] - errors[0], 2 * errors[2] - errors[1]]
    second = (4 * first[1] - first[0]) / 3
    assert np.abs(second).max() <= np.abs(first[1] - first[0]).max() / 4 + 1e-11
    steps = [2 * totals[1] - totals[0], 2 * totals[2] - totals[1]]
    extrapolated = (4 * steps[1] - steps[0]) / 3
    total = predicted.crossover_total_variance(crossover)
    assert abs(extrapolated - total) <= abs(steps[1] - steps[0]) / 4 + 1e-12


@general
@given(st.floats(0, 30))
def test_continuum_spectrum_sums_to_its_total(crossover):
    spectrum = predicted.crossover_eigenvalues(crossover, 100)
    missing = predicted.crossover_total_variance(crossover) - spectrum.sum()
    # y_k lies between (k - 1/2) pi and (k + 1) pi, and 1 / (c^2 + y^2) is below 1 / y^2: the tail lies between these.
    lower = (np.pi / 2 - np.arctan(102 * np.pi / max(crossover, 1e-9))) / (np.pi * max(crossover, 1e-9))
    assert 0.999999 * lower <= missing <= 1 / (99.5 * np.pi**2)
    ratios = predicted.crossover_explained_variance_ratio(crossover, 100)
    assert ratios == pytest.approx(spectrum / predicted.crossover_total_variance(crossover), rel=1e-15)


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


def test_continuum_law_runs_from_the_walk_to_the_trapped_state():
    index = np.arange(1, 7)
    assert predicted.crossover_wavenumbers(0, 6) == pytest.approx(np.pi * index, rel=4 * UNIT_ROUNDOFF)
    assert predicted.crossover_eigenvalues(0.0, 6) == pytest.approx(1 / (np.pi * index) ** 2, rel=16 * UNIT_ROUNDOFF)
    ratios = [predicted.crossover_explained_variance_ratio(c, 1)[0] for c in (0, 0.1, 0.5, 2, 8, 40, 1000)]
    assert np.all(np.diff(ratios) < 0)
    assert ratios[0] == pytest.approx(6 / np.pi**2, rel=1e-14)
    assert ratios[-1] * 1000 / 2 == pytest.approx(1, abs=3 / 1000)
    far = 1e7
    with mpmath.workdps(30):
        even = [2 * mpmath.findroot(lambda z: mpmath.sin(z) - z * mpmath.cos(z), z) for z in (4.49, 7.73, 10.90)]
    trapped = np.sort(np.r_[np.pi * np.array([2, 4, 6]), np.array(even, dtype=float)])
    # The uncentred roots of y cos y + c sin y lie y / c off their limits, and so do the centred ones between them.
    assert predicted.crossover_wavenumbers(far, 6) == pytest.approx(trapped, rel=2 / far)


def test_trapped_scores_are_full_period_sines():
    n_points, crossover = 1000, 200
    mode = predicted.ornstein_uhlenbeck_modes(n_points, crossover / n_points, 1)
    sine = np.sqrt(2 / n_points) * np.sin(2 * np.pi * (np.arange(n_points) + 0.5) / n_points)
    # The mode is a sine stretched by 1 + O(1 / c): its overlap is one up to the square, the content up to first order.
    assert (sine @ mode[:, 0]) ** 2 == pytest.approx(1, abs=(2 * np.pi / crossover) ** 2)
    cosine_content = predicted.cosine_content(mode)[0]
    assert cosine_content == pytest.approx((8 / (3 * np.pi)) ** 2, abs=2 * np.pi / crossover)


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


def test_norm_law_at_special_rates():
    steps = np.array([0, 1, 2, 10])
    assert np.array_equal(predicted.mean_squared_norm(steps, 0), [0, 1, 2, 10])
    assert np.array_equal(predicted.mean_squared_norm(steps, 1), [0, 1, 1, 1])
    assert predicted.mean_squared_norm(steps, 1e-13) == pytest.approx(steps.astype(float), rel=2e-12)
    assert predicted.squared_norm_relative_std(50) == pytest.approx(0.2, rel=1e-15)
    assert predicted.trapping_radius(1) == 1


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


def test_escape_bound_at_a_quarter():
    assert predicted.escape_probability_bound(0.25, 100) == pytest.approx(np.exp(-50 * (np.log(4) - 0.75)), rel=1e-13)


def test_independent_points_have_no_modes():
    with pytest.raises(ValueError, match="rate must not be 1 here: all eigenvalues coincide"):
        predicted.ornstein_uhlenbeck_modes(5, 1, 1)
    with pytest.raises(ValueError, match="n_components must be at most n_points - 1 = 4, got 5"):
        predicted.ornstein_uhlenbeck_modes(5, 0.5, 5)
