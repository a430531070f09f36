"""Errors, competing classifiers, discrepancy, ambiguity and their paths against the definitions, point by point."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from theory_pm_instances import (
    NAND,
    OR,
    XOR_NEGATIVES,
    XOR_POSITIVES,
    XOR_ROWS,
    classes,
    competitors_by_hand,
    disagreement_by_hand,
    errors_by_hand,
    general,
    points_of,
    tables,
)

from theory.predictive_multiplicity import (
    ambiguity_of,
    ambiguity_path_of,
    disagreement,
    disagreements_of,
    discrepancy_of,
    discrepancy_path_of,
    errors,
    errors_of,
    flip_costs,
    flip_errors_of,
    level_set,
    linear_dichotomies,
    pair_diameter_of,
    tolerance_count,
)


@general
@given(classes())
def test_errors_and_disagreements_are_those_of_the_points(drawn):
    cells, baseline, positives, negatives = drawn
    weights = positives + negatives
    assert errors_of(cells, positives, negatives).tolist() == [errors_by_hand(b, positives, negatives) for b in cells]
    assert errors(baseline, positives, negatives) == errors_by_hand(baseline, positives, negatives)
    by_hand = [disagreement_by_hand(b, baseline, positives, negatives) for b in cells]
    assert disagreements_of(cells, baseline, weights).tolist() == by_hand
    assert [disagreement(b, baseline, weights) for b in cells] == by_hand


@general
@given(classes())
def test_flip_costs_and_weights_give_errors_and_disagreements(drawn):
    cells, baseline, positives, negatives = drawn
    flips = (cells != baseline).astype(int)
    excess = errors_of(cells, positives, negatives) - errors(baseline, positives, negatives)
    costs = flip_costs(baseline, positives, negatives)
    assert np.array_equal(flips @ costs, excess)
    assert np.array_equal(flips @ (positives + negatives), disagreements_of(cells, baseline, positives + negatives))
    assert np.all(np.abs(costs) <= positives + negatives)


@general
@given(classes(), st.integers(0, 12))
def test_the_measures_are_their_definitions(drawn, tolerance):
    cells, baseline, positives, negatives = drawn
    found = competitors_by_hand(cells, baseline, positives, negatives, tolerance)
    assert level_set(*drawn, tolerance).tolist() == [b.tolist() for b in found]
    members = [*found, baseline]
    apart = [disagreement_by_hand(b, baseline, positives, negatives) for b in members]
    assert discrepancy_of(*drawn, tolerance) == max(apart)
    rows, _ = points_of(positives, negatives)
    assert ambiguity_of(*drawn, tolerance) == sum(any(b[u] != baseline[u] for b in members) for u in rows)
    pairs = [disagreement_by_hand(b, other, positives, negatives) for b in members for other in members]
    assert pair_diameter_of(*drawn, tolerance) == max(pairs)


@general
@given(classes())
def test_flip_errors_are_the_fewest_errors_of_a_flip(drawn):
    cells, baseline, positives, negatives = drawn
    n = int(np.sum(positives + negatives))
    for row, fewest in enumerate(flip_errors_of(*drawn)):
        flipped = [errors_by_hand(b, positives, negatives) for b in cells if b[row] != baseline[row]]
        assert fewest == min(flipped, default=n + 1)


@general
@given(classes())
def test_a_path_is_its_measure_at_every_tolerance(drawn):
    n = int(np.sum(drawn[2] + drawn[3]))
    assert discrepancy_path_of(*drawn).tolist() == [discrepancy_of(*drawn, e) for e in range(n + 1)]
    assert ambiguity_path_of(*drawn).tolist() == [ambiguity_of(*drawn, e) for e in range(n + 1)]


@general
@given(tables(), st.data())
def test_discrepancy_and_ambiguity_are_ordered(table, data):
    rows, positives, negatives = table
    cells = linear_dichotomies(rows)
    baseline = cells[data.draw(st.integers(0, len(cells) - 1))]
    n = int(np.sum(positives + negatives))
    discrepancy = discrepancy_path_of(cells, baseline, positives, negatives)
    ambiguity = ambiguity_path_of(cells, baseline, positives, negatives)
    assert np.all(discrepancy <= ambiguity)
    assert np.array_equal(discrepancy > 0, ambiguity > 0)
    assert np.all(np.diff(discrepancy) >= 0)
    assert np.all(np.diff(ambiguity) >= 0)
    for tolerance in (0, 1, n // 3):
        competing = level_set(cells, baseline, positives, negatives, tolerance)
        assert ambiguity[tolerance] <= min(n, discrepancy[tolerance] * len(competing))
    assert (discrepancy[n], ambiguity[n]) == (n, n)  # -h_0 has at most n errors


@general
@given(tables(), st.integers(2, 4), st.randoms(use_true_random=False))
def test_scaling_splitting_and_relabelling_change_nothing(table, factor, random):
    rows, positives, negatives = table
    cells = linear_dichotomies(rows)
    baseline = cells[random.randrange(len(cells))]
    for path in (discrepancy_path_of, ambiguity_path_of):
        found = path(cells, baseline, positives, negatives)
        assert np.array_equal(path(cells, baseline, factor * positives, factor * negatives)[::factor], factor * found)
        assert np.array_equal(path(1 - cells, 1 - baseline, negatives, positives), found)
        order = random.sample(range(len(rows)), len(rows))
        permuted = (cells[:, order], baseline[order], positives[order], negatives[order])
        assert np.array_equal(path(*permuted), found)
        twice = np.tile(rows, (2, 1))
        first = np.array([random.randint(0, count) for count in positives])
        split = (np.append(first, positives - first), np.append(negatives, 0 * negatives))
        assert np.array_equal(path(linear_dichotomies(twice), np.tile(baseline, 2), *split), found)


def test_the_xor_set_has_four_equal_optima():
    cells = linear_dichotomies(XOR_ROWS)
    found = errors_of(cells, XOR_POSITIVES, XOR_NEGATIVES)
    optima = cells[found == found.min()]
    assert (found.min(), len(optima)) == (25, 4)
    for baseline in optima:
        table = (cells, baseline, XOR_POSITIVES, XOR_NEGATIVES)
        assert (discrepancy_of(*table, 0), ambiguity_of(*table, 0), pair_diameter_of(*table, 0)) == (50, 100, 50)
        assert flip_errors_of(*table).tolist() == [25, 25, 25, 25]
    assert disagreement(NAND, OR, XOR_POSITIVES + XOR_NEGATIVES) == 50


def test_a_better_competitor_than_the_baseline_counts():
    cells = np.array([[1, 1], [0, 0]])
    baseline = np.array([0, 0])
    table = (cells, baseline, np.array([5, 4]), np.array([0, 1]))
    assert errors(baseline, *table[2:]) == 9
    assert (discrepancy_of(*table, 0), ambiguity_of(*table, 0)) == (10, 10)
    assert discrepancy_path_of(*table).tolist() == [10] * 11
    assert ambiguity_path_of(*table).tolist() == [10] * 11


def test_a_baseline_better_than_the_whole_pool_competes_with_itself_alone():
    table = (np.array([[1, 1], [1, 0]]), np.array([0, 0]), np.array([0, 0]), np.array([2, 3]))
    assert level_set(*table, 1).shape == (0, 2)
    assert [discrepancy_of(*table, e) for e in (1, 2, 4, 5)] == [0, 2, 2, 5]
    assert [ambiguity_of(*table, e) for e in (1, 2, 4, 5)] == [0, 2, 2, 5]
    assert (pair_diameter_of(*table, 1), pair_diameter_of(*table, 5)) == (0, 5)


def test_a_row_that_no_member_flips_stays_unambiguous():
    table = (np.array([[1, 1], [1, 0]]), np.array([1, 1]), np.array([1, 1]), np.array([0, 0]))
    assert flip_errors_of(*table).tolist() == [3, 1]
    assert ambiguity_path_of(*table).tolist() == [0, 1, 1]


def test_equal_points_leave_two_classifiers():
    cells = linear_dichotomies(np.array([[0.5, 0.5]]))
    assert cells.tolist() == [[0], [1]]
    table = (cells, np.array([1]), np.array([7]), np.array([3]))
    assert discrepancy_path_of(*table).tolist() == [0] * 4 + [10] * 7
    assert flip_costs(*table[1:]).tolist() == [4]


def test_one_class_has_an_errorless_constant_baseline():
    rows, positives, negatives = XOR_ROWS, np.array([1, 2, 3, 4]), np.zeros(4, dtype=int)
    table = (linear_dichotomies(rows), np.ones(4, dtype=int), positives, negatives)
    assert errors(*table[1:]) == 0
    assert discrepancy_path_of(*table).tolist() == [0, 1, 2, 3, 4, 4, 6, 7, 8, 9, 10]  # 5 would be XOR


def test_small_integer_types_and_booleans_do_not_overflow():
    positives, negatives = np.array([200, 100], dtype=np.uint8), np.array([100, 200], dtype=np.uint8)
    cells, baseline = np.array([[True, True], [False, True]]), np.array([True, False])
    table = (cells, baseline, positives, negatives)
    assert errors_of(cells, positives, negatives).tolist() == [300, 400]
    assert flip_costs(*table[1:]).tolist() == [100, 100]
    assert (discrepancy_of(*table, 100), ambiguity_of(*table, 100)) == (300, 300)
    assert (discrepancy_of(*table, 200), pair_diameter_of(*table, 200)) == (600, 600)
    assert discrepancy_path_of(*table)[[99, 100, 200]].tolist() == [0, 300, 600]
    assert ambiguity_path_of(*table)[[99, 100, 200]].tolist() == [0, 300, 600]


@pytest.mark.parametrize(
    ("epsilon", "n", "count"),
    [(0, 7, 0), (0.01, 6172, 61), (0.001, 6172, 6), (1, 100, 100), (0.29, 100, 29), (0.3 - 0.1, 5, 1), (1, 1, 1)],
)
def test_a_tolerance_is_rounded_down_to_points(epsilon, n, count):
    assert tolerance_count(epsilon, n) == count


def test_a_tolerance_just_below_an_integer_is_that_integer():
    assert (tolerance_count(1 - 0.95e-9, 1), tolerance_count(1 - 1.05e-9, 1)) == (1, 0)
