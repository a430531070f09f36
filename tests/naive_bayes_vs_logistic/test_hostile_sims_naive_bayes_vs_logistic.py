"""Hostile input for the simulators of naive Bayes against logistic regression."""

import jax
import numpy as np

from sims import naive_bayes_vs_logistic as observed
from theory_on_trial.audits.hostile import case, promises

MODULES = [observed]
KEY = jax.random.key(0)
COSTLY = {"_costly": "compiles for every shape"}
SHARE = {"_within": (0, 1)}
MEANS = np.array([[-0.5, 0.25], [0.5, 0.0]])
VARIANCES = np.array([1.0, 0.5])
SIGMA = np.array([[1.0, 0.25], [0.25, 0.5]])
FACTOR = np.linalg.cholesky(SIGMA)
HALVES = np.array([0.5, 0.5])
COUNTS = np.array([3, 2])
FEATURES = np.array([[-1.0, 0.5], [1.0, 0.25], [0.25, -0.5], [-0.25, 0.75], [0.5, 0.5], [0.75, -1.0]])
LABELS = np.array([0, 0, 0, 1, 1, 1])  # not separable
RULE = observed.LinearRule(MEANS, np.array([0.25, -0.25]))
ROTATION = observed.Rotation(FEATURES, np.eye(2))
SAMPLE = {"features": FEATURES, "labels": LABELS, "n_classes": 2}
CURVE = {"key": KEY, "sizes": (3, 5), "means": MEANS}
SPLIT = {"sizes": (3, 4), "max_samples": 4}
SCAN = {"key": KEY, "means": MEANS, "variances": VARIANCES, "n_classes": 2, "target": 0.45, "most": 9}
RIDGE = {"inverse_ridge": 1.0, "tolerance": 1e-6}
SLOW = {"_costly": "every call outside jit compiles its loops anew, for seconds", "_every": 40}
SLOWEST = SLOW | {"_every": 200}
UNCONVERGED = {"_infinite": "NaN where a fit did not converge"}

CASES = {
    "LinearRule.predict": case(RULE, points=FEATURES, **SHARE),
    "LinearRule.scores": case(RULE, points=FEATURES, _infinite="of products beyond floats"),
    "Rotation.rotate_back": case(ROTATION, rule=RULE),
    "balanced_counts": case(n_samples=5, n_classes=2),
    "balanced_labels": case(n_samples=5, n_classes=2),
    "binary_statistics": case(key=KEY, n_samples=8, means=MEANS + 0.5, priors=HALVES, **SHARE, **COSTLY),
    "conditional_error": case(rule=RULE, means=MEANS, covariance=SIGMA, priors=HALVES, points=None, **SHARE, **COSTLY),
    "covariance_factor": case(covariance=SIGMA),
    "equal_priors": case(n_classes=2, **SHARE),
    "gaussian_classes": case(key=KEY, labels=LABELS, means=MEANS, factor=FACTOR, **COSTLY),
    "lda": case(means=MEANS, covariance_hat=SIGMA, priors=HALVES, **COSTLY),
    "linearly_separable": case(**SAMPLE, _raises=(RuntimeError,)),
    "maximum_likelihood": case(**SAMPLE, tolerance=1e-6, **COSTLY, **UNCONVERGED),
    "monte_carlo_error": case(key=KEY, rule=RULE, means=MEANS, factor=FACTOR, n_points=4, **SHARE, **COSTLY),
    "naive_bayes": case(**SAMPLE, sample_weight=np.ones(6), var_floor=0.25, **COSTLY),
    "naive_bayes_errors": case(
        **CURVE, variances=VARIANCES, labels="balanced", var_floor=0.25, points=None, **SHARE, **COSTLY
    ),
    "naive_bayes_rule": case(
        means=MEANS, variances=VARIANCES, priors=HALVES, _infinite="of a prior or variance of zero", **COSTLY
    ),
    "prefix_naive_bayes": case(
        **SAMPLE, sizes=np.array([2, 6]), var_floor=0.25, _infinite="NaN for a prefix that lacks a class", **COSTLY
    ),
    "quasi_random_points": case(n_points=4, n_classes=4),
    "random_counts": case(key=KEY, n_samples=5, priors=HALVES, **COSTLY),
    "random_labels": case(key=KEY, n_samples=5, priors=HALVES, complete_prefix=4, **SHARE, **COSTLY),
    "ridge_logistic": case(
        **SAMPLE,
        sample_weight=np.ones(6),
        **RIDGE,
        start=RULE,
        max_iterations=9,
        _infinite="a gradient that is NaN where the fit did not converge",
        **COSTLY,
    ),
    "rotate": case(features=FEATURES[:2], **COSTLY),
    "sample_statistics": case(key=KEY, counts=COUNTS, means=MEANS, variances=VARIANCES, **COSTLY),
    "sample_statistics_correlated": case(
        key=KEY, counts=COUNTS, means=MEANS, factor=VARIANCES, n_samples=None, **COSTLY
    ),
    "efron_pair": case(key=KEY, n_samples=8, distance=1.5, n_features=2, labels="random", **UNCONVERGED, **SLOW),
    "lda_error": case(key=KEY, counts=COUNTS, means=MEANS, factor=FACTOR, n_samples=None, **SHARE, **SLOW),
    "logistic_errors": case(
        **CURVE, covariance=SIGMA, max_samples=6, **RIDGE, labels="balanced", points=None, **UNCONVERGED, **SLOW
    ),
    "nested_naive_bayes_errors": case(
        **CURVE, covariance=SIGMA, max_samples=6, labels="balanced", var_floor=0.25, points=None, **UNCONVERGED, **SLOW
    ),
    "paired_errors": case(
        **CURVE, covariance=SIGMA, max_samples=6, **RIDGE, labels="random", var_floor=0.25, **UNCONVERGED, **SLOW
    ),
    "split_errors": case(**SPLIT, key=KEY, **SAMPLE, **RIDGE, var_floor=0.25, **UNCONVERGED, **SLOW),
    "official_scan": case(**SCAN, **SLOWEST),
    "official_logistic_scan": case(**SCAN, **RIDGE, **SLOWEST),
}
EXCLUDED = {
    "LogisticFit": "a record of results",
    "LinearRule": "a plain record, which JAX rebuilds: judged where it is used",
    "Rotation": "a record of results",
}

test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED, examples=5
)
