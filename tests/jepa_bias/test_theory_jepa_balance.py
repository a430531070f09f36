"""First integrals of the matrix flow, unbalanced ends, discrete steps and collapse without the stop-gradient."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jepa_flow_by_hand import UNIT_ROUNDOFF, general, gradients, objectives

from theory import jepa_bias as predicted

seeds = st.integers(0, 2**32 - 1)


def rational_matrix(rng, dim):
    return np.array(
        [[Fraction(int(n), 8) for n in row] for row in rng.integers(-12, 13, size=(dim, dim))], dtype=object
    )


@general
@given(seeds, objectives, st.integers(1, 3))
def test_balance_is_conserved_exactly_whatever_the_data(seed, objective, depth):
    rng = np.random.default_rng(seed)
    factors = [rational_matrix(rng, 2) for _ in range(depth + 1)]
    root, Sigma_yx = rational_matrix(rng, 2), rational_matrix(rng, 2)
    flow = gradients(factors[:-1], factors[-1], root @ root.T, Sigma_yx, objective)
    ahead, behind = (
        [(factor + sign * change).astype(float) for factor, change in zip(factors, flow, strict=True)]
        for sign in (1, -1)
    )
    # Quadratic functions: the central difference along the flow is their derivative, to the rounding of the squares.
    for after, before, factor, change in zip(
        predicted.balance_residuals(ahead[:-1], ahead[-1]),
        predicted.balance_residuals(behind[:-1], behind[-1]),
        ahead[1:],
        ahead[:-1],
        strict=True,
    ):
        scale = np.linalg.norm(factor) ** 2 + np.linalg.norm(change) ** 2
        assert np.abs(after - before).max() <= 16 * UNIT_ROUNDOFF * 2 * scale
    # Without the stop-gradient the last one is lost: the derivative of the target adds to that of W_1.
    exact = [
        new.T @ gradient + gradient.T @ new - old @ last.T - last @ old.T
        for new, gradient, old, last in zip(factors[1:], flow[1:], factors[:-1], flow[:-1], strict=True)
    ]
    assert all(np.all(entry == 0) for entry in exact)


def test_balance_residuals_by_hand():
    first, second, predictor = np.diag([1.0, 2.0]), np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[3.0, 0.0]])
    inner, outer = predicted.balance_residuals([first, second], predictor)
    np.testing.assert_array_equal(inner, np.diag([0.0, -3.0]))
    np.testing.assert_array_equal(outer, np.array([[8.0, 0.0], [0.0, -1.0]]))


def test_unbalanced_ends_that_were_integrated():
    v, w = predicted.unbalanced_end_state(0.05, np.array([0.2]), 0.5, objective="jepa")
    assert (v, w[0]) == pytest.approx((0.5, 0.53619026), abs=1e-8)
    v, w = predicted.unbalanced_end_state(0.2, np.array([0.05]), 0.5, objective="jepa")
    assert (v, w[0]) == pytest.approx((0.5, 0.46097722), abs=1e-8)


@general
@given(objectives, st.floats(0.05, 2), st.lists(st.floats(0.05, 2), min_size=1, max_size=4), st.floats(0.2, 2))
def test_unbalanced_end_is_stationary_and_keeps_the_integrals(objective, predictor_init, layer_inits, regression):
    starts = np.array(layer_inits)
    v, w = predicted.unbalanced_end_state(predictor_init, starts, regression, objective=objective)
    largest = max(predictor_init, *layer_inits, v, *w) ** 2
    kept = np.abs((w**2 - v**2) - (starts**2 - predictor_init**2)).max()
    assert kept <= 16 * UNIT_ROUNDOFF * largest
    assert np.all(w >= 0)
    if objective == "mae":
        factors = w.size + 1
        assert v * np.prod(w) == pytest.approx(regression, rel=1e-12 * factors)
    elif regression**2 + np.min(starts**2) - predictor_init**2 > 1e-12:
        assert v == pytest.approx(regression, rel=1e-12)
    elif regression**2 + np.min(starts**2) - predictor_init**2 < -1e-12:
        assert w.min() == 0
        assert v > regression


def test_balanced_ends_are_the_fixed_points():
    for objective in ("jepa", "mae"):
        v, w = predicted.unbalanced_end_state(0.1, np.full(3, 0.1), 0.6, objective=objective)
        limit = float(predicted.asymptote(3, 0.6, objective=objective))
        np.testing.assert_allclose([v, *w], limit ** (1 / 3), rtol=1e-13)


@pytest.mark.parametrize("objective", ["jepa", "mae"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_discrete_steps_arrive_late_by_the_shift(objective, depth):
    lam, rho, init = 1.0, 0.9, 0.05
    gradient, resistance = (2 * depth, 1) if objective == "jepa" else (depth, depth + 1)
    limit = rho ** (depth / resistance)
    settings = dict(objective=objective, clock="flow")
    remainders = []
    for step in (0.04, 0.02):
        weight, n_steps = init ** (1 / depth), 0
        while weight**depth < 0.8 * limit:
            weight += step * weight**gradient * (lam - weight**resistance * lam / rho)
            n_steps += 1
        reached = weight**depth
        delay = n_steps * step - float(predicted.time_to_reach(reached, init, depth, lam, rho, **settings))
        shift = float(predicted.discrete_time_shift(step, reached / limit, init, depth, lam, rho, **settings))
        remainders.append(abs(delay - shift))
        assert remainders[-1] < 2 * step * abs(shift)
        paper = predicted.discrete_time_shift(
            step, reached / limit, init, depth, lam, rho, objective=objective, clock="paper"
        )
        assert paper == pytest.approx(depth * shift, rel=4 * UNIT_ROUNDOFF)
    # What is left is of second order in the step: a quarter, where the first order would leave a half.
    assert remainders[1] < 0.35 * remainders[0]


def test_shift_that_was_measured():
    # L = 1, epsilon = 0.02, p = 0.8, lambda = rho = 1, eta = 0.04: relative shifts of the crossing time.
    for objective, measured in (("mae", 0.012714), ("jepa", 0.002142)):
        settings = dict(objective=objective, clock="flow")
        shift = predicted.discrete_time_shift(0.04, 0.8, 0.02, 1, 1.0, 1.0, **settings)
        relative = shift / predicted.critical_time(0.8, 0.02, 1, 1.0, 1.0, **settings)
        assert relative == pytest.approx(measured, rel=3e-3)


# ---- without the stop-gradient


def two_factor_flow(v, w, depth, x, cross, y):
    """Right side of the flow of (v^2 x - 2 v cross + y) w^(2L) / 2 in (v, w)."""
    return np.array([-(v * x - cross) * w ** (2 * depth), -(v**2 * x - 2 * v * cross + y) * w ** (2 * depth - 1)])


@general
@given(st.floats(0.3, 3), st.floats(-0.9, 0.9), st.floats(0.3, 3), st.floats(-2, 2), st.floats(0.1, 2))
def test_collapsed_predictor_lies_on_the_same_level(x, correlation, y, v, w):
    cross = correlation * np.sqrt(x * y)
    limit = float(predicted.collapsed_predictor(x, cross, y, v, w))
    determinant = x * y - cross**2

    def level(predictor, layer):
        residual = abs(x * predictor - cross)
        return residual**2 / 2 + determinant * np.log(residual) - x**2 * layer**2 / 2

    start, end = x * v - cross, x * limit - cross
    assert end * start >= 0
    assert abs(end) <= abs(start) * (1 + 1e-12)
    if abs(end) > 1e-9:
        blur = 100 * UNIT_ROUNDOFF * (1 + abs(level(v, w)) + determinant * (abs(x * v) + abs(cross)) / abs(end))
        assert level(limit, 0.0) == pytest.approx(level(v, w), abs=blur)
    # The level is a first integral at every depth: its gradient is orthogonal to the flow.
    for depth in (1, 2, 3):
        flow = two_factor_flow(v, w, depth, x, cross, y) / w ** (2 * depth)
        if abs(start) > 1e-3:
            slope = np.array([x * start + determinant * x / start, -(x**2) * w])
            assert abs(slope @ flow) <= 1e-13 * np.abs(slope * flow).sum() * (
                1 + (abs(x * v) + abs(cross)) / abs(start)
            )


def test_collapse_that_was_integrated():
    limit = predicted.collapsed_predictor(2.0, 1.2, 1.5, 0.9, 0.9)
    assert limit == pytest.approx(0.717111, abs=6e-7)
    assert predicted.collapsed_predictor(2.0, 1.2, 1.5, 0.6, 0.9) == pytest.approx(0.6, rel=1e-15)
    early, late = predicted.collapse_strength(np.array([1e6, 1e8]), 3, 2.0, 1.2, 1.5, limit)
    assert np.log(late / early) / np.log(100) == pytest.approx(-1 / 4, rel=1e-12)
    # w at time 2000 by a stiff solver: 0.01759 at L = 2, 0.1115 at L = 3; the law is right to 1 / (m t).
    assert predicted.collapse_strength(2000.0, 2, 2.0, 1.2, 1.5, limit) == pytest.approx(0.01759, rel=2e-3)
    assert predicted.collapse_strength(2000.0, 3, 2.0, 1.2, 1.5, limit) == pytest.approx(0.1115, rel=1e-3)
    rate = -np.log(float(predicted.collapse_strength(1.0, 1, 2.0, 1.2, 1.5, limit)))
    assert rate == pytest.approx(2 * limit**2 - 2.4 * limit + 1.5, rel=1e-13)
    assert rate == pytest.approx(0.807, abs=6e-4)
