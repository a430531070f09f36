"""Scalar dynamics and their exact times against quadrature of the equations of motion in 40 digits."""

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

anything = (objectives, depths, covariances, regressions, fractions, shares)


@general
@given(objectives, depths, st.integers(1, 3), covariances, regressions, st.floats(0.1, 2))
def test_velocity_is_the_gradient_of_every_factor(objective, depth, predictor_depth, covariance, regression, weight):
    variance = covariance / regression
    encoder, predictor = weight**depth, weight**predictor_depth
    residual = predictor * encoder * variance - (encoder if objective == "jepa" else 1) * covariance
    of_layer = residual * predictor * weight ** (depth - 1)
    of_predictor = residual * encoder * weight ** (predictor_depth - 1)
    scale = (predictor * encoder * variance + max(1, encoder) * covariance) * predictor * weight ** (depth - 1)
    # Powers by repeated factors in one route and by pow in the other: at most 3 (L + M) roundings of a few ulp each.
    tolerance = 8 * 3 * (depth + predictor_depth) * UNIT_ROUNDOFF
    settings = dict(objective=objective, predictor_depth=predictor_depth)
    flow = predicted.layer_velocity(weight, depth, covariance, regression, clock="flow", **settings)
    assert abs(flow + of_layer) <= tolerance * scale
    assert abs(flow + of_predictor) <= tolerance * max(scale, scale * encoder / weight ** (depth - 1) / predictor * 4)
    paper = predicted.layer_velocity(weight, depth, covariance, regression, clock="paper", **settings)
    assert paper * depth == pytest.approx(flow, rel=4 * UNIT_ROUNDOFF)
    encoder_rate = predicted.velocity(encoder, depth, covariance, regression, clock="flow", **settings)
    chain_rule = depth * weight ** (depth - 1) * float(flow)
    assert abs(encoder_rate - chain_rule) <= tolerance * depth * weight ** (depth - 1) * scale


@general
@given(objectives, depths, covariances, regressions, st.floats(0.05, 3))
def test_velocity_is_equation_7_or_8(objective, depth, covariance, regression, strength):
    power = (3 if objective == "jepa" else 2) - 1 / depth
    gain, loss = covariance * strength**power, covariance / regression * strength**3
    rate = predicted.velocity(strength, depth, covariance, regression, objective=objective, clock="paper")
    assert abs(rate - (gain - loss)) <= 8 * (8 + 3 * depth) * UNIT_ROUNDOFF * (gain + loss)


@general
@given(objectives, depths, st.integers(1, 3), covariances, regressions)
def test_asymptotes_are_where_the_velocity_vanishes(objective, depth, predictor_depth, covariance, regression):
    settings = dict(objective=objective, predictor_depth=predictor_depth)
    limit = predicted.asymptote(depth, regression, **settings)
    gradient, resistance = predicted.exponents(depth, **settings)
    weight = regression ** (1 / resistance)
    rate = predicted.layer_velocity(weight, depth, covariance, regression, clock="flow", **settings)
    assert abs(rate) <= 8 * (4 + resistance) * UNIT_ROUNDOFF * covariance * weight**gradient
    assert limit == pytest.approx(weight**depth, rel=16 * depth * UNIT_ROUNDOFF)
    end_to_end = weight ** (depth + predictor_depth)
    assert predicted.end_to_end_asymptote(depth, regression, **settings) == pytest.approx(
        end_to_end, rel=16 * (depth + predictor_depth) * UNIT_ROUNDOFF
    )
    with mpmath.workdps(30):
        assert limit == pytest.approx(
            float(exact_asymptote(depth, regression, objective, predictor_depth)), rel=8 * UNIT_ROUNDOFF
        )


@general
@given(*anything)
def test_times_are_those_of_the_quadrature_within_their_own_bound(
    objective, depth, covariance, regression, fraction, share
):
    limit = float(predicted.asymptote(depth, regression, objective=objective))
    strength, init = fraction * limit, share * fraction * limit
    arguments = (strength, init, depth, covariance, regression)
    computed = predicted.time_to_reach(*arguments, objective=objective, clock="paper")
    bound = predicted.time_error_bound(*arguments, objective=objective, clock="paper")
    with mpmath.workdps(40):
        exact = quadrature_time(*arguments, objective)
        closed = exact_time(*arguments, objective)
        assert abs(closed / exact - 1) < mpmath.mpf(10) ** -12
        assert abs(mpmath.mpf(float(computed)) - exact) <= float(bound)
        at_fraction = quadrature_time(
            fraction * exact_asymptote(depth, regression, objective), *arguments[1:], objective
        )
        critical = predicted.critical_time(fraction, *arguments[1:], objective=objective, clock="paper")
        critical_bound = predicted.critical_time_error_bound(
            fraction, *arguments[1:], objective=objective, clock="paper"
        )
        assert abs(mpmath.mpf(float(critical)) - at_fraction) <= float(critical_bound)
    # A bound that is never sharper than this would hide mistakes: the time is known to 1e-9 unless ill-conditioned.
    rate = predicted.velocity(strength, depth, covariance, regression, objective=objective, clock="paper")
    start_rate = predicted.velocity(init, depth, covariance, regression, objective=objective, clock="paper")
    conditioning = strength / rate + init / start_rate
    assert bound <= 1000 * depth * UNIT_ROUNDOFF * (computed * (1 + abs(np.log(init))) + conditioning)


@few
@given(objectives, depths, covariances, regressions, st.floats(-3, 1), st.floats(-4, 1))
def test_decay_from_above_is_that_of_the_quadrature(objective, depth, covariance, regression, above, further):
    limit = float(predicted.asymptote(depth, regression, objective=objective))
    strength = limit * (1 + 10**above)
    init = strength * (1 + 10**further)
    arguments = (strength, init, depth, covariance, regression)
    computed = predicted.time_to_reach(*arguments, objective=objective, clock="paper")
    bound = predicted.time_error_bound(*arguments, objective=objective, clock="paper")
    with mpmath.workdps(40):
        assert abs(mpmath.mpf(float(computed)) - quadrature_time(*arguments, objective)) <= float(bound)
    recovered = predicted.strength_at(computed, *arguments[1:], objective=objective, clock="paper")
    assert_inverse(recovered, strength, bound, arguments, objective)


def assert_inverse(recovered, strength, time_bound, arguments, objective):
    """What an error of the time (its bound) and of log w-bar (a few roundings per factor) make of the strength."""
    speed = abs(predicted.velocity(strength, *arguments[2:], objective=objective, clock="paper"))
    depth, init = arguments[2], arguments[1]
    logs = 1 + abs(np.log(init)) + abs(np.log(strength)) + depth * (1 + abs(np.log(arguments[4])))
    assert abs(recovered - strength) <= 4 * speed * time_bound + 50 * UNIT_ROUNDOFF * logs * strength


@general
@given(*anything)
def test_strength_inverts_time_and_times_add_up(objective, depth, covariance, regression, fraction, share):
    limit = float(predicted.asymptote(depth, regression, objective=objective))
    strength, init = fraction * limit, share * fraction * limit
    middle = float(np.sqrt(strength * init))
    rest = (depth, covariance, regression)
    settings = dict(objective=objective, clock="paper")
    whole, first, second = (
        predicted.time_to_reach(end, start, *rest, **settings)
        for end, start in ((strength, init), (middle, init), (strength, middle))
    )
    bounds = [
        predicted.time_error_bound(end, start, *rest, **settings)
        for end, start in ((strength, init), (middle, init), (strength, middle))
    ]
    assert abs(whole - (first + second)) <= sum(bounds) + 2 * UNIT_ROUNDOFF * whole
    recovered = predicted.strength_at(whole, init, *rest, **settings)
    assert_inverse(recovered, strength, bounds[0], (strength, init, *rest), objective)
    # Early times move a strength by their velocity.
    early = 1e-9 * init / float(predicted.velocity(init, *rest, **settings))
    moved = predicted.strength_at(early, init, *rest, **settings)
    # Strength and asymptote are exponentials: their logarithms carry a few roundings each.
    logs = 1 + abs(np.log(init)) + depth * (1 + abs(np.log(regression)))
    assert moved / init - 1 == pytest.approx(1e-9, abs=4 * UNIT_ROUNDOFF * logs)


@general
@given(*anything, st.integers(-6, 6))
def test_times_are_inverse_in_the_covariance(objective, depth, covariance, regression, fraction, share, power):
    limit = float(predicted.asymptote(depth, regression, objective=objective))
    arguments = (fraction, share * fraction * limit, depth)
    settings = dict(objective=objective, clock="paper")
    unit = predicted.critical_time(*arguments, covariance, regression, **settings)
    for factor in (2.0**power, 1.7):
        scaled = predicted.critical_time(*arguments, covariance * factor, regression, **settings)
        assert scaled * factor == pytest.approx(unit, rel=6 * UNIT_ROUNDOFF)
    flow = predicted.critical_time(*arguments, covariance, regression, objective=objective, clock="flow")
    assert flow * depth == pytest.approx(unit, rel=6 * UNIT_ROUNDOFF)


@general
@given(*anything)
def test_regression_is_a_unit_of_strength_and_time(objective, depth, covariance, regression, fraction, share):
    limit = float(predicted.asymptote(depth, regression, objective=objective))
    init = share * fraction * limit
    power = 2 * depth - 1 if objective == "jepa" else (depth - 1) / (depth + 1)
    settings = dict(objective=objective, clock="paper")
    own = predicted.critical_time(fraction, init, depth, covariance, regression, **settings)
    unit = predicted.critical_time(fraction, init / limit, depth, covariance, 1.0, **settings)
    bounds = predicted.critical_time_error_bound(fraction, init, depth, covariance, regression, **settings)
    scale = regression**-power
    bounds = bounds + scale * predicted.critical_time_error_bound(
        fraction, init / limit, depth, covariance, 1.0, **settings
    )
    # The start of the second run is rounded, by the asymptote's power and a quotient: 20u relatively.
    sensitivity = init / predicted.velocity(init, depth, covariance, regression, **settings)
    assert abs(own - scale * unit) <= bounds + UNIT_ROUNDOFF * (20 * sensitivity + (20 + 2 * power) * own)


@general
@given(*anything)
def test_times_are_monotone(objective, depth, covariance, regression, fraction, share):
    limit = float(predicted.asymptote(depth, regression, objective=objective))
    init = share * fraction * limit
    settings = dict(objective=objective, clock="flow")
    times = predicted.critical_time(
        fraction * np.array([1, 0.99, 1]), init * np.array([1, 1, 0.9]), depth, covariance, regression, **settings
    )
    assert times[1] < times[0] < times[2]
    assert predicted.critical_time(fraction, init, depth, covariance * 1.01, regression, **settings) < times[0]


@general
@given(covariances, regressions, fractions, shares)
def test_one_layer_is_elementary(covariance, regression, fraction, share):
    end, start = fraction * regression, share * fraction * regression
    logs = np.log(end / start) + np.log1p(-start / regression) - np.log1p(-end / regression)
    by_hand = ((1 / start - 1 / end) + logs / regression) / covariance
    bound = predicted.time_error_bound(end, start, 1, covariance, regression, objective="jepa", clock="paper")
    computed = predicted.time_to_reach(end, start, 1, covariance, regression, objective="jepa", clock="paper")
    assert abs(computed - by_hand) <= bound + 40 * UNIT_ROUNDOFF * (1 / start + 2 / regression / (1 - fraction))
    # MAE: logistic in the square, with limit rho and rate 2 lambda.
    root = np.sqrt(regression)
    end, start = fraction * root, share * fraction * root
    time = float(predicted.time_to_reach(end, start, 1, covariance, regression, objective="mae", clock="paper"))
    squared = regression / (1 + (regression / start**2 - 1) * np.exp(-2 * covariance * time))
    amplified = 2 * covariance * time + 1  # an error of the time multiplies the decaying part
    assert squared == pytest.approx(end**2, rel=100 * amplified * UNIT_ROUNDOFF / (1 - fraction))


@few
@given(st.integers(2, 4), st.integers(2, 3), covariances, regressions, fractions, objectives)
def test_deeper_predictors_follow_their_velocity(depth, predictor_depth, covariance, regression, fraction, objective):
    settings = dict(objective=objective, clock="paper", predictor_depth=predictor_depth)
    limit = float(predicted.asymptote(depth, regression, objective=objective, predictor_depth=predictor_depth))
    strength, init = fraction * limit, 1e-3 * fraction * limit
    time = predicted.time_to_reach(strength, init, depth, covariance, regression, **settings)
    # By Gauss-Legendre quadrature of 1 / velocity in log w-bar, 200 panels of 16 nodes.
    nodes, weights = np.polynomial.legendre.leggauss(16)
    edges = np.linspace(np.log(init), np.log(strength), 201)
    width = (edges[1] - edges[0]) / 2
    values = np.exp(edges[:-1, None] + width * (1 + nodes))
    rates = predicted.velocity(values, depth, covariance, regression, **settings)
    assert time == pytest.approx(float(np.sum(weights * values / rates)) * width, rel=1e-11)
    assert predicted.strength_at(time, init, depth, covariance, regression, **settings) == pytest.approx(
        strength, rel=1e-8
    )


@pytest.mark.parametrize("objective", ["jepa", "mae"])
@pytest.mark.parametrize("depth", [16, 64])
def test_deep_networks_and_astronomic_times(objective, depth):
    limit = float(predicted.asymptote(depth, 0.6, objective=objective))
    arguments = (limit / 2, 1e-17 * limit, depth, 0.8, 0.6)
    time = predicted.time_to_reach(*arguments, objective=objective, clock="paper")
    bound = predicted.time_error_bound(*arguments, objective=objective, clock="paper")
    assert time > 1e16
    assert bound < 1e-11 * time
    with mpmath.workdps(40):
        assert abs(mpmath.mpf(float(time)) - exact_time(*arguments, objective)) <= float(bound)


def test_what_is_never_reached_takes_for_ever():
    settings = dict(objective="jepa", clock="flow")
    limit = float(predicted.asymptote(3, 0.7, objective="jepa"))
    reach = predicted.time_to_reach(np.array([0.01, 0.005, limit, 2 * limit, 0.1]), 0.01, 3, 1.0, 0.7, **settings)
    np.testing.assert_array_equal(reach, [0, np.inf, np.inf, np.inf, reach[4]])
    assert 0 < reach[4] < np.inf
    from_above = predicted.time_to_reach(
        np.array([2 * limit, 3.0, 1.5 * limit, limit, 0.1]), 2 * limit, 3, 1.0, 0.7, **settings
    )
    np.testing.assert_array_equal(from_above, [0, np.inf, from_above[2], np.inf, np.inf])
    assert 0 < from_above[2] < np.inf
    assert predicted.time_to_reach(0.2, limit, 3, 1.0, 0.7, **settings) == np.inf
    assert predicted.time_to_reach(1e-3, 1e-200, 3, 1.0, 0.7, **settings) == np.inf  # beyond float64
    assert predicted.time_error_bound(limit * (1 - 2.0**-52), 0.01, 3, 1.0, 0.7, **settings) == np.inf
    # Already there, or never.
    times = predicted.critical_time(np.array([0.5, 0.9, 1.0, 1.5]), 0.6 * limit, 3, 1.0, 0.7, **settings)
    np.testing.assert_array_equal(times, [0, times[1], np.inf, np.inf])
    assert predicted.critical_time(0.5, 2 * limit, 3, 1.0, 0.7, **settings) == 0


@pytest.mark.parametrize("objective", ["jepa", "mae"])
@pytest.mark.parametrize("side", [1, -1])
def test_the_asymptote_is_reached_from_wherever_the_logit_begins(objective, side):
    """The step to the last logit must end the search, whichever way its sum with the first one is rounded."""
    limit = predicted.asymptote(2, 0.5, objective=objective)
    init = limit * np.geomspace(1e-12, 0.5, 2000) ** side
    found = predicted.strength_at(1e60, init, 2, 1.0, 0.5, objective=objective, clock="flow")
    assert found == pytest.approx(np.full(2000, limit), rel=1e-15)


@pytest.mark.parametrize("objective", ["jepa", "mae"])
def test_strength_at_the_ends_of_time(objective):
    settings = dict(objective=objective, clock="flow")
    limit = float(predicted.asymptote(3, 0.7, objective=objective))
    for init in (0.01 * limit, 3 * limit):
        ends = predicted.strength_at(np.array([0.0, np.inf, 1e300]), init, 3, 1.0, 0.7, **settings)
        np.testing.assert_array_equal(ends, [init, limit, limit])
        path = predicted.strength_at(np.geomspace(1e-3, 1e9, 40), init, 3, 1.0, 0.7, **settings)
        assert np.all(np.diff(path) * np.sign(limit - init) >= 0)
    assert predicted.strength_at(5.0, limit, 3, 1.0, 0.7, **settings) == limit


def test_arguments_broadcast_over_depths_and_features():
    depth = np.array([[1], [2], [5]])
    rho = np.array([0.5, 1.0, 1.5, 0.8])
    for objective in ("jepa", "mae"):
        settings = dict(objective=objective, clock="flow")
        limit = predicted.asymptote(depth, rho, objective=objective)
        init = 1e-3 * limit
        table = predicted.critical_time(0.7, init, depth, 1.2, rho, **settings)
        ends = predicted.strength_at(table, init, depth, 1.2, rho, **settings)
        assert table.shape == ends.shape == (3, 4)
        for row, layers in enumerate((1, 2, 5)):
            for column in range(4):
                one = predicted.critical_time(0.7, init[row, column], layers, 1.2, rho[column], **settings)
                # Sums of different length are masked, not reordered.
                assert table[row, column] == pytest.approx(float(one), rel=4 * UNIT_ROUNDOFF)
        np.testing.assert_allclose(ends, 0.7 * limit, rtol=1e-10)


@few
@given(depths, covariances, regressions, fractions, shares)
def test_decay_and_growth_are_told_apart_by_the_asymptote(depth, covariance, regression, fraction, share):
    limit = float(predicted.asymptote(depth, regression, objective="jepa"))
    assume(limit * fraction * share > 1e-300)
    settings = dict(objective="jepa", clock="flow")
    for init, sign in ((share * limit, 1), (limit / share, -1)):
        later = predicted.strength_at(1.0, init, depth, covariance, regression, **settings)
        assert np.sign(predicted.velocity(init, depth, covariance, regression, **settings)) == sign
        assert sign * (later - init) >= 0
