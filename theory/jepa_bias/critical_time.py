"""Critical times t*: when a feature has grown from epsilon to a fraction p of its asymptote, exactly and expanded.

Theorem 4.5 of Littwin et al. 2024 (arXiv 2407.03475), as quoted by a public formalisation, gives JEPA's power sum and
the leading term of MAE; the remainders are derived here, exactly for JEPA. Arguments as in `scalar`, with `init` =
epsilon > 0 and `fraction` = p > 0. All broadcast. Values out of range raise `ValueError`.
"""

import numpy as np
from jaxtyping import Float

from theory.jepa_bias._reduced_time import ELEMENTARY
from theory.jepa_bias._validation import (
    Clock,
    Integers,
    Objective,
    Values,
    broadcast,
    checked_covariance,
    checked_depth,
    checked_fraction,
    checked_positive,
    checked_regression,
    clock_factor,
)
from theory.jepa_bias.implicit_time import Passage, Timed, flow_time
from theory.jepa_bias.scalar import exponents
from theory_on_trial.arguments.theory import validated

_DEEPEST_SUM = 10**6


@validated
def critical_time(
    fraction: Values,
    init: Values,
    depth: Integers,
    covariance: Values,
    regression: Values,
    *,
    objective: Objective,
    clock: Clock,
    predictor_depth: Integers = 1,
) -> Float[np.ndarray, "..."]:
    """t* with w-bar(t*) = p w-bar(infinity); proportional to 1 / lambda exactly.

    Zero where the start is already there (`depth_cap` says from which depth on), otherwise infinite at p >= 1 and where
    the time exceeds float64.
    """
    return np.asarray(_timed(fraction, init, depth, covariance, regression, objective, clock, predictor_depth).time)


@validated
def critical_time_error_bound(
    fraction: Values,
    init: Values,
    depth: Integers,
    covariance: Values,
    regression: Values,
    *,
    objective: Objective,
    clock: Clock,
    predictor_depth: Integers = 1,
) -> Float[np.ndarray, "..."]:
    """Bound on the rounding error of `critical_time` at these very float64 arguments; see `time_error_bound`."""
    return np.asarray(_timed(fraction, init, depth, covariance, regression, objective, clock, predictor_depth).error)


@validated
def jepa_power_sum(
    init: Values, depth: Integers, covariance: Values, regression: Values, *, clock: Clock
) -> Float[np.ndarray, "..."]:
    """Theorem 4.5's sum over n = 1, ..., 2L - 1 of L / (n lambda rho^(2L-n-1) epsilon^(n/L)), on the paper's clock.

    Its largest term for small epsilon is n = 2L - 1, without rho; the next carries the first trace of rho.
    """
    layers = checked_depth(depth)
    factor = clock_factor(clock, layers)
    start, layers, strength, rho = _broadcast(init, layers, covariance, regression)
    total = np.zeros(start.shape)
    for n in range(1, 2 * _deepest(layers)):
        log_term = -(2 * layers - n - 1) * np.log(rho) - n / layers * np.log(start)
        total = total + np.exp(np.where(n < 2 * layers, log_term, -np.inf)) / n
    return np.asarray(factor * total / strength)


@validated
def jepa_remainder(
    fraction: Values, init: Values, depth: Integers, covariance: Values, regression: Values, *, clock: Clock
) -> Float[np.ndarray, "..."]:
    """t*_JEPA minus `jepa_power_sum`, exactly and without forming either: log(1 / epsilon) + O(1) in magnitude.

    (L / (lambda rho^(2L-1))) [log(s / (1 - s)) - sum_(n<2L) s^(-n) / n - log(s_0 / (1 - s_0))] on the paper's clock
    with s = p^(1/L), s_0 = epsilon^(1/L) / rho, for 0 < p < 1. NaN where the start is above the asymptote.
    """
    layers = checked_depth(depth)
    factor = clock_factor(clock, layers)
    start, layers, strength, rho = _broadcast(init, layers, covariance, regression)
    log_end = np.log(checked_fraction("fraction", fraction)) / layers
    log_start = np.log(start) / layers - np.log(rho)
    log_start = np.where(log_start < 0, log_start, np.nan)
    bracket = log_end - np.log(-np.expm1(log_end)) - log_start + np.log(-np.expm1(log_start))
    for n in range(1, 2 * _deepest(layers)):
        bracket = bracket - np.where(n < 2 * layers, np.exp(-n * log_end) / n, 0)
    return np.asarray(factor * bracket / (strength * rho ** (2 * layers - 1)))


@validated
def mae_leading_time(init: Values, depth: Integers, covariance: Values, *, clock: Clock) -> Float[np.ndarray, "..."]:
    """Leading term of t*_MAE as epsilon -> 0: L epsilon^(-(L-1)/L) / ((L-1) lambda), log(1/epsilon) / lambda at L = 1.

    On the paper's clock; without rho.
    """
    layers = checked_depth(depth)
    factor = clock_factor(clock, layers)
    start, layers, strength, _ = _broadcast(init, layers, covariance, 1.0)
    power = (layers - 1) / layers
    growth = np.where(layers > 1, start**-power / np.where(layers > 1, power, 1), -np.log(start))
    return np.asarray(growth * factor / (layers * strength))


@validated
def mae_constant(fraction: Values, depth: Integers) -> Float[np.ndarray, "..."]:
    """K_L(p) of t*_MAE = leading + (L / lambda) rho^(-(L-1)/(L+1)) K_L(p) + O(epsilon^(2/L)), L >= 2, paper's clock.

    K_L(p) = -u^(1-L) / (L - 1) + (u^2 / 2) 2F1(1, 2/(L+1); 1 + 2/(L+1); u^(L+1)) at u = p^(1/L), 0 < p < 1. At L = 1
    it is log p - log(1 - p^2) / 2, to which log(rho) / 2 is to be added. Increases with p; zero at `sign_threshold`.
    """
    from scipy.special import hyp2f1

    layers = checked_depth(depth)
    p, layers = broadcast(fraction=checked_fraction("fraction", fraction), depth=layers)
    deep = layers > 1
    u = p ** (1 / layers)
    power = 2 / (layers + 1)
    rise = u**2 / 2 * hyp2f1(1, power, 1 + power, np.where(deep, u ** (layers + 1), 0))
    shallow = np.log(p) - np.log1p(-(p**2)) / 2
    return np.asarray(np.where(deep, rise - u ** (1 - layers) / np.where(deep, layers - 1, 1), shallow))


@validated
def mae_next_term(
    init: Values, depth: Integers, covariance: Values, regression: Values, *, clock: Clock
) -> Float[np.ndarray, "..."]:
    """The term -L epsilon^(2/L) / (2 lambda rho) of t*_MAE after the constant, on the paper's clock.

    What follows is smaller by 2 epsilon^((L+1)/L) / ((L + 3) rho).
    """
    layers = checked_depth(depth)
    factor = clock_factor(clock, layers)
    start, layers, strength, rho = _broadcast(init, layers, covariance, regression)
    return np.asarray(-factor * start ** (2 / layers) / (2 * strength * rho))


def _deepest(layers: np.ndarray) -> int:
    """The largest depth; raises where so many terms would take forever."""
    deepest = int(layers.max(initial=1))
    if deepest > _DEEPEST_SUM:
        raise ValueError(f"depth must be at most {_DEEPEST_SUM} for the sum over it, got {deepest}")
    return deepest


def _broadcast(init: Values, layers: np.ndarray, covariance: Values, regression: Values) -> tuple[np.ndarray, ...]:
    return broadcast(
        init=checked_positive("init", init),
        depth=layers,
        covariance=checked_covariance(covariance),
        regression=checked_regression(regression),
    )


def _timed(
    fraction: Values,
    init: Values,
    depth: Integers,
    covariance: Values,
    regression: Values,
    objective: Objective,
    clock: Clock,
    predictor_depth: Integers,
) -> Timed:
    layers = checked_depth(depth)
    gradient, resistance = exponents(layers, objective=objective, predictor_depth=predictor_depth)
    p, start, layers, gradient, resistance, strength, rho = broadcast(
        fraction=checked_positive("fraction", fraction),
        init=checked_positive("init", init),
        depth=layers,
        gradient=gradient,
        resistance=resistance,
        covariance=checked_covariance(covariance),
        regression=checked_regression(regression),
    )
    power = resistance / layers
    log_end = power * np.log(p)
    log_start = power * np.log(start) - np.log(rho)
    log_start = np.where(log_start >= np.minimum(log_end, 0), log_end, log_start)  # already there: no passage
    gap = log_end - log_start
    end_error = 2 * ELEMENTARY * np.abs(log_end)
    gap_error = end_error + 2 * ELEMENTARY * (np.abs(power * np.log(start)) + np.abs(np.log(rho)))
    flow = flow_time(
        Passage(log_start, log_end, gap, end_error, gap_error), start, layers, gradient, resistance, strength
    )
    factor = clock_factor(clock, layers)
    return Timed(flow.time * factor, flow.error * factor)
