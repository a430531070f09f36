"""The simulators of naive Bayes, LDA and logistic regression against scikit-learn, their laws, and
the sample size m* at which a curve falls to a target.
"""

import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import MinMaxScaler

from figures.naive_bayes_vs_logistic.growth import samples_needed
from sims.naive_bayes_vs_logistic import data, learning_curves, rules
from sims.naive_bayes_vs_logistic.learning_curves import (
    _complete_order,
    bisect_sizes,
    geometric_sizes,
)
from sims.naive_bayes_vs_logistic.logistic import ridge_logistic
from sims.naive_bayes_vs_logistic.rules import LinearRule
from theory.naive_bayes_vs_logistic import linear_rules
from theory_on_trial.base.mapping import map_cells

KEY = jax.random.key(20)
LEVEL = 1e-6
PRIORS = np.array([0.2, 0.3, 0.5])


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


@pytest.mark.parametrize("counts", [(3, 5), (1, 1)])
def test_sample_statistics_are_normal_means_and_chi_square_variances(counts):
    counts = np.array(counts)
    means = np.array([[0.0, 5.0], [2.0, -30.0]])
    variances = np.array([4.0, 0.01])
    draw = jax.vmap(lambda key: data.sample_statistics(key, counts, means, variances))
    class_means, pooled = map(np.asarray, draw(jax.random.split(KEY, 3000)))
    standard = (class_means - means) / np.sqrt(variances / counts[:, None])
    chi = pooled * counts.sum() / variances
    assert stats.kstest(standard.ravel(), "norm").pvalue > LEVEL
    if counts.sum() == 2:
        assert not chi.any()
    else:
        assert stats.kstest(chi.ravel(), "chi2", args=(counts.sum() - 2,)).pvalue > LEVEL
        assert stats.spearmanr(chi[:, 0], np.abs(standard[:, 0, 0])).pvalue > LEVEL


ULP = 2.0**-53
naive_bayes = jax.jit(rules.naive_bayes, static_argnums=2)
prefix_naive_bayes = jax.jit(rules.prefix_naive_bayes, static_argnums=2)


def sample(seed, n_samples, n_features, n_classes):
    """A sample with every class at least twice, and features of different places and scales."""
    rng = np.random.default_rng(seed)
    extra = rng.integers(0, n_classes, n_samples - 2 * n_classes)
    labels = rng.permutation(np.concatenate([np.tile(np.arange(n_classes), 2), extra]))
    features = (
        rng.standard_normal((n_samples, n_features))
        + rng.standard_normal((n_classes, n_features))[labels]
    )
    scales = 10 ** rng.uniform(-1, 1, n_features)
    return features * scales + rng.uniform(-20, 20, n_features), labels


def log_odds(scores):
    return np.asarray(scores)[:, 1:] - np.asarray(scores)[:, :1]


def pooled(features, labels, floor):
    """Scikit-learn's naive Bayes, with the variances pooled over the classes."""
    peer = GaussianNB(var_smoothing=0).fit(features, labels)
    peer.var_ = np.tile(peer.class_prior_ @ peer.var_ + floor, (len(peer.classes_), 1))
    return peer


SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.sampled_from([(9, 1, 2), (16, 4, 3)])


@settings(max_examples=30, deadline=None)
@given(SEEDS, SHAPES, st.sampled_from([1e-9, 0.3]))
def test_naive_bayes_is_scikit_learns_with_pooled_variances(seed, shape, floor):
    features, labels = sample(seed, *shape)
    rule = naive_bayes(features, labels, shape[2], var_floor=floor)
    expected = pooled(features, labels, floor).predict_joint_log_proba(features)
    np.testing.assert_allclose(
        log_odds(rule.scores(features)), log_odds(expected), rtol=1e-6, atol=1e-6
    )


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(4, 15))
def test_a_prefix_is_a_refit_and_without_a_class_none(seed, size):
    features, labels = sample(seed, 16, 4, 3)
    prefixes = prefix_naive_bayes(features, labels, 3, np.array([size, 16]))
    rule = rules.LinearRule(prefixes.weights[0], prefixes.intercepts[0])
    if len(set(labels[:size])) < 3:
        assert np.isnan(rules.conditional_error(rule, features[:3], np.ones(4)))
        return
    refit = rules.naive_bayes(features[:size], labels[:size], 3)
    np.testing.assert_allclose(rule.weights, refit.weights, rtol=1e-9)
    np.testing.assert_allclose(rule.intercepts, refit.intercepts, rtol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_discriminant_analysis_is_scikit_learns(n_classes):
    features, labels = sample(n_classes, 30, 4, n_classes)
    peer = LinearDiscriminantAnalysis(solver="lsqr").fit(features, labels)
    rule = rules.lda(peer.means_, peer.covariance_, peer.priors_)
    expected = peer.decision_function(features).reshape(len(labels), -1)
    found = log_odds(rule.scores(features))
    if n_classes > 2:
        expected = log_odds(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_the_units_of_features_do_not_matter():
    """The smaller variance is beneath the rounding of the larger one."""
    units = np.array([1e-5, 1e5])
    means = np.array([[0.0, 1.0], [1.0, 0.5]])
    sigma = np.array([[1.0, 0.5], [0.5, 1.0]])
    halves = np.full(2, 0.5)
    rule = rules.lda(means, sigma, halves)
    scaled = rules.lda(means * units, sigma * np.outer(units, units), halves)
    np.testing.assert_allclose(scaled.weights * units, rule.weights, atol=1e-12)


N_FEATURES = 6
error = jax.jit(rules.conditional_error)


@pytest.mark.parametrize(("n_classes", "n_features"), [(3, 4), (4, 4), (4, 2)])
def test_the_error_of_a_rule_is_that_of_normal_orthants(n_classes, n_features):
    """In the plane the law of four scores is singular."""
    rng = np.random.default_rng(n_classes)
    root = rng.standard_normal((n_features, n_features))
    design = rng.standard_normal((n_classes, n_features)), root @ root.T + 0.1 * np.eye(n_features)
    fitted = rng.standard_normal((n_classes, n_features)), rng.standard_normal(n_classes)
    points = rules.quasi_random_points(4096, n_classes)
    found = error(rules.LinearRule(*map(jnp.asarray, fitted)), *design, points=points)
    assert found == pytest.approx(linear_rules.linear_rule_error(*fitted, *design), rel=2.5e-3)


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


def test_a_fit_that_did_not_converge_has_no_error():
    """A derivative of 1e-200 is met where it rounds to zero, and nowhere else."""
    pairs = jax.jit(
        lambda keys: map_cells(
            lambda key: learning_curves.paired_errors(
                key, SIZES, MEANS, COVARIANCE, max_samples=30, tolerance=1e-200
            ),
            keys,
        )
    )(jax.random.split(KEY, 20))
    assert np.isfinite(pairs[..., 0]).all()
    assert np.isnan(pairs[..., 1]).any()


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
            bayes = pooled(inside, labels[train], floor)
            logistic = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(
                inside, labels[train]
            )
            for column, rule in enumerate((bayes, logistic)):
                # Shares of test rows: equal, or a whole row apart.
                share = np.mean(rule.predict(outside) != labels[test])
                np.testing.assert_allclose(shares[index, column], share, rtol=4 * ULP)


ROWS = 60
COLUMNS = 8


@pytest.mark.parametrize("n_classes", [2, 3, 6])
@settings(max_examples=15, deadline=None)
@given(
    seed=SEEDS,
    n_rows=st.integers(16, ROWS),
    width=st.integers(1, COLUMNS),
    log_c=st.floats(-2, 1.5),
)
def test_the_minimiser_is_the_one_of_scikit_learn(n_classes, seed, n_rows, width, log_c):
    """Of the rows and features that are kept; those of weight zero, and of zeros, add nothing."""
    features, labels = sample(seed, n_rows, width, n_classes)
    features -= features.mean(axis=0)
    grown = np.full((ROWS, COLUMNS), 3.0)
    grown[:n_rows] = 0
    grown[:n_rows, :width] = features
    found = ridge_logistic(
        grown,
        np.pad(labels, (0, ROWS - n_rows)),
        n_classes,
        sample_weight=(np.arange(ROWS) < n_rows).astype(float),
        inverse_ridge=float(10**log_c),
        tolerance=1e-10,
    )
    assert found.gradient <= 1e-10
    peer = LogisticRegression(C=10**log_c, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        peer.fit(features, labels)
    assume(not complaints)  # of a singular matrix, where a less accurate solver takes over
    weights = np.asarray(found.rule.weights)
    intercepts = np.asarray(found.rule.intercepts)
    if n_classes == 2:
        weights = weights[1:] - weights[:1]
        intercepts = intercepts[1:] - intercepts[:1]
    assert not weights[:, width:].any()
    np.testing.assert_allclose(weights[:, :width], peer.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(intercepts, peer.intercept_, rtol=0, atol=5e-6)


def test_nearly_separable_classes_with_saturated_probabilities_converge():
    """n = 400, standard deviations √n and 1, also from a far start."""
    rng = np.random.default_rng(0)
    n = 400
    labels = np.arange(n) % 2
    deviations = np.where(np.arange(n) < n // 2, np.sqrt(n), 1.0)
    features = (2 * labels - 1)[:, None] + rng.standard_normal((n, n)) * deviations
    far = LinearRule(jnp.asarray(100 * rng.standard_normal((2, n))), jnp.array([1e4, -1e4]))
    cold = ridge_logistic(features, labels, 2, tolerance=1e-8)
    warm = ridge_logistic(features, labels, 2, tolerance=1e-8, start=far)
    assert max(cold.gradient, warm.gradient) <= 1e-8
    # The penalised objective is strongly convex with constant 1/m in w, where the intercept is at
    # its best.
    bound = 4 * np.sqrt(n) * n * 1e-8
    np.testing.assert_allclose(cold.rule.weights, warm.rule.weights, rtol=0, atol=bound)


def test_a_fit_cut_short_says_so():
    short = ridge_logistic(*sample(7, 40, 5, 3), 3, max_iterations=2)
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


@given(st.integers(1, 500), st.integers(0, 5000), st.floats(1.01, 3), st.integers(1, 9))
def test_the_grid_covers_its_range_in_steps_of_the_ratio(low, extra, ratio, multiple_of):
    sizes = geometric_sizes(low, low + extra, ratio, multiple_of)
    assert low <= sizes[0] < low + multiple_of
    assert sizes[-1] >= low + extra
    assert np.all(sizes % multiple_of == 0)
    steps = np.diff(sizes)
    assert np.all(steps > 0)
    # 1.15 * 100 < 115
    assert np.all((sizes[1:] <= ratio * sizes[:-1] * (1 + 1e-12)) | (steps == multiple_of))
    assert len(sizes) == 1 or sizes[-2] < low + extra


@given(st.integers(2, 300), st.data())
def test_bisection_finds_the_crossing_of_a_falling_curve_and_supports_it(length, data):
    position = data.draw(st.integers(1, length - 1))
    sizes = np.arange(10, 10 + 3 * length, 3)
    calls = []

    def errors_at(size):
        calls.append(size)
        return np.array([0.5, 1.5]) * (2.0 if size < sizes[position] else 1.0)

    grid, errors = bisect_sizes(errors_at, sizes, 1.0)
    assert sorted(calls) == grid.tolist()  # each once
    assert len(calls) <= math.ceil(math.log2(length + 1)) + 2
    wanted = {sizes[index] for index in range(position - 2, position + 2) if 0 <= index < length}
    assert wanted <= set(grid.tolist())
    assert errors.shape == (2, len(grid))
    np.testing.assert_array_equal(errors.mean(axis=0) > 1, grid < sizes[position])
