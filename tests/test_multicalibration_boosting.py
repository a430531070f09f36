"""Tests of multicalibration as boosting: properties, simulators, refusals, coverage, hostile input."""

from functools import partial
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pytest
from promises import Case, promises, refused
from scipy.stats import binom

from own_data import multicalibration_boosting as tool
from paper_checks.test_multicalibration_boosting.test_claims import sampled_levels
from sims import multicalibration_boosting as observed
from theory import multicalibration_boosting as predicted
from theory_on_trial import Trial


def world_of(seed, cells=60, dim=3):
    world = observed.random_world(seed, cells, dim)
    predictions, coefficients = observed.random_predictor(seed, cells, dim)
    basis = observed.affine(world.features)
    return world.probabilities, predictions, world.means, basis, basis @ coefficients


def test_functions_that_vanish_or_are_tiny():
    assert predicted.best_step([0.5, 0.5], [0.3, 0.1], [0.0, 0.0]) == 0
    ones, residuals, third, level = np.ones((3, 1)), np.array([0.1, 0.4, -0.2]), np.full(3, 1 / 3), np.full(3, 0.5)
    alone = predicted.swap_regret(third, level, residuals, ones)
    assert alone == pytest.approx(0.01)
    assert predicted.swap_regret(third, level, residuals, np.hstack([ones, 0 * ones, 2 * ones])) == pytest.approx(alone)
    assert predicted.swap_regret(third, level, residuals, 1e-40 * ones) == pytest.approx(alone)
    assert predicted.swap_regret(third, level, residuals, 0 * ones) == 0
    assert predicted.grid(2.0, 2.0) == 2


def test_moments_of_labels_at_the_ends():
    assert predicted.sampled_error([400, 400], [0.1, 0.3]) == pytest.approx(0.05)
    sure = predicted.bernoulli_moments([0.25, 0.75], [-0.25, 0.25], 1.0)
    assert np.array(sure).tolist() == [[-0.25, 0.25], [0, 0]]


def test_the_worst_error_is_that_of_the_vertices():
    """Of affine functions of one variable the extreme ones are +-1 at two cells."""
    for seed in range(20):
        probabilities, _, means, basis, _ = world_of(seed, 5, 1)
        best = 0.0
        for (one, other), signs in product([(i, j) for i in range(5) for j in range(i)], product((-1, 1), repeat=2)):
            h = basis @ np.linalg.solve(basis[[one, other]], signs)
            if np.abs(h).max() <= 1 + 1e-9:
                best = max(best, abs(probabilities @ (h * (means - 0.5))))
        found = observed.worst_error(probabilities, np.full(5, 0.5), means, basis)
        assert found == pytest.approx(best**2, rel=1e-6)


def scored(generator, n, off=0.0):
    """Predictions .2, .5 or .8, two groups of 40 % and 50 %, labels off by that much in the first one at .5."""
    f, groups = generator.choice([0.2, 0.5, 0.8], n), generator.random((n, 2)) < [0.4, 0.5]
    y = generator.random(n) < f + off * groups[:, 0] * (f == 0.5)
    return f, y.astype(float), groups


def test_intervals_and_bounds_hold_as_often_as_they_say():
    generator, runs, off = np.random.default_rng(6), 150, 0.15
    hits = {"cells": 0, "least": 0, "combination": 0}
    for _ in range(runs):
        f, y, groups = scored(generator, 900, off)
        audit = tool.multicalibration_audit(f, y, groups)
        truth = np.zeros((3, 2))
        truth[1] = 0.4 * off, 0.4 * 0.5 * off
        shares = audit.counts / 900
        hits["cells"] += all(c.residual.low <= truth[c.level, c.group] <= c.residual.high for c in audit.cells)
        hits["least"] += all(group.least <= shares @ truth[:, g] ** 2 for g, group in enumerate(audit.groups))
        hits["combination"] += audit.combination.least <= 1.2 * shares @ (truth @ audit.combination.weights) ** 2
        assert audit.doubts == ()
    assert min(hits.values()) >= binom(runs, 0.95).ppf(1e-4), hits


def test_what_a_round_and_a_combination_of_groups_save():
    f, y, groups = scored(np.random.default_rng(7), 60_000, 0.3)
    audit = tool.multicalibration_audit(f, y, groups)
    assert 0 < audit.round_gain.low < 0.4 * 0.3**2 / 3 < audit.round_gain.high
    assert abs(audit.combination.weights[0]) > 5 * abs(audit.combination.weights[1])
    # The combination has mean square 1: E[h r | v] = .12 / sqrt(.4) for the group alone.
    assert audit.combination.unbiased == pytest.approx(0.4 * 0.09 / 3, rel=0.1)
    assert audit.groups[0].unbiased == pytest.approx(0.12**2 / 3, rel=0.1)
    assert "worst group 0" in audit.summary()


def test_a_tenth_of_the_rows_that_is_off_by_a_tenth_is_found_and_nobody_else():
    """Ten groups at ten levels: of 20,000 rows some 200 are in the cells that are off; groups do not overlap."""
    discoveries = hits = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        f, group = generator.choice(np.arange(0.05, 1, 0.1), 20_000), generator.integers(10, size=20_000)
        y = generator.random(20_000) < np.minimum(f + 0.1 * (group == 0), 1)
        audit = tool.multicalibration_audit(f, y, group[:, None] == np.arange(10))
        discoveries += any(c.group == 0 and c.residual.low > 0 for c in audit.cells)
        truth = 0.1 * np.minimum(0.1, 1 - audit.values)
        hits += all(c.residual.low <= truth[c.level] * (c.group == 0) <= c.residual.high for c in audit.cells)
    assert discoveries >= 18
    assert hits >= binom(20, 0.95).ppf(1e-4)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_exact_intervals_hold_in_bins_and_for_rare_labels(share):
    """Predictions spread over bins, .01 too low; labels that are rare; units of 2 and groups of weight -3."""
    generator, runs, hits = np.random.default_rng(10), 200, 0
    for _ in range(runs):
        f, member = generator.uniform(0.0, 0.1, 400), generator.random(400) < share
        y = 2.0 * (generator.random(400) < f + 0.01)
        groups = -3.0 * member[:, None]
        audit = tool.multicalibration_audit(2 * f, y, groups, n_levels=20, bounds=(0.0, 2.0), min_count=15)
        hits += all(c.residual.low <= -3 * share * 0.02 <= c.residual.high for c in audit.cells)
    assert hits >= binom(runs, 0.95).ppf(1e-4)


def test_the_audit_is_that_of_loops():
    f, y, groups = scored(np.random.default_rng(8), 500, 0.2)
    h = groups * np.array([1.0, -2.0])
    audit = tool.multicalibration_audit(f, y, h, min_count=2)
    for cell in audit.cells:
        at = f == np.unique(f)[cell.level]
        products = h[at, cell.group] * (y[at] - f[at])
        assert cell.residual.value == pytest.approx(products.mean())
        assert cell.rows == np.sum(h[at, cell.group] != 0)
    assert audit.bound == 4
    variances = [np.var(h[f == v, 1] * (y - f)[f == v], ddof=1) for v in np.unique(f)]
    assert audit.groups[1].bias == pytest.approx(sum(variances) / 500)


def test_a_calibrated_score_is_not_accused():
    generator, alarms = np.random.default_rng(9), 0
    for _ in range(30):
        f, y, groups = scored(generator, 3000)
        audit = tool.multicalibration_audit(f, y, groups)
        alarms += any(not c.residual.low <= 0 <= c.residual.high for c in audit.cells)
        assert audit.round_gain.low <= 0
        assert audit.groups[0].least == 0
    assert alarms <= 5


def fitted_scores(generator):
    x = generator.uniform(-1, 1, 2000)
    y = (generator.random(2000) < 0.5 + 0.2 * x).astype(float)
    basis = np.column_stack([np.ones(2000), x])
    return basis @ np.linalg.lstsq(basis, y, rcond=None)[0], y, (x > 0)[:, None]


def level_means(generator):
    """Means of the labels of each of eight levels, of the rows that are audited."""
    level = generator.integers(0, 8, 2000)
    y = (generator.random(2000) < (level + 1) / 9).astype(float)
    means = np.bincount(level, y) / np.bincount(level)
    return means[level], y, (generator.random(2000) < 0.5)[:, None]


def copied(generator, times=2):
    f, n = generator.random(1000), 1000 * times
    y, h = generator.random(1000) < f, generator.random((1000, 1)) < 0.5
    return np.resize(f, n), np.resize(y, n), np.resize(h, (n, 1))


def copied_levels(generator):
    """Three levels and a numeric group, drawn with replacement."""
    f, y, h = generator.choice([0.2, 0.5, 0.8], 500), generator.random(500) < 0.5, generator.random((500, 1))
    rows = generator.integers(0, 500, 2000)
    return f[rows], y[rows], h[rows]


def cancelling(generator, n=20_000):
    """Off by +-.02 by turns in twenty values, of which ten bins see nothing."""
    f = (generator.integers(0, 20, n) + 0.5) / 20
    chances = f + np.where(np.round(20 * f - 0.5) % 2, -0.02, 0.02)
    return f, (generator.random(n) < chances).astype(float), np.ones((n, 1))


def hardly_wider(generator):
    f = generator.integers(0, 13, 3000) / 12
    return f, (generator.random(3000) < f).astype(float), np.ones((3000, 1))


def twins(generator):
    f, y, groups = scored(generator, 2000)
    return f, y, groups[:, [0, 0, 1]]


def lonely(generator):
    f, y, groups = scored(generator, 2000)
    f[0] = 0.51
    return f, y, groups


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (fitted_scores, "an audit on training data says nothing"),
        (level_means, "an audit on training data says nothing"),
        (copied, "rows are copies of others"),
        (lambda generator: copied(generator, 20), "rows are copies of others"),
        (copied_levels, "rows are copies of others"),
        (cancelling, "which can hide miscalibration"),
        (hardly_wider, "which share a level hangs on rounding"),
        (twins, "1 groups are equal to others"),
        (lonely, "levels of one row"),
    ],
)
def test_data_that_do_not_fit_are_doubted(data, sentence):
    for seed in range(3):
        audit = tool.multicalibration_audit(*data(np.random.default_rng(seed)))
        assert any(sentence in doubt.reason for doubt in audit.doubts), audit.doubts
        assert sentence in audit.summary()


@pytest.mark.parametrize(
    ("decimals", "n", "share"), [(None, 400, 0.3), (None, 3000, 0.05), (2, 3000, 0.4), (3, 1000, 1.0)]
)
def test_scores_on_a_grid_are_neither_copies_nor_trained(decimals, n, share):
    generator, doubts = np.random.default_rng(1), []
    for _ in range(30):
        f = generator.uniform(0.1, 0.9, n)
        f = np.round(f / 0.05) * 0.05 if decimals is None else np.round(f, decimals)
        groups = generator.random((n, 20)) < share
        doubts += tool.multicalibration_audit(f, generator.random(n) < f, groups, min_count=5).doubts
    assert not any("training data" in doubt.reason or "copies" in doubt.reason for doubt in doubts)


def test_predictions_that_differ_by_rounding_are_one_level():
    f = np.repeat([0.3, 0.1 + 0.2, 0.7], 100)
    audit = tool.multicalibration_audit(f, np.arange(300) % 2 == 0, np.ones((300, 1)), n_levels=2)
    assert (audit.binned, audit.counts.tolist()) == (False, [200, 100])


def test_the_plot_shows_the_worst_groups():
    f, y, groups = scored(np.random.default_rng(10), 5000, 0.3)
    axes = tool.multicalibration_audit(f, y, groups).plot()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["group 0", "group 1"]
    plt.close("all")


def asked(**change):
    given = {"predictions": np.full(200, 0.5), "y": np.ones(200), "groups": np.ones((200, 1))}
    return lambda: tool.multicalibration_audit(**given | change)


ONE = {"predictions": np.ones(1), "y": np.ones(1), "groups": np.ones((1, 1))}
test_what_cannot_be_answered_is_refused = refused(
    [
        *((partial(predicted.bernoulli_moments, [0.25], [one], 0.5), "must add up") for one in (-0.26, 0.76)),
        *((partial(predicted.bernoulli_moments, [0.25], [one], 0.5), "shifts must") for one in (-1.1, 1.1)),
        (partial(predicted.grid, 2.0, 1.0), "alpha must be at most bound"),
        (partial(observed.undone_rows, 1000, 8, 0.2), "saved must leave room on the grid"),
        (partial(sampled_levels, Trial("", 0), 1, 100, 0.5, 1.0), "shift must leave labels that vary"),
        (asked(y=np.full(200, 1.5)), "y must lie within bounds, 0.0 to 1.0"),
        (asked(predictions=np.full(200, -0.1)), "predictions must lie within bounds"),
        (asked(min_count=500), "groups must have a level with at least min_count = 500 rows of a group"),
        (asked(groups=np.zeros((200, 1), bool)), "at least min_count = 50 rows of a group"),
        (asked(bounds=(1.0, 0.0)), "bounds must"),
        (asked(**ONE), "at least two rows"),
        (asked(groups=np.ones((199, 1))), "rows"),
    ]
)

F, Y, GROUPS = scored(np.random.default_rng(0), 60)
test_every_function_is_guarded, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, observed, tool],
    {
        "multicalibration_audit": Case(
            {"predictions": F, "y": Y, "groups": GROUPS, "bounds": (0.0, 1.0)}, infinite="doubts whose size is unknown"
        )
    },
)
