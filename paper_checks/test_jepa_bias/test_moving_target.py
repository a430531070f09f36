"""A target encoder that is a moving average of the encoder, as self-distillation has it."""

from typing import Annotated

import numpy as np
from scipy.linalg import eig

from paper_checks.test_jepa_bias import Fraction
from paper_checks.test_jepa_bias.times import apart
from sims import jepa_bias as observed
from theory import jepa_bias as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

LAGGED = derived("to first order in 1 / τ the target lags by 1 / τ, and its power by L times that")
FROZEN = derived("by scaling the equation of a frozen target")
PLATEAU = derived("a target that follows at the rate τ adds one row to the block of two features")

RATES = np.array([5.0, 10.0, 20.0, 40.0])
"""τ, in units of λ max(1, ρ)^(2L), about the rate at which features grow."""
Start = Annotated[float, Interval(5e-3, 0.1, why="below the target, and solved within seconds")]
FewLayers = Annotated[int, Interval(1, 3, why="with more, times are too long to solve in seconds")]
Strength = Annotated[float, Interval(0.3, 3, why="it scales time, and with it what τ is large")]
"""λ."""
Tracking = Annotated[float, Interval(0.02, 1e3, why="slower and faster ones are the two limits")]
"""τ."""

COVARIANCE = np.array([1.69, 1.0, 1.3])
REGRESSION = np.array([0.6, 0.9, 1.35])


@claim(LAGGED, kind="limit", cases=[(2, 0.05, 1.0), (1, 0.02, 0.5)])
def test_moving_target(
    trial,
    depth: Annotated[int, Interval(1, 2, why="with more, times are too long beside 1 / τ")],
    init: Start,
    rho: Annotated[float, Interval(0.4, 2, why="times are as its power 2L - 1")],
    fraction: Fraction = 0.8,
    lambda_: Strength = 0.8,
):
    """A target that follows at the rate τ delays a feature by h / τ + O(τ^-2), h = log(p ρ^L / ε)
    + L log((1 - ε^(1/L) / ρ) / (1 - p^(1/L))): more for the larger ρ, and whatever λ is.
    """
    trial.require(init < 0.7 * fraction * rho**depth, "init must be below the target by a third")
    lag = float(predicted.target_lag(fraction, init, depth, rho))
    soonest = predicted.critical_time(
        fraction, init, depth, lambda_, rho, objective="jepa", clock="flow"
    )
    rates = RATES * lambda_ * max(1, rho) ** (2 * depth)
    delays = [
        rate
        * (
            observed.moving_target_time(fraction * rho**depth, depth, init, lambda_, rho, rate)
            - soonest
        )
        for rate in rates
    ]
    controls = {
        "none": 0.0,
        "one delay for every ρ": float(predicted.target_lag(fraction, init, depth, 1.3 * rho)),
        "divided by λ": lag / lambda_,
    }
    margin = 0.005 * lag
    trial.limit(
        delays,
        rates,
        lag,
        order=1,
        margin=margin,
        controls=apart(trial, lag, margin, controls),
    )


@claim(FROZEN, kind="identity", cases=[(1, 0.01), (2, 0.01), (3, 0.01)])
def test_moving_target__frozen(
    trial, depth: FewLayers, init: Start, fraction: Fraction = 0.8, lambda_: Strength = 1.2
):
    """At τ = 0 JEPA is an autoencoder from ε^(1/(L+1)), on a clock that is slower by
    ε^(2L/(L+1)): of equal λ the smaller ρ comes first.
    """
    rhos = np.array([0.5, 1.0, 1.5])
    ends = fraction * (init * rhos) ** (depth / (depth + 1))
    trial.require(init < 0.9 * ends.min(), "init must be below the target: else nothing is learned")
    times = [
        observed.moving_target_time(end, depth, init, lambda_, rho, 0.0)
        for end, rho in zip(ends.tolist(), rhos.tolist(), strict=True)
    ]
    law = predicted.frozen_target_time(fraction, init, depth, lambda_, rhos)
    jepa = predicted.critical_time(
        fraction, init, depth, lambda_, rhos, objective="jepa", clock="flow"
    )
    trial.value(
        times,
        law,
        error=1e-9 * law,  # thousands of steps, each good to 1e-12
        margin=1e-8 * law,
        controls={"JEPA's own times": jepa, "one time for every ρ": np.full(3, law[1])},
    )


@claim(PLATEAU, kind="identity", cases=[(1, 0.5), (2, 0.05), (2, 5.0)])
def test_moving_target__displacement(trial, depth: FewLayers, tracking: Tracking):
    """Feature i displaces j iff ρ_i > ρ_j at every τ, at the rate
    (sqrt((a + τ)² + 4 τ μ) - a - τ) / 2, a = ρ_j^(2L) σ_i² and μ that of a target that follows at
    once.
    """
    state = observed.saddle_state(trial.key("rotations"), [0], REGRESSION, depth, "jepa")
    views = np.diag(COVARIANCE / REGRESSION), np.diag(COVARIANCE)
    jacobian = np.asarray(observed.moving_target_jacobian(state, *views, tracking))
    values, left, right = eig(jacobian, left=True, right=True)
    cosines = np.abs(np.sum(left.conj() * right, axis=0))
    leading = np.argsort(-values.real)[:2]
    errors = 3 * len(jacobian) * 2.0**-53 * np.linalg.norm(jacobian) / cosines[leading]
    pairs = (COVARIANCE[0], REGRESSION[0], COVARIANCE[1:], REGRESSION[1:])
    rates = np.sort(predicted.moving_target_rate(depth, *pairs, tracking))[::-1]
    follows = predicted.saddle_rate(depth, *pairs, objective="jepa", clock="flow")
    mae = predicted.saddle_rate(depth, *pairs, objective="mae", clock="flow")
    trial.value(
        values[leading].real,
        rates,
        error=errors,
        margin=1e-6 * rates,
        controls={
            "as if the target followed at once": np.sort(follows)[::-1],
            "the autoencoder's rate": np.sort(mae)[::-1],
        },
    )
