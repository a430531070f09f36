"""Contrastive minima and batch conditions, bounds on angles: against the losses and graphs by their definitions."""

import numpy as np
import pytest
from heads_by_hand import UNIT_ROUNDOFF, general
from hypothesis import given
from hypothesis import strategies as st

from theory import neural_collapse as predicted

seeds = st.integers(0, 2**32 - 1)
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


@general
@given(st.lists(st.integers(2, 4), min_size=1, max_size=3), temperatures, seeds)
def test_orthogonal_frames_attain_the_contrastive_minimum(sizes, temperature, seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    minimum = predicted.scl_minimum(sizes, temperature)
    rounding = 64 * labels.size * UNIT_ROUNDOFF * (1 + minimum) / min(temperature, 1)
    frame = np.eye(len(sizes) + 1)[labels]
    assert contrastive_loss(frame, labels, temperature) == pytest.approx(minimum, abs=rounding)
    assert predicted.scl_batch_minimum(labels, [list(range(labels.size))], temperature) == pytest.approx(
        minimum, abs=rounding
    )
    for spread in (0.01, 0.3, 3):
        features = np.maximum(frame + spread * rng.standard_normal(frame.shape), 0) + 1e-12
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        assert contrastive_loss(features, labels, temperature) >= minimum - rounding


def test_contrastive_minimum_at_temperature_one_by_default():
    assert predicted.scl_minimum([6, 3, 2]) == pytest.approx(11 * 1.750221528139, abs=11 * 5.1e-13)
    labels = np.repeat(np.arange(3), [6, 3, 2])
    assert predicted.scl_batch_minimum(labels, [list(range(11))]) == predicted.scl_minimum([6, 3, 2])


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


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_simplices_and_antipodes_reach_the_first_bound(dim):
    for n_vectors in range(2, dim + 2):
        gram = np.eye(n_vectors) - 1 / n_vectors
        eigenvalues, directions = np.linalg.eigh(gram * n_vectors / (n_vectors - 1))
        vectors = (directions * np.sqrt(np.maximum(eigenvalues, 0)))[:, 1:]
        assert vectors.shape[1] <= dim
        assert largest_cosine(vectors) == pytest.approx(predicted.simplex_bound(n_vectors, dim), abs=64 * UNIT_ROUNDOFF)
        assert predicted.simplex_bound(n_vectors, dim) == pytest.approx(-1 / (n_vectors - 1), rel=4 * UNIT_ROUNDOFF)
    antipodes = np.concatenate([np.eye(dim), -np.eye(dim)])
    for n_vectors in range(dim + 2, 2 * dim + 1):
        assert largest_cosine(antipodes[:n_vectors]) == predicted.simplex_bound(n_vectors, dim) == 0
    assert predicted.simplex_bound(2 * dim + 1, dim) == 0


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


@pytest.mark.parametrize(
    ("n_vectors", "dim", "possible"),
    [
        (6, 3, True),
        (7, 3, False),
        (21, 6, True),
        (22, 6, False),
        (2, 2, True),
        (3, 2, True),
        (4, 2, False),
        (2, 1, False),
    ],
)
def test_counting_condition_of_the_second_bound(n_vectors, dim, possible):
    assert predicted.welch_bound_may_be_attained(n_vectors, dim) is possible
