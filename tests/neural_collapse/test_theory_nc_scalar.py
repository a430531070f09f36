"""Thresholds and roots of the scalar problem, against direct maximisation, one-dimensional search and 50 digits."""

import mpmath
import numpy as np
import pytest
from heads_by_hand import UNIT_ROUNDOFF, general, least
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from theory import neural_collapse as predicted

depths = st.integers(1, 1000)


def largest(function):
    """Maximum over log x, the maximiser being known to lie above -60 and the function to have one peak."""
    grid = np.linspace(-60, 4, 6401)
    centre = grid[np.argmax(function(grid))]
    found = minimize_scalar(
        lambda t: -function(t), bounds=(centre - 0.02, centre + 0.02), method="bounded", options={"xatol": 1e-10}
    )
    return max(-found.fun, function(grid).max())


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 7, 12, 60])
def test_thresholds_are_what_they_are_defined_by(depth):
    def power(t, exponent):
        return np.exp(exponent * t)

    # 1 / (1 + x^M) + beta x < 1 for some x as long as beta < x^(M-1) / (1 + x^M); the maximum of a smooth function
    # found to 1e-10 in its argument is good to rounding, which the exponents raise to 64 M u.
    found_global = largest(lambda t: power(t, depth - 1) / (1 + power(t, depth)))
    found_existence = largest(lambda t: depth * power(t, depth - 1) / (1 + power(t, depth)) ** 2)
    tolerance = 64 * depth * UNIT_ROUNDOFF
    assert predicted.global_threshold(depth) == pytest.approx(found_global, rel=tolerance)
    assert predicted.existence_threshold(depth) == pytest.approx(found_existence, rel=tolerance)


@pytest.mark.parametrize("depth", [1, 2, 3, 6, 1000, 10**6])
def test_thresholds_to_thirty_digits(depth):
    with mpmath.workdps(40):
        m = mpmath.mpf(depth)
        exact_global = float(mpmath.power(m - 1, (m - 1) / m) / m)
        exact_existence = float((m + 1) ** 2 / (4 * m) * mpmath.power((m - 1) / (m + 1), (m - 1) / m))
    # Exponents of size log M carry a rounding each.
    tolerance = 8 * (1 + np.log(depth)) * UNIT_ROUNDOFF
    assert predicted.global_threshold(depth) == pytest.approx(exact_global, rel=tolerance)
    assert predicted.existence_threshold(depth) == pytest.approx(exact_existence, rel=tolerance)


def test_thresholds_meet_at_depth_one_and_part_beyond():
    assert predicted.global_threshold(1) == predicted.existence_threshold(1) == 1
    assert predicted.global_threshold(2) == pytest.approx(0.5, rel=4 * UNIT_ROUNDOFF)
    for depth in range(2, 60):
        assert 0.5 - 4 * UNIT_ROUNDOFF <= predicted.global_threshold(depth) < 1
        assert predicted.global_threshold(depth) < predicted.existence_threshold(depth)


@general
@given(depths, st.floats(0, 1))
def test_largest_root_to_fifty_digits(depth, position):
    # log beta runs over [-300 log 10, log(.99 beta_ex)]
    log_beta = -690 + position * (690 + np.log(0.99 * predicted.existence_threshold(depth)))
    beta = float(np.exp(log_beta))
    with mpmath.workdps(50):
        m = mpmath.mpf(depth)

        def equation(u):
            return mpmath.log(m) + (1 - 1 / m) * u - 2 * mpmath.log1p(mpmath.exp(u)) - mpmath.log(mpmath.mpf(beta))

        peak = mpmath.log((m - 1) / (m + 1)) if depth > 1 else mpmath.mpf(-200)
        u = mpmath.findroot(equation, (peak, mpmath.mpf(720)), solver="bisect", tol=1e-60, maxsteps=200)
        slope = abs(float((1 - 1 / m) - 2 / (1 + mpmath.exp(-u))))
        exact = float(mpmath.exp(u / m))
    # Evaluating the equation rounds terms of size |u| + log M + |log beta|; the slope turns that into an error of u.
    error_of_u = 8 * UNIT_ROUNDOFF * (2 + 3 * abs(float(u)) + np.log(depth) + abs(log_beta)) / slope
    computed = float(predicted.largest_root(beta, depth))
    assert computed == pytest.approx(exact, rel=error_of_u / depth + 4 * UNIT_ROUNDOFF)
    kept = float(predicted.shrinkage(computed, depth))
    assert kept == pytest.approx(
        float(1 / (1 + mpmath.exp(-u))), rel=error_of_u + 8 * depth * UNIT_ROUNDOFF * (1 + abs(float(u)))
    )


@pytest.mark.parametrize("depth", [1, 2, 3, 10, 1000])
def test_largest_root_at_the_edge_of_existence(depth):
    edge = predicted.existence_threshold(depth)
    peak = ((depth - 1) / (depth + 1)) ** (1 / depth)
    roots = predicted.largest_root(np.array([edge * (1 - 1e-9), edge, edge * (1 + 1e-9)]), depth)
    # Near the double root a relative distance e of beta moves log(x^M) by at most 4 sqrt(e); at depth one by e.
    assert roots[0] == pytest.approx(peak, abs=4 * np.sqrt(1e-9 / depth))
    assert roots[0] > peak
    assert roots[1] == pytest.approx(peak, abs=8 * np.sqrt(UNIT_ROUNDOFF))
    assert np.isnan(roots[2])


@general
@given(st.integers(1, 40), st.floats(-6, 0.5))
def test_global_root_is_the_global_minimum_of_the_fit(depth, exponent):
    beta = 10.0**exponent
    assume(abs(beta / predicted.global_threshold(depth) - 1) > 1e-6)
    n_factors = depth + 1
    strength = n_factors * (beta / depth) ** (depth / n_factors)
    kept, value = least(lambda s: (1 - s) ** 2 + strength * s ** (2 / n_factors), 1.0)
    root = predicted.global_root(beta, depth)
    # Both values carry the rounding of powers with exponents up to 1/M of numbers down to 1e-9, and the searched
    # one the square of its argument's error 1e-9 times the curvature, below 10 beyond the transition.
    assert float(predicted.scalar_objective(root, beta, depth)) == pytest.approx(value, abs=1e-14 * depth)
    # A value known to e places the argument within sqrt(2 e / curvature); the curvature exceeds .2 away from beta_ex
    # at depth two and more, and is 2 s at depth one where the minimum is parabolic.
    assert float(predicted.shrinkage(root, depth)) == pytest.approx(kept, abs=4e-7 * np.sqrt(depth))
    assert (root == 0) == (kept == 0)


@general
@given(st.integers(1, 12), st.floats(0.001, 0.99), st.floats(0.001, 0.99))
def test_roots_fall_with_beta(depth, first, second):
    assume(abs(first - second) > 1e-9)
    small, large = np.sort([first, second]) * predicted.existence_threshold(depth)
    roots = predicted.largest_root(np.array([small, large]), depth)
    assert roots[0] > roots[1] > 0
    values = predicted.scalar_objective(roots, np.array([small, large]), depth)
    assert values[0] < values[1]


@general
@given(st.floats(1e-6, 0.999999))
def test_depth_one_is_a_square_root(beta):
    # The subtraction of one loses what is lost in 1/sqrt(beta) itself.
    assert predicted.largest_root(beta, 1) == pytest.approx(
        1 / np.sqrt(beta) - 1, abs=4 * UNIT_ROUNDOFF / np.sqrt(beta)
    )


@pytest.mark.parametrize("depth", [2, 3, 6, 50])
def test_the_transition_is_a_jump(depth):
    threshold = predicted.global_threshold(depth)
    assert predicted.global_root(threshold * (1 + 1e-12), depth) == 0
    root = predicted.global_root(threshold * (1 - 1e-12), depth)
    # The root moves by about e M/(M-1) with a relative distance e = 1e-12 of beta.
    assert float(predicted.shrinkage(root, depth)) == pytest.approx((depth - 1) / depth, abs=1e-11)
    assert float(predicted.scalar_objective(root, threshold, depth)) == pytest.approx(1, abs=1e-11)


def test_regimes_and_their_borders():
    for depth in (2, 3, 7):
        low, high = predicted.global_threshold(depth), predicted.existence_threshold(depth)
        beta = np.array([low / 2, low * (1 - 1.02e-6), low * (1 - 0.98e-6), low, low * (1 + 0.98e-6)])
        assert predicted.regime(beta, depth).tolist() == ["global", "global", "tie", "tie", "tie"]
        beta = np.array([low * (1 + 1.02e-6), high, high * (1 + 1e-12), np.inf])
        assert predicted.regime(beta, depth).tolist() == ["metastable", "metastable", "trivial", "trivial"]
    assert predicted.regime(np.array([0.9, 1.0, 1.1]), 1).tolist() == ["global", "tie", "trivial"]
    assert predicted.regime(0.5001, 2, tie=1e-3) == "tie"
    assert predicted.regime(0.5, 2, tie=0).item() in ("tie", "metastable")


def test_without_data_nothing_lives():
    assert np.isnan(predicted.largest_root(np.inf, 3))
    assert predicted.global_root(np.inf, 3) == 0
    assert predicted.scalar_objective(0, np.inf, 3) == 1
    assert predicted.shrinkage(0.0, 4) == 0
