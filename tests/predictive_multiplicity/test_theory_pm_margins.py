"""Margins and exact certificates: every certificate is verified in integers, and circuits against all linear cells."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from theory_pm_instances import (
    NAND,
    OR,
    ROUNDING,
    XOR_ROWS,
    all_dichotomies,
    general,
    grid,
    tables,
    with_intercept,
)

from theory.predictive_multiplicity import (
    big_m,
    circuit_row,
    is_realisable_exactly,
    largest_margin,
    linear_dichotomies,
    realisability_certificate,
)

SOLVER = 1e-9  # HiGHS returns a vertex: rounding of a basis of small integers, far below its tolerance of 1e-7


def verify(dichotomy, rows):
    """Check the certificate in Python integers and tell whether the dichotomy is linear."""
    certificate = realisability_certificate(dichotomy, rows)
    signed = [
        [sign * entry for entry in point]
        for sign, point in zip((2 * dichotomy - 1).tolist(), with_intercept(rows).tolist(), strict=True)
    ]
    if certificate.weights is not None:
        assert certificate.circuit is None
        assert np.gcd.reduce(certificate.weights) == 1
        assert all(sum(w * x for w, x in zip(certificate.weights, point, strict=True)) > 0 for point in signed)
        return True
    support = [u for u, entry in enumerate(certificate.circuit) if entry]
    assert np.gcd.reduce(certificate.circuit) == 1
    assert all((certificate.circuit[u] > 0) == (dichotomy[u] == 1) for u in support)
    for column in range(len(signed[0])):
        assert sum(abs(certificate.circuit[u]) * signed[u][column] for u in support) == 0
    # A circuit: no point of the support can be left out.
    assert np.linalg.matrix_rank(np.array([signed[u] for u in support], dtype=float)) == len(support) - 1
    return False


@settings(general, max_examples=10)
@given(tables(most_rows=7))
def test_every_dichotomy_has_exactly_one_certificate(table):
    rows = table[0]
    listed = {tuple(b) for b in linear_dichotomies(rows).tolist()}
    for b in all_dichotomies(len(rows)):
        realisable = verify(b, rows)
        assert realisable == (tuple(b.tolist()) in listed) == is_realisable_exactly(b, rows)


@settings(general, max_examples=10)
@given(st.integers(1, 5), st.integers(2, 20), st.integers(0, 2**32 - 1))
def test_larger_point_sets_are_certified_too(n_features, n, seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(-100, 101, (n, n_features))
    weights = rng.integers(-50, 51, n_features)
    scores = 2 * (rows @ weights) - 2 * int(np.median(rows @ weights)) + 1
    assert verify((scores > 0).astype(int), rows)
    verify(rng.integers(0, 2, n), rows)


@settings(general, max_examples=10)
@given(tables())
def test_a_circuit_holds_for_every_linear_dichotomy_and_not_for_its_own(table):
    rows = table[0]
    cells = linear_dichotomies(rows)
    for b in all_dichotomies(len(rows)):
        circuit = realisability_certificate(b, rows).circuit
        if circuit is not None:
            coefficients, lower, upper = circuit_row(circuit)
            assert coefficients.tolist() == np.sign(circuit).tolist()
            assert np.all((cells @ coefficients >= lower) & (cells @ coefficients <= upper))
            assert coefficients @ b == upper + 1
            assert coefficients @ (1 - b) == lower - 1
            agreeing = np.sum((cells == (coefficients > 0)) & (coefficients != 0), axis=1)
            assert agreeing.min() >= 1
            assert agreeing.max() <= np.count_nonzero(coefficients) - 1


def test_a_parallelogram_by_hand():
    coefficients, lower, upper = circuit_row(np.array([2, 2, -2, 0, -2]))
    assert (coefficients.tolist(), lower, upper) == ([1, 1, -1, 0, -1], -1, 1)
    coefficients, lower, upper = circuit_row((1, -3, 1, 1))
    assert (coefficients.tolist(), lower, upper) == ([1, -1, 1, 1], 0, 2)
    xor = np.array([0, 1, 1, 0])
    assert realisability_certificate(xor, XOR_ROWS).circuit == (-1, 1, 1, -1)


@pytest.mark.parametrize("rows", [[[-1], [-1]], [[-1, -2], [-1, -2]], [[-2], [0], [-2]]])
def test_equal_points_with_two_labels_are_a_circuit(rows):
    # An artificial column stays in the basis, at zero: the point's coordinates depend on each other.
    b = np.arange(len(rows)) == 0
    circuit = realisability_certificate(b.astype(int), np.array(rows)).circuit
    assert np.all(np.array(circuit) @ np.insert(rows, 0, 1, axis=1) == 0)
    assert circuit[0] == 1
    assert circuit[-1] == -1


@pytest.mark.parametrize("circuit", [(0, 0), (1, 2), (-1, 0), ()])
def test_a_circuit_has_both_signs(circuit):
    with pytest.raises(ValueError, match="circuit must have entries of both signs, got"):
        circuit_row(circuit)


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
def test_the_margin_is_attained_and_beats_the_certificate(table, seed):
    rows = table[0]
    for b in np.random.default_rng(seed).integers(0, 2, (4, len(rows))):
        margin, weights = largest_margin(b, rows)
        signed = (2 * b - 1)[:, np.newaxis] * with_intercept(rows)
        assert np.abs(weights).sum() <= 1 + SOLVER
        assert (signed @ weights).min() == pytest.approx(margin, abs=SOLVER)
        certificate = realisability_certificate(b, rows)
        if certificate.weights is None:
            # The circuit is the dual: its convex combination of the points is zero, so no margin is positive.
            assert margin == pytest.approx(0, abs=SOLVER)
        else:
            exact = np.array(certificate.weights) / np.abs(certificate.weights).sum()
            assert margin >= (signed @ exact).min() - SOLVER > 0


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


def test_certificates_of_tiny_and_huge_numbers_are_exact():
    rows = np.array([[1e-200], [1e200], [0.0]])
    certificate = realisability_certificate(np.array([0, 1, 0]), rows)
    weights = certificate.weights
    assert weights[0] < 0 < weights[1]
    assert weights[0] * 2**2000 + weights[1] * int(1e200) * 2**2000 > 0
    assert realisability_certificate(np.array([1, 0, 0]), rows).circuit is not None
    for middle, b in itertools.product((2**-40, 1 - 2**-40), all_dichotomies(3)):
        line = np.array([[0.0], [middle], [1.0]])
        outer_agree_against_the_middle = b[0] == b[2] != b[1]
        certificate = realisability_certificate(b, line)
        assert (certificate.circuit is not None) == outer_agree_against_the_middle
        if certificate.circuit is not None:
            assert sum(certificate.circuit) == 0
            assert certificate.circuit[1] * middle + certificate.circuit[2] == 0


def test_the_cube_of_five_bits_is_certified_row_by_row():
    rows = grid(2, 5)
    rng = np.random.default_rng(0)
    threshold = (rows @ [5, 4, 3, 2, 1] > 7).astype(int)
    assert verify(threshold, rows)
    for u in rng.choice(32, 6, replace=False):
        flipped = threshold.copy()
        flipped[u] ^= 1
        verify(flipped, rows)
    assert not verify((rows.sum(axis=1) % 2).astype(int), rows)


def test_hostile_input_is_refused():
    for function in (largest_margin, realisability_certificate, is_realisable_exactly):
        with pytest.raises(ValueError, match="dichotomy must hold a 0 or 1 for each of the 4 rows, got"):
            function(np.array([1, 0, 2, 0]), XOR_ROWS)
        with pytest.raises(ValueError, match="rows must be non-empty and finite, got"):
            function(np.array([1]), np.array([[np.nan]]))
        with pytest.raises(ValueError, match="rows must hold at least one point"):
            function(np.zeros(0, dtype=int), np.zeros((0, 2)))
    with pytest.raises(ValueError, match="margin must be finite and non-negative, got -1"):
        big_m(XOR_ROWS, -1)
    with pytest.raises(ValueError, match="rows must hold at least one point"):
        big_m(np.zeros((0, 2)), 1)
