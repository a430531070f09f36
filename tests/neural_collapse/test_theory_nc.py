"""The closed forms of deep linear heads where no claim asks: many digits, ties, bounds, what is no
frame.
"""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.neural_collapse import (
    cross_entropy,
    landscape,
    mean_square,
)

UNIT_ROUNDOFF = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=40)


@general
@given(st.integers(1, 1000), st.floats(0, 1))
def test_largest_root_to_fifty_digits(depth, position):
    # log beta runs over [-300 log 10, log(.99 beta_ex)]
    log_beta = -690 + position * (690 + np.log(0.99 * mean_square.existence_threshold(depth)))
    beta = float(np.exp(log_beta))
    with mpmath.workdps(50):
        m = mpmath.mpf(depth)

        def equation(u):
            return (
                mpmath.log(m)
                + (1 - 1 / m) * u
                - 2 * mpmath.log1p(mpmath.exp(u))
                - mpmath.log(mpmath.mpf(beta))
            )

        peak = mpmath.log((m - 1) / (m + 1)) if depth > 1 else mpmath.mpf(-200)
        u = mpmath.findroot(
            equation, (peak, mpmath.mpf(720)), solver="bisect", tol=1e-60, maxsteps=200
        )
        slope = abs(float((1 - 1 / m) - 2 / (1 + mpmath.exp(-u))))
        exact = float(mpmath.exp(u / m))
    # Evaluating the equation rounds terms of size |u| + log M + |log beta|; the slope turns that
    # into an error of u.
    error_of_u = 8 * UNIT_ROUNDOFF * (2 + 3 * abs(float(u)) + np.log(depth) + abs(log_beta)) / slope
    computed = float(mean_square.largest_root(beta, depth))
    assert computed == pytest.approx(exact, rel=error_of_u / depth + 4 * UNIT_ROUNDOFF, abs=0)
    bound = error_of_u + 8 * depth * UNIT_ROUNDOFF * (1 + abs(float(u)))
    assert float(mean_square.shrinkage(computed, depth)) == pytest.approx(
        float(1 / (1 + mpmath.exp(-u))), rel=bound, abs=0
    )


# Logarithms of up to five decays, divided by the depth, and powers of up to five: some hundred
# roundings.
ROUNDING = 1024 * UNIT_ROUNDOFF


@pytest.mark.parametrize("large", [10, 10**6, 10**12])
def test_a_tiny_class_beside_a_huge_one_keeps_its_digits(large):
    optimum = mean_square.mse_optimum([large, 1], [1e-9], 1e-9, bias=True)
    total = large + 1
    assert optimum.betas == pytest.approx(
        [total**2 * 1e-18 * total / (2 * large)], rel=ROUNDING, abs=0
    )


def test_a_bottleneck_keeps_the_largest_classes_wherever_they_stand():
    optimum = mean_square.mse_optimum([1, 6, 2, 4], [0.02, 0.02], 0.02, widths=(2, 4))
    assert optimum.alive.tolist() == [False, True, False, True]
    assert not optimum.cut_is_tied
    shallow = mean_square.mse_optimum([1, 6, 2, 4], [0.02], 0.02, widths=[2])
    assert np.diag(shallow.logits) == pytest.approx(
        [0, 1 - 0.26 / np.sqrt(6), 0, 0.87], rel=ROUNDING, abs=0
    )
    tied = mean_square.mse_optimum([1, 6, 4, 4], [0.02, 0.02], 0.02, widths=(2, 4))
    assert tied.cut_is_tied
    assert not mean_square.mse_optimum([6, 4, 4], [1.0, 1.0], 1.0, widths=(2, 3)).cut_is_tied
    assert not mean_square.mse_optimum([6, 4, 4], [0.02, 0.02], 0.02, widths=(1, 3)).cut_is_tied
    assert mean_square.mse_optimum([3] * 4, [0.02], 0.02, widths=[2], bias=True).cut_is_tied
    assert not mean_square.mse_optimum(
        [3] * 4, [0.02], 0.02, widths=[3], bias=True, bias_decay=0.5
    ).cut_is_tied


@pytest.mark.parametrize(("ratio", "n_directions"), [(0.9, 1), (1.1, 2)])
def test_null_singular_values_are_those_of_matrix_rank(ratio, n_directions):
    product = np.diag([1.0, ratio * 3 * 2.0**-52, 0.0])
    assert np.linalg.matrix_rank(product) == n_directions
    assert (mean_square.schatten_penalty(product, [1.0] * 9, 1.0) > 5.001) == (n_directions == 2)


def test_a_hundred_thousand_layers_do_not_overflow():
    decays = np.full(100_000, 1e-3)
    expected = 100_001 / 2 * 1e-3 * 2 * 4.0 ** (2 / 100_001)
    # The sum of the logarithms rounds to some 1e5 u relative to itself, and is divided by their
    # number.
    computed = mean_square.schatten_penalty(4 * np.eye(2), decays, 1e-3)
    assert computed == pytest.approx(expected, rel=1e6 * UNIT_ROUNDOFF, abs=0)


def test_the_spectral_norm_decides():
    # Columns add up to 1.4
    assert landscape.is_global_shallow(np.array([[0.6, 0.8], [-0.8, 0.6]]), 1.0, 1.0)


def test_a_weak_residual_is_left_alone_and_a_strong_one_shrunk():
    residual = np.array([[1.0, -1.0], [0.5, 0.5]])
    np.testing.assert_array_equal(landscape.rescaled_dual(residual, 1.0, 1.0), residual / 2)
    shrunk = landscape.rescaled_dual(residual, 0.01, 0.04)
    assert np.linalg.norm(shrunk, 2) == pytest.approx(0.02, rel=16 * UNIT_ROUNDOFF, abs=0)
    np.testing.assert_allclose(shrunk, residual * 0.02 / np.sqrt(2), rtol=64 * UNIT_ROUNDOFF)
    centred = landscape.rescaled_dual(residual, 1.0, 1.0, bias=True)
    np.testing.assert_allclose(centred, [[0.5, -0.5], [0, 0]], atol=4 * UNIT_ROUNDOFF)


def test_no_distribution_gives_no_bound():
    labels = np.array([0, 1])
    assert (
        landscape.dual_bound(np.array([[-0.1, 0.1], [0.1, -0.1]]), labels, 1.0, 1.0, loss="ce")
        == -np.inf
    )
    assert (
        landscape.dual_bound(np.array([[0.1, 0.1], [0.1, 0.1]]), labels, 1.0, 1.0, loss="ce")
        == -np.inf
    )
    # Columns (.8, .2): their entropy
    bound = landscape.dual_bound(np.array([[0.1, -0.1], [-0.1, 0.1]]), labels, 1.0, 1.0, loss="ce")
    assert bound == pytest.approx(
        -0.8 * np.log(0.8) - 0.2 * np.log(0.2), rel=16 * UNIT_ROUNDOFF, abs=0
    )


@pytest.mark.parametrize("gap", [1e-3, 1e-9, 1e-13])
def test_shallow_scale_near_the_threshold(gap):
    n_classes = 4
    strength = (1 - gap) / 4
    optimum = cross_entropy.ce_optimum_shallow(n_classes, 1, strength, strength)
    with mpmath.workdps(40):
        exact = mpmath.log(1 / (mpmath.mpf(strength)) - 3)
    # 1/s - K is a difference of numbers near K.
    assert optimum.scale == pytest.approx(float(exact), abs=16 * n_classes * UNIT_ROUNDOFF)
    assert not optimum.trivial


@pytest.mark.parametrize("n_samples", [7, 300])
def test_the_critical_class_size_at_depths_one_and_two_by_hand(n_samples):
    one = landscape.critical_class_size(n_samples, [0.03], 0.05)
    assert one == pytest.approx(n_samples**2 * 0.03 * 0.05, rel=1e-14)
    # At depth two the threshold (M - 1)^((M - 1)/M) / M is 1/2.
    two = landscape.critical_class_size(n_samples, [0.03, 0.02], 0.05)
    assert two == pytest.approx(4 * n_samples * (n_samples * 3e-5) ** 0.5, rel=1e-14)


def test_above_the_threshold_the_bias_alone_leaves_the_variance_of_a_label_by_hand():
    # Sizes 3 and 1: the frequencies are 3/4 and 1/4, so that 1/2 - (9 + 1) / (2 16) = 3/16 is left.
    optimum = mean_square.mse_optimum((3, 1), [10.0], 10.0, bias=True)
    assert optimum.value == pytest.approx(3 / 16, rel=1e-14)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_largest_common_decay_makes_the_smallest_class_critical(depth):
    sizes = (6, 4, 2)
    decay = landscape.largest_common_decay(sizes, depth)
    critical = landscape.critical_class_size(sum(sizes), [decay] * depth, decay)
    assert critical == pytest.approx(min(sizes), rel=1e-13)
    for factor, last_lives in ((1 - 1e-6, True), (1 + 1e-6, False)):
        optimum = mean_square.mse_optimum(sizes, [factor * decay] * depth, factor * decay)
        assert optimum.alive.tolist() == [True, True, last_lives]


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_at_the_threshold_zero_ties_with_a_known_share(depth):
    threshold = mean_square.global_threshold(depth)
    root = mean_square.largest_root(threshold, depth)
    assert mean_square.shrinkage(root, depth) == pytest.approx((depth - 1) / depth, rel=1e-13)
    assert mean_square.scalar_objective(root, threshold, depth) == pytest.approx(1, rel=1e-13)


def test_the_local_minimum_of_r_classes_is_the_global_one_behind_a_width_of_r():
    problem = (6, 4, 2, 1), [0.02, 0.03], 0.01
    narrow = [mean_square.mse_optimum(*problem, widths=(r, r)).value for r in range(1, 5)]
    assert landscape.local_minimum_values(*problem) == pytest.approx([0.5, *narrow], rel=1e-13)


def test_balanced_factors_attain_the_penalty():
    product = np.random.default_rng(4).standard_normal((4, 7))
    weights, features = mean_square.balanced_factorisation(product, [0.1, 0.2], 0.05)
    np.testing.assert_allclose(np.linalg.multi_dot([*weights[::-1], features]), product, atol=1e-13)
    decay = [
        0.05 * np.sum(features**2),
        0.1 * np.sum(weights[0] ** 2),
        0.2 * np.sum(weights[1] ** 2),
    ]
    penalty = mean_square.schatten_penalty(product, [0.1, 0.2], 0.05)
    assert np.sum(decay) / 2 == pytest.approx(penalty, rel=1e-13)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("share", [0.0001, 0.3, 0.9997, 1.2])
def test_the_rate_of_heavy_ball_descent_is_that_of_its_recursion(momentum, share):
    # It creeps, oscillates, overshoots and, beyond one, diverges.
    slope = 2 * (1 + momentum) * share
    recursion = np.array([[1 + momentum - slope, -momentum], [1, 0]])
    rate = -np.log(np.abs(np.linalg.eigvals(recursion)).max())
    assert landscape.heavy_ball_rate(slope / 0.1, 0.1, momentum) == pytest.approx(rate, rel=1e-10)


@pytest.mark.parametrize("decay", [1e-3, 0.1, 3.0])
@pytest.mark.parametrize("unit", [1e-12, 1, 1e12])
def test_the_best_scale_of_a_pattern_is_the_best_on_a_grid(decay, unit):
    pattern = np.where(np.eye(3) == 1, 1, np.random.default_rng(5).uniform(-0.9, 0.9, (3, 3)))
    scale, value = cross_entropy.frame_value(pattern * unit, 4, [decay] * 2, decay)
    scales = np.append(0, np.geomspace(1e-3, 1e3, 40_001))
    logits = scales[:, None, None] * pattern
    own = np.diagonal(logits, axis1=1, axis2=2)
    losses = np.mean(np.logaddexp.reduce(logits, axis=1) - own, axis=1)
    penalty = mean_square.schatten_penalty(2 * pattern, [decay] * 2, decay)
    costs = losses + penalty * scales ** (2 / 3)
    assert value == pytest.approx(costs.min(), rel=1e-6)
    assert scale * unit == pytest.approx(scales[np.argmin(costs)], rel=1e-3)


@pytest.mark.parametrize("decay", [1e-3, 0.12, 3.0])
def test_the_frame_is_stationary_at_the_last_minimum_on_a_grid(decay):
    # Three classes of four samples at depth two. Zero is better at 0.12, and all that is left at 3.
    scales = np.append(0, np.geomspace(1e-3, 1e3, 40_001))
    costs = np.log1p(2 * np.exp(-scales)) + 3 * decay * (2 * scales) ** (2 / 3)
    turns = 1 + np.flatnonzero((costs[1:-1] < costs[:-2]) & (costs[1:-1] <= costs[2:]))
    last = turns[-1] if turns.size else 0
    assert (costs[last] <= costs[0]) == (decay != 0.12)
    scale, value = cross_entropy.etf_stationary(3, 4, [decay] * 2, decay)
    assert value == pytest.approx(costs[last], rel=1e-6)
    assert scale == pytest.approx(scales[last], rel=1e-3)
