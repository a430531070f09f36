"""The theory of naive Bayes by other routes than the claims': quadrature, enumeration, other formulas."""

import itertools

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


def test_reference_values_of_an_independent_two_dimensional_quadrature():
    references = {
        (1, 2, 1): 0.4175245558,
        (2, 4, 4): 0.2293734867,
        (5, 4, 4): 0.2786355715,
        (50, 10, 4): 0.3496714691,
        (200, 40, 9): 0.2051110097,
        (20, 8, 40): 0.0038944416,
    }
    for setting, value in references.items():
        assert predicted.naive_bayes_expected_error(*setting) == pytest.approx(value, rel=0, abs=5.1e-11)


def test_the_regimes_of_the_number_of_samples():
    """With Delta^2 = n^a the exponent is 1, 1 - 2 a or 0; the leading law is 16 z^2 n / Delta^4."""
    for a, exponent in ((0, 1), (0.1, 0.8), (0.25, 0.5), (0.4, 0.2), (0.5, 0), (0.7, 0), (1, 0)):
        assert predicted.naive_bayes_sample_exponent(a) == pytest.approx(exponent, abs=4 * UNIT_ROUNDOFF)
    for a, n_features, most in ((0.25, 10**12, 0.02), (0.4, 10**8, 0.02), (0.5, 10**8, 0.02)):
        signal = float(n_features) ** a
        leading = 16 * norm.ppf(0.98) ** 2 * n_features / signal**2
        assert 1 < predicted.naive_bayes_samples(n_features, signal, 0.02) / leading < 1 + most
        assert 1 < predicted.naive_bayes_samples_large_n(n_features, signal, 0.02) / leading < 1 + most


@settings(deadline=None)
@given(st.floats(1e-6, 0.9), st.floats(1e-6, 0.9))
def test_a_rare_class_is_missed_with_the_stated_probability(prior, failure):
    n_samples = predicted.rare_class_samples(prior, failure)
    assert n_samples * np.log1p(-prior) == pytest.approx(np.log(failure), rel=8 * UNIT_ROUNDOFF)
    assert (1 - prior) ** n_samples == pytest.approx(failure, rel=8 * UNIT_ROUNDOFF * (1 + n_samples))


@settings(deadline=None)
@given(st.integers(1, 10**5), st.integers(2, 10), st.floats(0.05, 2), st.floats(1e-6, 0.99), st.floats(0.2, 5))
def test_the_parameter_lemma(n_features, n_classes, deviation, failure, noise):
    n_samples = predicted.sup_norm_samples(n_features, n_classes, deviation, failure, noise)
    exceeded_by_one = 2 * norm.sf(deviation * np.sqrt(n_samples / n_classes) / noise)
    coverage = np.exp(n_features * n_classes * np.log1p(-exceeded_by_one))
    tail = -norm.ppf(-np.expm1(np.log1p(-failure) / (n_features * n_classes)) / 2)
    assert 1 - coverage == pytest.approx(failure, rel=1e3 * UNIT_ROUNDOFF * (1 + tail**2) / failure)
    if failure <= 0.1:
        assert n_samples < 2 * n_classes * noise**2 / deviation**2 * np.log(n_features * n_classes / failure)


def test_lda_loses_by_the_marchenko_pastur_moments_of_the_inverse():
    """Estimated d' S^-1 d -> Delta^2 E 1/x, d^' S^-2 d^ -> (Delta^2 + 4 y) E 1/x^2, x of the Marchenko-Pastur law."""
    for squared_distance, ratio in ((4.0, 0.1), (9.0, 0.25), (1.5, 0.6)):
        lower, upper = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2

        def moment(power, ratio=ratio, lower=lower, upper=upper):
            def density(angle):
                x = (lower + upper) / 2 + (upper - lower) / 2 * np.cos(angle)
                return ((upper - lower) / 2 * np.sin(angle)) ** 2 / (2 * np.pi * ratio * x) * x**power

            return quad(density, 0, np.pi, epsabs=1e-13)[0]

        signal = squared_distance * moment(-1)
        noise = (squared_distance + 4 * ratio) * moment(-2)
        expected = norm.cdf(-signal / (2 * np.sqrt(noise)))
        assert predicted.lda_expected_error(squared_distance, ratio) == pytest.approx(expected, rel=1e-11)
    assert predicted.lda_expected_error(4, 0) == pytest.approx(norm.cdf(-1), rel=4 * UNIT_ROUNDOFF)
    assert predicted.lda_expected_error(0, 0.5) == predicted.lda_expected_error(0, 0) == 0.5


def efficiency_by_fisher_information(distance, n_features, balanced):
    """Ratio of the excess errors of LDA and logistic regression by the delta method, from the information matrix.

    For classes at +-Delta / 2 the excess is that of the boundary's offset and of its n - 1 tilts, equally weighted.
    """

    def overlap(x):  # p (1 - p) of the posterior at x, under the mixture
        mixture = (norm.pdf(x - distance / 2) + norm.pdf(x + distance / 2)) / 2
        posterior = 1 / (1 + np.exp(-distance * x))
        return posterior * (1 - posterior) * mixture

    information = quad(overlap, -12, 12, epsabs=1e-14, limit=200)[0]
    removed = 4 if balanced else 0  # variance of the log odds of the priors
    logistic_offset = (1 / information - removed) / distance**2
    logistic_tilt = 1 / information / distance**2
    lda_offset = 1 + (4 - removed) / distance**2
    lda_tilt = 1 + 4 / distance**2
    return (lda_offset + (n_features - 1) * lda_tilt) / (logistic_offset + (n_features - 1) * logistic_tilt)


@pytest.mark.parametrize("distance", [0.7, 2.0, 3.0, 4.0])
def test_the_efficiency_is_the_ratio_of_the_variances_of_the_boundary(distance):
    for n_features in (1, 4, 100):
        iid = efficiency_by_fisher_information(distance, n_features, balanced=False)
        assert predicted.logistic_relative_efficiency(distance) == pytest.approx(iid, rel=1e-11)
        balanced = efficiency_by_fisher_information(distance, n_features, balanced=True)
        assert predicted.logistic_relative_efficiency_balanced(distance, n_features) == pytest.approx(
            balanced, rel=1e-11
        )


def binary_problem(rng, n_features, n_classes, low=0.25):
    means = rng.uniform(low, 1 - low, (n_classes, n_features))
    return means, rng.dirichlet(np.full(n_classes, 20.0))


def scores_by_hand(means, variances, priors):
    points = np.array(list(itertools.product([0.0, 1.0], repeat=means.shape[1])))
    gaps = points[:, None] - means
    return points, np.log(priors) - np.sum(gaps**2 / variances, axis=-1) / 2


@settings(deadline=None)
@given(seeds, st.integers(1, 6), st.integers(2, 4))
def test_binary_features_are_enumerated(seed, n_features, n_classes):
    rng = np.random.default_rng(seed)
    means, priors = binary_problem(rng, n_features, n_classes)
    problem = predicted.BinaryFeatures(means, priors)
    variances = sum(p * mu * (1 - mu) for p, mu in zip(priors, means, strict=True))
    np.testing.assert_allclose(problem.variances, variances, rtol=8 * n_classes * UNIT_ROUNDOFF)
    points, scores = scores_by_hand(means, variances, priors)
    slack = 64 * n_features * UNIT_ROUNDOFF * (1 + np.abs(scores).max() + n_features / variances.min())
    np.testing.assert_allclose(problem.scores(means, problem.variances, priors), scores, atol=slack)

    joint = priors * np.prod(np.where(points[:, None] == 1, means, 1 - means), axis=-1)
    limit_scores = problem.scores(means, problem.variances, priors)
    error, narrow, width = 0.0, 0.0, 0.3 * n_features
    for row, probabilities in zip(limit_scores, joint, strict=True):
        for k in range(n_classes):
            lead = row[k] - max(np.delete(row, k))
            error += probabilities[k] * (np.argmax(row) != k)
            narrow += probabilities[k] * (np.argmax(row) == k and lead <= width)
    assert problem.asymptotic_error == pytest.approx(error, abs=points.size * UNIT_ROUNDOFF)
    assert problem.margin_mass(width) == pytest.approx(narrow, abs=points.size * UNIT_ROUNDOFF)
    assert problem.margin_mass(1e9) == pytest.approx(1 - error, abs=4 * points.size * UNIT_ROUNDOFF)

    pairs = list(itertools.permutations(range(n_classes), 2))
    conditional = joint / priors
    expected = {(k, j): conditional[:, k] @ (scores[:, k] - scores[:, j]) for k, j in pairs}
    scatter = {(k, j): conditional[:, k] @ (scores[:, k] - scores[:, j] - expected[k, j]) ** 2 for k, j in pairs}
    alpha, beta = problem.margin_moments()
    assert beta == pytest.approx(min(expected.values()) / n_features, abs=slack)
    assert alpha == pytest.approx(max(scatter.values()) / n_features, abs=slack * (1 + np.abs(scores).max()))


def test_the_bounds_at_round_numbers():
    assert predicted.score_deviation_bound(5, 0.1, 0.25) == pytest.approx(5 * 0.1 * (8 + 16) + 0.8)
    assert predicted.score_deviation_bound(2, 0.1, 0.2) == pytest.approx(2 * 0.1 * (10 + 25) + 1)
    assert predicted.margin_width(0.1, 0.25) == pytest.approx(0.2 * (16 + 16))
    assert predicted.margin_width(0.1, 0.2) == pytest.approx(0.2 * (20 + 25))
    assert predicted.margin_mass_bound(10, 4, 0.5, 0.8, 0.3) == pytest.approx(3 * 0.5 / (10 * 0.25))
    assert predicted.deviation_probability_bound(1000, 3, 2, 0.1, 0.25) == pytest.approx(13 * np.exp(-0.1))
    assert predicted.deviation_probability_bound(4, 1, 4, 0.1, 0.25) == pytest.approx(9 * np.exp(-0.01 / 49))
    assert predicted.sufficient_samples(100, 2, 0.1, 0.05, 0.25) == pytest.approx(10**4 * np.log(8020))
    assert predicted.sufficient_samples(10, 2, 0.105, 0.05, 0.21) == pytest.approx(25 / (0.21 * 0.105**2) * np.log(820))
    assert predicted.sufficient_samples(50, 3, 0.125, 0.2, 0.25) == pytest.approx(9216 * np.log(1505))
    smallest = predicted.sufficient_samples(1, 2, 0.1, 2.0**-1022, 0.25)
    assert smallest == pytest.approx(10**4 * (np.log(5) + 1022 * np.log(2)))
    assert predicted.logistic_log_regret_bound(400, 3, 2.0, 5.0, 0.5) == pytest.approx(4 * 3 * 10.5 / 20)
    assert predicted.logistic_log_regret_bound(100, 2, 2, 5) == pytest.approx(8.0)
    assert predicted.logistic_zero_one_regret_bound(10**4, 2, 2, 5) == pytest.approx(np.sqrt(1.6))
    assert predicted.logistic_zero_one_regret_bound(10**4, 2, 2, 5, 1.0, 0.12) == pytest.approx(np.sqrt(2.0))
    assert predicted.informative_log_odds_bound(10, 0.5, 0.4, 0.25) == pytest.approx(10 * 0.5 * 0.16 * 2)


@settings(deadline=None)
@given(seeds, st.integers(1, 8), st.floats(0, 0.8), st.floats(0, 1))
def test_informative_features_add_up(seed, n_features, gap, share):
    rng = np.random.default_rng(seed)
    informative = rng.random(n_features) < share
    widths = np.where(informative, gap + rng.uniform(0, 0.9 - gap, n_features), rng.uniform(0, gap, n_features))
    problem = predicted.BinaryFeatures(np.stack([0.5 - widths / 2, 0.5 + widths / 2]))
    bound = predicted.informative_log_odds_bound(
        n_features, float(informative.mean()), gap, float(problem.variances.max())
    )
    assert bound <= problem.margin_moments()[1] * n_features * (1 + 64 * UNIT_ROUNDOFF)
    if np.all(widths == gap):
        assert bound == pytest.approx(problem.margin_moments()[1] * n_features)
    alike = predicted.BinaryFeatures(np.full((2, n_features), 0.5) + np.array([[-gap / 2], [gap / 2]]))
    width = (0.5 + gap / 2) - (0.5 - gap / 2)  # a small gap does not survive beside 0.5
    sharp = predicted.informative_log_odds_bound(n_features, 1, width, (1 - width**2) / 4)
    assert alike.margin_moments()[1] * n_features == pytest.approx(sharp, rel=64 * n_features * UNIT_ROUNDOFF)


gaps = st.floats(0, 1)


def test_sqrt_two_is_sharp():
    t = 0.05
    ratio = t / predicted.zero_one_regret_bound(predicted.consistency_transform(t))
    assert 1 - t**2 / 12 - t**4 / 30 < ratio < 1 - t**2 / 12  # Psi = t^2/2 (1 + t^2/6 + t^4/15 + ...)
    np.testing.assert_array_equal(predicted.zero_one_regret_bound(np.array([0, 0.5, 2.0])), [0, 1, 2])
