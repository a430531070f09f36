"""Law of the total variance and deterministic equivalents, against determinants, quadrature and exact moments."""

import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import exp1
from walks_by_hand import UNIT_ROUNDOFF, general, response_matrix, spectrum_by_hand, spectrum_error, walk

from theory import random_walk_pca as predicted

arguments = st.floats(0, 50)


@general
@given(st.integers(2, 40), arguments, st.floats(0.5, 20))
def test_laplace_transform_is_the_determinant_of_the_walk(n_points, argument, dim):
    response = response_matrix(walk, n_points)
    log_determinant = np.sum(np.log1p(2 * argument * spectrum_by_hand(response)))
    # log(1 + 2 s lambda) turns an error e of lambda >= 1/4 into at most 4 e; rounding of the exponent comes on top.
    tolerance = dim / 2 * (4 * n_points * spectrum_error(response) + 32 * UNIT_ROUNDOFF * (1 + log_determinant))
    computed = predicted.trace_laplace(argument, n_points, dim)
    assert computed == pytest.approx(np.exp(-dim / 2 * log_determinant), rel=np.expm1(tolerance), abs=0)


@pytest.mark.parametrize("n_points", [2, 12, 1000])
@pytest.mark.parametrize("argument", [1e-12, 1e-7, 1e-3, 0.05, 0.2, 3, 900])
def test_laplace_transform_is_chebyshevs_to_thirty_digits(n_points, argument):
    with mpmath.workdps(40):
        exact = -mpmath.log(n_points / mpmath.chebyu(n_points - 1, 1 + mpmath.mpf(argument))) / 2
    computed = -np.log(predicted.trace_laplace(argument, n_points, 0.1)) / 0.1
    # The exponential rounds to u, which its logarithm sees as absolute error; the exponent itself is good to 32 u.
    assert computed == pytest.approx(float(exact), rel=32 * UNIT_ROUNDOFF, abs=20 * UNIT_ROUNDOFF)


@general
@given(st.integers(2, 2000), st.floats(0.5, 100))
def test_laplace_transform_starts_at_one_with_the_mean(n_points, dim):
    assert predicted.trace_laplace(0, n_points, dim) == 1
    small = 1e-6 / (dim * n_points**2)
    mean = dim * predicted.total_variance(n_points)
    # The logarithm of the transform is -s mean + s^2 variance / 2, whose second term is below 1e-6 of the first.
    assert -np.log(predicted.trace_laplace(small, n_points, dim)) == pytest.approx(
        small * mean, rel=2e-6, abs=4 * UNIT_ROUNDOFF
    )


@pytest.mark.parametrize(("count", "dim"), [(1, 1), (1, 2), (4, 1), (3, 7.5), (100, 1000)])
def test_equal_weights_give_the_chi_square_law(count, dim):
    law = stats.chi2(count * dim)
    totals = law.ppf(np.array([1e-12, 1e-3, 0.05, 0.5, 0.95, 1 - 1e-9]))
    error = predicted.trace_cdf(2.5 * totals, np.full(count, 2.5), dim) - law.cdf(totals)
    # Exponents of up to the number of degrees of freedom keep a relative rounding each; so does the reference.
    assert np.abs(error).max() <= 64 * UNIT_ROUNDOFF * (10 + count * dim)
    assert predicted.trace_cdf(np.array([-1.0, 0.0, 1e9 * count * dim]), np.ones(count), dim) == pytest.approx(
        [0, 0, 1], abs=64 * UNIT_ROUNDOFF * (10 + count * dim)
    )


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


@general
@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=6), st.floats(0.5, 50), st.floats(0.01, 100))
def test_trace_law_is_a_scale_free_distribution_function(weights, dim, unit):
    spectrum = np.array(weights)
    totals = spectrum.sum() * dim * np.array([0.01, 0.3, 1, 1.7, 6])
    probabilities = predicted.trace_cdf(totals, spectrum, dim)
    rounding = 64 * UNIT_ROUNDOFF * (10 + dim * spectrum.size)
    assert np.all((probabilities >= 0) & (probabilities <= 1))
    assert np.all(np.diff(probabilities) >= -rounding)
    assert predicted.trace_cdf(unit * totals, unit * spectrum, dim) == pytest.approx(probabilities, abs=rounding)
    with_zero = predicted.trace_cdf(totals, np.append(spectrum, 0.0), dim)
    assert with_zero == pytest.approx(probabilities, abs=rounding)


@pytest.mark.parametrize("n_points", [2, 3, 40, 300])
@pytest.mark.parametrize("shift", [0, 1e-15, 1e-9, 1e-6, 1e-4, 0.01, 0.09, 0.6, 1.3, 10, 1e6])
def test_resolvent_trace_is_the_sum_over_the_path(n_points, shift):
    with mpmath.workdps(40):
        exact = mpmath.fsum(
            1 / (2 - 2 * mpmath.cos(mpmath.pi * k / n_points) + mpmath.mpf(shift)) for k in range(1, n_points)
        )
    # T^2 L(T phi) - L(phi) cancels at most to 3/4 of itself (T = 2); some twenty operations in all.
    assert predicted.laplacian_resolvent_trace(shift, n_points) == pytest.approx(float(exact), rel=64 * UNIT_ROUNDOFF)


@general
@given(st.floats(-1e6, -1e-6), st.integers(2, 2000), st.floats(0.5, 2000))
@example(-1e-6, 300, 20.0)
@example(-1e-3, 2, 1.0)
def test_companion_transform_inverts_its_equation(z, n_points, dim):
    companion = predicted.companion_stieltjes(z, n_points, dim)
    assert 0 < companion <= -1 / z * (1 + 1e-14)
    # z m(z) is a sum of terms of at most n d^-1 + 1, and the root is good to 1e-15 relatively.
    silverstein = -1 / companion + np.sum(1 / (predicted.laplacian_eigenvalues(n_points) + companion)) / dim
    assert companion * silverstein == pytest.approx(
        companion * z, abs=(256 + 8 * n_points) * UNIT_ROUNDOFF * (2 + n_points / dim)
    )


def test_hardly_any_freedom_leaves_hardly_any_tail():
    """As d -> 0 a chi-square exceeds x with probability d E_1(x / 2) / 2, on both sides of the change of formula."""
    total, eigenvalues = np.array([0.5, 2.0]), np.array([1.0, 0.25])
    tail = np.sum(exp1(total[:, None] / (2 * eigenvalues)), axis=1) / 2
    for dim in (4e-13, 1e-11):
        np.testing.assert_allclose((1 - predicted.trace_cdf(total, eigenvalues, dim)) / dim, tail, rtol=0, atol=1e-3)
