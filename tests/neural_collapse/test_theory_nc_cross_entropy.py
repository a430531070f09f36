"""Cross-entropy: the closed form at depth one, stationary frames at explicit parameters, the counterexample."""

import mpmath
import numpy as np
import pytest
from heads_by_hand import UNIT_ROUNDOFF, ce_loss_and_gradient, decay, general, least
from hypothesis import assume, given
from hypothesis import strategies as st

from theory import neural_collapse as predicted

classes = st.integers(2, 8)
samples = st.integers(1, 20)
weak_layers = st.lists(st.floats(-6, -1).map(lambda e: 10.0**e), min_size=1, max_size=5)


def head_value(scale, pattern, n, decays, feature_decay):
    """Objective and largest gradient entry at explicit balanced parameters with these logits."""
    weights, scaled = predicted.balanced_factorisation(scale * np.sqrt(n) * pattern, decays, feature_decay)
    value, gradient = ce_loss_and_gradient([*weights, scaled / np.sqrt(n)], n, decays, feature_decay)
    return value, max(np.abs(part).max() for part in gradient)


def frame_cost(scales, margins, singular_values, n, decays, feature_decay):
    """Loss of a class whose logit exceeds the others by scale * margins, plus the decay, at each of `scales`."""
    scales = np.asarray(scales)
    loss = np.log1p(np.sum(np.exp(-np.multiply.outer(scales, margins)), axis=-1))
    factors = len(decays) + 1
    strength = factors / 2 * (feature_decay * np.prod(decays)) ** (1 / factors)
    return loss + strength * np.sum((np.sqrt(n) * np.multiply.outer(scales, singular_values)) ** (2 / factors), axis=-1)


def polytope(n_classes):
    assert n_classes % 2 == 0
    return np.array([1.0] * (n_classes - 2) + [2.0]), np.full(n_classes // 2, 2.0)


@general
@given(classes, samples, decay, st.floats(-3, 0.3))
def test_shallow_optimum_is_a_critical_point_with_its_value(n_classes, n, feature_decay, exponent):
    # sqrt(n lambda_W lambda_H) K runs over [.001, 2]
    weight_decay = (10.0**exponent / n_classes) ** 2 / (n * feature_decay)
    optimum = predicted.ce_optimum_shallow(n_classes, n, weight_decay, feature_decay)
    strength = np.sqrt(n * weight_decay * feature_decay)
    scale, value = least(
        lambda s: np.log1p((n_classes - 1) * np.exp(-s)) + (n_classes - 1) * strength * s, 2 * np.log(2 / strength)
    )
    # A searched minimum has the value to rounding, and its argument to the square root of it over the curvature.
    assert optimum.value == pytest.approx(value, abs=64 * UNIT_ROUNDOFF * n_classes)
    assert optimum.trivial == (n_classes * strength >= 1) == (optimum.scale == 0)
    assert optimum.scale == pytest.approx(scale, abs=1e-5)
    pattern = np.eye(n_classes) - 1 / n_classes
    at_head, slope = head_value(optimum.scale, pattern, n, [weight_decay], feature_decay)
    assert at_head == pytest.approx(optimum.value, abs=64 * UNIT_ROUNDOFF * n_classes)
    # Terms of size up to the balanced factors' norm cancel to rounding.
    assert slope <= 1024 * UNIT_ROUNDOFF * (1 + optimum.scale) * (
        1 + np.sqrt(weight_decay / feature_decay + feature_decay * n / weight_decay)
    )


@pytest.mark.parametrize("gap", [1e-3, 1e-9, 1e-13])
def test_shallow_scale_near_the_threshold(gap):
    n_classes, strength = 4, (1 - gap) / 4
    optimum = predicted.ce_optimum_shallow(n_classes, 1, strength, strength)
    with mpmath.workdps(40):
        exact = mpmath.log(1 / (mpmath.mpf(strength)) - 3)
    # 1/s - K is a difference of numbers near K.
    assert optimum.scale == pytest.approx(float(exact), abs=16 * n_classes * UNIT_ROUNDOFF)
    assert not optimum.trivial


@general
@given(classes, samples, weak_layers, decay)
def test_etf_stationary(n_classes, n, decays, feature_decay):
    scale, value = predicted.etf_stationary(n_classes, n, decays, feature_decay)
    assume(scale > 0)
    singular = np.ones(n_classes - 1)
    assert value == pytest.approx(
        float(frame_cost(scale, singular, singular, n, decays, feature_decay)), rel=256 * UNIT_ROUNDOFF
    )
    # A stationary point: the derivative changes sign within 1e-6, where the cost is well above its rounding.
    near = frame_cost(scale * np.array([1 - 1e-4, 1, 1 + 1e-4]), singular, singular, n, decays, feature_decay)
    assert near[1] <= near[0] + 64 * UNIT_ROUNDOFF
    assert near[1] <= near[2] + 64 * UNIT_ROUNDOFF
    further = frame_cost(scale * np.geomspace(1, 100, 400), singular, singular, n, decays, feature_decay)
    assert np.all(np.diff(further) > -64 * UNIT_ROUNDOFF * further[1:])
    if len(decays) == 1:
        shallow = predicted.ce_optimum_shallow(n_classes, n, decays[0], feature_decay)
        # Near the threshold the root of a difference of logarithms is good to rounding over its slope, about one.
        assert scale == pytest.approx(shallow.scale, abs=1e3 * UNIT_ROUNDOFF * n_classes)
        assert value == pytest.approx(shallow.value, rel=256 * UNIT_ROUNDOFF)
    _, slope = head_value(scale, np.eye(n_classes) - 1 / n_classes, n, decays, feature_decay)
    norms = np.sqrt(1 / np.array([*decays, feature_decay]).min())
    assert slope <= 1e4 * UNIT_ROUNDOFF * n_classes * (1 + scale) * norms


@general
@given(st.integers(1, 4), samples, weak_layers, decay)
def test_cross_polytope_stationary(half, n, decays, feature_decay):
    n_classes = 2 * half
    scale, value = predicted.cross_polytope_stationary(n_classes, n, decays, feature_decay)
    assume(scale > 0)
    margins, singular = polytope(n_classes)
    assert value == pytest.approx(
        float(frame_cost(scale, margins, singular, n, decays, feature_decay)), rel=256 * UNIT_ROUNDOFF
    )
    vectors = np.kron(np.eye(half), [[1.0, -1.0]])
    at_head, slope = head_value(scale, vectors.T @ vectors, n, decays, feature_decay)
    assert at_head == pytest.approx(value, rel=1e3 * UNIT_ROUNDOFF)
    assert slope <= 1e4 * UNIT_ROUNDOFF * n_classes * (1 + scale) * np.sqrt(
        1 / np.array([*decays, feature_decay]).min()
    )


def test_odd_cross_polytope_has_one_single_vector():
    pattern = predicted.cross_polytope_pattern(5)
    vectors = np.array([[1, -1, 0, 0, 0], [0, 0, 1, -1, 0], [0, 0, 0, 0, 1.0]])
    np.testing.assert_array_equal(pattern, vectors.T @ vectors)
    scale, value = predicted.cross_polytope_stationary(5, 4, [1e-3] * 2, 1e-3)
    at_head, _ = head_value(scale, pattern, 4, [1e-3] * 2, 1e-3)
    assert value == pytest.approx(at_head, rel=1e3 * UNIT_ROUNDOFF)
    for other in (0.999, 1.001):
        assert head_value(scale * other, pattern, 4, [1e-3] * 2, 1e-3)[0] > value


@general
@given(st.integers(2, 5), samples, weak_layers, decay, st.integers(0, 2**32 - 1))
def test_frame_value_is_the_global_minimum_over_the_scale(n_classes, n, decays, feature_decay, seed):
    rng = np.random.default_rng(seed)
    pattern = rng.uniform(-1, 1, (n_classes, n_classes))
    pattern[np.diag_indices(n_classes)] = pattern.max(axis=0) + rng.uniform(0.2, 1, n_classes)
    scale, value = predicted.frame_value(pattern, n, decays, feature_decay)
    singular = np.linalg.svd(pattern, compute_uv=False)
    margins = [np.delete(pattern[k, k] - pattern[:, k], k) for k in range(n_classes)]

    def cost(scales):
        return np.mean([frame_cost(scales, margin, singular, n, decays, feature_decay) for margin in margins], axis=0)

    _, searched = least(cost, 400.0)
    # The smallest of the random singular values enters in the power 2/L with the rounding of the largest.
    tolerance = 1e3 * UNIT_ROUNDOFF * singular[0] / singular[-1]
    assert value == pytest.approx(searched, rel=tolerance, abs=1e-14)
    assert value == pytest.approx(float(cost(scale)), rel=tolerance)
    bigger = predicted.frame_value(3 * pattern, n, decays, feature_decay)
    assert bigger[0] * 3 == pytest.approx(scale, rel=1e-6, abs=1e-9)
    assert bigger[1] == pytest.approx(value, rel=4 * tolerance)


def test_beyond_the_last_stationary_point_and_where_zero_is_better():
    for function in (predicted.etf_stationary, predicted.cross_polytope_stationary):
        assert function(4, 3, [1.0, 1.0], 1.0) == (0.0, np.log(4))
    assert predicted.frame_value(np.eye(4), 3, [1.0], 1.0) == (0.0, np.log(4))
    strengths = np.geomspace(0.01, 0.3, 60)
    pattern = np.eye(4) - 0.25
    values = [predicted.etf_stationary(4, 3, [s, s], s) for s in strengths]
    metastable = [i for i, (scale, value) in enumerate(values) if scale > 0 and value > np.log(4)]
    assert metastable
    for i in metastable:
        assert predicted.frame_value(pattern, 3, [strengths[i]] * 2, strengths[i]) == (0.0, np.log(4))


# (K, M, n, decay): values of the simplex frame and of the cross-polytope, from an independent program
COUNTEREXAMPLES = [
    ((6, 2, 4, 1e-3), 0.0480968062, 0.0451215685, 5.1e-11),
    ((4, 3, 4, 1e-3), 0.0248919711, 0.0229588664, 5.1e-11),
    ((4, 2, 10, 1e-3), 0.038133, 0.038666, 5.1e-7),
    ((10, 2, 10, 1e-3), 0.114362, 0.100933, 5.1e-7),
    ((10, 6, 10, 5e-4), 0.042092, 0.028747, 5.1e-7),
    ((10, 1, 10, 1e-3), 0.19188, 0.20611, 5.1e-6),
    ((4, 2, 4, 1e-2), 0.227279, 0.226502, 1.1e-6),
]


@pytest.mark.parametrize(("setting", "etf", "cross", "digits"), COUNTEREXAMPLES)
def test_the_simplex_frame_is_beaten(setting, etf, cross, digits):
    n_classes, depth, n, strength = setting
    decays = [strength] * depth
    scale, value = predicted.etf_stationary(n_classes, n, decays, strength)
    other_scale, other = predicted.cross_polytope_stationary(n_classes, n, decays, strength)
    at_head, slope = head_value(scale, np.eye(n_classes) - 1 / n_classes, n, decays, strength)
    vectors = np.kron(np.eye(n_classes // 2), [[1.0, -1.0]])
    other_at_head, other_slope = head_value(other_scale, vectors.T @ vectors, n, decays, strength)
    assert max(slope, other_slope) < 1e-12
    assert (at_head, other_at_head) == pytest.approx((value, other), rel=1e3 * UNIT_ROUNDOFF)
    assert (value, other) == pytest.approx((etf, cross), abs=digits)


@pytest.mark.parametrize("n_classes", range(2, 11))
@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_rule_for_vanishing_decay(n_classes, depth):
    # Both frames have the same logits to leading order, so the penalties' ratio decides; it is reached in 1/log.
    decays = [1e-250] * depth
    _, etf = predicted.etf_stationary(n_classes, 1, decays, 1e-250)
    _, cross = predicted.cross_polytope_stationary(n_classes, 1, decays, 1e-250)
    if n_classes == 2:  # the two frames are the same
        # exp of logits near log 1e250 = 576, each rounded a few times.
        assert cross == pytest.approx(etf, rel=4 * 576 * UNIT_ROUNDOFF)
        assert not predicted.etf_beaten_by_cross_polytope(2, depth)
    else:
        assert predicted.etf_beaten_by_cross_polytope(n_classes, depth) == (cross < etf)
