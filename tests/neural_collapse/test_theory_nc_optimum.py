"""The global minimum of the square loss, against one-dimensional searches, explicit parameters and descent."""

import numpy as np
import pytest
from heads_by_hand import (
    UNIT_ROUNDOFF,
    class_sizes,
    decay,
    descend,
    general,
    layers,
    least,
    least_cost,
    loss_and_gradient,
    rounding_of_gradient,
)
from hypothesis import assume, given
from hypothesis import strategies as st

from theory import neural_collapse as predicted

many_sizes = st.lists(st.integers(1, 9), min_size=2, max_size=5)
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
@given(class_sizes, layers, decay, st.booleans(), seeds)
def test_explicit_parameters_attain_it_with_zero_gradient(sizes, decays, feature_decay, bias, seed):
    assume(not bias or len(sizes) > 1)
    small = [d / 10 for d in decays]
    widths = some_widths(len(decays), len(sizes), seed)
    for strengths in (small, decays):
        optimum = predicted.mse_optimum(sizes, strengths, feature_decay, widths=widths, bias=bias)
        check_parameters(optimum, strengths, feature_decay)


@general
@given(st.integers(2, 5), st.integers(1, 9), layers, decay, decay, seeds)
def test_decayed_bias(n_classes, samples, decays, feature_decay, bias_decay, seed):
    decays = [d / 10 for d in decays]
    widths = some_widths(len(decays), n_classes, seed) + n_classes // 2
    sizes = [samples] * n_classes
    optimum = predicted.mse_optimum(sizes, decays, feature_decay, widths=widths, bias=True, bias_decay=bias_decay)
    check_parameters(optimum, decays, feature_decay)
    n_samples, y = n_classes * samples, np.sqrt(samples)
    strength = (len(decays) + 1) / 2 * (feature_decay * np.prod(decays)) ** (1 / (len(decays) + 1))

    def cost_of_mean(s):
        bias_entry = (y - s) / (y * n_classes * (1 + bias_decay))
        loss = (s + bias_entry * n_classes * y - y) ** 2 / (2 * n_samples) + bias_decay / 2 * n_classes * bias_entry**2
        return loss + strength * s ** (2 / (len(decays) + 1))

    rank = min(n_classes, *widths)
    contrast = least_cost(y, n_samples, decays, feature_decay)[1]
    searched = contrast * min(rank, n_classes - 1) + max(n_classes - 1 - rank, 0) / (2 * n_classes)
    searched += least(cost_of_mean, y)[1] if rank == n_classes else float(cost_of_mean(0.0))
    assert optimum.value == pytest.approx(searched, abs=1e-13)
    free = predicted.mse_optimum(sizes, decays, feature_decay, widths=widths, bias=True)
    none = predicted.mse_optimum(sizes, decays, feature_decay, widths=widths)
    assert free.value - 1e-15 <= optimum.value <= none.value + 1e-15


def test_decayed_bias_interpolates_between_none_and_a_free_one():
    settings = dict(class_sizes=[3] * 4, weight_decays=[0.02, 0.01], feature_decay=0.01)
    none = predicted.mse_optimum(**settings)
    free = predicted.mse_optimum(**settings, bias=True)
    # First order in 1/lambda_b and in lambda_b: both corrections are at most 1/(2K) of them, for a loss of at most 1/2.
    heavy = predicted.mse_optimum(**settings, bias=True, bias_decay=1e9)
    light = predicted.mse_optimum(**settings, bias=True, bias_decay=1e-9)
    assert heavy.value == pytest.approx(none.value, abs=1e-9)
    assert light.value == pytest.approx(free.value, abs=1e-9)
    np.testing.assert_allclose(heavy.logits, none.logits, atol=1e-8)
    np.testing.assert_allclose(light.logits, free.logits, atol=1e-8)
    np.testing.assert_allclose(light.bias, free.bias, atol=1e-8)


CASES = [
    ((6, 4, 2, 1), (0.05, 0.03), 0.04, (8, 8), False, 0.0),
    ((1, 6, 2, 4), (0.02, 0.02), 0.02, (2, 7), False, 0.0),
    ((6, 4, 2, 1), (0.1,), 0.12, (5,), False, 0.0),
    ((8, 4, 2, 1), (0.01, 0.02), 0.01, (2, 7), True, 0.0),
    ((6, 4, 2, 1), (0.03, 0.05), 0.02, (8, 8), True, 0.0),
    ((3, 3, 3, 3), (0.02, 0.01), 0.01, (8, 8), True, 0.5),
    ((6, 4, 2, 1), (0.05, 0.03, 0.02), 0.04, (8, 8, 8), False, 0.0),
]


@pytest.mark.parametrize(("sizes", "decays", "feature_decay", "widths", "bias", "bias_decay"), CASES)
def test_descent_reaches_the_minimum_and_never_passes_it(sizes, decays, feature_decay, widths, bias, bias_decay):
    rng = np.random.default_rng(7)
    optimum = predicted.mse_optimum(sizes, decays, feature_decay, widths=widths, bias=bias, bias_decay=bias_decay)
    ends = [descend(rng, sizes, decays, feature_decay, widths, bias, bias_decay) for _ in range(12)]
    # Every value of the objective is a bound; the rounding of the sums is below 256 u.
    assert min(value for value, _, _ in ends) >= optimum.value - 256 * UNIT_ROUNDOFF
    value, slope, parameters = min(ends, key=lambda end: end[0])
    # A gradient g leaves f - f* of order g^2 / curvature, and the curvature is at least a tenth of a decay here.
    assert slope < 1e-6
    assert value == pytest.approx(optimum.value, abs=1e-9)
    product = np.linalg.multi_dot([*parameters[:-2][::-1], np.eye(widths[0])])
    np.testing.assert_allclose(product @ parameters[-2], optimum.logits, atol=1e-3)
    if bias:
        np.testing.assert_allclose(parameters[-1], optimum.bias, atol=1e-3)


@general
@given(class_sizes, layers, decay, st.booleans(), seeds)
def test_perturbed_parameters_are_never_below(sizes, decays, feature_decay, bias, seed):
    assume(not bias or len(sizes) > 1)
    rng = np.random.default_rng(seed)
    decays = [d / 20 for d in decays]
    widths = some_widths(len(decays), len(sizes), seed)
    optimum = predicted.mse_optimum(sizes, decays, feature_decay, widths=widths, bias=bias)
    weights, means, offset = predicted.optimal_parameters(optimum)
    for spread in (1e-5, 1e-3, 0.1, 1):
        moved = [part + spread * rng.standard_normal(part.shape) for part in (*weights, means)]
        moved_bias = None if offset is None else offset + spread * rng.standard_normal(len(sizes))
        value, _ = loss_and_gradient([*moved, moved_bias], np.array(sizes), decays, feature_decay)
        assert value >= optimum.value - 256 * UNIT_ROUNDOFF * (1 + value)
