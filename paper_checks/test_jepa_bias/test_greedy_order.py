"""Two features that differ in λ alone, or in ρ alone: which is learned first, and by how much."""

from typing import Annotated, Any

import mpmath
import numpy as np

from paper_checks.test_jepa_bias import (
    HIGH_INFLUENCE,
    OBJECTIVES,
    DeepDepth,
    Fraction,
    Objective,
    Problems,
    Regression,
)
from paper_checks.test_jepa_bias.times import (
    HALVINGS,
    QUADRATURE_ERROR,
    apart,
    exact_time,
    require_below,
    rise_times,
)
from theory import jepa_bias as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

PAPER: dict[str, Any] = {"clock": "paper"}
PAIRS = [("jepa", 2), ("jepa", 3), ("jepa", 5), ("mae", 2), ("mae", 3)]


def preference_power(objective, depth):
    """Return the power of ε that the preference for ρ falls as."""
    return (1 if objective == "jepa" else depth - 1) / depth


def preferences(trial, objective, depth, rho_low, rho_high, fraction):
    """Return numbers that double, starts at which preferences for ρ fall as 1 / them, and t*(ρ') /
    t*(ρ) - 1. At depth two the terms that follow are larger: starts are smaller there.
    """
    trial.require(
        rho_low < 0.9 * rho_high,
        "rho_low must be below 0.9 rho_high: nothing distinguishes equal features",
    )
    if objective == "mae":
        trial.require(
            depth < 4,
            "depth must be 2 or 3 for MAE: deeper, the law drowns in rounding before it is seen",
        )
        trial.require(
            np.abs(predicted.mae_constant(fraction, depth)) > 0.1,
            "fraction must not be near p*_L for MAE",
        )
    doubles = HALVINGS * (16 if depth == 2 else 1)
    init = doubles ** (-1 / preference_power(objective, depth))
    for rho in (rho_low, rho_high):
        require_below(trial, init.max(), fraction, depth, rho, objective)
    slow, fast = (
        rise_times(fraction, depth, init, 1.0, rho, objective) for rho in (rho_low, rho_high)
    )
    return doubles, init, slow / fast - 1


@claim(
    derived("equations (7) and (8) are linear in λ at a given ρ"), kind="identity", cases=OBJECTIVES
)
def test_greedy_lambda(trial, objective: Objective, n_problems: Problems = 64):
    """At equal ρ the times of both objectives are as 1 / λ, exactly, at every ε, p and L."""
    rng = trial.generator("problems")
    n = n_problems
    depth = rng.integers(1, 7, n)
    rho = rng.uniform(0.5, 1.5, n)
    p = rng.uniform(0.1, 0.9, n)
    strengths = np.stack([rng.uniform(0.3, 1, n), rng.uniform(1.1, 3, n)])
    ratio = strengths[1] / strengths[0]
    init = p * rho**depth * 10.0 ** -rng.uniform(1, 3, n) * np.minimum(1, 1 / rho) ** depth
    times = rise_times(p, depth, init, strengths, rho, objective)
    controls = {"as λ^(-1/2)": np.sqrt(ratio)}
    # 232 panels of five nodes each, all positive.
    trial.identity(times[0] / times[1], ratio, ops=2000, scale=ratio, controls=controls)
    exact = (
        predicted.critical_time(p, init, depth, strengths[0], rho, objective=objective, **PAPER)
        / times[1]
    )
    error = 2 * QUADRATURE_ERROR * exact
    controls = {"as 1 / λ^2": ratio**2}
    trial.value(exact, ratio, error=error, margin=1e-9 * exact, controls=controls)


@claim(HIGH_INFLUENCE, kind="rate", cases=PAIRS)
def test_greedy_rho(
    trial,
    objective: Objective,
    depth: DeepDepth,
    rho_low: Regression = 0.5,
    rho_high: Regression = 1.0,
    fraction: Fraction = 0.5,
):
    """At equal λ t*(ρ') / t*(ρ) of JEPA exceeds one by (2L-1)/(2L-2) (1/ρ' - 1/ρ) ε^(1/L).

    MAE's differs from one by (L-1) K_L(p) (ρ'^(-q) - ρ^(-q)) ε^((L-1)/L), q = (L-1)/(L+1), of
    either sign.
    """
    doubles, init, excess = preferences(trial, objective, depth, rho_low, rho_high, fraction)
    args = depth, init[0], rho_high, rho_low
    prefactor = (
        float(predicted.greedy_excess(*args, objective=objective, fraction=fraction)) * doubles[0]
    )
    margin = 0.005 * np.abs(prefactor)
    rivals = {"1 / ρ' - 1 / ρ": 1 / rho_low - 1 / rho_high, "blind to ρ": 0.0}
    controls = apart(trial, prefactor, margin, rivals)
    trial.limit(excess * doubles, doubles, prefactor, order=1, margin=margin, controls=controls)


@claim(derived("the first terms of Theorem 4.5 that ρ enters"), kind="rate", cases=PAIRS)
def test_greedy_rho__slopes(
    trial,
    objective: Objective,
    depth: DeepDepth,
    rho_low: Regression = 0.5,
    rho_high: Regression = 1.0,
    fraction: Fraction = 0.5,
):
    """The preference for ρ falls as ε^(1/L) with JEPA, which depth slows, as ε^((L-1)/L) with
    MAE.
    """
    message = (
        "fraction must be at least .05 and rho_low .2: slopes settle at smaller starts than these"
    )
    trial.require(fraction >= 0.05 and rho_low >= 0.2, message)
    _, init, excess = preferences(trial, objective, depth, rho_low, rho_high, fraction)
    jepa, mae = (preference_power(rule, depth) for rule in OBJECTIVES)
    right, rival = (jepa, mae) if objective == "jepa" else (mae, jepa)
    preference = np.abs(excess)
    # At L = 2 both slopes are one half.
    controls = {"epsilon": -1.0} | ({"the other objective's": -rival} if depth > 2 else {})
    trial.order(
        preference,
        1 / init,
        -right,
        rounding=3 * QUADRATURE_ERROR,
        margin=0.006 * right,
        controls=controls,
    )


def lead(init, fraction, rho_low, rho_high, objective):
    """Return by how much a layer learns the larger ρ earlier, at λ = 1."""
    digits = 33 - int(np.log10(init))  # the times are as 1 / epsilon
    slow, fast = (
        exact_time(fraction, init, 1, 1, rho, objective, digits) for rho in (rho_low, rho_high)
    )
    return float(slow - fast)


@claim(derived("by integrating equations (7) and (8) at L = 1"), kind="rate", cases=(0.5, 0.9))
def test_greedy_rho__shallow(
    trial,
    fraction: Fraction,
    rho_low: Regression = 0.5,
    rho_high: Regression = 1.0,
    init: Annotated[
        float, Interval(1e-40, 1e-6, why="of the leads in ε only the first are left")
    ] = 1e-12,
):
    """At L = 1 JEPA's lead grows by (1/ρ' - 1/ρ) log(1/ε) / λ only, its time as 1 / (λ ε).

    MAE learns the larger ρ later, by log(ρ / ρ') / (2 λ), whatever p is.
    """
    trial.require(
        rho_low < 0.9 * rho_high,
        "rho_low must be below 0.9 rho_high: nothing distinguishes equal features",
    )
    jepa, mae = (
        [lead(at, fraction, rho_low, rho_high, rule) for at in (init, init / 1000)]
        for rule in OBJECTIVES
    )
    by_jepa, by_mae = (
        float(
            predicted.greedy_excess(1, init, rho_high, rho_low, objective=rule, fraction=fraction)
        )
        for rule in OBJECTIVES
    )
    contrast = -by_jepa / (init * np.log(init))
    remainder = 2 * init / rho_low**2  # of log(1 - epsilon / rho) / rho
    rounding = 1e-14 * (1 + np.abs(np.log(init)) * contrast)
    tolerance = {"error": rounding, "slack": remainder, "margin": 2 * (remainder + rounding)}
    controls = {"without the logarithm": 0.0, "prefactor (2L-1)/(2L-2) of L = 2": 1.5 * contrast}
    trial.value((jepa[1] - jepa[0]) / np.log(1000), contrast, controls=controls, **tolerance)
    late = -np.log(init) * by_mae
    controls = {"JEPA's sign": -late, "log(ρ / ρ')": 2 * late, "blind to ρ": 0.0}
    trial.value(mae[0], late, controls=controls, **tolerance)
    rhos = np.array([rho_low, rho_high])
    first = [
        predicted.limit_order(np.ones(2), rhos, 1, fraction, objective=rule)[0]
        for rule in OBJECTIVES
    ]
    # A lead that grows is positive in the end.
    trial.identity([jepa[1] > jepa[0], mae[0] > 0], first, ops=0, controls={"both by ρ": [1, 1]})


@claim(
    derived("by the constant term of MAE's time, whose sign is that of K_L(p)"),
    kind="identity",
    cases=(2, 3, 4, 5),
)
def test_mae_sign(
    trial,
    depth: DeepDepth,
    rho_low: Regression = 0.5,
    rho_high: Regression = 1.0,
    off: Annotated[
        float, Interval(1e-13, 0.05, why="what follows the constant is of order 1e-16")
    ] = 1e-9,
):
    """As ε -> 0 MAE reaches p earlier for the larger ρ iff p exceeds the zero p*_L of K_L, which is
    not 1/2.
    """
    trial.require(
        rho_low < 0.9 * rho_high,
        "rho_low must be below 0.9 rho_high: nothing distinguishes equal features",
    )
    threshold = predicted.sign_threshold(depth)
    # What follows the constant is of order epsilon^(2/L) = 1e-16, what the leading terms cancel of
    # 10^(8 (L - 1)).
    init = mpmath.mpf(10) ** (-8 * depth)
    measured = []
    order = []
    rhos = (rho_low, rho_high)
    for p in (threshold - off, threshold + off):
        slow, fast = (exact_time(p, init, depth, 1, rho, "mae", 8 * depth + 10) for rho in rhos)
        measured.append(int(mpmath.sign(slow - fast)))
        order.append(
            2 * predicted.limit_order(np.ones(2), np.array(rhos), depth, p, objective="mae")[0] - 1
        )
    half = 1 if threshold > 0.5 else -1
    controls = {"p* = 1/2": [[half, half]] * 2, "the smaller ρ is always first": [[-1, -1]] * 2}
    trial.identity([measured, measured], [[-1, 1], order], ops=0, controls=controls)
