"""Mixup, mask and affine fits against plain NumPy on expanded rows, against CLARABEL, and what they must not notice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sims.mixup as observed
from sims.mixup.newton import TOLERANCE

ULP = 2.0**-53
KEY = jax.random.key(4)
NODES = np.array([0.1, 0.35, 0.8])
WEIGHTS = np.array([0.2, 0.5, 0.3])
seeds = st.integers(0, 2**32 - 1)
shapes = st.sampled_from([(6, 2), (7, 3)])  # every shape is a compilation


def random_sample(n, dim, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) < rng.integers(1, n)).astype(float)
    noise = rng.standard_normal((n, dim)) * np.exp(rng.uniform(-1.5, 1.5, dim))
    return noise + (2 * labels[:, None] - 1) * rng.standard_normal(dim), labels


def derivatives(rows, weights):
    """Gradient and Hessian of the logistic loss of weighted rows with soft labels, and the rounding of the gradient."""
    points, labels, shares = rows
    chances = 1 / (1 + np.exp(-points @ weights))
    gradient = points.T @ (shares * (chances - labels))
    # Every row: d + 10 operations on numbers below 1 + |z|, then a sum over all rows and nodes.
    size = (shares * np.linalg.norm(points, axis=1)) @ (1 + np.abs(points) @ np.abs(weights))
    rounding = 4 * (len(points) + points.shape[1] + 10) * ULP * size
    return gradient, (points.T * (shares * chances * (1 - chances))) @ points, rounding


def loss(rows, weights):
    points, labels, shares = rows
    scores = points @ weights
    return shares @ (np.logaddexp(0, scores) - labels * scores)


def error_bound(fit, features):
    """What the relative Newton step says about the distance to the minimiser: it converges quadratically."""
    return 2 * fit.newton_step * (np.linalg.norm(fit.weights) + 1 / np.sqrt(np.mean(np.sum(features**2, axis=1))))


def assert_minimises(fit, rows, features):
    assert fit.converged
    gradient, hessian, rounding = derivatives(rows, np.asarray(fit.weights))
    assert abs(np.linalg.norm(gradient) - fit.gradient_norm) <= rounding
    step = np.linalg.norm(np.linalg.solve(hessian, gradient))
    stiffness = rounding / np.linalg.eigvalsh(hessian)[0]
    assert step <= error_bound(fit, features) / 2 * (1 + 1e-6) + 2 * stiffness


@settings(max_examples=40, deadline=None)
@given(shapes, seeds, st.floats(-0.5, 1.5))
def test_pairs_are_fitted_as_if_expanded(shape, seed, shift):
    features, labels = random_sample(*shape, seed)
    for inputs in (NODES, NODES**2, shift + (1 - shift) * NODES):
        fit = observed.fit_mixup(features, labels, NODES, WEIGHTS, inputs)
        assert_minimises(fit, observed.mixed_rows(features, labels, NODES, WEIGHTS, inputs), features)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_one_mixing_weight_per_pair_is_fitted_as_if_expanded(seed):
    shape = (6, 2)
    features, labels = random_sample(*shape, seed)
    n, dim = shape
    mixing = np.random.default_rng(seed).uniform(0.05, 0.45, (n, n))
    inputs = mixing**2
    fit = observed.fit_mixup_sampled(KEY, features, labels, lambda *_: mixing, input_weight=np.square)
    points = (inputs[..., None] * features[:, None] + (1 - inputs[..., None]) * features).reshape(-1, dim)
    soft = (mixing * labels[:, None] + (1 - mixing) * labels).ravel()
    assert_minimises(fit, (points, soft, np.full(n**2, n**-2.0)), features)
    constant = observed.fit_mixup_sampled(KEY, features, labels, lambda _, pairs: jnp.full(pairs, 0.3))
    expected = observed.fit_mixup(features, labels, np.array([0.3] * 3), WEIGHTS, np.array([0.3] * 3))
    bound = error_bound(constant, features) + error_bound(expected, features)
    assert np.linalg.norm(constant.weights - expected.weights) <= bound + 1e4 * ULP * np.linalg.norm(expected.weights)


def test_one_mixing_weight_per_pair_is_drawn_from_its_law():
    features, labels = random_sample(6, 2, 0)
    drawn = jax.random.uniform(KEY, (6, 6))
    fit = observed.fit_mixup_sampled(KEY, features, labels, jax.random.uniform, input_weight=jnp.sqrt)
    same = observed.fit_mixup_sampled(KEY, features, labels, lambda *_: drawn, input_weight=jnp.sqrt)
    np.testing.assert_array_equal(fit.weights, same.weights)


@pytest.mark.parametrize(
    ("draw", "input_weight", "sentence"),
    [
        (lambda key, shape: jnp.ones(2), jnp.sqrt, r"draw must return numbers of the shape \(6, 6\), got \(2,\)"),
        (lambda key, shape: jnp.full(shape, 1.5), jnp.sqrt, r"draw must return numbers in \[0, 1\]"),
        (jax.random.uniform, jnp.sum, r"input_weight must return numbers of the shape \(6, 6\)"),
        (jax.random.uniform, lambda mixing: mixing / 0, "input_weight must return finite numbers"),
    ],
)
def test_what_is_no_law_of_pairs_gets_one_sentence(draw, input_weight, sentence):
    with pytest.raises(ValueError, match=sentence):
        observed.fit_mixup_sampled(KEY, *random_sample(6, 2, 0), draw, input_weight=input_weight)


@settings(max_examples=20, deadline=None)
@given(seeds, seeds)
def test_masks_and_matrices_are_fitted_as_if_expanded(seed, other_seed):
    shape = (6, 2)
    features, labels = random_sample(*shape, seed)
    n, dim = shape
    rng = np.random.default_rng(other_seed)
    masks = rng.integers(0, 2, (3, dim)).astype(float)
    first, second = rng.standard_normal((2, 3, dim, dim))
    diagonals = np.stack([np.diag(mask) for mask in masks])
    fit = observed.fit_masks(features, labels, masks, WEIGHTS, NODES)
    same = observed.fit_affine(features, labels, diagonals, np.eye(dim) - diagonals, WEIGHTS, NODES)
    general = observed.fit_affine(features, labels, first, second, WEIGHTS, NODES)
    for left, right, answer in ((diagonals, np.eye(dim) - diagonals, fit), (first, second, general)):
        points = (features @ left.transpose(0, 2, 1))[:, :, None] + (features @ right.transpose(0, 2, 1))[:, None]
        soft = NODES[:, None, None] * labels[:, None] + (1 - NODES[:, None, None]) * labels
        rows = (points.reshape(-1, dim), soft.ravel(), np.repeat(WEIGHTS / n**2, n**2))
        assert_minimises(answer, rows, features)
    bound = error_bound(fit, features) + error_bound(same, features)
    assert np.linalg.norm(fit.weights - same.weights) <= bound + 1e4 * ULP * np.linalg.norm(fit.weights)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_scalar_matrices_are_mixup_and_all_ones_masks_mix_nothing(seed):
    features, labels = random_sample(6, 2, seed)
    mixup = observed.fit_mixup(features, labels, NODES, WEIGHTS, NODES)
    scalars = NODES[:, None, None] * np.eye(2)
    affine = observed.fit_affine(features, labels, scalars, np.eye(2) - scalars, WEIGHTS, NODES)
    bound = error_bound(mixup, features) + error_bound(affine, features)
    assert np.linalg.norm(mixup.weights - affine.weights) <= bound + 1e4 * ULP * np.linalg.norm(mixup.weights)
    unmixed = observed.fit_masks(features, labels, np.ones((3, 2)), WEIGHTS, np.full(3, 0.7))
    rows = observed.mixed_rows(features, labels, np.array([0.7]), np.ones(1), np.ones(1))
    assert_minimises(unmixed, rows, features)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_fits_do_not_see_order_sign_duplicates_or_the_basis(seed):
    shape = (6, 2)
    features, labels = random_sample(*shape, seed)
    rng = np.random.default_rng(seed + 1)
    order = rng.permutation(shape[0])
    matrix = np.linalg.qr(rng.standard_normal((shape[1], shape[1])))[0] * np.exp(rng.uniform(-1, 1, shape[1]))
    fit = observed.fit_mixup(features, labels, NODES, WEIGHTS, NODES)
    size = np.linalg.norm(fit.weights)
    # Rounding of the gradient, seen through the softest direction of the Hessian.
    rows = observed.mixed_rows(features, labels, NODES, WEIGHTS, NODES)
    _, hessian, rounding = derivatives(rows, np.asarray(fit.weights))
    slack = 8 * rounding / np.linalg.eigvalsh(hessian)[0] + 100 * ULP * size
    for changed, changed_labels, back in (
        (features[order], labels[order], np.eye(shape[1])),
        (-features, 1 - labels, np.eye(shape[1])),
        (np.tile(features, (2, 1)), np.tile(labels, 2), np.eye(shape[1])),
        (features @ matrix.T, labels, matrix.T),
    ):
        other = observed.fit_mixup(changed, changed_labels, NODES, WEIGHTS, NODES)
        stretch = np.linalg.norm(back, 2)
        bound = error_bound(fit, features) + stretch * error_bound(other, changed)
        assert (
            np.linalg.norm(back @ np.asarray(other.weights) - fit.weights) <= bound + np.linalg.cond(back) ** 2 * slack
        )


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_mixing_weight_one_is_no_mixing(seed):
    features, labels = random_sample(6, 2, seed)
    one = np.ones(1)
    mixup = observed.fit_mixup(features, labels, one, one, one)
    erm = observed.fit_erm(observed.signed_points(features, labels))
    assert erm.separable != mixup.converged
    if mixup.converged:
        unit = 1 / np.sqrt(np.mean(np.sum(features**2, axis=1)))
        bound = error_bound(mixup, features) + 2 * erm.residual * (np.linalg.norm(erm.weights) + unit)
        rows = observed.mixed_rows(features, labels, one, one, one)
        _, hessian, rounding = derivatives(rows, np.asarray(mixup.weights))
        assert np.linalg.norm(mixup.weights - erm.weights) <= bound + 4 * rounding / np.linalg.eigvalsh(hessian)[0]


@pytest.mark.parametrize("inputs", [NODES, 1 - NODES, NODES**2])
def test_clarabel_finds_no_lower_loss(inputs):
    features, labels = random_sample(7, 3, 5)
    rows = observed.mixed_rows(features, labels, NODES, WEIGHTS, inputs)
    fit = observed.fit_mixup(features, labels, NODES, WEIGHTS, inputs)
    solved = observed.mixup_program(features, labels, NODES, WEIGHTS, inputs)
    difference = loss(rows, solved) - loss(rows, np.asarray(fit.weights))
    # CLARABEL stops at a gap of 1e-8, absolute or relative; the sums round.
    assert -4 * len(rows.rows) * ULP <= difference <= 1e-8 * (1 + loss(rows, solved))


@pytest.mark.parametrize("lam", [1.0, 0.5, 0.3])
def test_a_fit_converges_where_the_linear_program_sees_one_minimiser(lam):
    found = []
    for seed in range(12):
        features, labels = random_sample(6, 2, seed)
        point = np.array([lam])
        rows = observed.mixed_rows(features, labels, point, np.ones(1), point)
        fit = observed.fit_mixup(features, labels, point, np.ones(1), point)
        found.append(observed.has_one_minimiser(rows.rows, rows.labels))
        assert fit.converged == found[-1]
    # One soft interior atom suffices; without mixing some of these samples are separable.
    assert all(found) if lam < 1 else len(set(found)) == 2


def test_half_and_half_alone_fails_for_points_in_a_hyperplane():
    labels = np.array([1.0, 1, 1, 0, 0, 0])
    signed = np.column_stack([np.ones(6), np.random.default_rng(0).standard_normal(6)])
    features = (2 * labels[:, None] - 1) * signed
    half, third = np.array([0.5]), np.array([0.3])
    assert not observed.fit_mixup(features, labels, half, np.ones(1), half).converged
    assert observed.fit_mixup(features, labels, third, np.ones(1), third).converged
    rows = observed.mixed_rows(features, labels, half, np.ones(1), half)
    assert not observed.has_one_minimiser(rows.rows, rows.labels)


def test_inputs_that_know_nothing_of_the_labels_give_zero_weights():
    features = random_sample(6, 2, 1)[0]
    ends, halves = np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.25, 0.25])
    fit = observed.fit_mixup(features, np.array([1.0, 0, 1, 0, 1, 0]), ends, halves, 1 - ends)
    assert fit.converged
    # A zero of the gradient to rounding, against a curvature of a quarter of the second moment.
    moment = np.linalg.eigvalsh(features.T @ features / 6)
    assert np.linalg.norm(fit.weights) <= 4 * 100 * ULP * np.abs(features).max() / moment[0]


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_too_few_points_give_the_minimiser_of_least_norm(seed):
    features, labels = np.random.default_rng(seed).standard_normal((4, 7)), np.array([1.0, 1, 0, 0])
    fit = observed.fit_mixup(features, labels, NODES, WEIGHTS, NODES)
    assert fit.converged
    basis = np.linalg.qr(features.T)[0]
    inside = observed.fit_mixup(features @ basis, labels, NODES, WEIGHTS, NODES)
    bound = error_bound(fit, features) + error_bound(inside, features)
    stretch = np.linalg.cond(features) ** 2
    slack = 1e4 * ULP * stretch * np.linalg.norm(fit.weights)
    assert np.linalg.norm(fit.weights - basis @ np.asarray(inside.weights)) <= bound + slack


def test_ridge_bounds_what_had_no_minimiser():
    features, labels = random_sample(6, 2, 3)
    one = np.ones(1)
    fit = observed.fit_mixup(features, labels, one, one, one, ridge=0.01)
    rows = observed.mixed_rows(features, labels, one, one, one)
    gradient, _, rounding = derivatives(rows, np.asarray(fit.weights))
    assert fit.converged
    assert np.linalg.norm(gradient + 0.01 * np.asarray(fit.weights)) <= fit.gradient_norm + rounding


def test_too_few_iterations_are_admitted():
    features, labels = random_sample(6, 2, 3)
    fit = observed.fit_mixup(features, labels, NODES, WEIGHTS, NODES, iterations=2)
    assert not fit.converged
    assert fit.evaluations == 2
    assert fit.newton_step > TOLERANCE


def test_equal_labels_are_warned_of():
    features = random_sample(6, 2, 3)[0]
    with pytest.warns(UserWarning, match="labels are all equal"):
        separable = observed.fit_mixup(np.abs(features), np.ones(6), NODES, WEIGHTS, NODES)
    assert not separable.converged
    with pytest.warns(UserWarning, match="labels are all equal"):
        around_zero = observed.fit_mixup(features - features.mean(axis=0), np.ones(6), NODES, WEIGHTS, NODES)
    assert around_zero.converged


GOOD = (np.array([[1.0, 2], [3, 1], [-1, 1], [0, -2]]), np.array([1.0, 1, 0, 0]), NODES, WEIGHTS, NODES)


def test_single_precision_is_refused():
    with jax.enable_x64(False), pytest.raises(TypeError, match="a Mixup fit needs float64"):
        observed.fit_mixup(*(values.astype(np.float32) for values in GOOD))
