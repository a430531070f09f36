"""Naive Bayes and linear discriminant analysis as rules: against plain references, and what must not move them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.naive_bayes import GaussianNB

import sims.naive_bayes_vs_logistic as observed
from theory_on_trial.mapping import map_cells

ULP = 2.0**-53
KEY = jax.random.key(30)
SHAPES = [(9, 1, 2), (16, 4, 3)]
naive_bayes = jax.jit(observed.naive_bayes, static_argnums=2)
prefix_naive_bayes = jax.jit(observed.prefix_naive_bayes, static_argnums=2)
lda = jax.jit(observed.lda)


class Problem:
    """A sample with every class at least twice, features of very different places and scales, and points to judge."""

    def __init__(self, shape, seed):
        n_samples, n_features, self.n_classes = shape
        rng = np.random.default_rng(seed)
        extra = rng.integers(0, self.n_classes, n_samples - 2 * self.n_classes)
        self.labels = rng.permutation(np.concatenate([np.tile(np.arange(self.n_classes), 2), extra]))
        self.location, self.scale = rng.uniform(-20, 20, n_features), 10 ** rng.uniform(-1, 1, n_features)
        shift = rng.standard_normal((self.n_classes, n_features))
        noise = rng.standard_normal((n_samples, n_features))
        self.features = (noise + shift[self.labels]) * self.scale + self.location
        self.points = rng.standard_normal((7, n_features)) * 2 * self.scale + self.location

    def bound(self, variances):
        """Rounding of a log-odds at the points: a mean or a variance is a sum of m terms, a score one of n products."""
        ops = self.features.shape[0] + self.features.shape[1]
        reach = max(np.abs(self.features).max(), np.abs(self.points).max()) / np.sqrt(variances)
        return 10 * ops * ULP * np.sum(reach**2 * (1 + reach))


problems = st.builds(Problem, st.sampled_from(SHAPES), st.integers(0, 2**32 - 1))


def log_odds(rule, points):
    scores = np.asarray(rule.scores(jnp.asarray(points)))
    return scores - scores[:, :1]


def by_hand(problem, floor):
    """Means, pooled variances and priors by loops, and the log-odds in their quadratic form."""
    classes = [problem.features[problem.labels == k] for k in range(problem.n_classes)]
    priors = np.array([len(rows) for rows in classes]) / len(problem.labels)
    means = np.array([rows.mean(axis=0) for rows in classes])
    variances = sum(p * rows.var(axis=0) for p, rows in zip(priors, classes, strict=True)) + floor
    scores = np.stack(
        [
            np.log(p) - ((problem.points - mean) ** 2 / variances).sum(axis=1) / 2
            for p, mean in zip(priors, means, strict=True)
        ],
        axis=1,
    )
    return scores - scores[:, :1], variances


@settings(max_examples=40, deadline=None)
@given(problems, st.sampled_from([1e-9, 0.0, 0.3]))
def test_naive_bayes_is_the_plain_estimator(problem, floor):
    expected, variances = by_hand(problem, floor)
    rule = naive_bayes(problem.features, problem.labels, problem.n_classes, var_floor=floor)
    np.testing.assert_allclose(log_odds(rule, problem.points), expected, rtol=0, atol=problem.bound(variances))


@settings(max_examples=20, deadline=None)
@given(problems)
def test_naive_bayes_is_scikit_learns_with_its_variances_pooled(problem):
    # The weights are counts: scikit-learn and we must both read them as repeated samples.
    weight = np.random.default_rng(problem.labels[0]).integers(1, 4, len(problem.labels)).astype(float)
    reference = GaussianNB(var_smoothing=0).fit(problem.features, problem.labels, sample_weight=weight)
    variances = reference.class_prior_ @ reference.var_
    rule = naive_bayes(problem.features, problem.labels, problem.n_classes, sample_weight=weight)
    plug_in = observed.naive_bayes_rule(reference.theta_, variances + 1e-9, reference.class_prior_)
    # Three times the samples at most.
    bound = 3 * problem.bound(variances)
    np.testing.assert_allclose(log_odds(rule, problem.points), log_odds(plug_in, problem.points), rtol=0, atol=bound)


@settings(max_examples=20, deadline=None)
@given(problems, st.integers(0, 2**32 - 1))
def test_what_must_not_move_naive_bayes(problem, seed):
    rng = np.random.default_rng(seed)
    _, n_features = problem.features.shape
    expected, variances = by_hand(problem, 0.0)
    bound = problem.bound(variances)

    def fitted(features, labels, points):
        return log_odds(naive_bayes(features, labels, problem.n_classes, var_floor=0.0), points)

    order, columns = rng.permutation(len(problem.labels)), rng.permutation(n_features)
    moved = fitted(problem.features[order][:, columns], problem.labels[order], problem.points[:, columns])
    np.testing.assert_allclose(moved, expected, rtol=0, atol=bound)

    doubled = fitted(np.tile(problem.features, (2, 1)), np.tile(problem.labels, 2), problem.points)
    np.testing.assert_allclose(doubled, expected, rtol=0, atol=2 * bound)

    # A power of two and an offset of the size of the features: at most a doubling of their reach.
    stretch, offset = 2.0 ** rng.integers(-8, 8, n_features), problem.location * rng.uniform(-1, 1, n_features)
    mapped = fitted((problem.features + offset) * stretch, problem.labels, (problem.points + offset) * stretch)
    np.testing.assert_allclose(mapped, expected, rtol=0, atol=8 * bound)

    renamed = rng.permutation(problem.n_classes)
    permuted = fitted(problem.features, renamed[problem.labels], problem.points)[:, renamed]
    np.testing.assert_allclose(permuted - permuted[:, :1], expected, rtol=0, atol=2 * bound)

    priors = np.bincount(problem.labels) / len(problem.labels)
    log_prior_odds = np.log(priors / priors[0])
    twice = fitted(np.tile(problem.features, (1, 2)), problem.labels, np.tile(problem.points, (1, 2)))
    np.testing.assert_allclose(twice - log_prior_odds, 2 * (expected - log_prior_odds), rtol=0, atol=4 * bound)


@settings(max_examples=30, deadline=None)
@given(problems, st.data())
def test_a_prefix_of_cumulative_sums_is_a_refit(problem, data):
    n_samples = len(problem.labels)
    sizes = sorted(data.draw(st.sets(st.integers(problem.n_classes + 1, n_samples), min_size=3, max_size=3)))
    rules = prefix_naive_bayes(problem.features, problem.labels, problem.n_classes, np.array(sizes))
    for index, size in enumerate(sizes):
        rule = observed.LinearRule(rules.weights[index], rules.intercepts[index])
        labels = problem.labels[:size]
        if len(set(labels)) < problem.n_classes:
            assert np.isnan(observed.conditional_error(rule, problem.points[: problem.n_classes], problem.scale**2))
            continue
        prefix = Problem.__new__(Problem)
        prefix.__dict__ = {**problem.__dict__, "features": problem.features[:size], "labels": labels}
        expected, variances = by_hand(prefix, 1e-9)
        # About the class means of all samples a prefix's sums of squares exceed its variance by their distance.
        np.testing.assert_allclose(log_odds(rule, problem.points), expected, rtol=0, atol=4 * problem.bound(variances))


def test_features_far_from_zero_cost_the_variances_no_digits():
    rng = np.random.default_rng(0)
    labels = np.arange(64) % 2
    near = np.round(rng.standard_normal((64, 3)) * 2**8) / 2**8 + labels[:, None]
    far = near + 2.0**20  # exact: every feature is a multiple of 2**-8
    for fit in (
        lambda features: naive_bayes(features, labels, 2),
        lambda features: jax.tree.map(lambda leaf: leaf[0], prefix_naive_bayes(features, labels, 2, np.array([64]))),
    ):
        # Means at 2**20 are rounded at 2**-33 times a few; a single-pass variance would lose 2**40 of 2**53.
        np.testing.assert_allclose(
            np.diff(fit(far).weights, axis=0),
            np.diff(fit(near).weights, axis=0),
            rtol=64 * 2.0**-33,
            atol=64 * 2.0**-33,
        )


@settings(max_examples=20, deadline=None)
@given(problems)
def test_discriminant_analysis_is_scikit_learns(problem):
    n_classes = problem.n_classes
    reference = LinearDiscriminantAnalysis(solver="lsqr").fit(problem.features, problem.labels)
    condition = np.linalg.cond(reference.covariance_)
    rule = lda(reference.means_, reference.covariance_, reference.priors_)
    expected = problem.points @ reference.coef_.T + reference.intercept_
    if n_classes == 2:
        expected = np.stack([np.zeros(len(expected)), expected[:, 0]], axis=1)
    size = np.abs(np.asarray(rule.scores(jnp.asarray(problem.points)))).max() + np.abs(reference.intercept_).max()
    # The least-squares solver and ours: a solution each, rounded at the condition number.
    found = log_odds(rule, problem.points)
    np.testing.assert_allclose(found, expected - expected[:, :1], rtol=0, atol=100 * condition * ULP * (1 + size))


def test_the_discriminant_error_has_the_law_of_one_from_data_and_knows_only_the_distance():
    covariance = np.array([[1.0, 0.7, 0.0], [0.7, 1.0, 0.2], [0.0, 0.2, 2.0]])
    means = np.array([[0.0, 0.0, 0.0], [1.0, -0.5, 1.0]])
    factor = observed.covariance_factor(covariance)
    counts, labels = observed.balanced_counts(12, 2), observed.balanced_labels(12, 2)

    def from_data(key):
        features = observed.gaussian_classes(key, labels, means, factor)
        class_means = jnp.stack([features[labels == k].mean(axis=0) for k in range(2)])
        centred = features - class_means[labels]
        rule = observed.lda(class_means, centred.T @ centred / 12, np.array([0.5, 0.5]))
        return observed.conditional_error(rule, means, covariance)

    keys = jax.random.split(KEY, 1500)
    drawn = jax.jit(lambda ks: map_cells(lambda key: observed.lda_error(key, counts, means, factor), ks))(keys)
    refit = jax.jit(lambda ks: map_cells(from_data, ks))(jax.random.split(jax.random.key(31), 1500))
    assert stats.ks_2samp(np.asarray(drawn), np.asarray(refit)).pvalue > 1e-6

    white = np.linalg.solve(factor, means.T).T
    whitened = jax.jit(lambda ks: map_cells(lambda key: observed.lda_error(key, counts, white, np.ones(3)), ks))(keys)
    statistics = jax.jit(jax.vmap(lambda key: observed.sample_statistics_correlated(key, counts, means, factor)))(keys)
    condition = np.linalg.cond(np.asarray(statistics[1]))
    # The same normals in another basis: a solution each, rounded at the condition number, and an error of slope < 1.
    assert np.all(np.abs(drawn - whitened) <= 100 * condition * ULP)


def test_no_fit_beats_the_best_rule():
    draw = jax.jit(lambda ks: map_cells(lambda key: observed.efron_pair(key, 300, 2.0, 2), ks))
    excess = np.asarray(draw(jax.random.split(KEY, 100)))
    assert np.all(excess >= -8 * ULP)  # two values of the normal law, subtracted
    assert np.all(excess.mean(axis=0) > 0)
    assert np.all(excess[:, 0] != excess[:, 1])


LABELS = np.array([0, 1, 0, 1])
FEATURES = np.array([[0.0, 1.0], [1.0, 1.0], [0.5, 1.0], [3.0, 1.0]])


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: observed.naive_bayes(FEATURES, LABELS, 3), "got none of class 2"),
        (lambda: observed.naive_bayes(FEATURES, LABELS + 1, 2), "labels must be below n_classes = 2, got 2"),
        (lambda: observed.naive_bayes(FEATURES[:2], LABELS[:2], 2), "features must vary within a class"),
        (lambda: observed.naive_bayes(FEATURES, LABELS, 2, var_floor=0), r"a feature is constant \(feature 1\)"),
        (lambda: observed.naive_bayes(FEATURES, LABELS, 2, sample_weight=LABELS * 1.0), "got none of class 0"),
        (
            lambda: observed.naive_bayes(FEATURES, LABELS, 2, sample_weight=np.array([1.0, 1, 0, 0])),
            "features must vary within a class",
        ),
        (lambda: observed.prefix_naive_bayes(FEATURES, LABELS, 2, np.array([2, 5])), "at most max_samples = 4, got 5"),
        (lambda: observed.lda(np.eye(2), np.ones((2, 2)), np.array([0.5, 0.5])), "covariance_hat must be symmetric an"),
        (lambda: observed.lda_error(KEY, np.array([2, 2]), np.eye(2, 3), np.ones(3)), r"at least n \+ K = 5, .* got 4"),
        (lambda: observed.lda_error(KEY, np.array([9, 9]), np.eye(2), np.ones((2, 2))), "factor must be square and in"),
        (lambda: observed.efron_pair(KEY, 3, 2.0, 2), r"n_samples must be at least n_features \+ 2, got 3"),
    ],
)
def test_what_does_not_go_together_gets_one_sentence(attempt, sentence):
    with pytest.raises(ValueError, match=sentence):
        attempt()


def test_a_constant_feature_drops_out():
    with_it = observed.naive_bayes(FEATURES, LABELS, 2)
    without = observed.naive_bayes(FEATURES[:, :1], LABELS, 2)
    points = np.array([[-1.0, 1.0], [2.0, 1.0]])
    # Its squares over the floor are 1e9, so that their rounding is 1e9 units of the last place.
    np.testing.assert_allclose(log_odds(with_it, points), log_odds(without, points[:, :1]), rtol=0, atol=20e9 * ULP)


def test_a_class_missing_under_a_trace_has_no_finite_rule():
    rule = jax.jit(lambda labels: observed.naive_bayes(FEATURES, labels, 3))(LABELS)
    assert np.isnan(observed.conditional_error(rule, np.zeros((3, 2)), np.ones(2)))
