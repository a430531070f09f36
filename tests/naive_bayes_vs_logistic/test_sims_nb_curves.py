"""Learning curves, splits of given data, and the scan of the released code."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import MinMaxScaler

import sims.naive_bayes_vs_logistic as observed
from sims.naive_bayes_vs_logistic.learning_curves import _complete_order
from theory_on_trial.mapping import map_cells

ULP = 2.0**-53
KEY = jax.random.key(50)
N_FEATURES = 4
MEANS = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, -1.0, 0.5, 0.0]])
VARIANCES = np.array([1.0, 2.0, 0.5, 1.0])
COVARIANCE = np.diag(VARIANCES) + 0.2
SIZES = (4, 10, 30)


def over_keys(function, n_keys):
    return np.asarray(jax.jit(lambda keys: map_cells(function, keys))(jax.random.split(KEY, n_keys)))


@pytest.fixture(scope="module")
def pairs():
    """One program for the pairs of all sizes, twenty data sets of it."""
    paired = jax.jit(
        lambda keys, sizes, tolerance: map_cells(
            lambda key: observed.paired_errors(key, sizes, MEANS, COVARIANCE, max_samples=30, tolerance=tolerance), keys
        )
    )
    return lambda sizes, tolerance: np.asarray(paired(jax.random.split(KEY, 20), jnp.array(sizes), tolerance))


def test_a_pair_is_naive_bayes_and_logistic_regression_of_the_same_prefixes(pairs):
    tolerance = 1e-11
    both = pairs(SIZES, tolerance)
    generative = over_keys(
        lambda key: observed.nested_naive_bayes_errors(key, SIZES, MEANS, COVARIANCE, max_samples=30), 20
    )
    discriminative = over_keys(
        lambda key: observed.logistic_errors(key, SIZES, MEANS, COVARIANCE, max_samples=30, tolerance=tolerance), 20
    )
    assert np.all(np.isfinite(both))
    # Variances of few samples can be small: the rule's rounding is that of 1/σ̂², here at most about 1e6.
    np.testing.assert_allclose(both[..., 0], generative, rtol=0, atol=1e6 * 100 * ULP)
    # The ridge bends the loss by at least one: weights are within m √n tolerance of the minimum, and errors with them.
    np.testing.assert_allclose(both[..., 1], discriminative, rtol=0, atol=100 * 30 * tolerance)


def test_a_warm_start_does_not_move_the_fit(pairs):
    tolerance = 1e-11
    # Another prefix before it is another start, for the same data.
    np.testing.assert_allclose(
        pairs((4, 10, 30), tolerance)[:, 2], pairs((5, 20, 30), tolerance)[:, 2], rtol=0, atol=100 * 30 * tolerance
    )


def test_a_fit_that_did_not_converge_has_no_error(pairs):
    # A gradient this small is met where it rounds to zero, and nowhere else.
    errors = pairs(SIZES, 1e-200)
    assert np.isnan(errors[..., 1]).any()
    assert np.isfinite(errors[..., 0]).all()


def test_sufficient_statistics_give_the_errors_of_data():
    n_keys = 1500
    nested = over_keys(
        lambda key: observed.nested_naive_bayes_errors(key, (6, 9), MEANS, VARIANCES, max_samples=9), n_keys
    )
    drawn = np.asarray(
        jax.jit(lambda keys: map_cells(lambda key: observed.naive_bayes_errors(key, (6, 9), MEANS, VARIANCES), keys))(
            jax.random.split(jax.random.key(51), n_keys)
        )
    )
    for size in range(2):
        assert stats.ks_2samp(nested[:, size], drawn[:, size]).pvalue > 1e-6
    # Sizes of one key: a common data set, or none.
    assert stats.spearmanr(nested).pvalue < 1e-6
    assert stats.spearmanr(drawn).pvalue > 1e-6


def test_a_traced_size_too_small_for_all_classes_has_no_error():
    curve = jax.jit(lambda sizes: observed.naive_bayes_errors(KEY, sizes, MEANS, VARIANCES))
    errors = np.asarray(curve(jnp.array([1, 8])))
    assert np.isnan(errors[0])
    # Sizes have keys of their own: another first size leaves the second as it was.
    assert errors[1] == curve(jnp.array([5, 8]))[1]


def test_splits_are_those_of_a_plain_loop_over_scikit_learn():
    features, labels = load_iris(return_X_y=True)
    sizes, floor, n_keys = (7, 60), 0.01, 6

    def split(key, max_samples):
        return observed.split_errors(
            key,
            features,
            labels,
            3,
            sizes,
            max_samples=max_samples,
            var_floor=floor,
            inverse_ridge=2.0,
            tolerance=1e-10,
        )

    padded, exact = (jax.jit(lambda key, most=most: split(key, most)) for most in (64, 60))
    for key in jax.random.split(KEY, n_keys):
        found = np.asarray(padded(key))
        np.testing.assert_allclose(found, exact(key), rtol=4 * ULP)
        for index, (size, size_key) in enumerate(zip(sizes, jax.random.split(key, len(sizes)), strict=True)):
            order = np.asarray(_complete_order(size_key, jnp.asarray(labels), 3, size))
            train, test = order[:size], order[size:]
            assert sorted(order) == list(range(150))
            assert set(labels[train]) == {0, 1, 2}
            scale = MinMaxScaler().fit(features[train])
            inside, outside = scale.transform(features[train]), scale.transform(features[test])
            bayes = GaussianNB(var_smoothing=0).fit(inside, labels[train])
            bayes.var_ = np.tile(bayes.class_prior_ @ bayes.var_ + floor, (3, 1))
            logistic = LogisticRegression(C=2.0, tol=1e-10, max_iter=10_000).fit(inside, labels[train])
            for column, rule in enumerate((bayes, logistic)):
                # Shares of test rows: equal, or a whole row apart.
                share = np.mean(rule.predict(outside) != labels[test])
                np.testing.assert_allclose(found[index, column], share, rtol=4 * ULP)


def plain_scan(key, error_at, target, most, step):
    m = 4
    while m <= most and not error_at(jax.random.fold_in(key, m), jnp.array([m]))[0] < target:
        m += step
    return m


def test_the_scan_stops_where_a_plain_loop_stops():
    step, most = 2, 40  # ceil(ln 4) = 2
    scan = jax.jit(lambda key, target: observed.official_scan(key, MEANS, VARIANCES, 2, target, most=most))
    error_at = jax.jit(lambda key, m: observed.naive_bayes_errors(key, m, MEANS, VARIANCES, labels="random"))
    found = [int(scan(key, 0.32)) for key in jax.random.split(KEY, 8)]
    assert found == [plain_scan(key, error_at, 0.32, most, step) for key in jax.random.split(KEY, 8)]
    assert len(set(found)) > 1
    # A target below the best rule's error is never reached: the scan ends one step above its limit.
    assert int(scan(KEY, 1e-6)) == most + step


def test_the_scan_of_logistic_regression_stops_where_a_plain_loop_stops():
    step, most = 2, 40
    scan = jax.jit(lambda key: observed.official_logistic_scan(key, MEANS, VARIANCES, 2, 0.32, most=most))
    error_at = jax.jit(
        lambda key, m: observed.logistic_errors(key, m, MEANS, VARIANCES, max_samples=most, labels="random")
    )
    found = [int(scan(key)) for key in jax.random.split(KEY, 8)]
    assert found == [plain_scan(key, error_at, 0.32, most, step) for key in jax.random.split(KEY, 8)]
    assert len(set(found)) > 1


IRIS = load_iris(return_X_y=True)


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: observed.naive_bayes_errors(KEY, (2, 4), np.eye(3, 4), VARIANCES), "at least the 3 classes, got 2"),
        (lambda: observed.logistic_errors(KEY, (4, 9), MEANS, VARIANCES, max_samples=8), "at most max_samples = 8"),
        (
            lambda: observed.split_errors(KEY, *IRIS, 3, (9,), max_samples=150),
            "max_samples must be below the number of samples, 150, got 150",
        ),
        (lambda: observed.split_errors(KEY, *IRIS, 4, (9,), max_samples=20), "got none of class 3"),
        (lambda: observed.split_errors(KEY, *IRIS, 2, (9,), max_samples=20), "labels must be below n_classes = 2, got"),
        (lambda: observed.official_scan(KEY, MEANS, VARIANCES, 3, 0.1, most=40), "one row for each of the 3 classes"),
        (lambda: observed.official_scan(KEY, np.eye(3, 4), VARIANCES, 3, 0.1, most=5), "most must be at least 2K = 6"),
    ],
)
def test_what_does_not_go_together_gets_one_sentence(attempt, sentence):
    with pytest.raises(ValueError, match=sentence):
        attempt()
