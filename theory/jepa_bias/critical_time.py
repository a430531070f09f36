"""Critical times t*: when a feature has grown from ε to a fraction p of its asymptote, exactly and
expanded.

Theorem 4.5 of Littwin et al. 2024 (arXiv 2407.03475), as quoted by a public formalisation, gives
JEPA's power sum and the leading term of MAE; the remainders are derived here, exactly for JEPA.
Arguments as in `scalar`, with `init` = ε > 0 and `fraction` = p > 0. All broadcast.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory.jepa_bias._reduced_time import ELEMENTARY
from theory.jepa_bias.domains import (
    Clock,
    Covariance,
    Depths,
    Fractions,
    Objective,
    Positives,
    Regression,
    Wholes,
)
from theory.jepa_bias.implicit_time import Passage, Timed, flow_time
from theory.jepa_bias.scalar import clock_factor, exponents
from theory_on_trial.contract import Interval, guarded

SummedDepths = Annotated[
    Int[np.ndarray, "*#batch"] | int, Interval(1, 10**6, why="the sum has two terms for each layer")
]


@guarded
def critical_time(
    fraction: Positives,
    init: Positives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """t* with w-bar(t*) = p w-bar(infinity); proportional to 1 / λ exactly.

    Zero where the start is already there, otherwise infinite at p >= 1 and where the time exceeds
    float64.

    >>> critical_time(0.5, 0.01, 2, [1.0, 0.5], 0.5, objective="jepa",
    ...     clock="flow").round(2).tolist()
    [464.62, 929.24]
    """
    return np.asarray(_timed(fraction, init, depth, covariance, regression, objective, clock).time)


@guarded
def critical_time_error_bound(
    fraction: Positives,
    init: Positives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """Bound on the rounding error of `critical_time` at these very float64 arguments; see
    `time_error_bound`.
    """
    return np.asarray(_timed(fraction, init, depth, covariance, regression, objective, clock).error)


@guarded
def jepa_remainder(
    fraction: Fractions,
    init: Positives,
    depth: SummedDepths,
    covariance: Covariance,
    regression: Regression,
    *,
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """t*_JEPA minus theorem 4.5's sum over n = 1, ..., 2L - 1 of L / (n λ ρ^(2L-n-1) ε^(n/L)),
    exactly.

    (L / (λ ρ^(2L-1))) [log(s / (1 - s)) - sum_(n<2L) s^(-n) / n - log(s_0 / (1 - s_0))] on the
    paper's clock with s = p^(1/L), s_0 = ε^(1/L) / ρ. NaN where the start is above the asymptote.
    """
    p, start, layers, strength, rho = np.broadcast_arrays(
        fraction, init, depth, covariance, regression
    )
    log_end = np.log(p) / layers
    log_start = np.log(start) / layers - np.log(rho)
    log_start = np.where(log_start < 0, log_start, np.nan)
    bracket = log_end - np.log(-np.expm1(log_end)) - log_start + np.log(-np.expm1(log_start))
    for n in range(1, 2 * int(layers.max())):
        bracket = bracket - np.where(n < 2 * layers, np.exp(-n * log_end) / n, 0)
    return np.asarray(clock_factor(clock, depth) * bracket / (strength * rho ** (2 * layers - 1)))


@guarded
def mae_leading_time(
    init: Positives, depth: Depths, covariance: Covariance, *, clock: Clock
) -> Float[np.ndarray, "..."]:
    """Leading term of t*_MAE as ε -> 0, paper's clock: L ε^(-(L-1)/L) / ((L-1) λ), log(1/ε) / λ at
    L = 1.
    """
    start, layers = np.broadcast_arrays(init, depth)
    power = (layers - 1) / layers
    growth = np.where(layers > 1, start**-power / np.where(layers > 1, power, 1), -np.log(start))
    return np.asarray(growth * clock_factor(clock, depth) / (depth * covariance))


@guarded
def mae_constant(fraction: Fractions, depth: Depths) -> Float[np.ndarray, "..."]:
    """K_L(p) of t*_MAE = leading + (L / λ) ρ^(-(L-1)/(L+1)) K_L(p) + O(ε^(2/L)), L >= 2, paper's
    clock.

    K_L(p) = -u^(1-L) / (L - 1) + (u^2 / 2) 2F1(1, 2/(L+1); 1 + 2/(L+1); u^(L+1)) at u = p^(1/L). At
    L = 1 it is log p - log(1 - p^2) / 2, to which log(ρ) / 2 is to be added. Increases with p; zero
    at `sign_threshold`.
    """
    from scipy.special import hyp2f1

    p, layers = np.broadcast_arrays(fraction, depth)
    deep = layers > 1
    u = p ** (1 / layers)
    power = 2 / (layers + 1)
    rise = u**2 / 2 * hyp2f1(1, power, 1 + power, np.where(deep, u ** (layers + 1), 0))
    shallow = np.log(p) - np.log1p(-(p**2)) / 2
    return np.asarray(
        np.where(deep, rise - u ** (1 - layers) / np.where(deep, layers - 1, 1), shallow)
    )


@guarded
def mae_next_term(
    init: Positives, depth: Depths, covariance: Covariance, regression: Regression, *, clock: Clock
) -> Float[np.ndarray, "..."]:
    """The term -L ε^(2/L) / (2 λ ρ) of t*_MAE after the constant, on the paper's clock.

    What follows is smaller by 2 ε^((L+1)/L) / ((L + 3) ρ).
    """
    return np.asarray(
        -clock_factor(clock, depth) * init ** (2 / depth) / (2 * covariance * regression)
    )


def _timed(
    fraction: Positives,
    init: Positives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    objective: Objective,
    clock: Clock,
) -> Timed:
    flow = passage_time(
        fraction, init, depth, *exponents(depth, objective=objective), covariance, regression
    )
    factor = clock_factor(clock, depth)
    return Timed(flow.time * factor, flow.error * factor)


def passage_time(
    fraction: Positives,
    init: Positives,
    depth: Depths,
    gradient: Wholes,
    resistance: Wholes,
    covariance: Covariance,
    regression: Regression,
) -> Timed:
    """Time of the flow w' = w^a (λ - w^b σ^2), a = `gradient` and b = `resistance`, in which w^L
    grows from ε to p times its asymptote ρ^(L/b); flow clock.
    """
    p, start, layers, gradient, resistance, strength, rho = np.broadcast_arrays(
        fraction, init, depth, gradient, resistance, covariance, regression
    )
    power = resistance / layers
    log_end = power * np.log(p)
    log_start = power * np.log(start) - np.log(rho)
    log_start = np.where(
        log_start >= np.minimum(log_end, 0), log_end, log_start
    )  # already there: no passage
    gap = log_end - log_start
    end_error = 2 * ELEMENTARY * np.abs(log_end)
    gap_error = end_error + 2 * ELEMENTARY * (np.abs(power * np.log(start)) + np.abs(np.log(rho)))
    return flow_time(
        Passage(log_start, log_end, gap, end_error, gap_error),
        start,
        layers,
        gradient,
        resistance,
        strength,
    )
