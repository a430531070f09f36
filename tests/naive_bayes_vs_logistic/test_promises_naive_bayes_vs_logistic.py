"""What anyone may call for naive Bayes against logistic regression: answers as documented, or one sentence."""

import jax
import numpy as np

from own_data import naive_bayes_vs_logistic as tool
from sims import naive_bayes_vs_logistic as observed
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial.audits.promises import Case, promises

BINARY = predicted.BinaryFeatures(np.array([[0.25, 0.5], [0.5, 0.75]]))
CURVES = tool.learning_curves(
    np.array([[0.0, 0.25], [1.0, 0.5], [0.5, -1.0]]), np.eye(2) + 0.25, np.array([20, 30, 25])
)
CLASSES = np.arange(48) % 2
DATA = np.random.default_rng(0).normal(size=(48, 3)) + CLASSES[:, None]
RANGES = {
    (0, 0.5): "naive_bayes_expected_error naive_bayes_expected_error_large_n lda_expected_error",
    (0, 1): "naive_bayes_asymptotic_error collinear_asymptotic_error linear_rule_error bayes_error box_tie_threshold "
    "consistency_transform_inverse logistic_relative_efficiency logistic_relative_efficiency_balanced "
    "naive_bayes_sample_exponent",
    (0, np.log(2) + 1e-12): "consistency_transform bayes_log_loss",
    (-np.inf, np.log(0.5) + 1e-12): "naive_bayes_log_expected_error",
    (2, np.inf): "naive_bayes_samples naive_bayes_samples_large_n",
    (0, np.inf): "mahalanobis_squared bayes_margin naive_bayes_margin top_two_kl_bound expected_log_loss "
    "sup_norm_samples rare_class_samples score_deviation_bound margin_width margin_mass_bound "
    "deviation_probability_bound sufficient_samples logistic_log_regret_bound logistic_zero_one_regret_bound "
    "informative_log_odds_bound",
}
THEORY = {name: Case(within=within) for within, names in RANGES.items() for name in names.split()} | {
    "BinaryFeatures.scores": Case({"means": BINARY.means}, of=BINARY),
    "BinaryFeatures.error": Case({"scores": np.array([[1.0, 0.0], [0.0, 1.0]] * 2)}, of=BINARY, within=(0, 1)),
    "BinaryFeatures.margin_mass": Case(of=BINARY, within=(0, 1)),
    "kl_divergence": Case(infinite="where q misses a class of p", within=(-1e-12, np.inf)),
    "zero_one_regret_bound": Case(infinite="of an infinite regret", within=(0, np.inf)),
    "conditional_regret": Case(within=(-1e-12, np.inf)),
    "NaiveBayesCurve": Case({name: getattr(CURVES[0], name) for name in ("sizes", "weights", "gaps", "correlation")}),
    "NaiveBayesCurve.errors": Case(of=CURVES[0], within=(0, 0.5)),
    "NaiveBayesCurve.excess": Case(of=CURVES[0], within=(-1e-8, 1)),
    "NaiveBayesCurve.samples": Case(of=CURVES[0], within=(2, np.inf), infinite="where 1e15 samples do not suffice"),
    "LogisticCurve.excess": Case(of=CURVES[1], within=(-1e-9, 1)),
    "learning_curves": Case({"counts": np.array([20, 30, 25])}),
    "assumption_diagnostics": Case(
        {"X": DATA, "y": CLASSES, "excess": 0.0625},
        infinite="the crossing",
        extreme=False,  # 21 fits
    ),
}

(
    test_theory_is_declared, test_theory_refuses, test_theory_answers, test_theory_answers_or_refuses_extremes,
) = promises(
    [predicted, tool],
    THEORY,
    {"AssumptionDiagnostics": "a record of results", "AssumptionDiagnostics.plot": "draws one"},
)  # fmt: skip


KEY = jax.random.key(0)
MEANS, SIGMA = np.array([[-0.5, 0.25], [0.5, 0.0]]), np.array([[1.0, 0.25], [0.25, 0.5]])
VARIANCES, HALVES, COUNTS = np.array([1.0, 0.5]), np.array([0.5, 0.5]), np.array([3, 2])
FEATURES = np.array([[-1.0, 0.5], [1.0, 0.25], [0.25, -0.5], [-0.25, 0.75], [0.5, 0.5], [0.75, -1.0]])
LABELS = np.array([0, 0, 0, 1, 1, 1])
RULE = observed.LinearRule(jax.numpy.asarray(MEANS), jax.numpy.array([0.25, -0.25]))
ROTATION = observed.Rotation(jax.numpy.asarray(FEATURES), jax.numpy.eye(2))
SAMPLE = {"features": FEATURES, "labels": LABELS, "n_classes": 2}
CURVE = {"key": KEY, "sizes": np.array([3, 5]), "means": MEANS, "labels": "balanced", "points": None}
FITTED = {"inverse_ridge": 1.0, "tolerance": 1e-6}
SCAN = {"key": KEY, "means": MEANS, "variances": VARIANCES, "n_classes": 2, "target": 0.45, "most": 9}


def once(given, **documented):
    """One call: every other shape or number would compile its loops anew, for seconds."""
    return Case(given, extreme=False, **documented)


SIMS = {
    "LinearRule.scores": Case({"points": FEATURES}, of=RULE),
    "LinearRule.predict": Case({"points": FEATURES}, of=RULE, within=(0, 1)),
    "Rotation.rotate_back": Case({"rule": RULE}, of=ROTATION),
    "balanced_counts": Case({"n_classes": 2}),
    "binary_statistics": once({"key": KEY, "n_samples": 8, "means": MEANS + 0.5, "priors": HALVES}, within=(0, 1)),
    "conditional_error": Case(
        {"rule": RULE, "means": MEANS, "covariance": SIGMA, "points": None}, within=(0, 1), extreme=False
    ),
    "efron_pair": once({"key": KEY, "n_samples": 8, "distance": 1.5, "n_features": 2, "labels": "balanced"}),
    "equal_priors": Case(within=(0, 1)),
    "gaussian_classes": Case({"key": KEY, "labels": LABELS, "means": MEANS}),
    "lda": Case({"means": MEANS, "priors": HALVES}, infinite="of products beyond floats"),
    "lda_error": once({"key": KEY, "counts": COUNTS, "means": MEANS, "factor": SIGMA, "n_samples": None}),
    "logistic_errors": once(CURVE | FITTED | {"covariance": SIGMA, "max_samples": 6}, within=(0, 1)),
    "naive_bayes": Case(SAMPLE, infinite="of squares over a variance near the least float"),
    "naive_bayes_errors": once(CURVE | {"variances": VARIANCES, "var_floor": 0.25}, within=(0, 1)),
    "naive_bayes_rule": Case(
        {"means": MEANS}, infinite="of a prior or variance of zero, or squares over a variance near the least float"
    ),
    "nested_naive_bayes_errors": once(
        CURVE | {"covariance": SIGMA, "max_samples": 6, "var_floor": 0.25}, within=(0, 1)
    ),
    "official_logistic_scan": once(SCAN | FITTED),
    "official_scan": once(SCAN),
    "paired_errors": once(CURVE | FITTED | {"covariance": SIGMA, "max_samples": 6, "var_floor": 0.25}, within=(0, 1)),
    "prefix_naive_bayes": Case(SAMPLE | {"sizes": np.array([2, 6])}, infinite="NaN for a prefix that lacks a class"),
    "quasi_random_points": Case({"n_points": 4}),
    "random_counts": once({"key": KEY, "n_samples": 8, "priors": HALVES}, within=(1, 7)),
    "random_labels": Case({"key": KEY, "n_samples": 9, "priors": HALVES}, within=(0, 1)),
    "ridge_logistic": once(SAMPLE | FITTED | {"sample_weight": np.ones(6), "start": RULE, "max_iterations": 9}),
    "rotate": Case({"features": FEATURES}),
    "sample_statistics": Case({"key": KEY, "counts": COUNTS, "means": MEANS}, infinite="where a draw overflows"),
    "sample_statistics_correlated": Case({"key": KEY, "counts": COUNTS, "means": MEANS, "n_samples": 5}),
    "split_errors": once(
        SAMPLE | FITTED | {"key": KEY, "sizes": np.array([3, 4]), "max_samples": 4, "var_floor": 0.25}, within=(0, 1)
    ),
}

(
    test_sims_are_declared, test_sims_refuse, test_sims_answer, test_sims_answer_or_refuse_extremes,
) = promises([observed], SIMS, examples=3)  # fmt: skip
