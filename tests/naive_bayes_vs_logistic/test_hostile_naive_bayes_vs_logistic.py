"""Hostile input for naive Bayes against logistic regression."""

import numpy as np

from own_data import naive_bayes_vs_logistic as tool
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial.audits.hostile import case, promises

MODULES = [predicted, tool]
MEANS = np.array([[0.0, 0.25], [1.0, 0.5], [0.5, -1.0]])
PAIR = MEANS[:2]
COVARIANCE = np.array([[1.0, 0.25], [0.25, 2.0]])
PRIORS = np.array([0.25, 0.5, 0.25])
POSTERIORS = np.array([[0.25, 0.5, 0.25], [0.125, 0.125, 0.75]])
OTHERS = np.array([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
BINARY = predicted.BinaryFeatures(np.array([[0.25, 0.5], [0.5, 0.75]]))
PROBLEM = {"n_features": 5, "n_samples": 20.0, "squared_distance": 4.0}
NEED = {"n_features": 5, "squared_distance": 4.0, "excess": 0.05}
SUP = {"n_features": 5, "n_classes": 3, "deviation": 0.5, "noise": 1.0}
NORMS = {"n_samples": 50.0, "n_classes": 3, "weight_norm": 2.0, "feature_norm": 1.0, "intercept_bound": 0.5}
FLOORED = {"n_features": 5, "n_classes": 3, "deviation": 0.0625, "floor": 0.25}
CURVES = tool.learning_curves(MEANS, COVARIANCE, np.array([20, 30, 25]))
CLASSES = np.arange(48) % 2
DATA = np.random.default_rng(0).normal(size=(48, 3)) + CLASSES[:, None]

CASES = {
    "mahalanobis_squared": case(difference=MEANS[1], covariance=COVARIANCE, _within=(0, np.inf)),
    "bayes_margin": case(difference=MEANS[1], covariance=COVARIANCE, _within=(0, np.inf)),
    "naive_bayes_margin": case(difference=MEANS[1], covariance=COVARIANCE, _within=(0, np.inf)),
    "naive_bayes_asymptotic_error": case(means=PAIR, covariance=COVARIANCE, priors=PRIORS[:2] / 0.75, _within=(0, 1)),
    "collinear_asymptotic_error": case(levels=MEANS[0], covariance=COVARIANCE, _within=(0, 1)),
    "BinaryFeatures": case(means=BINARY.means, priors=np.array([0.25, 0.75])),
    "BinaryFeatures.scores": case(BINARY, means=PAIR, variances=np.array([0.25, 0.5]), priors=np.array([0.25, 0.75])),
    "BinaryFeatures.error": case(BINARY, scores=np.array([[1.0, 0.0], [0.0, 1.0]] * 2), _within=(0, 1)),
    "BinaryFeatures.margin_mass": case(BINARY, width=0.5, _within=(0, 1)),
    "box_minimiser": case(probabilities=POSTERIORS, logit_bound=2.0),
    "box_tie_threshold": case(n_classes=3, logit_bound=1.0, _within=(0, 1)),
    "conditional_regret": case(logits=MEANS.T, probabilities=POSTERIORS, logit_bound=2.0, _within=(-1e-12, np.inf)),
    "consistency_transform": case(t=0.5, logit_bound=1.0, _within=(0, np.log(2))),
    "consistency_transform_inverse": case(z=np.array([0.125, 0.5]), logit_bound=1.0, _within=(0, 1)),
    "kl_divergence": case(p=POSTERIORS, q=OTHERS, _infinite="where q misses a class of p", _within=(-1e-12, np.inf)),
    "top_two_kl_bound": case(p=POSTERIORS, q=OTHERS, _within=(0, np.inf)),
    "zero_one_regret_bound": case(log_regret=np.array([0.5, 0.25]), _infinite="of an infinite regret"),
    "ratio_condition": case(p=POSTERIORS, logit_bound=1.0),
    "logistic_relative_efficiency": case(distance=2.0, _within=(0, 1)),
    "logistic_relative_efficiency_balanced": case(distance=2.0, n_features=3, _within=(0, np.inf)),
    "naive_bayes_expected_error": case(**PROBLEM, _within=(0, 0.5)),
    "naive_bayes_log_expected_error": case(**PROBLEM, _within=(-np.inf, np.log(0.5) + 1e-12)),
    "naive_bayes_expected_error_large_n": case(**PROBLEM, _within=(0, 0.5)),
    "lda_expected_error": case(squared_distance=4.0, aspect_ratio=0.5, _within=(0, 0.5)),
    "naive_bayes_rule": case(means=MEANS, variances=np.array([1.0, 2.0]), priors=PRIORS),
    "lda_rule": case(means=MEANS, covariance=COVARIANCE, priors=PRIORS),
    "linear_rule_error": case(
        weights=PAIR, intercepts=np.array([0.5, -0.5]), means=PAIR, covariance=COVARIANCE, priors=None, _within=(0, 1)
    ),
    "bayes_error": case(means=MEANS, covariance=COVARIANCE, priors=PRIORS, _within=(0, 1)),
    "expected_log_loss": case(logit_means=np.array([0.5, -1.0]), logit_stds=2.0, _within=(0, np.inf)),
    "population_log_loss": case(
        weights=MEANS[1], intercept=0.5, means=PAIR, covariance=COVARIANCE, _within=(0, np.inf)
    ),
    "bayes_log_loss": case(means=PAIR, covariance=COVARIANCE, _within=(0, np.log(2) + 1e-12)),
    "official_design": case(n_features=5, n_classes=3),
    "sup_norm_coverage": case(n_samples=20.0, **SUP, _within=(0, 1)),
    "sup_norm_samples": case(**SUP, failure=0.125, _within=(0, np.inf)),
    "sup_norm_samples_leading": case(**SUP, failure=0.125, _within=(0, np.inf)),
    "naive_bayes_samples": case(**NEED, _within=(2, np.inf)),
    "naive_bayes_samples_large_n": case(**NEED, _within=(2, np.inf)),
    "naive_bayes_samples_leading": case(**NEED, _within=(0, np.inf)),
    "naive_bayes_sample_exponent": case(signal_exponent=0.25, _within=(0, 1)),
    "rare_class_samples": case(prior=0.25, failure=0.125, _within=(0, np.inf)),
    "score_deviation_bound": case(n_features=5, deviation=0.0625, floor=0.25, _within=(0, np.inf)),
    "margin_width": case(deviation=0.0625, floor=0.25, _within=(0, np.inf)),
    "margin_mass_bound": case(n_features=5, n_classes=3, alpha=0.5, beta=1.0, width=0.25, _within=(0, np.inf)),
    "deviation_probability_bound": case(n_samples=50.0, **FLOORED, _within=(0, np.inf)),
    "sufficient_samples": case(**FLOORED, failure=0.125, _within=(0, np.inf)),
    "logistic_log_regret_bound": case(**NORMS, _within=(0, np.inf)),
    "logistic_zero_one_regret_bound": case(**NORMS, minimisability_gap=0.25, _within=(0, np.inf)),
    "informative_log_odds_bound": case(n_features=5, fraction=0.5, gap=0.5, largest_variance=0.25, _within=(0, np.inf)),
    "NaiveBayesCurve": case(
        n_features=5,
        sizes=CURVES[0].sizes,
        weights=CURVES[0].weights,
        signals=CURVES[0].signals,
        spreads=CURVES[0].spreads,
        squared_correlations=6.0,
    ),
    "NaiveBayesCurve.excess": case(CURVES[0], n_samples=50.0, _within=(-1e-9, 1)),
    "NaiveBayesCurve.samples": case(CURVES[0], excess=0.0625, _within=(2, np.inf)),
    "NaiveBayesCurve.with_features": case(CURVES[0], fraction=0.5),
    "LogisticCurve": case(
        n_features=5, sizes=CURVES[1].sizes, weights=CURVES[1].weights, distances=CURVES[1].distances
    ),
    "LogisticCurve.excess": case(CURVES[1], n_samples=50.0, _within=(-1e-9, 1)),
    "learning_curves": case(means=MEANS, covariance=COVARIANCE, counts=np.array([20, 30, 25])),
    "assumption_diagnostics": case(
        X=DATA, y=CLASSES, excess=0.0625, confidence=0.9, _infinite="the crossing", _costly="21 fits"
    ),
}
EXCLUDED = {"BoxMinimum": "a record of results", "AssumptionDiagnostics": "a record of results"}


test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED
)
