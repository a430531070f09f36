"""Linear rules and asymptotic errors: intervals and orthants against other routes, invariances, equality cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from theory import naive_bayes_vs_logistic as predicted

UNIT_ROUNDOFF = 2.0**-53
seeds = st.integers(0, 2**32 - 1)


def random_covariance(rng, n_features, ridge=0.1):
    factor = rng.normal(size=(n_features, n_features + 2))
    covariance = factor @ factor.T / n_features + ridge * np.eye(n_features)
    return (covariance + covariance.T) / 2


def rounding(weights, intercepts, means, covariance):
    """Rounding error of a Gaussian argument: that of the scores, over the least spread of a difference of scores."""
    covariance = np.diag(covariance) if covariance.ndim == 1 else covariance
    differences = (weights[:, None] - weights)[np.triu_indices(len(weights), 1)]
    spread = np.sqrt(np.min(np.sum(differences @ covariance * differences, axis=1)))
    scores = np.max(np.abs(weights) @ np.abs(means).T) + np.max(np.abs(intercepts))
    return 64 * means.size * UNIT_ROUNDOFF * (1 + scores / spread) ** 2


def error_by_midpoints(slopes, intercepts, centres, priors):
    """Error of argmax_k slope_k u + b_k, u ~ N(centre_k, 1), from all pairwise crossings and a trial between each."""
    first, second = np.triu_indices(len(slopes), 1)
    crossings = (intercepts[second] - intercepts[first]) / (slopes[first] - slopes[second])
    ends = np.concatenate([[-np.inf], np.sort(crossings), [np.inf]])
    inner = np.clip(ends, ends[1] - 1, ends[-2] + 1)
    trials = (inner[1:] + inner[:-1]) / 2
    winners = np.argmax(np.outer(trials, slopes) + intercepts, axis=1)
    masses = np.diff(norm.cdf(ends - centres[:, None]), axis=1)
    return float(sum(prior * np.sum(masses[k] * (winners != k)) for k, prior in enumerate(priors)))


def test_the_official_design_is_the_one_of_the_released_code():
    means, variances = predicted.official_design(5, 7)
    np.testing.assert_array_equal(means, np.outer([-1, 1, 2, 4, 8, 16, 32], np.ones(5)))
    np.testing.assert_array_equal(variances, [5, 5, 1, 1, 1])
    np.testing.assert_array_equal(predicted.official_design(4, 2)[1], [4, 4, 1, 1])
    np.testing.assert_array_equal(predicted.official_design(1, 2)[1], [1])


@settings(deadline=None)
@given(seeds, st.integers(1, 6), st.integers(2, 6), st.booleans())
def test_scores_are_log_posteriors_up_to_a_common_term(seed, n_features, n_classes, diagonal):
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(n_classes, n_features))
    priors = rng.dirichlet(np.full(n_classes, 3.0))
    variances = rng.uniform(0.5, 2, n_features)
    covariance = variances if diagonal else random_covariance(rng, n_features)
    matrix = np.diag(variances) if diagonal else covariance
    weights, intercepts = predicted.lda_rule(means, covariance, priors)
    x = rng.normal(size=n_features)
    gaps = x - means
    log_posteriors = np.log(priors) - np.sum(gaps * np.linalg.solve(matrix, gaps.T).T, axis=1) / 2
    scores = weights @ x + intercepts
    scale = np.linalg.cond(matrix) * (10 + np.max(np.abs(log_posteriors)))
    np.testing.assert_allclose(
        scores - scores[0], log_posteriors - log_posteriors[0], rtol=0, atol=64 * n_features**2 * UNIT_ROUNDOFF * scale
    )
    if diagonal:
        naive_weights, naive_intercepts = predicted.naive_bayes_rule(means, variances, priors)
        np.testing.assert_array_equal(naive_weights, weights)
        np.testing.assert_array_equal(naive_intercepts, intercepts)


@settings(deadline=None)
@given(seeds, st.integers(1, 6), st.floats(0.01, 0.99))
def test_two_classes_err_by_the_two_gaussian_tails(seed, n_features, prior):
    rng = np.random.default_rng(seed)
    weights, means = rng.normal(size=(2, 2, n_features))
    intercepts = rng.normal(size=2)
    covariance = random_covariance(rng, n_features)
    w, b = weights[1] - weights[0], intercepts[1] - intercepts[0]
    spread = np.sqrt(w @ covariance @ w)
    tails = norm.cdf((w @ means[0] + b) / spread), norm.cdf(-(w @ means[1] + b) / spread)
    error = predicted.linear_rule_error(weights, intercepts, means, covariance, np.array([prior, 1 - prior]))
    tolerance = rounding(weights, intercepts, means, covariance)
    assert error == pytest.approx(prior * tails[0] + (1 - prior) * tails[1], rel=0, abs=tolerance)


@settings(deadline=None)
@given(seeds, st.integers(3, 7), st.integers(1, 5))
def test_parallel_score_differences_are_intervals(seed, n_classes, n_features):
    rng = np.random.default_rng(seed)
    slopes = rng.permutation(np.arange(n_classes) + rng.uniform(-0.4, 0.4, n_classes))
    direction, common = rng.normal(size=(2, n_features))
    intercepts = rng.normal(size=n_classes) - slopes**2 / 2
    means = rng.normal(size=(n_classes, n_features))
    covariance, priors = random_covariance(rng, n_features), rng.dirichlet(np.full(n_classes, 3.0))
    spread = np.sqrt(direction @ covariance @ direction)
    expected = error_by_midpoints(slopes * spread, intercepts, means @ direction / spread, priors)
    weights = np.outer(slopes, direction) + common
    error = predicted.linear_rule_error(weights, intercepts, means, covariance, priors)
    tolerance = n_classes * rounding(weights, intercepts, means, covariance)
    assert error == pytest.approx(expected, rel=0, abs=tolerance)


@pytest.mark.parametrize(("n_classes", "tolerance"), [(3, 1e-12), (4, 1e-6), (5, 1e-6)])
def test_orthogonal_means_err_as_the_one_dimensional_integral(n_classes, tolerance):
    """Scores of orthogonal means are independent: P(correct) = int phi(u - d) Phi(u)^(K - 1) du."""
    gap = 1.7
    correct = quad(lambda u: norm.pdf(u - gap) * norm.cdf(u) ** (n_classes - 1), -9, 11, epsabs=1e-13, limit=200)[0]
    error = predicted.bayes_error(gap * np.eye(n_classes), np.ones(n_classes))
    assert error == pytest.approx(1 - correct, rel=0, abs=tolerance)


@pytest.mark.parametrize("n_classes", [3, 4])
def test_more_classes_than_features_in_the_plane(n_classes):
    """The law of the score differences is singular from four classes on; the reference slices the plane."""
    rng = np.random.default_rng(n_classes)
    means, priors = rng.normal(size=(n_classes, 2)) * 1.5, rng.dirichlet(np.full(n_classes, 5.0))
    weights, intercepts = predicted.naive_bayes_rule(means, np.ones(2), priors)

    def error_on_slice(x, k):
        only_k = np.eye(n_classes)[k]
        return norm.pdf(x - means[k, 0]) * error_by_midpoints(
            weights[:, 1], intercepts + weights[:, 0] * x, means[:, 1], only_k
        )

    slices = [quad(error_on_slice, -9, 9, args=(k,), epsabs=1e-7, limit=50)[0] for k in range(n_classes)]
    error = predicted.linear_rule_error(weights, intercepts, means, np.ones(2), priors)
    assert error == pytest.approx(priors @ slices, rel=0, abs=1e-6)


def test_a_class_that_never_leads_is_always_wrong():
    weights = np.array([[0.0], [1.0], [1.0], [0.0]])
    intercepts = np.array([0.0, 0.0, -1.0, 0.0])  # class 2 is below class 1, class 3 ties with class 0 and comes later
    means = np.array([[-1.0], [1.0], [1.0], [-1.0]])
    error = predicted.linear_rule_error(weights, intercepts, means, np.ones(1))
    assert error == pytest.approx((2 * norm.cdf(-1) + 2) / 4, rel=8 * UNIT_ROUNDOFF)
    same = predicted.linear_rule_error(np.ones((3, 2)), np.array([0.0, 1.0, 1.0]), np.ones((3, 2)), np.ones(2))
    assert same == pytest.approx(2 / 3, rel=8 * UNIT_ROUNDOFF)
    squeezed = predicted.linear_rule_error(
        np.array([[-1.0], [0.0], [1.0]]), np.array([0.0, -0.5, 0.0]), np.array([[-1.0], [0.0], [1.0]]), np.ones(1)
    )
    assert squeezed == pytest.approx((2 * norm.cdf(-1) + 1) / 3, rel=8 * UNIT_ROUNDOFF)


@settings(deadline=None)
@given(seeds, st.integers(2, 3), st.integers(1, 5), st.floats(0.1, 10))
def test_the_error_ignores_scale_common_scores_and_the_order_of_classes(seed, n_classes, n_features, factor):
    rng = np.random.default_rng(seed)
    weights, means = rng.normal(size=(2, n_classes, n_features))
    intercepts, priors = rng.normal(size=n_classes), rng.dirichlet(np.full(n_classes, 3.0))
    covariance = random_covariance(rng, n_features)
    order, shift = rng.permutation(n_classes), rng.normal(size=n_features)
    error = predicted.linear_rule_error(weights, intercepts, means, covariance, priors)
    tolerance = 4 * rounding(weights, intercepts, means, covariance)
    for same in (
        predicted.linear_rule_error(factor * weights, factor * intercepts, means, covariance, priors),
        predicted.linear_rule_error(weights + shift, intercepts + 1, means, covariance, priors),
        predicted.linear_rule_error(weights[order], intercepts[order], means[order], covariance, priors[order]),
    ):
        assert same == pytest.approx(error, rel=0, abs=tolerance)


@settings(deadline=None)
@given(seeds, st.integers(2, 3), st.integers(1, 4))
def test_naive_bayes_ignores_units_the_order_of_features_and_their_duplicates(seed, n_classes, n_features):
    rng = np.random.default_rng(seed)
    means, covariance = rng.normal(size=(n_classes, n_features)), random_covariance(rng, n_features)
    units, offsets, order = rng.uniform(0.1, 10, n_features), rng.normal(size=n_features), rng.permutation(n_features)
    error = predicted.naive_bayes_asymptotic_error(means, covariance)
    rule = predicted.naive_bayes_rule(means, np.diag(covariance))
    tolerance = 100 * rounding(*rule, means, covariance)  # the offsets enlarge the scores up to tenfold
    twice = predicted.naive_bayes_asymptotic_error(np.tile(means, 2), np.tile(covariance, (2, 2)))
    rescaled = predicted.naive_bayes_asymptotic_error(means * units + offsets, covariance * np.outer(units, units))
    reordered = predicted.naive_bayes_asymptotic_error(means[:, order], covariance[np.ix_(order, order)])
    for same in (twice, rescaled, reordered):
        assert same == pytest.approx(error, rel=0, abs=tolerance)


@settings(deadline=None)
@given(seeds, st.integers(1, 8), st.sampled_from([1e-6, 1e-3, 1.0]))
def test_no_margin_exceeds_that_of_bayes(seed, n_features, ridge):
    rng = np.random.default_rng(seed)
    covariance, difference = random_covariance(rng, n_features, ridge), rng.normal(size=n_features)
    naive, best = (margin(difference, covariance) for margin in (predicted.naive_bayes_margin, predicted.bayes_margin))
    tolerance = 64 * n_features**2 * UNIT_ROUNDOFF * np.linalg.cond(covariance)
    assert naive <= best * (1 + tolerance)
    assert predicted.mahalanobis_squared(difference, covariance) == pytest.approx(
        difference @ np.linalg.inv(covariance) @ difference, rel=tolerance
    )
    deviations = np.sqrt(np.diag(covariance))
    directions = np.linalg.eigh(covariance / np.outer(deviations, deviations))[1]
    aligned = deviations * directions[:, -1]
    assert predicted.naive_bayes_margin(aligned, covariance) == pytest.approx(
        predicted.bayes_margin(aligned, covariance), rel=tolerance
    )


@settings(deadline=None)
@given(seeds, st.integers(1, 6))
def test_margins_are_the_arguments_of_the_errors_of_two_classes(seed, n_features):
    rng = np.random.default_rng(seed)
    covariance, difference = random_covariance(rng, n_features), rng.normal(size=n_features)
    means = np.stack([np.zeros(n_features), difference])
    tolerance = 64 * n_features**2 * UNIT_ROUNDOFF * np.linalg.cond(covariance) * (1 + difference @ difference)
    for margin, error in (
        (predicted.naive_bayes_margin, predicted.naive_bayes_asymptotic_error),
        (predicted.bayes_margin, predicted.bayes_error),
    ):
        assert error(means, covariance) == pytest.approx(norm.cdf(-margin(difference, covariance)), rel=tolerance * 10)


def test_equicorrelated_features_by_hand():
    """d = .8 on half of 20: d' D^-1 Sigma D^-1 d = .64 (10 (1 - rho) + 100 rho), and Sherman-Morrison for Bayes."""
    difference = np.repeat([0.8, 0.0], 10)
    for rho in (0.0, 0.05, 0.1, 0.2, 0.5, 0.8):
        covariance = (1 - rho) * np.eye(20) + rho
        naive = 6.4 / (2 * 0.8 * np.sqrt(10 * (1 - rho) + 100 * rho))
        squared = (6.4 - rho * 64 / (1 - rho + 20 * rho)) / (1 - rho)
        assert predicted.naive_bayes_margin(difference, covariance) == pytest.approx(naive, rel=200 * UNIT_ROUNDOFF)
        assert predicted.mahalanobis_squared(difference, covariance) == pytest.approx(squared, rel=1e4 * UNIT_ROUNDOFF)
    assert predicted.naive_bayes_margin(np.zeros(3), np.eye(3)) == 0


@settings(deadline=None)
@given(seeds, st.integers(2, 7), st.integers(1, 6), st.booleans())
def test_collinear_means_have_the_sum_over_neighbours(seed, n_classes, n_features, diagonal):
    rng = np.random.default_rng(seed)
    levels = rng.permutation(np.cumsum(rng.uniform(0.3, 2, n_classes)))
    covariance = rng.uniform(0.2, 3, n_features) if diagonal else random_covariance(rng, n_features)
    means = np.outer(levels, np.ones(n_features))
    variances = covariance if diagonal else np.diag(covariance)
    tolerance = rounding(*predicted.naive_bayes_rule(means, variances), means, covariance)
    assert predicted.collinear_asymptotic_error(levels, covariance) == pytest.approx(
        predicted.naive_bayes_asymptotic_error(means, covariance), rel=0, abs=n_classes * tolerance
    )


def test_two_classes_of_the_official_design_by_hand():
    """S = n/2 / n + n/2 = (n + 1)/2 for even n and the gap is 2, so the error is Phi(-sqrt((n + 1)/2))."""
    for n_features in (2, 4, 10, 20):
        means, variances = predicted.official_design(n_features, 2)
        expected = norm.cdf(-np.sqrt((n_features + 1) / 2))
        assert predicted.collinear_asymptotic_error(means[:, 0], variances) == pytest.approx(
            expected, rel=100 * UNIT_ROUNDOFF
        )
        assert predicted.bayes_error(means, variances) == pytest.approx(expected, rel=1e3 * UNIT_ROUNDOFF)
