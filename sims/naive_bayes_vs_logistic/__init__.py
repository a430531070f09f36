"""Revisiting discriminative vs. generative classifiers: the simulators.

labels and data -> a fitted `LinearRule` -> its exact `conditional_error`; the learning curves put
the three together, one key per seed. `official_scan` is the protocol of the paper's released code.
Linear discriminant analysis is generative without being naive.
"""

from sims.naive_bayes_vs_logistic.data import binary_statistics, covariance_factor, gaussian_classes
from sims.naive_bayes_vs_logistic.errors import conditional_error, quasi_random_points
from sims.naive_bayes_vs_logistic.labels import (
    balanced_counts,
    balanced_labels,
    equal_priors,
    random_counts,
    random_labels,
)
from sims.naive_bayes_vs_logistic.lda import efron_pair, lda, lda_error
from sims.naive_bayes_vs_logistic.learning_curves import (
    logistic_errors,
    naive_bayes_errors,
    nested_naive_bayes_errors,
    paired_errors,
    split_errors,
)
from sims.naive_bayes_vs_logistic.linear_rule import LinearRule
from sims.naive_bayes_vs_logistic.logistic import LogisticFit, Rotation, ridge_logistic, rotate
from sims.naive_bayes_vs_logistic.naive_bayes import (
    naive_bayes,
    naive_bayes_rule,
    prefix_naive_bayes,
)
from sims.naive_bayes_vs_logistic.protocol import official_logistic_scan, official_scan
from sims.naive_bayes_vs_logistic.statistics import sample_statistics, sample_statistics_correlated
