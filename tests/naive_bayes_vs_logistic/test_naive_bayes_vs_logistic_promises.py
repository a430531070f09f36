"""What anyone may call for naive Bayes against logistic regression: answers as documented, or one
sentence.
"""

import jax
import jax.numpy as jnp
import numpy as np
from promises import Case, promises, refused

from own_data import naive_bayes_vs_logistic as tool
from sims.naive_bayes_vs_logistic import data, learning_curves, logistic, rules
from theory.naive_bayes_vs_logistic import (
    binary_features,
    consistency,
    expected_error,
    linear_rules,
    sample_complexity,
)

BINARY = binary_features.BinaryFeatures(np.array([[0.25, 0.5], [0.5, 0.75]]))
CURVES = tool.learning_curves(
    np.array([[0.0, 0.25], [1.0, 0.5], [0.5, -1.0]]), np.eye(2) + 0.25, np.array([20, 30, 25])
)
CLASSES = np.arange(48) % 2
DATA = np.random.default_rng(0).normal(size=(48, 3)) + CLASSES[:, None]
RANGES = {
    (0, 0.5): "naive_bayes_expected_error naive_bayes_expected_error_large_n lda_expected_error",
    (
        0,
        1,
    ): "naive_bayes_asymptotic_error collinear_asymptotic_error linear_rule_error bayes_error "
    "box_tie_threshold "
    "logistic_relative_efficiency naive_bayes_sample_exponent",
    (0, np.log(2) + 1e-12): "consistency_transform bayes_log_loss",
    (2, np.inf): "naive_bayes_samples naive_bayes_samples_large_n",
    (
        0,
        np.inf,
    ): "mahalanobis_squared top_two_kl_bound "
    "sup_norm_samples score_deviation_bound margin_width margin_mass_bound "
    "sufficient_samples logistic_log_regret_bound informative_log_odds_bound",
}
THEORY = {
    name: Case(within=within) for within, names in RANGES.items() for name in names.split()
} | {
    "BinaryFeatures.scores": Case({"means": BINARY.means}, of=BINARY),
    "BinaryFeatures.error": Case(
        {"scores": np.array([[1.0, 0.0], [0.0, 1.0]] * 2)}, of=BINARY, within=(0, 1)
    ),
    "BinaryFeatures.margin_mass": Case(of=BINARY, within=(0, 1)),
    "kl_divergence": Case(infinite="where q misses a class of p", within=(-1e-12, np.inf)),
    "zero_one_regret_bound": Case(infinite="of an infinite regret", within=(0, np.inf)),
    "conditional_regret": Case(within=(-1e-12, np.inf)),
    "NaiveBayesCurve": Case(
        {name: getattr(CURVES[0], name) for name in ("shares", "weights", "gaps", "correlation")}
    ),
    "NaiveBayesCurve.errors": Case(of=CURVES[0], within=(0, 0.5)),
    "NaiveBayesCurve.excess": Case(of=CURVES[0], within=(-1e-8, 1)),
    "NaiveBayesCurve.samples": Case(
        of=CURVES[0], within=(2, np.inf), infinite="where 1e15 samples do not suffice"
    ),
    "LogisticCurve.excess": Case(of=CURVES[1], within=(-1e-9, 1)),
    "learning_curves": Case({"counts": np.array([20, 30, 25])}),
    "assumption_diagnostics": Case(
        {"X": DATA, "y": CLASSES, "excess": 0.0625},
        infinite="the crossing",
        extreme=False,  # 21 fits
    ),
}

(
    test_theory_is_declared,
    test_theory_refuses,
    test_theory_answers,
    test_theory_answers_or_refuses_extremes,
) = promises(
    [linear_rules, expected_error, sample_complexity, consistency, binary_features, tool],
    THEORY,
    {"AssumptionDiagnostics": "a record of results", "AssumptionDiagnostics.plot": "draws one"},
)


KEY = jax.random.key(0)
MEANS = np.array([[-0.5, 0.25], [0.5, 0.0]])
SIGMA = np.array([[1.0, 0.25], [0.25, 0.5]])
VARIANCES = np.array([1.0, 0.5])
HALVES = np.array([0.5, 0.5])
COUNTS = np.array([3, 2])
FEATURES = np.array(
    [[-1.0, 0.5], [1.0, 0.25], [0.25, -0.5], [-0.25, 0.75], [0.5, 0.5], [0.75, -1.0]]
)
LABELS = np.array([0, 0, 0, 1, 1, 1])
RULE = rules.LinearRule(jnp.asarray(MEANS), jnp.array([0.25, -0.25]))
SAMPLE = {"features": FEATURES, "labels": LABELS, "n_classes": 2}
CURVE = {"key": KEY, "sizes": np.array([3, 5]), "means": MEANS}
DRAWN = {"labels": "balanced", "points": None}
PAIRED = CURVE | {"covariance": SIGMA, "max_samples": 6}
FITTED = {"tolerance": 1e-6}
SCAN = {
    "key": KEY,
    "means": MEANS,
    "variances": VARIANCES,
    "target": 0.45,
    "most": 9,
    "learner": "logistic regression",
}


def once(given, **documented):
    """One call: every other shape or number would compile its loops again, for seconds."""
    return Case(given, extreme=False, **documented)


SIMS = {
    "LinearRule.scores": Case({"points": FEATURES}, of=RULE),
    "LinearRule.predict": Case({"points": FEATURES}, of=RULE, within=(0, 1)),
    "balanced_counts": Case({"n_classes": 2}),
    "binary_statistics": once(
        {"key": KEY, "n_samples": 8, "means": MEANS + 0.5, "priors": HALVES}, within=(0, 1)
    ),
    "conditional_error": Case(
        {"rule": RULE, "means": MEANS, "covariance": SIGMA, "points": None},
        within=(0, 1),
        extreme=False,
    ),
    "efron_pair": once({"key": KEY, "n_samples": 8, "distance": 1.5, "n_features": 2}),
    "equal_priors": Case(within=(0, 1)),
    "gaussian_classes": Case({"key": KEY, "labels": LABELS, "means": MEANS}),
    "lda": Case({"means": MEANS, "priors": HALVES}, infinite="of products beyond floats"),
    "lda_error": once({"key": KEY, "counts": COUNTS, "means": MEANS, "factor": SIGMA}),
    "logistic_errors": once(PAIRED | FITTED | DRAWN, within=(0, 1)),
    "naive_bayes": Case(SAMPLE, infinite="of squares over a variance near the least float"),
    "naive_bayes_errors": once(CURVE | DRAWN | {"variances": VARIANCES}, within=(0, 1)),
    "naive_bayes_rule": Case(
        {"means": MEANS},
        infinite="of a prior or variance of zero, or squares over a variance near the least float",
    ),
    "official_scan": once(SCAN),
    "paired_errors": once(PAIRED | FITTED, within=(0, 1)),
    "prefix_naive_bayes": Case(
        SAMPLE | {"sizes": np.array([2, 6])}, infinite="NaN for a prefix that lacks a class"
    ),
    "quasi_random_points": Case({"n_points": 4}),
    "random_counts": once({"key": KEY, "n_samples": 8, "priors": HALVES}, within=(1, 7)),
    "random_labels": Case({"key": KEY, "n_samples": 9, "priors": HALVES}, within=(0, 1)),
    "ridge_logistic": once(
        SAMPLE
        | FITTED
        | {"sample_weight": np.ones(6), "inverse_ridge": 1.0, "start": RULE, "max_iterations": 9}
    ),
    "sample_statistics": Case(
        {"key": KEY, "counts": COUNTS, "means": MEANS}, infinite="where a draw overflows"
    ),
    "sample_statistics_correlated": Case({"key": KEY, "counts": COUNTS, "means": MEANS}),
    "bisect_sizes": Case(
        {"errors_at": lambda m: np.r_[1, 1.5] / m, "sizes": 2 ** np.arange(1, 5), "target": 0.2}
    ),
    "split_errors": once(
        SAMPLE
        | FITTED
        | {"key": KEY, "sizes": np.array([3, 4]), "max_samples": 4, "var_floor": 0.25},
        within=(0, 1),
    ),
}

(
    test_sims_are_declared,
    test_sims_refuse,
    test_sims_answer,
    test_sims_answer_or_refuse_extremes,
) = promises(
    [data, rules, logistic, learning_curves],
    SIMS,
    dict.fromkeys(["draw_while", "require_rule"], "within the simulators"),
    examples=3,
)


PLACES = np.array([[0.0, 0.0], [1.0, 0.5]])
SINGULAR = np.ones((2, 2))
THIRDS = np.array([0.2, 0.3, 0.5])
FOUR = np.array([0, 0, 1, 1])
TABLE = np.random.default_rng(0).normal(size=(60, 3)) + (np.arange(60) % 2)[:, None]
OF_TABLE = np.arange(60) % 2


def fit_logistic(labels, n_classes=2, rows=FEATURES, **options):
    return logistic.ridge_logistic(rows, labels, n_classes, **options)


def error_of(weights, means, **options):
    rule = rules.LinearRule(jnp.asarray(weights), jnp.zeros(len(weights)))
    return rules.conditional_error(rule, means, np.ones(means.shape[1]), **options)


def bisected(factor, target):
    return learning_curves.bisect_sizes(
        lambda size: np.ones(2) * factor / size, np.array([4, 8, 16]), target
    )


REFUSED = [
    (
        lambda: linear_rules.linear_rule_error(
            np.array([[1.0, -1.0], [-1.0, 1.0]]), np.ones(2), PLACES, SINGULAR
        ),
        "covariance must not vanish in the direction",
    ),
    (
        lambda: sample_complexity.naive_bayes_samples(10, 4, 1e-12),
        "excess must be at least 1e-9 of the asymptotic error",
    ),
    (
        lambda: expected_error.simplex_samples_per_feature(3, 1.0, 0.4),
        r"excess must keep the error below 0\.667",
    ),
    (
        lambda: consistency.conditional_regret(np.array([0.0, 1.1]), np.full(2, 0.5), 1),
        "logits must lie between -logit_bound and logit_bound = 1.0",
    ),
    (
        lambda: sample_complexity.score_deviation_bound(5, 0.1, 0.125),
        "deviation must be at most half the floor, 0.0625, got",
    ),
    (
        lambda: sample_complexity.margin_mass_bound(5, 2, 0.1, 0.3, 0.3),
        "width must be below beta = 0.3, got 0.3",
    ),
    (
        lambda: sample_complexity.sufficient_samples(9, 5, 0.1, 0.5, 0.25),
        "floor must be at most 1 / n_classes",
    ),
    (
        lambda: BINARY.error(np.zeros((3, 2))),
        r"scores must have the shape \(4, 2\) of points and classes, got \(3, 2\)",
    ),
    (
        lambda: fit_logistic(LABELS, sample_weight=1.0 - LABELS),
        "labels must hold every class .* got none of class 1",
    ),
    (lambda: fit_logistic(LABELS + 1), "labels must be below n_classes = 2, got 2"),
    (
        lambda: fit_logistic(LABELS, start=rules.LinearRule(jnp.zeros((2, 3)), jnp.zeros(2))),
        r"start must have 2 x 2 weights and 2 intercepts, got shapes \(2, 3\)",
    ),
    (
        lambda: fit_logistic(LABELS, rows=FEATURES.astype(np.float32)),
        "at least 1e-5 for float32 features",
    ),
    (
        lambda: learning_curves.naive_bayes_errors(KEY, (2, 4), np.eye(3, 4), np.ones(4)),
        "at least the 3 classes, got 2",
    ),
    (
        lambda: learning_curves.logistic_errors(KEY, (4, 9), MEANS, VARIANCES, max_samples=8),
        "at most max_samples = 8",
    ),
    (
        lambda: learning_curves.split_errors(KEY, FEATURES, LABELS, 2, (4,), max_samples=6),
        "below the number of samples, 6, got 6",
    ),
    (
        lambda: learning_curves.official_scan(KEY, np.eye(3, 4), np.ones(4), 0.1, most=5),
        "most must be at least 2K = 6",
    ),
    (lambda: rules.quasi_random_points(100, 3), "n_points must be a power of two, got 100"),
    (lambda: error_of(np.eye(3), np.eye(3), points=np.zeros((4, 2))), "K - 2 = 1 axes, got 2"),
    (lambda: error_of(MEANS, np.eye(3)), "rule must have 3 x 3 weights"),
    (lambda: error_of(np.full((2, 2), 1e300), MEANS), "rule must have weights whose squares"),
    (
        lambda: rules.naive_bayes(FEATURES[[0, 3]], FOUR[1:3], 2),
        "features must vary within a class",
    ),
    (
        lambda: rules.naive_bayes(FEATURES[:4] * [1, 0], FOUR, 2, var_floor=0),
        r"a feature is constant \(feature 1\)",
    ),
    (
        lambda: learning_curves.lda_error(KEY, np.array([2, 2]), np.eye(2, 3), np.ones(3)),
        r"at least n \+ K = 5, .* got 4",
    ),
    (
        lambda: learning_curves.efron_pair(KEY, 3, 2.0, 2),
        r"n_samples must be at least n_features \+ 2, got 3",
    ),
    (lambda: data.balanced_counts(2, 3), "n_samples must be at least n_classes = 3, got 2"),
    (lambda: data.random_counts(KEY, 2, THIRDS), "n_samples must be at least 3"),
    (
        lambda: data.random_counts(KEY, 9, np.array([1e-9, 1 - 1e-9])),
        "n_samples must be so large that every",
    ),
    (
        lambda: data.random_labels(KEY, 9, THIRDS, complete_prefix=10),
        "complete_prefix must be at most n_samp",
    ),
    (
        lambda: learning_curves.geometric_sizes(5, 4),
        "high must be at least low = 5",
    ),
    (
        lambda: bisected(0.2, 0.1),
        r"must begin above the target 0.1, got a mean error of 0.05 at 4",
    ),
    (
        lambda: bisected(4.0, 0.1),
        r"must end below the target 0.1, got a mean error of 0.25 at 16",
    ),
    (lambda: bisected(np.array([0.8, np.nan]), 0.1), "errors at 8 samples must be numbers"),
    (
        lambda: tool.learning_curves(MEANS, np.eye(2), np.array([2, 3])),
        r"at least n \+ K \+ 2 = 6, got 5",
    ),
    (
        lambda: tool.learning_curves(1e5 * MEANS, np.eye(2), np.array([9, 9]))[1].excess(1e15),
        "n_samples must be at l",
    ),
    (
        lambda: tool.assumption_diagnostics(TABLE, np.where(np.arange(60) < 2, 5, OF_TABLE)),
        "3 samples of each class, got 2 of 5",
    ),
    (
        lambda: tool.assumption_diagnostics(TABLE[:39], OF_TABLE[:39]),
        "at least 40 rows for 3 features and 2 classes, got 39",
    ),
    (
        lambda: tool.assumption_diagnostics(TABLE * [1, 0, 0], OF_TABLE),
        "at least 2 columns that vary within the classes, got 1",
    ),
    (
        lambda: tool.assumption_diagnostics(TABLE[:, [0, 0, 0]], OF_TABLE),
        "at least 2 columns that are linearly independent, got 1 beside x2, x3",
    ),
]


test_what_does_not_go_together_is_refused = refused(REFUSED)


def test_what_is_right_up_to_rounding_is_not_refused():
    nearly_one = np.array([0.5, 0.5 + 5e-10])
    consistency.kl_divergence(nearly_one, np.full(2, 0.5))
    linear_rules.naive_bayes_rule(PLACES, np.ones(2), nearly_one)
    linear_rules.naive_bayes_asymptotic_error(PLACES, np.array([[1.0, 0.5], [0.5 + 1e-14, 1.0]]))
    linear_rules.naive_bayes_asymptotic_error(PLACES, SINGULAR)
    assert sample_complexity.naive_bayes_samples(1, 4, 1e-9) > 1e6
