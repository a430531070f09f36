"""The consistency transform and the box of logits: against maximisation, certificates, and their extremal cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, minimize, minimize_scalar

from theory import naive_bayes_vs_logistic as predicted

UNIT_ROUNDOFF = 2.0**-53
seeds = st.integers(0, 2**32 - 1)
gaps = st.floats(0, 1)
bounds = st.floats(0.05, 30) | st.just(np.inf)


def random_posterior(rng, n_classes):
    return rng.dirichlet(np.full(n_classes, rng.choice([0.05, 0.3, 1.0, 5.0])))


@settings(deadline=None)
@given(gaps)
def test_the_transform_is_the_entropy_deficit_of_a_coin(t):
    terms = [(1 + s * t) / 2 * np.log1p(s * t) if s * t > -1 else 0.0 for s in (1, -1)]
    value = predicted.consistency_transform(t)
    assert value == pytest.approx(sum(terms), rel=0, abs=8 * UNIT_ROUNDOFF)
    tiny = np.finfo(float).tiny  # below it, products underflow
    assert value >= t**2 / 2 * (1 - 8 * UNIT_ROUNDOFF) - tiny
    assert value <= np.log(2) * t**2 * (1 + 8 * UNIT_ROUNDOFF) + tiny


def test_the_transform_of_small_and_extreme_gaps():
    small = np.array([1e-12, 1e-7, 1e-4])
    np.testing.assert_allclose(
        predicted.consistency_transform(small), small**2 / 2 + small**4 / 12, rtol=16 * UNIT_ROUNDOFF
    )
    assert predicted.consistency_transform(0) == 0
    assert predicted.consistency_transform(1) == pytest.approx(np.log(2), rel=2 * UNIT_ROUNDOFF)
    near_one = 1 - 2.0**-40
    expected = np.log(2) - 2.0**-41 * (1 + 41 * np.log(2))  # (2 - e)/2 log(2 - e) + e/2 log e, to order e
    assert predicted.consistency_transform(near_one) == pytest.approx(expected, rel=4 * UNIT_ROUNDOFF)


@settings(deadline=None)
@given(gaps, st.floats(0.05, 10))
def test_the_bounded_transform_is_the_supremum(t, bound):
    found = minimize_scalar(
        lambda x: np.log(np.cosh(x)) - x * t, bounds=(0, bound), method="bounded", options={"xatol": 1e-9}
    )
    value = predicted.consistency_transform(t, bound)
    at_ends = max(0.0, bound * t - np.log(np.cosh(bound)))
    # The maximum is flat: 1e-9 off the maximiser costs 1e-18 of it inside, and at the end it is `at_ends`.
    assert value == pytest.approx(max(-found.fun, at_ends), rel=0, abs=64 * UNIT_ROUNDOFF * (1 + bound))
    assert value <= predicted.consistency_transform(t) + 4 * UNIT_ROUNDOFF
    assert value <= predicted.consistency_transform(t, bound + 1) + 4 * UNIT_ROUNDOFF * (1 + bound)


@settings(deadline=None)
@given(gaps, gaps, gaps, bounds)
def test_the_transform_is_convex(first, second, share, bound):
    middle = share * first + (1 - share) * second
    chord = share * predicted.consistency_transform(first, bound)
    chord += (1 - share) * predicted.consistency_transform(second, bound)
    assert predicted.consistency_transform(min(middle, 1.0), bound) <= chord + 16 * UNIT_ROUNDOFF


def test_reference_values_with_bounded_logits():
    for bound, t, value in ((0.5, 0.6, 0.179885493), (0.5, 0.9, 0.329885493), (1, 0.9, 0.466219169)):
        assert predicted.consistency_transform(t, bound) == pytest.approx(value, abs=1e-9)


@settings(deadline=None)
@given(st.floats(1e-9, 1), bounds)
def test_the_inverse_undoes_the_transform(t, bound):
    z = predicted.consistency_transform(t, bound)
    back = predicted.consistency_transform_inverse(z, bound)
    slope = min(np.arctanh(min(t, 1 - UNIT_ROUNDOFF)), bound)
    # Rounding of z is divided by the slope of the transform; 1 - t above is known to one rounding only.
    assert back == pytest.approx(t, rel=16 * UNIT_ROUNDOFF * (1 + z / (slope * t)), abs=UNIT_ROUNDOFF)


@settings(deadline=None)
@given(st.floats(1e-6, 0.69), st.floats(0.05, 10))
def test_the_inverse_is_the_infimum(z, bound):
    log_grid, step = np.linspace(np.log(1e-4), np.log(bound), 4000, retstep=True)
    grid = np.exp(log_grid)
    heights = z + np.log1p(2 * np.sinh(grid / 2) ** 2)
    best = np.argmin(heights / grid)
    # The second derivative of the quotient in log lambda is at most lambda + 3 heights / lambda, and the minimiser is
    # within a step of the best point.
    slack = step**2 * (grid[best] + 3 * heights[best] / grid[best])
    value = predicted.consistency_transform_inverse(z, bound)
    infimum = min(1, heights[best] / grid[best])
    assert infimum - slack <= value <= infimum * (1 + 16 * UNIT_ROUNDOFF)


def test_the_inverse_ends_at_one():
    z = np.array([np.log(2), 0.7, 5.0, np.inf])
    np.testing.assert_array_equal(predicted.consistency_transform_inverse(z), 1)
    np.testing.assert_array_equal(predicted.consistency_transform_inverse(z, 0.5), 1)
    assert predicted.consistency_transform_inverse(0.0) == 0
    assert predicted.consistency_transform_inverse(np.zeros((2, 3)), 2).shape == (2, 3)


@settings(deadline=None)
@given(seeds, st.integers(2, 10), st.floats(0.01, 5))
def test_the_divergence_exceeds_its_bounds(seed, n_classes, scale):
    rng = np.random.default_rng(seed)
    p = np.stack([random_posterior(rng, n_classes) for _ in range(50)])
    logits = scale * rng.normal(size=p.shape)
    logits[::2] += np.log(np.maximum(p[::2], 1e-300))
    q = np.exp(logits - logits.max(axis=1, keepdims=True))
    q /= q.sum(axis=1, keepdims=True)
    divergence, bound = predicted.kl_divergence(p, q), predicted.top_two_kl_bound(p, q)
    slack = 4 * n_classes * UNIT_ROUNDOFF * (1 + np.abs(np.log(np.maximum(p, 1e-300))).max())
    assert np.all(divergence >= bound - slack)
    regret = p.max(axis=1) - p[np.arange(50), q.argmax(axis=1)]
    assert np.all(bound >= predicted.consistency_transform(regret) - slack)
    assert np.all(regret <= predicted.zero_one_regret_bound(np.maximum(divergence, 0)) + np.sqrt(2 * slack))


@settings(deadline=None)
@given(seeds, st.integers(2, 10))
def test_the_extremal_prediction_meets_the_bound(seed, n_classes):
    rng = np.random.default_rng(seed)
    p = np.sort(rng.dirichlet(np.full(n_classes, 2.0)))
    best, rival = p[-1], p[-2]
    q = p.copy()
    q[-2:] = (best + rival) / 2  # the tie goes to the first class, which is the rival
    expected = best * np.log(2 * best / (best + rival)) + rival * np.log(2 * rival / (best + rival))
    assert predicted.kl_divergence(p, q) == pytest.approx(expected, abs=8 * UNIT_ROUNDOFF)
    assert predicted.top_two_kl_bound(p, q) == pytest.approx(expected, abs=8 * UNIT_ROUNDOFF)


def test_divergence_of_distributions_with_zeros():
    p, q = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]), np.array([[0.25, 0.25, 0.5], [0.0, 0.5, 0.5]])
    np.testing.assert_allclose(predicted.kl_divergence(p, q), [np.log(2), np.inf], rtol=4 * UNIT_ROUNDOFF)


def test_sqrt_two_is_sharp():
    t = 0.05
    ratio = t / predicted.zero_one_regret_bound(predicted.consistency_transform(t))
    assert 1 - t**2 / 12 - t**4 / 30 < ratio < 1 - t**2 / 12  # Psi = t^2/2 (1 + t^2/6 + t^4/15 + ...)
    np.testing.assert_array_equal(predicted.zero_one_regret_bound(np.array([0, 0.5, 2.0])), [0, 1, 2])


@settings(deadline=None)
@given(seeds, st.integers(2, 8), st.floats(0.05, 5))
def test_the_ratio_condition_says_whether_the_box_reaches_the_posterior(seed, n_classes, bound):
    p = random_posterior(np.random.default_rng(seed), n_classes)
    entropy = -np.sum(p[p > 0] * np.log(p[p > 0]))
    excess = predicted.box_minimiser(p, bound).loss - entropy
    slack = 16 * n_classes * UNIT_ROUNDOFF * (1 + bound)
    if predicted.ratio_condition(p, bound):
        assert abs(excess) <= slack
    else:
        assert excess >= -slack
    with_zero = np.append(p, 0.0)
    assert not predicted.ratio_condition(with_zero, 30)
    assert predicted.ratio_condition(with_zero, np.inf)
    edge = np.array([1.0, np.exp(-2 * bound)]) / (1 + np.exp(-2 * bound))
    assert predicted.ratio_condition(edge, bound * (1 + 1e-12))
    assert not predicted.ratio_condition(edge, bound * (1 - 1e-12))


@settings(deadline=None)
@given(seeds, st.integers(2, 8), st.floats(0.05, 20), st.booleans())
def test_the_box_minimiser_meets_its_conditions(seed, n_classes, bound, with_zeros):
    rng = np.random.default_rng(seed)
    p = np.stack([random_posterior(rng, n_classes) for _ in range(20)])
    if with_zeros:
        p = np.where(rng.random(p.shape) < 0.4, 0, p) + np.eye(n_classes)[rng.integers(n_classes, size=20)]
        p /= p.sum(axis=1, keepdims=True)
    logits, loss = predicted.box_minimiser(p, bound)
    q = np.exp(logits - logits.max(axis=1, keepdims=True))
    q /= q.sum(axis=1, keepdims=True)
    slack = 16 * n_classes * UNIT_ROUNDOFF * (1 + bound)
    assert np.all(np.abs(logits) <= bound)
    assert np.all((p - q)[logits < bound] <= slack)
    assert np.all((p - q)[logits > -bound] >= -slack)
    np.testing.assert_allclose(loss, -np.sum(p * np.log(q), axis=1), atol=slack)
    other = rng.uniform(-bound, bound, p.shape)
    assert np.all(predicted.conditional_regret(other, p, bound) >= -slack)
    np.testing.assert_array_equal(predicted.conditional_regret(logits, p, bound), 0)


def test_the_box_minimiser_agrees_with_a_general_solver():
    rng = np.random.default_rng(0)
    for n_classes, bound in ((3, 0.5), (5, 1.0)):
        p = rng.dirichlet(np.full(n_classes, 0.3))
        mine = predicted.box_minimiser(p, bound)
        found = minimize(
            lambda h, p=p: np.log(np.sum(np.exp(h))) - p @ h,
            np.zeros(n_classes),
            jac=lambda h, p=p: np.exp(h) / np.sum(np.exp(h)) - p,
            constraints=LinearConstraint(np.eye(n_classes), -bound, bound),
            method="SLSQP",
            options={"ftol": 1e-14},
        )
        assert mine.loss == pytest.approx(found.fun, rel=0, abs=1e-8)  # a gradient of 1e-5 costs a loss below 1e-8


@settings(deadline=None)
@given(st.floats(0.05, 5), st.floats(0, 1))
def test_two_classes_regret_the_bounded_transform(bound, t):
    p = np.array([(1 + t) / 2, (1 - t) / 2])
    assert predicted.conditional_regret(np.zeros(2), p, bound) == pytest.approx(
        predicted.consistency_transform(t, bound), abs=16 * UNIT_ROUNDOFF * (1 + bound)
    )
    assert predicted.box_tie_threshold(2, bound) == 0


@settings(deadline=None)
@given(st.integers(3, 8), st.floats(0.1, 3), st.floats(0, 1))
def test_up_to_the_threshold_the_top_two_classes_tie(n_classes, bound, share):
    threshold = predicted.box_tie_threshold(n_classes, bound)
    rho = (n_classes - 2) * np.exp(-2 * bound)
    assert threshold == pytest.approx(rho / (2 + rho), rel=4 * UNIT_ROUNDOFF)
    t = share * threshold
    p = np.zeros(n_classes)
    p[:2] = (1 + t) / 2, (1 - t) / 2
    corner = np.full(n_classes, -bound)
    corner[:2] = bound
    slack = 8 * n_classes * UNIT_ROUNDOFF * (1 + bound)
    assert predicted.conditional_regret(corner, p, bound) == pytest.approx(0, abs=slack)
    beyond = min(2 * threshold, (1 + threshold) / 2)
    p[:2] = (1 + beyond) / 2, (1 - beyond) / 2
    assert predicted.conditional_regret(corner, p, bound) > slack


def test_reference_regrets_at_and_past_the_threshold():
    p = np.array([0.55, 0.45, 0.0])
    minimum = predicted.box_minimiser(p, 0.5)
    np.testing.assert_array_equal(minimum.logits, [0.5, 0.5, -0.5])
    assert minimum.loss == pytest.approx(0.861994804, abs=5.1e-10)
    for n_classes, bound, regret in ((3, 0.5, 3.1e-5), (3, 1, 5.0e-6), (4, 0.5, 9.8e-5), (6, 1, 6.0e-5)):
        t = 1.05 * predicted.box_tie_threshold(n_classes, bound)
        p = np.append([(1 + t) / 2, (1 - t) / 2], np.zeros(n_classes - 2))
        corner = np.append([bound, bound], np.full(n_classes - 2, -bound)).astype(float)
        assert predicted.conditional_regret(corner, p, bound) == pytest.approx(regret, rel=0.02)
