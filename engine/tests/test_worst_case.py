"""Worst cases over a class: rates that are known, bounds wrong by 1 %, and problems that break it."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory_on_trial.decide.exact_forms import (
    Form,
    Statement,
    Unchecked,
    checked_bound,
    checked_instance,
    is_positive_semidefinite,
    nearest_solution,
)
from theory_on_trial.trial.decisions import Trial

ENTRY = st.integers(-4, 4).map(Fraction)


def square(entries, size):
    return [entries[size * i : size * (i + 1)] for i in range(size)]


def gram(rows):
    return [[sum(a * b for a, b in zip(p, q, strict=True)) for q in rows] for p in rows]


@given(
    st.integers(1, 4).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(ENTRY, min_size=2 * n, max_size=2 * n))
    )
)
def test_products_of_points_are_semidefinite(case):
    """Of points in the plane; of more than two of these the matrix is singular."""
    n, entries = case
    matrix = gram([entries[2 * i : 2 * i + 2] for i in range(n)])
    assert is_positive_semidefinite(matrix)
    lower = [[*row] for row in matrix]
    lower[n - 1][n - 1] -= lower[n - 1][n - 1] + Fraction(1, 10**30)
    assert not is_positive_semidefinite(lower)


@given(
    st.integers(1, 4).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(ENTRY, min_size=n * n, max_size=n * n))
    )
)
def test_semidefinite_as_eigenvalues_say(case):
    n, entries = case
    rows = square(entries, n)
    matrix = [[rows[i][j] + rows[j][i] for j in range(n)] for i in range(n)]
    least = np.linalg.eigvalsh(np.array(matrix, float))[0]
    if abs(least) > 1e-9:
        assert is_positive_semidefinite(matrix) == (least > 0)


def test_a_matrix_without_symmetry_is_refused():
    assert not is_positive_semidefinite([[Fraction(1), Fraction(1)], [Fraction(0), Fraction(1)]])


@given(st.lists(ENTRY, min_size=6, max_size=6), st.lists(ENTRY, min_size=3, max_size=3))
def test_nearest_solution_solves(entries, near):
    rows = [dict(enumerate(entries[:3])), dict(enumerate(entries[3:]))]
    right = [sum(row[k] * (k + 1) for k in row) for row in rows]  # solved by (1, 2, 3)
    found = nearest_solution(rows, right, near)
    for row, wanted in zip(rows, right, strict=True):
        assert sum(row[k] * found[k] for k in row) == wanted
    # No solution is nearer: the correction stands at right angles to the solutions' differences.
    assert sum((found[k] - near[k]) * (k + 1 - found[k]) for k in range(3)) == 0


def test_equations_that_contradict_each_other():
    with pytest.raises(Unchecked, match="contradict"):
        nearest_solution([{0: Fraction(1)}] * 2, [Fraction(0), Fraction(1)], [Fraction(0)])


ONE = Fraction(1)
# The most of <p, q> for |p|^2 <= 1, |q|^2 <= 1 is 1: p q = (|p|^2 + |q|^2 - |p - q|^2) / 2.
INNER = Statement(
    2,
    0,
    (Form(products={(0, 1): ONE}),),
    (Form(-ONE, products={(0, 0): ONE}), Form(-ONE, products={(1, 1): ONE})),
)
HALF = Fraction(1, 2)


def test_multipliers_and_instance_by_hand():
    assert checked_bound(INNER, [ONE, HALF, HALF]) == 1
    assert checked_instance(INNER, [], [[ONE, ONE], [ONE, ONE]]) == 1


@pytest.mark.parametrize(
    ("multipliers", "why"),
    [
        ([ONE, HALF, HALF - Fraction(1, 10**40)], "semidefinite"),
        ([ONE, -HALF, HALF], "negative"),
        ([HALF, HALF, HALF], "add up to 1"),
        ([ONE, HALF], "multipliers are needed"),
    ],
)
def test_changed_multipliers_are_refused(multipliers, why):
    with pytest.raises(Unchecked, match=why):
        checked_bound(INNER, multipliers)


@pytest.mark.parametrize(
    ("products", "why"),
    [
        ([[ONE, ONE], [ONE, ONE + Fraction(1, 10**40)]], "violates an inequality"),
        ([[ONE, ONE + Fraction(1, 10**40)], [ONE + Fraction(1, 10**40), ONE]], "no points"),
    ],
)
def test_changed_instances_are_refused(products, why):
    with pytest.raises(Unchecked, match=why):
        checked_instance(INNER, [], products)


def test_a_value_that_does_not_cancel():
    loose = replace(INNER, values=1, measures=(Form(values={0: ONE}),))
    with pytest.raises(Unchecked, match="do not cancel"):
        checked_bound(loose, [ONE, HALF, HALF])


def test_an_equation_that_is_violated():
    equal = replace(INNER, equal=(Form(-ONE, products={(0, 0): ONE}),))
    with pytest.raises(Unchecked, match="equation"):
        checked_instance(equal, [], [[HALF, Fraction(0)], [Fraction(0), HALF]])


class TestWithPEPit:
    """What needs PEPit."""

    @pytest.fixture(autouse=True)
    def pepit(self):
        pytest.importorskip("PEPit", reason="PEPit is not installed: the extra `worst`")

    @staticmethod
    def descent(n, step=1.0, smoothness=1.0, distance=1.0):
        def problem(pep):
            from PEPit.functions import SmoothConvexFunction

            f = pep.declare_function(SmoothConvexFunction, L=smoothness)
            minimiser = f.stationary_point()
            x = pep.set_initial_point()
            pep.set_initial_condition((x - minimiser) ** 2 <= distance**2)
            for _ in range(n):
                x = x - step / smoothness * f.gradient(x)
            pep.set_performance_metric(f(x) - f(minimiser))

        return problem

    @staticmethod
    def decided(problem, bound, **options):
        trial = Trial("worst")
        trial.worst_case(problem, bound, **options)
        return trial.findings[0]

    @settings(max_examples=8, deadline=None)
    @given(st.integers(1, 2), st.sampled_from([0.5, 1.0]), st.sampled_from([0.3, 1.0, 7.0]))
    def test_rates_that_are_known(self, n, step, smoothness):
        """Drori and Teboulle 2014: L R^2 / (4 N h + 2), for steps h / L with h <= 1."""
        rate = smoothness / (4 * n * step + 2)
        problem = self.descent(n, step, smoothness)
        assert self.decided(problem, rate, attained=0.999).outcome == "VERIFIED"
        assert self.decided(problem, 0.99 * rate).outcome == "REFUTED"
        assert self.decided(problem, 1.01 * rate, attained=0.999).outcome == "REFUTED"

    def test_the_instance_is_a_function_that_the_method_can_be_run_on(self):
        """The convex hull of the parabolas through the instance's points (Drori and Teboulle)."""
        from theory_on_trial.decide.worst_case import worst_case

        n = 2
        found = worst_case(self.descent(n))
        values = np.array(found.values, float)
        eigenvalues, vectors = np.linalg.eigh(np.array(found.gram, float))
        points = np.sqrt(np.maximum(eigenvalues, 0)) * vectors  # of x*, x_0, g_0, g_1, …
        minimiser, x, *gradients = points
        at = [minimiser, x, x - gradients[0], x - gradients[0] - gradients[1]]
        gradients = [np.zeros_like(x), *gradients]
        slopes = np.array([g - p for g, p in zip(gradients, at, strict=True)])
        heights = np.array(
            [v - g @ p + p @ p / 2 for v, g, p in zip(values, gradients, at, strict=True)]
        )

        def value_and_gradient(y):
            import cvxpy as cp

            # min over weights of |y|^2 / 2 + <slopes' w, y> + heights w
            # - (sum w_i |slope_i|^2 - |slopes' w|^2) / 2
            w = cp.Variable(len(slopes), nonneg=True)
            whole = cp.sum_squares(y + slopes.T @ w) / 2
            level = heights - np.sum(slopes**2, axis=1) / 2
            cp.Problem(cp.Minimize(whole + level @ w), [cp.sum(w) == 1]).solve(solver=cp.CLARABEL)
            return whole.value + level @ w.value, y + slopes.T @ w.value

        assert np.linalg.norm(x - minimiser) <= 1
        least = value_and_gradient(minimiser)[0]
        for _ in range(n):
            x = x - value_and_gradient(x)[1]
        attained = value_and_gradient(x)[0] - least
        assert attained == pytest.approx(1 / (4 * n + 2), rel=1e-3)

    def test_a_control_and_the_row(self):
        finding = self.decided(self.descent(1), 1 / 6, controls={"a step more": 1 / 10})
        assert finding.controls[0].outcome == "REFUTED"
        assert finding.interval.guarantee == "proved"
        assert "proved for all of the class" in finding.note
        assert "an instance attains 0.1666666" in finding.note
        assert float(finding.interval.high - finding.interval.low) < 1e-6

    def test_conditions_that_others_meet_too_refute_nothing(self):
        def problem(pep):
            from PEPit.functions import RsiEbFunction

            f = pep.declare_function(RsiEbFunction, mu=0.5, L=1)
            minimiser = f.stationary_point()
            x = pep.set_initial_point()
            pep.set_initial_condition((x - minimiser) ** 2 <= 1)
            pep.set_performance_metric((x - 0.5 * f.gradient(x) - minimiser) ** 2)

        finding = self.decided(problem, 0.5)
        assert finding.outcome == "INCONCLUSIVE"
        assert "RsiEbFunction" in finding.note
        assert self.decided(problem, 0.76).outcome == "VERIFIED"

    def test_a_subgradient_that_nothing_bounds(self):
        def problem(pep):
            from PEPit.functions import ConvexFunction
            from PEPit.primitive_steps import proximal_step

            f = pep.declare_function(ConvexFunction)
            minimiser = f.stationary_point()
            x = pep.set_initial_point()
            pep.set_initial_condition((x - minimiser) ** 2 <= 1)
            _, _, value = proximal_step(x, f, 1)
            f(x)
            pep.set_performance_metric(value - f(minimiser))

        assert self.decided(problem, 1 / 4, attained=0.999).outcome == "VERIFIED"

    @pytest.mark.parametrize(
        ("problem", "sentence"),
        [
            ("gradient descent", "problem must be a function of a PEPit.PEP"),
            (lambda pep: None, "nothing to maximise"),
            (lambda pep: pep.declare_function(float), "PEPit cannot state the problem"),
            (lambda pep: pep.set_performance_metric(3), "PEPit cannot state the problem"),
            (
                lambda pep: pep.set_performance_metric(pep.set_initial_point() ** 2),
                "no verdict on the worst case",
            ),
        ],
    )
    def test_problems_that_get_no_verdict(self, problem, sentence):
        with pytest.raises(ValueError, match=sentence):
            self.decided(problem, 1.0)

    def test_a_matrix_inequality_gets_no_verdict(self):
        def problem(pep):
            x = pep.set_initial_point()
            pep.set_initial_condition(x**2 <= 1)
            pep.add_psd_matrix([[x**2]])
            pep.set_performance_metric(x**2)

        with pytest.raises(ValueError, match="linear matrix inequality"):
            self.decided(problem, 1.0)

    @pytest.mark.parametrize("bound", [math.nan, math.inf, [0.1, 0.2], "a sixth"])
    def test_bounds_that_are_none(self, bound):
        with pytest.raises(ValueError, match="bound"):
            self.decided(self.descent(1), bound)

    @pytest.mark.parametrize(
        "options", [{"tolerance": -1.0}, {"tolerance": math.nan}, {"attained": 2}]
    )
    def test_options_that_are_none(self, options):
        with pytest.raises(ValueError, match=next(iter(options))):
            self.decided(self.descent(1), 1 / 6, **options)

    def test_a_solver_that_fails(self, monkeypatch):
        import cvxpy as cp

        def fails(*given, **named):
            raise cp.error.SolverError("out of patience")

        monkeypatch.setattr(cp.Problem, "solve", fails)
        with pytest.raises(ValueError, match=r"no verdict .* the solver failed: out of patience"):
            self.decided(self.descent(1), 1 / 6)

    def test_a_solver_that_lies(self, monkeypatch):
        """Numbers that are not those of a solution prove nothing."""
        from theory_on_trial.decide import worst_case

        solved = worst_case._solved
        monkeypatch.setattr(worst_case, "_solved", lambda *given: -solved(*given))
        with pytest.raises(ValueError, match="no verdict on the worst case"):
            self.decided(self.descent(1), 1 / 6)


def test_without_pepit(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "PEPit", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs PEPit: pip install"):
        Trial("worst").worst_case(lambda pep: None, 1.0)
