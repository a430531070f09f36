"""Critical times: the exact remainders of both expansions, and what they say about equal covariances."""

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jepa_flow_by_hand import (
    UNIT_ROUNDOFF,
    covariances,
    depths,
    exact_asymptote,
    exact_time,
    few,
    fractions,
    general,
    objectives,
    quadrature_time,
    regressions,
    shares,
)

from theory import jepa_bias as predicted


def exact_power_sum(init, depth, covariance, regression):
    rho = mpmath.mpf(regression)
    root = mpmath.mpf(init) ** (mpmath.mpf(1) / depth)
    terms = [depth / (n * rho ** (2 * depth - n - 1) * root**n) for n in range(1, 2 * depth)]
    return mpmath.fsum(terms) / mpmath.mpf(covariance)


@few
@given(depths, covariances, regressions, fractions, shares)
def test_remainder_is_the_jepa_time_less_the_power_sum(depth, covariance, regression, fraction, share):
    init = share * fraction * float(predicted.asymptote(depth, regression, objective="jepa"))
    arguments = (init, depth, covariance, regression)
    remainder = predicted.jepa_remainder(fraction, *arguments, clock="paper")
    with mpmath.workdps(50):
        target = fraction * exact_asymptote(depth, regression, "jepa")
        exact_sum = exact_power_sum(*arguments)
        exact_rest = quadrature_time(target, *arguments, "jepa") - exact_sum
        logs = 1 + 2 * abs(np.log(init)) + 2 * depth * abs(np.log(regression))
        # No term of the sum enters the remainder: its scale is that of s^-n / n and of the logarithms at both ends.
        s, start = fraction ** (1 / depth), init ** (1 / depth) / regression
        terms = sum(s**-n / n for n in range(1, 2 * depth)) + abs(np.log(start)) + abs(np.log(s))
        ends = abs(np.log(1 - s)) + abs(np.log(1 - start)) + 2 * logs / (1 - s) + 2 * logs / (1 - start)
        scale = depth / covariance * regression ** (1 - 2 * depth) * (terms + ends)
        assert abs(remainder - exact_rest) <= 16 * (2 * depth + logs) * UNIT_ROUNDOFF * scale
    flow = predicted.jepa_remainder(fraction, *arguments, clock="flow")
    assert flow * depth == pytest.approx(remainder, rel=4 * UNIT_ROUNDOFF)


def test_remainder_needs_no_subtraction():
    # L = 2, epsilon = 1e-12: time and sum agree to all digits of float64, and the remainder is still there.
    arguments = (1e-12, 2, 1.0, 0.7)
    time = predicted.critical_time(0.5, *arguments, objective="jepa", clock="paper")
    remainder = float(predicted.jepa_remainder(0.5, *arguments, clock="paper"))
    with mpmath.workdps(50):
        power_sum = exact_power_sum(*arguments)
        exact = quadrature_time(0.5 * mpmath.mpf(0.7) ** 2, *arguments, "jepa") - power_sum
    assert time == pytest.approx(float(power_sum), rel=4e-15)
    assert remainder == pytest.approx(float(exact), rel=1e-13)
    assert 60 < remainder < time * 1e-15
    assert np.isnan(predicted.jepa_remainder(0.5, 0.9, 2, 1.0, 0.7, clock="paper"))


@general
@given(depths, fractions)
def test_mae_constant_is_the_hypergeometric_form(depth, fraction):
    constant = float(predicted.mae_constant(fraction, depth))
    with mpmath.workdps(30):
        u = mpmath.mpf(fraction) ** (mpmath.mpf(1) / depth)
        if depth == 1:
            exact = mpmath.log(u) - mpmath.log(1 - u**2) / 2
            scale = 3
        else:
            power = mpmath.mpf(2) / (depth + 1)
            fall = u ** (1 - depth) / (depth - 1)
            rise = u**2 / 2 * mpmath.hyp2f1(1, power, 1 + power, u ** (depth + 1))
            exact, scale = rise - fall, float(rise + fall)
        # Rounding of u^(L+1) amplified by 1 / (1 - u), and the library's function taken to be good to 100 ulp.
        assert abs(constant - exact) <= 200 * UNIT_ROUNDOFF * (scale + 1 / (1 - float(u)))


@pytest.mark.parametrize("depth", [2, 3, 5, 8])
@pytest.mark.parametrize(("covariance", "regression", "fraction"), [(1.3, 0.7, 0.5), (0.6, 1.4, 0.9)])
def test_mae_expansion_leaves_what_it_says(depth, covariance, regression, fraction):
    init = 1e-6
    arguments = (init, depth, covariance)
    leading = predicted.mae_leading_time(*arguments, clock="paper")
    following = predicted.mae_next_term(*arguments, regression, clock="paper")
    with mpmath.workdps(50):
        target = fraction * exact_asymptote(depth, regression, "mae")
        time = quadrature_time(target, *arguments, regression, "mae")
        root = mpmath.mpf(init) ** (mpmath.mpf(1) / depth)
        exact_leading = depth / ((depth - 1) * mpmath.mpf(covariance)) / root ** (depth - 1)
        assert abs(leading / exact_leading - 1) < 100 * UNIT_ROUNDOFF
        power = mpmath.mpf(2) / (depth + 1)
        u = mpmath.mpf(fraction) ** (mpmath.mpf(1) / depth)
        constant = u**2 / 2 * mpmath.hyp2f1(1, power, 1 + power, u ** (depth + 1)) - u ** (1 - depth) / (depth - 1)
        exact_constant = depth / mpmath.mpf(covariance) * mpmath.mpf(regression) ** (-(1 - power)) * constant
        rest = time - exact_leading - exact_constant
        relative = 2 / (depth + 3) * init ** ((depth + 1) / depth) / regression
        assert abs(rest / float(following) - 1) <= 1.1 * relative + 100 * UNIT_ROUNDOFF
    in_float = leading + depth / covariance * regression ** (-(depth - 1) / (depth + 1)) * predicted.mae_constant(
        fraction, depth
    )
    computed = predicted.critical_time(fraction, init, depth, covariance, regression, objective="mae", clock="paper")
    assert abs(computed - in_float - following) <= 2 * relative * abs(following) + 500 * UNIT_ROUNDOFF * leading
    for function, rest in ((predicted.mae_leading_time, ()), (predicted.mae_next_term, (regression,))):
        paper, flow = (function(*arguments, *rest, clock=clock) for clock in ("paper", "flow"))
        assert flow * depth == pytest.approx(paper, rel=4 * UNIT_ROUNDOFF)


@general
@given(covariances, regressions, fractions)
def test_mae_of_one_layer_is_a_logarithm(covariance, regression, fraction):
    init = 1e-9
    time = predicted.critical_time(fraction, init, 1, covariance, regression, objective="mae", clock="paper")
    leading = predicted.mae_leading_time(init, 1, covariance, clock="paper")
    assert leading == pytest.approx(np.log(1e9) / covariance, rel=8 * UNIT_ROUNDOFF)
    constant = (np.log(regression) / 2 + float(predicted.mae_constant(fraction, 1))) / covariance
    following = predicted.mae_next_term(init, 1, covariance, regression, clock="paper")
    assert following == pytest.approx(-(init**2) / (2 * covariance * regression), rel=20 * UNIT_ROUNDOFF)
    assert abs(time - leading - constant) <= 300 * UNIT_ROUNDOFF * (leading + 1 / covariance / (1 - fraction))


@pytest.mark.parametrize(
    ("depth", "threshold"),
    [
        (2, 0.937838516187),
        (3, 0.761031459937),
        (4, 0.610543615136),
        (5, 0.50007718759),
        (8, 0.31230658048),
        (16, 0.14803835766),
    ],
)
def test_sign_threshold_is_where_the_constant_vanishes(depth, threshold):
    computed = predicted.sign_threshold(depth)
    assert computed == pytest.approx(threshold, rel=2e-11)  # the digits of an independent root search
    assert (
        predicted.mae_constant(computed * (1 - 1e-10), depth)
        < 0
        < predicted.mae_constant(computed * (1 + 1e-10), depth)
    )
    below, above = (
        predicted.critical_time(p, 1e-10, depth, 1.0, np.array([0.6, 1.4]), objective="mae", clock="paper")
        for p in (computed - 0.02, computed + 0.02)
    )
    if depth <= 5:  # deeper, the difference at this epsilon is not yet that of the limit
        assert below[0] < below[1]
        assert above[0] > above[1]


@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize("objective", ["jepa", "mae"])
def test_ratio_at_equal_covariance_is_of_first_order(depth, objective):
    high, low, fraction = 1.2, 0.7, 0.3
    settings = dict(objective=objective, fraction=fraction)
    for init in (1e-9, 1e-12):
        with mpmath.workdps(40):
            times = [
                exact_time(fraction * exact_asymptote(depth, rho, objective), init, depth, 1.0, rho, objective)
                for rho in (low, high)
            ]
            excess = float(times[0] / times[1] - 1)
        expansion = float(predicted.greedy_excess(depth, init, high, low, **settings))
        # The next order is smaller by epsilon^(1/L) for JEPA, epsilon^((L-1)/L) or epsilon^(2/L) / |K_L| for MAE.
        order = 1 / depth if objective == "jepa" else min(depth - 1, 2) / depth
        assert excess == pytest.approx(expansion, rel=8 * init**order, abs=4 * UNIT_ROUNDOFF)


def test_ratio_of_one_layer():
    high, low, init = 1.2, 0.7, 1e-60
    with mpmath.workdps(90):
        for objective, tolerance in (("jepa", 0.03), ("mae", 0.01)):
            times = [
                exact_time(0.5 * exact_asymptote(1, rho, objective), init, 1, 1.0, rho, objective)
                for rho in (low, high)
            ]
            excess = times[0] / times[1] - 1
            leading = float(predicted.greedy_excess(1, init, high, low, objective=objective, fraction=0.5))
            assert excess / leading == pytest.approx(1, abs=tolerance)


@general
@given(objectives, covariances, depths, regressions, fractions, shares, st.floats(1.01, 5))
def test_covariance_alone_orders_equal_regressions(objective, covariance, depth, regression, fraction, share, ratio):
    init = share * fraction * float(predicted.asymptote(depth, regression, objective=objective))
    assume(init < 1)
    times = predicted.critical_time(
        fraction, init, depth, covariance * np.array([ratio, 1]), regression, objective=objective, clock="paper"
    )
    assert times[1] / times[0] == pytest.approx(ratio, rel=8 * UNIT_ROUNDOFF)
