from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import binom, binomtest

from theory_on_trial.laws import exact_ends
from theory_on_trial.own_data.copies import copied_rows, without_copies
from theory_on_trial.own_data.jackknife import covariances, stratified_groups
from theory_on_trial.own_data.neighbours import beside, near


def test_independent_rows_are_not_alike_and_rows_that_follow_each_other_are():
    rng = np.random.default_rng(0)
    independent = [rng.standard_normal((300, 5)) for _ in range(100)]
    assert not any(beside(one) for one in independent)
    assert not any(near(one, two) for one, two in pairwise(independent))
    slow = lfilter([1], [1, -0.8], rng.standard_normal((300, 5)), axis=0)
    assert beside(slow) == pytest.approx(0.8, abs=0.1)
    assert beside(slow, independent[0]) == 0
    assert beside(np.ones((300, 2))) == 0


def test_rows_in_shuffled_groups_are_alike_where_they_are_near():
    rng = np.random.default_rng(1)
    of_row = rng.permutation(np.repeat(np.arange(30), 10))
    first, second = rng.standard_normal((2, 30, 3))[:, of_row] + 0.3 * rng.standard_normal(
        (2, 300, 3)
    )
    assert beside(first, second) == 0
    assert near(first, second)
    assert near(1e150 * first, second + first, np.eye(3) / 1e150)


def test_covariances_without_each_group_are_numpys():
    rows = np.random.default_rng(2).standard_normal((47, 3)) + 0.1
    groups = stratified_groups(np.zeros(47, int))
    found = covariances(groups, rows[:, :1], rows[:, 1:])
    for group, one in zip(range(-1, 20), found, strict=True):
        assert one == pytest.approx(np.cov(rows[groups != group].T))


@pytest.mark.parametrize(("successes", "trials"), [(0, 12), (3, 12), (12, 12)])
def test_exact_ends_are_scipys_and_hold_the_share(successes, trials):
    known = binomtest(successes, trials).proportion_ci(0.9, method="exact")
    assert exact_ends(successes, trials, 0.1) == pytest.approx((known.low, known.high))
    for share in (0.01, 0.2, 0.5):
        ends = np.array([exact_ends(count, trials, 0.1) for count in range(trials + 1)])
        held = (ends[:, 0] <= share) & (share <= ends[:, 1])
        assert binom(trials, share).pmf(np.arange(trials + 1)) @ held >= 0.9


def test_rows_that_come_several_times_are_counted():
    rng = np.random.default_rng(0)
    first = rng.standard_normal((50, 3))
    second = rng.standard_normal((50, 2))
    again = rng.permutation(np.repeat(np.arange(50), 4))
    assert copied_rows(first, second) == 0
    assert copied_rows(first[again], second[again]) == 200
    twice = np.append(np.arange(50), [3, 7])
    assert copied_rows(first[twice], second[twice]) == 4
    assert copied_rows(first[again].round(), second[again]) == 200


@pytest.mark.parametrize("seed", range(20))
def test_few_values_that_meet_by_chance_are_no_copies(seed):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, (300, 1))
    assert copied_rows(classes, rng.standard_normal((300, 2))) == 0
    assert copied_rows(classes, rng.integers(0, 2, (300, 4))) == 0
    assert copied_rows(classes, 1 - classes) == 0
    assert copied_rows(classes, np.eye(3)[classes[:, 0]]) == 0


def test_rows_of_few_values_are_no_copies_and_a_repeated_table_is():
    rng = np.random.default_rng(1)
    for values, columns in ((2, 6), (5, 8), (10, 8)):
        rows = rng.integers(values, size=(900, columns)).astype(float)
        assert without_copies(rows).tolist() == list(range(900))
        twice = rng.permutation(np.repeat(rows, 2, axis=0))
        kept = twice[without_copies(twice)]
        assert sorted(map(tuple, kept)) == sorted(map(tuple, rows))
    rows = rng.standard_normal((300, 4))
    assert len(without_copies(np.vstack([rows, rows[:40]]))) == 300
