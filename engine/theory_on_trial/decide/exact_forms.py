"""The exact check of a worst case over a class: multipliers prove an upper bound, an instance a
lower one, both in fractions.

A class, a method and its first conditions are a `Statement`: forms that are linear in the values
f_k and in the products <p_i, p_j> of points (Drori and Teboulle 2014; Taylor, Hendrickx and
Glineur 2017). With a form e <= 0 for each condition, weights w >= 0 of the measures that add up to
1, and multipliers m >= 0, the identity

    sum w_k measure_k - sum m_i e_i = bound - <S, G>,  S positive semidefinite,

shows that no instance exceeds the bound, because the Gram matrix G is positive semidefinite, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm

Matrix = list[list[Fraction]]


class Unchecked(ValueError):
    """Numbers that do not prove what they should; the message says in a sentence what fails."""


@dataclass(frozen=True)
class Form:
    """A number, plus values f_k and products <p_i, p_j> of points with coefficients.

    Attributes:
        constant: the number.
        values: the coefficient of f_k, by k.
        products: the coefficient of <p_i, p_j>, by (i, j) with i <= j.
    """

    constant: Fraction = Fraction(0)
    values: Mapping[int, Fraction] = field(default_factory=dict)
    products: Mapping[tuple[int, int], Fraction] = field(default_factory=dict)

    def at(self, values: Sequence[Fraction], gram: Matrix) -> Fraction:
        """Return the number that the form has on an instance."""
        found = self.constant
        for k, factor in self.values.items():
            found += factor * values[k]
        for (i, j), factor in self.products.items():
            found += factor * gram[i][j]
        return found


@dataclass(frozen=True)
class Statement:
    """What is maximised, and under which conditions.

    Attributes:
        points: how many points p_i there are.
        values: how many values f_k there are.
        measures: at least one form; the least of them is maximised.
        at_most: the forms e that are <= 0 on each instance.
        equal: the forms that are 0 on each instance.
    """

    points: int
    values: int
    measures: tuple[Form, ...]
    at_most: tuple[Form, ...]
    equal: tuple[Form, ...] = ()

    @property
    def forms(self) -> tuple[Form, ...]:
        """All forms: measures, those at most 0, those that are 0."""
        return self.measures + self.at_most + self.equal


def checked_bound(statement: Statement, multipliers: Sequence[Fraction]) -> Fraction:
    """Return the upper bound that multipliers of all forms, in their order, prove.

    Raises `Unchecked` if one of an inequality is negative, the weights of the measures do not add
    up to 1, a value does not cancel, or the remaining matrix S is not positive semidefinite.
    """
    first = len(statement.measures)
    signed = multipliers[: first + len(statement.at_most)]
    if len(multipliers) != len(statement.forms):
        raise Unchecked(f"{len(statement.forms)} multipliers are needed, got {len(multipliers)}")
    if any(multiplier < 0 for multiplier in signed):
        raise Unchecked("a multiplier of an inequality is negative")
    if sum(multipliers[:first]) != 1:
        raise Unchecked("the weights of the measures do not add up to 1")
    bound = Fraction(0)
    values = [Fraction(0)] * statement.values
    rest = [[Fraction(0)] * statement.points for _ in range(statement.points)]
    for place, (form, multiplier) in enumerate(zip(statement.forms, multipliers, strict=True)):
        if not multiplier:
            continue
        factor = multiplier if place < first else -multiplier
        bound += factor * form.constant
        for k, coefficient in form.values.items():
            values[k] += factor * coefficient
        for (i, j), coefficient in form.products.items():
            rest[i][j] -= factor * coefficient / 2
            rest[j][i] -= factor * coefficient / 2
    if any(values):
        raise Unchecked("the values of the functions do not cancel")
    if not is_positive_semidefinite(rest):
        raise Unchecked("the matrix that remains is not positive semidefinite")
    return bound


def checked_instance(statement: Statement, values: Sequence[Fraction], gram: Matrix) -> Fraction:
    """Return what an instance, by its values and the products of its points, attains.

    Raises `Unchecked` if it violates a condition, or if the products are those of no points.
    """
    if any(form.at(values, gram) > 0 for form in statement.at_most):
        raise Unchecked("the instance violates an inequality of the class or of the problem")
    if any(form.at(values, gram) != 0 for form in statement.equal):
        raise Unchecked("the instance violates an equation of the class or of the problem")
    if not is_positive_semidefinite(gram):
        raise Unchecked("the products of the instance are those of no points")
    return min(form.at(values, gram) for form in statement.measures)


def is_positive_semidefinite(matrix: Matrix) -> bool:
    """Tell whether a symmetric matrix of fractions has no negative eigenvalue.

    By Bareiss's elimination in whole numbers: each pivot is a ratio of principal minors. A pivot
    of 0 needs a row of zeros.
    """
    scale = lcm(*(entry.denominator for row in matrix for entry in row), 1)
    rows = [[int(entry * scale) for entry in row] for row in matrix]
    if any(rows[i][j] != rows[j][i] for i in range(len(rows)) for j in range(i)):
        return False
    before = 1
    while rows:
        pivot, *others = rows[0]
        if pivot < 0 or (pivot == 0 and any(others)):
            return False
        if pivot == 0:
            rows = [row[1:] for row in rows[1:]]
            continue
        rows = [
            [
                (pivot * entry - row[0] * first) // before
                for entry, first in zip(row[1:], others, strict=True)
            ]
            for row in rows[1:]
        ]
        before = pivot
    return True


def nearest_solution(
    equations: Sequence[Mapping[int, Fraction]],
    right: Sequence[Fraction],
    near: Sequence[Fraction],
) -> list[Fraction]:
    """Return a solution of linear equations next to given numbers, exactly: the nearest one.

    Each equation is given by its coefficients, by place. With A the matrix of the equations, the
    correction is A^T y, where y solves A A^T y = right - A near. Raises `Unchecked` for equations
    that contradict each other.
    """
    missing = [
        given - sum((factor * near[place] for place, factor in row.items()), Fraction(0))
        for row, given in zip(equations, right, strict=True)
    ]
    products = [
        [
            sum((one[place] * other[place] for place in one.keys() & other.keys()), Fraction(0))
            for other in equations
        ]
        for one in equations
    ]
    found = list(near)
    for row, weight in zip(equations, _solved(products, missing), strict=True):
        for place, factor in row.items():
            found[place] += weight * factor
    return found


def _solved(matrix: Matrix, right: Sequence[Fraction]) -> list[Fraction]:
    """A solution of a square linear system, by elimination; free unknowns are 0."""
    rows = [[*row, given] for row, given in zip(matrix, right, strict=True)]
    pivots: list[int] = []
    for column in range(len(matrix)):
        at = len(pivots)
        place = next((i for i in range(at, len(rows)) if rows[i][column]), None)
        if place is None:
            continue
        rows[at], rows[place] = rows[place], rows[at]
        rows[at] = [entry / rows[at][column] for entry in rows[at]]
        for i, row in enumerate(rows):
            if i != at and row[column]:
                factor = row[column]
                rows[i] = [
                    entry - factor * first for entry, first in zip(row, rows[at], strict=True)
                ]
        pivots.append(column)
    if any(row[-1] for row in rows[len(pivots) :]):
        raise Unchecked("the equations of the problem contradict each other")
    found = [Fraction(0)] * len(matrix)
    for row, column in zip(rows, pivots, strict=False):
        found[column] = row[-1]
    return found
