"""Saddle rates against exact characteristic polynomials of the matrix flow over the rationals."""

from fractions import Fraction
from itertools import product

import flint
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jepa_flow_by_hand import UNIT_ROUNDOFF, flow_jacobian, general, objectives

from theory import jepa_bias as predicted

rational = settings(deadline=None, derandomize=True, max_examples=12)


def fractions_of(matrix):
    return np.array([[Fraction(entry) for entry in row] for row in matrix], dtype=object)


def characteristic_polynomial(learned, covariance, regression, depth, objective):
    """Of the Jacobian at the partial state, exactly; for MAE, rho must be an (L + 1)-th power of a rational."""
    lam, rho = ([Fraction(value) for value in values] for values in (covariance, regression))
    weights = [0] * len(rho)
    for feature in np.flatnonzero(learned):
        root = (
            rho[feature] if objective == "jepa" else Fraction(round(float(rho[feature]) ** (1 / (depth + 1)) * 64), 64)
        )
        assert objective == "jepa" or root ** (depth + 1) == rho[feature]
        weights[feature] = root
    factor = fractions_of(np.diag(weights))
    Sigma_xx = fractions_of(np.diag([a / b for a, b in zip(lam, rho, strict=True)]))
    jacobian = flow_jacobian([factor] * depth, factor, Sigma_xx, fractions_of(np.diag(lam)), objective)
    rows = [[flint.fmpq(entry.numerator, entry.denominator) for entry in map(Fraction, row)] for row in jacobian]
    return flint.fmpq_mat(rows).charpoly()


def real_roots(polynomial):
    """Real roots with multiplicity; asserts that no root has a positive real part and an imaginary one."""
    roots = []
    for root, multiplicity in polynomial.complex_roots():
        if root.imag == 0:
            roots += [float(root.real)] * multiplicity
        else:
            assert root.real < 0
    return np.sort(roots)


@st.composite
def dyadic_features(draw, objective, depth, n_features):
    """(lambda, rho) that float64 holds exactly, with exact roots of rho for MAE."""
    lam = draw(st.lists(st.integers(2, 24), min_size=n_features, max_size=n_features))
    sizes = st.integers(2, 12) if objective == "jepa" else st.integers(1, 3)
    roots = np.array(draw(st.lists(sizes, min_size=n_features, max_size=n_features)))
    rho = roots / 8 if objective == "jepa" else (roots / 2) ** (depth + 1)
    return np.array(lam) / 8, rho


@rational
@given(st.data(), objectives, st.sampled_from([(1, 2), (2, 2), (3, 2), (2, 3)]))
def test_positive_spectrum_of_every_partial_state(data, objective, size):
    depth, n_features = size
    lam, rho = data.draw(dyadic_features(objective, depth, n_features))
    learned = np.array(data.draw(st.sampled_from([s for s in product([False, True], repeat=n_features) if sum(s) > 0])))
    roots = real_roots(characteristic_polynomial(learned, lam, rho, depth, objective))
    rates = predicted.saddle_rates(learned, lam, rho, depth, objective=objective, clock="flow")
    pairs = rates[~np.isnan(rates)]
    assert pairs.size == learned.sum() * (~learned).sum()
    positive = pairs[pairs > 0]
    if objective == "mae" and depth == 1:  # unlearned features grow exponentially, in every free latent unit
        positive = np.concatenate([positive, np.repeat(lam[~learned], (~learned).sum())])
    positive = np.sort(positive)
    # Differences of rho are exact here; powers, one root and a quotient, of some ulp each.
    np.testing.assert_allclose(roots[roots > 0], positive, rtol=8 * (2 * depth + 8) * UNIT_ROUNDOFF)
    for rate in pairs[pairs < 0]:
        assert np.abs(roots - rate).min() <= 8 * (2 * depth + 8) * UNIT_ROUNDOFF * abs(rate) * 4
    assert predicted.is_stable(learned, lam, rho, depth, objective=objective) == (positive.size == 0)


@rational
@given(st.data(), objectives, st.sampled_from([(1, 2), (2, 2), (3, 2), (2, 3)]))
def test_spectrum_of_the_full_state(data, objective, size):
    depth, n_features = size
    lam, rho = data.draw(dyadic_features(objective, depth, n_features))
    everything = np.ones(n_features, dtype=bool)
    roots = real_roots(characteristic_polynomial(everything, lam, rho, depth, objective))
    rates = predicted.full_fixed_point_rates(lam, rho, depth, objective=objective, clock="flow")
    # All else is neutral: latent rotations and unbalanced directions.
    np.testing.assert_allclose(roots[roots < 0], np.sort(rates.ravel()), rtol=8 * (4 * depth + 8) * UNIT_ROUNDOFF)
    paper = predicted.full_fixed_point_rates(lam, rho, depth, objective=objective, clock="paper")
    np.testing.assert_allclose(paper * depth, rates, rtol=4 * UNIT_ROUNDOFF)
    assert predicted.is_stable(everything, lam, rho, depth, objective=objective)


X = flint.fmpq_poly([0, 1])
INSTANCES = [
    ("jepa", 2, (1, 0), (0.5, 1), X**9 * (5 * X + 1) ** 2 * (20 * X - 1)),
    ("jepa", 2, (0, 1), (0.5, 1), X**9 * (5 * X + 4) ** 2 * (5 * X + 8)),
    ("jepa", 3, (1, 0), (0.5, 1), X**13 * (20 * X + 1) ** 2 * (80 * X - 1)),
    ("mae", 2, (1, 0), (0.125, 1), X**9 * (5 * X + 12) * (100 * X**2 + 85 * X - 12)),
    ("mae", 2, (0, 1), (0.125, 1), X**9 * (5 * X + 12) * (25 * X**2 + 340 * X + 192)),
]


@pytest.mark.parametrize(("objective", "depth", "learned", "rho", "expected"), INSTANCES)
def test_exact_instances(objective, depth, learned, rho, expected):
    lam = (Fraction(8, 5), Fraction(4, 5))
    polynomial = characteristic_polynomial(np.array(learned, dtype=bool), lam, rho, depth, objective)
    assert polynomial == expected / expected[expected.degree()]
    kept = int(np.argmax(learned))
    rate = predicted.saddle_rate(
        depth, float(lam[kept]), rho[kept], float(lam[1 - kept]), rho[1 - kept], objective=objective, clock="flow"
    )
    roots = real_roots(polynomial)
    assert np.abs(roots - rate).min() <= 100 * UNIT_ROUNDOFF
    paper = predicted.saddle_rate(
        depth, float(lam[kept]), rho[kept], float(lam[1 - kept]), rho[1 - kept], objective=objective, clock="paper"
    )
    assert paper * depth == pytest.approx(float(rate), rel=4 * UNIT_ROUNDOFF)


positive_numbers = st.floats(0.2, 3)


@general
@given(objectives, st.integers(1, 8), positive_numbers, positive_numbers, positive_numbers, positive_numbers)
def test_sign_is_that_of_the_preference(objective, depth, lam_j, rho_j, lam_i, rho_i):
    rate = predicted.saddle_rate(depth, lam_j, rho_j, lam_i, rho_i, objective=objective, clock="flow")
    preference = rho_i - rho_j if objective == "jepa" else lam_i * rho_i - lam_j * rho_j
    assert np.sign(rate) == np.sign(preference)
    # A unit of the data rescales rates as it does covariances; powers of two exactly.
    scaled = predicted.saddle_rate(depth, 4 * lam_j, rho_j, 4 * lam_i, rho_i, objective=objective, clock="flow")
    assert scaled == 4 * rate
    # Duplicates are neutral.
    assert predicted.saddle_rate(depth, lam_j, rho_j, lam_j, rho_j, objective=objective, clock="flow") == 0


@general
@given(objectives, st.integers(2, 5), st.permutations([0.4, 0.7, 1.0, 1.3]), st.permutations([0.8, 1.1, 1.5, 2.3]))
def test_stable_states_are_the_most_preferred_features(objective, depth, rho, lam):
    lam, rho = np.array(lam), np.array(rho)
    chart = predicted.stability_map(lam, rho, depth, objective=objective)
    assert chart.learned.shape == (16, 4)
    assert len({tuple(state) for state in chart.learned}) == 16
    order = predicted.permanent_order(lam, rho, objective=objective)
    expected = {tuple(np.isin(np.arange(4), order[:count])) for count in range(5)}
    assert {tuple(state) for state in chart.learned[chart.stable]} == expected
    assert np.all((chart.largest_rate > 0) == ~chart.stable)
    for state, largest in zip(chart.learned, chart.largest_rate, strict=True):
        rates = predicted.saddle_rates(state, lam, rho, depth, objective=objective, clock="flow")
        assert largest == max(0, np.nanmax(rates, initial=0))


def test_one_layer_of_mae_is_unstable_until_all_is_learned():
    lam, rho = np.array([1.0, 0.5]), np.array([2.0, 1.0])
    chart = predicted.stability_map(lam, rho, 1, objective="mae")
    np.testing.assert_array_equal(chart.stable, chart.learned.all(axis=1))
    np.testing.assert_array_equal(chart.largest_rate[~chart.stable], [1.0, 1.0, 0.5])


def test_runge_kutta_diverges_just_beyond_the_largest_step():
    lam, rho = np.array([1.69, 1.3, 1.0]), np.array([0.4, 0.8, 1.6])
    for method, order in (("euler", 1), ("rk4", 4)):
        step = predicted.largest_stable_step(lam, rho, 2, objective="jepa", clock="flow", method=method)
        rates = predicted.full_fixed_point_rates(lam, rho, 2, objective="jepa", clock="flow")
        for factor, stable in ((1 - 1e-9, True), (1 + 1e-9, False)):
            z = factor * step * rates
            amplification = sum(z**k / np.prod(np.arange(1, k + 1)) for k in range(order + 1))
            assert (np.abs(amplification).max() <= 1) == stable
        paper = predicted.largest_stable_step(lam, rho, 2, objective="jepa", clock="paper", method=method)
        assert paper == pytest.approx(2 * step, rel=8 * UNIT_ROUNDOFF)
    # A step of 0.2 is beyond it here: the largest rate is near 22 with rho as given and lambda_1 = 1.69.
    swapped = predicted.full_fixed_point_rates(lam, rho[::-1].copy(), 2, objective="jepa", clock="flow")
    assert -predicted.full_fixed_point_rates(lam, rho, 2, objective="jepa", clock="flow").min() > 2.785 / 0.2
    assert swapped.shape == (3, 3)
