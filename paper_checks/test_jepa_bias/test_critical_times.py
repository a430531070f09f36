"""Critical times as ε -> 0, and the depths at which nothing is learned."""

from typing import Annotated, Any

import mpmath
import numpy as np

from paper_checks.test_jepa_bias import (
    THEOREM,
    Covariance,
    DeepDepth,
    Depth,
    Fraction,
    Objective,
    Regression,
    Start,
)
from paper_checks.test_jepa_bias.times import HALVINGS, apart, exact_time, require_below, rise_times
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, derived, paper
from theory_on_trial.contract import Interval

PAPER: dict[str, Any] = {"clock": "paper"}


@claim(
    paper("Theorem 4.5, as a reader's notes quote it; its remainder Θ(1) derived here"),
    kind="limit",
    cases=[(depth, init) for depth in (1, 2, 3, 5) for init in (1e-2, 1e-4, 1e-6)],
)
def test_critical_jepa(
    trial,
    depth: Depth,
    init: Start,
    fraction: Fraction = 0.5,
    rho: Regression = 0.7,
    lambda_: Covariance = 1.3,
):
    """JEPA's critical time is the power sum plus log(1/ε) / (λ ρ^(2L-1)) plus O(1), to the last
    digit.
    """
    require_below(trial, init, fraction, depth, rho, "jepa")
    unit = 1 / (lambda_ * rho ** (2 * depth - 1))
    digits = 30 + int(
        max(0, np.log10(init ** (1 / depth - 2) / (lambda_ * unit)))
    )  # what the powers take away
    with mpmath.workdps(digits + 5):
        ratio = mpmath.mpf(rho)
        root = mpmath.mpf(init) ** (mpmath.mpf(1) / depth)
        powers = mpmath.fsum(
            depth / (n * ratio ** (2 * depth - n - 1) * root**n) for n in range(1, 2 * depth)
        )
        left = float(
            exact_time(fraction, init, depth, lambda_, rho, "jepa", digits)
            - powers / mpmath.mpf(lambda_)
        )
    remainder = predicted.jepa_remainder(fraction, init, depth, lambda_, rho, **PAPER)
    controls = {
        "nothing left": 0.0,
        **({"on the flow's clock": remainder / depth} if depth > 1 else {}),
    }
    controls |= {"twice the logarithm": remainder - unit * np.log(init)} if init < 0.999 else {}
    # Its 2L + 3 terms, the largest of them s^(-n) / n with s^L = p or the logarithms, all relative
    # to `unit` L.
    terms = 1 + np.abs(np.log(init)) + depth * np.abs(np.log(rho)) + 2 * depth / fraction**2
    trial.identity(left, remainder, ops=20 * depth, scale=unit * depth * terms, controls=controls)


@claim(
    THEOREM,
    kind="limit",
    cases=[(2, 0.5), (2, 1.5), (3, 0.5), (3, 1.5)],
    route="times by Gauss-Legendre panels at falling epsilon against the L / (2 L - 1) that is "
    "claimed",
    second="test_sims_jepa.py::test_quadrature_reaches_every_strength_when_it_should",
)
def test_critical_jepa__leading(
    trial, depth: DeepDepth, rho: Regression, fraction: Fraction = 0.5, lambda_: Covariance = 1.3
):
    """As ε -> 0 JEPA's time tends to L ε^(-(2L-1)/L) / ((2L-1) λ), whatever ρ is."""
    root = 1 / HALVINGS
    limit = depth / (2 * depth - 1)
    require_below(trial, root.max() ** depth, fraction, depth, rho, "jepa")
    times = rise_times(fraction, depth, root**depth, lambda_, rho, "jepa")
    margin = 0.001 * limit
    controls = apart(
        trial, limit, margin, {"proportional to 1 / ρ": limit / rho, "without L / (2L-1)": 1.0}
    )
    trial.limit(
        times * lambda_ * root ** (2 * depth - 1),
        HALVINGS,
        limit,
        order=1,
        margin=margin,
        controls=controls,
    )


@claim(
    derived("by expanding the hypergeometric function; Theorem 4.5 has the lead only"),
    kind="limit",
    cases=(2, 3, 5),
)
def test_critical_mae(
    trial,
    depth: DeepDepth,
    init: Start = 1e-4,
    fraction: Fraction = 0.5,
    rho: Regression = 0.7,
    lambda_: Covariance = 1.3,
):
    """MAE's time is L ε^(-(L-1)/L) / ((L-1) λ), a constant with ρ, -L ε^(2/L) / (2 λ ρ)."""
    require_below(trial, init, fraction, depth, rho, "mae")
    remainder = 2 / (depth + 3) * init ** ((depth + 1) / depth) / rho
    trial.require(
        remainder < 0.003,
        "init must be small: what follows the three terms is 0.3 % of the last or more",
    )
    lead = predicted.mae_leading_time(init, depth, lambda_, **PAPER)
    constant = (
        depth
        / lambda_
        * rho ** (-(depth - 1) / (depth + 1))
        * predicted.mae_constant(fraction, depth)
    )
    next_term = predicted.mae_next_term(init, depth, lambda_, rho, **PAPER)
    rounding = 50 * 2.0**-53 * np.abs(constant / next_term)
    trial.require(
        rounding < 0.003,
        "init must be larger: the last term is lost in the rounding of the constant",
    )
    with mpmath.workdps(60):
        exponent = mpmath.mpf(depth - 1) / depth
        first = mpmath.mpf(init) ** -exponent / (exponent * mpmath.mpf(lambda_))
        time = exact_time(fraction, init, depth, lambda_, rho, "mae", 50)
        last = float(time - first - mpmath.mpf(float(constant)))
    total = lead + constant + next_term
    blur = 50 * 2.0**-53 * (lead + np.abs(constant)) + 1.1 * remainder * np.abs(next_term)
    controls = {"lead without L / (L-1)": total - lead / depth, "the lead alone": lead}
    controls = apart(trial, total, 2 * blur, controls)
    trial.value(
        float(time), total, error=2.0**-53 * total, slack=blur, margin=2 * blur, controls=controls
    )
    controls = {
        "lead ε^(1/(2L) - 1)": 1 + lead * (1 - init ** (-1 / (2 * depth))) / next_term,
        "lead without L / (L-1)": 1 + lead / depth / next_term,
        "the end of the expansion": 0.0,
    }
    trial.value(
        last / next_term,
        1.0,
        error=rounding,
        slack=1.1 * remainder,
        margin=0.008,
        controls=controls,
    )


@claim(derived("by integrating equation (8) at L = 1"), kind="limit", cases=(0.5, 1.5))
def test_critical_mae__shallow(
    trial,
    rho: Regression,
    init: Annotated[float, Interval(1e-12, 0.01, why="an expansion in ε")] = 1e-6,
    fraction: Fraction = 0.5,
    lambda_: Covariance = 1.3,
):
    """At L = 1 MAE's time is [log(1/ε) + log(ρ) / 2 + log p - log(1 - p^2) / 2] / λ."""
    require_below(trial, init, fraction, 1, rho, "mae")
    lead = predicted.mae_leading_time(init, 1, lambda_, **PAPER)
    constant = predicted.mae_constant(fraction, 1) / lambda_
    shift = np.log(rho) / (2 * lambda_)
    time = lead + constant + shift
    rounding = 50 * 2.0**-53 * (lead + np.abs(constant) + 2 * np.abs(shift))
    next_term = -predicted.mae_next_term(init, 1, lambda_, rho, **PAPER)
    slack = 1.25 * (next_term / (1 - init**2 / rho) + rounding)
    controls = apart(trial, time, 2 * slack, {"without ρ": lead + constant, "lead alone": lead})
    exact = float(exact_time(fraction, init, 1, lambda_, rho, "mae"))
    trial.value(exact, time, error=rounding, slack=slack, margin=2 * slack, controls=controls)


@claim(
    derived(
        "a feature grows iff its start is below its asymptote, which ρ < 1 lowers layer by layer"
    ),
    kind="identity",
    cases=[("jepa", 1e-3, 0.5), ("jepa", 0.02, 0.9), ("mae", 0.22, 0.5), ("mae", 0.13, 0.5)],
)
def test_depth_cap(
    trial,
    objective: Objective,
    init: Annotated[float, Interval(1e-4, 0.9, why="times are as 1 / ε^2")],
    fraction: Fraction,
    rho: Annotated[float, Interval(0.1, 0.9, why="at ρ >= 1 there is no cap")] = 0.2,
):
    """Features start below p w-bar(infinity) up to depth ln(p/ε) / ln(1/ρ), and decay beyond that
    of p = 1.
    """
    depths = np.arange(1.0, 9.0)
    caps = [float(predicted.depth_cap(init, p, rho, objective=objective)) for p in (fraction, 1.0)]
    tops = predicted.asymptote(depths.astype(int), rho, objective=objective)
    ties = np.min(np.abs(np.log(init / np.concatenate([tops, fraction * tops])))) < 1e-3
    trial.require(
        caps[0] < 8 and not ties,
        "init must be above the target from eight layers on, and not on a target",
    )
    # The powers in the time of a rise, L / (n rho^(2L-1-n) epsilon^(n/L)) for n < 2L, are at most L
    # / n times the larger of epsilon^-2 and rho^-2L: in all L (1 + 1/2 + ... + 1/(2L-1)) < 27
    # times; the rest is the approach.
    late = 40 * (init**-2 + rho ** (-2 * depths))
    options = {"objective": objective, **PAPER}
    flows = (
        observed.simulate_flow(L, init, 1.0, rho, t * np.arange(1, 5) / 4, **options)
        for L, t in zip(depths, late, strict=True)
    )
    strength = np.array([flow[-1] for flow in flows])
    measured = [np.where(init < fraction * strength, 1, -1), np.where(strength > init, 1, -1)]
    signs = np.array([np.where(depths <= cap, 1, -1) for cap in caps])
    below = np.where(depths <= caps[0], 1, -1)
    controls = {"one layer more": np.array([np.where(depths <= cap + 1, 1, -1) for cap in caps])}
    if caps[0] < min(caps[1], 8):
        controls["decays as soon as the target is below the start"] = np.array([below, below])
    trial.identity(measured, signs, ops=0, controls=controls)
