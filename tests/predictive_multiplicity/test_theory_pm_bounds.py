"""The bounds hold for every class, and are attained by the class of all classifiers where they say so."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from theory_pm_instances import (
    NAND,
    ROUNDING,
    XOR_NEGATIVES,
    XOR_POSITIVES,
    XOR_ROWS,
    all_dichotomies,
    classes,
    counts,
    general,
    points_of,
    tables,
)

from theory.predictive_multiplicity import (
    ambiguity_bound,
    ambiguity_path_of,
    disagreement_range,
    disagreements_of,
    discrepancy_bound,
    discrepancy_of,
    discrepancy_path_of,
    errors,
    errors_of,
    flip_costs,
    flip_error_bounds,
    flip_errors_of,
    irreducible_errors,
    knapsack_bound,
    linear_dichotomies,
    one_sided_discrepancy_of,
    pair_diameter_bound,
    pair_diameter_of,
    parity_defect,
    saturation_tolerance,
    separable_bound,
)

ALL_SIX = all_dichotomies(6)
SEVERAL = 8 * ROUNDING  # a handful of roundings of shares of at most 3


@general
@given(classes())
def test_discrepancy_is_below_the_knapsack_and_that_below_proposition_1(drawn):
    _, baseline, positives, negatives = drawn
    n = int(np.sum(positives + negatives))
    baseline_errors = errors(baseline, positives, negatives)
    for tolerance, discrepancy in enumerate(discrepancy_path_of(*drawn)):
        knapsack = knapsack_bound(baseline, positives, negatives, tolerance)
        assert discrepancy <= knapsack <= min(n, 2 * baseline_errors + tolerance)
        assert discrepancy_bound(baseline_errors / n, tolerance / n) == pytest.approx(
            (2 * baseline_errors + tolerance) / n, abs=SEVERAL
        )
        assert pair_diameter_of(*drawn, tolerance) <= 2 * (baseline_errors + tolerance)
        assert pair_diameter_bound(baseline_errors / n, tolerance / n) == pytest.approx(
            2 * (baseline_errors + tolerance) / n, abs=SEVERAL
        )


@general
@given(classes(), st.integers(0, 8))
def test_the_knapsack_is_the_linear_program_it_names(drawn, tolerance):
    _, baseline, positives, negatives = drawn
    solved = linprog(
        -(positives + negatives),
        A_ub=flip_costs(baseline, positives, negatives)[np.newaxis],
        b_ub=[tolerance],
        bounds=(0, 1),
        method="highs",
    )
    # One part of one row is rounded here; HiGHS keeps its rows to 1e-7 of a count, worth at most n of them.
    n = np.sum(positives + negatives)
    assert knapsack_bound(baseline, positives, negatives, tolerance) == pytest.approx(-solved.fun, abs=1e-7 * n)


def test_the_knapsack_by_hand():
    # Costs 3, 1, -2, 4 for 3, 5, 4, 4 points: free row 2 gives 4 points and 2 of capacity, then 5 for 1, then 3 for 3.
    table = (np.array([1, 1, 1, 0]), np.array([3, 3, 1, 0]), np.array([0, 2, 3, 4]))
    assert flip_costs(*table).tolist() == [3, 1, -2, 4]
    bounds = [knapsack_bound(*table, tolerance) for tolerance in range(8)]
    assert bounds == [10, 11, 12, 13, 14, 15, 16, 16]
    assert knapsack_bound(np.array([1]), np.array([5]), np.array([2]), 1) == 7 / 3


@general
@given(classes())
def test_the_bounds_of_rows_are_attained_by_all_classifiers(drawn):
    _, baseline, positives, negatives = drawn
    n = int(np.sum(positives + negatives))
    table = (ALL_SIX, baseline, positives, negatives)
    assert irreducible_errors(positives, negatives) == errors_of(ALL_SIX, positives, negatives).min()
    assert np.array_equal(flip_error_bounds(baseline, positives, negatives), flip_errors_of(*table))
    bounds = [ambiguity_bound(baseline, positives, negatives, tolerance) for tolerance in range(n + 1)]
    assert bounds == ambiguity_path_of(*table).tolist()


@general
@given(counts(6), st.data())
def test_separable_labels_bound_the_discrepancy_of_all_classifiers(drawn, data):
    total = drawn[0]
    baseline = np.array(data.draw(st.lists(st.integers(0, 1), min_size=6, max_size=6)))
    if not total.any():
        total[0] = 1
    table = (ALL_SIX, baseline, total * baseline, total * (1 - baseline))
    assert errors(*table[1:]) == 0
    path = discrepancy_path_of(*table)
    assert path.tolist() == [separable_bound(*table[2:], tolerance) for tolerance in range(len(path))]
    assert path[0] == 0
    assert np.all(path <= np.arange(len(path)))


def test_ambiguity_of_a_separable_set_exceeds_the_tolerance():
    ones = np.ones(4, dtype=int)
    table = (linear_dichotomies(np.arange(4)[:, np.newaxis]), np.array([0, 0, 1, 1]), ones, 0 * ones)
    separable = (table[0], table[1], table[1], 1 - table[1])
    assert errors(*separable[1:]) == 0
    assert (discrepancy_of(*separable, 1), separable_bound(*separable[2:], 1)) == (1, 1)
    assert ambiguity_path_of(*separable)[1] == 2


def test_rows_of_both_labels_are_not_separable():
    with pytest.raises(ValueError, match="positives and negatives must have one label only at every row"):
        separable_bound(np.array([1, 1]), np.array([0, 1]), 1)


@general
@given(tables(), st.data())
def test_discrepancy_saturates_exactly_where_the_opposite_classifier_competes(table, data):
    rows, positives, negatives = table
    cells = linear_dichotomies(rows)
    baseline = cells[data.draw(st.integers(0, len(cells) - 1))]
    n = int(np.sum(positives + negatives))
    baseline_errors = errors(baseline, positives, negatives)
    threshold = saturation_tolerance(baseline_errors, n)
    assert threshold == max(n - 2 * baseline_errors, 0)
    path = discrepancy_path_of(cells, baseline, positives, negatives)
    assert np.all(path[threshold:] == n)
    if np.all(positives + negatives > 0):  # else a classifier other than -h_0 differs on all points that there are
        assert np.all(path[:threshold] < n)


@general
@given(classes())
def test_disagreements_have_the_parity_and_range_of_the_errors(drawn):
    cells, baseline, positives, negatives = drawn
    n = int(np.sum(positives + negatives))
    baseline_errors = errors(baseline, positives, negatives)
    apart = disagreements_of(cells, baseline, positives + negatives).tolist()
    for found, differing in zip(errors_of(cells, positives, negatives).tolist(), apart, strict=True):
        assert parity_defect(found, baseline_errors, differing) == 0
        assert parity_defect(found, baseline_errors, differing + 1) == 1
        least, most = disagreement_range(found, baseline_errors, n)
        assert least <= differing <= most


@pytest.mark.parametrize("n", [1, 4, 5])
def test_the_range_of_disagreements_is_attained(n):
    ones = np.ones(n, dtype=int)
    cells = all_dichotomies(n)
    for baseline in cells:
        apart = disagreements_of(cells, baseline, ones)
        found = errors_of(cells, ones, 0 * ones)
        mistakes = errors(baseline, ones, 0 * ones)
        for count in range(n + 1):
            here = apart[found == count]
            assert disagreement_range(count, mistakes, n) == (here.min(), here.max())


def test_the_xor_set_attains_proposition_1():
    assert discrepancy_bound(0.25, 0) == 0.5
    assert knapsack_bound(NAND, XOR_POSITIVES, XOR_NEGATIVES, 0) == 50
    assert discrepancy_of(linear_dichotomies(XOR_ROWS), NAND, XOR_POSITIVES, XOR_NEGATIVES, 0) == 50


def test_a_pair_of_competitors_can_exceed_proposition_1():
    table = (all_dichotomies(4), np.array([0, 0, 0, 0]), np.zeros(4, dtype=int), np.ones(4, dtype=int))
    assert (discrepancy_of(*table, 1), pair_diameter_of(*table, 1)) == (1, 2)
    assert (discrepancy_bound(0, 0.25), pair_diameter_bound(0, 0.25)) == (0.25, 0.5)


@general
@given(tables(), st.integers(0, 5), st.data())
def test_the_one_sided_program_declares_what_suits_it(table, tolerance, data):
    rows, positives, negatives = table
    positives, negatives = np.minimum(positives, 1), np.minimum(negatives, 1)
    positives[0] = 1
    cells = linear_dichotomies(rows)
    found = errors_of(cells, positives, negatives)
    baseline = cells[np.argmin(found)] if data.draw(st.booleans()) else cells[data.draw(st.integers(0, len(cells) - 1))]
    at, labels = points_of(positives, negatives)
    gains = [1 if baseline[u] == y else -1 for u, y in zip(at, labels, strict=True)]
    lower = found.min() - errors(baseline, positives, negatives)
    most = 0
    for flipped in {tuple(np.flatnonzero([b[u] != baseline[u] for u in at])) for b in cells}:
        for size in range(len(flipped), most, -1):
            declared = itertools.combinations(flipped, size)
            if any(lower <= sum(gains[i] for i in chosen) <= tolerance for chosen in declared):
                most = size
                break
    reported = one_sided_discrepancy_of(cells, baseline, positives, negatives, tolerance)
    assert reported == most
    assert reported >= discrepancy_of(cells, baseline, positives, negatives, tolerance)


def test_the_one_sided_program_is_wrong_about_five_points_on_a_line():
    table = (
        linear_dichotomies(np.arange(5)[:, np.newaxis]),
        np.zeros(5, dtype=int),
        np.array([0, 0, 1, 0, 0]),
        np.array([1, 1, 0, 1, 1]),
    )
    assert (discrepancy_of(*table, 0), one_sided_discrepancy_of(*table, 0)) == (0, 2)
    assert (discrepancy_of(*table, 1), one_sided_discrepancy_of(*table, 1)) == (3, 3)
    assert one_sided_discrepancy_of(table[0], table[1], 2 * table[2], 2 * table[3], 0) == 4


def test_more_errors_than_points_are_refused():
    with pytest.raises(ValueError, match="baseline_errors must be at most n = 3, got 4"):
        saturation_tolerance(4, 3)
    for pair in ((4, 0), (0, 4)):
        with pytest.raises(ValueError, match="competitor_errors and baseline_errors must be at most n = 3, got 4"):
            disagreement_range(*pair, 3)
