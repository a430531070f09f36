"""Margins against hand-made ones and exact lists of linear dichotomies, big M against the ball."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from theory_pm_instances import NAND, OR, ROUNDING, XOR_ROWS, general, tables, with_intercept

from theory.predictive_multiplicity import big_m, largest_margin, linear_dichotomies

SOLVER = 1e-9  # HiGHS returns a vertex: rounding of a basis of small integers, far below its tolerance of 1e-7


@pytest.mark.parametrize(
    ("b", "margin"), [(NAND, 1 / 7), (OR, 1 / 5), (np.array([0, 1, 0, 0]), 1 / 5), (np.array([0, 0, 1, 0]), 1 / 5)]
)
def test_margins_of_the_xor_optima(b, margin):
    found, weights = largest_margin(b, XOR_ROWS)
    assert found == pytest.approx(margin, abs=SOLVER)
    if margin > 0.15:
        assert np.abs(weights) == pytest.approx([0.2, 0.4, 0.4], abs=SOLVER)
    else:
        assert weights == pytest.approx([3 / 7, -2 / 7, -2 / 7], abs=SOLVER)


def test_an_implied_column_widens_the_margin():
    line = np.array([[0.0], [1.0]])
    assert largest_margin(np.array([0, 1]), line)[0] == pytest.approx(1 / 3, abs=SOLVER)
    both = np.column_stack([line, 1 - line])
    assert largest_margin(np.array([0, 1]), both)[0] == pytest.approx(1 / 2, abs=SOLVER)


def test_the_margin_of_a_constant_is_one_and_of_xor_zero():
    assert largest_margin(np.ones(4, dtype=int), XOR_ROWS)[0] == pytest.approx(1, abs=SOLVER)
    assert largest_margin(np.array([0, 1, 1, 0]), XOR_ROWS)[0] == pytest.approx(0, abs=SOLVER)


@general
@given(tables(), st.integers(0, 2**32 - 1))
def test_the_margin_is_attained_and_positive_exactly_for_linear_dichotomies(table, seed):
    rows = table[0]
    listed = {tuple(b) for b in linear_dichotomies(rows).tolist()}
    for b in np.random.default_rng(seed).integers(0, 2, (4, len(rows))):
        margin, weights = largest_margin(b, rows)
        signed = (2 * b - 1)[:, np.newaxis] * with_intercept(rows)
        assert np.abs(weights).sum() <= 1 + SOLVER
        assert (signed @ weights).min() == pytest.approx(margin, abs=SOLVER)
        # The least positive margin of dichotomies of the 3 x 3 lattice is 1 / 15, and that of a subset no less.
        assert margin > 0.05 if tuple(b.tolist()) in listed else margin == pytest.approx(0, abs=SOLVER)


@general
@given(st.integers(1, 4), st.floats(0, 2), st.integers(0, 2**32 - 1))
def test_big_m_is_the_largest_shortfall_over_the_ball(n_features, margin, seed):
    rows = np.random.default_rng(seed).normal(scale=2, size=(5, n_features))
    vertices = np.vstack([np.eye(n_features + 1), -np.eye(n_features + 1)])
    shortfall = margin - (with_intercept(rows) @ vertices.T).min(axis=1)
    assert big_m(rows, margin) == pytest.approx(shortfall, abs=4 * ROUNDING * (margin + np.abs(rows).max() + 1))


def test_big_m_by_hand():
    assert big_m(np.array([[-3, 2], [0, 0]]), 0.5).tolist() == [3.5, 1.5]
    assert big_m(np.array([[200], [3]], dtype=np.uint8), 0).tolist() == [200, 3]


@pytest.mark.parametrize("function", [lambda rows: big_m(rows, 1), lambda rows: largest_margin(np.ones(1, int), rows)])
def test_no_points_are_refused(function):
    with pytest.raises(ValueError, match=r"^rows must "):
        function(np.zeros((0, 2)))
