"""Supervised contrastive features against loops and orthogonal frames, unit vectors against the bounds on angles."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sims.neural_collapse as observed

ULP = 2.0**-53
KEYS = jax.random.split(jax.random.key(11), 4)
LABELS = (0, 0, 0, 1, 1, 2)
BATCHES = ((0, 1, 3, 4), (2, 3, 5), (4, 5))
seeds = st.integers(0, 2**32 - 1)
whole = jax.jit(lambda features, t: observed.supervised_contrastive_loss(features, LABELS, temperature=t))
batched = jax.jit(
    jax.value_and_grad(
        lambda features, t: observed.supervised_contrastive_loss(features, LABELS, batches=BATCHES, temperature=t)
    )
)


def by_hand(features, batches, temperature):
    total = 0.0
    for batch in batches:
        for anchor in batch:
            positives = [other for other in batch if other != anchor and LABELS[other] == LABELS[anchor]]
            for positive in positives:
                exponents = [
                    features[:, anchor] @ (features[:, other] - features[:, positive]) / temperature
                    for other in batch
                    if other != anchor
                ]
                total += np.log(np.sum(np.exp(exponents))) / len(positives)
    return total


def unit_columns(seed):
    features = np.random.default_rng(seed).standard_normal((4, 6))
    return features / np.linalg.norm(features, axis=0)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, temperature=st.floats(0.1, 10))
def test_contrastive_loss_is_its_definition(seed, temperature):
    features = unit_columns(seed)
    # Eighteen pairs of logarithms of sums of six exponentials, exponents of size 2 / t with a relative rounding each.
    bound = 200 * 18 * ULP * (1 + 2 / temperature)
    assert abs(whole(features, temperature) - by_hand(features, [range(6)], temperature)) <= bound
    value, slope = batched(features, temperature)
    assert abs(value - by_hand(features, BATCHES, temperature)) <= bound
    assert np.isfinite(slope).all()


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_contrastive_loss_ignores_rotations_and_orders_within_a_class(seed):
    features, generator = unit_columns(seed), np.random.default_rng(seed)
    rotation = np.linalg.qr(generator.standard_normal((4, 4)))[0]
    assert abs(whole(rotation @ features, 1.0) - whole(features, 1.0)) <= 200 * 18 * ULP * 3
    assert abs(whole(features[:, [2, 0, 1, 4, 3, 5]], 1.0) - whole(features, 1.0)) <= 200 * 18 * ULP * 3


def test_anchors_without_positives_contribute_nothing():
    lonely = jax.jit(
        jax.value_and_grad(
            lambda features: observed.supervised_contrastive_loss(features, LABELS, batches=((0, 3, 5), (1, 4)))
        )
    )
    value, slope = lonely(unit_columns(0))
    assert value == 0
    assert np.all(slope == 0)


def descend(labels, dim, **options):
    return jax.jit(
        lambda keys: jax.lax.map(lambda key: observed.minimise_contrastive(key, labels, dim, **options), keys)
    )(KEYS)


def cosines(run, labels):
    """The least inner product within a class, and the largest between classes, over all seeds."""
    grams = np.einsum("sdi,sdj->sij", run.features, run.features)
    same = np.equal.outer(labels, labels)
    return grams[:, same].min(), grams[:, ~same].max()


def test_nonnegative_features_end_in_an_orthogonal_frame_whatever_the_imbalance():
    labels = (0,) * 4 + (1,) * 2 + (2,) * 2
    run = descend(labels, 5, nonnegative=True, steps=1000)
    assert np.all(run.features >= 0)
    assert np.all(np.abs(np.linalg.norm(run.features, axis=1) - 1) <= 10 * ULP)
    # An anchor of class c sees n_c - 1 ones and N - n_c orthogonal features.
    expected = sum(size * np.log(size - 1 + (8 - size) * np.exp(-1)) for size in (4, 2, 2))
    assert np.all(np.abs(run.loss - expected) <= 1e-9)
    least, largest = cosines(run, labels)
    assert least > 1 - 1e-9
    assert largest < 1e-4
    free = descend(labels, 5, nonnegative=False, steps=1000)
    assert np.all(free.loss < expected - 0.1)
    assert np.all(free.features.min(axis=(1, 2)) < 0)


def test_disjoint_batches_leave_their_angles_open_and_a_third_batch_closes_them():
    labels = (0, 0, 0, 0, 1, 1, 1, 1)
    disjoint = ((0, 1, 4, 5), (2, 3, 6, 7))
    apart = descend(labels, 4, nonnegative=True, batches=disjoint, steps=1000)
    least, largest = cosines(apart, labels)
    assert np.ptp(apart.loss) < 1e-9
    assert least < 0.9
    assert largest > 0.1
    bound = descend(labels, 4, nonnegative=True, batches=(*disjoint, (0, 2, 4, 6)), steps=1000)
    least, largest = cosines(bound, labels)
    assert least > 1 - 1e-6
    assert largest < 1e-3


def spread(n_vectors, dim, absolute, **options):
    return jax.jit(
        lambda keys: jax.lax.map(
            lambda key: observed.spread_vectors(key, n_vectors, dim, absolute=absolute, **options), keys
        )
    )(KEYS)


@pytest.mark.parametrize(
    ("n_vectors", "dim", "absolute", "bound"),
    [
        (4, 3, False, -1 / 3),  # the simplex
        (5, 3, False, 0.0),  # Rankin: too few dimensions for a simplex
        (6, 3, True, 1 / np.sqrt(5)),  # Welch, attained by the diagonals of the icosahedron
    ],
)
def test_vectors_spread_to_the_known_optimum_and_never_beyond(n_vectors, dim, absolute, bound):
    found = spread(n_vectors, dim, absolute, steps=200)
    assert np.all(np.abs(np.linalg.norm(found.vectors, axis=1) - 1) <= 10 * ULP)
    grams = np.einsum("sdi,sdj->sij", found.vectors, found.vectors)[:, ~np.eye(n_vectors, dtype=bool)]
    largest = np.max(np.abs(grams) if absolute else grams, axis=1)
    assert np.all(np.abs(found.largest - largest) <= 10 * ULP)
    assert np.all(found.largest >= bound - 10 * ULP)
    # The soft maximum at the last sharpness exceeds the maximum by no more than this.
    assert np.min(found.largest) <= bound + np.log(n_vectors**2) / 2e5
