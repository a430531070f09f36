"""Beyond the conditions that statements of the pages name, they are false: an example of each."""

import numpy as np
import pytest

from paper_checks.briefs import test_random_features_for_softmax as random_features
from paper_checks.briefs import test_scoring_systems as scoring


def test_a_loss_that_is_not_convex_has_a_minimum_off_zero_at_a_large_penalty():
    """`representer_points.vanishing_penalty`: without convex losses λ may exceed the slope at 0."""
    places = np.linspace(-4, 4, 8001)
    objective = -2 * np.exp(-((places - 2) ** 2)) + 0.2 * np.abs(places)
    slope_at_zero = 8 * np.exp(-4)
    assert slope_at_zero < 0.2
    assert places[np.argmin(objective)] == pytest.approx(2, abs=0.1)


def test_a_box_off_zero_has_a_best_score_that_is_not_coprime():
    """`scoring_systems.coprime`: of λ in {2, 3, 4}, all right on one point, 2 is the smallest."""
    points = scoring.Points(np.array([[1.0]]), np.array([1]), np.array([2]), np.array([4]))
    assert scoring.solution(points, 0.001, 0.001) == [2]


def test_a_positive_feature_of_opposite_vectors_never_exceeds_its_mean():
    """`random_features_for_softmax.rarely_above`: at s = 0 the law would say 1/2."""
    query = np.array([0.6, -0.8])
    draws = np.random.default_rng(0).normal(size=(1000, 2))
    features = np.exp(draws @ (query - query) - query @ query)
    assert np.all(features == np.exp(query @ -query))
    assert random_features.chance_above(0.0) == 0.5
