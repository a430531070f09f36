"""Which of two features is learned first: the ratio of covariances up to which JEPA overturns the
order, and the starts ε for which it does so.

Feature 1 has the larger covariance, κ = λ_1 / λ_2 > 1, and feature 2 has the larger regression
coefficient, ρ_1 < ρ_2. MAE then learns feature 1 first. JEPA learns feature 2 first if and only if
κ < Φ. Littwin et al. 2024 (arXiv 2407.03475) state the preference at equal λ (as a public
formalisation quotes them). The exact boundary, its windows and its limit are derived here. All
functions assume one predictor layer and the diagonal dynamics of `learning_times`. `partial_states`
shows what a misalignment does to the order.
"""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.jepa_bias._reduced_time import rising
from theory.jepa_bias.domains import (
    Depths,
    DepthsFromTwo,
    Floats,
    Fractions,
    Objective,
    Positives,
    Reals,
    Regression,
    Truths,
)
from theory.jepa_bias.learning_times import exponents, mae_constant
from theory_on_trial.contract import Interval, guarded, require

RatioAboveOne = Annotated[
    Reals,
    Interval(
        1 + 1e-9,
        why="feature 1 has the larger covariance; within 1e-9 of one the window is below float64",
    ),
]
"""The ratio κ for which the window is looked for."""

_HALVINGS = 50  # of intervals of at most 30 L in log epsilon
_SMALLEST_LOG_START = -30.0  # of s_0: there Phi - 1 is below 1e-12


@guarded
def order_boundary(
    depth: Depths,
    init: Positives,
    fraction: Fractions,
    rho_1: Regression,
    rho_2: Regression,
    objective: Objective = "jepa",
) -> Float[np.ndarray, "..."]:
    """Return the boundary Φ_L(ε, p; ρ_1, ρ_2) of the ratio κ = λ_1 / λ_2, below which feature 2
    comes first.

    Φ is the ratio of λ t*(ρ_1) to λ t*(ρ_2), where t* is the `critical_time`, and feature 2 comes
    first if and only if κ < Φ. `init` is the ε and `fraction` the p of both features. The result is
    NaN if either feature starts at or above p times its asymptote. All arguments broadcast.

    >>> order_boundary(2, [1e-2, 1e-4, 1e-6], 0.5, 0.5, 1.0).round(4).tolist()
    [1.1821, 1.0157, 1.0015]
    """
    return np.asarray(_boundary(depth, np.log(init), fraction, rho_1, rho_2, objective))


@guarded
def boundary_maximiser(
    depth: Depths, fraction: Fractions, rho_1: Regression, rho_2: Regression
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Return the start ε at which JEPA's boundary Φ is largest, and this largest Φ.

    The search assumes that Φ first rises and then falls with ε. `fraction` is p. All arguments
    broadcast. Raises ValueError unless ρ_1 < ρ_2.
    """
    log_init, _, _ = _log_maximiser(depth, fraction, rho_1, rho_2)
    return np.asarray(np.exp(log_init)), np.asarray(
        _boundary(depth, log_init, fraction, rho_1, rho_2, "jepa")
    )


@guarded
def inversion_window(
    kappa: RatioAboveOne, depth: Depths, fraction: Fractions, rho_1: Regression, rho_2: Regression
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Return the lower and the upper edge of the interval of ε in which JEPA overturns the order at
    the ratio κ.

    Both are NaN if there is no such interval, and a lower edge below float64 is 0. `fraction` is p.
    All arguments broadcast. Raises ValueError unless ρ_1 < ρ_2.
    """
    peak, lowest, highest = _log_maximiser(depth, fraction, rho_1, rho_2)
    ratio, peak, lowest, highest = np.broadcast_arrays(kappa, peak, lowest, highest)

    def overturned(log_init: Floats) -> Truths:
        return _boundary(depth, log_init, fraction, rho_1, rho_2, "jepa") > ratio

    exists = overturned(peak)
    lower = np.exp(_turning_point(overturned, lowest, peak))
    upper = np.exp(_turning_point(lambda log_init: ~overturned(log_init), peak, highest))
    return np.asarray(np.where(exists, lower, np.nan)), np.asarray(np.where(exists, upper, np.nan))


@guarded
def greedy_excess(
    depth: DepthsFromTwo,
    init: Annotated[Reals, Interval(0, 1, "()", why="the expansion is in small epsilon")],
    rho_high: Regression,
    rho_low: Regression,
    *,
    objective: Objective,
    fraction: Fractions,
) -> Float[np.ndarray, "..."]:
    """Return the excess t*(ρ_low) / t*(ρ_high) - 1 of the time of the smaller ρ at equal λ, to
    first order in ε. If it is positive, the larger ρ is learned first.

    L is the depth and p = `fraction`. All arguments broadcast.

    - JEPA: (2L-1)/(2L-2) (1/ρ_low - 1/ρ_high) ε^(1/L). One plus this excess is the Φ of
      `order_boundary`.
    - MAE: (L-1) K_L(p) (ρ_low^(-q) - ρ_high^(-q)) ε^((L-1)/L), where q = (L-1)/(L+1) and K_L is the
      `mae_constant`. This holds while ε^(2/L) is far below |K_L(p)|.
    """
    if objective == "jepa":
        contrast = 1 / rho_low - 1 / rho_high
        return np.asarray((2 * depth - 1) / (2 * depth - 2) * contrast * init ** (1 / depth))
    power = (depth - 1) / (depth + 1)
    contrast = rho_low**-power - rho_high**-power
    return np.asarray(
        (depth - 1) * mae_constant(fraction, depth) * contrast * init ** ((depth - 1) / depth)
    )


def _boundary(
    depth: Depths,
    log_init: Reals | Floats,
    fraction: Fractions,
    rho_1: Regression,
    rho_2: Regression,
    objective: Objective,
) -> Floats:
    """Return Φ at the start ε = e^log_init."""
    time_1, _ = _scaled_time(depth, log_init, fraction, rho_1, objective)
    time_2, _ = _scaled_time(depth, log_init, fraction, rho_2, objective)
    return time_1 / time_2


def _scaled_time(
    depth: Depths,
    log_init: Reals | Floats,
    fraction: Fractions,
    rho: Regression,
    objective: Objective,
) -> tuple[Floats, Floats]:
    """Return λ t* in a unit that depends on L and ε alone, and log s_0.

    The time is NaN unless it is positive.
    """
    gradient, resistance = exponents(depth, objective=objective)
    p, log_init, layers, gradient, resistance, rho = np.broadcast_arrays(
        fraction, log_init, depth, gradient, resistance, rho
    )
    log_end = resistance / layers * np.log(p)
    log_start = resistance / layers * log_init - np.log(rho)
    starts_below = log_start < log_end
    gap = np.where(starts_below, log_end - log_start, 1)
    time = rising(gradient, resistance, log_end, np.log(-np.expm1(log_end)), gap)
    return np.where(starts_below, time, np.nan), log_start


def _log_maximiser(
    depth: Depths, fraction: Fractions, rho_1: Regression, rho_2: Regression
) -> tuple[Floats, ...]:
    """Return log ε at the peak of Φ, and the ends of the interval in which it was looked for."""
    excess = np.max(np.subtract(rho_1, rho_2))
    require(
        excess < 0,
        "rho_1 must be below rho_2 (else JEPA has nothing to overturn), got a rho_1 that is "
        f"{excess:g} above rho_2",
    )
    layers, p, low, high = np.broadcast_arrays(depth, fraction, rho_1, rho_2)
    highest = np.log(p) + layers * np.log(low)
    lowest = np.minimum(layers * (np.log(low) + _SMALLEST_LOG_START), highest - layers)

    def falls(log_init: Floats) -> Truths:
        # d log t* / d log epsilon = -epsilon / (velocity t*), the velocity at epsilon being
        # proportional to 1 - s_0.
        time_1, log_start_1 = _scaled_time(layers, log_init, p, low, "jepa")
        time_2, log_start_2 = _scaled_time(layers, log_init, p, high, "jepa")
        return ~(time_1 * np.expm1(log_start_1) < time_2 * np.expm1(log_start_2))

    return _turning_point(falls, lowest, highest), lowest, highest


def _turning_point(holds: Callable[[Floats], Truths], lower: Floats, upper: Floats) -> Floats:
    """Return the point at which `holds` turns from false to true between `lower` and `upper`, by
    bisection.
    """
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        above = holds(middle)
        lower = np.where(above, lower, middle)
        upper = np.where(above, middle, upper)
    return (lower + upper) / 2
