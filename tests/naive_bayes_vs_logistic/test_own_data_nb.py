"""The diagnostics of a user's features: exact identities, planted truths, hostile input."""

from itertools import product

import jax
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import t

from own_data.naive_bayes_vs_logistic import assumption_diagnostics, learning_curves
from sims import naive_bayes_vs_logistic as observed
from theory import naive_bayes_vs_logistic as predicted
from theory_on_trial.mapping import map_cells
from theory_on_trial.own_data.jackknife import GROUPS, jackknife, share, stratified_groups

WITHOUT_NOISE = 10**12
ROUNDING = 2**-53


def equicorrelated(n_features, correlation):
    return np.full((n_features, n_features), correlation) + (1 - correlation) * np.eye(n_features)


def shifted(n_features, informative, gap):
    return np.stack([np.zeros(n_features), gap * (np.arange(n_features) < informative)])


def drawn(seed, means, covariance, n_samples):
    labels = np.arange(n_samples) % len(means)
    normals = np.random.default_rng(seed).standard_normal((n_samples, means.shape[1]))
    return means[labels] + normals @ np.linalg.cholesky(covariance).T, labels


def random_classes(seed, n_classes, n_features):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((n_features, 2 * n_features))
    return rng.standard_normal((n_classes, n_features)), root @ root.T / n_features + 0.1 * np.eye(n_features)


def curves_of(means, covariance):
    return learning_curves(means, covariance, np.full(len(means), WITHOUT_NOISE))


SEEDS, SIZES = st.integers(0, 2**31), st.integers(2, 9)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, n_features=SIZES)
def test_limits_of_the_curves_are_the_exact_errors(seed, n_features):
    """Removed noise is of order n / 1e12, and a margin moves an error by less than itself; the rest is rounding."""
    means, covariance = random_classes(seed, 2, n_features)
    naive, logistic = curves_of(means, covariance)
    condition = np.linalg.cond(covariance) * n_features
    tolerance = 100 * condition * (ROUNDING + 1 / WITHOUT_NOISE)
    exact = predicted.naive_bayes_asymptotic_error(means, covariance)
    assert abs(ndtr(-np.sqrt(naive.distances[0]) / 2) - exact) <= tolerance
    exact = predicted.mahalanobis_squared(means[1] - means[0], covariance)
    assert abs(logistic.distances[0] / exact - 1) <= tolerance * (1 + 1 / exact)
    assert naive.distances[0] <= logistic.distances[0] * (1 + tolerance * (1 + 1 / exact))
    assert naive.effective_features[0] >= 1 - tolerance


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, n_features=SIZES, n_samples=st.integers(4, 5000))
def test_independent_features_have_the_law_of_the_theory(seed, n_features, n_samples):
    means, covariance = random_classes(seed, 2, n_features)
    variances = np.diag(covariance)
    naive, logistic = curves_of(means, np.diag(variances))
    distance = float(np.sum((means[1] - means[0]) ** 2 / variances))
    tolerance = 100 * n_features * (ROUNDING + 1 / WITHOUT_NOISE) * (1 + 1 / distance)
    assert abs(naive.effective_features[0] / n_features - 1) <= tolerance
    law = predicted.naive_bayes_expected_error_large_n
    exact = law(n_features, n_samples, distance) - float(ndtr(-np.sqrt(distance) / 2))
    assert abs(naive.excess(n_samples) - exact) <= tolerance
    assert naive.excess(n_samples) >= naive.excess(2 * n_samples) >= 0
    assert logistic.excess(n_samples) >= logistic.excess(2 * n_samples) >= 0


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, n_features=SIZES, excess=st.floats(1e-4, 0.1))
def test_samples_are_where_the_excess_is(seed, n_features, excess):
    naive, _ = curves_of(*random_classes(seed, 3, n_features))
    samples = naive.samples(excess)
    assert samples >= 2
    if samples > 2:  # found to 1e-9 in log m; the excess changes by less than itself where log m changes by one
        assert abs(naive.excess(samples) - excess) <= 2e-9 * naive.excess(samples / 3)
    else:
        assert naive.excess(2) <= excess


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, fraction=st.floats(0.1, 1.0))
def test_with_features_is_the_mean_over_choices(seed, fraction):
    """All 2^5 choices of features, weighted by their probabilities."""
    means, covariance = random_classes(seed, 2, 5)
    naive, _ = curves_of(means, covariance)
    part = naive.with_features(fraction)
    deviations = np.sqrt(np.diag(covariance))
    correlation, gap = covariance / np.outer(deviations, deviations), (means[1] - means[0]) / deviations
    sums = np.zeros(3)
    for choice in product([0.0, 1.0], repeat=5):
        kept = np.array(choice)
        chance = np.prod(np.where(kept > 0, fraction, 1 - fraction))
        among = correlation * np.outer(kept, kept)
        sums += chance * np.array([kept @ gap**2, gap @ among @ gap, np.sum(among**2)])
    found = np.array([part.signals[0], part.spreads[0], part.squared_correlations])
    np.testing.assert_allclose(found, sums, rtol=1000 * (ROUNDING + 1 / WITHOUT_NOISE), atol=1e3 / WITHOUT_NOISE)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, n_features=SIZES)
def test_curves_do_not_see_units_or_order(seed, n_features):
    means, covariance = random_classes(seed, 3, n_features)
    counts, rng = np.array([40, 50, 90]), np.random.default_rng(seed)
    units, order = 2.0 ** rng.integers(-20, 20, n_features), rng.permutation(n_features)
    changed = (means * units)[:, order], (covariance * np.outer(units, units))[np.ix_(order, order)]
    tolerance = 100 * n_features * np.linalg.cond(covariance) * ROUNDING
    for one, other in zip(learning_curves(means, covariance, counts), learning_curves(*changed, counts), strict=True):
        np.testing.assert_allclose(one.distances, other.distances, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(one.excess(500), other.excess(500), rtol=0, atol=tolerance)


def test_distances_are_unbiased():
    """Mean of 1500 estimates from 40 samples of 5 features, within 5 standard errors of the truth."""
    means, covariance, counts, runs = *random_classes(3, 2, 5), np.array([15, 25]), 1500
    covariance /= np.linalg.norm(covariance)  # a distance so large that no estimate is cut at zero
    rng, root = np.random.default_rng(0), np.linalg.cholesky(covariance)
    estimates = []
    for _ in range(runs):
        noise = rng.standard_normal((2, 5)) @ root.T / np.sqrt(counts)[:, None]
        residuals = rng.standard_normal((38, 5)) @ root.T
        naive, logistic = learning_curves(means + noise, residuals.T @ residuals / 38, counts)
        estimates.append((naive.signals[0], naive.squared_correlations, logistic.distances[0]))
    gap = means[1] - means[0]
    correlation = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    signal = np.sum(gap**2 / np.diag(covariance))
    bayes = predicted.mahalanobis_squared(gap, covariance)
    mean, deviation = np.mean(estimates, axis=0), np.std(estimates, axis=0) / np.sqrt(runs)
    assert abs(mean[0] - signal) <= 5 * deviation[0]
    assert abs(mean[2] - bayes) <= 5 * deviation[2]
    # Nearly unbiased only: a squared sample correlation is off by at most 4 rho^2 / freedom beyond the noise removed.
    assert abs(mean[1] - np.sum(correlation**2)) <= 5 * deviation[1] + 4 * (np.sum(correlation**2) - 5) / 38


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, confidence=st.floats(0.5, 0.99))
def test_jackknife_of_means_and_squares(seed, confidence):
    """The mean has Student's interval of the group means; the square of the mean loses exactly its variance."""
    groups = np.random.default_rng(seed).standard_normal(GROUPS)
    means = np.array([groups.mean(), *((groups.sum() - groups) / (GROUPS - 1))])
    error = groups.std(ddof=1) / np.sqrt(GROUPS)
    expected = groups.mean() + error * t.ppf((1 + confidence) / 2, GROUPS - 1) * np.array([0, -1, 1])
    np.testing.assert_allclose(jackknife(means, confidence), expected, rtol=0, atol=1e5 * ROUNDING)
    assert abs(jackknife(means**2, confidence).value - (groups.mean() ** 2 - error**2)) <= 1e5 * ROUNDING
    shifted_up = jackknife(np.exp(means), confidence, "log")
    np.testing.assert_allclose(np.log(shifted_up), expected, rtol=0, atol=1e5 * ROUNDING)
    through_errors = jackknife(ndtr(means), confidence, "probit")
    np.testing.assert_allclose(through_errors, ndtr(expected), rtol=0, atol=1e5 * ROUNDING)


@given(st.lists(st.integers(0, 3), min_size=40, max_size=300))
def test_groups_are_even(labels):
    groups = stratified_groups(np.array(labels))
    assert np.ptp(np.bincount(groups, minlength=GROUPS)) <= 1
    for label in set(labels):
        assert np.ptp(np.bincount(groups[np.array(labels) == label], minlength=GROUPS)) <= 1


def test_share_holds_itself_and_stays_in_range():
    for wrong in (0, 3, 40):
        interval = share(wrong, 40, 0.95)
        assert 0 <= interval.low <= interval.value == wrong / 40 <= interval.high <= 1


@settings(max_examples=2, deadline=None)
@given(seed=SEEDS)
def test_statistics_by_their_definition(seed):
    """beta and alpha from the scores themselves, divided by the number of features (not of classes)."""
    features, labels = drawn(seed, *random_classes(seed, 3, 4), 90)
    result = assumption_diagnostics(features, labels)
    means = np.array([features[labels == k].mean(axis=0) for k in range(3)])
    variances = np.mean((features - means[labels]) ** 2, axis=0)
    scores = np.log(1 / 3) - ((features[:, None] - means) ** 2 / (2 * variances)).sum(axis=2)
    tolerance = 1e4 * ROUNDING * (1 + np.max(np.abs(scores)) ** 2)
    for k1, k2, k in product(range(3), repeat=3):
        lead = (scores[:, k1] - scores[:, k2])[labels == k]
        assert abs(result.beta[k1, k2, k] - abs(lead.mean()) / 4) <= tolerance
        assert abs(result.alpha[k1, k2, k] - lead.var() / 4) <= tolerance
    scaled = np.sort(variances / np.ptp(features, axis=0) ** 2)
    assert result.rho_0.low <= result.rho_0.value <= result.rho_0.high
    assert result.variance_percentiles[0].low <= scaled[0] <= result.variance_percentiles[0].high
    assert len(result.variance_percentiles) == 11


def test_containers_labels_and_units_do_not_matter():
    features, labels = drawn(5, *random_classes(5, 3, 4), 60)
    result = str(assumption_diagnostics(features, labels))
    names = np.array(["ape", "bee", "cat"])[labels]
    frame = pd.DataFrame(features, columns=list("wxyz"))
    for X, y in (
        (frame, names),
        (frame, pd.Series(names, dtype="category")),
        (frame * [2.0, 1024.0, 0.5, 1.0], pd.Series(labels, index=range(7, 67))),
        (jax.numpy.asarray(features), names.tolist()),
    ):
        assert str(assumption_diagnostics(X, y)) == result
    assert assumption_diagnostics(frame, names).classes == ("ape", "bee", "cat")


PLANTED = {
    "never": (shifted(20, 10, 0.8), equicorrelated(20, 0.5), 400),
    "O(1)": (shifted(40, 40, 0.6), np.eye(40), 1500),
    "O(n)": (shifted(50, 50, 0.15), np.eye(50), 4000),
    "undecided": (shifted(20, 10, 0.02), np.eye(20), 100),
}


@pytest.mark.parametrize("regime", PLANTED)
def test_planted_regimes_are_recognised(regime):
    """All 60 data sets of each of the first three were recognised; an "O(log n)" design was in 56, else undecided."""
    result = assumption_diagnostics(*drawn(1, *PLANTED[regime]))
    assert result.regime == regime
    assert regime in str(result)
    if regime == "undecided":
        assert "guessing" in result.doubts[0]


def test_planted_numbers_are_in_their_intervals():
    """At confidence 1 - 1e-4 all seven intervals must hold the truth."""
    means, covariance = shifted(20, 10, 0.8), equicorrelated(20, 0.05)
    result = assumption_diagnostics(*drawn(2, means, covariance, 2000), confidence=0.9999)
    naive, logistic = curves_of(means, covariance)
    floor, bayes = predicted.naive_bayes_asymptotic_error(means, covariance), predicted.bayes_error(means, covariance)
    samples = naive.samples(0.01)
    truths = {
        "naive_bayes_error": floor,
        "bayes_error": bayes,
        "gap": floor - bayes,
        "largest_eigenvalue": 1 + 19 * 0.05,
        "samples": samples,
        "growth": np.log2(samples / naive.with_features(0.5).samples(0.01)),
    }
    for name, truth in truths.items():
        estimate = getattr(result, name)
        assert estimate.low <= truth <= estimate.high, name
    leads = [bayes + logistic.excess(m) - floor - naive.excess(m) for m in (result.crossing.low, result.crossing.high)]
    assert leads[0] > 0 > leads[1]
    assert result.doubts == ()


def test_curves_meet_where_the_simulated_ones_do():
    """Naive Bayes is ahead at 0.7 of the predicted crossing, logistic regression at 1.4 of it, by 5 standard errors."""
    means, covariance = shifted(20, 10, 0.8), equicorrelated(20, 0.05)
    naive, logistic = curves_of(means, covariance)
    floor, bayes = predicted.naive_bayes_asymptotic_error(means, covariance), predicted.bayes_error(means, covariance)
    sizes = np.arange(30, 1000)
    leads = np.array([bayes + logistic.excess(m) - floor - naive.excess(m) for m in sizes.tolist()])
    crossing = sizes[leads > 0][-1]
    trained = (int(0.7 * crossing), int(1.4 * crossing))

    def errors(key):
        return observed.paired_errors(key, trained, means, covariance, max_samples=trained[-1], tolerance=1e-6)

    runs = np.asarray(jax.jit(lambda keys: map_cells(errors, keys))(jax.random.split(jax.random.key(0), 200)))
    lead = runs[:, :, 1] - runs[:, :, 0]
    deviation = 5 * lead.std(axis=0) / np.sqrt(200)
    assert lead[:, 0].mean() > deviation[0]
    assert lead[:, 1].mean() < -deviation[1]
    # The correlations must be in the law: with n for the effective number of features it is refuted.
    error = runs[:, 0, 0].mean()
    without = predicted.naive_bayes_expected_error_large_n(20, trained[0], float(naive.distances[0]))
    assert error + 5 * runs[:, 0, 0].std() / np.sqrt(200) < without
    assert abs(error - floor - naive.excess(trained[0])) < abs(error - without) / 2


def test_features_far_from_gaussian_are_doubted():
    """A class of two clouds on both sides of the other: a line is wrong on one cloud only, normal laws say more."""
    normals, labels = np.random.default_rng(0).standard_normal((2000, 3)), np.arange(2000) % 2
    sides = np.where(np.arange(2000) % 4 < 2, -3, 3)
    features = np.column_stack([np.where(labels == 0, sides, 1.0) + 0.1 * normals[:, 0], normals[:, 1:]])
    result = assumption_diagnostics(features, labels)
    assert sum("not that of Gaussian classes" in doubt for doubt in result.doubts) == 2
    assert result.measured_naive_bayes.high < result.naive_bayes_error.low


def test_results_are_readable():
    result = assumption_diagnostics(*drawn(0, *random_classes(0, 2, 5), 100))
    assert len(str(result).splitlines()) == 14 + len(result.doubts)
    assert result._repr_html_().count("<tr>") == 13
    assert str(result.gap) in result._repr_html_()


FEATURES, LABELS = drawn(0, shifted(3, 2, 1.0), np.eye(3), 60)


def _spoilt(value):
    features = FEATURES.copy()
    features[7, 1] = value
    return features


@pytest.mark.parametrize(
    ("X", "y", "error", "sentence"),
    [
        (_spoilt(np.nan), LABELS, ValueError, "X must be finite, got nan in row 7, feature 1"),
        (pd.DataFrame(_spoilt(np.inf), columns=list("abc")), LABELS, ValueError, "got inf in row 7, feature b"),
        (FEATURES[:, 0], LABELS, ValueError, r"at least 2 features, got shape \(60,\)"),
        (FEATURES[:, :1], LABELS, ValueError, r"at least 2 features, got shape \(60, 1\)"),
        ([["a", "b"]] * 60, LABELS, TypeError, "X must hold numbers only"),
        (FEATURES, LABELS[:-1], ValueError, "a label for each of the 60 rows of X, got 59"),
        (FEATURES, LABELS.astype(float), TypeError, "y must hold labels .*, got float64"),
        (FEATURES, LABELS[:, None], ValueError, r"one label per sample, got shape \(60, 1\)"),
        (FEATURES, 0 * LABELS, ValueError, "at least 2 classes, got 1"),
        (FEATURES, [None, *LABELS[1:]], ValueError, "a label for every sample, got a missing one"),
        (FEATURES, np.where(np.arange(60) < 2, 5, LABELS), ValueError, "3 samples of each class, got 2 of 5"),
        (FEATURES, pd.Categorical.from_codes(LABELS, ["x", "y", "z"]), ValueError, "class 'z' of y has no samples"),
        (FEATURES[:39], LABELS[:39], ValueError, "at least 40 rows for 3 features and 2 classes, got 39"),
        (np.tile(FEATURES, 20), LABELS, ValueError, "at least 70 rows for 60 features and 2 classes, got 60"),
        (FEATURES * [1, 0, 1], LABELS, ValueError, "these features do not: 1$"),
        (pd.DataFrame({"a": LABELS, "b": FEATURES[:, 0], "c": 1}), LABELS, ValueError, "these features do not: a, c$"),
        (FEATURES[:, [0, 1, 0]], LABELS, ValueError, "linearly independent within the classes"),
        (np.column_stack([FEATURES, np.arange(60) == 4]), LABELS, ValueError, "these features do not: 3$"),
    ],
)
def test_hostile_input(X, y, error, sentence):
    with pytest.raises(error, match=sentence):
        assumption_diagnostics(X, y)


def test_curves_need_more_samples_than_features_and_classes_within_reach():
    means = np.array([[0.0, 0.0], [1.0, 0.0]])
    with pytest.raises(ValueError, match=r"counts must add up to at least n \+ K \+ 2 = 6, got 5"):
        learning_curves(means, np.eye(2), np.array([2, 3]))
    with pytest.raises(ValueError, match="means must have squared distances of at most 1e"):
        learning_curves(1e5 * means, np.eye(2), np.array([9, 9]))
