"""The scalar equations solved: when a feature reaches a given strength."""

from itertools import product
from typing import Annotated, Any, Literal

import mpmath
import numpy as np

from paper_checks.test_jepa_bias import OBJECTIVES, Objective, Problems
from paper_checks.test_jepa_bias.times import QUADRATURE_ERROR, exact_time, rise_times
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Interval

PAPER: dict[str, Any] = {"clock": "paper"}


def random_problems(rng, count, objective):
    """Return p, ε, L, λ and ρ of random features, which start one to three decades below their
    target.
    """
    depth = rng.integers(1, 9, count)
    regression = np.exp(
        rng.choice([-1, 1], count) * rng.uniform(0.1, np.log(2), count)
    )  # at rho = 1 no power shows
    covariance = rng.uniform(0.3, 3, count)
    fraction = rng.uniform(0.1, 0.95, count)
    limit = predicted.asymptote(depth, regression, objective=objective)
    return (
        fraction,
        fraction * limit * 10 ** -rng.uniform(1, 3, count),
        depth,
        covariance,
        regression,
    )


def wrong_times(objective, fraction, init, depth, covariance, regression, time):
    """Return wrong closed forms of the time to a fraction of the asymptote, one problem each."""
    if objective == "mae":
        return {"prefactor ρ^(-L/(L+1))": time * regression ** (-1 / (depth + 1))}
    start = init ** (1 / depth)
    end = fraction ** (1 / depth) * regression
    n = np.arange(1, 2 * depth.max())[:, None]
    powers = np.where(
        n < 2 * depth, (start**-n - end**-n) / (n * regression ** (2 * depth - 1.0 - n)), 0.0
    )
    terms = depth / covariance * powers
    slowest = np.take_along_axis(terms, 2 * depth[None] - 2, axis=0)[0]
    return {
        "no slowest power": time - slowest,
        "ρ^(2L-n) in the sum": time + (1 / regression - 1) * terms.sum(axis=0),
    }


def decide_solved(trial, objective, count):
    """Decide the closed form of the time against a stiff solver, on four strengths of every
    rise.
    """
    options = {"objective": objective, **PAPER}
    fraction, init, depth, covariance, regression = random_problems(
        trial.generator("solved"), count, objective
    )
    start = init / predicted.asymptote(depth, regression, objective=objective)
    shares = (fraction * (start / fraction) ** np.array([[0.75], [0.5], [0.25], [0.0]])).T.ravel()
    init, *problem = (np.repeat(part, 4) for part in (init, depth, covariance, regression))
    times = predicted.critical_time(shares, init, *problem, **options)
    strengths = [
        observed.simulate_flow(
            problem[0][k], init[k], problem[1][k], problem[2][k], times[k : k + 4], **options
        )
        for k in range(0, 4 * count, 4)
    ]
    targets = shares * predicted.asymptote(problem[0], problem[2], objective=objective)
    # When the solver's strength passes the target: the two differ by so little that one tangent is
    # enough.
    crossing_times = times + (targets - np.concatenate(strengths)) / predicted.velocity(
        targets, *problem, **options
    )
    quadrature = rise_times(shares, problem[0], init, *problem[1:], objective)
    # What the solver may be off is seen from the other simulator, which steps through strengths,
    # not time.
    error = np.abs(crossing_times - quadrature) + 2 * QUADRATURE_ERROR * times
    controls = wrong_times(objective, shares, init, *problem, times)
    trial.value(crossing_times, times, error=error, margin=1e-8 * times, controls=controls)


def decide_exact(trial, objective, count):
    """Decide the closed form of the time against quadrature in 30 digits."""
    cells = random_problems(trial.generator("exact"), count, objective)
    times = predicted.critical_time(*cells, objective=objective, **PAPER)
    bound = predicted.critical_time_error_bound(*cells, objective=objective, **PAPER)
    exact = [
        float(exact_time(*cell, objective))
        for cell in zip(*(part.tolist() for part in cells), strict=True)
    ]
    error = 2.0**-53 * times  # of writing the 30 digits in sixteen
    margin = np.minimum(bound, 1e-12 * times)
    trial.value(
        exact, times, error=error, margin=margin, controls=wrong_times(objective, *cells, times)
    )


def exact_passage(start, end, depth, covariance, regression, objective):
    """Return the time between two strengths on one side of the asymptote, paper's clock, by
    quadrature in 25 digits.
    """
    with mpmath.workdps(25):
        power = 2 - mpmath.mpf(1) / depth - (objective == "mae")

        def pace(log_strength):  # dt / d log w of equations (7) and (8)
            return (
                1
                / (mpmath.exp(power * log_strength) - mpmath.exp(2 * log_strength) / regression)
                / covariance
            )

        panels = mpmath.linspace(mpmath.log(start), mpmath.log(end), 4)
        return float(mpmath.quad(pace, panels, method="gauss-legendre"))


@claim(
    derived("the variables of equations (7) and (8) separate on either side of the asymptote"),
    kind="identity",
    cases=list(product(OBJECTIVES, ("rises", "falls"))),
)
def test_exact_time__passage(
    trial,
    objective: Objective,
    side: Literal["rises", "falls"],
    count: Annotated[int, Interval(1, 100, why="each is drawn")] = 4,
):
    """The closed form times the passage between any two strengths; inverted it gives the strength
    at a time.
    """
    rng = trial.generator("passages")
    _, _, depth, covariance, regression = random_problems(rng, count, objective)
    limit = predicted.asymptote(depth, regression, objective=objective)
    away = limit * np.exp(rng.uniform(0.1, 1, count) * (1 if side == "falls" else -1))
    # Some so near each other that a quotient of theirs would leave few digits of its logarithm.
    start = away * np.exp(np.geomspace(1e-5, 2, count) * (1 if side == "falls" else -1))
    problem = (depth, covariance, regression)
    options = {"objective": objective, **PAPER}
    times = predicted.time_to_reach(away, start, *problem, **options)
    bound = predicted.time_error_bound(away, start, *problem, **options)
    exact = np.array(
        [
            exact_passage(*cell)
            for cell in zip(start, away, *problem, [objective] * count, strict=True)
        ]
    )
    controls = {"one more power of ρ": times * regression, "whatever λ": times * covariance}
    trial.value(
        exact,
        times,
        error=2.0**-52 * times,
        margin=np.minimum(bound, 1e-12 * times),
        controls=controls,
    )
    pace = np.abs(predicted.velocity(away, *problem, **options))
    w_bar = predicted.strength_at(exact, start, *problem, **options)
    error = pace * (bound + 2.0**-52 * times) + 2.0**-48 * away
    trial.value(
        w_bar,
        away,
        error=error,
        margin=1e-11 * away,
        controls={"the asymptote": limit, "the start": start},
    )


@claim(paper("Theorem 4.4, as a public formalisation quotes it"), kind="identity")
def test_exact_time_jepa(trial, n_solved: Problems = 40, n_exact: Problems = 16):
    """JEPA reaches w-bar when 2L - 1 powers of 1/w and a logarithm say so, for every L, ρ, λ and
    ε.
    """
    decide_solved(trial, "jepa", n_solved)
    decide_exact(trial, "jepa", n_exact)


@claim(derived("by separating the variables of equation (8)"), kind="identity")
def test_exact_time_mae(trial, n_solved: Problems = 40, n_exact: Problems = 16):
    """MAE reaches w-bar when (L / λ) ρ^(-(L-1)/(L+1)) [G_L(u) - G_L(u_0)] says so, for every L and
    ε.
    """
    decide_solved(trial, "mae", n_solved)
    decide_exact(trial, "mae", n_exact)
