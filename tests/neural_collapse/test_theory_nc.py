"""The closed forms of deep linear heads by second routes: searches, many digits, explicit parameters, definitions."""

import mpmath
import numpy as np
import pytest
from heads_by_hand import (
    UNIT_ROUNDOFF,
    ce_loss_and_gradient,
    class_sizes,
    decay,
    general,
    layers,
    least_cost,
    loss_and_gradient,
    rounding_of_gradient,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from theory import neural_collapse as predicted


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


@general
@given(st.integers(1, 1000), st.floats(0, 1))
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


seeds = st.integers(0, 2**32 - 1)


def some_widths(depth, n_classes, seed):
    return np.random.default_rng(seed).integers(1, n_classes + 3, depth)


def data_values(sizes, bias):
    """Singular values of the labels, from the eigenvalues of its centred Gram matrix."""
    sizes = np.array(sizes, dtype=float)
    if not bias:
        return np.sort(np.sqrt(sizes))[::-1]
    centred = np.eye(sizes.size) - np.outer(np.sqrt(sizes), np.sqrt(sizes)) / sizes.sum()
    return np.sqrt(np.sort(np.linalg.eigvalsh(centred @ np.diag(sizes) @ centred))[:0:-1])


def check_parameters(optimum, decays, feature_decay):
    """The explicit parameters attain the value with zero gradient, and have the geometry the optimum reports."""
    weights, means, bias = predicted.optimal_parameters(optimum)
    sizes = optimum.class_sizes
    value, gradient = loss_and_gradient([*weights, means, bias], sizes, decays, feature_decay, optimum.bias_decay)
    tolerance = rounding_of_gradient([*weights, means, bias], sizes, decays, feature_decay)
    # Rounding of the 64-term sums that make up a value of at most 1/2.
    assert value == pytest.approx(optimum.value, abs=256 * UNIT_ROUNDOFF)
    assert max(np.abs(part).max() for part in gradient) <= tolerance
    product = np.linalg.multi_dot([*weights[::-1], np.eye(weights[0].shape[1])])
    for computed, claimed in (
        (product @ means, optimum.logits),
        (product @ product.T, optimum.product_gram),
        (weights[-1] @ weights[-1].T, optimum.classifier_gram),
        (means.T @ means, optimum.feature_gram),
    ):
        # Products of up to five factors of size eight, with the error of the decays' logarithms.
        np.testing.assert_allclose(computed, claimed, atol=1e4 * UNIT_ROUNDOFF * (1 + np.abs(claimed).max()), rtol=0)
    n_alive = int(optimum.alive.sum())
    for factor, values in (
        *zip(weights, optimum.layer_singular_values, strict=True),
        (means * np.sqrt(sizes), np.sqrt(optimum.balances / optimum.feature_decay)),
    ):
        computed = np.linalg.svd(factor, compute_uv=False)[:n_alive]
        assert computed == pytest.approx(np.sort(values)[::-1][:n_alive], rel=1e3 * UNIT_ROUNDOFF)


@general
@given(class_sizes, layers, decay, st.booleans(), seeds)
def test_value_is_that_of_separate_searches(sizes, decays, feature_decay, bias, seed):
    assume(not bias or len(sizes) > 1)
    widths = some_widths(len(decays), len(sizes), seed)
    optimum = predicted.mse_optimum(sizes, decays, feature_decay, widths=widths, bias=bias)
    values = data_values(sizes, bias)
    rank = min(len(values), *widths)
    costs = [least_cost(y, sum(sizes), decays, feature_decay)[1] for y in values[:rank]]
    searched = sum(costs) + np.sum(values[rank:] ** 2) / (2 * sum(sizes))
    # A minimum of a smooth function searched to 1e-12 in its argument is good to the rounding of its value.
    assert optimum.value == pytest.approx(searched, abs=1e-13)
    assert optimum.alive.sum() <= rank


@general
@given(class_sizes, layers, decay, st.booleans(), st.sampled_from([0.0, 0.003, 0.3]), seeds)
def test_explicit_parameters_attain_it_with_zero_gradient(sizes, decays, feature_decay, bias, bias_decay, seed):
    assume(not bias or len(sizes) > 1)
    sizes = [sizes[0]] * len(sizes) if bias and bias_decay else sizes
    options = {"widths": some_widths(len(decays), len(sizes), seed), "bias": bias, "bias_decay": bias * bias_decay}
    for strengths in ([d / 10 for d in decays], decays):
        optimum = predicted.mse_optimum(sizes, strengths, feature_decay, **options)
        check_parameters(optimum, strengths, feature_decay)


# Logarithms of up to five decays, divided by the depth, and powers of up to five: some hundred roundings.
ROUNDING = 1024 * UNIT_ROUNDOFF


@general
@given(class_sizes, decay, decay)
def test_depth_one_is_a_soft_threshold(sizes, weight_decay, feature_decay):
    optimum = predicted.mse_optimum(sizes, [weight_decay / 10], feature_decay)
    n, total, ratio = np.array(sizes), sum(sizes), 10 * feature_decay / weight_decay
    kept = np.maximum(np.sqrt(n) - total * np.sqrt(weight_decay * feature_decay / 10), 0)
    rounding = ROUNDING * np.sqrt(total) * (1 + total)
    np.testing.assert_allclose(optimum.singular_values, kept, atol=rounding)
    squared = np.maximum(np.sqrt(n * ratio) - total * feature_decay, 0)
    # w_k = sqrt(n_k lambda_H / lambda_W) h_k at collapse
    grams = (optimum.product_gram, optimum.classifier_gram, optimum.feature_gram * n * ratio)
    for gram in grams:
        np.testing.assert_allclose(np.diag(gram), squared, atol=rounding * np.sqrt(10 / weight_decay))


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


@pytest.mark.parametrize("large", [10, 10**6, 10**12])
def test_a_tiny_class_beside_a_huge_one_keeps_its_digits(large):
    optimum = predicted.mse_optimum([large, 1], [1e-9], 1e-9, bias=True)
    total = large + 1
    assert optimum.betas == pytest.approx([total**2 * 1e-18 * total / (2 * large)], rel=ROUNDING)


def test_a_bottleneck_keeps_the_largest_classes_wherever_they_stand():
    optimum = predicted.mse_optimum([1, 6, 2, 4], [0.02, 0.02], 0.02, widths=(2, 4))
    assert optimum.alive.tolist() == [False, True, False, True]
    assert not optimum.cut_is_tied
    shallow = predicted.mse_optimum([1, 6, 2, 4], [0.02], 0.02, widths=[2])
    assert np.diag(shallow.logits) == pytest.approx([0, 1 - 0.26 / np.sqrt(6), 0, 0.87], rel=ROUNDING)
    tied = predicted.mse_optimum([1, 6, 4, 4], [0.02, 0.02], 0.02, widths=(2, 4))
    assert tied.cut_is_tied
    assert not predicted.mse_optimum([6, 4, 4], [1.0, 1.0], 1.0, widths=(2, 3)).cut_is_tied
    assert not predicted.mse_optimum([6, 4, 4], [0.02, 0.02], 0.02, widths=(1, 3)).cut_is_tied
    assert predicted.mse_optimum([3] * 4, [0.02], 0.02, widths=[2], bias=True).cut_is_tied
    assert not predicted.mse_optimum([3] * 4, [0.02], 0.02, widths=[3], bias=True, bias_decay=0.5).cut_is_tied


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


@general
@given(class_sizes, layers, decay, st.booleans(), seeds)
def test_the_objective_is_that_of_its_definition(sizes, decays, feature_decay, bias, seed):
    rng = np.random.default_rng(seed)
    widths = rng.integers(1, 6, len(decays))
    weights = [rng.standard_normal(shape) for shape in zip([*widths[1:], len(sizes)], widths, strict=True)]
    means, offset = rng.standard_normal((widths[0], len(sizes))), rng.standard_normal(len(sizes)) if bias else None
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    by_hand, _ = loss_and_gradient([*weights, means, offset], np.array(sizes), decays, feature_decay, 0.3 * bias)
    value = predicted.mse_objective(weights, means[:, labels], labels, decays, feature_decay, offset, 0.3 * bias)
    assert value == pytest.approx(by_hand, rel=ROUNDING)


@pytest.mark.parametrize(("ratio", "n_directions"), [(0.9, 1), (1.1, 2)])
def test_null_singular_values_are_those_of_matrix_rank(ratio, n_directions):
    product = np.diag([1.0, ratio * 3 * 2.0**-52, 0.0])
    assert np.linalg.matrix_rank(product) == n_directions
    assert (predicted.schatten_penalty(product, [1.0] * 9, 1.0) > 5.001) == (n_directions == 2)


def test_a_hundred_thousand_layers_do_not_overflow():
    decays = np.full(100_000, 1e-3)
    expected = 100_001 / 2 * 1e-3 * 2 * 4.0 ** (2 / 100_001)
    # The sum of the logarithms rounds to some 1e5 u relative to itself, and is divided by their number.
    computed = predicted.schatten_penalty(4 * np.eye(2), decays, 1e-3)
    assert computed == pytest.approx(expected, rel=1e6 * UNIT_ROUNDOFF)


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=0))
    return exponentials / exponentials.sum(axis=0)


@general
@given(class_sizes, decay, decay, st.booleans())
def test_the_square_loss_bound_is_tight_at_the_optimum(sizes, weight_decay, feature_decay, bias):
    assume(not bias or len(sizes) > 1)
    optimum = predicted.mse_optimum(sizes, [weight_decay], feature_decay, bias=bias)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    offset = np.zeros(len(sizes)) if optimum.bias is None else optimum.bias
    residual = np.eye(len(sizes))[:, labels] - optimum.logits[:, labels] - offset[:, None]
    dual = predicted.rescaled_dual(residual, weight_decay, feature_decay, bias=bias)
    bound = predicted.dual_bound(dual, labels, weight_decay, feature_decay, bias=bias)
    # Traces over at most 45 columns; an optimal dual is changed by rounding only.
    assert bound == pytest.approx(optimum.value, abs=1e3 * UNIT_ROUNDOFF)
    assert predicted.is_global_shallow(
        -residual / labels.size, weight_decay, feature_decay, tolerance=1e3 * UNIT_ROUNDOFF
    )


def test_a_weak_residual_is_left_alone_and_a_strong_one_shrunk():
    residual = np.array([[1.0, -1.0], [0.5, 0.5]])
    np.testing.assert_array_equal(predicted.rescaled_dual(residual, 1.0, 1.0), residual / 2)
    shrunk = predicted.rescaled_dual(residual, 0.01, 0.04)
    assert np.linalg.norm(shrunk, 2) == pytest.approx(0.02, rel=16 * UNIT_ROUNDOFF)
    np.testing.assert_allclose(shrunk, residual * 0.02 / np.sqrt(2), rtol=64 * UNIT_ROUNDOFF)
    centred = predicted.rescaled_dual(residual, 1.0, 1.0, bias=True)
    np.testing.assert_allclose(centred, [[0.5, -0.5], [0, 0]], atol=4 * UNIT_ROUNDOFF)


@general
@given(st.integers(2, 6), st.integers(1, 8), decay, st.floats(-3, 0.3), st.booleans())
def test_the_cross_entropy_bound_is_tight_at_the_simplex_frame(n_classes, n, feature_decay, exponent, bias):
    weight_decay = (10.0**exponent / n_classes) ** 2 / (n * feature_decay)
    optimum = predicted.ce_optimum_shallow(n_classes, n, weight_decay, feature_decay)
    labels = np.repeat(np.arange(n_classes), n)
    logits = optimum.scale * (np.eye(n_classes) - 1 / n_classes)[:, labels]
    residual = np.eye(n_classes)[:, labels] - softmax(logits)
    dual = predicted.rescaled_dual(residual, weight_decay, feature_decay, bias=bias)
    bound = predicted.dual_bound(dual, labels, weight_decay, feature_decay, loss="ce", bias=bias)
    # The entropy of probabilities rounded to u: u log(1/u) each.
    assert bound == pytest.approx(optimum.value, abs=1e4 * UNIT_ROUNDOFF)
    assert predicted.is_global_shallow(
        -residual / labels.size, weight_decay, feature_decay, tolerance=1e4 * UNIT_ROUNDOFF
    )


def test_no_distribution_gives_no_bound():
    labels = np.array([0, 1])
    assert predicted.dual_bound(np.array([[-0.1, 0.1], [0.1, -0.1]]), labels, 1.0, 1.0, loss="ce") == -np.inf
    assert predicted.dual_bound(np.array([[0.1, 0.1], [0.1, 0.1]]), labels, 1.0, 1.0, loss="ce") == -np.inf
    # Columns (.8, .2): their entropy
    bound = predicted.dual_bound(np.array([[0.1, -0.1], [-0.1, 0.1]]), labels, 1.0, 1.0, loss="ce")
    assert bound == pytest.approx(-0.8 * np.log(0.8) - 0.2 * np.log(0.2), rel=16 * UNIT_ROUNDOFF)


def head_value(scale, pattern, n, decays, feature_decay):
    """Objective and largest gradient entry at explicit balanced parameters with these logits."""
    weights, scaled = predicted.balanced_factorisation(scale * np.sqrt(n) * pattern, decays, feature_decay)
    value, gradient = ce_loss_and_gradient([*weights, scaled / np.sqrt(n)], n, decays, feature_decay)
    return value, max(np.abs(part).max() for part in gradient)


@pytest.mark.parametrize("gap", [1e-3, 1e-9, 1e-13])
def test_shallow_scale_near_the_threshold(gap):
    n_classes, strength = 4, (1 - gap) / 4
    optimum = predicted.ce_optimum_shallow(n_classes, 1, strength, strength)
    with mpmath.workdps(40):
        exact = mpmath.log(1 / (mpmath.mpf(strength)) - 3)
    # 1/s - K is a difference of numbers near K.
    assert optimum.scale == pytest.approx(float(exact), abs=16 * n_classes * UNIT_ROUNDOFF)
    assert not optimum.trivial


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


@general
@given(st.floats(1e-6, 4), st.floats(1e-3, 1), st.floats(0, 0.999))
def test_heavy_ball_rate_is_that_of_the_recursion(curvature, step, momentum):
    matrix = np.array([[1 + momentum - step * curvature, -momentum], [1.0, 0.0]])
    radius = np.abs(np.linalg.eigvals(matrix)).max()
    # The eigenvalues of a nearly defective matrix are known to the root of rounding.
    gap = np.sqrt(abs((1 + momentum - step * curvature) ** 2 - 4 * momentum))
    error = 64 * UNIT_ROUNDOFF / (gap + np.sqrt(UNIT_ROUNDOFF)) + 16 * UNIT_ROUNDOFF
    assert predicted.heavy_ball_rate(curvature, step, momentum) == pytest.approx(-np.log(radius), abs=error)


@pytest.mark.parametrize("n_classes", [2, 3, 4, 10])
def test_frames_by_their_vectors(n_classes):
    etf = predicted.simplex_etf(n_classes)
    assert np.linalg.norm(etf) == pytest.approx(1, rel=8 * n_classes * UNIT_ROUNDOFF)
    cosines = etf / etf[0, 0]
    np.testing.assert_allclose(cosines[~np.eye(n_classes, dtype=bool)], -1 / (n_classes - 1), rtol=16 * UNIT_ROUNDOFF)
    np.testing.assert_allclose(np.diag(etf), etf[0, 0], rtol=0)
    assert np.linalg.matrix_rank(etf) == n_classes - 1
    np.testing.assert_allclose(
        predicted.orthogonal_frame(n_classes), np.eye(n_classes) * n_classes**-0.5, rtol=4 * UNIT_ROUNDOFF
    )
    between = predicted.frame_distance(predicted.orthogonal_frame(n_classes), etf)
    assert between == pytest.approx(np.sqrt(2 - 2 * np.sqrt(1 - 1 / n_classes)), rel=64 * UNIT_ROUNDOFF)


def test_nothing_is_no_frame():
    assert np.isnan(predicted.frame_distance(np.zeros((2, 2)), np.eye(2)))
    assert np.isnan(predicted.frame_distance(np.eye(2), np.zeros((2, 2))))
    optimum = predicted.mse_optimum([2, 2], [1.0], 1.0)
    weights, means, _ = predicted.optimal_parameters(optimum)
    labels = np.repeat([0, 1], 2)
    metrics = predicted.nc_metrics(weights, means[:, labels], labels, predicted.optimum_targets(optimum))
    values = [metrics.within_class, *metrics.suffix_frames, metrics.feature_frame, metrics.logit_frame, metrics.duality]
    assert np.all(np.isnan(values))


def test_a_head_away_from_collapse_by_hand():
    rng = np.random.default_rng(11)
    first, second = rng.standard_normal((5, 4)), rng.standard_normal((3, 5))
    features, labels = rng.standard_normal((4, 7)), np.array([0, 1, 2, 2, 1, 0, 0])
    optimum = predicted.mse_optimum([3, 2, 2], [0.01, 0.02], 0.03)
    targets = predicted.optimum_targets(optimum)
    for centred in (False, True):
        means = np.stack([features[:, labels == k].mean(axis=1) for k in range(3)], axis=1)
        means = means - features.mean(axis=1, keepdims=True) if centred else means
        metrics = predicted.nc_metrics([first, second], features, labels, targets, centred=centred)

        def distance(one, other):
            return np.linalg.norm(one / np.linalg.norm(one) - other / np.linalg.norm(other))

        head = second @ first
        ridge = np.diag(np.diag(optimum.product_gram) + 7 * 0.03)
        expected = [
            distance(head @ head.T, optimum.product_gram),
            distance(second @ second.T, optimum.classifier_gram),
            distance(means.T @ means, optimum.feature_gram),
            distance(head @ means, optimum.logits),
            distance(head, ridge @ means.T),
        ]
        computed = [*metrics.suffix_frames, metrics.feature_frame, metrics.logit_frame, metrics.duality]
        assert computed == pytest.approx(expected, rel=4096 * UNIT_ROUNDOFF)


temperatures = st.floats(0.1, 5)


def contrastive_loss(features, labels, temperature):
    """Sum over anchors with a positive of the mean over positives, term by term."""
    total = 0.0
    for i, anchor in enumerate(features):
        others = [j for j in range(len(labels)) if j != i]
        positives = [j for j in others if labels[j] == labels[i]]
        for j in positives:
            ratio = sum(np.exp((anchor @ features[k] - anchor @ features[j]) / temperature) for k in others)
            total += np.log(ratio) / len(positives)
    return total


def batched_loss(features, labels, batches, temperature):
    return sum(contrastive_loss(features[batch], labels[batch], temperature) for batch in batches)


def random_batches(rng, n_samples, n_batches):
    sizes = rng.integers(1, n_samples + 1, n_batches)
    return [sorted(rng.choice(n_samples, size, replace=False).tolist()) for size in sizes]


@general
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(1, 4), temperatures, seeds)
def test_batches(sizes, n_batches, temperature, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    batches = random_batches(rng, labels.size, n_batches)
    minimum = predicted.scl_batch_minimum(labels, batches, temperature)
    if min(sizes) > 1:
        whole = predicted.scl_batch_minimum(labels, [list(range(labels.size))], temperature)
        assert whole == pytest.approx(predicted.scl_minimum(sizes, temperature), rel=64 * labels.size * UNIT_ROUNDOFF)
    rounding = 64 * labels.size * n_batches * UNIT_ROUNDOFF * (1 + minimum) / min(temperature, 1)
    frame = np.eye(len(sizes) + 1)[labels]
    assert batched_loss(frame, labels, batches, temperature) == pytest.approx(minimum, abs=rounding)
    for spread in (0.1, 2):
        features = np.maximum(frame + spread * rng.standard_normal(frame.shape), 0) + 1e-12
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        assert batched_loss(features, labels, batches, temperature) >= minimum - rounding

    conditions = predicted.batch_conditions(labels, batches)
    for c in range(len(sizes)):
        members = set(np.flatnonzero(labels == c).tolist())
        reached = {min(members)}
        for _ in members:
            for batch in batches:
                if reached & set(batch):
                    reached |= members & set(batch)
        assert conditions.connected[c] == (reached == members)
        for other in range(len(sizes)):
            force = c == other
            for batch in batches:
                counts = [np.sum(labels[batch] == label) for label in (c, other)]
                force = force or (min(counts) >= 1 and max(counts) >= 2)
            assert conditions.joined[c, other] == force
    assert conditions.orthogonal_frame_is_unique == (conditions.connected.all() and conditions.joined.all())


EIGHT = np.repeat([0, 1], 4)


@pytest.mark.parametrize(
    ("labels", "batches", "unique"),
    [
        (EIGHT, [[0, 1, 4, 5], [2, 3, 6, 7]], False),
        (EIGHT, [[0, 1, 4, 5], [2, 3, 6, 7], [0, 2, 4, 6]], True),
        (EIGHT, [[0, 1, 4, 5], [0, 2, 3, 4, 6, 7]], True),  # one sample of each class in every batch
        (EIGHT, [[0, 1, 4, 5], [0, 2, 3, 6, 7]], False),  # of one class only
        (np.array([0, 0, 1, 1]), [[0, 1], [2, 3], [0, 2]], False),  # the classes meet as single samples
        (np.array([0, 0, 0, 1, 1]), [[0, 1, 3, 4], [2, 3, 4]], False),  # one sample never meets its class
    ],
)
def test_examples_of_batchings(labels, batches, unique):
    assert predicted.batch_conditions(labels, batches).orthogonal_frame_is_unique is unique


def test_the_minimum_of_single_samples_is_zero_whatever_their_angle():
    labels, batches = np.array([0, 0, 1, 1]), [[0, 1], [2, 3], [0, 2]]
    assert predicted.scl_batch_minimum(labels, batches) == 0
    oblique = np.array([[1, 0], [1, 0], [0.8, 0.6], [0.8, 0.6]])
    assert batched_loss(oblique, labels, batches, 1.0) == 0


def largest_cosine(vectors):
    cosines = vectors @ vectors.T
    return cosines[~np.eye(len(vectors), dtype=bool)].max()


def largest_absolute_cosine(vectors):
    cosines = np.abs(vectors @ vectors.T)
    return cosines[~np.eye(len(vectors), dtype=bool)].max()


@general
@given(st.integers(2, 12), st.integers(1, 8), seeds)
def test_no_arrangement_passes_the_bounds(n_vectors, dim, seed):
    vectors = np.random.default_rng(seed).standard_normal((n_vectors, dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rounding = 16 * dim * UNIT_ROUNDOFF
    assert largest_cosine(vectors) >= predicted.simplex_bound(n_vectors, dim) - rounding
    assert largest_absolute_cosine(vectors) >= predicted.welch_bound(n_vectors, dim) - rounding


def test_equiangular_lines_reach_the_second_bound():
    golden = (1 + np.sqrt(5)) / 2
    icosahedron = np.array(
        [[0, 1, golden], [0, 1, -golden], [1, golden, 0], [1, -golden, 0], [golden, 0, 1], [golden, 0, -1]]
    )
    icosahedron = icosahedron / np.sqrt(1 + golden**2)
    assert largest_absolute_cosine(icosahedron) == pytest.approx(predicted.welch_bound(6, 3), rel=64 * UNIT_ROUNDOFF)
    assert predicted.welch_bound(6, 3) == pytest.approx(1 / np.sqrt(5), rel=4 * UNIT_ROUNDOFF)
    assert predicted.welch_bound(10, 5) == pytest.approx(1 / 3, rel=4 * UNIT_ROUNDOFF)
    assert predicted.welch_bound(16, 6) == pytest.approx(1 / 3, rel=4 * UNIT_ROUNDOFF)
    for dim in (1, 3, 6):
        assert predicted.welch_bound(dim, dim) == 0
        assert predicted.welch_bound(dim + 1, dim) == pytest.approx(1 / dim, rel=8 * UNIT_ROUNDOFF)
    assert predicted.welch_bound(1, 1) == 0
