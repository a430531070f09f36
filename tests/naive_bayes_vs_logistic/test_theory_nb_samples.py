"""Expected error and sample sizes: against polar quadrature of the definition, closed forms, inversions and limits."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaln, log_ndtr
from scipy.stats import norm

from theory import naive_bayes_vs_logistic as predicted

UNIT_ROUNDOFF = 2.0**-53


def rounding(n_features, n_samples, squared_distance):
    """Relative rounding error of exp of exponents as large as n log n and m Delta^2."""
    exponents = n_features * np.log(n_features + 2) + n_samples * squared_distance
    return 32 * UNIT_ROUNDOFF * (50 + exponents)


def log_error_by_polar_quadrature(n_features, n_samples, squared_distance):
    """log E Phi(-a cos theta), (R cos theta, R sin theta) = (z + nu, sqrt(r)), z ~ N(0, 1) and r ~ chi^2_(n - 1).

    In polar coordinates the integrand is smooth everywhere, also where both the signal and the noise vanish.
    """
    distance = np.sqrt(squared_distance)
    a, nu = distance / (2 * np.sqrt(1 + 1 / n_samples)), distance * np.sqrt(n_samples) / 2
    nodes, weights = np.polynomial.legendre.leggauss(16)

    def panels(end, width):
        count = int(np.ceil(end / width))
        edges = np.arange(count) * end / count
        points = edges[:, None] + end / count * (nodes + 1) / 2
        return points.ravel(), np.tile(weights * end / count / 2, count)

    theta, theta_weights = panels(np.pi, 0.15)
    radius, radius_weights = panels(np.hypot(np.sqrt(n_features), nu) + 13, 1.0)
    theta = theta[:, None]
    degrees = n_features - 1
    log_density = (
        -((radius * np.cos(theta) - nu) ** 2 + (radius * np.sin(theta)) ** 2) / 2
        + (degrees - 1) * np.log(radius * np.sin(theta))
        + np.log(radius)
        - np.log(2 * np.pi) / 2
        - (degrees / 2 - 1) * np.log(2)
        - gammaln(degrees / 2)
    )
    log_terms = log_density + log_ndtr(-a * np.cos(theta))
    peak = log_terms.max()
    return peak + np.log(theta_weights @ np.exp(log_terms - peak) @ radius_weights)


SETTINGS = [
    (2, 4, 4),
    (2, 2, 0.3),
    (3, 1000, 2.5),
    (5, 4, 4),
    (20, 8, 40),
    (50, 10, 4),
    (50, 7.3, 1e-6),
    (200, 40, 9),
    (400, 8, 200),
    (1000, 4, 500),
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_contour_integral_is_the_mean_over_training_sets(setting):
    expected = log_error_by_polar_quadrature(*setting)
    assert predicted.naive_bayes_log_expected_error(*setting) == pytest.approx(expected, rel=0, abs=rounding(*setting))
    assert predicted.naive_bayes_expected_error(*setting) == pytest.approx(np.exp(expected), rel=rounding(*setting))


@settings(deadline=None)
@given(st.floats(2, 1e6), st.floats(0, 30))
def test_one_feature_has_a_closed_form(n_samples, squared_distance):
    a = np.sqrt(squared_distance) / (2 * np.sqrt(1 + 1 / n_samples))
    nu = np.sqrt(squared_distance * n_samples) / 2
    expected = norm.cdf(nu) * norm.cdf(-a) + norm.cdf(-nu) * norm.cdf(a)
    assert predicted.naive_bayes_expected_error(1, n_samples, squared_distance) == pytest.approx(
        expected, rel=64 * UNIT_ROUNDOFF * (10 + squared_distance)
    )


def test_reference_values_of_an_independent_two_dimensional_quadrature():
    references = {
        (1, 2, 1): 0.4175245558,
        (2, 4, 4): 0.2293734867,
        (5, 4, 4): 0.2786355715,
        (50, 10, 4): 0.3496714691,
        (200, 40, 9): 0.2051110097,
        (20, 8, 40): 0.0038944416,
    }
    for setting, value in references.items():
        assert predicted.naive_bayes_expected_error(*setting) == pytest.approx(value, rel=0, abs=5.1e-11)


@settings(deadline=None)
@given(st.integers(1, 3000), st.floats(2, 1e8))
def test_without_signal_the_error_is_one_half(n_features, n_samples):
    tolerance = rounding(n_features, 0, 0)
    error = predicted.naive_bayes_expected_error(n_features, n_samples, 0)
    assert error == pytest.approx(0.5, rel=tolerance)
    assert error <= 0.5
    assert predicted.naive_bayes_expected_error_large_n(n_features, n_samples, 0) == 0.5


@settings(deadline=None)
@given(st.integers(1, 500), st.floats(2, 1e4), st.floats(1.1, 10), st.floats(0.01, 40))
def test_the_error_falls_with_samples_and_rises_with_features(n_features, n_samples, factor, squared_distance):
    error = predicted.naive_bayes_expected_error(n_features, n_samples, squared_distance)
    slack = 2 * error * rounding(n_features, factor * n_samples, squared_distance)
    assert predicted.naive_bayes_expected_error(n_features, factor * n_samples, squared_distance) <= error + slack
    assert predicted.naive_bayes_expected_error(n_features + 1, n_samples, squared_distance) >= error - slack
    assert norm.cdf(-np.sqrt(squared_distance) / 2) - slack <= error <= 0.5 + slack


def first_order_excess(n_features, squared_distance):
    """m times the excess error to first order: phi(Delta / 2) (4 (n - 1) + Delta^2) / (4 Delta), delta method."""
    distance = np.sqrt(squared_distance)
    return norm.pdf(distance / 2) * (4 * (n_features - 1) + squared_distance) / (4 * distance)


@settings(deadline=None)
@given(st.integers(1, 100), st.floats(0.1, 36))
def test_much_data_leaves_the_asymptotic_error(n_features, squared_distance):
    n_samples = 1e9
    excess = predicted.naive_bayes_expected_error(n_features, n_samples, squared_distance) - norm.cdf(
        -np.sqrt(squared_distance) / 2
    )
    coefficient = first_order_excess(n_features, squared_distance)
    assert coefficient / 2 <= n_samples * excess <= 2 * coefficient


def test_the_large_n_form_is_approached_at_rate_one_over_n():
    """At fixed n / m and Delta the gap is c_1 / n + c_2 / n^2, so that doubling n halves it up to order 1 / n."""
    n_features = np.array([100, 200, 400, 800])
    gaps = np.array(
        [
            predicted.naive_bayes_expected_error(int(n), n / 2, 4)
            - predicted.naive_bayes_expected_error_large_n(int(n), n / 2, 4)
            for n in n_features
        ]
    )
    departures = n_features[:-1] * np.abs(gaps[:-1] / gaps[1:] - 2)
    assert np.all(departures < 2 * departures[0])
    assert np.all(np.abs(gaps) < 1 / n_features)
    setting = (7, 3.5, 2.0)
    by_hand = norm.cdf(-2 / (2 * np.sqrt((2 + 28 / 3.5) * (1 + 1 / 3.5))))
    assert predicted.naive_bayes_expected_error_large_n(*setting) == pytest.approx(by_hand, rel=16 * UNIT_ROUNDOFF)


def test_a_dense_signal_needs_no_more_than_a_few_samples():
    for c, n_samples in itertools.product((0.04, 0.5, 1.0), (4, 8)):
        errors = [predicted.naive_bayes_expected_error(n, n_samples, c * n) for n in (10, 50, 100, 200, 400, 800)]
        assert np.all(np.diff(errors) < 0)
    assert predicted.naive_bayes_log_expected_error(10**5, 4, 10**5) < -1000  # far below the smallest float64


@settings(deadline=None)
@given(st.integers(1, 2000), st.floats(0.01, 60), st.floats(1e-6, 0.6))
def test_the_size_gives_the_error_it_was_asked_for(n_features, squared_distance, excess):
    limit = norm.cdf(-np.sqrt(squared_distance) / 2)
    n_samples = predicted.naive_bayes_samples(n_features, squared_distance, excess)
    error = predicted.naive_bayes_expected_error(n_features, n_samples, squared_distance)
    if n_samples == 2:
        assert error <= limit + excess
    else:
        tolerance = 2 * rounding(n_features, n_samples, squared_distance)
        assert error == pytest.approx(limit + excess, rel=tolerance)
    n_samples = predicted.naive_bayes_samples_large_n(n_features, squared_distance, excess)
    error = predicted.naive_bayes_expected_error_large_n(n_features, n_samples, squared_distance)
    if n_samples == 2:
        assert error <= (limit + excess) * (1 + 64 * UNIT_ROUNDOFF * (1 + squared_distance))
    else:
        assert error == pytest.approx(limit + excess, rel=64 * UNIT_ROUNDOFF * (10 + squared_distance))


def test_a_fixed_signal_needs_samples_in_proportion_to_the_features():
    n_features = np.array([50, 100, 200, 400, 800, 1600, 3200])
    exact = np.array([predicted.naive_bayes_samples(int(n), 4, 0.02) for n in n_features])
    np.testing.assert_allclose(exact, [280.2, 557.7, 1112.7, 2222.7, 4442.6, 8882.5, 17762.2], rtol=0, atol=0.051)
    large_n = [predicted.naive_bayes_samples_large_n(int(n), 4, 0.02) for n in n_features]
    np.testing.assert_allclose(large_n, [284, 562, 1117, 2226, 4446, 8886, 17766], rtol=0, atol=0.51)
    increments = np.diff(exact) / np.diff(n_features)
    assert np.ptp(increments) < 0.01 * increments.mean()


def test_a_small_excess_costs_its_inverse():
    for setting in ((1, 4.0), (5, 1.0), (40, 9.0)):
        coefficient = first_order_excess(*setting)
        for excess in (1e-5, 1e-6):  # the next order is n / m of the first, and 1 / m is excess / coefficient
            size = predicted.naive_bayes_samples(*setting, excess)
            assert size * excess == pytest.approx(coefficient, rel=10 * (1 + setting[0]) * excess / coefficient)


def test_the_regimes_of_the_number_of_samples():
    """With Delta^2 = n^a the exponent is 1, 1 - 2 a or 0; the leading law is 16 z^2 n / Delta^4."""
    for a, exponent in ((0, 1), (0.1, 0.8), (0.25, 0.5), (0.4, 0.2), (0.5, 0), (0.7, 0), (1, 0)):
        assert predicted.naive_bayes_sample_exponent(a) == pytest.approx(exponent, abs=4 * UNIT_ROUNDOFF)
    for a, n_features, most in ((0.25, 10**12, 0.02), (0.4, 10**8, 0.02), (0.5, 10**8, 0.02)):
        signal = float(n_features) ** a
        leading = 16 * norm.ppf(0.98) ** 2 * n_features / signal**2
        assert 1 < predicted.naive_bayes_samples(n_features, signal, 0.02) / leading < 1 + most
        assert 1 < predicted.naive_bayes_samples_large_n(n_features, signal, 0.02) / leading < 1 + most


@settings(deadline=None)
@given(st.floats(1e-6, 0.9), st.floats(1e-6, 0.9))
def test_a_rare_class_is_missed_with_the_stated_probability(prior, failure):
    n_samples = predicted.rare_class_samples(prior, failure)
    assert n_samples * np.log1p(-prior) == pytest.approx(np.log(failure), rel=8 * UNIT_ROUNDOFF)
    assert (1 - prior) ** n_samples == pytest.approx(failure, rel=8 * UNIT_ROUNDOFF * (1 + n_samples))


@settings(deadline=None)
@given(st.integers(1, 10**5), st.integers(2, 10), st.floats(0.05, 2), st.floats(1e-6, 0.99), st.floats(0.2, 5))
def test_the_parameter_lemma(n_features, n_classes, deviation, failure, noise):
    n_samples = predicted.sup_norm_samples(n_features, n_classes, deviation, failure, noise)
    exceeded_by_one = 2 * norm.sf(deviation * np.sqrt(n_samples / n_classes) / noise)
    coverage = np.exp(n_features * n_classes * np.log1p(-exceeded_by_one))
    tail = -norm.ppf(-np.expm1(np.log1p(-failure) / (n_features * n_classes)) / 2)
    assert 1 - coverage == pytest.approx(failure, rel=1e3 * UNIT_ROUNDOFF * (1 + tail**2) / failure)
    if failure <= 0.1:
        assert n_samples < 2 * n_classes * noise**2 / deviation**2 * np.log(n_features * n_classes / failure)


def test_the_parameter_lemma_grows_by_log_n():
    sizes = np.array([predicted.sup_norm_samples(10**k, 2, 0.2, 0.1) for k in range(1, 6)])
    np.testing.assert_allclose(sizes, [389.5, 600.9, 817.5, 1036.9, 1258.2], rtol=0, atol=0.051)
    limit = 4 / 0.04 * np.log(10)
    increments = np.diff(sizes)
    assert np.all(np.diff(increments) > 0)
    assert np.all((increments > 0.9 * limit) & (increments < limit))


def test_lda_loses_by_the_marchenko_pastur_moments_of_the_inverse():
    """Estimated d' S^-1 d -> Delta^2 E 1/x, d^' S^-2 d^ -> (Delta^2 + 4 y) E 1/x^2, x of the Marchenko-Pastur law."""
    for squared_distance, ratio in ((4.0, 0.1), (9.0, 0.25), (1.5, 0.6)):
        lower, upper = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2

        def moment(power, ratio=ratio, lower=lower, upper=upper):
            def density(angle):
                x = (lower + upper) / 2 + (upper - lower) / 2 * np.cos(angle)
                return ((upper - lower) / 2 * np.sin(angle)) ** 2 / (2 * np.pi * ratio * x) * x**power

            return quad(density, 0, np.pi, epsabs=1e-13)[0]

        signal = squared_distance * moment(-1)
        noise = (squared_distance + 4 * ratio) * moment(-2)
        expected = norm.cdf(-signal / (2 * np.sqrt(noise)))
        assert predicted.lda_expected_error(squared_distance, ratio) == pytest.approx(expected, rel=1e-11)
    assert predicted.lda_expected_error(4, 0) == pytest.approx(norm.cdf(-1), rel=4 * UNIT_ROUNDOFF)
    assert predicted.lda_expected_error(0, 0.5) == predicted.lda_expected_error(0, 0) == 0.5


def efficiency_by_fisher_information(distance, n_features, balanced):
    """Ratio of the excess errors of LDA and logistic regression by the delta method, from the information matrix.

    For classes at +-Delta / 2 the excess is that of the boundary's offset and of its n - 1 tilts, equally weighted.
    """

    def overlap(x):  # p (1 - p) of the posterior at x, under the mixture
        mixture = (norm.pdf(x - distance / 2) + norm.pdf(x + distance / 2)) / 2
        posterior = 1 / (1 + np.exp(-distance * x))
        return posterior * (1 - posterior) * mixture

    information = quad(overlap, -12, 12, epsabs=1e-14, limit=200)[0]
    removed = 4 if balanced else 0  # variance of the log odds of the priors
    logistic_offset = (1 / information - removed) / distance**2
    logistic_tilt = 1 / information / distance**2
    lda_offset = 1 + (4 - removed) / distance**2
    lda_tilt = 1 + 4 / distance**2
    return (lda_offset + (n_features - 1) * lda_tilt) / (logistic_offset + (n_features - 1) * logistic_tilt)


@pytest.mark.parametrize("distance", [0.7, 2.0, 3.0, 4.0])
def test_the_efficiency_is_the_ratio_of_the_variances_of_the_boundary(distance):
    for n_features in (1, 4, 100):
        iid = efficiency_by_fisher_information(distance, n_features, balanced=False)
        assert predicted.logistic_relative_efficiency(distance) == pytest.approx(iid, rel=1e-11)
        balanced = efficiency_by_fisher_information(distance, n_features, balanced=True)
        assert predicted.logistic_relative_efficiency_balanced(distance, n_features) == pytest.approx(
            balanced, rel=1e-11
        )


def test_efrons_table():
    table = {0: 1, 0.5: 1, 1: 0.995, 1.5: 0.968, 2: 0.899, 2.5: 0.786, 3: 0.641, 3.5: 0.486, 4: 0.343}
    for distance, efficiency in table.items():
        assert predicted.logistic_relative_efficiency(distance) == pytest.approx(efficiency, abs=5.01e-4)
    assert predicted.logistic_relative_efficiency_balanced(1e-3, 1) == pytest.approx(1, abs=1e-6)
    for distance in np.geomspace(1e-9, 1, 400):
        assert 0.994 < predicted.logistic_relative_efficiency(distance) <= 1
        assert predicted.logistic_relative_efficiency_balanced(distance, 3) <= 1
    assert predicted.logistic_relative_efficiency(30) < 1e-40


def test_noise_is_one_unless_said():
    arguments = 50, 3, 0.2, 0.05
    assert predicted.sup_norm_samples(*arguments) == predicted.sup_norm_samples(*arguments, 1.0)
