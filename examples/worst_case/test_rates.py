"""Rates of first-order methods, decided over their whole class: no function was drawn.

Each problem states with PEPit a class, a method, what holds in the beginning, and what is measured.
L = R = M = 1 throughout, and N steps are made. Run: pytest examples/worst_case
"""

import math

import pytest

pytest.importorskip(
    "PEPit", reason="a worst case needs PEPit: pip install 'theory-on-trial[worst]'"
)

from PEPit.functions import (
    ConvexFunction,
    ConvexLipschitzFunction,
    SmoothConvexFunction,
    SmoothFunction,
    SmoothStronglyConvexFunction,
)
from PEPit.operators import LipschitzOperator
from PEPit.primitive_steps import exact_linesearch_step, proximal_step

from theory_on_trial import claim, known

MU = 0.1
KAPPA = 1 / MU
ON_QUADRATICS = ((math.sqrt(KAPPA) - 1) / (math.sqrt(KAPPA) + 1)) ** 2
"""The factor that the best methods gain in each step on quadratics."""


def begun(pep, function_class, **constants):
    """Return a function, its minimiser, and a first point at a distance of at most 1 from it."""
    f = pep.declare_function(function_class, **constants)
    minimiser = f.stationary_point()
    x = pep.set_initial_point()
    pep.set_initial_condition((x - minimiser) ** 2 <= 1)
    return f, minimiser, x


def gradient_descent(n, gradient_norm=False):
    """Steps of length 1 / L on a smooth convex function; f(x_N) - f*, or |f'(x_N)|^2."""

    def problem(pep):
        f, minimiser, x = begun(pep, SmoothConvexFunction, L=1)
        for _ in range(n):
            x = x - f.gradient(x)
        pep.set_performance_metric(f.gradient(x) ** 2 if gradient_norm else f(x) - f(minimiser))

    return problem


def contraction(step):
    """One step on a strongly convex function: |x_1 - x*|^2."""

    def problem(pep):
        f, minimiser, x = begun(pep, SmoothStronglyConvexFunction, mu=MU, L=1)
        pep.set_performance_metric((x - step * f.gradient(x) - minimiser) ** 2)

    return problem


def subgradients(n):
    """Subgradient steps of length 1 / sqrt(N + 1): the least f(x_k) - f*."""

    def problem(pep):
        f, minimiser, x = begun(pep, ConvexLipschitzFunction, M=1)
        for _ in range(n):
            pep.set_performance_metric(f(x) - f(minimiser))
            x = x - 1 / math.sqrt(n + 1) * f.gradient(x)
        pep.set_performance_metric(f(x) - f(minimiser))

    return problem


def proximal_point(n):
    """Proximal steps of length 1 on a convex function: f(x_N) - f*."""

    def problem(pep):
        f, minimiser, x = begun(pep, ConvexFunction)
        for _ in range(n):
            x, _, value = proximal_step(x, f, 1)
        pep.set_performance_metric(value - f(minimiser))

    return problem


def fast_gradient(n):
    """Nesterov's method with t_(k+1) = (1 + sqrt(1 + 4 t_k^2)) / 2: f(x_N) - f*."""

    def problem(pep):
        f, minimiser, x = begun(pep, SmoothConvexFunction, L=1)
        y = x
        t = 1.0
        for _ in range(n):
            after = y - f.gradient(y)
            t, before = (1 + math.sqrt(1 + 4 * t**2)) / 2, t
            y = after + (before - 1) / t * (after - x)
            x = after
        pep.set_performance_metric(f(x) - f(minimiser))

    return problem


def heavy_ball(n, step, momentum):
    """The heavy ball on a strongly convex function, from f(x_0) - f* <= 1: f(x_N) - f*."""

    def problem(pep):
        f = pep.declare_function(SmoothStronglyConvexFunction, mu=MU, L=1)
        minimiser = f.stationary_point()
        x = before = pep.set_initial_point()
        pep.set_initial_condition(f(x) - f(minimiser) <= 1)
        for _ in range(n):
            x, before = x - step * f.gradient(x) + momentum * (x - before), x
        pep.set_performance_metric(f(x) - f(minimiser))

    return problem


def line_search(n):
    """Gradient descent with exact line search, from f(x_0) - f* <= 1: f(x_N) - f*."""

    def problem(pep):
        f = pep.declare_function(SmoothStronglyConvexFunction, mu=MU, L=1)
        minimiser = f.stationary_point()
        x = pep.set_initial_point()
        pep.set_initial_condition(f(x) - f(minimiser) <= 1)
        gradient = f.gradient(x)
        for _ in range(n):
            x, gradient, value = exact_linesearch_step(x, f, [gradient])
        pep.set_performance_metric(value - f(minimiser))

    return problem


def halpern(n):
    """Halpern's iteration x_(k+1) = (x_0 + (k + 1) T x_k) / (k + 2): |x_N - T x_N|^2."""

    def problem(pep):
        operator = pep.declare_function(LipschitzOperator, L=1)
        fixed, _, _ = operator.fixed_point()
        start = x = pep.set_initial_point()
        pep.set_initial_condition((start - fixed) ** 2 <= 1)
        for k in range(n):
            x = 1 / (k + 2) * start + (k + 1) / (k + 2) * operator.gradient(x)
        pep.set_performance_metric((x - operator.gradient(x)) ** 2)

    return problem


def douglas_rachford():
    """One step from two points at a distance of 1; one function is smooth and strongly convex."""

    def problem(pep):
        convex = pep.declare_function(ConvexFunction)
        smooth = pep.declare_function(SmoothStronglyConvexFunction, mu=MU, L=1)
        points = pep.set_initial_point(), pep.set_initial_point()
        pep.set_initial_condition((points[0] - points[1]) ** 2 <= 1)
        after = []
        for w in points:
            x, _, _ = proximal_step(w, smooth, 1)
            y, _, _ = proximal_step(2 * x - w, convex, 1)
            after.append(w + y - x)
        pep.set_performance_metric((after[0] - after[1]) ** 2)

    return problem


def without_convexity(n):
    """Steps of length 1 / L on a smooth function that falls by 1: the least |f'(x_k)|^2."""

    def problem(pep):
        f = pep.declare_function(SmoothFunction, L=1)
        x = pep.set_initial_point()
        first = f(x)
        for _ in range(n):
            pep.set_performance_metric(f.gradient(x) ** 2)
            x = x - f.gradient(x)
        pep.set_performance_metric(f.gradient(x) ** 2)
        pep.set_initial_condition(first - f(x) <= 1)

    return problem


@claim(known("Drori and Teboulle 2014, Theorem 3.1"), cases=[{"n": 1}, {"n": 2}, {"n": 5}])
def test_gradient_descent(trial, n: int):
    """$f(x_N) - f^* <= L R^2 / (4 N + 2)$ for gradient descent on smooth convex functions."""
    quadratics = 1 / (4 * n + 2) * (2 * n / (2 * n + 1)) ** (2 * n)
    trial.worst_case(
        gradient_descent(n),
        1 / (4 * n + 2),
        attained=0.999,
        controls={"the worst quadratic": quadratics, "one step more": 1 / (4 * n + 6)},
    )


@claim(known("Taylor, Hendrickx and Glineur 2017"), cases=[{"n": 1}, {"n": 3}])
def test_gradient_norm(trial, n: int):
    """$|f'(x_N)|^2 <= (L R / (N + 1))^2$ for gradient descent on smooth convex functions."""
    trial.worst_case(
        gradient_descent(n, gradient_norm=True),
        1 / (n + 1) ** 2,
        attained=0.999,
        controls={"one step more": 1 / (n + 2) ** 2},
    )


@claim(known("Nesterov 2004, Theorem 2.1.15"))
def test_contraction(trial):
    """$|x_1 - x^*| <= (κ - 1) / (κ + 1) |x_0 - x^*|$ for the step $2 / (L + μ)$."""
    trial.worst_case(
        contraction(2 / (1 + MU)),
        ((KAPPA - 1) / (KAPPA + 1)) ** 2,
        attained=0.999,
        controls={"with sqrt κ": ON_QUADRATICS},
    )


@claim(known("Drori and Teboulle 2016"), cases=[{"n": 1}, {"n": 3}])
def test_subgradients(trial, n: int):
    """$min_k f(x_k) - f^* <= M R / sqrt(N + 1)$ for subgradient steps."""
    trial.worst_case(
        subgradients(n),
        1 / math.sqrt(n + 1),
        attained=0.999,
        controls={"one step more": 1 / math.sqrt(n + 2)},
    )


@claim(known("Taylor, Hendrickx and Glineur 2017b"), cases=[{"n": 1}, {"n": 3}])
def test_proximal_point(trial, n: int):
    """$f(x_N) - f^* <= R^2 / (4 N)$ for the proximal point method with steps of length 1."""
    trial.worst_case(
        proximal_point(n),
        1 / (4 * n),
        attained=0.999,
        controls={"that of gradient descent": 1 / (4 * n + 2)},
    )


@claim(known("Beck and Teboulle 2009, Theorem 4.4"), not_tight="the bound is known not to be tight")
def test_fast_gradient(trial):
    """$f(x_N) - f^* <= 2 L R^2 / (N + 1)^2$ for Nesterov's method."""
    trial.worst_case(fast_gradient(4), 2 / 25, controls={"half, as of optimised gradients": 1 / 25})


@claim(known("Ghadimi, Feyzmahdavian and Johansson 2015"), not_tight="the bound is not tight")
def test_heavy_ball(trial):
    """$f(x_N) - f^* <= (1 - a μ)^N (f(x_0) - f^*)$ for the heavy ball with step $a = 1 / (2 L)$."""
    step = 0.5
    momentum = math.sqrt((1 - step * MU) * (1 - step))
    trial.worst_case(
        heavy_ball(2, step, momentum),
        (1 - step * MU) ** 2,
        controls={"that of line searches": ((KAPPA - 1) / (KAPPA + 1)) ** 4},
    )


@claim(known("de Klerk, Glineur and Taylor 2017, Theorem 1.2"), cases=[{"n": 1}, {"n": 2}])
def test_line_search(trial, n: int):
    """$f(x_N) - f^* <= ((κ - 1) / (κ + 1))^(2 N) (f(x_0) - f^*)$ with exact line search."""
    trial.worst_case(
        line_search(n),
        ((KAPPA - 1) / (KAPPA + 1)) ** (2 * n),
        attained=0.999,
        controls={"with sqrt κ": ON_QUADRATICS**n},
    )


@claim(known("Lieder 2021, Theorem 2.1"), cases=[{"n": 1}, {"n": 3}])
def test_halpern(trial, n: int):
    """$|x_N - T x_N|^2 <= 4 R^2 / (N + 1)^2$ for Halpern's iteration of a nonexpansive operator."""
    trial.worst_case(
        halpern(n),
        4 / (n + 1) ** 2,
        attained=0.999,
        controls={"one step more": 4 / (n + 2) ** 2},
    )


@claim(known("Giselsson and Boyd 2017, Theorem 2"))
def test_douglas_rachford(trial):
    """A step of Douglas and Rachford contracts by $max(1 / (1 + μ), L / (1 + L))$."""
    trial.worst_case(
        douglas_rachford(),
        max(1 / (1 + MU), 1 / 2) ** 2,
        attained=0.999,
        controls={"two proximal steps": 1 / (1 + MU) ** 4},
    )


@claim(known("Abbaszadehpeivasti, de Klerk and Zamani 2022"), cases=[{"n": 1}, {"n": 2}])
def test_without_convexity(trial, n: int):
    """$min_k |f'(x_k)|^2 <= 4 L (f(x_0) - f(x_N)) / (3 N)$ for gradient descent."""
    trial.worst_case(without_convexity(n), 4 / (3 * n), attained=0.999, controls={"1 / N": 1 / n})
