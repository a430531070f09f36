"""Exact counts and lists of linear dichotomies against Cover's formula, integer weights and linear programs."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from theory_pm_instances import XOR_ROWS, all_dichotomies, general, grid, tables

from theory.predictive_multiplicity import (
    boolean_dichotomies,
    cover_count,
    dichotomy_count,
    largest_margin,
    linear_dichotomies,
)


def thresholds_of_integer_weights(rows, most):
    """The dichotomies of all integer weights up to `most` in size, thresholds between any two neighbouring scores."""
    weights = np.array(list(itertools.product(range(-most, most + 1), repeat=rows.shape[1])))
    scores = weights @ rows.T
    thresholds = np.arange(scores.min(), scores.max() + 2) - 0.5
    return np.unique((scores > thresholds[:, np.newaxis, np.newaxis]).reshape(-1, len(rows)), axis=0).astype(int)


@pytest.mark.parametrize(
    ("n", "dim", "count"),
    [(8, 3, 58), (10, 3, 92), (8, 4, 128), (1, 1, 2), (5, 1, 2), (4, 9, 16), (16, 5, 3882), (400, 200, 2**399)],
)
def test_cover_count(n, dim, count):
    assert cover_count(n, dim) == count


@pytest.mark.parametrize(("n_features", "count"), list(enumerate([2, 4, 14, 104, 1882, 94572])))
def test_threshold_functions_of_a_few_bits(n_features, count):
    assert boolean_dichotomies(n_features) == count


@pytest.mark.parametrize(("rows", "most"), [(XOR_ROWS, 4), (grid(3, 2), 4), (grid(2, 3), 4), (grid(3, 1), 4)])
def test_integer_weights_find_the_same_dichotomies_of_a_lattice(rows, most):
    found = linear_dichotomies(rows)
    assert found.tolist() == thresholds_of_integer_weights(rows, most).tolist()  # both in sorted order
    assert len(found) == dichotomy_count(rows)


def test_the_four_cube_is_listed():
    cells = linear_dichotomies(grid(2, 4))
    assert cells.shape == (1882, 16)
    assert len(np.unique(cells, axis=0)) == 1882


@settings(general, max_examples=8)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_points_in_general_position_attain_covers_count(n_features, n, seed):
    rows = np.random.default_rng(seed).normal(size=(n, n_features))
    cells = linear_dichotomies(rows)
    assert len(cells) == dichotomy_count(rows) == cover_count(n, n_features + 1)
    assert len(np.unique(cells, axis=0)) == len(cells)


@settings(general, max_examples=6)
@given(st.integers(1, 3), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_exactly_the_dichotomies_with_a_margin_are_listed(n_features, n, seed):
    rows = np.random.default_rng(seed).integers(-3, 4, (n, n_features))
    listed = {tuple(b) for b in linear_dichotomies(rows).tolist()}
    for b in all_dichotomies(n):
        # Weights of size at most 24 realise all of these, so a margin is above 1e-3 or zero.
        assert (largest_margin(b, rows)[0] > 1e-5) == (tuple(b.tolist()) in listed)


@general
@given(tables())
def test_the_list_is_closed_under_the_opposite_and_holds_the_constants(table):
    rows = table[0]
    cells = linear_dichotomies(rows)
    listed = {tuple(b) for b in cells.tolist()}
    assert {tuple(b) for b in (1 - cells).tolist()} == listed
    assert {(0,) * len(rows), (1,) * len(rows)} <= listed
    assert len(listed) == len(cells) == dichotomy_count(rows) <= cover_count(len(rows), 3)


@general
@given(tables(most_rows=7), st.integers(0, 2**32 - 1))
def test_affine_maps_dependent_columns_and_order_change_nothing(table, seed):
    rows = table[0]
    rng = np.random.default_rng(seed)
    cells = linear_dichotomies(rows).tolist()
    lower = np.array([[1, 0], [rng.integers(-3, 4), 1]])
    mapped = rows @ lower @ np.diag([3, -2]) + rng.integers(-5, 6, 2)
    assert linear_dichotomies(mapped).tolist() == cells
    assert linear_dichotomies(mapped / 8).tolist() == cells
    dependent = np.column_stack([rows, rows @ [2, -1] + 3, np.full(len(rows), 7)])
    assert linear_dichotomies(dependent).tolist() == cells
    order = rng.permutation(len(rows))
    assert linear_dichotomies(rows[order]).tolist() == sorted(np.array(cells)[:, order].tolist())


def test_repeated_points_agree():
    rows = np.array([[0], [1], [0], [2]])
    cells = linear_dichotomies(rows)
    assert np.array_equal(cells[:, 0], cells[:, 2])
    assert np.unique(cells[:, [0, 1, 3]], axis=0).tolist() == linear_dichotomies(rows[[0, 1, 3]]).tolist()
    assert (len(cells), dichotomy_count(rows)) == (6, 6)


def test_floats_are_taken_at_their_exact_value():
    almost = math.nextafter(0.5, 1)
    assert [0, 1, 0] not in linear_dichotomies(np.array([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]])).tolist()
    bent = np.array([[0.0, 0.0], [0.5, almost], [1.0, 1.0]])
    assert [0, 1, 0] in linear_dichotomies(bent).tolist()
    assert (len(linear_dichotomies(bent)), dichotomy_count(bent)) == (8, 8)
    assert len(linear_dichotomies(np.array([[1e-300], [0.0], [1e300]]))) == 6


def test_points_without_features_are_one_point():
    assert linear_dichotomies(np.zeros((2, 0))).tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize("function", [linear_dichotomies, dichotomy_count])
def test_no_points_are_refused(function):
    with pytest.raises(ValueError, match=r"^rows must hold at least one point, got an array of shape \(0, 2\)"):
        function(np.zeros((0, 2)))


def test_a_count_of_too_many_terms_is_refused():
    with pytest.raises(ValueError, match=r"^n or dim must be at most 100000, the terms of the sum, got 200000, 200001"):
        cover_count(200_000, 200_001)
