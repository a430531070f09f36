"""The curse without augmentation: the path of directions, its exponent, and the large-sample efficiencies."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from theory_instances import (
    CONDITION,
    ROUNDING,
    UNIFORM,
    gaussian_pairs,
    general,
    hard_law,
    mixing_laws,
    reference_pair,
)

from theory.mixup import (
    GaussianPair,
    MixingLaw,
    angle_rate,
    critical_exponent,
    erm_direction_at,
    erm_efficiency,
    erm_efficiency_asymptotic,
    erm_samples,
    finite_sample_radius,
    fisher_information,
    lda_efficiency,
    mixup_efficiency,
    one_minus_cosine,
    phase_cosine,
    phase_direction,
    phase_direction_cone_program,
    ridge_lda_direction,
    scalar_minimiser,
)

SUMMED = 4096 * ROUNDING
fractions_of_the_path = st.floats(1e-4, 0.999)


def general_pair():
    """Three dimensions, no symmetry."""
    covariance = np.array([[1.0, 0.3, 0.0], [0.3, 0.5, 0.1], [0.0, 0.1, 0.3]])
    return GaussianPair(np.array([1.0, 0.5, -0.8]), covariance, 80.0)


@general
@given(gaussian_pairs(), fractions_of_the_path)
def test_the_path_is_ridge_lda_with_the_radius_it_names(pair, fraction):
    nu = fraction * pair.signal / 2
    direction = phase_direction(pair, nu)
    assert np.linalg.norm(direction) == pytest.approx(1, rel=16 * ROUNDING, abs=0)
    # mu = tau w + Sigma w up to the length of w, which the two coefficients give back.
    columns = np.stack([direction, pair.covariance @ direction], axis=1)
    (ridge, length), residual, _, _ = np.linalg.lstsq(columns, pair.mean)
    bound = 64 * pair.dim * CONDITION**2 * ROUNDING
    assert np.all(residual <= (bound * np.linalg.norm(pair.mean)) ** 2)
    if np.linalg.cond(columns) < 1e3:
        assert length**2 * (direction @ pair.covariance @ direction) / 2 == pytest.approx(nu, rel=1e3 * bound, abs=0)
        tau = ridge / length
        assert one_minus_cosine(ridge_lda_direction(pair, tau), direction) <= (1e3 * bound) ** 2


@general
@given(gaussian_pairs(), fractions_of_the_path, fractions_of_the_path)
def test_the_path_approaches_bayes_without_turning_back(pair, first, second):
    lower, upper = sorted((first, second))
    cosines = [phase_cosine(pair, fraction * pair.signal / 2) for fraction in (0.0, lower, upper, 1.0, 2.0)]
    assert np.all(np.diff(cosines) >= -64 * CONDITION * ROUNDING)
    assert cosines[0] == pytest.approx(1 - pair.misalignment(pair.mean), abs=16 * ROUNDING)
    assert cosines[-2:] == pytest.approx([1, 1], abs=16 * ROUNDING)
    bayes = pair.bayes_direction / np.linalg.norm(pair.bayes_direction)
    for nu in (pair.signal / 2, pair.signal / 2 * (1 - 2 * ROUNDING)):
        assert phase_direction(pair, nu) == pytest.approx(bayes, abs=1e-12)
    assert ridge_lda_direction(pair, 0.0) == pytest.approx(pair.bayes_direction, abs=1e-12)


def test_the_radius_falls_with_the_ridge_and_is_that_of_the_reference_pair():
    pair = reference_pair(1.0)
    tau = 0.6
    weights = np.array([1 / 0.8, 1 / 2.4])
    assert ridge_lda_direction(pair, tau) == pytest.approx(weights, rel=16 * ROUNDING, abs=0)
    nu = (0.2 * weights[0] ** 2 + 1.8 * weights[1] ** 2) / 2
    assert phase_direction(pair, nu) == pytest.approx(weights / np.linalg.norm(weights), rel=256 * ROUNDING, abs=0)
    assert phase_direction(pair, 0) == pytest.approx(np.full(2, np.sqrt(0.5)), rel=4 * ROUNDING, abs=0)


@pytest.mark.parametrize("fraction", [0.02, 0.2, 0.6, 0.95])
def test_the_cone_program_finds_the_same_direction(fraction):
    for pair in (reference_pair(1.0), general_pair()):
        nu = fraction * pair.signal / 2
        solved, direction = phase_direction_cone_program(pair, nu), phase_direction(pair, nu)
        assert one_minus_cosine(solved, direction) <= 1e-7  # the solver's gap of 1e-8 over a margin of order one

        def margin(weights, pair=pair, nu=nu):
            return weights @ pair.mean - np.sqrt(2 * nu * (weights @ pair.covariance @ weights))

        assert margin(direction) >= margin(solved / np.linalg.norm(solved)) - 16 * ROUNDING
        for radius in (np.sqrt(nu), np.sqrt(4 * nu)):
            if radius**2 < pair.signal:
                assert one_minus_cosine(phase_direction(pair, radius**2 / 2), direction) > 1e-5


def test_isotropic_noise_has_no_path():
    pair = GaussianPair(np.array([0.4, -1.0, 2.0]), 3 * np.eye(3), 5.0)
    for nu in (0.0, 0.1, 0.5, 10.0):
        assert phase_cosine(pair, nu) == pytest.approx(1, abs=16 * ROUNDING)
    with pytest.raises(ValueError, match=r"epsilon must be below 1 - cos\(mu, b\)"):
        critical_exponent(pair, 0.05)


@general
@given(gaussian_pairs(), fractions_of_the_path)
def test_the_critical_exponent_inverts_the_path(pair, fraction):
    epsilon = fraction * pair.misalignment(pair.mean)
    nu = critical_exponent(pair, epsilon)
    assert 0 < nu < pair.signal / 2
    assert pair.misalignment(phase_direction(pair, nu)) == pytest.approx(epsilon, rel=1e-9, abs=0)
    assert critical_exponent(pair, epsilon / 2) > nu
    expected = -mpmath.log(mpmath.ncdf(-mpmath.sqrt(2 * pair.separability * mpmath.mpf(nu))))
    assert erm_samples(pair, epsilon) == pytest.approx(float(expected), rel=256 * ROUNDING, abs=0)


@pytest.mark.parametrize(("epsilon", "nu"), [(0.05, 0.159248), (0.10, 0.061867), (0.005, 0.745019)])
def test_the_reference_pair_has_its_exponents(epsilon, nu):
    assert critical_exponent(reference_pair(1.0), epsilon) == pytest.approx(nu, abs=6e-7)


def test_the_predicted_sample_sizes_of_the_reference_pair():
    found = [erm_samples(reference_pair(separability), 0.05) for separability in (10.0, 40.0, 320.0)]
    assert found == pytest.approx([3.29254, 8.62826, 54.19990], abs=6e-6)
    slope = (erm_samples(reference_pair(2e6), 0.05) - erm_samples(reference_pair(1e6), 0.05)) / 1e6
    assert slope == pytest.approx(critical_exponent(reference_pair(1.0), 0.05), rel=1e-5, abs=0)  # log 2 / 2e6 is left


@pytest.mark.parametrize("log_n", [np.log(2), 1.0, 7.3, 40.0, 240.0, 5000.0])
def test_the_finite_radius_leaves_one_point_beyond(log_n):
    pair = reference_pair(20.0)
    radius = finite_sample_radius(pair, log_n=log_n)
    with mpmath.workdps(40):
        tail = mpmath.log(mpmath.ncdf(-mpmath.mpf(radius) * mpmath.sqrt(20)))
    # d log Q / d r is at most about the exponent twice over, relative to the radius.
    assert float(tail) == pytest.approx(-log_n, rel=128 * ROUNDING, abs=128 * ROUNDING)
    if log_n < 300:
        assert finite_sample_radius(pair, np.exp(log_n)) == pytest.approx(radius, rel=1e-12, abs=1e-12)
    direction = phase_direction(pair, radius**2 / 2)
    assert np.array_equal(erm_direction_at(pair, log_n=log_n), direction)


@pytest.mark.parametrize(
    ("separability", "n", "cosine"),
    [(20.0, 54, 0.930), (20.0, 403, 0.960), (40.0, 2980, 0.945), (80.0, 2980, 0.908), (320.0, 1e9, 0.8951)],
)
def test_the_finite_sample_directions_of_the_reference_pair(separability, n, cosine):
    pair = reference_pair(separability)
    assert 1 - pair.misalignment(erm_direction_at(pair, n)) == pytest.approx(cosine, abs=5.1e-4)
    at_two = erm_direction_at(pair, 2)
    assert at_two == pytest.approx(np.full(2, np.sqrt(0.5)), rel=1e-12, abs=0)


def test_arguments_off_the_path_are_refused():
    pair = reference_pair(1.0)
    with pytest.raises(ValueError, match="nu must be below"):
        phase_direction_cone_program(pair, pair.signal / 2)
    for epsilon in (0.22, 1.0):
        with pytest.raises(ValueError, match=r"epsilon must be below 1 - cos\(mu, b\) = 0.219, got"):
            critical_exponent(pair, epsilon)
    for arguments in ({}, {"n": 10, "log_n": 2.0}):
        with pytest.raises(ValueError, match="exactly one of n and log_n must be given"):
            erm_direction_at(pair, **arguments)


@pytest.mark.parametrize("separability", [1e-4, 0.1, 1.0, 8.0, 64.0, 300.0, 1400.0])
def test_the_information_is_its_integral_to_thirty_digits(separability):
    with mpmath.workdps(30):
        a = mpmath.mpf(separability)
        width = 2 * mpmath.sqrt(a)
        # E s'(V) as it stands, but for a factor e^(a/2) that brings it to order one.
        breaks = [-90, -20, -5, 0, 5, 20, 90]
        if separability <= 5:
            breaks = [2 * a + step * width for step in (-12, -4, -1, 0, 1, 4, 12)]
        integral = mpmath.exp(-a / 2) * mpmath.quad(
            lambda v: mpmath.exp(a / 2) * mpmath.sech(v / 2) ** 2 / 4 * mpmath.npdf(v, 2 * a, width), breaks
        )
    assert fisher_information(separability) == pytest.approx(float(integral), rel=SUMMED, abs=0)
    assert erm_efficiency(separability) == pytest.approx(float(1 / (4 * integral)), rel=SUMMED, abs=0)


def test_the_efficiency_without_augmentation_has_its_asymptote_and_its_start():
    for separability in (100.0, 1000.0):
        deficit = 1 - erm_efficiency_asymptotic(separability) / erm_efficiency(separability)
        # The integral of sech(z/2) / (2 pi) has moments pi^2, 5 pi^4 and 61 pi^6.
        series = [np.pi**2 / (8 * separability), 5 * np.pi**4 / (128 * separability**2)]
        assert deficit == pytest.approx(series[0] - series[1], abs=61 * np.pi**6 / (3072 * separability**3))
    assert erm_efficiency(1e-6) == pytest.approx(1 + 1e-6, rel=1e-11, abs=0)
    printed = {0.1: 1.10052, 0.5: 1.53874, 1: 2.22420, 2: 4.32866, 4: 14.5778, 8: 139.348, 16: 10181.4, 32: 4.1576e7}
    for separability, efficiency in printed.items():
        assert erm_efficiency(separability) == pytest.approx(efficiency, rel=1.2e-5, abs=0)


@pytest.mark.parametrize("separability", [0.05, 1.0, 6.0, 20.0])
def test_mixup_without_mixing_has_the_efficiency_without_augmentation(separability):
    bound = SUMMED * (1 + separability) * 4
    for law in (hard_law(1.0), hard_law(0.0), hard_law(0.0, 1.0)):
        assert mixup_efficiency(separability, law) == pytest.approx(erm_efficiency(separability), rel=bound, abs=0)


@pytest.mark.parametrize(
    ("separability", "efficiencies"),
    [
        (0.1, [1.10038, 1.10019, 1.10007]),
        (1, [2.13610, 2.05435, 2.01848]),
        (4, [6.89890, 5.45574, 5.11320]),
        (16, [21.0189, 17.8993, 17.2020]),
        (64, [68.5930, 65.9786, 65.2381]),
    ],
)
def test_the_efficiency_of_mixup_is_between_lda_and_no_augmentation(separability, efficiencies):
    """Five digits that two other programs computed."""
    found = [mixup_efficiency(separability, MixingLaw.beta(alpha, 24)) for alpha in (0.2, 1.0, 5.0)]
    assert found == pytest.approx(efficiencies, rel=1.2e-5, abs=0)
    assert lda_efficiency(separability) == separability + 1
    assert lda_efficiency(separability) < found[2] < found[1] < found[0] < erm_efficiency(separability)


@general
@given(st.floats(0.1, 10), mixing_laws)
def test_the_efficiency_of_mixup_is_that_of_its_estimating_equation(separability, law):
    """Scores on a Gauss-Hermite grid, every pair by itself: a slow second route through the same definition."""
    score = scalar_minimiser(separability, law)
    spread = score / np.sqrt(separability)
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    weights = weights / weights.sum()
    values = np.concatenate([score + spread * nodes, -score + spread * nodes])
    labels, masses = np.repeat([1.0, 0.0], 100), np.tile(weights / 2, 2)
    projection, curvature = np.zeros(200), 0.0
    for share_of_label, probability, share in zip(law.nodes, law.weights, law.input_weights, strict=True):
        for own, own_label, factor in ((share, share_of_label, share), (1 - share, 1 - share_of_label, 1 - share)):
            mixed = own * values[:, None] + (1 - own) * values
            residual = 1 / (1 + np.exp(-mixed)) - own_label * labels[:, None] - (1 - own_label) * labels
            projection += probability * factor * residual @ masses
        mixed = share * values[:, None] + (1 - share) * values
        slope = 1 / (2 + 2 * np.cosh(mixed))
        curvature += probability * (share**2 + (1 - share) ** 2) * (masses @ slope @ masses)
    expected = separability**2 * (masses @ projection**2) / (curvature * score) ** 2
    # Gauss-Hermite with 100 nodes has exp(-pi sqrt(2 * 100) / s) left at scores of spread s.
    left = np.exp(-np.pi * np.sqrt(200) / max(spread * max(1, np.abs(law.input_weights).max()), 1e-3))
    assert mixup_efficiency(separability, law) == pytest.approx(expected, rel=1e-11 + 1e3 * left, abs=0)


def test_the_rate_of_the_angle_has_its_fractions():
    squared_length = Fraction(25) + Fraction(25, 81)
    for separability, printed in ((0.5, 0.1693), (1.0, 0.4297), (2.0, 4.549)):
        pair = reference_pair(separability)
        efficiency = erm_efficiency(pair.effective_separability)
        expected = float(Fraction(25, 41) / (2 * squared_length)) / separability * efficiency
        assert angle_rate(pair, efficiency) == pytest.approx(expected, rel=64 * ROUNDING, abs=0)
        assert expected == pytest.approx(printed, abs=6e-4)
    pair = reference_pair(4.0)
    assert angle_rate(pair, mixup_efficiency(pair.effective_separability, UNIFORM)) == pytest.approx(0.07276, abs=6e-6)


def test_a_law_without_an_efficiency_is_refused():
    unrelated = hard_law(0.0, 1.0, input_weight=lambda node: 1 - node)
    with pytest.raises(ValueError, match="law must relate inputs to labels"):
        mixup_efficiency(1.0, unrelated)
