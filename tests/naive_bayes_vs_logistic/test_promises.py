"""What anyone may call for naive Bayes against logistic regression: answers as documented, or one sentence."""

import numpy as np

from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial.audits.promises import Case, promises

BINARY = predicted.BinaryFeatures(np.array([[0.25, 0.5], [0.5, 0.75]]))
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
}

(
    test_theory_is_declared, test_theory_refuses, test_theory_answers, test_theory_answers_or_refuses_extremes,
) = promises([predicted], THEORY)  # fmt: skip
