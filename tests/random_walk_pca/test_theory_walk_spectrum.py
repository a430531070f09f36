"""Exact spectrum, modes and neighbours of the plain walk against the walk run by hand and against exact arithmetic."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from walks_by_hand import (
    UNIT_ROUNDOFF,
    centred_covariance,
    general,
    response_matrix,
    spectrum_by_hand,
    spectrum_error,
    walk,
)

from theory import random_walk_pca as predicted

n_points_general = st.integers(2, 60)


@general
@given(n_points_general)
def test_spectrum_is_that_of_the_walk_run_by_hand(n_points):
    response = response_matrix(walk, n_points)
    error = np.abs(predicted.eigenvalues(n_points) - spectrum_by_hand(response))
    assert error.max() <= spectrum_error(response)


@general
@given(n_points_general)
def test_cosines_are_the_eigenvectors_and_the_constant_has_none(n_points):
    response = response_matrix(walk, n_points)
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


@pytest.mark.parametrize("n_points", range(2, 31))
def test_totals_are_exact_rationals(n_points):
    covariance = [
        [
            Fraction(min(s, t))
            - Fraction(t * (2 * n_points + 1 - t), 2 * n_points)
            - Fraction(s * (2 * n_points + 1 - s), 2 * n_points)
            + Fraction((n_points + 1) * (2 * n_points + 1), 6 * n_points)
            for t in range(1, n_points + 1)
        ]
        for s in range(1, n_points + 1)
    ]
    total = sum(covariance[t][t] for t in range(n_points))
    squares = sum(entry**2 for row in covariance for entry in row)
    assert predicted.total_variance(n_points) == float(total)
    assert predicted.squared_eigenvalue_sum(n_points) == float(squares)
    assert predicted.participation_ratio(n_points) == float(total**2 / squares)
    by_hand = centred_covariance(response_matrix(walk, n_points))
    assert np.abs(by_hand - np.array(covariance, dtype=float)).max() <= spectrum_error(response_matrix(walk, n_points))


@general
@given(st.integers(2, 400))
def test_ratios_are_a_decreasing_distribution_above_their_limit(n_points):
    ratios = predicted.explained_variance_ratio(n_points)
    assert ratios.sum() == pytest.approx(1, abs=20 * n_points * UNIT_ROUNDOFF)
    assert np.all(np.diff(ratios) < 0)
    assert ratios[0] > predicted.explained_variance_ratio(n_points + 1)[0] > 6 / np.pi**2
    assert 1 <= predicted.participation_ratio(n_points) < 2.5
    assert predicted.explained_variance_ratio(n_points)[0] == pytest.approx(
        3 / ((n_points**2 - 1) * (1 - np.cos(np.pi / n_points))), rel=4 * n_points**2 * UNIT_ROUNDOFF
    )


def test_ratio_limits_are_those_of_the_basel_sum():
    assert predicted.explained_variance_ratio_limit(3) == pytest.approx(
        [0.6079271018540267, 0.1519817754635067, 6 / (9 * np.pi**2)], rel=1e-15
    )
    tail = 6 / np.pi**2 / 10_000  # sum beyond n is between 6 / (pi^2 (n + 1)) and 6 / (pi^2 n)
    assert 0 < 1 - predicted.explained_variance_ratio_limit(10_000).sum() < tail


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


def test_score_amplitudes_tend_to_their_limit():
    n_points, index = 10_000, np.arange(1, 4)
    limit = np.sqrt(2 * n_points) / (np.pi * index)
    relative = predicted.score_amplitudes(n_points, 3) / limit - 1
    assert np.all(
        (relative > 0) & (relative < (np.pi * index / n_points) ** 2)
    )  # x / sin x - 1 < x^2 with x = pi k / 2T


@general
@given(n_points_general)
def test_time_reversal_gives_every_mode_a_parity(n_points):
    modes = predicted.cosine_modes(n_points, n_points - 1)
    parity = (-1.0) ** np.arange(1, n_points)
    assert np.abs(modes[::-1] - modes * parity).max() <= 8 * np.pi * n_points * UNIT_ROUNDOFF


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


@general
@given(st.lists(st.floats(-3, 3), min_size=2, max_size=30).filter(lambda h: max(map(abs, h)) > 1e-3))
def test_toeplitz_processes_from_their_impulse_response(impulse_response):
    values = np.array(impulse_response)
    response = response_matrix(lambda steps, n_points: np.convolve(steps, values)[:n_points], values.size)
    tolerance = 2 * spectrum_error(response)
    covariance = predicted.toeplitz_covariance(values)
    assert np.abs(covariance - centred_covariance(response)).max() <= tolerance
    spectrum = predicted.toeplitz_eigenvalues(values)
    assert spectrum.shape == (values.size - 1,)
    assert np.abs(spectrum - spectrum_by_hand(response)).max() <= tolerance
    assert abs(predicted.toeplitz_total_variance(values) - np.trace(covariance)) <= tolerance * values.size
