"""Minimisers of the expected losses: aligned with Bayes under scalar mixing, elsewhere under masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from theory_instances import (
    CONDITION,
    ROUNDING,
    UNIFORM,
    gaussian_pairs,
    general,
    hard_law,
    mixing_laws,
    random_covariance,
    reference_pair,
)

from theory.mixup import (
    GaussianPair,
    MixingLaw,
    all_masks,
    erm_expected_loss,
    erm_minimiser,
    mask_expected_loss,
    mask_minimiser,
    mixup_expected_loss,
    mixup_minimiser,
    newton_minimiser,
    one_minus_cosine,
    relative_newton_step,
    scalar_minimiser,
)

SUMMED = 4096 * ROUNDING  # a positive quadrature of at most a few thousand nodes, relative to itself
seeds = st.integers(0, 2**32 - 1)


def stationary(pair):
    """Bound on the relative Newton step at a minimiser: the gradient's rounding through the inverse Hessian."""
    return SUMMED * pair.dim * CONDITION * (1 + pair.effective_separability)


def uniform_masks(dim):
    masks = all_masks(dim)
    return masks, np.full(len(masks), 1 / len(masks)), masks.mean(axis=1)


@general
@given(gaussian_pairs(1, 8))
def test_without_augmentation_the_minimiser_is_twice_kappa_bayes(pair):
    loss, minimiser = erm_expected_loss(pair), erm_minimiser(pair)
    assert minimiser == pytest.approx(2 * pair.separability * pair.bayes_direction, rel=4 * ROUNDING, abs=0)
    assert relative_newton_step(loss, minimiser) <= stationary(pair)
    assert newton_minimiser(loss) == pytest.approx(minimiser, abs=stationary(pair) * np.linalg.norm(minimiser))


@pytest.mark.parametrize("separability", [0.05, 0.4, 4.0])
def test_what_is_not_the_minimiser_has_a_long_newton_step(separability):
    pair = reference_pair(separability)
    loss, bayes = erm_expected_loss(pair), pair.bayes_direction
    assert relative_newton_step(loss, erm_minimiser(pair)) <= stationary(pair)
    for wrong in (separability * bayes, 2 * separability * pair.mean, 2 * bayes):
        assert relative_newton_step(loss, wrong) > 0.1


def test_the_newton_step_is_relative_and_in_the_norm_of_the_noise():
    pair = reference_pair(0.3)
    loss, weights = erm_expected_loss(pair), np.array([1.0, 2.0])
    step = np.linalg.solve(loss.hessian(weights), loss.gradient(weights))
    norm = lambda vector: np.sqrt(vector @ pair.covariance @ vector)  # noqa: E731
    assert relative_newton_step(loss, weights) == pytest.approx(norm(step) / norm(weights), rel=64 * ROUNDING, abs=0)


@general
@given(gaussian_pairs(2, 8), mixing_laws)
def test_mixup_of_every_law_is_aligned_at_the_scalar_scale(pair, law):
    minimiser = mixup_minimiser(pair, law)
    bound = stationary(pair)
    assert pair.misalignment(minimiser) <= bound**2
    score = scalar_minimiser(pair.effective_separability, law)
    assert minimiser @ pair.mean == pytest.approx(score, rel=bound, abs=0)
    assert relative_newton_step(mixup_expected_loss(pair, law), minimiser) <= bound
    assert relative_newton_step(mixup_expected_loss(pair, law), 1.1 * minimiser) > 1e-3


@pytest.mark.parametrize("separability", [1.0, 64.0, 4096.0, 1e6])
@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_mixup_stays_aligned_and_bounded_at_large_separability(alpha, separability):
    rng = np.random.default_rng(3)
    pair = GaussianPair(rng.uniform(0.5, 1.5, 4), random_covariance(rng, 4), separability)
    minimiser = mixup_minimiser(pair, MixingLaw.beta(alpha))
    # Across b the curvature is of order 1 / kappa, and divides the rounding of the gradient.
    assert pair.misalignment(minimiser) <= (stationary(pair)) ** 2
    expected = scalar_minimiser(pair.effective_separability, MixingLaw.beta(alpha))
    assert minimiser @ pair.mean == pytest.approx(expected, rel=stationary(reference_pair(1.0)))


@general
@given(gaussian_pairs(2, 5), seeds)
def test_the_minimisers_are_equivariant(pair, seed):
    rng = np.random.default_rng(seed)
    scales = rng.uniform(0.5, 2, pair.dim)
    moved = GaussianPair(scales * pair.mean, np.outer(scales, scales) * pair.covariance, pair.separability)
    bound = 16 * stationary(pair)
    for minimise in (
        lambda instance: mixup_minimiser(instance, UNIFORM),
        lambda instance: mask_minimiser(instance, *uniform_masks(pair.dim)),
    ):
        original = minimise(pair)
        assert scales * minimise(moved) == pytest.approx(original, abs=bound * np.linalg.norm(original))
    order = rng.permutation(pair.dim)
    shuffled = GaussianPair(pair.mean[order], pair.covariance[np.ix_(order, order)], pair.separability)
    original = mask_minimiser(pair, *uniform_masks(pair.dim))
    found = mask_minimiser(shuffled, *uniform_masks(pair.dim))
    assert found == pytest.approx(original[order], abs=bound * np.linalg.norm(original))


@pytest.mark.parametrize(
    ("covariance", "cosines"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], [0.999007, 0.898269, 0.524916, 0.474701, 0.470980]),
        ([[1.0, 0.5], [0.5, 2.0]], [0.987354, 0.895639, 0.260624, 0.122210, 0.113109]),
    ],
)
def test_masks_turn_away_from_bayes_as_the_separability_grows(covariance, cosines):
    """The six digits were computed by two other programs."""
    for separability, cosine in zip((0.1, 1.0, 10.0, 100.0, 1000.0), cosines, strict=True):
        pair = GaussianPair(np.array([2.0, 0.5]), np.array(covariance), separability)
        minimiser = mask_minimiser(pair, *uniform_masks(2))
        assert 1 - pair.misalignment(minimiser) == pytest.approx(cosine, abs=5.1e-7)
        assert relative_newton_step(mask_expected_loss(pair, *uniform_masks(2)), minimiser) <= stationary(pair)


@pytest.mark.parametrize("separability", [0.3, 3.0, 300.0])
def test_masks_are_harmless_if_the_noise_is_proportional_to_the_mean(separability):
    mean = np.array([1.5, -0.4, 0.9, 2.0])
    pair = GaussianPair(mean, 0.7 * np.diag(mean**2), separability)
    assert pair.misalignment(mask_minimiser(pair, *uniform_masks(4))) <= stationary(pair) ** 2
    spread = GaussianPair(mean, np.diag(mean**2) + 0.3 * np.outer(mean, mean), separability)
    minimiser = mask_minimiser(spread, *uniform_masks(4))
    assert spread.misalignment(minimiser) <= stationary(spread) ** 2
    assert one_minus_cosine(minimiser, 1 / mean) <= stationary(spread) ** 2


@pytest.mark.parametrize("mask", [[True, True, True], [True, False, False]])
def test_a_single_mask_already_has_one_minimiser(mask):
    pair = GaussianPair(np.array([1.0, -0.5, 0.8]), random_covariance(np.random.default_rng(2), 3), 2.0)
    masks, labels = np.array([mask]), np.array([np.mean(mask)])
    minimiser = mask_minimiser(pair, masks, np.ones(1), labels)
    assert relative_newton_step(mask_expected_loss(pair, masks, np.ones(1), labels), minimiser) <= stationary(pair)


def test_labels_unrelated_to_inputs_are_minimised_at_zero():
    law = hard_law(0.0, 1.0, input_weight=lambda node: 1 - node)
    assert scalar_minimiser(3.0, law) == 0
    assert np.linalg.norm(mixup_minimiser(reference_pair(1.0), law)) <= SUMMED


@pytest.mark.parametrize("separability", [30.0, 50.0, 1000.0])
def test_a_loss_too_flat_at_its_minimiser_is_refused(separability):
    with pytest.raises(RuntimeError, match="too flat for float64"):
        newton_minimiser(erm_expected_loss(reference_pair(separability)))


@pytest.mark.parametrize("separability", [1e16, 1e20, 1e40])
def test_a_loss_too_flat_at_zero_is_refused(separability):
    with pytest.raises(RuntimeError, match="too flat for float64"):
        mixup_minimiser(reference_pair(separability), UNIFORM)


def test_what_is_nearly_too_flat_is_answered_rightly():
    plain = reference_pair(25.0)
    assert newton_minimiser(erm_expected_loss(plain)) == pytest.approx(erm_minimiser(plain), rel=1e-9)
    assert reference_pair(1.0).misalignment(mixup_minimiser(reference_pair(1e14), UNIFORM)) <= 1e-6
