"""Mixup's theory by other routes than the claims': mpmath, fractions, other formulas, and what no claim states."""

from fractions import Fraction
from math import comb

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import entr, expit
from theory_instances import (
    CONDITION,
    ROUNDING,
    UNIFORM,
    gaussian_pairs,
    general,
    mixing_laws,
    random_covariance,
    reference_pair,
)

from theory.mixup import (
    GaussianPair,
    MixingLaw,
    critical_exponent,
    entropy_certificate,
    erm_direction_at,
    erm_efficiency,
    erm_expected_loss,
    erm_minimiser,
    erm_samples,
    finite_sample_radius,
    fisher_information,
    imbalance_coefficient,
    imbalance_weights,
    intrusion_gap,
    isotropic_angle,
    label_entropy_floor,
    lda_rate,
    limit_curvatures,
    limit_scale,
    limit_scale_correction,
    mask_limit_direction,
    mask_limit_error_ratio,
    mask_limit_scale,
    mixup_efficiency,
    mixup_samples,
    modified_lda_direction,
    one_minus_cosine,
    phase_direction,
    reduced_problem,
    relative_newton_step,
    ridge_lda_direction,
    sampled_lambda_coefficient,
    scalar_minimiser,
    soft_label_cross_entropy,
    zhang_expansion_terms,
    zhang_mixing_law,
)
from theory.mixup.expected_losses import gaussian_expectation


def test_the_error_is_the_tail_of_the_score():
    pair = reference_pair(0.7)
    weights = np.array([1.0, -0.25])
    margin = 0.75 / np.sqrt((0.2 + 1.8 / 16) / 0.7)
    assert pair.error(weights) == pytest.approx(float(mpmath.ncdf(-margin)), rel=32 * ROUNDING, abs=0)


SUMMED = 4096 * ROUNDING  # a positive quadrature of at most a few thousand nodes, relative to itself


def softplus(score):
    return np.logaddexp(0, score)


@pytest.mark.parametrize("scale", [0.0, 0.05, 0.3, 1.0, 3.0, 50.0, 1000.0])
@pytest.mark.parametrize("centre", [-7.0, 0.0, 2.5])
def test_the_quadrature_is_exact_for_logistic_functions(centre, scale):
    for function, exact in (
        (expit, lambda z: 1 / (1 + mpmath.exp(-z))),
        (softplus, lambda z: mpmath.log1p(mpmath.exp(z)) if z < 700 else z),
        (lambda z: expit(z) * expit(-z), lambda z: 1 / (4 * mpmath.cosh(z / 2) ** 2)),
    ):
        breaks = sorted({-12.0, -centre / scale, 12.0}) if scale > 1.5 else [-12.0, 0.0, 12.0]
        if scale > 1.5:
            breaks = sorted({*breaks, *(-centre / scale + step / scale for step in (-40, -8, 8, 40))})
            breaks = [point for point in breaks if -12 <= point <= 12]
        expected = mpmath.quad(lambda t, exact=exact: exact(centre + scale * t) * mpmath.npdf(t), breaks)
        scale_of_terms = 1 + abs(centre) + scale
        found = gaussian_expectation(function, centre, scale)
        assert float(abs(found - expected)) <= SUMMED * scale_of_terms


def stationary(pair):
    """Bound on the relative Newton step at a minimiser: the gradient's rounding through the inverse Hessian."""
    return SUMMED * pair.dim * CONDITION * (1 + pair.effective_separability)


@pytest.mark.parametrize("separability", [0.05, 0.4, 4.0])
def test_what_is_not_the_minimiser_has_a_long_newton_step(separability):
    pair = reference_pair(separability)
    loss, bayes = erm_expected_loss(pair), pair.bayes_direction
    assert relative_newton_step(loss, erm_minimiser(pair)) <= stationary(pair)
    for wrong in (separability * bayes, 2 * separability * pair.mean, 2 * bayes):
        assert relative_newton_step(loss, wrong) > 0.1


fractions_of_the_path = st.floats(1e-4, 0.999)


@general
@given(gaussian_pairs(), fractions_of_the_path)
def test_the_path_is_ridge_lda_with_the_radius_it_names(pair, fraction):
    nu = fraction * pair.signal / 2
    direction = phase_direction(pair, nu)
    assert np.linalg.norm(direction) == pytest.approx(1, rel=16 * ROUNDING, abs=0)
    # mu = tau w + Sigma w up to the length of w, which the two coefficients give back.
    columns = np.stack([direction, pair.covariance @ direction], axis=1)
    (ridge, length), residual, _, _ = np.linalg.lstsq(columns, pair.mean)
    bound = 64 * pair.dim * CONDITION**2 * ROUNDING
    assert np.all(residual <= (bound * np.linalg.norm(pair.mean)) ** 2)
    if np.linalg.cond(columns) < 1e3:
        assert length**2 * (direction @ pair.covariance @ direction) / 2 == pytest.approx(nu, rel=1e3 * bound, abs=0)
        tau = ridge / length
        assert one_minus_cosine(ridge_lda_direction(pair, tau), direction) <= (1e3 * bound) ** 2


@general
@given(gaussian_pairs(), fractions_of_the_path)
def test_the_critical_exponent_inverts_the_path(pair, fraction):
    epsilon = fraction * pair.misalignment(pair.mean)
    nu = critical_exponent(pair, epsilon)
    assert 0 < nu < pair.signal / 2
    assert pair.misalignment(phase_direction(pair, nu)) == pytest.approx(epsilon, rel=1e-9, abs=0)
    assert critical_exponent(pair, epsilon / 2) > nu
    expected = -mpmath.log(mpmath.ncdf(-mpmath.sqrt(2 * pair.separability * mpmath.mpf(nu))))
    assert erm_samples(pair, epsilon) == pytest.approx(float(expected), rel=256 * ROUNDING, abs=0)


@pytest.mark.parametrize("log_n", [np.log(2), 1.0, 7.3, 40.0, 240.0, 5000.0])
def test_the_finite_radius_leaves_one_point_beyond(log_n):
    pair = reference_pair(20.0)
    radius = finite_sample_radius(pair, log_n=log_n)
    with mpmath.workdps(40):
        tail = mpmath.log(mpmath.ncdf(-mpmath.mpf(radius) * mpmath.sqrt(20)))
    # d log Q / d r is at most about the exponent twice over, relative to the radius.
    assert float(tail) == pytest.approx(-log_n, rel=128 * ROUNDING, abs=128 * ROUNDING)
    if log_n < 300:
        assert finite_sample_radius(pair, np.exp(log_n)) == pytest.approx(radius, rel=1e-12, abs=1e-12)
    direction = phase_direction(pair, radius**2 / 2)
    assert np.array_equal(erm_direction_at(pair, log_n=log_n), direction)


@pytest.mark.parametrize("separability", [1e-4, 0.1, 1.0, 8.0, 64.0, 300.0, 1400.0])
def test_the_information_is_its_integral_to_thirty_digits(separability):
    with mpmath.workdps(30):
        a = mpmath.mpf(separability)
        width = 2 * mpmath.sqrt(a)
        # E s'(V) as it stands, but for a factor e^(a/2) that brings it to order one.
        breaks = [-90, -20, -5, 0, 5, 20, 90]
        if separability <= 5:
            breaks = [2 * a + step * width for step in (-12, -4, -1, 0, 1, 4, 12)]
        integral = mpmath.exp(-a / 2) * mpmath.quad(
            lambda v: mpmath.exp(a / 2) * mpmath.sech(v / 2) ** 2 / 4 * mpmath.npdf(v, 2 * a, width), breaks
        )
    assert fisher_information(separability) == pytest.approx(float(integral), rel=SUMMED, abs=0)
    assert erm_efficiency(separability) == pytest.approx(float(1 / (4 * integral)), rel=SUMMED, abs=0)


@general
@given(st.floats(0.1, 10), mixing_laws)
def test_the_efficiency_of_mixup_is_that_of_its_estimating_equation(separability, law):
    """Scores on a Gauss-Hermite grid, every pair by itself: a slow second route through the same definition."""
    score = scalar_minimiser(separability, law)
    spread = score / np.sqrt(separability)
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    weights = weights / weights.sum()
    values = np.concatenate([score + spread * nodes, -score + spread * nodes])
    labels, masses = np.repeat([1.0, 0.0], 100), np.tile(weights / 2, 2)
    projection, curvature = np.zeros(200), 0.0
    for share_of_label, probability, share in zip(law.nodes, law.weights, law.input_weights, strict=True):
        for own, own_label, factor in ((share, share_of_label, share), (1 - share, 1 - share_of_label, 1 - share)):
            mixed = own * values[:, None] + (1 - own) * values
            residual = 1 / (1 + np.exp(-mixed)) - own_label * labels[:, None] - (1 - own_label) * labels
            projection += probability * factor * residual @ masses
        mixed = share * values[:, None] + (1 - share) * values
        slope = 1 / (2 + 2 * np.cosh(mixed))
        curvature += probability * (share**2 + (1 - share) ** 2) * (masses @ slope @ masses)
    expected = separability**2 * (masses @ projection**2) / (curvature * score) ** 2
    # Gauss-Hermite with 100 nodes has exp(-pi sqrt(2 * 100) / s) left at scores of spread s.
    left = np.exp(-np.pi * np.sqrt(200) / max(spread * max(1, np.abs(law.input_weights).max()), 1e-3))
    assert mixup_efficiency(separability, law) == pytest.approx(expected, rel=1e-11 + 1e3 * left, abs=0)


LAW = MixingLaw.atoms(np.array([0.2, 0.6, 0.9]), np.array([0.3, 0.5, 0.2]), np.sqrt)
SMALL = MixingLaw.beta(1.0, 8)


def test_the_rate_of_mixup_has_its_fractions():
    exact = Fraction(50, 9) * Fraction(25, 41) / (2 * (25 + Fraction(25, 81)))
    for separability in (0.1, 7.0):
        pair = reference_pair(separability)
        assert lda_rate(pair) == pytest.approx(float(exact), rel=64 * ROUNDING, abs=0)
        assert lda_rate(pair, 20) == pytest.approx(float(exact * Fraction(20, 16)), rel=64 * ROUNDING, abs=0)
    with pytest.raises(ValueError, match=r"n must be above dim \+ 2 = 4, got 4"):
        lda_rate(reference_pair(1.0), 4)


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


@general
@given(st.integers(2, 8), st.floats(0.1, 100), st.integers(0, 2**32 - 1))
def test_isotropic_noise_leaves_an_angle_free_of_the_sample_size(dim, separability, seed):
    mean = np.random.default_rng(seed).uniform(0.3, 2, dim)
    pair = GaussianPair(mean, 3 * np.eye(dim), separability)
    expected = 3 * (dim - 1) / (2 * separability * mean @ mean)
    assert isotropic_angle(pair) == pytest.approx(expected, rel=32 * dim * ROUNDING, abs=0)
    along = GaussianPair(np.array([2.0, 0.0]), np.diag([1.0, 4.0]), separability)
    assert isotropic_angle(along) == pytest.approx(4 / (8 * separability), rel=32 * ROUNDING, abs=0)


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


def logistic(score):
    return 1 / (1 + mpmath.exp(-score))


def softplus_of(score):
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
                total += weight / 4 * softplus_of(-score + sign * shift)
            total += weight / 2 * (softplus_of(mixed) - label * mixed)
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


seeds = st.integers(0, 2**32 - 1)
shapes = st.floats(0.2, 8)


@general
@given(shapes, shapes, seeds)
def test_the_hard_label_law_reproduces_mixup_for_any_function(alpha, beta, seed):
    rng = np.random.default_rng(seed)
    points, labels = rng.normal(size=(5, 2)), rng.integers(0, 2, 5).astype(float)
    function = lambda x: x[..., 0] * x[..., 1] ** 2 - 0.7 * x[..., 1] + 0.2  # noqa: E731

    def over_pairs(law, keeps_its_label):
        total = 0.0
        for node, weight in zip(law.nodes, law.weights, strict=True):
            value = function(node * points[:, None] + (1 - node) * points)
            mixed = labels[:, None] if keeps_its_label else node * labels[:, None] + (1 - node) * labels
            total += weight * np.mean(
                value**2 - mixed * value
            )  # any convex h will do: a polynomial is integrated exactly
        return total

    law = zhang_mixing_law(alpha, beta)
    assert law.nodes.size == 64
    scale = 1 + np.abs(points).max() ** 6
    soft = over_pairs(MixingLaw.beta(alpha, beta=beta), False)
    assert over_pairs(law, True) == pytest.approx(soft, abs=32 * SUMMED * scale)
    mean = (alpha * (alpha + 1) + beta * (beta + 1)) / (alpha + beta) / (alpha + beta + 1)
    assert law.mean(law.nodes) == pytest.approx(mean, rel=16 * SUMMED, abs=0)
    twice = zhang_mixing_law(alpha, alpha, 8)
    assert twice.nodes.size == 16
    assert twice.mean(1 - twice.nodes) == pytest.approx(alpha / (2 * alpha + 1), rel=16 * SUMMED, abs=0)
    assert twice.mean((1 - twice.nodes) ** 2) == pytest.approx(alpha / (4 * alpha + 2), rel=16 * SUMMED, abs=0)


@general
@given(seeds, st.floats(0.3, 4))
def test_the_expansion_leaves_third_order_and_no_less_without_its_second_term(seed, alpha):
    rng = np.random.default_rng(seed)
    base, spread, weights = rng.normal(size=2), rng.normal(size=(6, 2)), np.array([1.0, -0.5])
    labels = rng.integers(0, 2, 6).astype(float)
    law = MixingLaw.beta(alpha, 16)
    sizes = 2.0 ** -np.arange(1, 7)
    remainders, without = [], []
    for size in sizes:
        features = base + size * spread
        mixed_loss = 0.0
        for node, weight in zip(law.nodes, law.weights, strict=True):
            scores = (node * features[:, None] + (1 - node) * features) @ weights
            mixed = node * labels[:, None] + (1 - node) * labels
            mixed_loss += weight * np.mean(np.logaddexp(0, scores) - mixed * scores)
        terms = zhang_expansion_terms(weights, features, labels, alpha)
        remainders.append(mixed_loss - sum(terms))
        without.append(mixed_loss - terms.standard - terms.first)
    # A bound of the fourth order: the third derivative of the softplus is below 1/10, its fourth below 1/8.
    scores = spread @ weights
    assert np.all(np.abs(remainders) <= sizes**3 * (np.abs(scores[:, None] - scores).max() ** 3) / 60 + SUMMED)
    second = terms.second / sizes[-1] ** 2
    assert without[-1] / sizes[-1] ** 2 == pytest.approx(second, abs=np.ptp(scores) ** 3 / 60 * sizes[-1] + 1e-9)
    assert terms.second > 0
    logits = np.stack([np.zeros(6), features @ weights], axis=1)
    plain = np.mean(soft_label_cross_entropy(logits, np.stack([1 - labels, labels], axis=1)))
    assert terms.standard == pytest.approx(plain, rel=SUMMED, abs=0)


LINE, LINE_LABELS, HALVES = np.array([[0.0], [1.0], [0.5]]), np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.5, 1.0])


def test_three_points_on_a_line_intrude():
    """Counted by hand over 27 triples: 1/2 is met 9 times with label sum 7, 1/4 and 3/4 4 times with label 1/2."""
    tally = {0.0: [], 0.25: [], 0.5: [], 0.75: [], 1.0: []}
    for share in HALVES:
        for first, first_label in zip(LINE[:, 0], LINE_LABELS, strict=True):
            for second, second_label in zip(LINE[:, 0], LINE_LABELS, strict=True):
                tally[share * first + (1 - share) * second].append(share * first_label + (1 - share) * second_label)
    binary = lambda p: entr(p) + entr(1 - p)  # noqa: E731
    least = sum(len(labels) * binary(np.mean(labels)) for labels in tally.values()) / 27
    floor = sum(binary(label) for labels in tally.values() for label in labels) / 27
    assert least == pytest.approx(0.279257, abs=6e-7)
    assert floor == pytest.approx(0.102688, abs=6e-7)
    assert label_entropy_floor(LINE_LABELS, HALVES) == pytest.approx(floor, rel=SUMMED, abs=0)
    assert intrusion_gap(LINE, LINE_LABELS, HALVES) == pytest.approx(least - floor, rel=SUMMED, abs=0)
    assert intrusion_gap(LINE, LINE_LABELS, np.array([0.0, 1.0])) == 0
    apart = np.array([[0.0, 0.1], [1.0, 0.3], [0.5, 0.9]])
    assert intrusion_gap(apart, LINE_LABELS, np.array([0.25, 0.5, 0.8])) == 0
    # 0.1 + 0.2 is not 0.3 in floats, and exact arithmetic does not mistake one for the other.
    assert intrusion_gap(np.array([[0.0], [0.6], [0.3]]), LINE_LABELS, np.array([0.5])) > 0
    assert intrusion_gap(np.array([[0.0], [0.6], [0.1 + 0.2]]), LINE_LABELS, np.array([0.5])) == 0


def soft_problem(seed, rows=20, dim=3):
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=(rows, dim)), rng.uniform(0.05, 0.95, rows), rng.dirichlet(np.ones(rows))


@general
@given(seeds)
def test_duality_holds_everywhere_and_is_tight_at_the_minimiser(seed):
    rows, labels, masses = soft_problem(seed)
    rng = np.random.default_rng(seed + 1)
    weights, other = rng.normal(size=(2, 3))
    found = entropy_certificate(rows, labels, masses, weights)
    primal = lambda w: masses @ (np.logaddexp(0, rows @ w) - labels * (rows @ w))  # noqa: E731
    size = 1 + np.abs(rows).max() * 8
    assert found.primal == pytest.approx(primal(weights), abs=SUMMED * size)
    gradient = (masses * (expit(rows @ weights) - labels)) @ rows
    assert found.infeasibility == pytest.approx(np.linalg.norm(gradient), abs=SUMMED * size)
    assert found.gap == pytest.approx(gradient @ weights, abs=SUMMED * size)
    assert found.dual == pytest.approx(found.primal - found.gap, abs=4 * ROUNDING)
    assert primal(other) >= found.dual - np.linalg.norm(other) * found.infeasibility - SUMMED * size
    assert primal(other) >= masses @ (entr(labels) + entr(1 - labels)) - SUMMED * size
    for _ in range(60):
        predicted = expit(rows @ weights)
        curvature = (rows.T * (masses * predicted * (1 - predicted))) @ rows
        step = np.linalg.solve(curvature, (masses * (predicted - labels)) @ rows)
        weights = weights - step / (1 + np.linalg.norm(rows @ step, np.inf))
    at_minimum = entropy_certificate(rows, labels, masses, weights)
    assert abs(at_minimum.gap) <= SUMMED * size
    assert at_minimum.infeasibility <= SUMMED * size
    doubled = entropy_certificate(rows, labels, 2 * masses, weights)
    assert doubled.primal == pytest.approx(2 * at_minimum.primal, rel=8 * ROUNDING, abs=0)
