"""The diagnostics of a user's features: exact identities, planted truths, coverage of intervals."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import binom, norm, t
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from own_data.naive_bayes_vs_logistic import assumption_diagnostics
from own_data.naive_bayes_vs_logistic.diagnostics import _predicted
from own_data.naive_bayes_vs_logistic.learning_curves import LogisticCurve, NaiveBayesCurve, fit
from own_data.naive_bayes_vs_logistic.two_classes import two_class_limits
from theory_on_trial.own_data.jackknife import GROUPS, jackknife, stratified_groups

ROUNDING = 2**-53


def shifted(n_features, informative, gap):
    return np.stack([np.zeros(n_features), gap * (np.arange(n_features) < informative)])


def drawn(seed, means, covariance, n_samples):
    labels = np.arange(n_samples) % len(means)
    normals = np.random.default_rng(seed).standard_normal((n_samples, means.shape[1]))
    return means[labels] + normals @ np.linalg.cholesky(covariance).T, labels


def random_classes(seed, n_classes, n_features):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((n_features, 2 * n_features))
    return rng.standard_normal((n_classes, n_features)), root @ root.T / n_features + 0.1 * np.eye(
        n_features
    )


SEEDS = st.integers(0, 2**31)


def fitted_errors(rng, gap, correlation, counts, share=0.5):
    """Errors of naive Bayes fitted to fresh samples of two classes, `counts` (runs x 2) of them,
    variances pooled, judged in closed form where the second class has this share.
    """
    root = np.linalg.cholesky(correlation)
    size = counts[0].sum()
    means = rng.standard_normal((*counts.shape, len(gap))) @ root.T / np.sqrt(counts)[:, :, None]
    means[:, 1] += gap
    noise = rng.standard_normal((len(counts), size - 2, len(gap))) @ root.T
    weights = (means[:, 1] - means[:, 0]) / (np.sum(noise**2, axis=1) / size)
    intercepts = np.log(counts[:, 1] / counts[:, 0]) - np.sum(weights * means.mean(axis=1), axis=1)
    spreads = np.sqrt(np.einsum("ri,ij,rj->r", weights, correlation, weights))
    return (1 - share) * ndtr(intercepts / spreads) + share * ndtr(
        -(weights @ gap + intercepts) / spreads
    )


def in_proportion(size, runs, share=0.5):
    second = round(share * size)
    return np.tile([size - second, second], (runs, 1))


@pytest.mark.parametrize("n_features", [4, 12])
def test_growth_is_covered_at_few_features(n_features):
    """Independent features of one signal: where the mean error of fits to all, and to half of them,
    is 0.01 above.

    At 95 % at least 4 of 6 intervals hold the truth but with probability 0.002; the law at large n
    gave none of 25.
    """
    rng = np.random.default_rng(1)
    excess = 0.01
    sizes = np.array([30, 50, 80, 120, 180, 270])

    def needed(count):
        gap = np.full(count, 0.6)
        limit = float(ndtr(-np.linalg.norm(gap) / 2))
        means = [
            fitted_errors(rng, gap, np.eye(count), in_proportion(size, 3000)).mean() - limit
            for size in sizes.tolist()
        ]
        return np.interp(-np.log(excess), -np.log(means), np.log(sizes))

    truth = (needed(n_features) - needed(n_features // 2)) / np.log(2)
    hits = 0
    for seed in range(6):
        features, labels = drawn(
            seed, shifted(n_features, n_features, 0.6), np.eye(n_features), 600
        )
        groups = stratified_groups(labels)
        fits = [
            fit(features[groups != group], labels[groups != group], 2)
            for group in range(-1, GROUPS)
        ]
        growth = _predicted(fits, excess, 0.95, len(labels)).growth
        hits += growth.low <= truth <= growth.high
    assert hits >= 4


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, confidence=st.floats(0.5, 0.99))
def test_jackknife_of_means_and_squares(seed, confidence):
    """The mean has Student's interval of the group means; the square of the mean loses exactly its
    variance.
    """
    groups = np.random.default_rng(seed).standard_normal(GROUPS)
    means = np.array([groups.mean(), *((groups.sum() - groups) / (GROUPS - 1))])
    error = groups.std(ddof=1) / np.sqrt(GROUPS)
    expected = groups.mean() + error * t.ppf((1 + confidence) / 2, GROUPS - 1) * np.array(
        [0, -1, 1]
    )
    np.testing.assert_allclose(jackknife(means, confidence), expected, rtol=0, atol=1e5 * ROUNDING)
    assert (
        abs(jackknife(means**2, confidence).value - (groups.mean() ** 2 - error**2))
        <= 1e5 * ROUNDING
    )
    np.testing.assert_allclose(
        np.log(jackknife(np.exp(means), confidence, "log")), expected, rtol=0, atol=1e5 * ROUNDING
    )
    np.testing.assert_allclose(
        jackknife(ndtr(means), confidence, "probit"), ndtr(expected), rtol=0, atol=1e5 * ROUNDING
    )


@given(st.lists(st.integers(0, 3), min_size=40, max_size=300))
def test_groups_are_even(labels):
    groups = stratified_groups(np.array(labels))
    assert np.ptp(np.bincount(groups, minlength=GROUPS)) <= 1
    for label in set(labels):
        assert np.ptp(np.bincount(groups[np.array(labels) == label], minlength=GROUPS)) <= 1


@pytest.mark.parametrize("seed", [0, 1])
def test_statistics_by_their_definition(seed):
    """β and α from the scores themselves, divided by the number of features (not of classes)."""
    features, labels = drawn(seed, *random_classes(seed, 3, 4), 90)
    result = fit(features, labels, 3)
    means = np.array([features[labels == k].mean(axis=0) for k in range(3)])
    variances = np.mean((features - means[labels]) ** 2, axis=0)
    scores = np.log(1 / 3) - ((features[:, None] - means) ** 2 / (2 * variances)).sum(axis=2)
    tolerance = 1e4 * ROUNDING * (1 + np.max(np.abs(scores)) ** 2)
    for k1, k2, k in product(range(3), repeat=3):
        lead = (scores[:, k1] - scores[:, k2])[labels == k]
        assert abs(result.beta[k1, k2, k] - abs(lead.mean()) / 4) <= tolerance
        assert abs(result.alpha[k1, k2, k] - lead.var() / 4) <= tolerance


PLANTED = {
    "never": (shifted(20, 10, 0.8), 0.5 + 0.5 * np.eye(20), 400),
    "O(1)": (shifted(16, 16, 1.0), np.eye(16), 1000),
    "O(n)": (shifted(24, 24, 0.2), np.eye(24), 3000),
}


@pytest.mark.parametrize("regime", PLANTED)
def test_planted_regimes_are_recognised(regime):
    result = assumption_diagnostics(*drawn(1, *PLANTED[regime]))
    assert result.predicted.regime == regime
    assert f"{regime}, " in str(result)


def test_classes_that_are_not_gaussian_with_one_covariance_are_no_theory():
    """Said once: .452 beside .0215 for standard deviations of 4 and 1, .369 beside .257 for
    lognormal features.
    """
    normals = np.random.default_rng(0).standard_normal((400, 8))
    labels = np.arange(400) % 2
    wide = assumption_diagnostics(
        normals * np.where(labels, 4.0, 1.0)[:, None] + 0.2 * labels[:, None], labels
    )
    skewed = assumption_diagnostics(np.exp(normals + 0.3 * labels[:, None]), labels)
    for result in (wide, skewed):
        assert result.predicted is None
        assert "nothing predicted" in str(result)
    assert any("varies more in one class" in sentence for sentence in wide.departures)
    assert "naive Bayes is ahead" in str(wide)
    assert wide.measured[-1].naive_bayes.high < 0.03


def test_noise_is_no_signal():
    """Said once: 4.2e7 [1116, 1.6e12] samples."""
    labels = np.arange(300) % 2
    result = assumption_diagnostics(np.random.default_rng(0).standard_normal((300, 6)), labels)
    assert not result.answerable
    assert result.predicted is None
    assert "cannot judge: no signal" in str(result)


def test_the_law_of_unequal_classes_is_that_of_simulated_fits():
    d = np.linspace(0.3, 1.0, 8)
    correlation = np.full((8, 8), 0.05) + 0.95 * np.eye(8)
    for share, size in ((0.5, 100), (0.2, 60), (0.1, 80)):
        curve = NaiveBayesCurve(np.array([share]), np.ones(1), d[None], correlation)
        counts = in_proportion(size, 2000, share)
        errors = fitted_errors(np.random.default_rng(1), d, correlation, counts, share)
        excess = np.mean(errors) - curve.limits[0]
        noise = np.std(errors) / np.sqrt(2000)
        assert curve.excess(size) == pytest.approx(
            excess, rel=0.05 + 0.3 / (share * size), abs=3 * noise
        )


@pytest.mark.parametrize(("share", "count"), [(0.2, 1), (0.2, 5), (0.01, 30)])
def test_a_class_that_is_all_but_never_named_leaves_its_share_of_errors(share, count):
    """The quadrature beside a pole gave .135 for .2, less than any rule can err."""
    curve = NaiveBayesCurve(
        np.array([share]), np.ones(1), np.full((1, count), 0.002), np.eye(count)
    )
    for size in (1e4, 1e9, 1e15):
        assert curve.errors(size)[0] == pytest.approx(share, rel=1e-4, abs=0)
        assert curve.excess(size) >= -1e-12


def test_samples_count_from_where_an_excess_that_rose_has_fallen():
    """5 samples were said to be enough for .02: few enough to ignore the rarer class, which is lost
    on 150.
    """
    d = np.full(100, 0.04)
    correlation = np.eye(100)
    curve = NaiveBayesCurve(np.array([0.2]), np.ones(1), d[None], correlation)
    rng = np.random.default_rng(1)
    sizes = 150, round(curve.samples(0.02))
    errors = [
        fitted_errors(rng, d, correlation, in_proportion(size, 100, 0.2), 0.2).mean()
        for size in sizes
    ]
    assert errors - curve.limits[0] == pytest.approx([0.0576, 0.02], abs=0.0015)
    # Rises within 1.5 times
    short = NaiveBayesCurve(np.array([0.18]), np.ones(1), np.full((1, 9), 0.046), np.eye(9))
    assert short.fewest < short.samples(0.0755) == pytest.approx(9.4, abs=0.1)


@pytest.mark.parametrize(("distance", "n"), [(2, 10), (5, 2)])
def test_the_law_of_logistic_regression_begins_where_classes_are_not_separable(distance, n):
    """Of classes 8 apart it said .16 after 40 samples of 10 features, which err by 1e-4."""
    curve = LogisticCurve(n, np.ones(1), np.ones(1), np.array([distance**2.0]))
    size = int(curve.fewest) + 1
    mean = np.full(n, distance / 2 / np.sqrt(n))
    errors = []
    for seed in range(60):
        rows, labels = drawn(seed, np.stack([-mean, mean]), np.eye(n), size)
        rule = LogisticRegression(C=1e8, max_iter=10_000).fit(rows, labels)
        margins = rule.coef_ @ mean + rule.intercept_ * [1, -1]
        errors.append(ndtr(-margins / np.linalg.norm(rule.coef_)).mean())
    assert 0.5 < curve.excess(size) / (np.mean(errors) - ndtr(-distance / 2)) < 3
    with pytest.raises(ValueError, match=r"n_samples must be at least 1.795e\+04"):
        LogisticCurve(10, np.ones(1), np.ones(1), np.array([64.0])).excess(40)


@pytest.mark.parametrize(("n", "size"), [(2, 40), (5, 40), (10, 60)])
def test_labels_drawn_at_random_leave_more_of_an_excess_by_about_one_nth(n, size):
    rng = np.random.default_rng(0)
    runs = 40_000
    gap = np.full(n, 1.6 / np.sqrt(n))
    drawn = np.clip(rng.binomial(size, 0.5, runs), 1, size - 1)
    excess = [
        fitted_errors(rng, gap, np.eye(n), counts).mean() - ndtr(-0.8)
        for counts in (in_proportion(size, runs), np.column_stack([size - drawn, drawn]))
    ]
    assert excess[1] / excess[0] == pytest.approx(1 + 1 / n, abs=0.12)


def test_more_than_two_classes_have_no_number_of_samples():
    """The pairs' errors add up to 1.5 times that of three classes."""
    found = assumption_diagnostics(*drawn(0, 2 * random_classes(0, 3, 4)[0], np.eye(4), 400))
    assert found.predicted.samples is None
    assert "the law is that of two classes" in str(found)


def test_what_class_means_do_not_show_is_no_missing_signal():
    # Importing it computes truths for seconds
    from tests.naive_bayes_vs_logistic import (
        own_data_sets as sets,
    )

    answer = assumption_diagnostics(*sets.exclusive(np.random.default_rng(0), 300))
    assert answer.answerable
    assert "in one class than in another" in answer.departures[0]
    assert any("products of the columns" in doubt.reason for doubt in answer.doubts)


def test_leaks_copies_and_constants_are_named():
    features, labels = drawn(0, shifted(3, 2, 1.0), np.eye(3), 120)
    leak = labels + 0.01 * np.random.default_rng(1).standard_normal(120)
    frame = pd.DataFrame(features, columns=list("abc")).assign(paid=leak, unit=1.0)
    frame = pd.concat([frame, frame[:30]])
    labels = np.append(labels, labels[:30])
    result = assumption_diagnostics(frame, labels)
    assert "column 'paid' alone tells the classes" in str(result)
    assert "do not vary within the classes: unit and copies of other rows (30)" in str(result)
    assert result.predicted is None
    assert result.n_samples == 120


def test_errors_on_answers_of_yes_and_no_are_those_of_new_people():
    """Independent items given the class: the error of a fitted rule is a sum over the 64 cells."""
    chances = np.array([[0.3, 0.35, 0.4, 0.25, 0.3, 0.4], [0.7, 0.6, 0.65, 0.75, 0.6, 0.7]])
    cells = np.array(list(product([0, 1], repeat=6)))
    laws = [np.prod(np.where(cells, p, 1 - p), axis=1) / 2 for p in chances]

    def drawn(rng, rows):
        y = np.arange(rows) % 2
        return (rng.random((rows, 6)) < chances[y]).astype(float), y

    rng = np.random.default_rng(0)
    held = 0
    for seed in range(8):
        found = assumption_diagnostics(*drawn(np.random.default_rng(100 + seed), 900))
        assert found.n_samples == 900  # equal by chance, and no copies
        assert found.answerable
        last = found.measured[-1]
        errors = []
        for _ in range(40):
            rule = GaussianNB().fit(*drawn(rng, last.size))
            said = rule.predict(cells.astype(float))
            errors.append(laws[0][said == 1].sum() + laws[1][said == 0].sum())
        held += last.naive_bayes.low <= np.mean(errors) <= last.naive_bayes.high
    assert held >= 7


def test_rows_of_one_person_are_held_out_together_or_doubted():
    """The label is the person's and unrelated to X: new people are told by chance alone."""
    rng = np.random.default_rng(0)
    person = rng.permutation(np.repeat(np.arange(40), 20))
    y = (np.arange(40) % 2)[person]
    X = rng.standard_normal((40, 20))[person] + 0.5 * rng.standard_normal((800, 20))
    alone = assumption_diagnostics(X, y)
    assert alone.measured[-1].naive_bayes.high < 0.4
    assert any("pass groups=" in doubt.reason for doubt in alone.doubts)
    told = assumption_diagnostics(X, y, groups=[f"person {one}" for one in person])
    for error in (told.measured[-1].naive_bayes, told.measured[-1].logistic):
        assert error.low <= 0.5 <= error.high


def linked(rho, n_features, distance, direction):
    """A covariance of equal correlations, and a gap of this distance Δ along a direction."""
    covariance = np.full((n_features, n_features), rho) + (1 - rho) * np.eye(n_features)
    gap = {
        "alike": np.ones(n_features),
        "best": covariance @ np.arange(1.0, n_features + 1),
        "against": np.where(np.arange(n_features) % 2, -1.0, 1.2),
    }[direction]
    return gap * distance / np.sqrt(gap @ np.linalg.solve(covariance, gap)), covariance


@pytest.mark.parametrize("m", [200, 400])
@pytest.mark.parametrize("rho", [0.0, 0.95])
@pytest.mark.parametrize("direction", ["alike", "against", "best"])
def test_limits_are_covered_and_that_of_naive_bayes_is_never_below_the_best_rules(
    m, rho, direction
):
    """The truth is the closed form for the law that is drawn from, with classes in proportion."""
    draws = 30
    held = np.zeros(3)
    labels = np.arange(m) % 10 < 4
    odds = np.log(0.4 / 0.6)
    for seed in range(draws):
        gap, covariance = linked(rho, 4 + seed % 2 * 12, 0.5 + seed % 3, direction)
        naive, best = gap, np.linalg.solve(covariance, gap)
        truths = []
        for weights in (naive, best):
            lead, spread = weights @ gap, np.sqrt(weights @ covariance @ weights)
            truths.append(
                0.6 * norm.cdf((odds - lead / 2) / spread)
                + 0.4 * norm.cdf((-odds - lead / 2) / spread)
            )
        rng = np.random.default_rng([seed, m])
        rows = rng.standard_normal((m, len(gap))) @ np.linalg.cholesky(covariance).T
        means = np.array([rows[labels == k].mean(axis=0) for k in (False, True)])
        noise = rows - means[labels.astype(int)]
        found = two_class_limits(
            means[1] - means[0] + gap,
            noise.T @ noise / (m - 2),
            np.bincount(labels.astype(int)),
            0.95,
        )
        assert found.naive_bayes.value >= found.bayes.value
        assert found.naive_bayes.low >= found.bayes.low
        for place, (part, truth) in enumerate(
            zip(found, (*truths, truths[0] - truths[1]), strict=True)
        ):
            held[place] += part.low - 1e-12 <= truth <= part.high + 1e-12
    assert held.min() >= binom.ppf(0.001, draws, 0.95)


def test_strong_correlations_are_answered():
    """Before, an infinite number of samples less another one was a sentence on floating point."""
    gap, covariance = linked(0.97, 30, 3.4, "against")
    labels = np.arange(400) % 2
    rows = np.random.default_rng(0).standard_normal((400, 30)) @ np.linalg.cholesky(covariance).T
    answer = assumption_diagnostics(rows + labels[:, None] * gap, labels)
    limit = norm.cdf(-gap @ gap / 2 / np.sqrt(gap @ covariance @ gap))
    assert (
        answer.predicted.naive_bayes_error.low <= limit <= answer.predicted.naive_bayes_error.high
    )
    assert answer.predicted.bayes_error.low <= norm.cdf(-1.7) <= answer.predicted.bayes_error.high


def test_the_constant_rule_stands_beside_and_is_not_advised_against_by_chance():
    """A weak signal of a class of 9 %: no linear rule errs surely less than always "no"."""
    rng = np.random.default_rng(0)
    sick = np.arange(600) % 100 < 9
    rows = rng.standard_normal((600, 5)) + 0.5 * sick[:, None]
    answer = assumption_diagnostics(rows, np.where(sick, "yes", "no"))
    last = answer.measured[-1]
    assert last.constant.value == pytest.approx(0.09, abs=0.005)
    assert "always 'no' by" in str(answer)
    assert answer.to_do().startswith("take neither")
    clear = assumption_diagnostics(rows + 3 * sick[:, None], sick)
    assert clear.measured[-1].gain.low > 0
    assert "neither" not in clear.to_do()
