"""Which of two features is learned first: the covariance ratio that JEPA can overturn, and for
which ε.

Feature 1 has the larger covariance, κ = λ_1 / λ_2 > 1, feature 2 the larger regression coefficient,
ρ_1 < ρ_2; MAE then learns feature 1 first. JEPA learns feature 2 first iff κ < Φ. Littwin et al.
2024 (arXiv 2407.03475) state the preference at equal λ (as quoted by a public formalisation); the
exact boundary, its windows and its limit are derived here. Everything below assumes one predictor
layer and the diagonal dynamics of `learning_times`; what misalignment does to the order is in
`partial_states`.
"""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory.jepa_bias._reduced_time import rising
from theory.jepa_bias.domains import (
    Depths,
    DepthsFromTwo,
    FeatureCovariances,
    FeatureRegressions,
    Floats,
    Fractions,
    Objective,
    Positives,
    Reals,
    Regression,
    Truths,
    Wholes,
)
from theory.jepa_bias.learning_times import asymptote, exponents, mae_constant
from theory_on_trial.contract import Count, Fraction, Interval, guarded, require

Ratio = Annotated[Reals, Interval(1, closed="()", why="feature 1 has the larger covariance")]
"""κ = λ_1 / λ_2."""
RatioAboveOne = Annotated[
    Reals,
    Interval(
        1 + 1e-9,
        why="feature 1 has the larger covariance; within 1e-9 of one the window is below float64",
    ),
]
"""κ for which the window is looked for."""

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
    """Φ_L(ε, p; ρ_1, ρ_2) = λ t*(ρ_1) / (λ t*(ρ_2)): feature 2 comes first iff κ < Φ.

    `init` is the ε of both. NaN where either starts at or above p times its asymptote. All
    arguments broadcast.

    >>> order_boundary(2, [1e-2, 1e-4, 1e-6], 0.5, 0.5, 1.0).round(4).tolist()
    [1.1821, 1.0157, 1.0015]
    """
    return np.asarray(_boundary(depth, np.log(init), fraction, rho_1, rho_2, objective))


@guarded
def boundary_maximiser(
    depth: Depths, fraction: Fractions, rho_1: Regression, rho_2: Regression
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """(ε, Φ) where JEPA's Φ, taken to rise and then fall with ε, is largest; `ValueError` unless
    ρ_1 < ρ_2.
    """
    log_init, _, _ = _log_maximiser(depth, fraction, rho_1, rho_2)
    return np.asarray(np.exp(log_init)), np.asarray(
        _boundary(depth, log_init, fraction, rho_1, rho_2, "jepa")
    )


@guarded
def inversion_window(
    kappa: RatioAboveOne, depth: Depths, fraction: Fractions, rho_1: Regression, rho_2: Regression
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Interval of ε in which JEPA overturns κ: NaN if none; an edge below float64 is 0. ValueError
    for ρ_1 >= ρ_2.
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
def init_threshold(
    kappa: Ratio, depth: DepthsFromTwo, rho_1: Regression, rho_2: Regression
) -> Float[np.ndarray, "..."]:
    """First-order lower edge of the window, [(κ - 1)(2L-2) / ((2L-1)(1/ρ_1 - 1/ρ_2))]^L: below it λ
    wins.

    An order of magnitude unless the bracket is far below one. `ValueError` unless ρ_1 < ρ_2.
    """
    _require_order(rho_1, rho_2)
    return np.asarray(((kappa - 1) / _first_coefficient(depth, rho_1, rho_2)) ** depth)


@guarded
def limit_order(
    covariance: FeatureCovariances,
    regression: FeatureRegressions,
    depth: Count,
    fraction: Fraction,
    *,
    objective: Objective,
) -> Int[np.ndarray, " features"]:
    """Indices of the features, first learned first, as ε -> 0: by decreasing λ, for both
    objectives.

    Of equal λ JEPA takes the larger ρ first; so does MAE where p > `sign_threshold`, else (and at L
    = 1) the smaller.
    """
    prefers_large = objective == "jepa" or (depth > 1 and float(mae_constant(fraction, depth)) > 0)
    return np.lexsort((-regression if prefers_large else regression, -covariance))


@guarded
def depth_cap(
    init: Positives,
    fraction: Annotated[Reals, Interval(0, 1, "(]")],
    regression: Regression,
    *,
    objective: Objective,
) -> Float[np.ndarray, "..."]:
    """Largest depth L at which ε < p w-bar(infinity); zero if there is none, infinite if there is
    no largest.

    With p = 1: the largest depth at which the feature grows at all; beyond it, it decays from its
    start. Finite caps above zero exist for ρ < 1 only: ln(p / ε) / ln(1 / ρ) > L for JEPA, > L / (L
    + 1) for MAE.
    """
    start, p, rho = np.broadcast_arrays(init, fraction, regression)
    shrinks = rho < 1
    room = np.log(p / start) / np.where(shrinks, -np.log(rho), 1)
    reach = (
        room
        if objective == "jepa"
        else np.where(room < 1, room / np.where(room < 1, 1 - room, 1), np.inf)
    )
    finite = shrinks & np.isfinite(reach)
    cap = np.maximum(np.ceil(np.where(finite, reach, 1)) - 1, 0).astype(np.int64)

    def fits(depth: Wholes) -> Truths:
        return start < p * asymptote(np.asarray(depth), rho, objective=objective)

    # The logarithms may be off by a rounding where a depth is just reached.
    cap = np.where(
        fits(cap + 1), cap + 1, np.where((cap > 0) & ~fits(np.maximum(cap, 1)), cap - 1, cap)
    )
    # Without a cap targets do not fall with the depth: they grow beyond all bounds for JEPA, and up
    # to p ρ for MAE.
    some = shrinks | (start < p * rho) | ((rho > 1) & (objective == "jepa"))
    return np.asarray(np.where(finite, cap, np.where(some, np.inf, 0)))


@guarded
def greedy_excess(
    depth: Count,
    init: Annotated[Reals, Interval(0, 1, "()", why="the expansion is in small epsilon")],
    rho_high: Regression,
    rho_low: Regression,
    *,
    objective: Objective,
    fraction: Fractions,
) -> Float[np.ndarray, "..."]:
    """t*(ρ_low) / t*(rho_high) - 1 at equal λ to first order in ε; positive: the larger ρ comes
    first.

    JEPA: (2L-1)/(2L-2) Δ ε^(1/L), Δ = 1/ρ_low - 1/rho_high, and Δ ε log(1/ε) at L = 1;
    with one it is the Φ of `order_boundary`. MAE: (L-1) K_L(p) (ρ_low^(-q) - rho_high^(-q))
    ε^((L-1)/L), q = (L-1)/(L+1), as long as ε^(2/L) << |K_L(p)|, and -log(rho_high / ρ_low) / (2
    log(1/ε)) at L = 1.
    """
    if objective == "jepa":
        if depth == 1:
            return np.asarray((1 / rho_high - 1 / rho_low) * init * np.log(init))
        return np.asarray(_first_coefficient(depth, rho_low, rho_high) * init ** (1 / depth))
    if depth == 1:
        return np.asarray(np.log(rho_high / rho_low) / (2 * np.log(init)))
    power = (depth - 1) / (depth + 1)
    contrast = rho_low**-power - rho_high**-power
    return np.asarray(
        (depth - 1) * mae_constant(fraction, depth) * contrast * init ** ((depth - 1) / depth)
    )


@guarded
def sign_threshold(
    depth: Annotated[int, Interval(2, 10**12, why="there p* is 2 / L, near rounding")],
) -> float:
    """p*_L, zero of `mae_constant`: at equal λ as ε -> 0 MAE reaches p of a larger ρ earlier iff p
    > p*_L.
    """
    from scipy.optimize import brentq
    from scipy.special import expit

    logit = brentq(
        lambda x: float(mae_constant(float(expit(x)), depth)), -30, 30, xtol=1e-15, rtol=8.9e-16
    )
    return float(expit(logit))


def _boundary(
    depth: Depths,
    log_init: Reals | Floats,
    fraction: Fractions,
    rho_1: Regression,
    rho_2: Regression,
    objective: Objective,
) -> Floats:
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
    """Λ t* in units that depend on L and ε alone, NaN if it is not positive, and log s_0."""
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


def _first_coefficient(depth: DepthsFromTwo, rho_1: Regression, rho_2: Regression) -> Reals:
    return (2 * depth - 1) / (2 * depth - 2) * (1 / rho_1 - 1 / rho_2)


def _require_order(rho_1: Regression, rho_2: Regression) -> None:
    excess = np.max(np.subtract(rho_1, rho_2))
    require(
        excess < 0,
        f"rho_1 must be below rho_2 (else JEPA has nothing to overturn), got {excess:g} more",
    )


def _log_maximiser(
    depth: Depths, fraction: Fractions, rho_1: Regression, rho_2: Regression
) -> tuple[Floats, ...]:
    """The peak of Φ in log ε, and the interval in which it was looked for."""
    _require_order(rho_1, rho_2)
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
    """Where `holds` turns from false to true between `lower` and `upper`, by bisection."""
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        above = holds(middle)
        lower = np.where(above, lower, middle)
        upper = np.where(above, middle, upper)
    return (lower + upper) / 2
