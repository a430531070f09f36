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
    assert predicted.trace_laplace_limit(0, dim) == 1
    small = 1e-6 / (dim * n_points**2)
    mean = dim * predicted.total_variance(n_points)
    # The logarithm of the transform is -s mean + s^2 variance / 2, whose second term is below 1e-6 of the first.
    assert -np.log(predicted.trace_laplace(small, n_points, dim)) == pytest.approx(
        small * mean, rel=2e-6, abs=4 * UNIT_ROUNDOFF
    )


@pytest.mark.parametrize("argument", [1e-9, 0.01, 0.4, 0.51, 3, 40, 1e5])
def test_laplace_limit_is_cramer_von_mises(argument):
    with mpmath.workdps(40):
        root = mpmath.sqrt(2 * mpmath.mpf(argument))
        exact = mpmath.sqrt(root / mpmath.sinh(root))
    computed = predicted.trace_laplace_limit(argument, 1)
    assert computed == pytest.approx(float(exact), rel=16 * UNIT_ROUNDOFF * (1 + float(root)))
    assert predicted.trace_laplace_limit(argument, 7) == pytest.approx(computed**7, rel=1e-13 * (1 + float(root)))
    n_points = 10_000
    scaled = predicted.trace_laplace(argument / n_points**2, n_points, 1)
    # With x = sqrt(2 sigma), log(sinh(T phi) / (T sinh phi)) misses its limit by at most x^2 (1 + x) / (6 T^2).
    assert np.log(scaled / computed) == pytest.approx(
        0, abs=argument * (1 + float(root)) / n_points**2 + 1e-12 * float(root)
    )


@general
@given(st.integers(2, 500), st.floats(1, 1e4))
def test_relative_variance_of_the_walk(n_points, dim):
    computed = predicted.trace_relative_variance(predicted.eigenvalues(n_points), dim)
    closed = 2 / dim * (2 * n_points**2 + 7) / (5 * (n_points**2 - 1))
    assert computed == pytest.approx(closed, rel=16 * n_points * UNIT_ROUNDOFF)


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
@given(st.floats(1e-6, 10), st.integers(2, 500), st.floats(1, 1000))
def test_companion_equation_is_silversteins(companion, n_points, dim):
    theta = predicted.laplacian_eigenvalues(n_points)
    expected = -1 / companion + np.sum(1 / (theta + companion)) / dim
    scale = 1 / companion + n_points**2 / 6
    assert predicted.companion_equation(companion, n_points, dim) == pytest.approx(
        expected, abs=8 * n_points * UNIT_ROUNDOFF * scale
    )


@general
@given(st.floats(-1e6, -1e-6), st.integers(2, 2000), st.floats(0.5, 2000))
@example(-1e-6, 300, 20.0)
@example(-1e-3, 2, 1.0)
def test_companion_transform_inverts_its_equation(z, n_points, dim):
    companion = predicted.companion_stieltjes(z, n_points, dim)
    assert 0 < companion <= -1 / z * (1 + 1e-14)
    # z m(z) is a sum of terms of at most n d^-1 + 1, and the root is good to 1e-15 relatively.
    assert companion * predicted.companion_equation(companion, n_points, dim) == pytest.approx(
        companion * z, abs=256 * UNIT_ROUNDOFF * (2 + n_points / dim)
    )


@pytest.mark.parametrize("companion", [1e-3, 0.5, 30.0, 1e4])
def test_companion_limit_is_approached(companion):
    n_points, dim = 20_000, 7
    limit = predicted.companion_equation_limit(companion, dim)
    finite = predicted.companion_equation(companion / n_points**2, n_points, dim) / n_points**2
    root = np.sqrt(companion)
    with mpmath.workdps(30):
        exact = -1 / mpmath.mpf(companion) + (root * mpmath.coth(root) - 1) / (2 * dim * mpmath.mpf(companion))
    assert limit == pytest.approx(float(exact), rel=1e-12)
    # phi^2 = m (1 - m / 12 + ...) and sinh(phi) at m / T^2 change each term by less than (1 + m) / T^2; -1/m and the
    # sum cancel at most ninefold here.
    assert finite == pytest.approx(limit, rel=(1 + companion) / n_points**2 * 10)


@pytest.mark.parametrize("dim", [5, 12, 40])
def test_lower_edge_is_the_maximum_of_the_limiting_equation(dim):
    edge = predicted.lower_edge_leading_order(2, dim) / 4
    at_edge = (4 * dim + 2) ** 2
    # coth is one there to e^-44, so the leading order is exact but for rounding of terms 4 d + 2 times larger.
    assert predicted.companion_equation_limit(at_edge, dim) == pytest.approx(
        edge, rel=16 * (4 * dim + 2) * UNIT_ROUNDOFF
    )
    for neighbour in (0.9 * at_edge, 1.1 * at_edge):
        assert predicted.companion_equation_limit(neighbour, dim) < edge
    assert predicted.lower_edge_leading_order(300, dim) == pytest.approx(90_000 * edge, rel=1e-15)


spectra = st.lists(st.floats(0, 50), min_size=1, max_size=15).filter(lambda values: max(values) > 0.1)


@general
@given(st.floats(-1e4, -1e-3), spectra, spectra)
def test_separable_equivalent_solves_both_equations(z, process, noise):
    eigenvalues, noise_spectrum = np.array(process), np.array(noise)
    delta, delta_tilde = predicted.separable_equivalent(z, eigenvalues, noise_spectrum)
    shares = noise_spectrum / noise_spectrum.sum()
    # The outer equation is solved to 1e-15; each equation damps relative errors of the other, so 64 u covers the sums.
    assert delta_tilde == pytest.approx(np.sum(shares / (-z * (1 + delta * shares))), rel=64 * UNIT_ROUNDOFF)
    assert delta == pytest.approx(np.sum(eigenvalues / (-z * (1 + delta_tilde * eigenvalues))), rel=64 * UNIT_ROUNDOFF)
    trace = predicted.separable_resolvent_trace(z, eigenvalues, noise_spectrum)
    assert trace == pytest.approx(np.sum(1 / (1 + delta_tilde * eigenvalues)) / -z, rel=64 * UNIT_ROUNDOFF)
    unit_free = predicted.separable_resolvent_trace(z, eigenvalues, 7.3 * noise_spectrum)
    assert unit_free == pytest.approx(trace, rel=1e-13)


@general
@given(st.floats(-1e4, -1e-2), st.integers(2, 80), st.integers(1, 80))
def test_isotropic_separable_equivalent_is_the_companion_transform(z, n_points, dim):
    _, delta_tilde = predicted.separable_equivalent(z, predicted.eigenvalues(n_points), np.ones(dim))
    companion = predicted.companion_stieltjes(z, n_points, dim)
    assert delta_tilde == pytest.approx(companion, rel=256 * n_points * UNIT_ROUNDOFF)


@general
@given(spectra, spectra)
def test_separable_equivalent_has_the_planar_moments(process, noise):
    eigenvalues, noise_spectrum = np.array(process), np.array(noise)
    total, squares = eigenvalues.sum(), np.sum(eigenvalues**2)
    second_moment = squares + total**2 / predicted.effective_dimension(noise_spectrum)
    z = -1e4 * (1 + total)
    # -z Tr = n + m_1 / z + m_2 / z^2 + ..., cut after the second: the third is below (4 total)^3 / |z|^3.
    expansion = eigenvalues.size + total / z + second_moment / z**2
    trace = -z * predicted.separable_resolvent_trace(z, eigenvalues, noise_spectrum)
    assert trace == pytest.approx(expansion, abs=(4 * total / -z) ** 3 + 64 * eigenvalues.size * UNIT_ROUNDOFF)


@pytest.mark.parametrize("noise", [np.ones(40), np.r_[np.full(10, 10.0), np.ones(60)]])
def test_separable_equivalent_is_what_samples_do(noise):
    rng, n_points, n_runs, z = np.random.default_rng(0), 60, 200, -2.0
    eigenvalues = predicted.eigenvalues(n_points)
    traces = []
    for _ in range(n_runs):
        rows = rng.standard_normal((n_points - 1, noise.size)) * np.sqrt(noise / noise.sum())
        factor = np.sqrt(eigenvalues)[:, None] * rows
        traces.append(np.trace(np.linalg.inv(factor @ factor.T - z * np.eye(n_points - 1))))
    expected = predicted.separable_resolvent_trace(z, eigenvalues, noise)
    standard_error = np.std(traces) / np.sqrt(n_runs)
    # Real Gaussian noise misses the equivalent by O(1) in a trace of O(T): one eigenvalue's worth, 1 / |z|.
    assert abs(np.mean(traces) - expected) <= 6 * standard_error + 1 / -z


ONES = np.ones(3)
HOSTILE = [
    (lambda: predicted.trace_laplace(-0.1, 5, 1), "argument must be finite and non-negative"),
    (lambda: predicted.trace_laplace(np.inf, 5, 1), "argument must be finite and non-negative"),
    (lambda: predicted.trace_laplace(0.1, 1, 1), "n_points"),
    (lambda: predicted.trace_laplace(0.1, 5, 0), "dim must be finite and positive"),
    (lambda: predicted.trace_laplace_limit(-1, 1), "argument must be finite and non-negative"),
    (lambda: predicted.trace_laplace_limit(1, -1), "dim"),
    (lambda: predicted.trace_relative_variance(np.zeros(3), 1), "zero total variance"),
    (lambda: predicted.trace_relative_variance(ONES, 0), "dim"),
    (lambda: predicted.trace_cdf(np.array([np.nan]), ONES, 1), "total must be finite"),
    (lambda: predicted.trace_cdf(ONES, np.zeros(3), 1), "zero total variance"),
    (lambda: predicted.trace_cdf(ONES, ONES, 0), "dim"),
    (lambda: predicted.laplacian_resolvent_trace(-1e-9, 5), "shift must be finite and non-negative"),
    (lambda: predicted.laplacian_resolvent_trace(np.inf, 5), "shift must be finite and non-negative"),
    (lambda: predicted.laplacian_resolvent_trace(1, 1), "n_points"),
    (lambda: predicted.companion_equation(0, 5, 1), "companion must be finite and positive"),
    (lambda: predicted.companion_equation(1, 5, 0), "dim"),
    (lambda: predicted.companion_equation_limit(0, 1), "companion must be finite and positive"),
    (lambda: predicted.companion_equation_limit(1, 0), "dim"),
    (lambda: predicted.companion_stieltjes(0, 5, 1), "z must be finite and negative, got 0"),
    (lambda: predicted.companion_stieltjes(-np.inf, 5, 1), "z must be finite and negative"),
    (lambda: predicted.companion_stieltjes(-1, 1, 1), "n_points"),
    (lambda: predicted.companion_stieltjes(-1, 5, 0), "dim"),
    (lambda: predicted.lower_edge_leading_order(1, 1), "n_points"),
    (lambda: predicted.lower_edge_leading_order(5, 0), "dim"),
    (lambda: predicted.separable_equivalent(1, ONES, ONES), "z must be finite and negative"),
    (lambda: predicted.separable_equivalent(-1, np.zeros(2), ONES), "eigenvalues must not be all zero"),
    (lambda: predicted.separable_equivalent(-1, ONES, np.zeros(2)), "noise_spectrum must not be all zero"),
    (lambda: predicted.separable_resolvent_trace(-1, ONES, np.array([-1.0])), "noise_spectrum must hold finite"),
]


@pytest.mark.parametrize(("call", "sentence"), HOSTILE)
def test_hostile_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_hardly_any_freedom_leaves_hardly_any_tail():
    """As d -> 0 a chi-square exceeds x with probability d E_1(x / 2) / 2, on both sides of the change of formula."""
    total, eigenvalues = np.array([0.5, 2.0]), np.array([1.0, 0.25])
    tail = np.sum(exp1(total[:, None] / (2 * eigenvalues)), axis=1) / 2
    for dim in (4e-13, 1e-11):
        np.testing.assert_allclose((1 - predicted.trace_cdf(total, eigenvalues, dim)) / dim, tail, rtol=0, atol=1e-3)
