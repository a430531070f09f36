"""Labels, counts, data and sufficient statistics: each drawn from the law it claims.

Every goodness-of-fit test has level 1e-6 and a fixed key.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import sims.naive_bayes_vs_logistic as observed

KEY = jax.random.key(20)
LEVEL = 1e-6
PRIORS = np.array([0.2, 0.3, 0.5])


@given(st.integers(2, 9), st.integers(0, 60))
def test_every_prefix_of_balanced_labels_is_as_balanced_as_it_can_be(n_classes, extra):
    n_samples = n_classes + extra
    counts = np.bincount(observed.balanced_labels(n_samples, n_classes), minlength=n_classes)
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(counts, observed.balanced_counts(n_samples, n_classes))


def test_balanced_counts_of_a_traced_size_are_those_of_the_number():
    sizes = np.arange(3, 12)
    traced = jax.vmap(lambda size: observed.balanced_counts(size, 3))(jnp.asarray(sizes))
    np.testing.assert_array_equal(traced, [observed.balanced_counts(int(size), 3) for size in sizes])


def complete_multinomial(n_samples, priors):
    """All count vectors without a zero, and their conditional probabilities."""
    counts = np.array([(a, b, n_samples - a - b) for a in range(1, n_samples) for b in range(1, n_samples - a)])
    weights = stats.multinomial(n_samples, priors).pmf(counts)
    return counts, weights / weights.sum()


def goodness_of_fit(drawn, cells, probabilities):
    found = np.array([(drawn == cell).all(axis=1).sum() for cell in cells])
    assert found.sum() == len(drawn)
    return stats.chisquare(found, len(drawn) * probabilities).pvalue


def test_random_counts_and_labels_have_the_multinomial_law_given_that_every_class_occurs():
    keys = jax.random.split(KEY, 4000)
    cells, probabilities = complete_multinomial(5, PRIORS)
    draw = jax.jit(jax.vmap(lambda key, size: observed.random_counts(key, size, PRIORS), in_axes=(0, None)))
    counts = draw(keys, 5)
    assert goodness_of_fit(np.asarray(counts), cells, probabilities) > LEVEL
    # A traced size too small for all classes cannot be refused, and must not be drawn again for ever.
    too_few = np.asarray(draw(keys, 2))
    assert np.all(too_few.sum(axis=1) == 2)
    labels = np.asarray(jax.jit(jax.vmap(lambda key: observed.random_labels(key, 5, PRIORS)))(keys))
    assert goodness_of_fit(np.stack([(labels == k).sum(axis=1) for k in range(3)], 1), cells, probabilities) > LEVEL


def test_random_labels_are_complete_in_the_prefix_asked_for_and_free_beyond():
    keys = jax.random.split(KEY, 2000)
    labels = jax.vmap(lambda key: observed.random_labels(key, 9, PRIORS, complete_prefix=4))(keys)
    labels = np.asarray(labels)
    assert all(set(row) == {0, 1, 2} for row in labels[:, :4])
    rest = np.bincount(labels[:, 4:].ravel(), minlength=3)
    assert stats.chisquare(rest, rest.sum() * PRIORS).pvalue > LEVEL


def test_features_of_each_class_have_its_mean_and_the_common_covariance():
    covariance = np.array([[2.0, 0.6], [0.6, 0.5]])
    means = np.array([[1.0, -2.0], [40.0, 3.0]])
    labels = observed.balanced_labels(6000, 2)
    for factor, law in (
        (observed.covariance_factor(covariance), covariance),
        (observed.covariance_factor(np.diag(covariance)), np.diag(np.diag(covariance))),
    ):
        features = np.asarray(observed.gaussian_classes(KEY, labels, means, factor))
        white = np.linalg.solve(np.linalg.cholesky(law), (features - means[labels]).T)
        for direction in ([1, 0], [0, 1], [0.6, 0.8], [0.6, -0.8]):
            assert stats.kstest(np.asarray(direction) @ white, "norm").pvalue > LEVEL


def test_binary_statistics_have_binomial_laws_and_a_cost_without_samples():
    means = np.array([[0.1, 0.5], [0.7, 1.0], [0.02, 0.3]])
    keys = jax.random.split(KEY, 3000)
    draw = jax.jit(jax.vmap(lambda key: observed.binary_statistics(key, 1_000_000, means, PRIORS)))
    class_means, variances, priors = map(np.asarray, draw(keys))
    np.testing.assert_allclose(class_means[:, 1, 1], 1, rtol=4 * 2.0**-53)  # one division
    counts = np.rint(priors * 1_000_000)
    for k in range(3):
        # A lattice law with steps of about 1/300 of its width, or finer: the normal law is near enough for 3000 draws.
        assert (
            stats.kstest((counts[:, k] - 1e6 * PRIORS[k]) / (1e6 * PRIORS[k] * (1 - PRIORS[k])) ** 0.5, "norm")[1]
            > LEVEL
        )
        for i in range(2):
            if means[k, i] < 1:
                scale = np.sqrt(means[k, i] * (1 - means[k, i]) / counts[:, k])
                assert stats.kstest((class_means[:, k, i] - means[k, i]) / scale, "norm").pvalue > LEVEL
    pooled = (priors[..., None] * class_means * (1 - class_means)).sum(axis=1)
    np.testing.assert_allclose(variances, pooled, rtol=20 * 2.0**-53)


def test_small_binary_statistics_are_binomial_cell_by_cell():
    keys = jax.random.split(KEY, 4000)
    draw = jax.jit(jax.vmap(lambda key: observed.binary_statistics(key, 5, np.array([[0.3], [0.6], [0.5]]), PRIORS)))
    class_means, _, priors = map(np.asarray, draw(keys))
    of_two = np.rint(priors[:, 2] * 5) == 2
    ones = np.rint(class_means[of_two, 2, 0] * 2).astype(int)
    assert stats.chisquare(np.bincount(ones, minlength=3), len(ones) * np.array([0.25, 0.5, 0.25])).pvalue > LEVEL


def test_sample_statistics_are_normal_means_and_chi_square_variances():
    means, variances = np.array([[0.0, 5.0, 1.0], [2.0, -30.0, 1.0]]), np.array([1.0, 4.0, 0.01])
    draw = jax.jit(
        jax.vmap(lambda key, counts: observed.sample_statistics(key, counts, means, variances), in_axes=(0, None))
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


@pytest.mark.parametrize("counts", [(4, 5), (2, 2)])
def test_correlated_statistics_are_normal_means_and_a_wishart_matrix(counts):
    counts, means = np.array(counts), np.array([[0.0, 5.0, 1.0], [2.0, -3.0, 1.0]])
    factor = np.array([[1.0, 0, 0], [0.8, 0.6, 0], [-2.0, 1.0, 0.5]])
    freedom = counts.sum() - 2
    draw = jax.jit(jax.vmap(lambda key: observed.sample_statistics_correlated(key, counts, means, factor)))
    class_means, pooled = map(np.asarray, draw(jax.random.split(KEY, 3000)))
    white_means = np.linalg.solve(factor, ((class_means - means) * np.sqrt(counts)[:, None]).reshape(-1, 3).T)
    scatter = pooled * counts.sum()
    for direction in np.array([[1.0, 0, 0], [0, 0, 1.0], [0.5, -1.0, 2.0]]):
        assert stats.kstest(direction @ white_means / np.linalg.norm(direction), "norm").pvalue > LEVEL
        along = direction @ scatter @ direction / np.sum((factor.T @ direction) ** 2)
        assert stats.kstest(along, "chi2", args=(freedom,)).pvalue > LEVEL
        if freedom >= 3:
            # A Wishart matrix's inverse, which every entry enters, is chi-square with n - 1 degrees of freedom less.
            inverse = np.linalg.solve(scatter, np.broadcast_to(direction[:, None], (len(scatter), 3, 1)))[..., 0]
            ratio = np.sum(np.linalg.solve(factor, direction) ** 2) / (inverse @ direction)
            assert stats.kstest(ratio, "chi2", args=(freedom - 2,)).pvalue > LEVEL
    if freedom < 3:
        assert np.all(np.linalg.matrix_rank(scatter) == freedom)


def test_traced_counts_need_the_static_number_of_samples():
    def draw(counts, **known):
        return observed.sample_statistics_correlated(KEY, counts, np.zeros((2, 3)), np.ones(3), **known)

    counts = np.array([4, 5])
    for traced, known in zip(jax.jit(lambda c: draw(c, n_samples=9))(counts), draw(counts), strict=True):
        np.testing.assert_allclose(traced, known, rtol=0, atol=100 * 2.0**-53 * np.abs(known).max())
    with pytest.raises(ValueError, match="n_samples must be given where the counts are traced"):
        jax.jit(draw)(counts)


def test_an_indefinite_covariance_is_refused_and_has_no_factor_where_it_is_traced():
    indefinite = np.array([[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ValueError, match="covariance must be symmetric and positive definite"):
        observed.covariance_factor(indefinite)
    assert np.isnan(jax.jit(observed.covariance_factor)(indefinite)).any()


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: observed.balanced_counts(2, 3), "n_samples must be at least n_classes = 3, got 2"),
        (lambda: observed.random_counts(KEY, 2, PRIORS), "n_samples must be at least 3"),
        (lambda: observed.random_counts(KEY, 9, np.array([1e-9, 1 - 1e-9])), "n_samples must be so large that every"),
        (lambda: observed.random_labels(KEY, 9, PRIORS, complete_prefix=2), "complete_prefix must be at least 3"),
        (lambda: observed.random_labels(KEY, 9, PRIORS, complete_prefix=10), "complete_prefix must be at most n_samp"),
        (
            lambda: observed.gaussian_classes(KEY, np.array([0, 2]), np.zeros((2, 1)), np.ones(1)),
            "labels must be below n_classes = 2, got 2",
        ),
        (lambda: observed.binary_statistics(KEY, 2, np.full((3, 1), 0.1), PRIORS), "n_samples must be at least 3"),
        (
            lambda: observed.sample_statistics_correlated(KEY, np.ones(2, int), np.eye(2), np.ones(2), n_samples=3),
            "n_samples must be what counts add up to, 2, got 3",
        ),
    ],
)
def test_what_does_not_go_together_gets_one_sentence(attempt, sentence):
    with pytest.raises(ValueError, match=sentence):
        attempt()
