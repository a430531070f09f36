"""Samples, angles and learning curves; the alignment test; augmentation on small images."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

import sims.mixup as observed
from sims.mixup.angles import fitted_weights

ULP = 2.0**-53
KEY = jax.random.key(3)
MEAN = np.array([1.0, 1.0])
COVARIANCE = np.diag([0.2, 1.8])
FACTOR = observed.covariance_factor(COVARIANCE)
NODES = np.array([0.1, 0.35, 0.8])
WEIGHTS = np.array([0.2, 0.5, 0.3])
MASKS = np.array(list(itertools.product([0.0, 1.0], repeat=2)))
vectors = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2).map(np.array).filter(lambda v: np.abs(v).max() > 1e-3)


def test_samples_have_the_law_of_the_pair():
    sample = observed.pair_sample(KEY, 4000, MEAN, np.array([[1.0, 0], [0.7, 0.4]]), 4.0)
    labels = np.asarray(sample.labels)
    assert labels.sum() == 2000
    noise = np.asarray(sample.features) - (2 * labels[:, None] - 1) * MEAN
    white = 2 * np.linalg.solve(np.array([[1.0, 0], [0.7, 0.4]]), noise.T)
    for values in (white[0], white[1], (white[0] + white[1]) / np.sqrt(2)):
        assert stats.kstest(values, stats.norm.cdf).pvalue > 1e-6
    np.testing.assert_array_equal(
        observed.signed_points(sample.features, sample.labels)[2000:], -np.asarray(sample.features)[2000:]
    )


def test_random_labels_are_fair_coins_of_both_sides():
    keys = jax.random.split(KEY, 4000)
    draw = jax.jit(lambda keys: jax.lax.map(lambda key: sample_labels(key), keys))
    counts = np.asarray(draw(keys)).sum(axis=1).astype(int)
    # Three coins that are not all equal: one or two heads, evenly; each coin is as often the odd one out.
    assert set(counts) == {1, 2}
    assert stats.binomtest(int((counts == 1).sum()), 4000).pvalue > 1e-6
    assert stats.chisquare(np.asarray(draw(keys)).sum(axis=0)).pvalue > 1e-6


def sample_labels(key):
    return observed.pair_sample(key, 3, MEAN, FACTOR, 1.0, labels="random").labels


@settings(max_examples=50, deadline=None)
@given(vectors, vectors, st.floats(1e-3, 1e3))
def test_angle_deficit_is_one_minus_the_cosine(w, b, scale):
    angle = float(observed.angle_deficit(w, b))
    cosine = w @ b / (np.linalg.norm(w) * np.linalg.norm(b))
    assert abs(angle - (1 - cosine)) <= 16 * ULP
    assert abs(observed.angle_deficit(scale * w, b) - angle) <= 16 * ULP
    assert observed.angle_deficit(b, w) == angle
    assert abs(observed.angle_deficit(-w, w) - 2) <= 16 * ULP


@pytest.mark.parametrize("tangent", [1e-3, 1e-6, 1e-9, 1e-12])
def test_small_angles_keep_their_digits(tangent):
    expected = tangent**2 / 2 * (1 - 0.75 * tangent**2)  # 1 - cos of arctan t, to t⁶
    angle = observed.angle_deficit(np.array([1.0, tangent]), np.array([1.0, 0.0]))
    # The second coordinate is rounded relatively, the first one absolutely.
    assert abs(angle - expected) <= 8 * ULP * expected + (4 * ULP) ** 2 + tangent**6


def test_a_curve_is_its_cells_one_by_one():
    keys = jax.random.split(KEY, 4)
    separabilities = np.array([0.5, 0.5, 2.0, 8.0])
    bayes = np.linalg.solve(COVARIANCE, MEAN)
    for learner, arguments in (
        (observed.erm_weights, ()),
        (observed.mixup_weights, (NODES, WEIGHTS, NODES)),
        (observed.mask_weights, (MASKS[1:], WEIGHTS, MASKS[1:].mean(axis=1))),
    ):
        curve = observed.angle_curve(keys, separabilities, MEAN, FACTOR, bayes, *arguments, n=6, learner=learner)
        data_key, learner_key = jax.random.split(keys[1])
        sample = observed.pair_sample(data_key, 6, MEAN, FACTOR, 0.5)
        weights = learner(learner_key, sample.features, sample.labels, *arguments)
        # Two programs round differently; both fits are within 1e-9 of the minimiser.
        assert abs(curve[1] - observed.angle_deficit(weights, bayes)) <= 8e-9
        assert np.all((np.asarray(curve) >= 0) & (np.asarray(curve) <= 2))


def test_the_sampled_learner_draws_from_a_beta_law():
    sample = observed.pair_sample(KEY, 6, MEAN, FACTOR, 0.5)
    weights = observed.sampled_mixup_weights(KEY, sample.features, sample.labels, 0.7)
    mixing = jax.random.beta(KEY, 0.7, 0.7, (6, 6))
    np.testing.assert_array_equal(weights, observed.fit_mixup_sampled(KEY, *sample, lambda *_: mixing).weights)


def test_a_fit_without_a_minimiser_is_not_a_number():
    pure = (np.ones(1), np.ones(1), np.ones(1))
    angles = observed.angle_curve(
        jax.random.split(KEY, 4), np.full(4, 100.0), MEAN, FACTOR, MEAN, *pure, n=6, learner=observed.mixup_weights
    )
    assert np.isnan(angles).all()


def test_separability_is_a_scale():
    # (μ, Σ, κ) and (s μ, s² Σ, κ) are one problem; κ and Σ/κ too.
    keys, learning = jax.random.split(KEY, 4), ((NODES, WEIGHTS, NODES), 6, observed.mixup_weights)
    weights = fitted_weights(keys, np.full(4, 3.0), MEAN, FACTOR, *learning)
    scaled = fitted_weights(keys, np.full(4, 12.0), 2 * MEAN, 4 * FACTOR, *learning)
    # Powers of two: nothing rounds.
    np.testing.assert_array_equal(weights, 2 * scaled)


def mixup_operators(key):
    lam = jax.random.uniform(key)
    return lam * jnp.eye(2), (1 - lam) * jnp.eye(2), lam


def mask_operators(key):
    mask = jnp.asarray(MASKS)[jax.random.randint(key, (), 0, 4)]
    return jnp.diag(mask), jnp.diag(1 - mask), mask.mean()


THREE = np.array([2.0, 0.5, -1.0])


def three_masks(key):
    mask = jax.random.bernoulli(key, 0.5, (3,)).astype(float)
    return jnp.diag(mask), jnp.diag(1 - mask), mask.mean()


def extrapolating_operators(key):
    g = jnp.asarray([1.2, 0.5, -0.1])[jax.random.randint(key, (), 0, 3)]
    return g * jnp.eye(2), 0.7 * jnp.eye(2), jnp.where(g > 1, 0.9, 0.4)


def one_matrix(key):
    return jnp.diag(jnp.asarray([1.0, 0.5])), jnp.diag(jnp.asarray([0.0, 0.5])), jnp.asarray(0.8)


@pytest.mark.parametrize("operators", [mixup_operators, extrapolating_operators])
@pytest.mark.parametrize("separability", [0.5, 4.0])
def test_scalar_augmentations_are_aligned_draw_by_draw(operators, separability):
    verdict = observed.check_alignment(operators, MEAN, COVARIANCE, separability, KEY, draws=100)
    assert not verdict.refuted
    assert verdict.p_value > 0.5
    assert verdict.displacement <= verdict.displacement_limit <= 1e-9


def expected_mask_minimiser(mean, covariance, separability):
    """The minimiser of the expected loss of all four masks, by quadrature of our own and BFGS."""
    normals, shares = np.polynomial.hermite_e.hermegauss(80)
    shares = shares / shares.sum()

    def loss(w):
        total = 0.0
        for mask in MASKS:
            spread = np.sqrt((mask * w) @ covariance @ (mask * w) + ((1 - mask) * w) @ covariance @ ((1 - mask) * w))
            scores = spread / np.sqrt(separability) * normals
            different = w @ ((2 * mask - 1) * mean)
            equal = shares @ np.logaddexp(0, -(w @ mean + scores))
            total += (equal + shares @ np.logaddexp(0, different + scores) - mask.mean() * different) / 8
        return total

    return optimize.minimize(loss, np.array([0.5, 0.5]), method="BFGS", options={"gtol": 1e-9}).x


def test_masks_are_refuted_by_as_much_as_they_miss():
    mean, covariance = np.array([2.0, 0.5]), np.eye(2)
    verdict = observed.check_alignment(mask_operators, mean, covariance, 0.1, KEY, draws=1000)
    minimiser = expected_mask_minimiser(mean, covariance, 0.1)
    across = np.array([-mean[1], mean[0]])
    tangent = abs(across @ minimiser) / (mean @ minimiser)
    assert verdict.refuted
    assert verdict.p_value < 1e-6
    # The estimate is within its interval, and to first order in the displacement only.
    assert abs(verdict.displacement - tangent) <= verdict.displacement_limit - verdict.displacement + tangent**2
    assert verdict.displacement_limit < 2 * tangent


def test_exchangeable_masks_are_aligned_on_average_only():
    # σ_k² ∝ μ_k²: no single mask is aligned, their law is.
    verdict = observed.check_alignment(three_masks, THREE, np.diag(THREE**2), 1.0, KEY, draws=300)
    assert not verdict.refuted
    assert 1e-3 < verdict.displacement_limit < 0.2
    assert verdict.displacement < verdict.displacement_limit


def test_p_values_of_an_aligned_law_are_uniform():
    values = [
        observed.check_alignment(three_masks, THREE, np.diag(THREE**2), 1.0, jax.random.key(seed), draws=300).p_value
        for seed in range(20)
    ]
    assert stats.kstest(values, stats.uniform.cdf).pvalue > 1e-4


def test_one_operator_leaves_nothing_to_chance():
    verdict = observed.check_alignment(one_matrix, MEAN, COVARIANCE, 2.0, KEY, draws=100)
    assert verdict.refuted
    assert verdict.displacement_limit - verdict.displacement <= 1e-8 * verdict.displacement


def aligned(operators, mean=MEAN, covariance=COVARIANCE):
    return observed.check_alignment(operators, mean, covariance, 1.0, KEY, draws=100)


@pytest.mark.parametrize("effective", [60.0, 80.0, 160.0])
def test_a_tail_too_flat_for_float64_has_no_minimum(effective):
    def plain(key):
        return jnp.eye(2), jnp.zeros((2, 2)), jnp.ones(())

    separability = effective / (MEAN @ np.linalg.solve(COVARIANCE, MEAN))
    with pytest.raises(ValueError, match="minimum at a positive multiple"):
        observed.check_alignment(plain, MEAN, COVARIANCE, separability, KEY, draws=100)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: observed.pair_sample(KEY, 5, MEAN, FACTOR, 1.0), "n must be even for balanced labels, got 5"),
        (lambda: aligned(mixup_operators, np.ones(1), np.eye(1)), "mean must have at least 2 coordinates"),
        (lambda: aligned(mixup_operators, np.ones(11), np.eye(11)), "draws must be at least 110 in 11 dimensions"),
        (lambda: aligned(lambda key: (jnp.eye(3), jnp.eye(3), 0.5)), "two 2 x 2 matrices and a number"),
        (lambda: aligned(lambda key: (jnp.eye(2) / 0, jnp.eye(2), 0.5)), "must return finite matrices"),
        (lambda: aligned(lambda key: (jnp.eye(2), jnp.eye(2), 1.5)), r"must return λ in \[0, 1\]"),
        (lambda: aligned(lambda key: (-jnp.eye(2), jnp.eye(2), 1.0)), "minimum at a positive multiple"),
        (lambda: aligned(lambda key: (0 * jnp.eye(2), 0 * jnp.eye(2), 1.0)), "minimum at a positive multiple"),
        (lambda: observed.digit_pair(3, 3), "must be two different digits"),
    ],
)
def test_what_does_not_go_together_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_only_directions_are_compared():
    for zeros in (np.zeros(2), np.array([[1.0, 0.0], [0.0, 0.0]])):
        with pytest.raises(ValueError, match="b must have a largest entry from"):
            observed.angle_deficit(MEAN, zeros)
    assert np.isnan(observed.angle_deficit(np.array([np.nan, 1.0]), MEAN))


MASK_LAW = (MASKS, np.full(4, 0.25), MASKS.mean(axis=1))


def test_augmentation_accuracies_are_those_of_the_fits():
    sample = observed.pair_sample(KEY, 40, MEAN, FACTOR, 1.0)
    data = np.asarray(sample.features), np.asarray(sample.labels)
    keys = jax.random.split(KEY, 3)
    answer = observed.augmentation_accuracies(keys, *data, 6, 1e-2, NODES, WEIGHTS, *MASK_LAW)
    for values in answer:
        correct = np.asarray(values) * 34
        assert np.all(np.abs(correct - np.round(correct)) <= 64 * ULP)
    # Without mixing and with everything kept, all three are one classifier.
    unmixed = (np.ones(3), WEIGHTS, np.ones((4, 2)), np.full(4, 0.25), np.ones(4))
    same = observed.augmentation_accuracies(keys, *data, 6, 1e-2, *unmixed)
    np.testing.assert_array_equal(same.erm, same.mixup)
    np.testing.assert_array_equal(same.erm, same.masks)
    np.testing.assert_array_equal(same.erm, answer.erm)
    # Points far apart are all classified correctly, held out or not.
    far = observed.augmentation_accuracies(
        keys, data[0] + 50 * (2 * data[1][:, None] - 1), data[1], 6, 1e-2, NODES, WEIGHTS, *MASK_LAW
    )
    np.testing.assert_array_equal(far.erm, np.ones(3))


def test_digits_are_centred_images_of_two_kinds():
    digits = observed.digit_pair(3, 8)
    assert digits.features.shape == (357, 64)
    assert digits.labels.sum() == 174
    assert np.abs(digits.features.mean(axis=0)).max() <= 357 * ULP
    assert np.abs(digits.features).max() <= 1


@pytest.mark.parametrize(
    ("n", "labels", "sentence"),
    [
        (5, np.array([1.0, 1, 1, 0, 0, 0]), "n must be even"),
        (4, np.array([1.0, 1, 1, 1, 0, 0]), "labels must hold more than n / 2 = 2 points of each class, got 2"),
    ],
)
def test_impossible_comparisons_get_one_sentence(n, labels, sentence):
    features = np.random.default_rng(0).standard_normal((6, 2))
    with pytest.raises(ValueError, match=sentence):
        observed.augmentation_accuracies(jax.random.split(KEY, 2), features, labels, n, 1.0, NODES, WEIGHTS, *MASK_LAW)
