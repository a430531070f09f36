"""The exact density of Wishart eigenvalues: moments, the joint density integrated, and the chi-square law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icl_theory_by_hand import UNIT_ROUNDOFF, general, rounding, spectral_mean
from scipy.integrate import quad
from scipy.special import digamma
from scipy.stats import chi2

from theory import in_context_learning as predicted

sizes = st.integers(1, 60)


def precision(d, k):
    """Relative error that the docstring states, about 16 units for each of max(d, k)."""
    return 16 * (8 + max(d, k)) * UNIT_ROUNDOFF


def ones(eigenvalues):
    return np.ones_like(eigenvalues)


@general
@given(sizes, sizes)
def test_moments_of_every_size(d, k):
    moments = {0: min(d, k), 1: d * k, 2: d * k * (d + k + 1), 3: d * k * (d**2 + k**2 + 3 * d * k + 3 * d + 3 * k + 4)}
    for power, exact in moments.items():
        found = predicted.expected_spectral_sum(lambda s, power=power: s**power, d, k)
        assert found == pytest.approx(exact, rel=precision(d, k))


@general
@given(st.integers(1, 40), st.integers(2, 20))
def test_inverse_moments_and_the_determinant(n, excess):
    m = n + excess
    inverse = predicted.expected_spectral_sum(lambda s: 1 / s, n, m)
    assert inverse == pytest.approx(n / (excess - 1), rel=precision(n, m))
    assert inverse == pytest.approx(predicted.expected_inverse_trace(m, n), rel=precision(n, m))
    if excess > 3:
        squared = predicted.expected_spectral_sum(lambda s: s**-2.0, m, n)
        assert squared == pytest.approx(n * (m - 1) / (excess * (excess - 1) * (excess - 3)), rel=precision(n, m))
    log_determinant = np.sum(digamma((m - np.arange(n)) / 2)) + n * np.log(2)
    found = predicted.expected_spectral_sum(np.log, n, m)
    magnitude = predicted.expected_spectral_sum(lambda s: np.abs(np.log(s)), n, m)
    assert found == pytest.approx(log_determinant, abs=precision(n, m) * magnitude)


@pytest.mark.parametrize("size", [(250, 250), (200, 300), (1, 900), (762, 16)])
def test_moments_at_the_edge_of_the_range(size):
    d, k = size
    for power, exact in ((0, min(size)), (1, d * k), (2, d * k * (d + k + 1))):
        found = predicted.expected_spectral_sum(lambda s, power=power: s**power, d, k)
        assert found == pytest.approx(exact, rel=precision(d, k))


@pytest.mark.parametrize("size", [(2, 2), (5, 2), (2, 3), (3, 3), (3, 4), (7, 3), (4, 4), (4, 5), (9, 4)])
def test_resolvents_against_the_joint_density(size):
    # Gauss-Legendre converges as (1.9)^-2q at the pole nearest to the integrals, and 28 nodes leave 2e-16 of the sum.
    for regulariser in (1.0, 4.0):
        direct = spectral_mean(lambda s, shift=regulariser: 1 / (s + shift), *size)
        found = predicted.expected_spectral_sum(lambda s, shift=regulariser: 1 / (s + shift), *size)
        assert found == pytest.approx(direct, rel=1e3 * UNIT_ROUNDOFF)


@pytest.mark.parametrize("k", [1, 2, 3, 8, 39])
@pytest.mark.parametrize("regulariser", [1e-6, 0.0625, 1.0])
def test_one_dimension_is_the_chi_square_law(k, regulariser):
    def integrand(root):
        return 2 * root * chi2.pdf(root**2, k) / (root**2 + regulariser)

    points = [np.sqrt(regulariser), np.sqrt(k)]
    direct, error = quad(integrand, 0, np.sqrt(k) + 10, points=points, epsabs=0, epsrel=1e-12, limit=200)
    found = predicted.expected_spectral_sum(lambda s: 1 / (s + regulariser), 1, k)
    assert abs(found - direct) <= error + 100 * UNIT_ROUNDOFF * direct
    at = np.array([0.01, 0.7, 3.0, 11.0])
    density = predicted.spectral_density(at, 1, k)
    assert density == pytest.approx(chi2.pdf(at, k), rel=rounding(16 + k, 1))


@general
@given(st.integers(1, 12), st.integers(1, 12), st.floats(-12, 2))
def test_size_is_symmetric_and_poles_may_be_anywhere(d, k, exponent):
    pole = 10.0**exponent

    def resolvent(s):
        return 1 / (s + pole)

    one, other = predicted.expected_spectral_sum(resolvent, d, k), predicted.expected_spectral_sum(resolvent, k, d)
    assert one == other
    # s / (s + p) and p / (s + p) add up to the number of eigenvalues.
    rest = predicted.expected_spectral_sum(lambda s: s / (s + pole), d, k)
    assert pole * one + rest == pytest.approx(min(d, k), rel=precision(d, k))


@given(st.integers(1, 8), st.integers(1, 8))
@general
def test_the_density_is_positive_where_there_are_eigenvalues(d, k):
    edge = (np.sqrt(d) + np.sqrt(k)) ** 2
    assert np.all(predicted.spectral_density(np.linspace(0.01, 1, 50) * edge, d, k) > 0)


def test_no_examples_have_no_eigenvalues():
    assert predicted.expected_spectral_sum(ones, 3, 0) == 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.expected_spectral_sum(ones, 0, 3), "d must be at least 1, got 0"),
        (lambda: predicted.expected_spectral_sum(ones, 300, 300), "must be at most 1000 for the density, got d = 300"),
        (lambda: predicted.expected_spectral_sum(lambda s: np.full_like(s, np.nan), 2, 3), "function must be finite"),
        (lambda: predicted.spectral_density(np.array([-1.0]), 2, 3), "eigenvalues must be positive"),
        (lambda: predicted.spectral_density(np.array([1.0]), 2, 0), "k must be at least 1, got 0"),
        (lambda: predicted.spectral_density(np.array([1.0]), 1, 938), "must be at most 1000"),  # 1000.3
    ],
)
def test_hostile_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        call()
