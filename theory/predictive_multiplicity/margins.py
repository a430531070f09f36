"""Is a dichotomy linear? Its largest margin by linear programming, and an exact certificate either way.

By Gordan's theorem b is linear iff no lambda >= 0 other than zero has sum_u lambda_u s_u (1, u) = 0, s = 2 b - 1; the
supports of minimal such lambda are circuits, each of which forbids b by one two-sided row over 0/1 variables. Weights
are w = (intercept, one per feature) with |w|_1 <= 1, intercept counted, as in Marx, Calmon & Ustun 2020 (arXiv
1909.06677); the certificates and the size of M are derived here. `ValueError` for rows that are empty or not finite
and for a dichotomy that is not one 0 or 1 per row.
"""

from collections.abc import Sequence
from fractions import Fraction
from numbers import Integral
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from theory.predictive_multiplicity._validation import (
    Dichotomy,
    Vector,
    check_rows,
    checked_dichotomy,
    coprime,
    integer_points,
    shown,
)
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_non_negative


class RealisabilityCertificate(NamedTuple):
    """Exactly one of the two is there, in exact integers.

    `weights` w, intercept first: <w, (1, u)> > 0 where b_u = 1 and < 0 where b_u = 0. `circuit` c, one entry per row:
    sum_u c_u (1, u) = 0 with c_u >= 0 where b_u = 1 and <= 0 where b_u = 0, not all zero, its support minimal.
    """

    weights: Vector | None
    circuit: Vector | None


@validated
def big_m(rows: Real[np.ndarray, "rows features"], margin: float | int) -> Float[np.ndarray, " rows"]:
    """Smallest M_u = gamma + max(1, |u|_inf) for which -<w, (1, u)> >= gamma - M_u binds no w with |w|_1 <= 1.

    `ValueError` if `margin` gamma is negative or not finite.
    """
    check_non_negative("margin", margin)
    check_rows(rows)
    return margin + np.abs(rows.astype(np.float64)).max(axis=1, initial=1)


@validated
def largest_margin(
    dichotomy: Dichotomy, rows: Real[np.ndarray, "rows features"]
) -> tuple[float, Float[np.ndarray, " dim"]]:
    """Max over |w|_1 <= 1 of min_u s_u <w, (1, u)>, and such a w; positive iff b is linear, else zero.

    It depends on the scale of the features and can grow with columns that others imply: |w|_1 is then less. Solved in
    floats (HiGHS): a value within 1e-7 max |u| of zero decides nothing, ask `is_realisable_exactly`.
    """
    from scipy.optimize import linprog

    check_rows(rows)
    signs = 2 * checked_dichotomy("dichotomy", dichotomy, len(rows)) - 1
    signed = signs[:, np.newaxis] * np.insert(rows.astype(np.float64), 0, 1, axis=1)
    dim = signed.shape[1]
    at_least_the_margin = np.hstack([-signed, signed, np.ones((len(rows), 1))])
    norm = np.append(np.ones(2 * dim), 0)
    solved = linprog(
        -np.eye(2 * dim + 1)[-1],
        A_ub=np.vstack([at_least_the_margin, norm]),
        b_ub=np.eye(len(rows) + 1)[-1],
        bounds=(0, None),
        method="highs",
    )
    if solved.x is None:
        raise ValueError(f"rows must be of a size that the solver can handle, got up to {np.abs(rows).max():.3g}")
    return max(0.0, float(solved.x[-1])), solved.x[:dim] - solved.x[dim:-1]


@validated
def is_realisable_exactly(dichotomy: Dichotomy, rows: Real[np.ndarray, "rows features"]) -> bool:
    """Tell whether the dichotomy is linear, in exact rational arithmetic; floats are taken at their exact value."""
    return realisability_certificate(dichotomy, rows).weights is not None


@validated
def realisability_certificate(
    dichotomy: Dichotomy, rows: Real[np.ndarray, "rows features"]
) -> RealisabilityCertificate:
    """Integer weights that realise the dichotomy, or an integer circuit that forbids it: whichever exists.

    The simplex method with Bland's rule on {lambda >= 0 : sum lambda_u s_u (1, u) = 0, sum lambda_u = 1} in integers
    with a common denominator; a basic solution is a circuit, and the dual of an infeasible program is w.
    """
    points = integer_points(rows)
    signs = [1 if b else -1 for b in checked_dichotomy("dichotomy", dichotomy, len(points))]
    dim = len(points[0])
    tableau = np.zeros((dim + 2, len(points) + dim + 2), dtype=object)
    tableau[:dim, : len(points)] = np.array(points, dtype=object).T * np.array(signs, dtype=object)
    tableau[dim, : len(points)] = tableau[dim, -1] = 1
    for row in range(dim + 1):
        tableau[row, len(points) + row] = 1
    tableau[-1, : len(points)] = -tableau[:-1, : len(points)].sum(axis=0)
    tableau[-1, -1] = -1
    basis, denominator = _simplex(tableau, len(points))
    if tableau[-1, -1] < 0:
        artificial = tableau[-1, len(points) : len(points) + dim]
        return RealisabilityCertificate(coprime([int(cost - denominator) for cost in artificial]), None)
    circuit = [0] * len(points)
    for row, column in enumerate(basis):
        if column < len(points):
            circuit[column] = int(tableau[row, -1]) * signs[column] * points[column][0]
    return RealisabilityCertificate(None, coprime(circuit))


@validated
def circuit_row(circuit: Sequence[int] | Int[np.ndarray, " rows"]) -> tuple[Int[np.ndarray, " rows"], int, int]:
    """Coefficients, lower and upper end of the row that a circuit puts on every linear dichotomy b.

    1 <= #{u in C : b_u = 1[c_u > 0]} <= |C| - 1 is lower <= sum_u sign(c_u) b_u <= upper. For a parallelogram
    u1 + u2 = u3 + u4 it reads -1 <= b_1 + b_2 - b_3 - b_4 <= 1. `ValueError` unless entries of both signs occur.
    """
    if not all(isinstance(entry, Integral) for entry in circuit):
        raise TypeError(f"circuit must hold integers, got {circuit!r:.200}")
    coefficients = np.array([int(entry > 0) - int(entry < 0) for entry in circuit], dtype=np.int64)
    if not (np.any(coefficients > 0) and np.any(coefficients < 0)):
        raise ValueError(f"circuit must have entries of both signs, got {shown(np.asarray(circuit))}")
    below = int(np.sum(coefficients < 0))
    return coefficients, 1 - below, int(np.sum(coefficients > 0)) - 1


def _simplex(tableau: np.ndarray, n_columns: int) -> tuple[list[int], int]:
    """Minimise in place from the basis of artificial columns, only the first `n_columns` entering.

    The last row holds the reduced costs and the last column the solution, all over one denominator, which is returned
    with the basis.
    """
    n_rows = len(tableau) - 1
    basis = list(range(n_columns, n_columns + n_rows))
    denominator = 1
    while True:
        entering = next((column for column in range(n_columns) if tableau[-1, column] < 0), None)
        if entering is None:
            return basis, denominator
        leaving = min(
            (row for row in range(n_rows) if tableau[row, entering] > 0),
            key=lambda row: (Fraction(tableau[row, -1], tableau[row, entering]), basis[row]),
        )
        pivot_row = tableau[leaving].copy()
        pivot = int(pivot_row[entering])
        # Every entry is a minor of the first tableau, so the division by the last pivot leaves no remainder.
        tableau[:] = (tableau * pivot - np.outer(tableau[:, entering], pivot_row)) // denominator
        tableau[leaving] = pivot_row
        basis[leaving], denominator = entering, pivot
