"""The certificate of a trained head: invariances, planted optima and local minima, convex programs,
fuzzing.
"""

import dataclasses

import jax
import numpy as np
import pandas as pd
import pytest
from heads_by_hand import UNIT_ROUNDOFF, rounding_of_gradient
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from own_data.neural_collapse import certify_head
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial.testing.suite import check_readable

general = settings(deadline=None, derandomize=True, max_examples=25)
seeds = st.integers(0, 2**32 - 1)
decays_of_layers = st.lists(
    st.floats(-3, -1).map(lambda exponent: 10.0**exponent), min_size=2, max_size=4
)
sizes_of_classes = st.lists(st.integers(1, 6), min_size=2, max_size=4)


def rounding(certificate, weights, labels, decays):
    """64 u (operations) times the objective; the closed form takes powers of the decays."""
    operations = (len(weights) * max(max(layer.shape) for layer in weights) + len(labels)) * (
        1 + np.abs(np.log(decays)).sum()
    )
    return 64 * operations * UNIT_ROUNDOFF * (1 + abs(certificate.value))


def random_head(seed, sizes, depth, *, std=0.7):
    rng = np.random.default_rng(seed)
    widths = rng.integers(1, 6, depth).tolist()
    outputs = [*widths[1:], len(sizes)]
    weights = [std * rng.standard_normal(shape) for shape in zip(outputs, widths, strict=True)]
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return (
        weights,
        std * rng.standard_normal((len(labels), widths[0])),
        labels,
        std * rng.standard_normal(len(sizes)),
    )


def expanded(weights, class_means, bias, sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return weights, class_means.T[labels], labels, bias


def numbers(certificate):
    metrics = dataclasses.asdict(certificate.metrics).values()
    scalars = (certificate.value, certificate.lower_bound, certificate.gap, certificate.imbalance)
    return np.hstack([*scalars, certificate.gradient_norm, *metrics])


@general
@given(seeds, sizes_of_classes, decays_of_layers, st.booleans(), st.floats(0.1, 10))
def test_gap_of_random_heads(seed, sizes, decays, with_bias, alpha):
    """The gap is that of the theory, its parts are not negative, and a factor before the loss
    scales everything.
    """
    weights, features, labels, bias = random_head(seed, sizes, len(decays) - 1)
    bias = bias if with_bias else None
    answer = certify_head(weights, features, labels, decays, bias=bias)
    tolerance = rounding(answer, weights, labels, decays)
    widths = [layer.shape[1] for layer in weights]
    optimum = predicted.mse_optimum(sizes, decays[:-1], decays[-1], widths=widths, bias=with_bias)
    value = predicted.mse_objective(weights, features.T, labels, decays[:-1], decays[-1], bias)
    expected = value - optimum.value
    assert abs(answer.gap - expected) <= tolerance
    assert -tolerance <= answer.imbalance <= answer.gap + tolerance
    scaled = [alpha * decay for decay in decays]
    again = certify_head(weights, features, labels, scaled, bias=bias, normalisation=alpha)
    np.testing.assert_allclose(
        numbers(again)[:4], alpha * numbers(answer)[:4], rtol=0, atol=(1 + alpha) * tolerance
    )
    np.testing.assert_allclose(
        again.gradient_norm, alpha * answer.gradient_norm, rtol=1e3 * UNIT_ROUNDOFF
    )
    by_name = certify_head(
        weights, features, labels, decays, bias=bias, normalisation="mean_over_entries"
    )
    by_number = certify_head(
        weights, features, labels, decays, bias=bias, normalisation=2 / len(sizes)
    )
    assert str(by_name) == str(by_number)


@settings(deadline=None, derandomize=True, max_examples=8)
@given(seeds, sizes_of_classes, decays_of_layers, st.booleans(), st.sampled_from(["mse", "ce"]))
def test_samples_classes_and_rotations_do_not_matter(seed, sizes, decays, with_bias, loss):
    weights, features, labels, bias = random_head(seed, sizes, len(decays) - 1)
    answer = certify_head(
        weights, features, labels, decays, bias=bias if with_bias else None, loss=loss
    )
    rng = np.random.default_rng(seed + 1)
    layers = [layer.copy() for layer in weights]
    columns = features
    for index, layer in enumerate(weights):
        rotation = np.linalg.qr(rng.standard_normal((layer.shape[1],) * 2))[0]
        layers[index] = layers[index] @ rotation.T
        if index == 0:
            columns = features @ rotation.T
        else:
            layers[index - 1] = rotation @ layers[index - 1]
    order = rng.permutation(len(labels))
    classes = rng.permutation(len(sizes))
    layers[-1] = layers[-1][classes]
    renamed = np.argsort(classes)[labels]
    again = certify_head(
        layers,
        columns[order],
        renamed[order],
        decays,
        bias=bias[classes] if with_bias else None,
        loss=loss,
    )
    means = np.stack([features[labels == k].mean(axis=0) for k in range(len(sizes))])
    spread = np.linalg.svd(means - features.mean(axis=0), compute_uv=False)
    # NC1 divides by the squared spread of the class means, where it is not cut off as null.
    kept = spread[spread**2 > 1e-10 * spread[0] ** 2]
    assume(np.all(np.abs(spread**2 / spread[0] ** 2 / 1e-10 - 1) > 1e-3))
    condition = (np.abs(features).max() / kept[-1]) ** 2 * (1 + answer.metrics.within_class)
    tolerance = rounding(answer, weights, labels, decays)
    np.testing.assert_allclose(numbers(again)[:5], numbers(answer)[:5], rtol=0, atol=tolerance * 10)
    np.testing.assert_allclose(
        again.metrics.within_class, answer.metrics.within_class, rtol=0, atol=tolerance * condition
    )
    if loss == "ce" or "tie" not in str(answer):
        # Each distance divides by the norm of one matrix: the logits have the least.
        scale = 1 / min(np.linalg.norm(np.linalg.multi_dot([*weights[::-1], means.T])), 1)
        np.testing.assert_allclose(
            numbers(again)[6:],
            numbers(answer)[6:],
            rtol=0,
            atol=tolerance * 10 * scale**2,
            equal_nan=True,
        )


@general
@given(sizes_of_classes, decays_of_layers, st.booleans(), st.integers(2, 5))
def test_planted_optima_are_certified(sizes, decays, with_bias, width):
    optimum = predicted.mse_optimum(
        sizes, decays[:-1], decays[-1], widths=[width] * (len(decays) - 1), bias=with_bias
    )
    alive = optimum.roots[optimum.alive]
    assume(
        alive.size
        and alive.min() > 0.1
        and not optimum.cut_is_tied
        and "tie" not in optimum.regimes
    )
    weights, class_means, bias = predicted.optimal_parameters(optimum)
    head = expanded(weights, class_means, bias, sizes)
    answer = certify_head(*head[:3], decays, bias=bias)
    tolerance = rounding(answer, weights, head[2], decays)
    assert abs(answer.gap) <= tolerance
    assert abs(answer.imbalance) <= tolerance
    slope = rounding_of_gradient(
        [*weights, class_means, bias], np.array(sizes), decays[:-1], decays[-1]
    )
    assert answer.gradient_norm <= slope * np.sqrt(
        sum(layer.size for layer in weights) + class_means.size
    )
    distances = np.hstack([answer.metrics.suffix_frames, numbers(answer)[-3:]])
    assert distances.max() <= 10 * tolerance / alive.min()
    assert answer.metrics.within_class <= (64 * UNIT_ROUNDOFF) ** 2 * sum(sizes) * 1e10
    assert all("the optimum itself keeps" in sentence for sentence in answer.remarks)
    assert bool(answer.remarks) == bool(alive.size < optimum.alive.size)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_local_minima_are_recognised(kept):
    """The head that keeps the largest classes only is stationary, and its gap is that of the
    theory.
    """
    sizes = (6, 4, 3, 2)
    decays = [0.02, 0.03, 0.01]
    optimum = predicted.mse_optimum(sizes, decays[:2], decays[2])
    assert optimum.alive.sum() == 4
    weights, class_means, _ = predicted.optimal_parameters(optimum)
    weights[-1] = weights[-1] * (np.arange(4) < kept)[:, None]
    weights[0] = weights[0] * (np.arange(4) < kept)[:, None]
    class_means = class_means * (np.arange(4) < kept)
    weights, features, labels, _ = expanded(weights, class_means, None, sizes)
    answer = certify_head(weights, features, labels, decays)
    values = predicted.local_minimum_values(sizes, decays[:2], decays[2])
    assert abs(answer.gap - (values[kept] - values[4])) <= rounding(answer, weights, labels, decays)
    assert f"{4 - kept} of the 4 directions alive at the optimum" in answer.remarks[0]
    assert "local minimum" in answer.remarks[1]
    assert np.isnan(answer.metrics.logit_frame) == (kept == 0)


def test_ties_and_the_trivial_optimum_are_named():
    """Width 2 cuts among three equal classes; β at the threshold, 1 at depth one, ties with
    zero.
    """
    assert (
        "a tie"
        in certify_head([np.ones((3, 2))], np.ones((9, 2)), [0, 1, 2] * 3, [0.01, 0.01]).remarks[-2]
    )
    weights, features, labels, _ = random_head(0, (2, 2), 2)
    trivial = certify_head(weights, features, labels, [1.0, 1.0, 1.0])
    assert trivial.lower_bound == pytest.approx(0.5, rel=4 * UNIT_ROUNDOFF, abs=0)
    assert "keeps 0 of 2 directions" in trivial.remarks[0]
    assert np.isnan([trivial.metrics.logit_frame, *trivial.metrics.suffix_frames]).all()
    assert "a tie" in str(
        certify_head([np.ones((2, 2))], np.ones((4, 2)), [0, 1, 0, 1], [0.5, 0.25])
    )


@pytest.mark.parametrize("with_bias", [False, True])
def test_cross_entropy_of_unequal_classes_by_duality(with_bias):
    """The bounds meet at the convex program (solved to 1e-7), before training has converged as well
    as after.
    """
    sizes = (6, 4, 2)
    decays = [0.01, 0.02]
    labels = np.repeat(range(3), sizes)
    exact = observed.nuclear_norm_optimum(sizes, *decays, loss="ce", bias=with_bias).value
    for std in (
        0.0,
        0.1,
        3.0,
    ):  # far from the optimum, the head's own residuals would bound it loosely
        weights, features, _, bias = random_head(0, sizes, 1, std=std)
        answer = certify_head(
            weights, features, labels, decays, bias=bias if with_bias else None, loss="ce"
        )
        if weights[0].shape[1] >= 2:
            assert answer.is_minimum
        assert answer.lower_bound == pytest.approx(exact, abs=1e-7)
        assert answer.lower_bound <= exact + 1e-12
        assert answer.gap >= answer.imbalance - 1e-12


def test_a_rare_class_that_the_bias_alone_should_fit_is_certified():
    shares = np.array([1e-5, 1 - 1e-5])
    labels = np.arange(100_000) > 0
    bias = np.log(shares)
    answer = certify_head(
        [np.zeros((2, 1))],
        np.zeros((100_000, 1)),
        labels.astype(int),
        [0.01, 0.01],
        bias=bias,
        loss="ce",
    )
    np.testing.assert_allclose(
        [answer.value, answer.lower_bound, answer.upper_bound], -shares @ bias, rtol=1e-8
    )


def test_deep_cross_entropy_is_bracketed():
    """Of six classes at depth 2 descents from many starts end between the bounds, and antipodal
    pairs win.
    """
    labels = np.repeat(range(6), 10)
    decays = [5e-4] * 3
    scale, value = predicted.etf_stationary(6, 10, decays[:2], decays[2])
    frame = scale * (np.eye(6) - 1 / 6)[:, labels]
    weights, columns = predicted.balanced_factorisation(frame, decays[:2], decays[2])
    answer = certify_head(weights, columns.T, labels, decays, loss="ce")
    assert answer.value == pytest.approx(value, rel=1e-12, abs=0)
    assert answer.upper_bound < answer.value
    assert answer.least_gap == pytest.approx(answer.value - answer.upper_bound, rel=1e-12, abs=0)
    assert "antipodal pairs" in answer.remarks[0]
    assert f"at least {answer.least_gap:.3g}" in answer.lines()[0]
    problem = observed.Problem((10,) * 6, (5e-4,) * 2, 5e-4, loss="ce")
    best = observed.best_of(problem, jax.random.key(0), 8, widths=(6, 6)).value
    assert 0.3 * best < answer.lower_bound <= best
    assert best == pytest.approx(answer.upper_bound, rel=1e-6, abs=0)


def test_a_nearly_dead_direction_leaves_nc1_alone():
    """One class mean a hair off the plane of the others: its own spread over that hair would be
    NC1.
    """
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 25)
    means = 3.0 * np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])
    features = means[labels] + 1e-3 * rng.standard_normal((100, 3))
    found = certify_head([np.eye(4)[:, :3]], features, labels, [1e-3, 1e-3])
    assert predicted.within_class_collapse(features.T, labels) > 1
    assert found.metrics.within_class < 1e-5


def test_ordinary_training_is_told_its_decays():
    """Logits of a stationary head, then the same with no decay; and one that no decay makes
    stationary.
    """
    optimum = predicted.ce_optimum_shallow(3, 5, 0.01, 0.03)
    labels = np.repeat(np.arange(3), 5)
    frame = optimum.scale * (np.eye(3) - 1 / 3)[:, labels]
    (weight,), columns = predicted.balanced_factorisation(frame, [0.01], 0.03)
    answer = certify_head([weight], columns.T, labels, [0.01, 0.0], loss="ce")
    assert not answer.answerable
    np.testing.assert_allclose(answer.implied_decays, [0.01, 0.03], rtol=1e-9)
    assert answer.misfit < 1e-9
    assert "nearest to stationary, to 0%" in answer.missing
    shuffled = certify_head([-weight], columns.T, labels, [0.01, 0.0], loss="ce")
    assert "none fits" in shuffled.missing
    assert shuffled.implied_decays == ()


def test_features_of_a_relu_are_doubted():
    weights, features, labels, _ = random_head(0, (3, 3, 3), 1)
    assert certify_head(weights, features, labels, [0.01, 0.01]).doubts == ()
    (doubt,) = certify_head(weights, abs(features), labels, [0.01, 0.01]).doubts
    assert doubt.size == pytest.approx(
        certify_head(weights, abs(features), labels, [0.01, 0.01]).gap
    )


def test_narrow_and_trivial_cross_entropy_are_named():
    labels = np.arange(4)
    narrow = certify_head([np.ones((4, 2))], np.ones((4, 2)), labels, [0.01, 0.01], loss="ce")
    assert "a width of at least 3" in narrow.remarks[0]
    trivial = certify_head([np.zeros((4, 3))], np.zeros((4, 3)), labels, [0.5, 0.5], loss="ce")
    assert trivial.gap == pytest.approx(0, abs=64 * UNIT_ROUNDOFF)
    assert "all is zero" in trivial.remarks[0]


def test_certificates_are_readable():
    weights, features, labels, _ = random_head(1, (3, 2, 4), 2)
    for decays in ([1e-2] * 3, [1e-2, 1e-2, 0]):
        for loss in ("mse", "ce"):
            answer = certify_head(weights, pd.DataFrame(features), labels, decays, loss=loss)
            check_readable(answer)
            converted = [jax.numpy.asarray(layer) for layer in weights]
            assert str(
                certify_head(converted, features.tolist(), labels.tolist(), decays, loss=loss)
            ) == str(answer)
