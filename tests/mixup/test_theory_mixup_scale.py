"""The scale of Mixup's minimiser and its limit, and the limit of masking, against thirty digits and other routes."""

from math import comb

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from theory_instances import CONDITION, ROUNDING, UNIFORM, gaussian_pairs, general, hard_law, mixing_laws

from theory.mixup import (
    GaussianPair,
    MixingLaw,
    all_masks,
    box_masks,
    limit_curvatures,
    limit_scale,
    limit_scale_correction,
    mask_limit_direction,
    mask_limit_error_ratio,
    mask_limit_scale,
    mask_minimiser,
    one_minus_cosine,
    scalar_minimiser,
)

SUMMED = 4096 * ROUNDING


def logistic(score):
    return 1 / (1 + mpmath.exp(-score))


def softplus(score):
    return mpmath.log1p(mpmath.exp(score))


def beta_mean(function, alpha):
    """E of a function of lambda ~ Beta(alpha, alpha); lambda = t^(1/alpha) / 2 removes the singular ends."""
    half = mpmath.quad(
        lambda t: sum(function(x) * (1 - x if x < 0.5 else x) ** (alpha - 1) for x in _mirrored(t, alpha)), [0, 0.5, 1]
    )
    return half * mpmath.mpf(2) ** -alpha / alpha / mpmath.beta(alpha, alpha)


def _mirrored(t, alpha):
    node = t ** (1 / mpmath.mpf(alpha)) / 2
    return node, 1 - node


@pytest.mark.parametrize(
    ("alpha", "printed"),
    [(0.2, 4.1805406787), (0.5, 3.7211784780), (1.0, 3.5422833095), (2.0, 3.5248788460), (20.0, 4.4003339362)],
)
def test_the_limit_is_the_root_of_its_equation_to_thirty_digits(alpha, printed):
    with mpmath.workdps(20):

        def slope(score):
            pull = beta_mean(lambda node: (logistic((2 * node - 1) * score) - node) * (2 * node - 1), alpha)
            return logistic(score) - 1 + pull

        root = float(mpmath.findroot(slope, printed))
    found = limit_scale(MixingLaw.beta(alpha))
    # The outermost nodes are 1 / n^2 from the ends, which their rounding is relative to; the curvature exceeds 1 / 40.
    assert found == pytest.approx(root, rel=40 * 32**2 * ROUNDING, abs=0)
    assert found == pytest.approx(printed, abs=1e-10)


def test_the_limit_is_least_near_alpha_three_halves_and_not_monotone():
    scales = {alpha: limit_scale(MixingLaw.beta(alpha, 64)) for alpha in (0.1, 1.0, 1.50, 1.522, 1.545, 5.0, 200.0)}
    assert scales[1.522] == pytest.approx(3.512611, abs=5e-7)
    assert scales[1.522] < min(scales[1.50], scales[1.545]) < scales[1.0] < scales[5.0] < scales[200.0]
    assert scales[0.1] == pytest.approx(4.6568269996, abs=1e-10)


def test_divergence_is_read_off_the_law():
    for law in (
        hard_law(0.0, 1.0),
        MixingLaw.beta(1.0, input_weight=lambda node: np.full(node.shape, 0.5)),
        MixingLaw.atoms(np.array([0.5, 1.0]), np.array([0.5, 0.5])),
        hard_law(1.0),
    ):
        assert limit_scale(law) == np.inf
        for constant in (limit_curvatures, limit_scale_correction):
            with pytest.raises(ValueError, match="law must mix labels with g != 1/2 with positive probability"):
                constant(law)
    rare = MixingLaw.atoms(np.array([1.0, 0.3]), np.array([1.0, 1e-300]))
    with pytest.raises(ValueError, match=r"its limit exceeds 500\.0"):
        limit_scale(rare)


@general
@given(mixing_laws)
def test_the_limit_solves_the_equation_and_the_scale_tends_to_it(law):
    limit = limit_scale(law)
    mixed = law.contrasts * limit
    equation = 1 / (1 + np.exp(-limit)) - 1 + law.mean((1 / (1 + np.exp(-mixed)) - law.nodes) * law.contrasts)
    assert abs(equation) <= 64 * ROUNDING * (1 + np.abs(law.contrasts).max())
    correction = limit_scale_correction(law)
    # a (u_infinity - u*) is the correction plus a multiple of 1 / a, which halves as a doubles (to first order).
    first, second = (a * (limit - scalar_minimiser(a, law)) - correction for a in (2e4, 4e4))
    assert abs(first - 2 * second) <= 0.02 * abs(first) + 2e4 * SUMMED * 100


def test_the_constants_are_second_derivatives_of_the_limiting_loss():
    law = MixingLaw.atoms(np.array([0.2, 0.7]), np.array([0.3, 0.7]), np.sqrt)
    score = mpmath.mpf(limit_scale(law))
    nodes, shares = list(zip(law.nodes, law.weights, law.input_weights, strict=True)), (-1, 1)

    def loss(score, own_shift, partner_shift):
        """The loss at class means +-score when the scores of the two points are shifted."""
        total = 0
        for label, weight, share in nodes:
            shift = share * own_shift + (1 - share) * partner_shift
            mixed = (2 * share - 1) * score + shift
            for sign in shares:  # the pair of one class may be of either
                total += weight / 4 * softplus(-score + sign * shift)
            total += weight / 2 * (softplus(mixed) - label * mixed)
        return total

    def scattered(size):
        return sum(loss(score, size * one, size * two) for one in shares for two in shares) / 4

    curvature = limit_curvatures(law)
    with mpmath.workdps(40):
        assert curvature.scale == pytest.approx(
            float(mpmath.diff(lambda u: loss(u, 0, 0), score, 2)), rel=SUMMED, abs=0
        )
        assert curvature.centroid == pytest.approx(
            float(mpmath.diff(lambda t: loss(score, t, t), 0, 2)), rel=SUMMED, abs=0
        )
        assert curvature.noise == pytest.approx(float(mpmath.diff(scattered, 0, 2)), rel=SUMMED, abs=0)
        noise_slope = mpmath.diff(
            lambda u, t: sum(loss(u, t * i, t * j) for i in shares for j in shares) / 4, (score, 0), (1, 2)
        )
    numerator = float(score) * curvature.noise + float(score) ** 2 / 2 * float(noise_slope)
    assert limit_scale_correction(law) == pytest.approx(numerator / curvature.scale, rel=8 * SUMMED, abs=0)


def test_the_uniform_law_has_its_constants():
    assert limit_curvatures(UNIFORM).noise == pytest.approx(0.0482224, abs=5e-8)
    assert limit_curvatures(UNIFORM).centroid == pytest.approx(0.0802756, abs=5e-8)
    assert limit_scale_correction(UNIFORM) == pytest.approx(2.026443, abs=5e-7)


@pytest.mark.parametrize(
    ("input_weight", "scores"),
    [
        (np.square, [1.9997, 2.6812, 2.7246, 2.7284]),
        (lambda node: 1 - node, [0.7716, 1.0471, 1.0825, 1.0861]),
        (lambda node: 0.25 + node / 2, [2.5774, 4.8148, 5.5114, 5.5990]),
        (lambda node: np.full(node.shape, 0.5), [2.1042, 3.9837, 5.8171, 7.7966]),
    ],
)
def test_the_input_weight_changes_the_scale_alone(input_weight, scores):
    """Four digits that two other programs computed."""
    law = MixingLaw.beta(1.0, input_weight=input_weight)
    found = [scalar_minimiser(separability * 2.35262, law) for separability in (1, 10, 100, 1000)]
    assert found == pytest.approx(scores, abs=5.1e-5)


@general
@given(st.floats(0.01, 60))
def test_hard_labels_give_twice_the_separability_and_soft_ones_tend_to_them(separability):
    # The slope's rounding is relative to terms that fall in step with its curvature.
    assert scalar_minimiser(separability, hard_law(1.0)) == pytest.approx(2 * separability, rel=SUMMED * 8, abs=0)
    assert scalar_minimiser(separability, hard_law(0.0, 1.0)) == pytest.approx(2 * separability, rel=SUMMED * 8, abs=0)
    if separability < 3:
        gaps = [2 * separability - scalar_minimiser(separability, MixingLaw.beta(alpha)) for alpha in (1e-5, 1e-6)]
        assert 0 < gaps[1] < gaps[0] / 5


def test_hard_labels_beyond_the_range_of_float64_are_refused():
    assert scalar_minimiser(100, hard_law(1.0)) == pytest.approx(200, rel=SUMMED * 8, abs=0)
    with pytest.raises(ValueError, match="effective_separability must be at most 100 without soft labels, got 101"):
        scalar_minimiser(101, hard_law(1.0))
    assert scalar_minimiser(1e-12, UNIFORM) == pytest.approx(2e-12 * (1 / 4 + 1 / 12) / (1 / 3), rel=1e-11, abs=0)


def mean_direction_at_zero_signal(law):
    """u* / a as a vanishes: gradient over curvature of the noise, both at zero."""
    return (1 / 4 + law.mean((law.nodes - 1 / 2) * law.contrasts) / 2) / (law.second_moment / 4)


@general
@given(mixing_laws)
def test_a_vanishing_signal_is_answered_in_proportion(law):
    assert scalar_minimiser(1e-9, law) == pytest.approx(1e-9 * mean_direction_at_zero_signal(law), rel=1e-7, abs=0)


def binomial(dim):
    return np.array([comb(dim, size) / 2**dim for size in range(dim + 1)])


@pytest.mark.parametrize(("dim", "printed"), [(3, 1.258416), (4, 0.916669), (5, 0.724975), (8, 0.458447)])
def test_the_scale_of_uniform_masks_is_the_root_of_its_equation_to_thirty_digits(dim, printed):
    with mpmath.workdps(30):

        def slope(scale):
            pull = sum(
                mpmath.mpf(comb(dim, size))
                / 2**dim
                * (logistic((2 * size - dim) * scale) - mpmath.mpf(size) / dim)
                * (2 * size - dim)
                for size in range(dim + 1)
            )
            return dim * (logistic(dim * scale) - 1) + pull

        root = float(mpmath.findroot(slope, printed))
    assert mask_limit_scale(dim, binomial(dim)) == pytest.approx(root, rel=64 * dim * ROUNDING, abs=0)
    assert root == pytest.approx(printed, abs=5.1e-7)


def test_masks_of_one_size_have_their_own_scale():
    assert mask_limit_scale(3, np.array([0.0, 1.0, 0.0, 0.0])) == pytest.approx(1.148809, abs=5.1e-7)


@pytest.mark.parametrize("dim", [3, 4])
def test_masks_tend_to_the_inverse_mean_whatever_the_noise(dim):
    rng = np.random.default_rng(dim)
    mean = rng.uniform(0.5, 1.5, dim) * rng.choice([-1.0, 1.0], dim)
    root = rng.normal(size=(dim, dim))
    covariance = root @ root.T + 0.2 * np.eye(dim)
    masks = all_masks(dim)
    uniform = np.full(len(masks), 1 / len(masks))
    distances = []
    for separability in (1e4, 1e5):
        pair = GaussianPair(mean, covariance, separability)
        weights = mask_minimiser(pair, masks, uniform, masks.mean(axis=1))
        distances.append(one_minus_cosine(weights, mask_limit_direction(mean)))
    assert distances[0] / distances[1] == pytest.approx(100, rel=0.05, abs=0)  # second order in 1 / kappa
    # First order in 1 / kappa: a tenth of the deviation is left after one decade.
    deviations = [weights * mean - mask_limit_scale(dim, binomial(dim))]
    weights = mask_minimiser(GaussianPair(mean, covariance, 1e6), masks, uniform, masks.mean(axis=1))
    deviations.append(weights * mean - mask_limit_scale(dim, binomial(dim)))
    assert deviations[1] == pytest.approx(deviations[0] / 10, abs=0.02 * np.abs(deviations[0]).max())


@general
@given(gaussian_pairs(3, 6))
def test_the_error_at_the_limit_of_masking_is_that_of_the_inverse_mean(pair):
    ratio = mask_limit_error_ratio(pair)
    assert 0 < ratio <= 1 + 16 * CONDITION * ROUNDING
    argument = -np.sqrt(pair.effective_separability) * ratio
    expected = float(mpmath.ncdf(argument))
    relative = 64 * CONDITION * pair.dim * ROUNDING * (1 + argument**2)
    assert pair.error(mask_limit_direction(pair.mean)) == pytest.approx(expected, rel=relative, abs=0)
    harmless = GaussianPair(pair.mean, 3 * np.diag(pair.mean**2), pair.separability)
    assert mask_limit_error_ratio(harmless) == pytest.approx(1, rel=64 * ROUNDING, abs=0)


def test_all_masks_and_boxes_are_listed_once():
    masks = all_masks(3)
    assert masks.dtype == bool
    assert np.array_equal(np.unique(masks, axis=0), np.unique(masks[::-1], axis=0))
    assert len(np.unique(masks, axis=0)) == len(masks) == 8
    assert len(all_masks(14)) == 2**14
    boxes = box_masks(3, 4)
    assert boxes.shape == (3 * 4 // 2 * 4 * 5 // 2, 12)
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    for box in ~boxes.reshape(-1, 3, 4):
        rows, columns = box.any(axis=1), box.any(axis=0)
        assert np.array_equal(box, np.outer(rows, columns))
        assert box.any()
        for side in (np.flatnonzero(rows), np.flatnonzero(columns)):
            assert np.array_equal(side, np.arange(side[0], side[-1] + 1))
    assert box_masks(1, 1).tolist() == [[False]]


def test_masks_without_a_limit_are_refused():
    with pytest.raises(ValueError, match=r"height and width must ask for at most 2\^36 entries"):
        box_masks(1000, 1000)
    with pytest.raises(ValueError, match="the mean of the pair must have no zero coordinate"):
        mask_limit_error_ratio(GaussianPair(np.array([0.0, 1.0]), np.eye(2), 1.0))
    assert mask_limit_direction(np.array([2.0, -0.5])).tolist() == [0.5, -2.0]
    with pytest.raises(ValueError, match=r"size_probabilities must have one entry for each size 0, ..., 3, got 3"):
        mask_limit_scale(3, np.full(3, 1 / 3))
    for hard in ([0.5, 0.0, 0.0, 0.5], [0.25, 0.5, 0.25], [0.2, 0.0, 0.6, 0.0, 0.2], [0.5, 0.5]):
        with pytest.raises(ValueError, match="size_probabilities must allow a size other than 0, dim / 2 and dim"):
            mask_limit_scale(len(hard) - 1, np.array(hard))
