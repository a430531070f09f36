"""Which of two features is learned first: the covariance ratio that JEPA can overturn, and for which epsilon.

Feature 1 has the larger covariance, kappa = lambda_1 / lambda_2 > 1, feature 2 the larger regression coefficient,
rho_1 < rho_2; MAE then learns feature 1 first. JEPA learns feature 2 first iff kappa < Phi. Littwin et al. 2024 (arXiv
2407.03475) state the preference at equal lambda (as quoted by a public formalisation); the exact boundary, its windows
and its limit are derived here. Everything below assumes one predictor layer and the diagonal dynamics of `scalar`; what
misalignment does to the order is in `displacement`. Values out of range raise `ValueError`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from theory.jepa_bias._reduced_time import rising
from theory.jepa_bias._validation import (
    Floats,
    Integers,
    Objective,
    Truths,
    Values,
    Wholes,
    broadcast,
    check_objective,
    checked_depth,
    checked_features,
    checked_fraction,
    checked_positive,
    checked_regression,
)
from theory.jepa_bias.critical_time import mae_constant
from theory.jepa_bias.scalar import asymptote, exponents
from theory_on_trial.arguments.theory import validated

_HALVINGS = 50  # of intervals of at most 30 L in log epsilon
_SMALLEST_LOG_START = -30.0  # of s_0: there Phi - 1 is below 1e-12


@validated
def order_boundary(
    depth: Integers, init: Values, fraction: Values, rho_1: Values, rho_2: Values, objective: Objective = "jepa"
) -> Float[np.ndarray, "..."]:
    """Phi_L(epsilon, p; rho_1, rho_2) = lambda t*(rho_1) / (lambda t*(rho_2)): feature 2 comes first iff kappa < Phi.

    NaN where either feature starts at or above p times its asymptote. All arguments broadcast; 0 < p < 1.
    """
    log_init = np.log(checked_positive("init", init))
    return np.asarray(_boundary(depth, log_init, fraction, rho_1, rho_2, objective))


@validated
def first_order_boundary(depth: Integers, init: Values, rho_1: Values, rho_2: Values) -> Float[np.ndarray, "..."]:
    """Phi of JEPA to first order, 1 + (2L-1)/(2L-2) epsilon^(1/L) (1 / rho_1 - 1 / rho_2), for L >= 2."""
    layers = checked_depth(depth, 2)
    return np.asarray(1 + _first_coefficient(layers, rho_1, rho_2) * checked_positive("init", init) ** (1 / layers))


@validated
def boundary_maximiser(
    depth: Integers, fraction: Values, rho_1: Values, rho_2: Values
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """(epsilon, Phi) where JEPA's Phi is largest: no larger covariance ratio is ever overturned. Needs rho_1 < rho_2.

    Phi is taken to rise and then fall with epsilon, as it did wherever it was looked at.
    """
    log_init, _, _ = _log_maximiser(depth, fraction, rho_1, rho_2)
    return np.asarray(np.exp(log_init)), np.asarray(_boundary(depth, log_init, fraction, rho_1, rho_2, "jepa"))


@validated
def inversion_window(
    kappa: Values, depth: Integers, fraction: Values, rho_1: Values, rho_2: Values
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """The interval (lowest, highest) of epsilon in which JEPA overturns the covariance ratio kappa; NaN if none.

    Needs kappa > 1 (at least 1 + 1e-9, closer to one the window reaches below float64) and rho_1 < rho_2. An edge below
    the range of float64 is returned as zero.
    """
    ratio = checked_positive("kappa", kappa)
    if np.any(ratio < 1 + 1e-9):
        raise ValueError(f"kappa must be at least 1 + 1e-9 (feature 1 has the larger covariance), got {ratio.min()}")
    peak, lowest, highest = _log_maximiser(depth, fraction, rho_1, rho_2)
    ratio, peak, lowest, highest = broadcast(kappa=ratio, peak=peak, lowest=lowest, highest=highest)

    def overturned(log_init: Floats) -> Truths:
        return _boundary(depth, log_init, fraction, rho_1, rho_2, "jepa") > ratio

    exists = overturned(peak)
    lower = np.exp(_turning_point(overturned, lowest, peak))
    upper = np.exp(_turning_point(lambda log_init: ~overturned(log_init), peak, highest))
    return np.asarray(np.where(exists, lower, np.nan)), np.asarray(np.where(exists, upper, np.nan))


@validated
def init_threshold(kappa: Values, depth: Integers, rho_1: Values, rho_2: Values) -> Float[np.ndarray, "..."]:
    """First-order lower edge of the window, [(kappa - 1)(2L-2) / ((2L-1)(1/rho_1 - 1/rho_2))]^L: below it lambda wins.

    An order of magnitude unless the bracket is far below one. L >= 2, kappa > 1, rho_1 < rho_2.
    """
    ratio, layers = checked_positive("kappa", kappa), checked_depth(depth, 2)
    if np.any(ratio <= 1):
        raise ValueError(f"kappa must exceed 1 (feature 1 has the larger covariance), got {ratio.min()}")
    _check_order(rho_1, rho_2)
    return np.asarray(((ratio - 1) / _first_coefficient(layers, rho_1, rho_2)) ** layers)


@validated
def limit_order(
    covariance: Float[np.ndarray, " features"],
    regression: Float[np.ndarray, " features"],
    depth: int,
    fraction: float | int,
    *,
    objective: Objective,
) -> Int[np.ndarray, " features"]:
    """Indices of the features, first learned first, as epsilon -> 0: by decreasing lambda, for both objectives.

    Equal covariances are told apart by rho: JEPA takes the larger first; MAE takes the larger first where p exceeds
    `sign_threshold`, and the smaller first otherwise and at L = 1.
    """
    check_objective(objective)
    strength, rho = checked_features(covariance, regression)
    layers = checked_depth(depth)
    prefers_large = objective == "jepa" or (layers > 1 and float(mae_constant(fraction, depth)) > 0)
    return np.lexsort((-rho if prefers_large else rho, -strength))


@validated
def depth_cap(init: Values, fraction: Values, regression: Values, *, objective: Objective) -> Float[np.ndarray, "..."]:
    """Largest depth L at which epsilon < p w-bar(infinity); zero if there is none, infinite if there is no largest.

    With p = 1: the largest depth at which the feature grows at all; beyond it, it decays from its start. Caps exist
    for rho < 1 only: ln(p / epsilon) / ln(1 / rho) > L for JEPA, > L / (L + 1) for MAE. 0 < p <= 1.
    """
    check_objective(objective)
    start, rho = checked_positive("init", init), checked_regression(regression)
    p = checked_positive("fraction", fraction)
    if np.any(p > 1):
        raise ValueError(f"fraction must be at most 1, got {p.max()}")
    start, p, rho = broadcast(init=start, fraction=p, regression=rho)
    shrinks = rho < 1
    room = np.log(p / start) / np.where(shrinks, -np.log(rho), 1)
    reach = room if objective == "jepa" else np.where(room < 1, room / np.where(room < 1, 1 - room, 1), np.inf)
    finite = shrinks & np.isfinite(reach)
    cap = np.maximum(np.ceil(np.where(finite, reach, 1)) - 1, 0).astype(np.int64)

    def fits(depth: Wholes) -> Truths:
        return start < p * asymptote(np.asarray(depth), rho, objective=objective)

    # The logarithms may be off by a rounding where a depth is just reached.
    cap = np.where(fits(cap + 1), cap + 1, np.where((cap > 0) & ~fits(np.maximum(cap, 1)), cap - 1, cap))
    return np.asarray(np.where(finite, cap, np.inf))


@validated
def greedy_ratio_expansion(
    depth: int, init: Values, rho_high: Values, rho_low: Values, *, objective: Objective, fraction: Values
) -> Float[np.ndarray, "..."]:
    """t*(rho_low) / t*(rho_high) at equal lambda to first order in epsilon; above one: the larger rho is learned first.

    JEPA: 1 + (2L-1)/(2L-2) Delta epsilon^(1/L), Delta = 1/rho_low - 1/rho_high, and 1 + Delta epsilon log(1/epsilon) at
    L = 1. MAE: 1 + (L-1) K_L(p) (rho_low^(-q) - rho_high^(-q)) epsilon^((L-1)/L), q = (L-1)/(L+1), as long as
    epsilon^(2/L) << |K_L(p)|, and 1 - log(rho_high / rho_low) / (2 log(1 / epsilon)) at L = 1. 0 < epsilon < 1.
    """
    check_objective(objective)
    layers = int(checked_depth(depth))
    start = checked_positive("init", init)
    if np.any(start >= 1):
        raise ValueError(f"init must be below 1 (the expansion is in small epsilon), got {start.max()}")
    high, low = checked_regression(rho_high, "rho_high"), checked_regression(rho_low, "rho_low")
    if objective == "jepa":
        if layers == 1:
            return np.asarray(1 - (1 / low - 1 / high) * start * np.log(start))
        return first_order_boundary(depth, start, low, high)
    if layers == 1:
        return np.asarray(1 + np.log(high / low) / (2 * np.log(start)))
    power = (layers - 1) / (layers + 1)
    contrast = low**-power - high**-power
    return np.asarray(1 + (layers - 1) * mae_constant(fraction, depth) * contrast * start ** ((layers - 1) / layers))


@validated
def sign_threshold(depth: int) -> float:
    """p*_L in (0, 1), L >= 2: as epsilon -> 0 MAE reaches the fraction p of a larger rho earlier iff p > p*_L.

    The zero of `mae_constant`; at equal lambda. It decreases with L.
    """
    from scipy.optimize import brentq
    from scipy.special import expit

    checked_depth(depth, 2)
    logit = brentq(lambda x: float(mae_constant(float(expit(x)), depth)), -30, 30, xtol=1e-15, rtol=8.9e-16)
    return float(expit(logit))


def _boundary(
    depth: Integers,
    log_init: Floats,
    fraction: Values,
    rho_1: Values,
    rho_2: Values,
    objective: Objective,
) -> Floats:
    time_1, _ = _scaled_time(depth, log_init, fraction, checked_regression(rho_1, "rho_1"), objective)
    time_2, _ = _scaled_time(depth, log_init, fraction, checked_regression(rho_2, "rho_2"), objective)
    return time_1 / time_2


def _scaled_time(
    depth: Integers, log_init: Floats, fraction: Values, rho: np.ndarray, objective: Objective
) -> tuple[Floats, Floats]:
    """Lambda t* in units that depend on L and epsilon alone, NaN if it is not positive, and log s_0."""
    layers = checked_depth(depth)
    gradient, resistance = exponents(layers, objective=objective)
    p, log_init, layers, gradient, resistance, rho = broadcast(
        fraction=checked_fraction("fraction", fraction),
        init=log_init,
        depth=layers,
        gradient=gradient,
        resistance=resistance,
        rho=rho,
    )
    log_end = resistance / layers * np.log(p)
    log_start = resistance / layers * log_init - np.log(rho)
    starts_below = log_start < log_end
    gap = np.where(starts_below, log_end - log_start, 1)
    time = rising(gradient, resistance, log_end, np.log(-np.expm1(log_end)), gap).value
    return np.where(starts_below, time, np.nan), log_start


def _first_coefficient(layers: np.ndarray, rho_1: Values, rho_2: Values) -> Floats:
    contrast = 1 / checked_regression(rho_1, "rho_1") - 1 / checked_regression(rho_2, "rho_2")
    return np.asarray((2 * layers - 1) / (2 * layers - 2) * contrast)


def _check_order(rho_1: Values, rho_2: Values) -> None:
    low, high = checked_regression(rho_1, "rho_1"), checked_regression(rho_2, "rho_2")
    if np.any(low >= high):
        raise ValueError(f"rho_1 must be below rho_2 (else JEPA has nothing to overturn), got {rho_1} and {rho_2}")


def _log_maximiser(depth: Integers, fraction: Values, rho_1: Values, rho_2: Values) -> tuple[Floats, ...]:
    """The peak of Phi in log epsilon, and the interval in which it was looked for."""
    _check_order(rho_1, rho_2)
    layers, p, low, high = broadcast(
        depth=checked_depth(depth),
        fraction=checked_fraction("fraction", fraction),
        rho_1=checked_regression(rho_1, "rho_1"),
        rho_2=checked_regression(rho_2, "rho_2"),
    )
    highest = np.log(p) + layers * np.log(low)
    lowest = np.minimum(layers * (np.log(low) + _SMALLEST_LOG_START), highest - layers)

    def falls(log_init: Floats) -> Truths:
        # d log t* / d log epsilon = -epsilon / (velocity t*), the velocity at epsilon being proportional to 1 - s_0.
        time_1, log_start_1 = _scaled_time(layers, log_init, p, low, "jepa")
        time_2, log_start_2 = _scaled_time(layers, log_init, p, high, "jepa")
        return ~(time_1 * np.expm1(log_start_1) < time_2 * np.expm1(log_start_2))

    return _turning_point(falls, lowest, highest), lowest, highest


def _turning_point(
    holds: Callable[[Floats], Truths],
    lower: Floats,
    upper: Floats,
) -> Floats:
    """Where `holds` turns from false to true between `lower` and `upper`, by bisection."""
    for _ in range(_HALVINGS):
        middle = (lower + upper) / 2
        above = holds(middle)
        lower, upper = np.where(above, lower, middle), np.where(above, middle, upper)
    return (lower + upper) / 2
