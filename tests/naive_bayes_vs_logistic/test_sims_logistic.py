"""Ridge logistic regression: against scikit-learn, against its own optimality conditions, under symmetries.

Every hypothesis example is padded to one shape, by rows without weight and by features of zeros: one program for each
number of classes. A fit is certified by the gradient of the objective in plain NumPy; two fits certified so differ by
no more than `distance` allows.
"""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from sims.naive_bayes_vs_logistic.linear_rule import LinearRule
from sims.naive_bayes_vs_logistic.logistic import ridge_logistic, rotate

ROWS, FEATURES = 60, 8
TOLERANCE = 1e-10
ULP = 2.0**-53
EXAMPLES = settings(max_examples=20, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def problem(seed, n_classes, n_rows=40, n_features=5, scale_range=1.0, shift=0.5):
    """Overlapping Gaussian classes of unequal sizes, with features of unequal scales; every class occurs."""
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(n_classes), rng.choice(n_classes, n_rows - n_classes, p=rng.dirichlet(np.ones(n_classes)))]
    features = rng.standard_normal((n_rows, n_features)) + shift * rng.standard_normal((n_classes, n_features))[labels]
    return features * 10 ** rng.uniform(-scale_range, scale_range, n_features), labels


def padded(features, labels, filling=0.0):
    """The same problem in ROWS rows and FEATURES features."""
    rows, width = features.shape
    grown = np.zeros((ROWS, FEATURES))
    grown[:rows, :width] = features
    grown[rows:] = filling
    return grown, np.pad(labels, (0, ROWS - rows)), (np.arange(ROWS) < rows).astype(float)


def fit(features, labels, n_classes, filling=0.0, start=None, **options):
    """The fit of the padded problem, its rule cut back to the features there are."""
    grown, grown_labels, weight = padded(features, labels, filling)
    options = {"tolerance": TOLERANCE} | options
    found = ridge_logistic(grown, grown_labels, n_classes, sample_weight=weight, start=start, **options)
    assert np.all(np.asarray(found.rule.weights)[:, features.shape[1] :] == 0)
    return found._replace(rule=found.rule._replace(weights=found.rule.weights[:, : features.shape[1]]))


def scores(rule, features):
    return features @ np.asarray(rule.weights, float).T + np.asarray(rule.intercepts, float)


def mean_gradient(rule, features, labels, n_classes, inverse_ridge):
    """Derivatives of the mean loss by (W, b) in NumPy, by one vector for two classes; and their rounding errors."""
    weights, intercepts = np.asarray(rule.weights, float), np.asarray(rule.intercepts, float)
    residuals = softmax(scores(rule, features), axis=1) - np.eye(n_classes)[labels]
    if n_classes == 2:
        weights, residuals = weights[1:] - weights[:1], residuals[:, 1:]
    by_weight = residuals.T @ features / len(labels) + weights / (inverse_ridge * len(labels))
    largest_logit = (np.abs(features) @ np.abs(np.asarray(rule.weights)).T + np.abs(intercepts)).max()
    # Sums of up to rows + features terms, each with the relative error of an exponential of the largest logit.
    rounding = 4 * (features.size + ROWS + largest_logit) * ULP * max(np.abs(features).max(), 1.0)
    return np.concatenate([by_weight.ravel(), residuals.mean(axis=0)]), rounding


def distance(features, labels, rule, n_classes, inverse_ridge, derivative):
    """How far a point with derivatives up to `derivative` can lie from the minimiser, from the Hessian at `rule`.

    Twice the Newton step's bound: the Hessian of the logistic loss changes little over so short a way.
    """
    points = np.column_stack([features, np.ones(len(features))])
    q = softmax(scores(rule, features), axis=1)
    blocks = np.einsum("jk,kl->jkl", q, np.eye(n_classes)) - np.einsum("jk,jl->jkl", q, q)
    hessian = np.einsum("jkl,jp,jr->kplr", blocks, points, points) / len(features)
    penalty = np.diag(np.r_[np.ones(features.shape[1]), 0]) / (inverse_ridge * len(features))
    if n_classes == 2:
        matrix = hessian[1, :, 1] + penalty
    else:
        size = n_classes * points.shape[1]
        matrix = hessian.reshape(size, size) + np.kron(np.eye(n_classes), penalty)
    # Moving all intercepts alike changes nothing, and the fits hold their sum at zero.
    return 2 * np.abs(np.linalg.pinv(matrix, rcond=1e-13, hermitian=True)).sum(axis=1).max() * derivative


def assert_same_rule(first, second, bound):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=bound)


@pytest.mark.parametrize("n_classes", [2, 3, 4, 5, 6])
@EXAMPLES
@given(seed=SEEDS, n_rows=st.integers(8, ROWS), n_features=st.integers(1, FEATURES), log_c=st.floats(-2, 1.5))
def test_the_minimiser_is_the_one_of_scikit_learn(n_classes, seed, n_rows, n_features, log_c):
    features, labels = problem(seed, n_classes, n_rows, n_features)
    inverse_ridge = float(10**log_c)
    found = fit(features, labels, n_classes, inverse_ridge=inverse_ridge)
    gradient, rounding = mean_gradient(found.rule, features, labels, n_classes, inverse_ridge)
    assert found.gradient <= TOLERANCE
    assert np.abs(gradient).max() <= TOLERANCE + rounding
    peer = LogisticRegression(C=inverse_ridge, solver="newton-cholesky", tol=TOLERANCE, max_iter=1000)
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        peer.fit(features, labels)
    assume(not complaints)  # where its matrix was singular, a solver of less accuracy has taken over
    weights, intercepts = np.asarray(found.rule.weights), np.asarray(found.rule.intercepts)
    if n_classes == 2:
        weights, intercepts = weights[1:] - weights[:1], intercepts[1:] - intercepts[:1]
    np.testing.assert_allclose(weights, peer.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(intercepts, peer.intercept_, rtol=0, atol=5e-6)


@EXAMPLES
@given(seed=SEEDS, log_c=st.floats(-1, 1))
def test_two_vectors_for_two_classes_are_penalised_half_as_much(seed, log_c):
    """½(|w_0|² + |w_1|²) at w_1 = -w_0 = w/2 is ¼|w|²: the rule is the softmax one of C/2, and not of C."""
    features, labels = problem(seed, 2)
    inverse_ridge = float(10**log_c)
    found = fit(features, labels, 2, inverse_ridge=inverse_ridge)
    weights = np.asarray(found.rule.weights)
    residuals = softmax(scores(found.rule, features), axis=1) - np.eye(2)[labels]
    by_loss = residuals.T @ features / len(labels)
    _, rounding = mean_gradient(found.rule, features, labels, 2, inverse_ridge)
    penalty = weights / (inverse_ridge * len(labels))
    assert np.abs(by_loss + 2 * penalty).max() <= TOLERANCE + rounding
    assert np.abs(by_loss + penalty).max() >= 0.9 * np.abs(penalty).max()
    np.testing.assert_array_equal(weights[0], -weights[1])


@EXAMPLES
@given(seed=SEEDS, filling=st.floats(-1e6, 1e6))
def test_rows_without_weight_change_no_bit(seed, filling):
    features, labels = problem(seed, 3)
    plain, filled = fit(features, labels, 3), fit(features, labels, 3, filling=filling)
    for one, other in zip(plain.rule, filled.rule, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_prefix_by_weights_is_the_fit_of_the_prefix():
    features, labels = problem(5, 3, ROWS, FEATURES)
    weight = (np.arange(ROWS) < 37).astype(float)
    by_weight = ridge_logistic(features, labels, 3, sample_weight=weight, tolerance=TOLERANCE)
    alone = ridge_logistic(features[:37], labels[:37], 3, tolerance=TOLERANCE)
    assert_same_rule(
        by_weight.rule, alone.rule, 2 * distance(features[:37], labels[:37], alone.rule, 3, 1.0, TOLERANCE)
    )


@EXAMPLES
@given(seed=SEEDS, order=st.permutations(range(3)), columns=st.permutations(range(5)))
def test_classes_and_features_may_be_renamed(seed, order, columns):
    features, labels = problem(seed, 3)
    order = np.array(order)
    rule = fit(features, labels, 3).rule
    renamed = fit(features[:, columns], order[labels], 3).rule
    back = LinearRule(renamed.weights[order][:, np.argsort(columns)], renamed.intercepts[order])
    assert_same_rule(rule, back, 2 * distance(features, labels, rule, 3, 1.0, TOLERANCE))


def overlapping(seed, n_classes, n_rows=ROWS, n_features=3):
    """A problem that has a maximum likelihood estimate: every point of the first third occurs in every class."""
    features, labels = problem(seed, n_classes, n_rows, n_features, scale_range=0.3)
    shared = n_rows // (2 * n_classes)
    for k in range(n_classes):
        features[k * shared : (k + 1) * shared] = features[:shared]
        labels[k * shared : (k + 1) * shared] = k
    return features, labels


@EXAMPLES
@given(seed=SEEDS, scales=st.lists(st.floats(0.1, 10), min_size=3, max_size=3), shift=st.floats(-5, 5))
def test_maximum_likelihood_is_the_same_in_all_units_and_the_ridge_is_not(seed, scales, shift):
    features, labels = overlapping(seed, 2)
    scales = np.array(scales)
    scales[0] = 20.0
    rescaled = features * scales + shift
    logits, ridge_logits = (scores(fit(features, labels, 2, inverse_ridge=c).rule, features) for c in (np.inf, 1.0))
    rule, ridge_rule = (fit(rescaled, labels, 2, inverse_ridge=c).rule for c in (np.inf, 1.0))
    points = 1 + np.abs(features).sum(axis=1).max() + np.abs(rescaled).sum(axis=1).max()
    same = fit(features, labels, 2, inverse_ridge=np.inf).rule
    bound = points * sum(distance(x, labels, r, 2, np.inf, TOLERANCE) for x, r in ((features, same), (rescaled, rule)))
    np.testing.assert_allclose(scores(rule, rescaled), logits, rtol=0, atol=bound)
    assert np.abs(scores(ridge_rule, rescaled) - ridge_logits).max() > 10 * bound


@EXAMPLES
@given(seed=SEEDS)
def test_features_given_twice_leave_the_likelihood_and_move_the_ridge(seed):
    features, labels = overlapping(seed, 3)
    twice = np.hstack([features, features])
    for inverse_ridge, moves in ((np.inf, False), (1.0, True)):
        once_rule = fit(features, labels, 3, inverse_ridge=inverse_ridge).rule
        twice_rule = fit(twice, labels, 3, inverse_ridge=inverse_ridge).rule
        bound = 2 * distance(features, labels, once_rule, 3, inverse_ridge, TOLERANCE)
        bound *= 1 + np.abs(twice).sum(axis=1).max()
        difference = np.abs(scores(once_rule, features) - scores(twice_rule, twice)).max()
        assert (difference > bound) == moves


@EXAMPLES
@given(seed=SEEDS, log_size=st.floats(-2, 3))
def test_where_the_fit_begins_does_not_move_the_minimiser(seed, log_size):
    features, labels = problem(seed, 3)
    rng = np.random.default_rng(seed)
    size = 10**log_size
    start = LinearRule(
        jnp.asarray(size * rng.standard_normal((3, FEATURES))), jnp.asarray(size * rng.standard_normal(3))
    )
    cold, warm = fit(features, labels, 3), fit_padded_from(features, labels, start)
    bound = 2 * distance(features, labels, cold.rule, 3, 1.0, TOLERANCE)
    assert warm.gradient <= TOLERANCE
    # The start also moves the padding features, which the penalty brings back to zero as closely as the tolerance asks.
    padding = TOLERANCE * len(labels)
    assert np.abs(warm.rule.weights[:, features.shape[1] :]).max() <= padding * (1 + 1e-12)
    weights = warm.rule.weights[:, : features.shape[1]]
    assert_same_rule(cold.rule, LinearRule(weights, warm.rule.intercepts), bound)


def fit_padded_from(features, labels, start):
    grown, grown_labels, weight = padded(features, labels)
    return ridge_logistic(grown, grown_labels, 3, sample_weight=weight, start=start, tolerance=TOLERANCE)


def test_a_fit_begun_at_the_minimiser_takes_no_step():
    features, labels = padded(*problem(3, 3, ROWS, FEATURES))[:2]
    found = ridge_logistic(features, labels, 3, tolerance=1e-8)
    again = ridge_logistic(features, labels, 3, tolerance=1.01e-8, start=found.rule)
    assert found.iterations > 5
    assert again.iterations == 0
    assert_same_rule(found.rule, again.rule, 50 * ULP * (1 + np.abs(features).sum(axis=1).max()))


def test_nearly_separable_classes_with_saturated_probabilities_converge():
    """The design that broke an unsafeguarded line search: n = 400, standard deviations √n and 1, from a far start."""
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
    # The penalised objective is strongly convex with constant 1/m in w, where the intercept is at its best.
    bound = 4 * np.sqrt(n) * n * 1e-8
    np.testing.assert_allclose(cold.rule.weights, warm.rule.weights, rtol=0, atol=bound)


@EXAMPLES
@given(seed=SEEDS, exponent=st.integers(-12, 12), offset=st.floats(-1e5, 1e5))
def test_extreme_units_and_offsets_give_finite_rules_and_a_true_certificate(seed, exponent, offset):
    features, labels = problem(seed, 3)
    features = features * 10.0**exponent + offset
    found = fit(features, labels, 3, tolerance=1e-6, max_iterations=300)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    gradient, rounding = mean_gradient(found.rule, features, labels, 3, 1.0)
    assert abs(np.abs(gradient).max() - found.gradient) <= rounding


def test_a_fit_cut_short_says_so():
    features, labels = problem(7, 3)
    short = fit(features, labels, 3, max_iterations=2)
    assert short.iterations == 2
    assert short.gradient > 1e-6


def test_many_fits_in_one_program_by_map_and_by_vmap():
    problems = [padded(*problem(seed, 3)) for seed in range(4)]
    stacked = tuple(np.stack(parts) for parts in zip(*problems, strict=True))

    def one(features, labels, weight):
        return ridge_logistic(features, labels, 3, sample_weight=weight, tolerance=TOLERANCE)

    mapped = jax.jit(lambda *cells: jax.lax.map(lambda cell: one(*cell), cells))(*stacked)
    batched = jax.jit(jax.vmap(one))(*stacked)
    for index, (features, labels, weight) in enumerate(problems):
        alone = one(features, labels, weight)
        bound = 2 * distance(features[weight > 0], labels[weight > 0], alone.rule, 3, 1.0, TOLERANCE)
        for many in (mapped, batched):
            assert many.gradient[index] <= TOLERANCE
            assert_same_rule(alone.rule, jax.tree.map(lambda leaf, i=index: leaf[i], many.rule), bound)


def test_single_precision_for_a_loose_tolerance():
    features, labels, weight = padded(*problem(11, 3, scale_range=0.0))
    single = ridge_logistic(
        features.astype(np.float32), labels, 3, sample_weight=weight.astype(np.float32), tolerance=1e-4
    )
    assert single.rule.weights.dtype == np.float32
    assert single.gradient <= 1e-4
    kept = weight > 0
    gradient, rounding = mean_gradient(single.rule, features[kept].astype(np.float32), labels[kept], 3, 1.0)
    assert np.abs(gradient).max() <= 1e-4 + rounding * 2**29


@EXAMPLES
@given(seed=SEEDS)
def test_rotated_rows_are_the_same_problem_in_fewer_numbers_and_so_are_their_prefixes(seed):
    features, labels = problem(seed, 3, 12, 30, scale_range=0.5)
    rotation = rotate(features)
    assert rotation.rows.shape == (12, 12)
    size = 10 * 30 * ULP * np.linalg.norm(features)
    np.testing.assert_allclose(rotation.rows @ rotation.basis.T, features, rtol=0, atol=size)
    np.testing.assert_array_equal(np.triu(rotation.rows, 1), 0)
    prefix = slice(0, 9)
    in_full = ridge_logistic(features[prefix], labels[prefix], 3, tolerance=TOLERANCE)
    rotated = ridge_logistic(rotation.rows[prefix], labels[prefix], 3, tolerance=TOLERANCE)
    back = rotation.rotate_back(rotated.rule)
    derivative = TOLERANCE * np.sqrt(12) + mean_gradient(back, features[prefix], labels[prefix], 3, 1.0)[1]
    bound = 2 * distance(features[prefix], labels[prefix], in_full.rule, 3, 1.0, derivative)
    assert_same_rule(in_full.rule, back, bound)


FLOATS, LABELS = np.array([[0.0, 1], [1, 0], [2, 2]]), np.array([0, 1, 0])


@pytest.mark.parametrize(
    ("labels", "options", "sentence"),
    [
        (LABELS, {"n_classes": 3}, "labels must hold every class with some weight, got none of class 2"),
        (LABELS, {"sample_weight": np.array([1.0, 0, 1])}, "labels must hold every class .* got none of class 1"),
        (LABELS + 1, {}, "labels must be below n_classes = 2, got 2"),
        (LABELS[:2], {}, "labels must have one entry for each of the 3 samples, got 2"),
        (LABELS, {"sample_weight": np.ones(2)}, "sample_weight must have one entry for each of the 3 samples, got 2"),
        (
            LABELS,
            {"start": LinearRule(jnp.zeros((2, 3)), jnp.zeros(2))},
            r"start must have 2 x 2 weights and 2 intercepts, got shapes \(2, 3\)",
        ),
    ],
)
def test_what_does_not_go_together_gets_one_sentence(labels, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        ridge_logistic(FLOATS, labels, **{"n_classes": 2} | options)


def test_single_precision_is_not_asked_for_double_accuracy():
    with pytest.raises(ValueError, match="tolerance must be at least 1e-5 for float32 features"):
        ridge_logistic(FLOATS.astype(np.float32), LABELS, 2)
