"""The simulators of naive Bayes, LDA and logistic regression by hand and against scikit-learn."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr, softmax
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import MinMaxScaler

from figures.naive_bayes_vs_logistic.growth import samples_needed
from sims.naive_bayes_vs_logistic import data, lda, learning_curves, rules
from sims.naive_bayes_vs_logistic.learning_curves import _complete_order
from sims.naive_bayes_vs_logistic.logistic import ridge_logistic
from sims.naive_bayes_vs_logistic.rules import LinearRule
from theory_on_trial.base.mapping import map_cells

KEY = jax.random.key(20)
LEVEL = 1e-6
PRIORS = np.array([0.2, 0.3, 0.5])


@given(st.integers(2, 9), st.integers(0, 60))
def test_every_prefix_of_balanced_labels_is_as_balanced_as_it_can_be(n_classes, extra):
    n_samples = n_classes + extra
    counts = np.bincount(data.balanced_labels(n_samples, n_classes), minlength=n_classes)
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(counts, data.balanced_counts(n_samples, n_classes))


def complete_multinomial(n_samples, priors):
    """All count vectors without a zero, and their conditional probabilities."""
    counts = np.array(
        [(a, b, n_samples - a - b) for a in range(1, n_samples) for b in range(1, n_samples - a)]
    )
    weights = stats.multinomial(n_samples, priors).pmf(counts)
    return counts, weights / weights.sum()


def goodness_of_fit(drawn, cells, probabilities):
    found = np.array([(drawn == cell).all(axis=1).sum() for cell in cells])
    assert found.sum() == len(drawn)
    return stats.chisquare(found, len(drawn) * probabilities).pvalue


def test_random_counts_and_labels_have_the_multinomial_law_given_that_every_class_occurs():
    keys = jax.random.split(KEY, 4000)
    cells, probabilities = complete_multinomial(5, PRIORS)
    draw = jax.jit(
        jax.vmap(lambda key, size: data.random_counts(key, size, PRIORS), in_axes=(0, None))
    )
    counts = draw(keys, 5)
    assert goodness_of_fit(np.asarray(counts), cells, probabilities) > LEVEL
    # A traced size too small for all classes cannot be refused, and must not be drawn again for
    # ever.
    too_few = np.asarray(draw(keys, 2))
    assert np.all(too_few.sum(axis=1) == 2)
    labels = np.asarray(jax.jit(jax.vmap(lambda key: data.random_labels(key, 5, PRIORS)))(keys))
    assert (
        goodness_of_fit(
            np.stack([(labels == k).sum(axis=1) for k in range(3)], 1), cells, probabilities
        )
        > LEVEL
    )


def test_features_of_each_class_have_its_mean_and_the_common_covariance():
    covariance = np.array([[2.0, 0.6], [0.6, 0.5]])
    means = np.array([[1.0, -2.0], [40.0, 3.0]])
    labels = data.balanced_labels(6000, 2)
    for law in (covariance, np.diag(np.diag(covariance))):
        features = np.asarray(
            data.gaussian_classes(KEY, labels, means, data.covariance_factor(law))
        )
        white = np.linalg.solve(np.linalg.cholesky(law), (features - means[labels]).T)
        for direction in ([1, 0], [0, 1], [0.6, 0.8], [0.6, -0.8]):
            assert stats.kstest(np.asarray(direction) @ white, "norm").pvalue > LEVEL


def test_sample_statistics_are_normal_means_and_chi_square_variances():
    means = np.array([[0.0, 5.0, 1.0], [2.0, -30.0, 1.0]])
    variances = np.array([1.0, 4.0, 0.01])
    draw = jax.jit(
        jax.vmap(
            lambda key, counts: data.sample_statistics(key, counts, means, variances),
            in_axes=(0, None),
        )
    )
    for counts in (np.array([3, 5]), np.array([1, 1])):
        class_means, pooled = map(np.asarray, draw(jax.random.split(KEY, 3000), counts))
        standard = (class_means - means) / np.sqrt(variances / counts[:, None])
        chi = pooled * counts.sum() / variances
        for i in range(3):
            assert stats.kstest(standard[:, 0, i], "norm").pvalue > LEVEL
            assert stats.kstest(standard[:, 1, i], "norm").pvalue > LEVEL
            if counts.sum() == 2:
                assert not chi.any()
            else:
                assert stats.kstest(chi[:, i], "chi2", args=(counts.sum() - 2,)).pvalue > LEVEL
                assert stats.spearmanr(chi[:, i], np.abs(standard[:, 0, i])).pvalue > LEVEL


ULP = 2.0**-53
SHAPES = [(9, 1, 2), (16, 4, 3)]
naive_bayes = jax.jit(rules.naive_bayes, static_argnums=2)
prefix_naive_bayes = jax.jit(rules.prefix_naive_bayes, static_argnums=2)


class Problem:
    """A sample with every class at least twice, features of very different places and scales, and
    points to judge.
    """

    def __init__(self, shape, seed):
        n_samples, n_features, self.n_classes = shape
        rng = np.random.default_rng(seed)
        extra = rng.integers(0, self.n_classes, n_samples - 2 * self.n_classes)
        self.labels = rng.permutation(
            np.concatenate([np.tile(np.arange(self.n_classes), 2), extra])
        )
        self.location = rng.uniform(-20, 20, n_features)
        self.scale = 10 ** rng.uniform(-1, 1, n_features)
        shift = rng.standard_normal((self.n_classes, n_features))
        noise = rng.standard_normal((n_samples, n_features))
        self.features = (noise + shift[self.labels]) * self.scale + self.location
        self.points = rng.standard_normal((7, n_features)) * 2 * self.scale + self.location

    def bound(self, variances):
        """Rounding of a log-odds at the points: a mean or a variance is a sum of m terms, a score
        one of n products.
        """
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
    np.testing.assert_allclose(
        log_odds(rule, problem.points), expected, rtol=0, atol=problem.bound(variances)
    )


@settings(max_examples=30, deadline=None)
@given(problems, st.data())
def test_a_prefix_of_cumulative_sums_is_a_refit(problem, drawn):
    n_samples = len(problem.labels)
    sizes = sorted(
        drawn.draw(st.sets(st.integers(problem.n_classes + 1, n_samples), min_size=3, max_size=3))
    )
    prefixes = prefix_naive_bayes(
        problem.features, problem.labels, problem.n_classes, np.array(sizes)
    )
    for index, size in enumerate(sizes):
        rule = rules.LinearRule(prefixes.weights[index], prefixes.intercepts[index])
        labels = problem.labels[:size]
        if len(set(labels)) < problem.n_classes:
            assert np.isnan(
                rules.conditional_error(rule, problem.points[: problem.n_classes], problem.scale**2)
            )
            continue
        prefix = Problem.__new__(Problem)
        prefix.__dict__ = {
            **problem.__dict__,
            "features": problem.features[:size],
            "labels": labels,
        }
        expected, variances = by_hand(prefix, 1e-9)
        # About the class means of all samples a prefix's sums of squares exceed its variance by
        # their distance.
        np.testing.assert_allclose(
            log_odds(rule, problem.points), expected, rtol=0, atol=4 * problem.bound(variances)
        )


fit_lda = jax.jit(lda.lda)


@settings(max_examples=20, deadline=None)
@given(problems)
def test_discriminant_analysis_is_scikit_learns(problem):
    n_classes = problem.n_classes
    reference = LinearDiscriminantAnalysis(solver="lsqr").fit(problem.features, problem.labels)
    condition = np.linalg.cond(reference.covariance_)
    rule = fit_lda(reference.means_, reference.covariance_, reference.priors_)
    expected = problem.points @ reference.coef_.T + reference.intercept_
    if n_classes == 2:
        expected = np.stack([np.zeros(len(expected)), expected[:, 0]], axis=1)
    size = (
        np.abs(np.asarray(rule.scores(jnp.asarray(problem.points)))).max()
        + np.abs(reference.intercept_).max()
    )
    # The least-squares solver and the one here: a solution each, rounded at the condition number.
    found = log_odds(rule, problem.points)
    np.testing.assert_allclose(
        found, expected - expected[:, :1], rtol=0, atol=100 * condition * ULP * (1 + size)
    )


def test_a_feature_that_is_zero_throughout_changes_no_fit():
    features = load_iris().data[50:, :2]
    labels = np.repeat([0, 1], 50)
    padded = np.pad(features, ((0, 0), (0, 1)))
    fits = [
        ridge_logistic(x, labels, 2, inverse_ridge=jnp.inf).rule.weights for x in (features, padded)
    ]
    np.testing.assert_allclose(fits[1], np.pad(fits[0], ((0, 0), (0, 1))), atol=1e-4)


def test_no_fit_beats_the_best_rule():
    draw = jax.jit(lambda ks: map_cells(lambda key: lda.efron_pair(key, 300, 2.0, 2), ks))
    excess = np.asarray(draw(jax.random.split(KEY, 100)))
    assert np.all(excess >= -8 * ULP)  # two values of the normal law, subtracted
    assert np.all(excess.mean(axis=0) > 0)
    assert np.all(excess[:, 0] != excess[:, 1])


N_FEATURES = 6
error = jax.jit(rules.conditional_error)


def test_the_tail_keeps_its_digits():
    for distance in (10.0, 30.0):
        rule = rules.LinearRule(jnp.array([[0.0], [2 * distance]]), jnp.zeros(2))
        found = float(error(rule, np.array([[-distance], [distance]]), np.ones(1)))
        np.testing.assert_allclose(found, ndtr(-distance), rtol=1000 * ULP * distance**2)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_rule_without_weights_predicts_its_first_largest_intercept(n_classes):
    means = np.eye(n_classes, N_FEATURES)
    priors = np.arange(1.0, n_classes + 1) / np.arange(1.0, n_classes + 1).sum()
    for intercepts in (np.zeros(n_classes), np.eye(n_classes)[1]):
        rule = rules.LinearRule(jnp.zeros((n_classes, N_FEATURES)), jnp.asarray(intercepts))
        found = error(rule, means, np.ones(N_FEATURES), priors=priors)
        np.testing.assert_allclose(found, 1 - priors[np.argmax(intercepts)], rtol=0, atol=4 * ULP)


def test_a_rule_that_is_not_finite_has_no_error():
    means = np.eye(3, N_FEATURES)
    rule = rules.LinearRule(jnp.asarray(means), jnp.zeros(3))
    for broken in (
        rule._replace(intercepts=rule.intercepts.at[1].set(-jnp.inf)),
        rule._replace(weights=rule.weights.at[0, 0].set(jnp.nan)),
    ):
        assert np.isnan(error(broken, means, np.ones(N_FEATURES)))


MEANS = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, -1.0, 0.5, 0.0]])
VARIANCES = np.array([1.0, 2.0, 0.5, 1.0])
COVARIANCE = np.diag(VARIANCES) + 0.2
SIZES = (4, 10, 30)


def over_keys(function, n_keys):
    return np.asarray(
        jax.jit(lambda keys: map_cells(function, keys))(jax.random.split(KEY, n_keys))
    )


@pytest.fixture(scope="module")
def pairs():
    """One program for the pairs of all sizes, twenty data sets of it."""
    program = jax.jit(
        lambda keys, sizes, tolerance: map_cells(
            lambda key: learning_curves.paired_errors(
                key, sizes, MEANS, COVARIANCE, max_samples=30, tolerance=tolerance
            ),
            keys,
        )
    )
    return lambda sizes, tolerance: np.asarray(
        program(jax.random.split(KEY, 20), jnp.array(sizes), tolerance)
    )


def test_a_pair_is_naive_bayes_and_logistic_regression_of_the_same_prefixes(pairs):
    tolerance = 1e-11
    curves = pairs(SIZES, tolerance)
    generative = over_keys(
        lambda key: learning_curves.nested_naive_bayes_errors(
            key, SIZES, MEANS, COVARIANCE, max_samples=30
        ),
        20,
    )
    discriminative = over_keys(
        lambda key: learning_curves.logistic_errors(
            key, SIZES, MEANS, COVARIANCE, max_samples=30, tolerance=tolerance
        ),
        20,
    )
    assert np.all(np.isfinite(curves))
    # Variances of few samples can be small: the rule's rounding is that of 1/σ̂², here at most
    # about 1e6.
    np.testing.assert_allclose(curves[..., 0], generative, rtol=0, atol=1e6 * 100 * ULP)
    # The ridge bends the loss by at least one: weights are within m √n tolerance of the minimum,
    # and errors with them.
    np.testing.assert_allclose(curves[..., 1], discriminative, rtol=0, atol=100 * 30 * tolerance)


def test_a_fit_that_did_not_converge_has_no_error(pairs):
    # A gradient this small is met where it rounds to zero, and nowhere else.
    errors = pairs(SIZES, 1e-200)
    assert np.isnan(errors[..., 1]).any()
    assert np.isfinite(errors[..., 0]).all()


def test_splits_are_those_of_a_plain_loop_over_scikit_learn():
    features, labels = load_iris(return_X_y=True)
    sizes = (7, 60)
    floor = 0.01
    n_keys = 6

    def split(key, max_samples):
        options = {"max_samples": max_samples, "var_floor": floor, "tolerance": 1e-10}
        return learning_curves.split_errors(key, features, labels, 3, sizes, **options)

    padded, exact = (jax.jit(lambda key, most=most: split(key, most)) for most in (64, 60))
    for key in jax.random.split(KEY, n_keys):
        shares = np.asarray(padded(key))
        np.testing.assert_allclose(shares, exact(key), rtol=4 * ULP)
        for index, (size, size_key) in enumerate(
            zip(sizes, jax.random.split(key, len(sizes)), strict=True)
        ):
            order = np.asarray(_complete_order(size_key, jnp.asarray(labels), 3, size))
            train = order[:size]
            test = order[size:]
            assert sorted(order) == list(range(150))
            assert set(labels[train]) == {0, 1, 2}
            scale = MinMaxScaler().fit(features[train])
            inside = scale.transform(features[train])
            outside = scale.transform(features[test])
            bayes = GaussianNB(var_smoothing=0).fit(inside, labels[train])
            bayes.var_ = np.tile(bayes.class_prior_ @ bayes.var_ + floor, (3, 1))
            logistic = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(
                inside, labels[train]
            )
            for column, rule in enumerate((bayes, logistic)):
                # Shares of test rows: equal, or a whole row apart.
                share = np.mean(rule.predict(outside) != labels[test])
                np.testing.assert_allclose(shares[index, column], share, rtol=4 * ULP)


ROWS = 60
COLUMNS = 8
TOLERANCE = 1e-10
EXAMPLES = settings(max_examples=20, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def logistic_problem(seed, n_classes, n_rows=40, n_features=5, scale_range=1.0, shift=0.5):
    """Overlapping Gaussian classes of unequal sizes, with features of unequal scales; every class
    occurs.
    """
    rng = np.random.default_rng(seed)
    labels = np.r_[
        np.arange(n_classes),
        rng.choice(n_classes, n_rows - n_classes, p=rng.dirichlet(np.ones(n_classes))),
    ]
    features = (
        rng.standard_normal((n_rows, n_features))
        + shift * rng.standard_normal((n_classes, n_features))[labels]
    )
    return features * 10 ** rng.uniform(-scale_range, scale_range, n_features), labels


def padded(features, labels, filling=0.0):
    rows, width = features.shape
    grown = np.zeros((ROWS, COLUMNS))
    grown[:rows, :width] = features
    grown[rows:] = filling
    return grown, np.pad(labels, (0, ROWS - rows)), (np.arange(ROWS) < rows).astype(float)


def fit(features, labels, n_classes, filling=0.0, start=None, **options):
    """The fit of the padded problem, its rule cut back to the features there are."""
    grown, grown_labels, weight = padded(features, labels, filling)
    options = {"tolerance": TOLERANCE} | options
    found = ridge_logistic(
        grown, grown_labels, n_classes, sample_weight=weight, start=start, **options
    )
    assert np.all(np.asarray(found.rule.weights)[:, features.shape[1] :] == 0)
    return found._replace(
        rule=found.rule._replace(weights=found.rule.weights[:, : features.shape[1]])
    )


def scores(rule, features):
    return features @ np.asarray(rule.weights, float).T + np.asarray(rule.intercepts, float)


def mean_gradient(rule, features, labels, n_classes, inverse_ridge):
    """Derivatives of the mean loss by (W, b) in NumPy, by one vector for two classes; and their
    rounding errors.
    """
    weights = np.asarray(rule.weights, float)
    intercepts = np.asarray(rule.intercepts, float)
    residuals = softmax(scores(rule, features), axis=1) - np.eye(n_classes)[labels]
    if n_classes == 2:
        weights = weights[1:] - weights[:1]
        residuals = residuals[:, 1:]
    by_weight = residuals.T @ features / len(labels) + weights / (inverse_ridge * len(labels))
    largest_logit = (
        np.abs(features) @ np.abs(np.asarray(rule.weights)).T + np.abs(intercepts)
    ).max()
    # Sums of up to rows + features terms, each with the relative error of an exponential of the
    # largest logit.
    rounding = 4 * (features.size + ROWS + largest_logit) * ULP * max(np.abs(features).max(), 1.0)
    return np.concatenate([by_weight.ravel(), residuals.mean(axis=0)]), rounding


@pytest.mark.parametrize("n_classes", [2, 3, 4, 5, 6])
@EXAMPLES
@given(
    seed=SEEDS,
    n_rows=st.integers(8, ROWS),
    n_features=st.integers(1, COLUMNS),
    log_c=st.floats(-2, 1.5),
)
def test_the_minimiser_is_the_one_of_scikit_learn(n_classes, seed, n_rows, n_features, log_c):
    features, labels = logistic_problem(seed, n_classes, n_rows, n_features)
    inverse_ridge = float(10**log_c)
    minimum = fit(features, labels, n_classes, inverse_ridge=inverse_ridge)
    gradient, rounding = mean_gradient(minimum.rule, features, labels, n_classes, inverse_ridge)
    assert minimum.gradient <= TOLERANCE
    assert np.abs(gradient).max() <= TOLERANCE + rounding
    peer = LogisticRegression(
        C=inverse_ridge, solver="newton-cholesky", tol=TOLERANCE, max_iter=1000
    )
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        peer.fit(features, labels)
    assume(
        not complaints
    )  # where its matrix was singular, a solver of less accuracy has taken over
    weights = np.asarray(minimum.rule.weights)
    intercepts = np.asarray(minimum.rule.intercepts)
    if n_classes == 2:
        weights = weights[1:] - weights[:1]
        intercepts = intercepts[1:] - intercepts[:1]
    np.testing.assert_allclose(weights, peer.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(intercepts, peer.intercept_, rtol=0, atol=5e-6)


def test_nearly_separable_classes_with_saturated_probabilities_converge():
    """The design that broke an unsafeguarded line search: n = 400, standard deviations √n and 1,
    from a far start.
    """
    rng = np.random.default_rng(0)
    n = 400
    labels = np.arange(n) % 2
    deviations = np.where(np.arange(n) < n // 2, np.sqrt(n), 1.0)
    features = (2 * labels - 1)[:, None] + rng.standard_normal((n, n)) * deviations
    cold = ridge_logistic(features, labels, 2, tolerance=1e-8)
    far = LinearRule(jnp.asarray(100 * rng.standard_normal((2, n))), jnp.array([1e4, -1e4]))
    warm = ridge_logistic(features, labels, 2, tolerance=1e-8, start=far)
    for found in (cold, warm):
        assert found.gradient <= 1e-8
        gradient, rounding = mean_gradient(found.rule, features, labels, 2, 1.0)
        assert np.abs(gradient).max() <= 1e-8 + rounding
    # The penalised objective is strongly convex with constant 1/m in w, where the intercept is at
    # its best.
    bound = 4 * np.sqrt(n) * n * 1e-8
    np.testing.assert_allclose(cold.rule.weights, warm.rule.weights, rtol=0, atol=bound)


def test_a_fit_cut_short_says_so():
    features, labels = logistic_problem(7, 3)
    short = fit(features, labels, 3, max_iterations=2)
    assert short.iterations == 2
    assert short.gradient > 1e-6


def test_crossing_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    sizes = np.arange(20, 400, 10)
    target = 0.01
    runs = 12
    misses = 0
    for _ in range(400):
        factor = 1 + 0.1 * rng.standard_normal(runs)
        found = samples_needed(lambda m, factor=factor: factor / m, sizes, target)
        misses += not found.low <= 100 <= found.high
    assert misses <= stats.binom.isf(1e-6, 400, 0.01)
