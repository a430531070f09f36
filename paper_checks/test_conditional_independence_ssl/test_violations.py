"""What is lost where the views depend on each other given the target."""

from typing import Annotated

import numpy as np

from paper_checks.test_conditional_independence_ssl.worlds import (
    OPS,
    SAMPLES,
    Size,
    Violated,
    Violation,
    errors,
    normal,
    normal_error,
    risk_of,
    tables,
)
from sims import conditional_independence_ssl as observed
from theory import conditional_independence_ssl as predicted
from theory_on_trial import claim, derived, tried
from theory_on_trial.contract import Interval

Dependence = Annotated[
    float,
    Interval(1e-3, 2, why="less is lost in rounding, more makes class means linearly dependent"),
]
Worlds = Annotated[
    int, Interval(2000, 10**4, why="in fewer none may attain a bound, more take seconds")
]


def violated(trial, violation, worlds):
    """Random worlds of two classes: their statistics, E[δ δ'], the singular values of A, all one
    for each world, and the options of a bound on them.
    """
    _, table, _ = tables(trial, 3, 2, 2, 2, worlds=worlds, violation=violation)
    residual = table.pretext - table.posterior @ table.class_means.swapaxes(1, 2)
    moment = observed.second_moment(residual, table.weights)
    singular = np.linalg.svd(table.class_means, compute_uv=False)
    # A head that is far too large for nearly equal means loses digits by their condition.
    options = {
        "ops": 100 * np.max(singular[:, 0] / singular[:, -1]),
        "instances": "draws",
        "independent": worlds,
    }
    return table, moment, singular, options


@claim(
    tried(
        "abstract, sentence 4: approximate independence given the label lets a linear layer solve "
        "the task",
        "the bound and its constant, for finite tables",
    ),
    kind="bound",
)
def test_violated_ci_bound(trial, violation: Dependence = 1.0, worlds: Worlds = 2000):
    """Let $δ = E[X2 | X1] - A p$ be the violation of conditional independence, with $A = (E[X2 | Y
    = 1], ...)$ of full column rank and the posterior $p$ of the classes. The approximation error of
    a linear head on the pretext is at most $E|δ|^2 / σ_min(A)^2$.

    It is tried with two classes and three values of X1, where worlds come near it.
    """
    table, moment, singular, options = violated(trial, violation, worlds)
    _, outer = predicted.violation_bounds(table.class_means, moment)
    totals = np.trace(moment, axis1=1, axis2=2)
    controls = {
        "$σ_max$ for $σ_min$": outer * (singular[:, -1] / singular[:, 0]) ** 2,
        "no $σ_min$": totals,
        "$ε^4$ for $ε^2$": outer * totals,
    }
    trial.bound(errors(table), outer, controls=controls, **options)


@claim(derived("$A^+$ as a head, whose error is $A^+ δ$"), kind="bound")
def test_violated_ci_bound__sharper(trial, violation: Dependence = 1.0, worlds: Worlds = 2000):
    """Let $δ = E[X2 | X1] - A p$ be the violation of conditional independence, with $A = (E[X2 | Y
    = 1], ...)$ of full column rank and the posterior $p$ of the classes. The approximation error of
    a linear head on the pretext is at most $E|A^+ δ|^2$.
    """
    table, moment, singular, options = violated(trial, violation, worlds)
    inner, _ = predicted.violation_bounds(table.class_means, moment)
    totals = np.trace(moment, axis1=1, axis2=2)
    controls = {
        "every singular value as large as $σ_max$": totals / singular[:, 0] ** 2,
        "no $A^+$": totals,
    }
    trial.bound(errors(table), inner, controls=controls, **options)


@claim(derived("$δ$ is linear in the leak, and $a$ in $δ δ'$"), kind="limit")
def test_violation_is_quadratic(
    trial,
    smallest: Annotated[
        float,
        Interval(1e-4, 0.02, why="less is lost in rounding; with more the next order is seen"),
    ] = 0.01,
):
    """In the normal world the approximation error of the pretext falls like $c^2$ as the violation
    $c$ of conditional independence falls to 0.
    """
    leaks = smallest * 2.0 ** np.arange(6)
    risks = np.array([normal_error(normal(leak)[0]) for leak in leaks])
    trial.order(
        risks[::-1],
        1 / leaks[::-1],
        -2.0,
        rounding=OPS * 2.0**-53,
        margin=0.015,
        controls={"linear": -1.0, "to the fourth": -4.0},
    )


@claim(
    derived("`labels_needed` on both sides: $n* = d1 + 1 + σ^2 (d1 - r) / a$"),
    kind="limit",
    cases=[(35, 0.2), (120, 0.3), (35, 0.0)],
)
def test_break_even(
    trial, n_labels: Annotated[int, Interval(30, 150, why="about n*; caps")], violation: Violation
):
    """Let $Y ~ N(0, I_2)$, $X1 = A1 Y + e1$ in $R^10$ and $X2 = A2 Y + c H e1 + e2$ in $R^6$, with
    standard normal $e1$ and $e2$, the rows $(cos j, sin j)$ of $A1$ and $(cos 2i, sin 3i)$ of $A2$,
    and $H_{i j} = cos(i j + 1) / sqrt(10)$, $i$ and $j$ from 0. A head on the pretext of rank $r$
    has less excess risk than one on $X1$ below $n* = 11 + σ^2 (10 - r) / a$ labels, and more above:
    $n* = 62.2$ at $c = 0.3$. Here $a$ is the pretext's approximation error, and $σ^2$ the variance
    of $Y$ given $X1$.
    """
    trial.require(
        violation == 0 or violation >= 0.2, "violation must be 0 or at least 0.2, where it is seen"
    )
    laws, theory, basis = normal(violation)
    rank = theory.rank
    error = theory.approximation_error if violation else 0.0
    crossing = predicted.break_even(10, rank, theory.noise, error)
    trial.require(
        abs(n_labels - crossing) > 10,
        "n_labels must be 10 away from n*, where the heads are as good",
    )

    def measure(key):  # both on the same labels
        return risk_of(laws, basis, n_labels)(key) - risk_of(laws, np.eye(10), n_labels)(key)

    def paired(rank, error):
        raw = predicted.excess_risk(n_labels, 10, theory.noise)
        return predicted.excess_risk(n_labels, rank, theory.noise, error) - raw

    risk = paired(rank, error)
    controls = (
        {"always helps": paired(rank, 0.0)}
        if violation
        else {"the width $d2$ for $r$": paired(6, 0.0)}
    )
    # Positive if n* is on the side of n that the risks say
    margin = 0.01 * risk * np.sign(n_labels - crossing)
    trial.mean(
        measure,
        risk,
        margin=margin,
        controls=controls | {"never helps": paired(10, error)},
        **SAMPLES,
    )


@claim(
    derived("total risks $(σ^2 + a) / (n - r - 1)$ and $σ^2 / (n - d1 - 1)$ set equal"),
    kind="identity",
    cases=[(0.3, False), (0.6, True)],
)
def test_break_even__exactly(trial, violation: Violated, intercept: bool):
    """At $n*$ labels with $1 + a / σ^2 = (n* - r - 1) / (n* - d1 - 1)$, and one more with an
    intercept, least squares on the $r$-dimensional pretext and on the $d1$ raw features have the
    same excess risk: $a$ is the pretext's approximation error, and $σ^2$ the variance of $Y$ given
    $X1$.
    """
    laws, theory, _ = normal(violation)

    def ratio(n_labels):
        return (n_labels - theory.rank - 1 - intercept) / (n_labels - 11 - intercept)

    options = {"intercept": intercept}
    crossing = predicted.break_even(
        10, theory.rank, theory.noise, theory.approximation_error, **options
    )
    controls = {
        "$d1 + σ^2 (d1 - r) / a$": ratio(crossing - 1),
        "$d1 + 1 + σ^2 / a$": ratio(11 + (crossing - 11) / 4),
    }
    trial.identity(1 + normal_error(laws) / laws.noise, ratio(crossing), ops=OPS, controls=controls)


@claim(
    derived("any function linear in $x1$ is one of an invertible map of $x1$"),
    kind="identity",
    cases=[(6, 8, 0.5)],
)
def test_ci_not_necessary(trial, dim: Size, second_dim: Size, violation: Violated):
    """If the views and the label are jointly normal and the pretext has the rank $d1$ of $X1$, it
    has no approximation error, however $X1$ and $X2$ depend on each other given $Y$: conditional
    independence gives a small rank, and not this.
    """
    trial.require(second_dim >= dim > 2, "second_dim must be at least dim, above the 2 causes")
    laws, theory, _ = normal(violation, dim=dim, second_dim=second_dim)
    means = observed.gaussian_world(violation, dim, second_dim).second
    delta = theory.pretext - means @ theory.target
    inner, _ = predicted.violation_bounds(means, delta @ delta.T)
    trial.identity(
        np.array([normal_error(laws), np.linalg.matrix_rank(laws.pretext, tol=1e-10)]),
        np.array([theory.approximation_error, theory.rank]),
        ops=OPS,
        controls={
            "$a > 0$ as independence fails": np.array([inner, dim]),
            "rank $k$": np.array([0.0, 2]),
        },
    )


@claim(derived("coefficients of polynomials of low degree"), kind="identity")
def test_break_even__everywhere(trial):
    """At $n* = d1 + 1 + σ² (d1 - r) / a$ labels, $(σ² + a) (n* - d1 - 1) = σ² (n* - r - 1)$ for all
    $σ²$, $a > 0$, $d1$ and $r$, so that heads on $r$ and on $d1$ features are equally good.
    """

    def beyond(noise, dim, rank):
        return noise * (dim - rank)  # a (n* - d1 - 1)

    trial.prove_identity(
        lambda noise, error, dim, rank: (noise + error) * beyond(noise, dim, rank),
        lambda noise, error, dim, rank: noise * (beyond(noise, dim, rank) + error * (dim - rank)),
        {"noise": 2, "error": 1, "dim": 1, "rank": 1},
        controls={
            "$n*$ without the noise": lambda noise, error, dim, rank: noise * error * (dim - rank)
        },
    )
