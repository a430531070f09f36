"""The theory of naive Bayes where no claim asks: exact values, enumerated problems, bounds by
hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from theory.naive_bayes_vs_logistic import (
    binary_features,
    expected_error,
    linear_rules,
    sample_complexity,
)

seeds = st.integers(0, 2**32 - 1)


def test_reference_values_of_an_independent_two_dimensional_quadrature():
    references = {(1, 2, 1): 0.4175245558, (2, 4, 4): 0.2293734867, (5, 4, 4): 0.2786355715}
    references |= {(50, 10, 4): 0.3496714691, (200, 40, 9): 0.2051110097, (20, 8, 40): 0.0038944416}
    for setting, value in references.items():
        assert expected_error.naive_bayes_expected_error(*setting) == pytest.approx(
            value, rel=0, abs=5.1e-11
        )


@given(seeds, st.integers(1, 6), st.integers(2, 4))
def test_binary_features_are_enumerated(seed, n_features, n_classes):
    means = np.random.default_rng(seed).uniform(0.25, 0.75, (n_classes, n_features))
    problem = binary_features.BinaryFeatures(means)
    variances = sum(mu * (1 - mu) for mu in means) / n_classes
    points = np.array(list(itertools.product([0.0, 1.0], repeat=n_features)))
    gaps = points[:, None] - means
    scores = -np.log(n_classes) - np.sum(gaps**2 / variances, axis=-1) / 2
    slack = 1e-13 * (1 + np.abs(scores).max() ** 2)
    np.testing.assert_allclose(problem.limit_scores, scores, atol=slack)

    chances = np.array([[np.prod(np.abs(1 - x - mu)) for mu in means] for x in points])
    width = 0.3 * n_features
    error = 0.0
    narrow = 0.0
    for row, of_class in zip(problem.limit_scores, chances / n_classes, strict=True):
        lead = row.max() - np.delete(row, row.argmax()).max()
        error += of_class.sum() - of_class[row.argmax()]
        narrow += of_class[row.argmax()] * (lead <= width)
    assert problem.error(problem.limit_scores) == pytest.approx(error, abs=1e-13)
    assert problem.margin_mass(width) == pytest.approx(narrow, abs=1e-13)
    assert problem.margin_mass(1e9) == pytest.approx(1 - error, abs=1e-13)

    leads = [
        (chances[:, k], scores[:, k] - scores[:, j])
        for k, j in itertools.permutations(range(n_classes), 2)
    ]
    expected = [law @ lead for law, lead in leads]
    scatter = [law @ (lead - law @ lead) ** 2 for law, lead in leads]
    alpha, beta = problem.margin_moments()
    assert beta == pytest.approx(min(expected) / n_features, abs=slack)
    assert alpha == pytest.approx(max(scatter) / n_features, abs=slack)


ROUND = [
    (sample_complexity.score_deviation_bound, (5, 0.1, 0.25), 5 * 0.1 * (8 + 16) + 0.8),
    (sample_complexity.score_deviation_bound, (2, 0.1, 0.2), 2 * 0.1 * (10 + 25) + 1),
    (sample_complexity.margin_width, (0.1, 0.2), 0.2 * (20 + 25)),
    (sample_complexity.margin_mass_bound, (10, 4, 0.5, 0.8, 0.3), 3 * 0.5 / (10 * 0.25)),
    (sample_complexity.sufficient_samples, (50, 3, 0.125, 0.2, 0.25), 9216 * np.log(1505)),
    (
        sample_complexity.sup_norm_samples,
        (1, 2, 0.5, 0.2),
        8 * norm.isf((1 - np.sqrt(0.8)) / 2) ** 2,
    ),
    (sample_complexity.logistic_log_regret_bound, (400, 3, 2.0, 5.0), 4 * 3 * 10 / 20),
    (sample_complexity.informative_log_odds_bound, (10, 0.5, 0.4, 0.25), 10 * 0.5 * 0.16 * 2),
]


def test_the_bounds_at_round_numbers():
    for bound, arguments, value in ROUND:
        assert bound(*arguments) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 10, 20, 100])
def test_the_released_correlated_design_is_a_covariance_up_to_four_features(n):
    centred = 2 * np.random.RandomState(0).rand(n, n) - 1
    matrix = centred.T @ centred
    np.fill_diagonal(matrix, n // 2 * [n] + (n - n // 2) * [1])
    assert (np.linalg.eigvalsh(matrix)[0] > 0) == (n <= 4)


@pytest.mark.parametrize("setting", [(50, 4.0, 0.02), (10**6, 9.0, 0.01), (5, 1.0, 0.05)])
def test_the_samples_for_large_n_have_the_error_for_large_n(setting):
    n_features, squared_distance, excess = setting
    samples = sample_complexity.naive_bayes_samples_large_n(*setting)
    error = expected_error.naive_bayes_expected_error_large_n(n_features, samples, squared_distance)
    limit = norm.sf(np.sqrt(squared_distance) / 2)
    assert error == pytest.approx(limit + excess, rel=1e-12)


@pytest.mark.parametrize("n_classes", [3, 5, 7])
def test_means_on_a_line_are_told_from_their_neighbours(n_classes):
    """With three classes the released target of .01 is out of reach up to n = 36."""
    errors = []
    for n in range(1, 101):
        means, variances = linear_rules.official_design(n, n_classes)
        errors.append(linear_rules.naive_bayes_asymptotic_error(means, variances))
        tails = linear_rules.collinear_asymptotic_error(means[:, 0], variances)
        assert errors[-1] == pytest.approx(tails, rel=1e-9)
    if n_classes == 3:
        assert np.argmax(np.array(errors) < 0.01) + 1 == 37


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
