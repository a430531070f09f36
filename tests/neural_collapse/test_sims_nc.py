"""Simulators of linear heads: what their metrics, objectives and searches must not depend on, and
degenerate cases.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.neural_collapse import (
    collapse_metrics,
    gradient_training,
    model,
    optimise,
)
from sims.neural_collapse.optimise import flatten, value_and_gradient
from theory.neural_collapse import mean_square

ULP = 2.0**-53
KEY = jax.random.key(3)
SIZES = (4, 3, 2)
DIM = 5
LABELS = np.repeat(np.arange(3), SIZES)
seeds = st.integers(0, 2**32 - 1)
nc1 = jax.jit(lambda features: collapse_metrics.within_class_collapse(features, SIZES))
distance = jax.jit(collapse_metrics.gram_distance)
measured = jax.jit(collapse_metrics.collapse, static_argnums=1)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_within_class_collapse_ignores_rotations_shifts_and_scales(seed, scale):
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((DIM, 9))
    rotation = np.linalg.qr(generator.standard_normal((DIM, DIM)))[0]
    means = np.stack([features[:, label == LABELS].mean(axis=1) for label in range(3)])
    within = np.sum((features - means.T[:, LABELS]) ** 2) / 9
    spread = np.linalg.svd(means - features.mean(axis=1), compute_uv=False)[:2] ** 2 / 3
    # A pseudo-inverse loses its condition's roundings, and so does the eigenvalue form.
    bound = 1e4 * ULP * (spread[0] / spread[1]) * within / spread[1]
    assert abs(nc1(scale * rotation @ features) - nc1(features)) <= bound
    assert abs(nc1(features + 1.0) - nc1(features)) <= bound


def test_within_class_collapse_of_collapsed_and_dead_features():
    generator = np.random.default_rng(0)
    points = generator.standard_normal((DIM, 3))[:, LABELS]
    assert 0 <= nc1(points) <= (100 * ULP) ** 2 * 1e3
    assert np.isnan(nc1(np.zeros((DIM, 9))))
    # A class whose features are rounding noise about zero, beside two that are alive: only those
    # are inverted.
    dying = points.copy()
    dying[:, LABELS == 2] = 1e-9 * generator.standard_normal((DIM, 2))
    dying[:, LABELS == 1] = -dying[:, LABELS == 0][:, :1] * 4 / 3
    noise = 1e-9 * generator.standard_normal((DIM, 9))
    assert nc1(dying + noise) < 1e-12
    without_cutoff = jax.jit(
        lambda features: collapse_metrics.within_class_collapse(features, SIZES, cutoff=0.0)
    )
    assert without_cutoff(dying + noise) > 1e-3


def test_the_cutoff_in_single_precision_grows_with_the_classes():
    # The eigenvalues of the class means are 1e-6 apart: beyond 1e-6, within the cutoff 1e-6 K.
    means = np.zeros((DIM, 3))
    means[:2] = [1, -1, 0], np.array([1, 1, -2]) * 1e-3 / np.sqrt(3)
    deviations = 0.1 * np.random.default_rng(2).standard_normal((DIM, 3))
    features = np.hstack([means + deviations, means - deviations])[:, [0, 3, 1, 4, 2, 5]].astype(
        np.float32
    )

    with jax.enable_x64(False):
        rank, smaller, law = (
            collapse_metrics.within_class_collapse(features, (2, 2, 2), cutoff=cutoff)
            for cutoff in (None, 3e-7, 3e-6)
        )
    assert rank == law
    assert smaller > 100 * rank


@settings(max_examples=40, deadline=None)
@given(seed=seeds, scale=st.floats(1e-6, 1e6))
def test_gram_distance_is_scale_free_and_at_most_two(seed, scale):
    generator = np.random.default_rng(seed)
    gram, target = generator.standard_normal((2, 4, 4))
    value = distance(gram, target)
    assert 0 <= value <= 2 + 4 * ULP
    # The rounding of normalised entries, which are at most one, passes to the distance as it is.
    assert abs(distance(scale * gram, target) - value) <= 40 * ULP
    assert abs(distance(target, gram) - value) <= 40 * ULP
    assert distance(gram, scale * gram) <= 40 * ULP
    assert abs(distance(gram, -gram) - 2) <= 40 * ULP


def test_a_zero_matrix_has_no_distance():
    assert np.isnan(collapse_metrics.gram_distance(np.zeros((3, 3)), np.eye(3)))
    assert np.isnan(collapse_metrics.gram_distance(np.eye(3), np.zeros((3, 3))))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("reduced", [False, True])
def test_a_collapsed_head_is_at_its_targets_and_no_other(bias, reduced):
    generator = np.random.default_rng(2)
    sizes = (3, 3, 3, 3)
    problem = model.Problem(sizes, (0.1, 0.1), 0.1, bias)
    frame = np.eye(4) - (0.25 if bias else 0)
    rotations = [np.linalg.qr(generator.standard_normal((6, 6)))[0][:, :4] for _ in range(2)]
    means = 0.7 * rotations[0] @ frame
    features = means * np.sqrt(3) if reduced else np.repeat(means, 3, axis=1)
    # A shift of all features is no collapse metric's business where a bias takes it up.
    features = features + (rotations[0][:, :1] if bias else 0)
    head = model.Head(
        (
            jnp.asarray(2.0 * rotations[1] @ frame @ rotations[0].T),
            jnp.asarray(3.0 * frame @ rotations[1].T),
        ),
        jnp.asarray(features),
        jnp.zeros(4),
    )
    right = measured(head, problem, collapse_metrics.balanced_targets(4, 2, bias=bias))
    bound = 1e3 * ULP
    assert right.within_class <= bound**2
    for error in jax.tree.leaves(right):
        assert np.all(error <= bound)
    wrong = measured(head, problem, collapse_metrics.balanced_targets(4, 2, bias=not bias))
    apart = np.sqrt(2 - 2 * np.sqrt(0.75))
    for error in (*wrong.weights, wrong.features, wrong.logits):
        assert abs(error - apart) <= bound


WIDTHS = (4, 5)
PROBLEMS = {
    f"{loss}, {name}": model.Problem((3, 1, 2), (0.03, 0.05), 0.04, loss=loss, **bias)
    for loss in ("mse", "ce")
    for name, bias in {
        "no bias": {},
        "free bias": {"bias": True},
        "decayed bias": {"bias": True, "bias_decay": 0.2},
    }.items()
}

each_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS.keys())


def random_head(seed, n_columns, widths=WIDTHS, n_classes=3):
    normal = np.random.default_rng(seed).standard_normal
    layers = tuple(
        jnp.asarray(normal(shape)) for shape in zip((*widths[1:], n_classes), widths, strict=True)
    )
    return model.Head(
        layers, jnp.asarray(normal((widths[0], n_columns))), jnp.asarray(normal(n_classes))
    )


@functools.cache
def compiled(problem):
    return jax.jit(jax.value_and_grad(lambda head: model.objective(head, problem)))


def rounding(head, problem):
    """What rounding may do to the objective: the number of terms in the longest sum, times all
    terms without signs.
    """
    outputs = np.abs(head.features) * np.sqrt(max(problem.class_sizes))
    for layer in head.weights:
        outputs = np.abs(layer) @ outputs
    outputs = outputs + np.abs(head.bias)[:, None] + 1
    terms = (
        sum(layer.shape[1] for layer in head.weights) + head.features.size + 4 * problem.n_samples
    )
    return (
        8
        * terms
        * ULP
        * (np.max(np.sum(outputs**2, axis=0)) + sum(np.sum(part**2) for part in head.weights))
    )


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
    # An entry of the gradient has no more terms than the objective, each smaller by a factor of one
    # of the weights.
    assert np.all(np.abs(slope - flatten(expected, problem)) <= 10 * bound)
    if not problem.bias:
        assert np.all(expected.bias == 0)


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


def test_descent_runs_in_single_precision():
    problem = model.Problem((3, 2, 1), (1e-3,), 1e-3, True)
    options = {
        "learning_rate": 0.1,
        "momentum": 0.9,
        "steps": 60,
        "every": 20,
        "weight_std": 0.4,
        "feature_std": 0.4,
    }
    with jax.enable_x64(False):
        run = jax.jit(
            lambda key: gradient_training.train(key, problem, (4,), reduced=False, **options)
        )(KEY)
        assert {
            leaf.dtype for leaf in jax.tree.leaves((run.objective, run.collapse, run.head))
        } == {np.dtype("f4")}
    assert np.all(np.diff(run.objective) < 0)


def test_a_strong_decay_leaves_nothing():
    trivial = optimise.nuclear_norm_optimum((2, 2), 1.0, 1.0)
    assert np.all(np.abs(trivial.logits) < 1e-6)
    assert abs(trivial.value - 0.5) < 1e-7


@pytest.mark.parametrize("search", ["minimise", "hessian_spectrum", "optima"])
def test_searches_in_single_precision_are_refused(search):
    problem = model.Problem((3, 1, 2), (0.1, 0.1), 0.1)
    head = random_head(0, 3)
    rest = (KEY, 1) if search == "optima" else (head,)
    options = {"widths": (3, 3)} if search == "optima" else {}
    with jax.enable_x64(False), pytest.raises(TypeError, match="needs float64"):
        getattr(optimise, search)(problem, *rest, **options)


@settings(max_examples=10, deadline=None)
@given(seed=seeds, has_bias=st.booleans())
def test_the_objective_of_the_reduced_problem_is_that_of_all_features(seed, has_bias):
    generator = np.random.default_rng(seed)
    weights = (generator.standard_normal((4, DIM)), generator.standard_normal((3, 4)))
    means = generator.standard_normal((DIM, 3))
    bias = generator.standard_normal(3) * has_bias
    problem = model.Problem(SIZES, (0.02, 0.03), 0.05, bias=has_bias)
    head = model.Head(weights, means * np.sqrt(np.array(SIZES, float)), bias)
    reduced = float(model.objective(head, problem))
    whole = float(model.objective(head._replace(features=means[:, LABELS]), problem))
    assert abs(reduced - whole) <= 1000 * ULP * whole
    outputs = weights[1] @ weights[0] @ means[:, LABELS] + bias[:, None]
    by_hand = np.sum((outputs - np.eye(3)[:, LABELS]) ** 2) / 18 + 0.025 * np.sum(
        means[:, LABELS] ** 2
    )
    by_hand += 0.01 * np.sum(weights[0] ** 2) + 0.015 * np.sum(weights[1] ** 2)
    assert abs(whole - by_hand) <= 1000 * ULP * whole


@pytest.mark.parametrize(
    ("sizes", "bias"),
    [
        ((6, 4, 2, 1), {}),
        ((6, 4, 2, 1), {"bias": True}),
        ((3, 3, 3), {"bias": True, "bias_decay": 1.0}),
    ],
)
def test_the_predicted_minimiser_is_at_its_targets(sizes, bias):
    optimum = mean_square.mse_optimum(sizes, [0.01, 0.02], 0.03, **bias)
    problem = model.Problem(sizes, (0.01, 0.02), 0.03, **bias)
    weights, means, offset = mean_square.optimal_parameters(optimum)
    head = model.Head(
        tuple(weights), means * np.sqrt(sizes), np.zeros(len(sizes)) if offset is None else offset
    )
    targets = collapse_metrics.Targets(*mean_square.optimum_targets(optimum))
    for distances in jax.tree.leaves(measured(head, problem, targets)):
        assert np.all(distances <= 1e4 * ULP)
    assert model.objective(head, problem) == pytest.approx(optimum.value, rel=1e-12)


def test_descent_from_zero_stays_there_though_it_is_no_minimum():
    problem = model.Problem((1, 1), (0.05,), 0.05)
    zero = model.Head((np.zeros((2, 3)),), np.zeros((3, 2)), np.zeros(2))
    end = optimise.minimise(problem, zero)
    assert end.value == 0.5
    assert end.gradient_norm == 0
    # The labels pull with half a unit each, the decay with 0.05 back.
    assert optimise.hessian_spectrum(problem, zero)[0] == pytest.approx(0.05 - 0.5, abs=1e-12)


def test_without_a_spare_unit_a_local_minimum_fails_the_bound_on_the_gradient():
    problem = model.Problem((1, 1), (0.05,), 0.05)
    length = np.sqrt(0.9)  # of both factors: 1 / (1 + 9) of the label is lost
    narrow = model.Head((np.array([[length], [0.0]]),), np.array([[length, 0.0]]), np.zeros(2))
    spectrum = optimise.hessian_spectrum(problem, narrow)
    assert spectrum[0] > -1e-12
    value, gradient = value_and_gradient(problem, (1,), 2)(flatten(narrow, problem))
    assert value == pytest.approx(0.2975, abs=1e-12)
    assert np.abs(gradient).max() < 1e-12
    residual = narrow.weights[0] @ narrow.features - np.eye(2)
    assert np.linalg.norm(residual / 2, 2) == pytest.approx(0.5)  # and not 0.05
    both = model.Head((length * np.eye(2),), length * np.eye(2), np.zeros(2))
    least, _ = value_and_gradient(problem, (2,), 2)(flatten(both, problem))
    assert least == pytest.approx(0.095, abs=1e-12)
    # With a unit to spare the same point is a saddle.
    wide = model.Head(
        (np.hstack([narrow.weights[0], np.zeros((2, 1))]),),
        np.vstack([narrow.features, np.zeros((1, 2))]),
        np.zeros(2),
    )
    assert optimise.hessian_spectrum(problem, wide)[0] == pytest.approx(0.05 - 0.5, abs=1e-12)
