"""Bad input gets one sentence that names the argument, before anything is computed."""

import jaxtyping
import numpy as np
import pytest

from theory import naive_bayes_vs_logistic as predicted

MEANS = np.array([[0.0, 0.0], [1.0, 0.5]])
ONES = np.ones(2)
NOT_SYMMETRIC = np.array([[1.0, 0.5], [0.4, 1.0]])
INDEFINITE = np.array([[1.0, 2.0], [2.0, 1.0]])
SINGULAR = np.ones((2, 2))
WITH_NAN = np.array([[1.0, np.nan], [np.nan, 1.0]])
COIN = np.full(2, 0.5)
BINARY = predicted.BinaryFeatures(np.array([[0.3, 0.4], [0.6, 0.7]]))

REFUSED = [
    # official_design
    (lambda: predicted.official_design(0, 2), "n_features must be at least 1, got 0"),
    (lambda: predicted.official_design(5, 1), "n_classes must be at least 2, got 1"),
    (lambda: predicted.official_design(5, 8), "n_classes must be at most 7"),
    # linear rules
    (lambda: predicted.naive_bayes_rule(MEANS[:1], ONES), "means must have one row per class and at least 2 rows"),
    (lambda: predicted.naive_bayes_rule(np.full((2, 2), np.inf), ONES), "means must be non-empty and finite"),
    (lambda: predicted.naive_bayes_rule(np.zeros((2, 0)), np.ones(0)), "means must be non-empty and finite"),
    (lambda: predicted.naive_bayes_rule(MEANS, np.zeros(2)), "variances must hold positive variances, got 0"),
    (lambda: predicted.naive_bayes_rule(MEANS, ONES, np.array([0.5, 0.6])), "priors must sum to one"),
    (lambda: predicted.naive_bayes_rule(MEANS, ONES, np.array([1.0, 0.0])), "priors must be positive"),
    (lambda: predicted.naive_bayes_rule(MEANS, ONES, np.array([1.5, -0.5])), "priors must be non-negative"),
    (lambda: predicted.lda_rule(MEANS, NOT_SYMMETRIC), "covariance must be a symmetric matrix"),
    (lambda: predicted.lda_rule(MEANS, INDEFINITE), "positive semidefinite, got .* smallest eigenvalue -1"),
    (lambda: predicted.lda_rule(MEANS, SINGULAR), "positive definite, got .* smallest eigenvalue"),
    (lambda: predicted.lda_rule(MEANS, WITH_NAN), "covariance must be non-empty and finite"),
    (lambda: predicted.bayes_error(MEANS, SINGULAR), "covariance must be positive definite"),
    (lambda: predicted.linear_rule_error(MEANS * np.nan, ONES, MEANS, ONES), "weights must be non-empty and finite"),
    (lambda: predicted.linear_rule_error(MEANS, ONES * np.inf, MEANS, ONES), "intercepts must be non-empty and finite"),
    (
        lambda: predicted.linear_rule_error(np.array([[1.0, -1.0], [-1.0, 1.0]]), ONES, MEANS, SINGULAR),
        "covariance must not vanish in the direction",
    ),
    # asymptotic errors
    (lambda: predicted.naive_bayes_margin(MEANS[1], INDEFINITE), "covariance must be positive semidefinite"),
    (lambda: predicted.naive_bayes_margin(MEANS[1] * np.inf, ONES), "difference must be non-empty and finite"),
    (lambda: predicted.bayes_margin(MEANS[1], SINGULAR), "covariance must be positive definite"),
    (lambda: predicted.mahalanobis_squared(MEANS[1], -ONES), "covariance must hold positive variances, got -1"),
    (lambda: predicted.naive_bayes_asymptotic_error(MEANS, INDEFINITE), "covariance must be positive semidefinite"),
    (lambda: predicted.naive_bayes_asymptotic_error(MEANS[:1], ONES), "means must have one row per class"),
    (lambda: predicted.collinear_asymptotic_error(np.array([1.0, 2.0, 1.0]), ONES), "at least two different numbers"),
    (lambda: predicted.collinear_asymptotic_error(np.ones(1), ONES), "at least two different numbers"),
    (lambda: predicted.collinear_asymptotic_error(np.array([0, np.nan]), ONES), "levels must be non-empty and finite"),
    # expected error and sample sizes
    (lambda: predicted.naive_bayes_expected_error(0, 4, 1), "n_features must be at least 1"),
    (lambda: predicted.naive_bayes_expected_error(3, 1.9, 1), "n_samples must be finite and at least 2"),
    (lambda: predicted.naive_bayes_log_expected_error(3, np.inf, 1), "n_samples must be finite and at least 2"),
    (lambda: predicted.naive_bayes_expected_error(3, 4, -1), "squared_distance must be finite and non-negative"),
    (lambda: predicted.naive_bayes_expected_error_large_n(3, 4, np.inf), "squared_distance must be finite"),
    (lambda: predicted.naive_bayes_expected_error_large_n(3, 1, 4), "n_samples must be finite and at least 2"),
    (lambda: predicted.naive_bayes_samples(10, 4, 0), "excess must be positive, got 0: unreachable"),
    (lambda: predicted.naive_bayes_samples(10, 4, np.nan), "excess must be positive, got nan: unreachable"),
    (lambda: predicted.naive_bayes_samples(10, 4, 1e-12), "excess must be at least 1e-9 of the asymptotic error"),
    (lambda: predicted.naive_bayes_samples_large_n(10, 4, -0.1), "excess must be positive"),
    (lambda: predicted.naive_bayes_samples_leading(10, 0, 0.1), "squared_distance must be finite and positive"),
    (lambda: predicted.naive_bayes_samples_leading(10, 4, 0.5), "excess must be strictly between 0 and 1/2"),
    (lambda: predicted.naive_bayes_sample_exponent(-0.1), "signal_exponent must be finite and non-negative"),
    (lambda: predicted.rare_class_samples(0.0, 0.1), "prior must be strictly between 0 and 1"),
    (lambda: predicted.rare_class_samples(0.1, 1.0), "failure must be strictly between 0 and 1"),
    # parameters, LDA, efficiency
    (lambda: predicted.sup_norm_coverage(0, 3, 2, 0.1), "n_samples must be finite and positive"),
    (lambda: predicted.sup_norm_coverage(5, 3, 1, 0.1), "n_classes must be at least 2"),
    (lambda: predicted.sup_norm_samples(3, 2, 0, 0.1), "deviation must be finite and positive"),
    (lambda: predicted.sup_norm_samples(3, 2, 0.1, 0.0), "failure must be strictly between 0 and 1"),
    (lambda: predicted.sup_norm_samples_leading(3, 2, 0.1, 0.1, -1), "noise must be finite and positive"),
    (lambda: predicted.lda_expected_error(4, 1.0), r"aspect_ratio must be in \[0, 1\).*singular"),
    (lambda: predicted.lda_expected_error(-4, 0.5), "squared_distance must be finite and non-negative"),
    (lambda: predicted.logistic_relative_efficiency(-1), "distance must be finite and non-negative"),
    (lambda: predicted.logistic_relative_efficiency_balanced(0, 3), "distance must be finite and positive"),
    (lambda: predicted.logistic_relative_efficiency_balanced(1, 0), "n_features must be at least 1"),
    # consistency and boxes
    (lambda: predicted.consistency_transform(1.1), r"t must be in \[0, 1\], got 1.1"),
    (lambda: predicted.consistency_transform(np.nan), r"t must be in \[0, 1\]"),
    (lambda: predicted.consistency_transform(0.5, 0), "logit_bound must be positive"),
    (lambda: predicted.consistency_transform_inverse(-0.1), "z must be non-negative"),
    (lambda: predicted.consistency_transform_inverse(0.1, -1), "logit_bound must be positive"),
    (lambda: predicted.zero_one_regret_bound(-1.0), "log_regret must be non-negative"),
    (lambda: predicted.kl_divergence(COIN, np.array([0.5, 0.4])), "q must sum to one over the last axis"),
    (lambda: predicted.kl_divergence(np.array([1.0 + 3e-9, 0.0]), COIN), "p must sum to one over the last axis"),
    (lambda: predicted.kl_divergence(np.array([np.nan, 1.0]), COIN), "p must be non-negative"),
    (lambda: predicted.top_two_kl_bound(np.ones(1), np.ones(1)), "p must have at least 2 classes"),
    (lambda: predicted.ratio_condition(COIN, -1), "logit_bound must be positive"),
    (lambda: predicted.ratio_condition(COIN * 2, 1), "p must sum to one"),
    (lambda: predicted.box_minimiser(COIN * 2, 1), "probabilities must sum to one"),
    (lambda: predicted.box_minimiser(COIN, np.inf), "logit_bound must be finite and positive"),
    (lambda: predicted.box_tie_threshold(1, 1), "n_classes must be at least 2"),
    (lambda: predicted.box_tie_threshold(3, 0), "logit_bound must be finite and positive"),
    (lambda: predicted.conditional_regret(np.array([0.0, 1.1]), COIN, 1), "logits must be in"),
    # log losses
    (lambda: predicted.expected_log_loss(np.inf, 1), "logit_means must be non-empty and finite"),
    (lambda: predicted.expected_log_loss(0, -1), "logit_stds must be finite and non-negative"),
    (lambda: predicted.population_log_loss(ONES, np.nan, MEANS, ONES), "intercept must be non-empty and finite"),
    (lambda: predicted.population_log_loss(ONES, 0, np.zeros((3, 2)), ONES), "means must have exactly 2 rows"),
    (lambda: predicted.population_log_loss(ONES, 0, MEANS, INDEFINITE), "covariance must be positive semidefinite"),
    (lambda: predicted.bayes_log_loss(MEANS, SINGULAR), "covariance must be positive definite"),
    # theorems
    (lambda: predicted.score_deviation_bound(5, 0.2, 0.25), r"deviation must be in \[0, floor / 2\]"),
    (lambda: predicted.score_deviation_bound(5, -0.1, 0.25), r"deviation must be in \[0, floor / 2\]"),
    (lambda: predicted.margin_width(0.1, 0.3), r"floor must be in \(0, 1/4\]"),
    (lambda: predicted.margin_mass_bound(5, 2, 0.1, 0.3, 0.3), r"width must be in \[0, beta\)"),
    (lambda: predicted.margin_mass_bound(5, 2, 0.1, 0.0, 0.0), "beta must be finite and positive"),
    (lambda: predicted.margin_mass_bound(5, 2, -0.1, 0.3, 0.0), "alpha must be finite and non-negative"),
    (lambda: predicted.deviation_probability_bound(0, 5, 2, 0.1, 0.25), "n_samples must be finite and positive"),
    (lambda: predicted.deviation_probability_bound(9, 5, 5, 0.1, 0.25), "floor must be at most 1 / n_classes"),
    (lambda: predicted.sufficient_samples(5, 2, 0, 0.1, 0.25), "deviation must be finite and positive"),
    (lambda: predicted.sufficient_samples(5, 2, 0.1, 1.0, 0.25), "failure must be strictly between 0 and 1"),
    (lambda: predicted.logistic_log_regret_bound(0, 2, 1, 1), "n_samples must be finite and positive"),
    (lambda: predicted.logistic_log_regret_bound(9, 2, -1, 1), "weight_norm must be finite and non-negative"),
    (lambda: predicted.logistic_log_regret_bound(9, 2, 1, np.inf), "feature_norm must be finite and non-negative"),
    (lambda: predicted.logistic_log_regret_bound(9, 2, 1, 1, -1), "intercept_bound must be finite and non-negative"),
    (lambda: predicted.logistic_zero_one_regret_bound(9, 2, 1, 1, 0, -1), "minimisability_gap must be finite"),
    (lambda: predicted.informative_log_odds_bound(5, 1.1, 0.1, 0.25), r"fraction must be in \[0, 1\]"),
    (lambda: predicted.informative_log_odds_bound(5, 0.5, -0.1, 0.25), "gap must be finite and non-negative"),
    (lambda: predicted.informative_log_odds_bound(5, 0.5, 0.1, 0), "largest_variance must be finite and positive"),
    # binary features
    (lambda: predicted.BinaryFeatures(np.full((2, 15), 0.5)), "means must have at most 14 features"),
    (lambda: predicted.BinaryFeatures(np.array([[0.5], [1.5]])), r"means must be in \[0, 1\]"),
    (lambda: predicted.BinaryFeatures(np.array([[0.0], [1.0]])), "got a constant feature"),
    (lambda: predicted.BinaryFeatures(np.full((2, 3), 0.5), COIN * 2), "priors must sum to one"),
    (lambda: BINARY.scores(BINARY.means, np.zeros(2), COIN), "variances must be positive, got a feature without"),
    (lambda: BINARY.scores(BINARY.means, ONES, np.array([1.0, 0.0])), "priors must be positive, got a class without"),
    (lambda: BINARY.margin_mass(-1), "width must be finite and non-negative"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED, ids=[sentence[:60] for _, sentence in REFUSED])
def test_bad_input_is_refused(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.naive_bayes_rule(MEANS, np.ones(3)), "variances must have one entry for each of the 2 feat"),
        (lambda: predicted.naive_bayes_rule(MEANS, ONES, np.full(3, 1 / 3)), "priors must have one entry for each of"),
        (
            lambda: predicted.lda_rule(MEANS, np.eye(3)),
            "covariance must have one entry for each of the 2 features, got 3",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused_where_types_go_unchecked(monkeypatch, call, sentence):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=sentence):
        call()


def test_integers_are_asked_for_where_counts_are_meant():
    for call in (
        lambda: predicted.official_design(True, 2),
        lambda: predicted.naive_bayes_expected_error(True, 4, 1.0),
        lambda: predicted.box_tie_threshold(True, 1.0),
    ):
        with pytest.raises(TypeError, match="must be an integer, got True"):
            call()


def test_what_is_right_up_to_rounding_is_not_refused():
    nearly_one = np.array([0.5, 0.5 + 5e-10])
    predicted.kl_divergence(nearly_one, COIN)
    predicted.naive_bayes_rule(MEANS, ONES, nearly_one)
    predicted.naive_bayes_asymptotic_error(MEANS, np.array([[1.0, 0.5], [0.5 + 1e-14, 1.0]]))
    predicted.naive_bayes_asymptotic_error(MEANS, SINGULAR)
    assert predicted.naive_bayes_samples(1, 4, 1e-9) > 1e6
