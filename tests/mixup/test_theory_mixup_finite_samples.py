"""Finite-sample laws of Mixup: rates as fractions, coefficients by other routes, limits on whole data sets."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from theory_instances import (
    CONDITION,
    ROUNDING,
    UNIFORM,
    gaussian_pairs,
    general,
    hard_law,
    random_covariance,
    reference_pair,
)

from theory.mixup import (
    GaussianPair,
    MixingLaw,
    imbalance_coefficient,
    imbalance_weights,
    isotropic_angle,
    lda_rate,
    limit_curvatures,
    limit_scale,
    mixup_samples,
    modified_lda_direction,
    one_minus_cosine,
    reduced_problem,
    sampled_lambda_coefficient,
)

LAW = MixingLaw.atoms(np.array([0.2, 0.6, 0.9]), np.array([0.3, 0.5, 0.2]), np.sqrt)
SMALL = MixingLaw.beta(1.0, 8)
SUMMED = 4096 * ROUNDING


def test_the_rate_of_mixup_has_its_fractions():
    exact = Fraction(50, 9) * Fraction(25, 41) / (2 * (25 + Fraction(25, 81)))
    for separability in (0.1, 7.0):
        pair = reference_pair(separability)
        assert lda_rate(pair) == pytest.approx(float(exact), rel=64 * ROUNDING, abs=0)
        assert lda_rate(pair, 20) == pytest.approx(float(exact * Fraction(20, 16)), rel=64 * ROUNDING, abs=0)
    with pytest.raises(ValueError, match=r"n must be above dim \+ 2 = 4, got 4"):
        lda_rate(reference_pair(1.0), 4)


def test_the_coefficients_of_the_reference_pair():
    pair = reference_pair(3.0)
    assert -expit(-limit_scale(UNIFORM)) == pytest.approx(-0.0281328, abs=6e-8)
    assert imbalance_coefficient(pair, UNIFORM) == pytest.approx(0.0100849, abs=6e-8)
    assert sampled_lambda_coefficient(pair, UNIFORM) == pytest.approx(0.0193452, abs=6e-8)


@general
@given(gaussian_pairs(2, 5))
def test_the_imbalance_coefficient_averages_the_imbalance_angle(pair):
    """A small shift of the class means along each axis of the noise: their squares add up to the average."""
    counts, size = (5, 11), 1e-6
    n, fraction = 16, (11 - 5) / 16

    def angle(means, counts):
        return n * pair.misalignment(imbalance_weights(pair, LAW, means, counts))

    axes = np.linalg.cholesky(pair.covariance).T
    angles = [angle(np.stack([size * axis, 0 * axis]), counts) for axis in axes]
    total = sum(angles) / (np.sqrt(pair.separability) * size) ** 2
    # Random labels: E (p - q)^2 = 1 / n, and the mean of the noise summed over both classes has covariance 4 Sigma / n.
    average = total / fraction**2 / n * 4 / n
    assert average == pytest.approx(imbalance_coefficient(pair, LAW) * pair.separability / n, rel=1e-5, abs=0)
    assert angle(np.ones((2, pair.dim)), (8, 8)) <= 64 * (CONDITION * pair.dim * ROUNDING) ** 2
    centred = np.stack([-pair.mean, pair.mean])
    assert angle(centred, counts) <= 64 * n * (CONDITION * pair.dim * ROUNDING) ** 2


def test_the_imbalance_angle_is_that_of_its_weights():
    pair, counts = reference_pair(30.0), (6, 4)
    class_means = np.array([[-0.9, -1.2], [1.3, 0.8]])
    noise = np.sqrt(30) * class_means.sum(axis=0)
    across = np.linalg.inv(pair.covariance) - np.outer(pair.bayes_direction, pair.bayes_direction) / pair.signal
    pull = -expit(-limit_scale(UNIFORM)) * (0.4 - 0.6) / (2 * limit_curvatures(UNIFORM).noise)
    weights = limit_scale(UNIFORM) / pair.signal * pair.bayes_direction - np.sqrt(30) * pull * across @ noise
    assert pair.misalignment(weights) > 0.001
    assert imbalance_weights(pair, UNIFORM, class_means, counts) == pytest.approx(weights, rel=1e-12, abs=0)


def test_the_sampled_coefficient_is_the_variance_of_the_pull_on_a_point():
    """G_i adds up g r_ij + (1 - g) r_ji over partners: half of its own class, half of the other, no diagonal."""
    score = limit_scale(LAW)
    variance = 0.0
    for sign in (1, -1):
        for role in (LAW.input_weights, 1 - LAW.input_weights):
            first, second = (1, sign) if role is LAW.input_weights else (sign, 1)
            mixed = score * (LAW.input_weights * first + (1 - LAW.input_weights) * second)
            label = LAW.nodes * (first > 0) + (1 - LAW.nodes) * (second > 0)
            pull = role * (expit(mixed) - label)
            variance += 0.5 * (LAW.weights @ pull**2 - (LAW.weights @ pull) ** 2)
    pair = reference_pair(1.0)
    ratio = sampled_lambda_coefficient(pair, LAW) / imbalance_coefficient(pair, LAW)
    assert ratio == pytest.approx(variance / expit(-score) ** 2, rel=SUMMED * 64, abs=0)
    fixed = MixingLaw.atoms(np.array([0.3]), np.ones(1))
    assert sampled_lambda_coefficient(pair, fixed) <= (8 * ROUNDING) ** 2 * imbalance_coefficient(pair, fixed) * 1e6


@general
@given(gaussian_pairs(2, 6), st.floats(1e-4, 0.1), st.sampled_from(["expected", "sampled"]), st.booleans())
def test_the_sample_size_solves_its_equation(pair, epsilon, mode, balanced):
    n = mixup_samples(pair, epsilon, LAW, mode, balanced)
    coefficient = (not balanced) * imbalance_coefficient(pair, LAW)
    coefficient += (mode == "sampled") * sampled_lambda_coefficient(pair, LAW)
    left = lda_rate(pair) / (n - pair.dim - 2) + coefficient * pair.separability / n**2
    # The gap n - d - 2 is rounded relative to n.
    assert left == pytest.approx(epsilon, rel=64 * ROUNDING * n / (n - pair.dim - 2), abs=0)


def test_the_sample_size_is_flat_and_then_grows_as_a_root():
    flat = [mixup_samples(reference_pair(separability), 0.005, UNIFORM) for separability in (10.0, 640.0)]
    assert flat[0] == flat[1] == pytest.approx(lda_rate(reference_pair(1.0)) / 0.005 + 4, rel=8 * ROUNDING, abs=0)
    for mode, balanced in (("expected", False), ("sampled", True), ("sampled", False)):
        start, end, further = (
            mixup_samples(reference_pair(separability), 1e-6, UNIFORM, mode, balanced)
            for separability in (1, 1e14, 4e14)
        )
        assert start == pytest.approx(lda_rate(reference_pair(1.0)) / 1e-6 + 4, rel=1e-3)
        assert further / end == pytest.approx(2, rel=1e-4)
        assert start < end
    rate, epsilon = lda_rate(reference_pair(1.0)), 1e-6
    noise = imbalance_coefficient(reference_pair(1.0), UNIFORM) * 1e6
    leading = (rate + np.sqrt(rate**2 + 4 * epsilon * noise)) / (2 * epsilon)
    found = mixup_samples(reference_pair(1e6), epsilon, UNIFORM, balanced=False)
    assert leading < found < leading + 4


def test_a_sample_size_without_a_law_is_refused():
    pair = reference_pair(1.0)
    with pytest.raises(ValueError, match="the scale diverges otherwise"):
        mixup_samples(pair, 0.1, hard_law(1.0), balanced=False)
    one = GaussianPair(np.ones(1), np.eye(1), 1.0)
    assert mixup_samples(one, 0.1, UNIFORM, "sampled", False) == 3


@general
@given(st.integers(2, 8), st.floats(0.1, 100), st.integers(0, 2**32 - 1))
def test_isotropic_noise_leaves_an_angle_free_of_the_sample_size(dim, separability, seed):
    mean = np.random.default_rng(seed).uniform(0.3, 2, dim)
    pair = GaussianPair(mean, 3 * np.eye(dim), separability)
    expected = 3 * (dim - 1) / (2 * separability * mean @ mean)
    assert isotropic_angle(pair) == pytest.approx(expected, rel=32 * dim * ROUNDING, abs=0)
    along = GaussianPair(np.array([2.0, 0.0]), np.diag([1.0, 4.0]), separability)
    assert isotropic_angle(along) == pytest.approx(4 / (8 * separability), rel=32 * ROUNDING, abs=0)


def test_noise_of_which_the_mean_is_no_eigenvector_is_refused():
    with pytest.raises(ValueError, match="the mean of the pair must be an eigenvector of its covariance"):
        isotropic_angle(reference_pair(1.0))
    nearly = GaussianPair(np.array([1.0, 1e-8]), np.diag([1.0, 2.0]), 1.0)
    with pytest.raises(ValueError, match="the mean of the pair must be an eigenvector of its covariance"):
        isotropic_angle(nearly)


def data_set(seed, counts, separability, dim=3):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], counts)
    mean, covariance = rng.uniform(0.5, 1.5, dim), random_covariance(rng, dim)
    noise = rng.normal(size=(len(labels), dim)) @ np.linalg.cholesky(covariance).T
    return (2 * labels - 1)[:, None] * mean + noise / np.sqrt(separability), labels


def empirical_mixup(features, labels, law):
    """The minimiser over all ordered pairs and nodes of lambda, by Newton on the expanded rows."""
    one, two = (index.ravel() for index in np.indices((len(labels), len(labels))))
    shares, nodes = law.input_weights[:, None, None], law.nodes[:, None]
    rows = (shares * features[one] + (1 - shares) * features[two]).reshape(-1, features.shape[1])
    soft = (nodes * labels[one] + (1 - nodes) * labels[two]).ravel()
    weights = np.repeat(law.weights, one.size) / one.size
    basis = np.linalg.inv(np.linalg.cholesky((rows.T * weights) @ rows)).T
    rows = rows @ basis
    position = np.zeros(rows.shape[1])
    for _ in range(30):
        predicted = expit(rows @ position)
        curvature = (rows.T * (weights * predicted * (1 - predicted))) @ rows
        position = position - np.linalg.solve(curvature, (weights * (predicted - soft)) @ rows)
    return basis @ position


@pytest.mark.parametrize("law", [SMALL, MixingLaw.beta(2.0, 8, beta=1.0), LAW])
def test_mixup_tends_to_the_modified_lda_of_its_data_set(law):
    errors, controls = [], []
    for seed in range(5):
        for separability in (1e5, 1e6):
            features, labels = data_set(seed, (6, 6), separability)
            trained = empirical_mixup(features, labels, law)
            errors.append(one_minus_cosine(trained, modified_lda_direction(features, labels, law)))
        means = [features[labels == label].mean(axis=0) for label in (0, 1)]
        residuals = np.concatenate([features[labels == label] - means[label] for label in (0, 1)])
        plain = np.linalg.solve(residuals.T @ residuals, means[1] - means[0])
        controls.append(one_minus_cosine(trained, plain))
    before, after = np.reshape(errors, (5, 2)).T
    # First order in 1 / kappa; the second order is what a decade earlier was a tenth of the first.
    assert before / after == pytest.approx(10, rel=0.05)
    assert np.median(controls) > 10 * np.median(after)


def test_the_modified_lda_has_no_unit_and_ignores_the_order():
    features, labels = data_set(7, (9, 9), 4.0)
    direction = modified_lda_direction(features, labels, LAW)
    assert one_minus_cosine(modified_lda_direction(1e3 * features, labels, LAW), direction) <= (1e6 * ROUNDING) ** 2
    order = np.random.default_rng(0).permutation(18)
    shuffled = modified_lda_direction(features[order], labels[order], LAW)
    assert one_minus_cosine(shuffled, direction) <= (1e6 * ROUNDING) ** 2
    assert one_minus_cosine(modified_lda_direction(-features, 1 - labels, LAW), direction) <= (1e6 * ROUNDING) ** 2


def test_data_without_a_modified_lda_are_refused():
    features, labels = data_set(0, (4, 4), 1.0)
    with pytest.raises(ValueError, match="labels must be balanced, got 4 zeros and 3 ones"):
        modified_lda_direction(features[:7], labels[:7], UNIFORM)
    with pytest.raises(ValueError, match="labels must be balanced, got 4 zeros and 0 ones"):
        modified_lda_direction(features[:4], labels[:4], UNIFORM)
    with pytest.raises(ValueError, match="features must scatter within their classes in every direction"):
        modified_lda_direction(features[[0, 1, 4, 5]], labels[[0, 1, 4, 5]], UNIFORM)
    with pytest.raises(ValueError, match="the scale diverges otherwise"):
        modified_lda_direction(features, labels, hard_law(1.0))


def class_moments(features, labels):
    classes = [features[labels == label] for label in (0, 1)]
    return np.stack([part.mean(axis=0) for part in classes]), np.stack([np.cov(part.T, bias=True) for part in classes])


def second_order_objective(weights, means, covariances, p, law):
    """The objective as its docstring has it, term by term."""
    low, high = means @ weights
    low_spread, high_spread = (weights @ covariance @ weights for covariance in covariances)
    slope = lambda z: expit(z) * expit(-z)  # noqa: E731
    total = p**2 * (np.logaddexp(0, -high) + slope(high) * law.second_moment * high_spread / 2)
    total += (1 - p) ** 2 * (np.logaddexp(0, low) + slope(low) * law.second_moment * low_spread / 2)
    share = law.input_weights
    mixed = share * high + (1 - share) * low
    spread = share**2 * high_spread + (1 - share) ** 2 * low_spread
    terms = np.logaddexp(0, mixed) - law.nodes * mixed + slope(mixed) * spread / 2
    return total + 2 * p * (1 - p) * law.weights @ terms


@pytest.mark.parametrize("law", [SMALL, LAW])
@pytest.mark.parametrize("counts", [(4, 8), (9, 6), (7, 7)])
@pytest.mark.parametrize("separability", [3.0, 1e4])
def test_the_reduced_problem_is_solved(law, counts, separability):
    features, labels = data_set(11, counts, separability)
    means, covariances = class_moments(features, labels)
    p = counts[1] / sum(counts)
    weights = reduced_problem(means, covariances, p, law)

    def slope(direction, at):
        """Central difference: the third derivative times 1e-8 and the rounding of the objective over 1e-4 are left."""
        return (
            second_order_objective(at + 1e-4 * direction, means, covariances, p, law)
            - second_order_objective(at - 1e-4 * direction, means, covariances, p, law)
        ) / 2e-4

    for direction in np.eye(3):
        assert abs(slope(direction, weights)) <= 1e-8 * np.abs(means).max() ** 3 * 8 + 8 * ROUNDING / 1e-4
    assert max(abs(slope(direction, 1.1 * weights)) for direction in np.eye(3)) > 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_mixup_of_any_class_counts_is_nearly_its_reduced_problem(seed):
    features, labels = data_set(seed, (4, 8), 1e5)
    trained = empirical_mixup(features, labels, SMALL)
    means, covariances = class_moments(features, labels)
    assert one_minus_cosine(trained, reduced_problem(means, covariances, 8 / 12, SMALL)) <= 1e-4
    for factor in (0.5, 2.0):  # a quarter of the quadratic form, or all of it, instead of half
        wrong = reduced_problem(means, factor * covariances, 8 / 12, SMALL)
        assert one_minus_cosine(trained, wrong) > 1e-4


def test_balanced_classes_reduce_to_the_modified_lda():
    features, labels = data_set(5, (6, 6), 1e6)
    reduced = reduced_problem(*class_moments(features, labels), 0.5, SMALL)
    assert one_minus_cosine(reduced, modified_lda_direction(features, labels, SMALL)) <= 1e-6


def test_moments_without_a_reduced_problem_are_refused():
    features, labels = data_set(0, (6, 6), 1.0)
    means, covariances = class_moments(features, labels)
    with pytest.raises(ValueError, match="class_covariances must be positive definite together with the class means"):
        reduced_problem(means, 0 * covariances, 0.5, SMALL)
