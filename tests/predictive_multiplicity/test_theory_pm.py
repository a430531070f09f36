"""The laws of multiplicity and its neighbours where no claim asks: small types, exact floats, ties,
by hand.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from theory import predictive_multiplicity as predicted

general = settings(deadline=None, derandomize=True, max_examples=25)


@st.composite
def counts(draw, n_rows, most=4):
    """Positive and negative counts of `n_rows` rows, at least one point in all."""
    both = st.lists(st.integers(0, most), min_size=n_rows, max_size=n_rows)
    positives = np.array(draw(both))
    negatives = np.array(draw(both))
    positives[0] += not (positives.any() or negatives.any())
    return positives, negatives


@st.composite
def classes(draw, n_rows=6):
    """Any finite class of classifiers, a baseline that need not belong to it, and counts."""
    entries = st.lists(st.integers(0, 1), min_size=n_rows, max_size=n_rows)
    cells = np.array(draw(st.lists(entries, min_size=1, max_size=12)))
    return cells, np.array(draw(entries)), *draw(counts(n_rows))


def test_small_integer_types_and_booleans_do_not_overflow():
    positives = np.array([200, 100], dtype=np.uint8)
    negatives = np.array([100, 200], dtype=np.uint8)
    cells = np.array([[True, True], [False, True]])
    baseline = np.array([True, False])
    table = (cells, baseline, positives, negatives)
    assert predicted.errors_of(cells, positives, negatives).tolist() == [300, 400]
    assert predicted.flip_costs(*table[1:]).tolist() == [100, 100]
    assert [predicted.discrepancy_of(*table, e) for e in (100, 200)] == [300, 600]
    assert [predicted.ambiguity_of(*table, e) for e in (100, 200)] == [300, 600]
    assert predicted.discrepancy_path_of(*table)[[99, 100, 200]].tolist() == [0, 300, 600]
    assert predicted.ambiguity_path_of(*table)[[99, 100, 200]].tolist() == [0, 300, 600]


@general
@given(classes())
def test_a_path_is_its_measure_at_every_tolerance(drawn):
    n = int(np.sum(drawn[2] + drawn[3]))
    assert predicted.discrepancy_path_of(*drawn).tolist() == [
        predicted.discrepancy_of(*drawn, e) for e in range(n + 1)
    ]
    assert predicted.ambiguity_path_of(*drawn).tolist() == [
        predicted.ambiguity_of(*drawn, e) for e in range(n + 1)
    ]


@pytest.mark.parametrize(
    ("n", "dim", "count"),
    [
        (8, 3, 58),
        (10, 3, 92),
        (8, 4, 128),
        (1, 1, 2),
        (5, 1, 2),
        (4, 9, 16),
        (16, 5, 3882),
        (400, 200, 2**399),
    ],
)
def test_cover_count(n, dim, count):
    assert predicted.cover_count(n, dim) == count


@general
@given(st.lists(st.integers(0, 8), min_size=2, max_size=8, unique=True))
def test_the_list_is_closed_under_the_opposite_and_holds_the_constants(chosen):
    rows = np.indices((3, 3)).reshape(2, 9).T[chosen]
    cells = predicted.linear_dichotomies(rows)
    members = {tuple(b) for b in cells.tolist()}
    assert {tuple(b) for b in (1 - cells).tolist()} == members
    assert {(0,) * len(rows), (1,) * len(rows)} <= members
    assert len(members) == len(cells) <= predicted.cover_count(len(rows), 3)


def test_floats_are_taken_at_their_exact_value():
    almost = math.nextafter(0.5, 1)
    assert [0, 1, 0] not in predicted.linear_dichotomies(
        np.array([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]])
    ).tolist()
    bent = np.array([[0.0, 0.0], [0.5, almost], [1.0, 1.0]])
    assert [0, 1, 0] in predicted.linear_dichotomies(bent).tolist()
    assert len(predicted.linear_dichotomies(bent)) == 8
    assert len(predicted.linear_dichotomies(np.array([[1e-300], [0.0], [1e300]]))) == 6


@pytest.mark.parametrize(
    ("dichotomy", "weights"),
    [([1, 1, 1, 0], [3 / 7, -2 / 7, -2 / 7]), ([0, 1, 1, 1], [-1 / 5, 2 / 5, 2 / 5])],
)
def test_weights_of_the_largest_margin_are_those_found_by_hand(dichotomy, weights):
    """Of two optimal classifiers of exclusive or, at the corners of a square."""
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    found = predicted.largest_margin(np.array(dichotomy), corners)[1]
    # HiGHS returns a vertex: rounding of a basis of small numbers, far below its 1e-7.
    assert found == pytest.approx(weights, abs=1e-9)


@general
@given(classes(), st.integers(0, 30))
def test_the_knapsack_is_a_linear_program_within_proposition_1(drawn, tolerance):
    """Dantzig 1957: taking rows by weight per cost solves the fractional knapsack."""
    _, *sample = drawn
    n = int(np.sum(sample[1:]))
    costs = predicted.flip_costs(*sample)
    weights = sample[1] + sample[2]
    program = linprog(-weights, A_ub=costs[None], b_ub=[tolerance], bounds=(0, 1))
    bound = predicted.knapsack_bound(*sample, tolerance)
    assert abs(bound + program.fun) <= 1e-7 * n  # HiGHS meets its rows to 1e-7
    error = predicted.errors(*sample) / n
    assert bound <= n * predicted.discrepancy_bound(error, min(tolerance / n, 1)) + 1e-9


@general
@given(weights=st.lists(st.integers(0, 5), min_size=1, max_size=7), tolerance=st.integers(0, 30))
def test_the_separable_bound_is_the_largest_sum_of_rows_up_to_the_tolerance(weights, tolerance):
    sums = {0}
    for weight in weights:
        sums |= {total + weight for total in sums}
    bound = predicted.separable_bound(np.array(weights), np.zeros(len(weights), int), tolerance)
    assert bound == max(total for total in sums if total <= tolerance)
