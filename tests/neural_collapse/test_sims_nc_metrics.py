"""Collapse metrics against their definitions in NumPy, their symmetries, and their degenerate cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sims.neural_collapse as observed

ULP = 2.0**-53
SIZES, DIM = (4, 3, 2), 5
LABELS = np.repeat(np.arange(3), SIZES)
seeds = st.integers(0, 2**32 - 1)
nc1 = jax.jit(lambda features: observed.within_class_collapse(features, SIZES))
distance = jax.jit(observed.gram_distance)
measured = jax.jit(observed.collapse, static_argnums=1)


def covariances(features):
    means = np.array([features[:, label == LABELS].mean(axis=1) for label in range(3)]).T
    deviations = features - means[:, LABELS]
    centred = means - features.mean(axis=1, keepdims=True)
    return deviations @ deviations.T / features.shape[1], centred @ centred.T / 3


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_within_class_collapse_is_its_definition(seed):
    features = np.random.default_rng(seed).standard_normal((DIM, 9))
    within, between = covariances(features)
    expected = np.trace(within @ np.linalg.pinv(between, rcond=1e-10, hermitian=True)) / 3
    # A pseudo-inverse of condition κ loses κ roundings of its entries, and so does the eigenvalue form.
    eigenvalues = np.linalg.eigvalsh(between)[-2:]
    bound = 1e3 * ULP * (eigenvalues[1] / eigenvalues[0]) * np.trace(within) / eigenvalues[0]
    assert abs(nc1(features) - expected) <= bound


@settings(max_examples=30, deadline=None)
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_within_class_collapse_ignores_rotations_shifts_and_scales(seed, scale):
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((DIM, 9))
    rotation = np.linalg.qr(generator.standard_normal((DIM, DIM)))[0]
    eigenvalues = np.linalg.eigvalsh(covariances(features)[1])[-2:]
    bound = 1e4 * ULP * (eigenvalues[1] / eigenvalues[0]) * np.trace(covariances(features)[0]) / eigenvalues[0]
    assert abs(nc1(scale * rotation @ features) - nc1(features)) <= bound
    assert abs(nc1(features + 1.0) - nc1(features)) <= bound


def test_within_class_collapse_of_collapsed_and_dead_features():
    generator = np.random.default_rng(0)
    collapsed = generator.standard_normal((DIM, 3))[:, LABELS]
    assert 0 <= nc1(collapsed) <= (100 * ULP) ** 2 * 1e3
    assert np.isnan(nc1(np.zeros((DIM, 9))))
    # A class whose features are rounding noise about zero, beside two that are alive: only those are inverted.
    dying = collapsed.copy()
    dying[:, LABELS == 2] = 1e-9 * generator.standard_normal((DIM, 2))
    dying[:, LABELS == 1] = -dying[:, LABELS == 0][:, :1] * 4 / 3
    noise = 1e-9 * generator.standard_normal((DIM, 9))
    assert nc1(dying + noise) < 1e-12
    without_cutoff = jax.jit(lambda features: observed.within_class_collapse(features, SIZES, cutoff=0.0))
    assert without_cutoff(dying + noise) > 1e-3


def test_within_class_collapse_in_single_precision_leaves_rounding_out():
    features = np.random.default_rng(1).standard_normal((DIM, 3))[:, LABELS]
    features[:, LABELS == 2] = 0
    features[:, LABELS == 1] = -features[:, LABELS == 0][:, :1] * 4 / 3
    features = features.astype(np.float32) + np.float32(1e-8) * np.arange(9, dtype=np.float32)
    with jax.enable_x64(False):
        found = nc1(features)
        assert found.dtype == np.float32
        assert 0 <= found < 1e-6


def test_the_cutoff_in_single_precision_grows_with_the_classes():
    # The eigenvalues of the class means are 1e-6 apart: beyond 1e-6, within the cutoff 1e-6 K.
    means = np.zeros((DIM, 3))
    means[:2] = [1, -1, 0], np.array([1, 1, -2]) * 1e-3 / np.sqrt(3)
    deviations = 0.1 * np.random.default_rng(2).standard_normal((DIM, 3))
    features = np.hstack([means + deviations, means - deviations])[:, [0, 3, 1, 4, 2, 5]].astype(np.float32)

    with jax.enable_x64(False):
        found, smaller, stated = (
            observed.within_class_collapse(features, (2, 2, 2), cutoff=cutoff) for cutoff in (None, 3e-7, 3e-6)
        )
    assert found == stated
    assert smaller > 100 * found


@settings(max_examples=40, deadline=None)
@given(seed=seeds, scale=st.floats(1e-6, 1e6))
def test_gram_distance_is_scale_free_and_at_most_two(seed, scale):
    generator = np.random.default_rng(seed)
    gram, target = generator.standard_normal((2, 4, 4))
    found = distance(gram, target)
    assert 0 <= found <= 2 + 4 * ULP
    # The rounding of normalised entries, which are at most one, passes to the distance as it is.
    assert abs(distance(scale * gram, target) - found) <= 40 * ULP
    assert abs(distance(target, gram) - found) <= 40 * ULP
    assert distance(gram, scale * gram) <= 40 * ULP
    assert abs(distance(gram, -gram) - 2) <= 40 * ULP


@pytest.mark.parametrize("n_classes", [2, 4, 10])
def test_orthogonal_frame_and_simplex_are_as_far_apart_as_their_angle_says(n_classes):
    simplex = observed.balanced_targets(n_classes, 1, bias=True)
    frame = observed.balanced_targets(n_classes, 1, bias=False)
    cosine = np.sqrt(1 - 1 / n_classes)
    found = observed.gram_distance(frame.feature_gram, simplex.feature_gram)
    assert abs(found - np.sqrt(2 - 2 * cosine)) <= 100 * ULP


def test_a_zero_matrix_has_no_distance():
    assert np.isnan(observed.gram_distance(np.zeros((3, 3)), np.eye(3)))
    assert np.isnan(observed.gram_distance(np.eye(3), np.zeros((3, 3))))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("reduced", [False, True])
def test_a_collapsed_head_is_at_its_targets_and_no_other(bias, reduced):
    generator = np.random.default_rng(2)
    sizes = (3, 3, 3, 3)
    problem = observed.Problem(sizes, (0.1, 0.1), 0.1, bias)
    frame = np.eye(4) - (0.25 if bias else 0)
    rotations = [np.linalg.qr(generator.standard_normal((6, 6)))[0][:, :4] for _ in range(2)]
    means = 0.7 * rotations[0] @ frame
    features = means * np.sqrt(3) if reduced else np.repeat(means, 3, axis=1)
    # A shift of all features is no collapse metric's business where a bias takes it up.
    features = features + (rotations[0][:, :1] if bias else 0)
    head = observed.Head(
        (jnp.asarray(2.0 * rotations[1] @ frame @ rotations[0].T), jnp.asarray(3.0 * frame @ rotations[1].T)),
        jnp.asarray(features),
        jnp.zeros(4),
    )
    right = measured(head, problem, observed.balanced_targets(4, 2, bias=bias))
    bound = 1e3 * ULP
    assert right.within_class <= bound**2
    for found in jax.tree.leaves(right):
        assert np.all(found <= bound)
    wrong = measured(head, problem, observed.balanced_targets(4, 2, bias=not bias))
    apart = np.sqrt(2 - 2 * np.sqrt(0.75))
    for found in (*wrong.weights, wrong.features, wrong.logits):
        assert abs(found - apart) <= bound


def test_alignment_is_taken_through_the_given_matrix():
    generator = np.random.default_rng(3)
    means, stretch = generator.standard_normal((6, 3)), np.diag([1.0, 2.0, 5.0])
    problem = observed.Problem((1, 1, 1), (0.1,), 0.1)
    head = observed.Head((jnp.asarray(stretch @ means.T),), jnp.asarray(means), jnp.zeros(3))
    gram = means.T @ means
    targets = observed.Targets((stretch @ gram @ stretch)[None], gram, stretch @ gram, stretch)
    for found in jax.tree.leaves(measured(head, problem, targets)):
        assert np.all(found <= 1e3 * ULP)
    assert measured(head, problem, targets._replace(alignment=np.eye(3))).alignment > 0.1
