"""The theory of naive Bayes where no claim asks: exact values, enumerated problems, bounds by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from theory.naive_bayes_vs_logistic import (
    binary_features,
    expected_error,
    sample_complexity,
)

UNIT_ROUNDOFF = 2.0**-53
seeds = st.integers(0, 2**32 - 1)


def test_reference_values_of_an_independent_two_dimensional_quadrature():
    references = {(1, 2, 1): 0.4175245558, (2, 4, 4): 0.2293734867, (5, 4, 4): 0.2786355715}
    references |= {(50, 10, 4): 0.3496714691, (200, 40, 9): 0.2051110097, (20, 8, 40): 0.0038944416}
    for setting, value in references.items():
        assert expected_error.naive_bayes_expected_error(*setting) == pytest.approx(
            value, rel=0, abs=5.1e-11
        )


def binary_problem(rng, n_features, n_classes, low=0.25):
    means = rng.uniform(low, 1 - low, (n_classes, n_features))
    return means, rng.dirichlet(np.full(n_classes, 20.0))


def scores_by_hand(means, variances, priors):
    points = np.array(list(itertools.product([0.0, 1.0], repeat=means.shape[1])))
    gaps = points[:, None] - means
    return points, np.log(priors) - np.sum(gaps**2 / variances, axis=-1) / 2


@given(seeds, st.integers(1, 6), st.integers(2, 4))
def test_binary_features_are_enumerated(seed, n_features, n_classes):
    rng = np.random.default_rng(seed)
    means, priors = binary_problem(rng, n_features, n_classes)
    problem = binary_features.BinaryFeatures(means, priors)
    variances = sum(p * mu * (1 - mu) for p, mu in zip(priors, means, strict=True))
    np.testing.assert_allclose(problem.variances, variances, rtol=8 * n_classes * UNIT_ROUNDOFF)
    points, scores = scores_by_hand(means, variances, priors)
    slack = (
        64 * n_features * UNIT_ROUNDOFF * (1 + np.abs(scores).max() + n_features / variances.min())
    )
    np.testing.assert_allclose(problem.scores(means, problem.variances, priors), scores, atol=slack)

    joint = priors * np.prod(np.where(points[:, None] == 1, means, 1 - means), axis=-1)
    limit_scores = problem.scores(means, problem.variances, priors)
    error = 0.0
    narrow = 0.0
    width = 0.3 * n_features
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
    scatter = {
        (k, j): conditional[:, k] @ (scores[:, k] - scores[:, j] - expected[k, j]) ** 2
        for k, j in pairs
    }
    alpha, beta = problem.margin_moments()
    assert beta == pytest.approx(min(expected.values()) / n_features, abs=slack)
    assert alpha == pytest.approx(
        max(scatter.values()) / n_features, abs=slack * (1 + np.abs(scores).max())
    )


ROUND = [
    (sample_complexity.score_deviation_bound, (5, 0.1, 0.25), 5 * 0.1 * (8 + 16) + 0.8),
    (sample_complexity.score_deviation_bound, (2, 0.1, 0.2), 2 * 0.1 * (10 + 25) + 1),
    (sample_complexity.margin_width, (0.1, 0.2), 0.2 * (20 + 25)),
    (sample_complexity.margin_mass_bound, (10, 4, 0.5, 0.8, 0.3), 3 * 0.5 / (10 * 0.25)),
    (
        sample_complexity.deviation_probability_bound,
        (1000, 3, 2, 0.1, 0.25),
        13 * np.exp(-0.1),
    ),
    (sample_complexity.sufficient_samples, (50, 3, 0.125, 0.2, 0.25), 9216 * np.log(1505)),
    (
        sample_complexity.sup_norm_samples,
        (1, 2, 0.5, 0.2),
        8 * norm.isf((1 - np.sqrt(0.8)) / 2) ** 2,
    ),
    (sample_complexity.logistic_log_regret_bound, (400, 3, 2.0, 5.0, 0.5), 4 * 3 * 10.5 / 20),
    (
        sample_complexity.logistic_zero_one_regret_bound,
        (10**4, 2, 2, 5, 1.0, 0.12),
        np.sqrt(2.0),
    ),
    (sample_complexity.informative_log_odds_bound, (10, 0.5, 0.4, 0.25), 10 * 0.5 * 0.16 * 2),
]


def test_the_bounds_at_round_numbers():
    for bound, arguments, value in ROUND:
        assert bound(*arguments) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("distance", [0.0, 0.7, 3.0, 12.0])
def test_the_error_of_a_simplex_is_that_of_normal_orthants(distance):
    """Two classes are told by one score; with three both differences must be positive, and these
    have the correlation 1/2.
    """
    half = distance / 2
    both = multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]]).cdf([half, half])
    assert expected_error.simplex_bayes_error(2, distance) == pytest.approx(
        norm.sf(half), rel=1e-11
    )
    assert expected_error.simplex_bayes_error(3, distance) == pytest.approx(1 - both, abs=1e-8)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_with_its_samples_a_simplex_has_its_excess(n_classes):
    samples = expected_error.simplex_samples_per_feature(n_classes, 2.5, 0.05)
    error = expected_error.simplex_expected_error_large_n(n_classes, 2.5, samples)
    excess = error - expected_error.simplex_bayes_error(n_classes, 2.5)
    assert excess == pytest.approx(0.05, abs=1e-10)
