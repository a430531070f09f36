"""The exact error of a rule: against SciPy's normal orthants, full-dimensional draws, and what must not move it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr

import sims.naive_bayes_vs_logistic as observed

ULP = 2.0**-53
KEY = jax.random.key(40)
N_FEATURES = 6
error = jax.jit(observed.conditional_error)
MEANS, ONE = np.array([[-1.0], [1.0]]), np.ones(1)


def problem(n_classes, seed):
    """Means, a correlated covariance of condition number below 100, and a rule near the best one."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((N_FEATURES, 2 * N_FEATURES))
    covariance = root @ root.T / (2 * N_FEATURES) + 0.1 * np.eye(N_FEATURES)
    means = 1.5 * rng.standard_normal((n_classes, N_FEATURES))
    weights = np.linalg.solve(covariance, means.T).T + 0.2 * rng.standard_normal((n_classes, N_FEATURES))
    intercepts = rng.standard_normal(n_classes) * 0.3 - (weights * means).sum(axis=1) / 2
    return observed.LinearRule(jnp.asarray(weights), jnp.asarray(intercepts)), means, covariance


def orthants(rule, means, covariance, priors):
    """1 - Σ_k p_k P(all differences of scores are positive), by SciPy; good to 1e-7 for up to four classes."""
    weights, intercepts = np.asarray(rule.weights), np.asarray(rule.intercepts)
    wrong = []
    for own, mean in enumerate(means):
        gaps = weights[own] - np.delete(weights, own, axis=0)
        lead = gaps @ mean + intercepts[own] - np.delete(intercepts, own)
        law = stats.multivariate_normal(
            np.zeros(len(lead)), gaps @ covariance @ gaps.T, abseps=1e-7, releps=0, maxpts=10**6, seed=0
        )
        wrong.append(1 - law.cdf(lead))
    return priors @ np.array(wrong)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_error_is_that_of_normal_orthants(seed):
    for n_classes in (2, 3, 4):
        rule, means, covariance = problem(n_classes, seed)
        priors = np.random.default_rng(seed).dirichlet(np.full(n_classes, 3.0))
        found = float(error(rule, means, covariance, priors=priors))
        # 2e-5 is what the points promise for errors up to .01; larger ones are granted in proportion.
        margin = 1e-12 if n_classes == 2 else 2e-5 * max(1, found / 0.01)
        assert abs(found - orthants(rule, means, covariance, priors)) <= margin + 1e-7 * (n_classes > 2)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("seed", [1, 2])
def test_full_dimensional_draws_agree(n_classes, seed):
    rule, means, covariance = problem(n_classes, seed)
    factor = np.linalg.cholesky(covariance)
    n_points = 100_000

    @jax.jit
    def share_of_mistakes(key):
        labels_key, points_key = jax.random.split(key)
        labels = jax.random.randint(labels_key, (n_points,), 0, n_classes)
        return jnp.mean(rule.predict(observed.gaussian_classes(points_key, labels, means, factor)) != labels)

    share = share_of_mistakes(KEY)
    hits = round(float(share) * n_points)
    low, high = stats.binomtest(hits, n_points).proportion_ci(1 - 1e-6, method="exact")
    assert low - 1e-4 * (n_classes > 2) <= float(error(rule, means, covariance)) <= high + 1e-4 * (n_classes > 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-30, 30))
def test_the_scale_of_a_rule_and_a_common_score_do_not_matter(seed, exponent):
    for n_classes in (2, 4):
        rule, means, covariance = problem(n_classes, seed)
        expected = float(error(rule, means, covariance))
        # A power of two changes no digit of any intermediate number.
        scaled = observed.LinearRule(rule.weights * 4.0**exponent, rule.intercepts * 4.0**exponent)
        assert float(error(scaled, means, covariance)) == expected
    rule, means, covariance = problem(2, seed)
    moved = observed.LinearRule(rule.weights + jnp.arange(N_FEATURES) * 0.5, rule.intercepts + 3.0)
    # The sums of margins have 2n terms of about this size; the error's slope in a margin over its deviation is below 1.
    size = 1 + np.abs(moved.weights).sum() * (1 + np.abs(means).max()) + np.abs(moved.intercepts).max()
    gap = np.asarray(rule.weights[1] - rule.weights[0])
    bound = 50 * N_FEATURES * ULP * size**2 / (gap @ covariance @ gap) ** 0.5
    assert abs(float(error(moved, means, covariance)) - float(error(rule, means, covariance))) <= bound


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 7), st.floats(0.5, 3), st.integers(0, 2**32 - 1))
def test_collinear_means_need_no_points_to_be_exact(n_classes, gap, seed):
    """Levels c_k on one axis, cuts anywhere between them: each class is wrong beyond its cuts."""
    levels = gap * np.cumsum(np.random.default_rng(seed).uniform(0.5, 1.5, n_classes))
    cuts = (levels[1:] + levels[:-1]) / 2
    slopes = np.arange(n_classes, dtype=float)
    intercepts = -np.concatenate([[0], np.cumsum(cuts)])
    direction = np.ones(N_FEATURES) / N_FEATURES
    rule = observed.LinearRule(jnp.asarray(np.outer(slopes, direction)), jnp.asarray(intercepts))
    deviation = np.sqrt(1 / N_FEATURES)
    below = ndtr((np.append(-np.inf, cuts) - levels) / deviation)
    above = ndtr((levels - np.append(cuts, np.inf)) / deviation)
    found = error(rule, np.outer(levels, np.ones(N_FEATURES)), np.ones(N_FEATURES))
    # Neighbours are parted by differences of scores of size at most levels * K², and the eigenvectors of rank one are
    # orthogonal to rounding only: what leaks into the other directions is a root of it.
    leak = 100 * np.sqrt(ULP) * n_classes**2 * levels[-1] / gap
    np.testing.assert_allclose(found, np.mean(below + above), rtol=0, atol=min(leak, 2e-5))


def test_the_tail_keeps_its_digits():
    for distance in (10.0, 30.0):
        rule = observed.LinearRule(jnp.array([[0.0], [2 * distance]]), jnp.zeros(2))
        found = float(error(rule, np.array([[-distance], [distance]]), np.ones(1)))
        np.testing.assert_allclose(found, ndtr(-distance), rtol=1000 * ULP * distance**2)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_rule_without_weights_predicts_its_first_largest_intercept(n_classes):
    means = np.eye(n_classes, N_FEATURES)
    priors = np.arange(1.0, n_classes + 1) / np.arange(1.0, n_classes + 1).sum()
    for intercepts in (np.zeros(n_classes), np.eye(n_classes)[1]):
        rule = observed.LinearRule(jnp.zeros((n_classes, N_FEATURES)), jnp.asarray(intercepts))
        found = error(rule, means, np.ones(N_FEATURES), priors=priors)
        np.testing.assert_allclose(found, 1 - priors[np.argmax(intercepts)], rtol=0, atol=4 * ULP)


def test_a_rule_with_leading_axes_has_an_error_for_each_and_variances_mean_a_diagonal():
    rules, means, covariance = zip(*[problem(3, seed) for seed in range(4)], strict=True)
    stacked = observed.LinearRule(
        jnp.stack([rule.weights for rule in rules]).reshape(2, 2, 3, N_FEATURES),
        jnp.stack([rule.intercepts for rule in rules]).reshape(2, 2, 3),
    )
    errors = np.asarray(error(stacked, means[0], np.diag(covariance[0]))).ravel()
    matrix = np.diag(np.diag(covariance[0]))
    # Points are fixed: only rounding differs, at slopes that a crossing of two nearly parallel lines can enlarge.
    single = [float(error(rule, means[0], matrix)) for rule in rules]
    np.testing.assert_allclose(errors, single, rtol=0, atol=1e-10)


def test_one_program_and_many_one_after_the_other_agree():
    """Loops and batches are compiled differently: no decision may hang on a rounding that only one of them has."""
    keys = jax.random.split(KEY, 30)
    means = np.outer([-1.0, 1.0, 2.0, 4.0], np.ones(20))

    def cell(key):
        estimated = means + jax.random.normal(key, means.shape) / 2
        rule = observed.naive_bayes_rule(estimated, np.ones(20), np.full(4, 0.25))
        return observed.conditional_error(rule, means, np.ones(20), points=points)

    points = observed.quasi_random_points(64, 4)
    one_by_one = jax.jit(lambda ks: jax.lax.map(cell, ks))(keys)
    np.testing.assert_allclose(jax.jit(jax.vmap(cell))(keys), one_by_one, rtol=0, atol=1e-10)


def test_a_rule_that_is_not_finite_has_no_error():
    rule, means, covariance = problem(3, 0)
    for broken in (
        rule._replace(intercepts=rule.intercepts.at[1].set(-jnp.inf)),
        rule._replace(weights=rule.weights.at[0, 0].set(jnp.nan)),
    ):
        assert np.isnan(error(broken, means, covariance))


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: observed.quasi_random_points(100, 3), "n_points must be a power of two, got 100"),
        (lambda: observed.conditional_error(*problem(3, 0), points=np.zeros((4, 2))), "K - 2 = 1 axes, got 2"),
        (lambda: observed.conditional_error(problem(2, 0)[0], *problem(3, 0)[1:]), "rule must have 3 x 6 weights"),
        (
            lambda: observed.conditional_error(observed.LinearRule(jnp.full((2, 1), 1e300), jnp.zeros(2)), MEANS, ONE),
            "rule must have weights whose squares floats can hold",
        ),
    ],
)
def test_what_does_not_go_together_gets_one_sentence(attempt, sentence):
    with pytest.raises(ValueError, match=sentence):
        attempt()
