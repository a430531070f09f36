"""Invariances, limits, special cases, published settings and refusals of the square-loss optimum and its helpers."""

import numpy as np
import pytest
from heads_by_hand import UNIT_ROUNDOFF, class_sizes, decay, general, layers, least_cost, loss_and_gradient
from hypothesis import assume, given
from hypothesis import strategies as st

from theory import neural_collapse as predicted

seeds = st.integers(0, 2**32 - 1)
# Logarithms of up to five decays, divided by the depth, and powers of up to five: some hundred roundings.
ROUNDING = 1024 * UNIT_ROUNDOFF


def away_from_ties(optimum):
    threshold = predicted.global_threshold(optimum.weight_decays.size)
    return bool(np.all(np.abs(optimum.betas / threshold - 1) > 1e-3)) and not optimum.cut_is_tied


@general
@given(class_sizes, layers, decay, st.booleans(), seeds)
def test_the_order_of_classes_and_of_decays_does_not_matter(sizes, decays, feature_decay, bias, seed):
    assume(not bias or len(sizes) > 1)
    rng = np.random.default_rng(seed)
    optimum = predicted.mse_optimum(sizes, decays, feature_decay, bias=bias)
    assume(away_from_ties(optimum))
    order = rng.permutation(len(sizes))
    permuted = predicted.mse_optimum([sizes[k] for k in order], decays, feature_decay, bias=bias)
    assert permuted.value == pytest.approx(optimum.value, abs=ROUNDING)
    for name in ("logits", "product_gram", "classifier_gram", "feature_gram"):
        expected = getattr(optimum, name)[np.ix_(order, order)]
        np.testing.assert_allclose(getattr(permuted, name), expected, atol=16 * ROUNDING * (1 + np.abs(expected).max()))
    *mixed, last = rng.permutation([*decays, feature_decay])
    swapped = predicted.mse_optimum(sizes, mixed, float(last), bias=bias)
    assert swapped.value == pytest.approx(optimum.value, abs=ROUNDING)
    np.testing.assert_allclose(swapped.logits, optimum.logits, atol=16 * ROUNDING)


@general
@given(class_sizes, layers, decay, st.booleans(), st.integers(2, 50))
def test_more_samples_and_weaker_decay_cancel(sizes, decays, feature_decay, bias, factor):
    assume(not bias or len(sizes) > 1)
    optimum = predicted.mse_optimum(sizes, decays, feature_decay, bias=bias)
    weaker = factor ** (-1 / (len(decays) + 1))
    scaled = predicted.mse_optimum(
        [factor * n for n in sizes], [d * weaker for d in decays], feature_decay * weaker, bias=bias
    )
    assert scaled.value == pytest.approx(optimum.value, abs=ROUNDING)
    np.testing.assert_allclose(scaled.betas, optimum.betas, rtol=64 * ROUNDING)


@general
@given(class_sizes, layers, decay, st.booleans(), st.floats(1.01, 3))
def test_the_minimum_grows_with_every_decay(sizes, decays, feature_decay, bias, factor):
    assume(not bias or len(sizes) > 1)
    optimum = predicted.mse_optimum(sizes, decays, feature_decay, bias=bias)
    stronger = predicted.mse_optimum(sizes, [*decays[:-1], decays[-1] * factor], feature_decay, bias=bias)
    frequencies = np.array(sizes) / sum(sizes)
    trivial = 0.5 - np.sum(frequencies**2) / 2 if bias else 0.5
    assert optimum.value <= stronger.value + ROUNDING
    assert stronger.value <= trivial + ROUNDING
    assert (optimum.value < trivial - ROUNDING) or not np.any(optimum.alive)
    assert np.all(stronger.singular_values <= optimum.singular_values + ROUNDING * sum(sizes))
    if not bias:
        kept = optimum.singular_values / np.sqrt(sizes)
        assert np.all(np.diff(kept[np.argsort(sizes)]) >= -ROUNDING)


@general
@given(st.integers(1, 6), st.integers(1, 50), layers, decay, st.integers(1, 8))
def test_balanced_classes(n_classes, samples, decays, feature_decay, width):
    depth, n_samples = len(decays), n_classes * samples
    optimum = predicted.mse_optimum([samples] * n_classes, decays, feature_decay, widths=[width] * depth)
    assume(np.all(np.abs(optimum.betas / predicted.global_threshold(depth) - 1) > 1e-6))
    rank = min(width, n_classes)
    beta = depth * n_classes * (n_samples * feature_decay * np.prod(decays)) ** (1 / depth)
    root = predicted.global_root(beta, depth)
    value = (rank * predicted.scalar_objective(root, beta, depth) + n_classes - rank) / (2 * n_classes)
    assert optimum.value == pytest.approx(float(value), abs=ROUNDING)
    assert optimum.cut_is_tied == (rank < n_classes and root > 0)
    if n_classes > 1 and width >= n_classes:
        centred = predicted.mse_optimum([samples] * n_classes, decays, feature_decay, bias=True)
        assert centred.value == pytest.approx(optimum.value * (n_classes - 1) / n_classes, abs=ROUNDING)
        assert centred.bias == pytest.approx(np.full(n_classes, 1 / n_classes), rel=ROUNDING)
        if root > 0:
            frame = predicted.simplex_etf(n_classes)
            assert predicted.frame_distance(centred.logits, frame) < 64 * ROUNDING
            assert predicted.frame_distance(optimum.logits, predicted.orthogonal_frame(n_classes)) < ROUNDING


@general
@given(class_sizes, decay, decay)
def test_depth_one_is_a_soft_threshold(sizes, weight_decay, feature_decay):
    weight_decay = weight_decay / 10
    optimum = predicted.mse_optimum(sizes, [weight_decay], feature_decay)
    n, total = np.array(sizes), sum(sizes)
    kept = np.maximum(np.sqrt(n) - total * np.sqrt(weight_decay * feature_decay), 0)
    scale = np.sqrt(total) * (1 + total)
    np.testing.assert_allclose(optimum.singular_values, kept, atol=ROUNDING * scale)
    squared = np.maximum(np.sqrt(n * feature_decay / weight_decay) - total * feature_decay, 0)
    np.testing.assert_allclose(np.diag(optimum.product_gram), squared, atol=ROUNDING * scale / np.sqrt(weight_decay))
    np.testing.assert_allclose(np.diag(optimum.classifier_gram), squared, atol=ROUNDING * scale / np.sqrt(weight_decay))
    # w_k = sqrt(n_k lambda_H / lambda_W) h_k at collapse
    lengths = np.diag(optimum.feature_gram) * n * feature_decay / weight_decay
    np.testing.assert_allclose(lengths, squared, atol=ROUNDING * scale / np.sqrt(weight_decay))


@general
@given(class_sizes, layers, decay)
def test_features_are_a_ridge_regression_on_the_weights(sizes, decays, feature_decay):
    decays = [d / 30 for d in decays]
    weights, means, _ = predicted.optimal_parameters(predicted.mse_optimum(sizes, decays, feature_decay))
    product = np.linalg.multi_dot([*weights[::-1], np.eye(len(sizes))])
    system = product.T @ product + sum(sizes) * feature_decay * np.eye(len(sizes))
    condition = np.linalg.cond(system)
    np.testing.assert_allclose(
        means, np.linalg.solve(system, product.T), atol=ROUNDING * condition * (1 + np.abs(means).max())
    )


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_vanishing_decay(depth):
    sizes, strength = np.array([5, 3, 1]), 1e-12
    optimum = predicted.mse_optimum(sizes, [strength] * depth, strength)
    n_factors = depth + 1
    leading = n_factors / 2 * strength * np.sum(sizes ** (1 / n_factors))
    # The loss and the shift of sigma are of second order: N leading^2 relative to n_min at most.
    assert optimum.value == pytest.approx(leading, rel=9 * 50 * strength)
    np.testing.assert_allclose(optimum.logits, np.eye(3), atol=9 * 50 * strength)


@pytest.mark.parametrize(
    ("rho", "survivors"), [(0.05, [1, 1, 1]), (0.15, [1, 1, 0]), (0.4, [1, 0, 0]), (0.7, [0, 0, 0])]
)
def test_infinite_depth_is_a_rank_penalty(rho, survivors):
    depth = 20_000
    strength = rho / (depth + 1)
    optimum = predicted.mse_optimum([6, 3, 1], [strength] * depth, strength)
    assert optimum.alive.tolist() == [bool(s) for s in survivors]
    # Each survivor pays rho / 2; what is neglected is of order log(depth) / depth.
    dead = np.sum(np.array([6, 3, 1])[~optimum.alive]) / 20
    assert optimum.value == pytest.approx(rho / 2 * sum(survivors) + dead, abs=2 * np.log(depth) / depth)


def test_two_classes_with_bias_have_one_direction():
    optimum = predicted.mse_optimum([5, 2], [0.01, 0.01], 0.01, bias=True)
    squared = 2 * 5 * 2 / 7  # 2 n_1 n_2 / N, the squared singular value of the centred labels
    assert optimum.betas.size == 1
    assert optimum.value == pytest.approx(least_cost(np.sqrt(squared), 7, [0.01, 0.01], 0.01)[1], abs=1e-14)
    assert np.linalg.matrix_rank(optimum.logits) == 1


@pytest.mark.parametrize("large", [10, 10**6, 10**12])
def test_a_tiny_class_beside_a_huge_one_keeps_its_digits(large):
    optimum = predicted.mse_optimum([large, 1], [1e-9], 1e-9, bias=True)
    total = large + 1
    assert optimum.betas == pytest.approx([total**2 * 1e-18 * total / (2 * large)], rel=ROUNDING)


def test_a_bias_for_free_and_a_bias_too_dear():
    free = predicted.mse_optimum([3, 3, 3], [0.01], 0.01, bias=True)
    almost = predicted.mse_optimum([3, 3, 3], [0.01], 0.01, bias=True, bias_decay=1e-300)
    assert almost.value == pytest.approx(free.value, rel=ROUNDING)
    assert almost.regimes.tolist() == ["global", "global", "trivial"]
    none = predicted.mse_optimum([3, 3, 3], [0.01], 0.01)
    assert predicted.mse_optimum([3, 3, 3], [0.01], 0.01, bias=True, bias_decay=1e300).value == pytest.approx(
        none.value, rel=ROUNDING
    )


def test_one_class_without_bias():
    optimum = predicted.mse_optimum([4], [0.05], 0.05)
    assert optimum.value == pytest.approx(least_cost(2.0, 4, [0.05], 0.05)[1], abs=1e-14)
    assert optimum.logits == pytest.approx(np.array([[1 - 2 * 0.05]]), rel=ROUNDING)


# value, roots and squared singular values of the head for lambda = 5e-4, N = 400, as computed by an independent program
PUBLISHED = [
    ((200, 100, 50, 50), 1, 0.018942135624, (69.710678, 49, 34.355339), (13.942136, 9.8, 6.871068)),
    ((200, 100, 50, 50), 3, 0.012218400372, (6.418415, 5.390237, 4.522701), (52.882676, 31.322298, 18.502206)),
    ((200, 100, 50, 50), 6, 0.013220353373, (2.78579, 2.5219, 2.282073), (93.480337, 51.451414, 28.249295)),
    ((200, 100, 50, 50), 9, 0.015596261534, (2.030572, 1.89403, 1.766211), (117.380558, 62.735275, 33.451306)),
    ((100,) * 4, 1, 0.0198, (49,), (9.8,)),
    ((100,) * 4, 3, 0.012629046992, (5.390237,), (31.322298,)),
    ((100,) * 4, 6, 0.013507408250, (2.5219,), (51.451414,)),
    ((100,) * 4, 9, 0.015843895355, (1.89403,), (62.735275,)),
]


@pytest.mark.parametrize(("sizes", "depth", "value", "roots", "squares"), PUBLISHED)
def test_published_settings(sizes, depth, value, roots, squares):
    optimum = predicted.mse_optimum(sizes, [5e-4] * depth, 5e-4)
    searched = sum(least_cost(np.sqrt(n), 400, [5e-4] * depth, 5e-4)[1] for n in sizes)
    assert optimum.value == pytest.approx(searched, abs=1e-13)
    # Halves of the last printed digit.
    assert optimum.value == pytest.approx(value, abs=5.01e-13)
    assert optimum.roots[: len(roots)] == pytest.approx(roots, abs=5.01e-7)
    assert np.diag(optimum.product_gram)[: len(squares)] == pytest.approx(squares, abs=5.01e-7)
    assert set(optimum.regimes) == {"global"}


def test_a_bottleneck_keeps_the_largest_classes_wherever_they_stand():
    optimum = predicted.mse_optimum([1, 6, 2, 4], [0.02, 0.02], 0.02, widths=(2, 4))
    assert optimum.alive.tolist() == [False, True, False, True]
    assert not optimum.cut_is_tied
    shallow = predicted.mse_optimum([1, 6, 2, 4], [0.02], 0.02, widths=[2])
    assert np.diag(shallow.logits) == pytest.approx([0, 1 - 0.26 / np.sqrt(6), 0, 0.87], rel=ROUNDING)
    assert optimum.layer_singular_values.shape == (2, 4)
    assert optimum.balances[[0, 2]].tolist() == [0, 0]
    tied = predicted.mse_optimum([1, 6, 4, 4], [0.02, 0.02], 0.02, widths=(2, 4))
    assert tied.cut_is_tied
    assert not predicted.mse_optimum([6, 4, 4], [1.0, 1.0], 1.0, widths=(2, 3)).cut_is_tied
    assert not predicted.mse_optimum([6, 4, 4], [0.02, 0.02], 0.02, widths=(1, 3)).cut_is_tied
    assert predicted.mse_optimum([3] * 4, [0.02], 0.02, widths=[2], bias=True).cut_is_tied
    assert not predicted.mse_optimum([3] * 4, [0.02], 0.02, widths=[3], bias=True, bias_decay=0.5).cut_is_tied


def test_regimes_and_ties_of_classes():
    optimum = predicted.mse_optimum([6, 4, 2, 1], [0.05, 0.03], 0.04)
    assert optimum.regimes.tolist() == ["global", "global", "global", "trivial"]
    strength = predicted.largest_common_decay([6, 4, 2, 1], 2)
    tied = predicted.mse_optimum([6, 4, 2, 1], [strength] * 2, strength)
    assert tied.regimes.tolist() == ["global", "global", "global", "tie"]
    above = predicted.mse_optimum([6, 4, 2, 1], [strength * 1.01] * 2, strength * 1.01)
    assert above.regimes.tolist() == ["global", "global", "global", "metastable"]
    assert above.alive.tolist() == [True, True, True, False]


def test_huge_decays_are_trivial():
    optimum = predicted.mse_optimum([3, 2], [1e300] * 3, 1e300)
    assert optimum.value == pytest.approx(0.5, rel=4 * UNIT_ROUNDOFF)
    assert optimum.regimes.tolist() == ["trivial", "trivial"]


@general
@given(class_sizes, layers, decay)
def test_critical_class_size_is_where_a_class_ties(sizes, decays, feature_decay):
    critical = predicted.critical_class_size(sum(sizes), decays, feature_decay)
    optimum = predicted.mse_optimum(sizes, decays, feature_decay)
    betas = optimum.betas / predicted.global_threshold(len(decays))
    np.testing.assert_allclose(betas, critical / np.array(sizes), rtol=ROUNDING)
    # Of a class of that size, were it no integer, the two minima of the direct problem cost the same.
    n_factors, total = len(decays) + 1, sum(sizes)
    strength = n_factors / 2 * (feature_decay * np.prod(decays)) ** (1 / n_factors)
    kept = np.sqrt(critical) * (len(decays) - 1) / len(decays)
    cost = (kept - np.sqrt(critical)) ** 2 / (2 * total) + strength * kept ** (2 / n_factors)
    assert cost == pytest.approx(critical / (2 * total), rel=ROUNDING)


@general
@given(class_sizes, st.integers(1, 6))
def test_largest_common_decay_is_the_last_that_keeps_every_class(sizes, depth):
    strength = predicted.largest_common_decay(sizes, depth)
    # beta grows as lambda^((M+1)/M)
    for factor, all_alive in ((0.999, True), (1.001, False)):
        optimum = predicted.mse_optimum(sizes, [strength * factor] * depth, strength * factor)
        assert bool(np.all(optimum.alive)) == all_alive
    assert predicted.critical_class_size(sum(sizes), [strength] * depth, strength) == pytest.approx(
        min(sizes), rel=ROUNDING
    )


@pytest.mark.parametrize(
    ("normalisation", "factor"),
    [
        ("half_mean_over_samples", lambda k: 1),
        ("mean_over_samples", lambda k: 2),
        ("half_mean_over_entries", lambda k: 1 / k),
        ("mean_over_entries", lambda k: 2 / k),
        (0.7, lambda k: 0.7),
    ],
)
def test_losses_of_other_normalisation(normalisation, factor):
    rng = np.random.default_rng(3)
    sizes, strength = np.array([3, 2, 2]), 0.03
    alpha = factor(3)
    converted = predicted.decay_in_half_mean_square(strength, 3, normalisation)
    residuals = {"samples": 7, "entries": 21}
    parameters = [rng.standard_normal((3, 4)), rng.standard_normal((4, 3)), None]
    # their objective, written out: c |residual|^2 + (strength / 2)(decays)
    residual = np.sum((parameters[0] @ parameters[1] - np.eye(3)) ** 2 * sizes)
    if isinstance(normalisation, str):
        coefficient = (0.5 if "half" in normalisation else 1) / residuals[normalisation.split("_")[-1]]
    else:
        coefficient = normalisation / 14
    decay_part = np.sum(parameters[0] ** 2) + np.sum(parameters[1] ** 2 * sizes)
    theirs = coefficient * residual + strength / 2 * decay_part
    ours, _ = loss_and_gradient(parameters, sizes, [converted], converted)
    assert theirs == pytest.approx(alpha * ours, rel=64 * UNIT_ROUNDOFF)


@general
@given(class_sizes, layers, decay, st.booleans(), st.booleans(), seeds)
def test_objective_of_any_head_is_above_the_optimum(sizes, decays, feature_decay, bias, decayed, seed):
    assume(not bias or len(sizes) > 1)
    rng = np.random.default_rng(seed)
    if decayed:
        sizes = [sizes[0]] * len(sizes)
    bias_decay = 0.3 if bias and decayed else 0.0
    widths = rng.integers(1, 6, len(decays))
    shapes = zip([*widths[1:], len(sizes)], widths, strict=True)
    weights = [rng.standard_normal(shape) for shape in shapes]
    means = rng.standard_normal((widths[0], len(sizes)))
    offset = rng.standard_normal(len(sizes)) if bias else None
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    arguments = (weights, means[:, labels], labels, decays, feature_decay, offset, bias_decay)
    by_hand, _ = loss_and_gradient([*weights, means, offset], np.array(sizes), decays, feature_decay, bias_decay)
    value = predicted.mse_objective(*arguments)
    assert value == pytest.approx(by_hand, rel=ROUNDING)
    best = predicted.mse_optimum(sizes, decays, feature_decay, widths=widths, bias=bias, bias_decay=bias_decay).value
    assert value > best
