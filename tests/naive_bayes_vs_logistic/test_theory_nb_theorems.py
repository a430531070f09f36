"""Log losses against adaptive quadrature; the explicit theorems on binary features, enumerated by hand."""

import itertools

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from theory import naive_bayes_vs_logistic as predicted

UNIT_ROUNDOFF = 2.0**-53
seeds = st.integers(0, 2**32 - 1)


def log_loss_by_adaptive_quadrature(mean, std):
    with mpmath.workdps(25):
        ends = sorted({-12 * std, 12 * std, *(u for u in (-mean - 30, -mean, 30 - mean) if abs(u) < 12 * std)})
        return float(
            mpmath.quad(
                lambda u: mpmath.npdf(u, 0, std) * mpmath.log1p(mpmath.exp(-(mean + u))),
                [mpmath.mpf(end) for end in np.sort(np.concatenate([ends, np.linspace(-6, 6, 13) * std]))],
            )
        )


@pytest.mark.parametrize("std", [0.05, 0.9999, 1.0, 1.0001, 4.0, 60.0])
def test_the_expected_log_loss_is_its_integral(std):
    means = np.array([-7.0, -0.3, 0.0, 2.0, 25.0])
    expected = [log_loss_by_adaptive_quadrature(mean, std) for mean in means]
    values = predicted.expected_log_loss(means, std)
    np.testing.assert_allclose(values, expected, rtol=0, atol=32 * UNIT_ROUNDOFF * (1 + 25 + std))


@settings(deadline=None)
@given(st.floats(-50, 50), st.floats(1e-6, 1e6) | st.just(0.0))
def test_the_log_loss_of_the_opposite_logit_differs_by_the_mean(mean, std):
    """Log(1 + exp(-z)) - log(1 + exp(z)) = -z; and the loss lies between the hinge and the hinge plus log 2."""
    slack = 32 * UNIT_ROUNDOFF * (1 + abs(mean) + std)
    loss = predicted.expected_log_loss(mean, std)
    assert loss - predicted.expected_log_loss(-mean, std) == pytest.approx(-mean, abs=slack)
    hinge = std * norm.pdf(mean / std) - mean * norm.cdf(-mean / std) if std > 0 else max(-mean, 0.0)
    assert hinge - slack <= loss <= hinge + np.log(2) + slack
    assert predicted.expected_log_loss(mean, std * 1.1) >= loss - slack  # the loss is convex


def test_wide_logits_lose_the_hinge_and_a_local_term():
    """For large std the excess over the hinge is phi(mean / std) / std times int log(1 + exp(-|z|)) dz = pi^2 / 6."""
    for std in (1e3, 1e5):
        hinge = std * norm.pdf(0)
        local = np.pi**2 / 6 * norm.pdf(0) / std
        assert predicted.expected_log_loss(0, std) - hinge == pytest.approx(local, rel=0, abs=local / std + std * 1e-15)


def population_log_loss(weights, intercept, means, variances):
    logits, spread = means @ weights + intercept, np.sqrt(np.sum(weights**2 * variances))
    return np.mean(predicted.expected_log_loss(np.array([-logits[0], logits[1]]), spread))


@settings(deadline=None)
@given(seeds, st.integers(1, 5))
def test_the_true_log_odds_have_the_least_log_loss(seed, n_features):
    rng = np.random.default_rng(seed)
    means, scale = rng.normal(size=(2, n_features)), rng.uniform(0.5, 2, n_features)
    weights, intercepts = predicted.lda_rule(means, scale)
    w, b = weights[1] - weights[0], intercepts[1] - intercepts[0]
    best = predicted.bayes_log_loss(means, scale)
    slack = 1e3 * UNIT_ROUNDOFF * (1 + n_features * np.abs(means).max() ** 2 / scale.min())
    assert population_log_loss(w, b, means, scale) == pytest.approx(best, abs=slack)
    other = population_log_loss(w + rng.normal(size=n_features), b + rng.normal(), means, scale)
    assert other >= best - slack
    # Reversing the rule exchanges the losses of right and wrong: log(1 + exp(z)) = z + log(1 + exp(-z)).
    squared = np.sum((means[1] - means[0]) ** 2 / scale)
    reversed_loss = population_log_loss(-w, -b, means, scale)
    assert reversed_loss - best == pytest.approx(squared / 2, abs=10 * slack)


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


def test_equal_priors_are_the_default_and_batches_are_allowed():
    rng = np.random.default_rng(1)
    means, _ = binary_problem(rng, 4, 3)
    implicit, explicit = predicted.BinaryFeatures(means), predicted.BinaryFeatures(means, np.full(3, 1 / 3))
    assert implicit.asymptotic_error == explicit.asymptotic_error
    estimates = np.clip(means + rng.normal(size=(5, 2, 3, 4)) * 0.05, 0, 1)
    variances, priors = rng.uniform(0.1, 0.25, (5, 2, 4)), rng.dirichlet(np.ones(3) * 9, (5, 2))
    scores = implicit.scores(estimates, variances, priors)
    assert scores.shape == (5, 2, 16, 3)
    errors = implicit.error(scores)
    one = implicit.scores(estimates[3, 1], variances[3, 1], priors[3, 1])
    np.testing.assert_allclose(scores[3, 1], one, rtol=1e3 * UNIT_ROUNDOFF)
    assert errors[3, 1] == pytest.approx(float(implicit.error(one)), abs=64 * UNIT_ROUNDOFF)
    assert implicit.error(np.zeros((16, 3))) == pytest.approx(2 / 3, rel=64 * UNIT_ROUNDOFF)  # ties: the first class


@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(1, 7), st.integers(2, 3), st.floats(1e-4, 1))
def test_scores_move_by_no_more_than_the_bound_and_the_error_by_no_more_than_the_margin_mass(
    seed, n_features, n_classes, share
):
    rng = np.random.default_rng(seed)
    means, priors = binary_problem(rng, n_features, n_classes)
    problem = predicted.BinaryFeatures(means, priors)
    floor = min(problem.variances.min(), priors.min())
    signs = rng.choice([-1.0, 1.0], (3, n_classes, n_features))
    size = share * floor / 2
    estimates = np.clip(means + size * signs[0], 0, 1)
    variances = problem.variances + size * signs[1, 0]
    tilt = rng.dirichlet(np.ones(n_classes)) - priors
    estimated_priors = priors + size * tilt / np.abs(tilt).max()
    deviation = max(
        np.abs(estimates - means).max(),
        np.abs(variances - problem.variances).max(),
        np.abs(estimated_priors - priors).max(),
    )
    deviation = min(deviation, floor / 2)
    limit = problem.scores(means, problem.variances, priors)
    scores = problem.scores(estimates, variances, estimated_priors)
    bound = predicted.score_deviation_bound(n_features, deviation, floor)
    slack = 1e3 * UNIT_ROUNDOFF * n_features / floor
    assert np.abs(scores - limit).max() <= bound + slack
    width = predicted.margin_width(deviation, floor) * n_features
    assert 2 * bound <= width * (1 + 8 * UNIT_ROUNDOFF)
    assert problem.error(scores) <= problem.asymptotic_error + problem.margin_mass(width) + slack


def test_the_score_bound_is_within_a_factor_of_the_worst_case():
    """All estimates off in the worst direction at one point: the bound is above, by less than a factor of four."""
    floor, n_features = 0.21, 6
    for deviation in (1e-6, 0.01, floor / 2):
        mean, variance, prior = 0.7, 0.21, 0.5
        true = np.log(prior) - n_features * mean**2 / variance / 2
        worst = np.log(prior - deviation) - n_features * (mean + deviation) ** 2 / (variance - deviation) / 2
        bound = predicted.score_deviation_bound(n_features, deviation, floor)
        assert bound / 4 < abs(worst - true) <= bound


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(2, 3), seeds)
def test_chebyshev_bounds_the_margin_mass(n_features, n_classes, seed):
    rng = np.random.default_rng(seed)
    means, priors = binary_problem(rng, min(n_features, 8), n_classes, low=0.05)
    problem = predicted.BinaryFeatures(means, priors)
    alpha, beta = problem.margin_moments()
    if beta > 0:
        for share in (0.0, 0.3, 0.9):
            bound = predicted.margin_mass_bound(means.shape[1], n_classes, alpha, beta, share * beta)
            assert problem.margin_mass(share * beta * means.shape[1]) <= bound * (1 + 1e-12)


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
@given(st.integers(1, 10**4), st.integers(2, 7), st.floats(0.05, 1), st.floats(1e-6, 0.9))
def test_the_sufficient_size_suffices(n_features, n_classes, share, failure):
    floor = 1 / max(4, n_classes)
    deviation = share * floor / 2
    n_samples = predicted.sufficient_samples(n_features, n_classes, deviation, failure, floor)
    bound = predicted.deviation_probability_bound(n_samples, n_features, n_classes, deviation, floor)
    assert bound == pytest.approx(failure, rel=256 * UNIT_ROUNDOFF)  # exponents up to some dozens
    # The terms of Hoeffding and Chernoff themselves are below it.
    share = deviation / (n_classes + 3)
    means = 2 * n_features * n_classes * np.exp(-n_samples * floor * share**2)
    moments_and_priors = 2 * (n_features + n_classes) * np.exp(-2 * n_samples * share**2)
    sizes = n_classes * np.exp(-n_samples * floor / 8)
    assert means + moments_and_priors + sizes <= bound


def test_the_deviation_bound_holds_where_it_says_something():
    """One class mean alone, exactly: a binomial share of a binomial class size is off less often than bounded."""
    n_samples, deviation, floor = 20000, 0.12, 0.25
    sizes = np.arange(1, n_samples + 1)
    weights = binom.pmf(sizes, n_samples, 0.5)
    likely = weights > 1e-30
    tail = binom.sf(np.ceil(sizes[likely] * (0.5 + deviation)) - 1, sizes[likely], 0.5)
    exact = 2 * float(weights[likely] @ tail)
    bound = predicted.deviation_probability_bound(n_samples, 1, 2, deviation, floor)
    assert exact <= bound < 1


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
