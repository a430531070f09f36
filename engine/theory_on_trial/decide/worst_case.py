"""The worst case of a method over a class of functions, stated with PEPit and enclosed exactly.

PEPit (Goujaud et al. 2024) writes a class by its interpolation conditions, a method by linear
combinations of points and gradients, and so the worst case as a semidefinite program. A solver
finds its two solutions in floats. Here both are moved inwards, rounded to fractions, projected onto
the equations, and checked by `exact_forms`: multipliers prove that no function of the class exceeds
the one end, and an instance attains the other.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from theory_on_trial.decide.decision import Finding, Prediction, check_finite, judge
from theory_on_trial.decide.exact_forms import (
    Form,
    Matrix,
    Statement,
    Unchecked,
    checked_bound,
    checked_instance,
    nearest_solution,
)
from theory_on_trial.laws import Enclosure

INTERPOLATED = frozenset(
    {
        "CocoerciveOperator",
        "ConvexFunction",
        "ConvexIndicatorFunction",
        "ConvexLipschitzFunction",
        "ConvexSupportFunction",
        "LipschitzOperator",
        "MonotoneOperator",
        "NonexpansiveOperator",
        "SmoothConvexFunction",
        "SmoothFunction",
        "SmoothStronglyConvexFunction",
        "StronglyConvexFunction",
        "StronglyMonotoneOperator",
    }
)
"""The classes of which every set of points that meets the conditions belongs to some member."""

_SHARES = tuple(10.0**-k for k in range(10, 2, -1))
"""How far a solution is moved towards one well inside, until it checks."""
_PRECISION = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}
_TOLERANCE = 1e-6
_ULPS = 4
_SIMPLE = 10**6
"""A coefficient within so many units in the last place of a fraction with such a denominator is
that fraction, as 1 / 3 is.
"""

Result = TypeVar("Result")


@dataclass(frozen=True)
class WorstCase:
    """The worst case of a problem, enclosed.

    Attributes:
        statement: the problem in fractions.
        attained: what an instance attains, checked; None if none was found or checked.
        bound: what no instance exceeds, checked; None if none was found or checked.
        multipliers: of all forms of the statement; they prove the bound.
        values: of the instance that attains.
        gram: the products of its points.
        why: in a sentence, what an end lacks; "" for two ends.
    """

    statement: Statement
    attained: Fraction | None
    bound: Fraction | None
    multipliers: tuple[Fraction, ...] = ()
    values: tuple[Fraction, ...] = ()
    gram: tuple[tuple[Fraction, ...], ...] = ()
    why: str = ""


def worst_case(problem: Callable[[Any], Any]) -> WorstCase:
    """Enclose the worst case that a function states on the `PEPit.PEP` that it is given.

    Raises `ModuleNotFoundError` without PEPit, `ValueError` for a problem that PEPit cannot state,
    that has no measure, or that needs linear matrix inequalities.
    """
    statement, loose = _stated(problem)
    program = _Program(statement)
    whys = []
    bound: Fraction | None = None
    attained: Fraction | None = None
    multipliers: list[Fraction] = []
    instance: tuple[list[Fraction], Matrix] = ([], [])
    try:
        multipliers, bound = program.multipliers()
    except Unchecked as error:
        whys.append(f"no upper bound was proved: {error}")
    try:
        if loose:
            raise Unchecked(
                f"PEPit's conditions of {loose} hold for its members and, perhaps, for others"
            )
        instance, attained = program.instance()
    except Unchecked as error:
        whys.append(f"no instance was found: {error}")
    return WorstCase(
        statement,
        attained,
        bound,
        tuple(multipliers),
        tuple(instance[0]),
        tuple(map(tuple, instance[1])),
        "; ".join(whys),
    )


def checked_numbers(bound: Any, tolerance: Any, attained: Any) -> tuple[float, float]:
    """Return a bound and its tolerance, a millionth of it unless given.

    Raises `ValueError` for a bound, a tolerance or a share that is attained that cannot be.
    """
    given = check_finite("bound", bound)
    if given.ndim:
        raise ValueError(f"bound must be one number, got an array of shape {given.shape}")
    limit = float(given)
    if tolerance is None:
        tolerance = _TOLERANCE * abs(limit)
    if not isinstance(tolerance, int | float) or not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance must be a finite number >= 0, got {tolerance!r}")
    if attained is not None and not 0 < attained <= 1:
        raise ValueError(
            f"attained= is a share of the bound, above 0 and at most 1, got {attained}"
        )
    return limit, float(tolerance)


def finding(
    found: WorstCase,
    bound: float,
    tolerance: float,
    attained: float | None,
    controls: Mapping[str, float],
    printed: Any,
) -> Finding:
    """Decide worst case <= bound + tolerance, and attained * bound <= worst case if that is said.

    Raises `ValueError` where neither end of the worst case was found.
    """
    if found.attained is None and found.bound is None:
        raise ValueError(f"no verdict on the worst case: {found.why}")
    low = -math.inf if found.attained is None else math.nextafter(found.attained, -math.inf)
    high = math.inf if found.bound is None else math.nextafter(found.bound, math.inf)
    middle = high if found.attained is None else low
    interval = Enclosure(
        np.asarray(middle), np.asarray(low), np.asarray(high), 0.0, "proved", 1
    )._replace(n=len(found.statement.forms))
    prediction = Prediction(np.asarray(bound), tolerance, tolerance, "at most", None)
    judged = judge(
        interval,
        prediction,
        controls,
        printed,
        tightness=low / bound if bound > 0 and found.attained is not None else None,
    )
    said = []
    if judged.outcome == "VERIFIED":
        said.append(f"proved for all of the class, at most {high:.10g}")
    if found.attained is not None:
        said.append(f"an instance attains {low:.10g}")
    said.append(f"{interval.n} conditions, checked in fractions")
    outcome = judged.outcome
    if attained is not None and outcome == "VERIFIED" and not low >= attained * bound:
        outcome = "REFUTED" if high < attained * bound else "INCONCLUSIVE"
        said.insert(0, f"{attained:g} of the bound is said to be attained")
    note = "; ".join(filter(None, [*said, found.why]))
    return replace(judged, outcome=outcome, note=note)


# ------------------------------------------------------------------------------------- the problem


def _stated(problem: Callable[[Any], Any]) -> tuple[Statement, str]:
    """Return a problem in fractions, and a class in it that is not known to be interpolated."""
    try:
        from PEPit import PEP
        from PEPit.block_partition import BlockPartition
        from PEPit.expression import Expression
        from PEPit.function import Function
        from PEPit.point import Point
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a worst case over a class needs PEPit: pip install 'theory-on-trial[worst]'"
        ) from None

    if not callable(problem):
        raise ValueError(f"problem must be a function of a PEPit.PEP, got {type(problem).__name__}")
    pep = PEP()
    try:
        problem(pep)
        leaves = [function for function in Function.list_of_functions if function.get_is_leaf()]
        for function in leaves:
            function.set_class_constraints()
    except (AssertionError, AttributeError, NotImplementedError, TypeError) as error:
        raise ValueError(
            f"PEPit cannot state the problem: {error or type(error).__name__}"
        ) from error
    if not pep.list_of_performance_metrics:
        raise ValueError(
            "problem says nothing to maximise: call pep.set_performance_metric(...) in it"
        )
    functions = Function.list_of_functions
    if (
        pep.list_of_psd
        or BlockPartition.list_of_partitions
        or any(function.list_of_psd or function.list_of_class_psd for function in functions)
    ):
        raise ValueError(
            "problem needs a linear matrix inequality or blocks of coordinates, whose multipliers "
            "are not checked here"
        )
    conditions = [
        *pep.list_of_constraints,
        *(one for function in leaves for one in function.list_of_class_constraints),
        *(one for function in functions for one in function.list_of_constraints),
    ]
    conditions = [one for one in conditions if one.activated]

    def forms(kind: str) -> tuple[Form, ...]:
        return tuple(
            _form(one.expression) for one in conditions if one.equality_or_inequality == kind
        )

    statement = Statement(
        Point.counter,
        Expression.counter,
        tuple(_form(measure) for measure in pep.list_of_performance_metrics),
        forms("inequality"),
        forms("equality"),
    )
    names = sorted({type(function).__name__ for function in leaves} - INTERPOLATED)
    return statement, names[0] if names else ""


def _form(expression: Any) -> Form:
    """Return an expression of PEPit as a form in fractions."""
    constant = Fraction(0)
    values: dict[int, Fraction] = {}
    products: dict[tuple[int, int], Fraction] = {}
    for key, factor in expression.decomposition_dict.items():
        coefficient = _simple(factor)
        if isinstance(key, tuple):
            i, j = sorted(point.counter for point in key)
            products[i, j] = products.get((i, j), Fraction(0)) + coefficient
        elif isinstance(key, int):
            constant += coefficient
        else:
            values[key.counter] = values.get(key.counter, Fraction(0)) + coefficient
    return Form(constant, values, products)


def _simple(number: Any) -> Fraction:
    """Return a coefficient as a fraction: a simple one within a few roundings, else its own."""
    if not math.isfinite(number):
        raise ValueError(f"the problem's coefficients must be finite, got {number}")
    exact = Fraction(number)
    near = exact.limit_denominator(_SIMPLE)
    return near if abs(near - exact) <= _ULPS * Fraction(2) ** -53 * abs(exact) else exact


# ------------------------------------------------------------------------------------ the solutions


class _Program:
    """The semidefinite program of a statement: both of its solutions, moved inwards and checked.

    Measures are negated, so that with multipliers m of all forms, shape `(n,)`, the bound is
    -constants @ m, where values @ m = 0 and S = matrices @ m is positive semidefinite. Points that
    no form depends on, once others are fixed (as where forms are of differences), are 0.
    """

    def __init__(self, statement: Statement):
        forms = statement.forms
        self.statement = statement
        self.first = len(statement.measures)
        self.signed = self.first + len(statement.at_most)
        signs = np.where(np.arange(len(forms)) < self.first, -1.0, 1.0)
        self.constants = signs * [float(form.constant) for form in forms]
        self.values = np.zeros((statement.values, len(forms)))
        matrices = np.zeros((statement.points, statement.points, len(forms)))
        for n, form in enumerate(forms):
            for k, factor in form.values.items():
                self.values[k, n] = signs[n] * float(factor)
            for (i, j), factor in form.products.items():
                matrices[i, j, n] += signs[n] * float(factor) / 2
                matrices[j, i, n] += signs[n] * float(factor) / 2
        self.kept = _independent(matrices)
        self.size = len(self.kept)
        self.matrices = matrices[np.ix_(self.kept, self.kept)].reshape(self.size**2, -1)

    def multipliers(self) -> tuple[list[Fraction], Fraction]:
        """Return multipliers that prove an upper bound, and the bound.

        Raises `Unchecked` where the solver finds none, or none that checks.
        """
        cp = _cvxpy()
        used, free, rows = self._what_must_vanish()
        if not free or not set(range(self.first)) & set(used):
            raise Unchecked("no multipliers bound the measure: it may be unbounded")
        equations = np.zeros((len(rows), len(used)))
        place = {n: at for at, n in enumerate(used)}
        for at, row in enumerate(rows):
            for n, factor in row.items():
                equations[at, place[n]] = float(factor)
        weights = [place[n] for n in range(self.first) if n in place]
        m = cp.Variable(len(used))
        signed = m[: sum(n < self.signed for n in used)]
        inside = cp.Variable()
        bound = -self.constants[used] @ m
        kept = [i * self.size + j for i in free for j in free]
        matrix = self.matrices[np.ix_(kept, used)]
        rest = cp.reshape(matrix @ m, (len(free), len(free)), order="C")
        always = [equations @ m == 0, cp.sum(m[weights]) == 1]
        best = _solved(cp.Minimize(bound), [*always, signed >= 0, rest >> 0], m, _PRECISION)
        value = float(bound.value)
        within = [
            *always,
            bound <= value + (abs(value) or 1.0),
            signed >= inside,
            rest >> inside * np.eye(len(free)),
        ]
        deep = _solved(cp.Maximize(inside), within, m)
        rows = [*rows, {n: Fraction(1) for n in range(self.first) if n in place}]
        right = [*[Fraction(0)] * (len(rows) - 1), Fraction(1)]
        exact = [{place[n]: factor for n, factor in row.items()} for row in rows]

        def checked(near: np.ndarray) -> tuple[list[Fraction], Fraction]:
            of_used = nearest_solution(exact, right, [Fraction(x) for x in near.tolist()])
            found = [Fraction(0)] * len(self.statement.forms)
            for n, multiplier in zip(used, of_used, strict=True):
                found[n] = multiplier
            return found, checked_bound(self.statement, found)

        return _first_that_checks(best, deep, checked)

    def _what_must_vanish(self) -> tuple[list[int], list[int], list[dict[int, Fraction]]]:
        """Return the forms whose multipliers may differ from 0, the points on which S may, by place
        among those kept, and the equations of the multipliers.

        The value of each f_k cancels. Where no form holds |p_i|^2, S is 0 on the row of p_i. An
        equation whose coefficients have one sign, of multipliers >= 0, makes all of these 0.
        """
        place = {point: at for at, point in enumerate(self.kept)}
        on_values: list[dict[int, Fraction]] = [{} for _ in range(self.statement.values)]
        on_pairs: dict[tuple[int, int], dict[int, Fraction]] = {}
        for n, form in enumerate(self.statement.forms):
            sign = -1 if n < self.first else 1
            for k, factor in form.values.items():
                on_values[k][n] = sign * factor
            for (i, j), factor in form.products.items():
                if factor and i in place and j in place:
                    on_pairs.setdefault((place[i], place[j]), {})[n] = sign * factor
        used = set(range(len(self.statement.forms)))
        while True:
            on_diagonal = {i for (i, j), row in on_pairs.items() if i == j and row.keys() & used}
            equations = [
                {n: factor for n, factor in row.items() if n in used}
                for row in [
                    *on_values,
                    *(row for pair, row in on_pairs.items() if not on_diagonal.issuperset(pair)),
                ]
            ]
            equations = [row for row in equations if row]
            gone = {
                n
                for row in equations
                if max(row) < self.signed and len({factor > 0 for factor in row.values()}) == 1
                for n in row
            }
            if not gone:
                return sorted(used), sorted(on_diagonal), equations
            used -= gone

    def instance(self) -> tuple[tuple[list[Fraction], Matrix], Fraction]:
        """Return an instance, by its values and the products of its points, and what it attains.

        Raises `Unchecked` where the solver finds none, or none that checks.
        """
        cp = _cvxpy()
        f = cp.Variable(self.statement.values)
        gram = cp.Variable((self.size, self.size), symmetric=True)
        least = cp.Variable()
        forms = self.constants + self.values.T @ f + self.matrices.T @ cp.vec(gram, order="C")
        measures = -forms[: self.first]
        at_most = forms[self.first : self.signed]
        equal = [forms[self.signed :] == 0] if self.statement.equal else []
        found = cp.hstack([f, cp.vec(gram, order="C")])
        conditions = [*equal, at_most <= 0, gram >> 0, measures >= least]
        best = _solved(cp.Maximize(least), conditions, found, _PRECISION)
        value = float(least.value)
        within = [
            *equal,
            measures >= value - (abs(value) or 1.0),
            at_most <= -least,
            gram >> least * np.eye(self.size),
            cp.trace(gram) <= 100 * float(np.trace(gram.value)),
        ]
        deep = _solved(cp.Maximize(least), within, found)
        return _first_that_checks(best, deep, self._checked_instance)

    def _checked_instance(self, near: np.ndarray) -> tuple[tuple[list[Fraction], Matrix], Fraction]:
        count = self.statement.values
        flat = near[count:].reshape(self.size, self.size)
        pairs = [(i, j) for j in range(self.size) for i in range(j + 1)]
        place = {(self.kept[i], self.kept[j]): count + n for n, (i, j) in enumerate(pairs)}
        given = [*near[:count].tolist(), *(float(flat[i, j]) for i, j in pairs)]
        rows: list[dict[int, Fraction]] = []
        for form in self.statement.equal:
            row = dict(form.values)
            row |= {place[pair]: factor for pair, factor in form.products.items() if pair in place}
            rows.append(row)
        right = [-form.constant for form in self.statement.equal]
        found = nearest_solution(rows, right, [Fraction(number) for number in given])
        points = self.statement.points
        gram = [[Fraction(0)] * points for _ in range(points)]
        for (i, j), at in place.items():
            gram[i][j] = gram[j][i] = found[at]
        return (found[:count], gram), checked_instance(self.statement, found[:count], gram)


def _cvxpy() -> Any:
    """The library that hands programs to a solver; PEPit installs it."""
    import cvxpy

    return cvxpy


def _independent(matrices: np.ndarray) -> list[int]:
    """Return points that are enough: the others add directions along which no form changes."""
    from scipy.linalg import qr

    flat = matrices.reshape(len(matrices), -1)
    _, triangle, order = qr(flat @ flat.T, pivoting=True)
    size = np.abs(np.diag(triangle))
    rank = int(np.sum(size > 1e-11 * size[0])) if len(size) else 0
    return sorted(order[:rank].tolist())


def _solved(
    objective: Any, conditions: list[Any], variable: Any, options: Mapping[str, float] | None = None
) -> np.ndarray:
    """Solve a program and return a variable's value; raise `Unchecked` where there is none."""
    cp = _cvxpy()
    program = cp.Problem(objective, conditions)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program.solve(solver=cp.CLARABEL, **(options or {}))
    except (cp.error.SolverError, ValueError, ArithmeticError) as error:
        raise Unchecked(f"the solver failed: {error}") from error
    if variable.value is None or not np.all(np.isfinite(variable.value)):
        raise Unchecked(f"the solver calls the problem {program.status}")
    return np.asarray(variable.value, float)


def _first_that_checks(
    best: np.ndarray, deep: np.ndarray, checked: Callable[[np.ndarray], Result]
) -> Result:
    """Return what checks, the nearest to the best solution on the way to one well inside."""
    for share in _SHARES:
        try:
            return checked((1 - share) * best + share * deep)
        except Unchecked as error:
            last = error
    raise last
