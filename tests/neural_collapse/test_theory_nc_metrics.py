"""Frames, their distance, and the collapse metrics of heads at and away from the optimum."""

import numpy as np
import pytest
from heads_by_hand import UNIT_ROUNDOFF, class_sizes, decay, general, layers
from hypothesis import assume, given
from hypothesis import strategies as st

from theory import neural_collapse as predicted

seeds = st.integers(0, 2**32 - 1)


def rotation(rng, size):
    return np.linalg.qr(rng.standard_normal((size, size)))[0]


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


@general
@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=6), st.floats(1e-3, 1e3))
def test_general_orthogonal_frame(lengths, scale):
    lengths = np.array(lengths)
    assume(lengths.max() > 1e-3)
    frame = predicted.general_orthogonal_frame(lengths)
    expected = np.diag(lengths**2) / np.sqrt(np.sum(lengths**4))
    np.testing.assert_allclose(frame, expected, atol=16 * UNIT_ROUNDOFF)
    np.testing.assert_allclose(predicted.general_orthogonal_frame(lengths * scale), expected, atol=64 * UNIT_ROUNDOFF)
    assert (
        predicted.frame_distance(predicted.orthogonal_frame(3), predicted.general_orthogonal_frame(np.ones(3))) < 1e-15
    )


@general
@given(seeds, st.floats(1e-6, 1e6))
def test_frame_distance_is_scale_free_and_bounded(seed, scale):
    rng = np.random.default_rng(seed)
    gram, target = rng.standard_normal((2, 4, 4))
    distance = predicted.frame_distance(gram, target)
    cosine = np.sum(gram * target) / np.sqrt(np.sum(gram**2) * np.sum(target**2))
    assert distance == pytest.approx(np.sqrt(2 - 2 * cosine), rel=256 * UNIT_ROUNDOFF)
    assert predicted.frame_distance(scale * gram, target) == pytest.approx(distance, rel=256 * UNIT_ROUNDOFF)
    assert predicted.frame_distance(gram, -gram) == pytest.approx(2, rel=16 * UNIT_ROUNDOFF)
    assert predicted.frame_distance(gram, gram) == 0


def test_nothing_is_no_frame():
    assert np.isnan(predicted.frame_distance(np.zeros((2, 2)), np.eye(2)))
    assert np.isnan(predicted.frame_distance(np.eye(2), np.zeros((2, 2))))
    optimum = predicted.mse_optimum([2, 2], [1.0], 1.0)
    weights, means, _ = predicted.optimal_parameters(optimum)
    labels = np.repeat([0, 1], 2)
    metrics = predicted.nc_metrics(weights, means[:, labels], labels, predicted.optimum_targets(optimum))
    values = [metrics.within_class, *metrics.suffix_frames, metrics.feature_frame, metrics.logit_frame, metrics.duality]
    assert np.all(np.isnan(values))


@general
@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.integers(1, 6), seeds)
def test_within_class_collapse_by_its_definition(sizes, dim, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    features = rng.standard_normal((dim, labels.size))
    within, between, centre = np.zeros((dim, dim)), np.zeros((dim, dim)), features.mean(axis=1)
    for k in range(len(sizes)):
        mean = features[:, labels == k].mean(axis=1)
        for h in features[:, labels == k].T:
            within += np.outer(h - mean, h - mean) / labels.size
        between += np.outer(mean - centre, mean - centre) / len(sizes)
    values = np.linalg.eigvalsh(between)[::-1][: min(dim, len(sizes) - 1)]
    inverse = np.linalg.pinv(between, rcond=1e-10, hermitian=True)
    assume(values[-1] > 1e-6 * values[0])
    expected = np.trace(within @ inverse) / len(sizes)
    tolerance = 1024 * UNIT_ROUNDOFF * values[0] / values[-1]
    computed = predicted.within_class_collapse(features, labels)
    assert computed == pytest.approx(expected, rel=tolerance, abs=tolerance)
    turned = 7.3 * rotation(rng, dim) @ features
    assert predicted.within_class_collapse(turned, labels) == pytest.approx(expected, rel=4 * tolerance, abs=tolerance)


@pytest.mark.parametrize(("ratio", "kept"), [(1.02e-10, True), (0.98e-10, False)])
def test_within_class_collapse_leaves_out_null_directions(ratio, kept):
    # Class means (+-1, 0) and (0, +-sqrt(ratio)): two directions whose between-class variances have that ratio.
    means = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, np.sqrt(ratio), -np.sqrt(ratio)]])
    labels = np.repeat(np.arange(4), 2)
    spread = np.array([[0.0], [1e-3]]) * np.tile([1.0, -1.0], 4)
    computed = predicted.within_class_collapse(means[:, labels] + spread, labels)
    expected = 1e-6 / (ratio / 2) / 4 if kept else 0.0
    assert computed == pytest.approx(expected, rel=1e-5, abs=1e-20)
    assert predicted.within_class_collapse(means[:, labels] + spread, labels, rcond=1e-12) > 1


@general
@given(class_sizes, layers, decay, st.sampled_from([None, 0.0, 0.2]), seeds)
def test_all_metrics_vanish_at_the_optimum_and_after_rotations(sizes, decays, feature_decay, bias_decay, seed):
    rng = np.random.default_rng(seed)
    assume(len(sizes) > 1)
    if bias_decay:
        sizes = [sizes[0]] * len(sizes)
    decays = [d / 100 for d in decays]
    optimum = predicted.mse_optimum(
        sizes,
        decays,
        feature_decay,
        widths=[6] * len(decays),
        bias=bias_decay is not None,
        bias_decay=bias_decay or 0.0,
    )
    assume(np.any(optimum.alive))
    weights, means, _ = predicted.optimal_parameters(optimum)
    targets, product = predicted.optimum_targets(optimum), np.eye(len(sizes))
    for weight, gram in zip(weights[::-1], targets.suffix_grams[::-1], strict=True):
        product = product @ weight
        np.testing.assert_allclose(product @ product.T, gram, atol=4096 * UNIT_ROUNDOFF * np.linalg.norm(gram))
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    turns = [rotation(rng, 6) for _ in weights]
    turned = [
        after @ weight @ before.T
        for weight, before, after in zip(weights, turns, [*turns[1:], np.eye(len(sizes))], strict=True)
    ]
    metrics = predicted.nc_metrics(turned, turns[0] @ means[:, labels], labels, targets, centred=bias_decay == 0.0)
    # Products of up to ten matrices of size six.
    tolerance = 4096 * UNIT_ROUNDOFF
    distances = [*metrics.suffix_frames, metrics.feature_frame, metrics.logit_frame, metrics.duality]
    assert metrics.suffix_frames.size == len(decays)
    assert max(distances) <= tolerance
    if np.sum(optimum.alive) > 1:
        assert metrics.within_class <= tolerance


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_one_frame_for_balanced_classes(depth):
    sizes, labels = [3] * 4, np.repeat(np.arange(4), 3)
    for bias, frame, wrong in (
        (True, predicted.simplex_etf(4), predicted.orthogonal_frame(4)),
        (False, predicted.orthogonal_frame(4), predicted.simplex_etf(4)),
    ):
        weights, means, _ = predicted.optimal_parameters(predicted.mse_optimum(sizes, [0.01] * depth, 0.01, bias=bias))
        for target, distance in ((frame, 0.0), (wrong, np.sqrt(2 - np.sqrt(3)))):
            metrics = predicted.nc_metrics(
                weights, means[:, labels], labels, predicted.frame_targets(target, depth), centred=bias
            )
            values = [*metrics.suffix_frames, metrics.feature_frame, metrics.logit_frame]
            assert values == pytest.approx([distance] * (depth + 2), abs=4096 * UNIT_ROUNDOFF)
            assert metrics.duality == pytest.approx(0, abs=4096 * UNIT_ROUNDOFF)


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
