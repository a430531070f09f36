"""Naive Bayes against logistic regression: the exact theory.

Zheng, Wu, Bao, Cao, Li & Zhu 2023, "Revisiting Discriminative vs. Generative Classifiers: Theory
and Implications", arXiv 2302.02334, its ancestor Ng & Jordan 2001, and the exact laws behind their
bounds. Each import below is one concept in one file.
"""

from theory.naive_bayes_vs_logistic.asymptotic_error import (
    bayes_margin,
    collinear_asymptotic_error,
    mahalanobis_squared,
    naive_bayes_asymptotic_error,
    naive_bayes_margin,
)
from theory.naive_bayes_vs_logistic.binary_features import BinaryFeatures
from theory.naive_bayes_vs_logistic.box_logits import (
    BoxMinimum,
    box_minimiser,
    box_tie_threshold,
    conditional_regret,
)
from theory.naive_bayes_vs_logistic.consistency import (
    consistency_transform,
    consistency_transform_inverse,
    kl_divergence,
    ratio_condition,
    top_two_kl_bound,
    zero_one_regret_bound,
)
from theory.naive_bayes_vs_logistic.efficiency import (
    logistic_relative_efficiency,
    logistic_relative_efficiency_balanced,
)
from theory.naive_bayes_vs_logistic.expected_error import (
    naive_bayes_expected_error,
    naive_bayes_expected_error_large_n,
    naive_bayes_log_expected_error,
)
from theory.naive_bayes_vs_logistic.lda import lda_expected_error
from theory.naive_bayes_vs_logistic.linear_rules import (
    bayes_error,
    lda_rule,
    linear_rule_error,
    naive_bayes_rule,
)
from theory.naive_bayes_vs_logistic.log_loss import bayes_log_loss, expected_log_loss
from theory.naive_bayes_vs_logistic.official_design import official_design
from theory.naive_bayes_vs_logistic.parameters import sup_norm_samples
from theory.naive_bayes_vs_logistic.sample_complexity import (
    naive_bayes_sample_exponent,
    naive_bayes_samples,
    naive_bayes_samples_large_n,
    rare_class_samples,
)
from theory.naive_bayes_vs_logistic.simplex import (
    simplex_bayes_error,
    simplex_expected_error_large_n,
    simplex_samples_per_feature,
)
from theory.naive_bayes_vs_logistic.theorems import (
    deviation_probability_bound,
    informative_log_odds_bound,
    logistic_log_regret_bound,
    logistic_zero_one_regret_bound,
    margin_mass_bound,
    margin_width,
    score_deviation_bound,
    sufficient_samples,
)
