"""Dual bounds and the operator-norm criterion at depth one: tight at the optimum, never above, refusing saddles."""

import numpy as np
import pytest
from heads_by_hand import UNIT_ROUNDOFF, class_sizes, decay, general
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize

from theory import neural_collapse as predicted

seeds = st.integers(0, 2**32 - 1)


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


@general
@given(class_sizes, decay, decay, st.booleans(), st.floats(0.1, 10), seeds)
def test_no_dual_matrix_is_above_the_optimum(sizes, weight_decay, feature_decay, bias, spread, seed):
    assume(not bias or len(sizes) > 1)
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    one_hot = np.eye(len(sizes))[:, labels]
    value = predicted.mse_optimum(sizes, [weight_decay], feature_decay, bias=bias).value
    limit = np.sqrt(weight_decay * feature_decay)
    for residual in (
        spread * rng.standard_normal(one_hot.shape),
        spread * one_hot,
        one_hot - spread * rng.uniform(0, 1, one_hot.shape),
    ):
        dual = predicted.rescaled_dual(residual, weight_decay, feature_decay, bias=bias)
        assert np.linalg.norm(dual, 2) <= limit * (1 + 64 * UNIT_ROUNDOFF)
        if bias:
            assert np.abs(dual.sum(axis=1)).max() <= labels.size * 64 * UNIT_ROUNDOFF * limit
        bound = predicted.dual_bound(dual, labels, weight_decay, feature_decay, bias=bias)
        assert bound <= value + 1e3 * UNIT_ROUNDOFF
        by_hand = np.trace(dual.T @ one_hot) - labels.size / 2 * np.trace(dual.T @ dual)
        assert bound == pytest.approx(by_hand, abs=1e3 * UNIT_ROUNDOFF * (1 + abs(by_hand)))


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


@general
@given(class_sizes, decay, decay, seeds)
def test_the_cross_entropy_bound_holds_for_imbalanced_classes(sizes, weight_decay, feature_decay, seed):
    assume(len(sizes) > 1)
    rng = np.random.default_rng(seed)
    weight_decay = weight_decay / 10
    n_classes, counts = len(sizes), np.array(sizes)
    labels = np.repeat(np.arange(n_classes), sizes)

    def objective(flat):
        # In coordinates sqrt(n_k) h_k, whose decay is that of all samples of the class.
        weight, scaled = flat.reshape(2, n_classes, n_classes)
        logits = weight @ scaled / np.sqrt(counts)
        probabilities = softmax(logits)
        losses = -np.log(np.diag(probabilities))
        back = (probabilities - np.eye(n_classes)) * np.sqrt(counts) / counts.sum()
        value = np.sum(counts * losses) / counts.sum()
        value += weight_decay / 2 * np.sum(weight**2) + feature_decay / 2 * np.sum(scaled**2)
        gradient = [back @ scaled.T + weight_decay * weight, weight.T @ back + feature_decay * scaled]
        return value, np.concatenate([part.ravel() for part in gradient])

    end = minimize(
        objective,
        rng.standard_normal(2 * n_classes**2),
        jac=True,
        method="L-BFGS-B",
        options={"gtol": 1e-9, "ftol": 1e-16},
    )
    weight, scaled = end.x.reshape(2, n_classes, n_classes)
    residual = (np.eye(n_classes) - softmax(weight @ scaled / np.sqrt(counts)))[:, labels]
    dual = predicted.rescaled_dual(residual, weight_decay, feature_decay)
    bound = predicted.dual_bound(dual, labels, weight_decay, feature_decay, loss="ce")
    assert bound <= end.fun + 1e3 * UNIT_ROUNDOFF
    # L-BFGS stops within 1e-5 of the minimum; shrinking the dual by a relative e costs about e times the loss.
    assert bound == pytest.approx(end.fun, abs=1e-4)


def test_no_distribution_gives_no_bound():
    labels = np.array([0, 1])
    assert predicted.dual_bound(np.array([[-0.1, 0.1], [0.1, -0.1]]), labels, 1.0, 1.0, loss="ce") == -np.inf
    assert predicted.dual_bound(np.array([[0.1, 0.1], [0.1, 0.1]]), labels, 1.0, 1.0, loss="ce") == -np.inf
    # Columns (.8, .2): their entropy
    bound = predicted.dual_bound(np.array([[0.1, -0.1], [-0.1, 0.1]]), labels, 1.0, 1.0, loss="ce")
    assert bound == pytest.approx(-0.8 * np.log(0.8) - 0.2 * np.log(0.2), rel=16 * UNIT_ROUNDOFF)


@general
@given(class_sizes, decay, decay)
def test_saddles_are_refused(sizes, weight_decay, feature_decay):
    weight_decay = weight_decay / 10
    optimum = predicted.mse_optimum(sizes, [weight_decay], feature_decay)
    limit, total = np.sqrt(weight_decay * feature_decay), sum(sizes)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    for k in np.flatnonzero(optimum.singular_values > 1e-3):
        logits = optimum.logits.copy()
        logits[k, k] = 0  # still critical, without its direction
        gradient = (logits - np.eye(len(sizes)))[:, labels] / total
        assert np.linalg.norm(gradient, 2) == pytest.approx(max(np.sqrt(sizes[k]) / total, limit * 0), rel=1e-12)
        assert not predicted.is_global_shallow(gradient, weight_decay, feature_decay)


def test_borders_of_the_tolerances():
    gradient = np.diag([0.06, 0.01])
    assert predicted.is_global_shallow(gradient * (1 + 0.98e-6), 0.04, 0.09)
    assert not predicted.is_global_shallow(gradient * (1 + 1.02e-6), 0.04, 0.09)
    assert not predicted.is_global_shallow(gradient * (1 + 1e-9), 0.04, 0.09, tolerance=0)
    labels = np.array([0, 1])
    # Two samples: 2 * 64 * 2^-52 is left to rounding.
    assert predicted.dual_bound(gradient * (1 + 100 * 2.0**-52), labels, 0.04, 0.09) < 0.07
    with pytest.raises(ValueError, match="dual must have operator norm at most"):
        predicted.dual_bound(gradient * (1 + 160 * 2.0**-52), labels, 0.04, 0.09)
    slightly = np.array([[0.03, -0.03 + 5e-16], [0.0, 0.0]])
    assert predicted.dual_bound(slightly, labels, 0.04, 0.09, bias=True) > 0
    with pytest.raises(ValueError, match="dual must have rows that sum to zero"):
        predicted.dual_bound(np.array([[0.03, -0.03 + 3e-15], [0.0, 0.0]]), labels, 0.04, 0.09, bias=True)
    # A column (1 + e, -e) counts as a distribution up to e = 2 * 2 * 64 * 2^-52 = 5.7e-14.
    for excess, accepted in ((5e-14, True), (7e-14, False)):
        dual = np.array([[-excess / 2, 0.0], [excess / 2, 0.0]])
        assert np.isfinite(predicted.dual_bound(dual, labels, 0.04, 0.09, loss="ce")) == accepted
        dual = np.array([[excess / 2, 0.0], [0.0, 0.0]])
        assert np.isfinite(predicted.dual_bound(dual, labels, 0.04, 0.09, loss="ce")) == accepted
