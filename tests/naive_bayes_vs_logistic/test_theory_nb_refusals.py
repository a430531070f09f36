"""Arguments that do not go together get one sentence that names one of them; what is right up to rounding is taken."""

import numpy as np
import pytest

from theory import naive_bayes_vs_logistic as predicted

MEANS = np.array([[0.0, 0.0], [1.0, 0.5]])
ONES = np.ones(2)
INDEFINITE = np.array([[1.0, 2.0], [2.0, 1.0]])
SINGULAR = np.ones((2, 2))
COIN = np.full(2, 0.5)
BINARY = predicted.BinaryFeatures(np.array([[0.3, 0.4], [0.6, 0.7]]))

REFUSED = [
    (lambda: predicted.naive_bayes_rule(MEANS[:1], ONES), "means must have at least 2 rows, one per class"),
    (lambda: predicted.naive_bayes_rule(MEANS, np.ones(3)), "variances must have one entry for each of the 2 features"),
    (lambda: predicted.naive_bayes_rule(MEANS, ONES, np.full(3, 1 / 3)), "one entry for each of the 2 classes, got 3"),
    (lambda: predicted.naive_bayes_rule(MEANS, ONES, np.array([1.0, 0.0])), "priors must be positive"),
    (lambda: predicted.lda_rule(MEANS, np.eye(3)), "covariance must have one entry for each of the 2 features, got 3"),
    (lambda: predicted.lda_rule(MEANS, SINGULAR), "covariance must be symmetric and positive definite"),
    (lambda: predicted.lda_rule(MEANS, np.array([[1.0, 0.5], [0.4, 1.0]])), "covariance must be symmetric"),
    (lambda: predicted.naive_bayes_margin(MEANS[1], INDEFINITE), "symmetric and positive semidefinite, with positive"),
    (lambda: predicted.naive_bayes_margin(MEANS[1], np.zeros((2, 2))), "with positive variances"),
    (
        lambda: predicted.linear_rule_error(np.array([[1.0, -1.0], [-1.0, 1.0]]), ONES, MEANS, SINGULAR),
        "covariance must not vanish in the direction",
    ),
    (lambda: predicted.collinear_asymptotic_error(np.array([1.0, 2.0, 1.0]), ONES), "at least 2 different numbers"),
    (lambda: predicted.naive_bayes_samples(10, 4, 1e-12), "excess must be at least 1e-9 of the asymptotic error"),
    (lambda: predicted.kl_divergence(np.array([1.0 + 3e-9, 0.0]), COIN), "p must be non-negative and sum to one"),
    (lambda: predicted.top_two_kl_bound(np.ones(1), np.ones(1)), "p must have at least 2 classes"),
    (lambda: predicted.conditional_regret(np.array([0.0, 1.1]), COIN, 1), r"logits must lie in \[-1.0, 1.0\]"),
    (lambda: predicted.score_deviation_bound(5, 0.1, 0.125), "deviation must be at most half the floor, 0.0625, got"),
    (lambda: predicted.margin_mass_bound(5, 2, 0.1, 0.3, 0.3), "width must be below beta = 0.3, got 0.3"),
    (lambda: predicted.deviation_probability_bound(9, 5, 5, 0.1, 0.25), "floor must be at most 1 / n_classes"),
    (lambda: predicted.BinaryFeatures(np.full((2, 15), 0.5)), "means must have at most 14 features"),
    (lambda: predicted.BinaryFeatures(np.array([[0.0], [1.0]])), "means must leave each feature some variance"),
    (lambda: BINARY.error(np.zeros((3, 2))), r"scores must be those of \(4, 2\) points and classes, got shape \(3, 2"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED, ids=[sentence[:60] for _, sentence in REFUSED])
def test_what_does_not_go_together_is_refused(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_what_is_right_up_to_rounding_is_not_refused():
    nearly_one = np.array([0.5, 0.5 + 5e-10])
    predicted.kl_divergence(nearly_one, COIN)
    predicted.naive_bayes_rule(MEANS, ONES, nearly_one)
    predicted.naive_bayes_asymptotic_error(MEANS, np.array([[1.0, 0.5], [0.5 + 1e-14, 1.0]]))
    predicted.naive_bayes_asymptotic_error(MEANS, SINGULAR)
    assert predicted.naive_bayes_samples(1, 4, 1e-9) > 1e6


def test_a_covariance_is_judged_in_any_units():
    units = np.array([1e-30, 1e30])
    covariance = np.array([[1.0, 0.5], [0.5, 1.0]]) * np.outer(units, units)
    assert predicted.mahalanobis_squared(units, covariance) == pytest.approx(4 / 3, rel=1e-14)
    with pytest.raises(ValueError, match="positive definite"):
        predicted.mahalanobis_squared(units, SINGULAR * np.outer(units, units))
