"""Objectives against a loop over samples, the hand-written gradient against JAX's, and the symmetries of both."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sims.neural_collapse as observed
from sims.neural_collapse.gradients import flatten, hessian, unflatten, value_and_gradient

ULP = 2.0**-53
SIZES, WIDTHS = (3, 1, 2), (4, 5)
PROBLEMS = {
    f"{loss}, {name}": observed.Problem(SIZES, (0.03, 0.05), 0.04, loss=loss, **bias)
    for loss in ("mse", "ce")
    for name, bias in {
        "no bias": {},
        "free bias": {"bias": True},
        "decayed bias": {"bias": True, "bias_decay": 0.2},
    }.items()
}
seeds = st.integers(0, 2**32 - 1)
each_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())


def random_head(seed, n_columns, widths=WIDTHS, n_classes=3):
    normal = np.random.default_rng(seed).standard_normal
    layers = tuple(jnp.asarray(normal(shape)) for shape in zip((*widths[1:], n_classes), widths, strict=True))
    return observed.Head(layers, jnp.asarray(normal((widths[0], n_columns))), jnp.asarray(normal(n_classes)))


@functools.cache
def compiled(problem):
    return jax.jit(jax.value_and_grad(lambda head: observed.objective(head, problem)))


def rounding(head, problem):
    """What rounding may do to the objective: the number of terms in the longest sum, times all terms without signs."""
    outputs = np.abs(head.features) * np.sqrt(max(problem.class_sizes))
    for layer in head.weights:
        outputs = np.abs(layer) @ outputs
    outputs = outputs + np.abs(head.bias)[:, None] + 1
    terms = sum(layer.shape[1] for layer in head.weights) + head.features.size + 4 * problem.n_samples
    return 8 * terms * ULP * (np.max(np.sum(outputs**2, axis=0)) + sum(np.sum(part**2) for part in head.weights))


def by_hand(head, problem):
    """The definition, one sample after the other."""
    weights, features = [np.asarray(layer) for layer in head.weights], np.asarray(head.features)
    bias = np.asarray(head.bias) if problem.bias else np.zeros(problem.n_classes)
    labels = np.repeat(np.arange(problem.n_classes), problem.class_sizes)
    total = 0.0
    for sample, label in enumerate(labels):
        logits = features[:, sample]
        for layer in weights:
            logits = layer @ logits
        logits = logits + bias
        if problem.loss == "mse":
            total += 0.5 * np.sum((logits - np.eye(problem.n_classes)[label]) ** 2) / len(labels)
        else:
            total -= (logits[label] - np.log(np.sum(np.exp(logits - logits.max()))) - logits.max()) / len(labels)
    total += sum(decay / 2 * np.sum(part**2) for decay, part in zip(problem.weight_decays, weights, strict=True))
    return total + problem.feature_decay / 2 * np.sum(features**2) + problem.bias_decay / 2 * np.sum(bias**2)


@each_problem
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_objective_is_its_definition(problem, seed):
    head = random_head(seed, sum(SIZES))
    assert abs(compiled(problem)(head)[0] - by_hand(head, problem)) <= rounding(head, problem)


@each_problem
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_class_mean_form_is_the_full_form_where_classes_are_collapsed(problem, seed):
    means = random_head(seed, 3)
    full = means._replace(features=jnp.asarray(np.repeat(np.asarray(means.features), SIZES, axis=1)))
    reduced = means._replace(features=means.features * np.sqrt(SIZES))
    (full_value, full_slope), (value, slope) = compiled(problem)(full), compiled(problem)(reduced)
    bound = rounding(full, problem)
    assert abs(full_value - value) <= bound
    for layer in range(2):
        assert np.all(np.abs(full_slope.weights[layer] - slope.weights[layer]) <= 10 * bound)
    # The chain rule along h_k = x_k / √n_k, one column for n_k equal ones.
    summed = np.add.reduceat(np.asarray(full_slope.features), [0, 3, 4], axis=1) / np.sqrt(SIZES)
    assert np.all(np.abs(summed - slope.features) <= 10 * bound)


def test_with_one_sample_per_class_both_forms_are_one():
    problem = observed.Problem((1, 1, 1), (0.03, 0.05), 0.04)
    assert problem.columns(3) == ((0, 1, 2), pytest.approx(np.ones(3), abs=0))


@each_problem
@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_rotations_between_layers_and_orders_of_samples_and_classes_change_nothing(problem, seed):
    head = random_head(seed, sum(SIZES))
    generator = np.random.default_rng(seed)
    first, second = (np.linalg.qr(generator.standard_normal((width, width)))[0] for width in WIDTHS)
    rotated = head._replace(
        weights=(second @ head.weights[0] @ first.T, head.weights[1] @ second.T), features=first @ head.features
    )
    value = compiled(problem)(head)[0]
    bound = rounding(head, problem) + rounding(rotated, problem)
    assert abs(compiled(problem)(rotated)[0] - value) <= bound
    within = head._replace(features=head.features[:, np.array([2, 0, 1, 3, 5, 4])])
    assert abs(compiled(problem)(within)[0] - value) <= bound
    relabelled = observed.Problem(
        (1, 2, 3), problem.weight_decays, problem.feature_decay, problem.bias, problem.bias_decay, problem.loss
    )
    order = np.array([1, 2, 0])
    moved = observed.Head(
        (head.weights[0], head.weights[1][order]), head.features[:, np.array([3, 4, 5, 0, 1, 2])], head.bias[order]
    )
    assert abs(compiled(relabelled)(moved)[0] - value) <= bound


@each_problem
@pytest.mark.parametrize("n_columns", [3, 6])
@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_gradient_by_hand_is_that_of_jax(problem, n_columns, seed):
    head = random_head(seed, n_columns)
    value, slope = value_and_gradient(problem, WIDTHS, n_columns)(flatten(head, problem))
    expected_value, expected = compiled(problem)(head)
    bound = rounding(head, problem)
    assert abs(value - expected_value) <= bound
    # An entry of the gradient has no more terms than the objective, each smaller by a factor of one of the weights.
    assert np.all(np.abs(slope - flatten(expected, problem)) <= 10 * bound)
    if not problem.bias:
        assert np.all(expected.bias == 0)


@pytest.mark.parametrize("problem", [PROBLEMS["mse, no bias"], PROBLEMS["ce, decayed bias"]])
def test_complex_step_hessian_is_that_of_jax(problem):
    head = random_head(0, 3)
    flat = flatten(head, problem)
    second = jax.jit(jax.hessian(lambda numbers: observed.objective(_rebuilt(numbers, head, problem), problem)))
    by_jax = second(flat)
    found = hessian(value_and_gradient(problem, WIDTHS, 3), flat)
    assert np.all(found == found.T)
    assert np.all(np.abs(found - by_jax) <= 100 * rounding(head, problem))
    restored = unflatten(flat, problem, WIDTHS, 3)
    assert all(np.array_equal(a, b) for a, b in zip(restored.weights, head.weights, strict=True))
    assert np.array_equal(restored.bias, head.bias if problem.bias else np.zeros(3))


def _rebuilt(numbers, like, problem):
    parts, start = [], 0
    for part in (*like.weights, like.features, *([like.bias] if problem.bias else [])):
        parts.append(numbers[start : start + part.size].reshape(part.shape))
        start += part.size
    return observed.Head(tuple(parts[:2]), parts[2], parts[3] if problem.bias else jnp.zeros(3))


def test_cross_entropy_of_huge_logits_stays_finite():
    head = random_head(1, 6)
    problem = PROBLEMS["ce, free bias"]
    huge = head._replace(bias=jnp.array([1e4, 0.0, -1e4]))
    value, slope = compiled(problem)(huge)
    assert np.isfinite(value)
    assert np.isfinite(flatten(slope, problem)).all()
    by_numpy = value_and_gradient(problem, WIDTHS, 6)(flatten(huge, problem))
    assert abs(by_numpy[0] - value) <= 1e2 * ULP * 1e4
    assert np.isfinite(by_numpy[1]).all()


@jax.jit
def start(key, weight_std, feature_std):
    return observed.initial_head(key, WIDTHS, 3, 6, weight_std=weight_std, feature_std=feature_std)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, std=st.floats(0.01, 10))
def test_starts_scale_with_their_deviations(seed, std):
    key = jax.random.key(seed)
    unit, scaled = start(key, 1.0, 1.0), start(key, std, 2 * std)
    assert [layer.shape for layer in unit.weights] == [(5, 4), (3, 5)]
    assert unit.features.shape == (4, 6)
    assert np.all(unit.bias == 0)
    assert all(np.array_equal(std * a, b) for a, b in zip(unit.weights, scaled.weights, strict=True))
    assert np.array_equal(2 * std * unit.features, scaled.features)


def test_starts_are_standard_normal():
    heads = [start(jax.random.key(seed), 1.0, 1.0) for seed in range(200)]
    numbers = np.concatenate([np.ravel(part) for head in heads for part in (*head.weights, head.features)])
    # Dvoretzky-Kiefer-Wolfowitz: an event of probability below 1e-9 for one fixed key.
    from scipy.stats import kstest

    assert kstest(numbers, "norm").statistic <= np.sqrt(np.log(2e9) / (2 * len(numbers)))
