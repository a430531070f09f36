"""The scalar dynamics of one feature in an aligned, balanced deep linear network, and the time at
which the feature is learned.

Littwin et al. 2024 (arXiv 2407.03475), as quoted by a public formalisation: equations (7) and (8),
the partial-fraction form of JEPA's time (theorem 4.4), and JEPA's power sum and the leading term of
MAE (theorem 4.5). The common form of both objectives, the decay from above and the remainders are
derived here.

`strength` is w-bar, the singular value of the encoder W_L ... W_1 on the feature, and w =
w-bar^(1/L) is that of each layer. `covariance` is λ, `regression` is ρ = λ / σ^2, `depth` is the
encoder's L, `init` is ε = w-bar(0) > 0, and `fraction` is p > 0. The predictor (JEPA) or decoder
(MAE) has one layer. All arguments broadcast. Times are those of the gradient flow. The paper's time
is t_paper = L t.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory.jepa_bias._reduced_time import falling, rising
from theory.jepa_bias.domains import (
    Covariance,
    Depths,
    Floats,
    Fractions,
    NonNegatives,
    Objective,
    Positives,
    Regression,
    Times,
    Wholes,
)
from theory_on_trial.contract import Interval, guarded

SummedDepths = Annotated[
    Int[np.ndarray, "*#batch"] | int, Interval(1, 10**6, why="the sum has two terms for each layer")
]

_UNIT_ROUNDOFF = 2.0**-53
_SETTLED = 40.0  # a logit from which on s is one in float64
_MOST_NEWTON_STEPS = (
    4000  # while time accelerates a step gains an e-fold of it, of which float64 has 1400
)


@guarded
def exponents(
    depth: Depths, *, objective: Objective
) -> tuple[Int[np.ndarray, "..."], Int[np.ndarray, "..."]]:
    """Return the exponents (a, b) of the flow w' = w^a (λ - w^b σ^2) of each layer.

    They are (2L, 1) for JEPA and (L, L + 1) for MAE, and follow from the gradients.
    """
    layers = np.asarray(depth)
    if objective == "jepa":
        return np.asarray(2 * layers), np.ones_like(layers)
    return layers, np.asarray(layers + 1)


@guarded
def layer_velocity(
    weight: NonNegatives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
) -> Float[np.ndarray, "..."]:
    """Return the speed dw/dt of a layer's strength w = `weight`.

    It is w^(2L) (λ - w σ^2) for JEPA and w^L (λ - w^(L+1) σ^2) for MAE.
    """
    gradient, resistance = exponents(depth, objective=objective)
    return np.asarray(covariance * weight**gradient * (1 - weight**resistance / regression))


@guarded
def velocity(
    strength: NonNegatives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
) -> Float[np.ndarray, "..."]:
    """Return the rate at which w-bar = `strength` changes, which is L times the right-hand sides of
    equations (7) and (8).

    These right-hand sides are λ w-bar^(3 - 1/L) - (λ / ρ) w-bar^3 for JEPA and λ w-bar^(2 - 1/L) -
    (λ / ρ) w-bar^3 for MAE.
    """
    weight = strength ** (1 / depth)
    rate = layer_velocity(weight, depth, covariance, regression, objective=objective)
    return np.asarray(depth * weight ** (depth - 1) * rate)


@guarded
def asymptote(
    depth: Depths, regression: Regression, *, objective: Objective
) -> Float[np.ndarray, "..."]:
    """Return w-bar(infinity), the strength at which the feature ends for every λ.

    It is ρ^(L/b): ρ^L for JEPA and ρ^(L/(L+1)) for MAE, where b is that of `exponents`. The
    strength of predictor times encoder on the feature, w-bar^((L+1)/L), ends at ρ^(L+1) and ρ.
    """
    _, resistance = exponents(depth, objective=objective)
    return np.asarray(regression ** (depth / resistance))


@guarded
def time_to_reach(
    strength: Positives,
    init: Positives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
) -> Float[np.ndarray, "..."]:
    """Return the time in which the feature moves from w-bar(0) = `init` to w-bar = `strength`,
    growing below the asymptote or decaying above it.

    The time is zero if both are equal. It is infinite if the strength lies behind the start, at the
    asymptote or beyond it, or if the time exceeds float64. Raises ValueError if the depth asks for
    more than 10^6 terms.
    """
    gradient, resistance = exponents(depth, objective=objective)
    limit = asymptote(depth, regression, objective=objective)
    end, start, layers, gradient, resistance, limit, feature, rho = np.broadcast_arrays(
        strength, init, depth, gradient, resistance, limit, covariance, regression
    )
    power = resistance / layers
    log_end = np.where(end == limit, 0, power * np.log(end) - np.log(rho))
    log_start = np.where(start == limit, 0, power * np.log(start) - np.log(rho))
    log_start = np.where(start == end, log_end, log_start)
    near = np.abs(end - start) < start / 2
    log_ratio = np.where(
        near, np.log1p(np.where(near, (end - start) / start, 0)), np.log(end / start)
    )
    gap = power * np.abs(log_ratio)
    weakest = np.minimum(start, end)
    return _flow_time(log_start, log_end, gap, weakest, layers, gradient, resistance, feature)


@guarded
def critical_time(
    fraction: Positives,
    init: Positives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
) -> Float[np.ndarray, "..."]:
    """Return the time t* at which w-bar reaches p times its asymptote w-bar(infinity); it is
    exactly proportional to 1 / λ.

    The time is zero if the start is at or above min(p, 1) times the asymptote. Otherwise it is
    infinite if p >= 1 or if it exceeds float64. Raises ValueError if the depth asks for more than
    10^6 terms.

    >>> critical_time(0.5, 0.01, 2, [1.0, 0.5], 0.5, objective="jepa").round(2).tolist()
    [464.62, 929.24]
    """
    gradient, resistance = exponents(depth, objective=objective)
    return passage_time(fraction, init, depth, gradient, resistance, covariance, regression)


@guarded
def passage_time(
    fraction: Positives,
    init: Positives,
    depth: Depths,
    gradient: Depths,
    resistance: Depths,
    covariance: Covariance,
    regression: Regression,
) -> Float[np.ndarray, "..."]:
    """Return the time in which w^L grows from ε to p times its asymptote ρ^(L/b) under the flow w'
    = w^a (λ - w^b σ^2).

    Here a = `gradient` and b = `resistance`. It is zero and infinite as `critical_time` is, and
    raises ValueError as it does.
    """
    p, start, layers, gradient, resistance, strength, rho = np.broadcast_arrays(
        fraction, init, depth, gradient, resistance, covariance, regression
    )
    power = resistance / layers
    log_end = power * np.log(p)
    log_start = power * np.log(start) - np.log(rho)
    already_there = log_start >= np.minimum(log_end, 0)
    log_start = np.where(already_there, log_end, log_start)
    gap = log_end - log_start
    return _flow_time(log_start, log_end, gap, start, layers, gradient, resistance, strength)


@guarded
def strength_at(
    time: Times,
    init: Positives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
) -> Float[np.ndarray, "..."]:
    """Return w-bar(t) from w-bar(0) = `init` at t = `time`, the inverse of `time_to_reach`.

    It is the asymptote at infinite time. Newton's method finds it from below. Below the asymptote
    it works in the logit of s = (w-bar / w-bar(infinity))^(b/L), with the b of `exponents`, in
    which the time is concave. Above the asymptote it works in the logit of 1 / s, in which the
    logarithm of the time is concave. Raises ValueError if the depth asks for more than 10^6 terms.

    >>> path = strength_at([0.0, 300.0, np.inf], 0.01, 2, 1.0, 0.5, objective="jepa")
    >>> path.round(4).tolist()
    [0.01, 0.0217, 0.25]
    """
    gradient, resistance = exponents(depth, objective=objective)
    limit = asymptote(depth, regression, objective=objective)
    times, start, layers, gradient, resistance, limit, strength, rho = np.broadcast_arrays(
        time, init, depth, gradient, resistance, limit, covariance, regression
    )
    log_start = resistance / layers * np.log(start) - np.log(rho)
    moves = (start != limit) & (log_start != 0) & (times > 0)
    grows = moves & (log_start < 0)
    result = np.where(moves, limit, start)
    for moving, rises in ((grows, True), (moves & ~grows, False)):
        with np.errstate(over="ignore"):
            anchor = (start if rises else limit) ** ((gradient - 1) / layers)
            target = np.where(moving, times * resistance * strength * anchor, 1)
        moving = moving & np.isfinite(target)
        if not np.any(moving):
            continue
        climb, log_end = _invert(
            np.where(moving, target, 1),
            np.where(moving, -np.abs(log_start), -1),
            gradient,
            resistance,
            rises=rises,
        )
        sign = 1 if rises else -1
        near_start = start * np.exp(sign * layers / resistance * climb)
        near_limit = limit * np.exp(sign * layers / resistance * log_end)
        result = np.where(moving, np.where(log_end < -1, near_start, near_limit), result)
    return np.asarray(result)


@guarded
def jepa_remainder(
    fraction: Fractions,
    init: Positives,
    depth: SummedDepths,
    covariance: Covariance,
    regression: Regression,
) -> Float[np.ndarray, "..."]:
    """Return the exact difference between t*_JEPA and the sum of theorem 4.5, which runs over n =
    1, ..., 2L - 1 of 1 / (n λ ρ^(2L-n-1) ε^(n/L)).

    It is (1 / (λ ρ^(2L-1))) [log(s / (1 - s)) - sum_(n<2L) s^(-n) / n - log(s_0 / (1 - s_0))] with
    s = p^(1/L) and s_0 = ε^(1/L) / ρ. The result is NaN if the start is at or above the asymptote.
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
    return np.asarray(bracket / (strength * rho ** (2 * layers - 1)))


@guarded
def mae_leading_time(
    init: Positives, depth: Depths, covariance: Covariance
) -> Float[np.ndarray, "..."]:
    """Return the leading term of t*_MAE as ε tends to 0: ε^(-(L-1)/L) / ((L-1) λ), or log(1/ε) / λ
    at L = 1.
    """
    start, layers = np.broadcast_arrays(init, depth)
    power = (layers - 1) / layers
    growth = np.where(layers > 1, start**-power / np.where(layers > 1, power, 1), -np.log(start))
    return np.asarray(growth / (depth * covariance))


@guarded
def mae_constant(fraction: Fractions, depth: Depths) -> Float[np.ndarray, "..."]:
    """Return the constant K_L(p) in t*_MAE = leading term + ρ^(-(L-1)/(L+1)) K_L(p) / λ +
    O(ε^(2/L)) for L >= 2.

    K_L(p) = -u^(1-L) / (L - 1) + (u^2 / 2) 2F1(1, 2/(L+1); 1 + 2/(L+1); u^(L+1)) with u = p^(1/L),
    where 2F1 is the hypergeometric function. At L = 1 the result is log p - log(1 - p^2) / 2, and
    the constant is this plus log(ρ) / 2. It grows with p.
    """
    from scipy.special import binom, digamma, hyp2f1

    p, layers = np.broadcast_arrays(fraction, depth)
    deep = layers > 1
    u = p ** (1 / layers)
    power = 2 / (layers + 1)
    rest = -np.expm1(np.log(p) * (layers + 1) / layers)
    near = rest < 1e-4  # beside 1 the hypergeometric series lacks digits: expand it there
    series = hyp2f1(1, power, 1 + power, np.where(deep & ~near, 1 - rest, 0))
    expanded = sum(
        power
        * binom(power + n - 1, n)
        * (digamma(n + 1) - digamma(power + n) - np.log(rest))
        * rest**n
        for n in range(5)
    )
    rise = u**2 / 2 * np.where(near, expanded, series)
    shallow = np.log(p) - np.log1p(-(p**2)) / 2
    return np.asarray(
        np.where(deep, rise - u ** (1 - layers) / np.where(deep, layers - 1, 1), shallow)
    )


@guarded
def mae_next_term(
    init: Positives, depth: Depths, covariance: Covariance, regression: Regression
) -> Float[np.ndarray, "..."]:
    """Return the term -ε^(2/L) / (2 λ ρ) of t*_MAE that follows the constant.

    The term after it is smaller by the factor 2 ε^((L+1)/L) / ((L + 3) ρ).
    """
    return np.asarray(-(init ** (2 / depth)) / (2 * covariance * regression))


def _flow_time(
    log_start: Floats,
    log_end: Floats,
    gap: Floats,
    weakest: Floats,
    depth: Wholes,
    gradient: Wholes,
    resistance: Wholes,
    covariance: Floats,
) -> Float[np.ndarray, "..."]:
    """Return the time of a passage in log s, where s = (w-bar / w-bar(infinity))^(b/L); it is
    infinite if the passage never happens.

    For log s below zero the feature grows, above it decays. `gap` is |log_end - log_start|, and
    `weakest` is the lowest w-bar of the passage.
    """
    time = np.where(log_start == log_end, 0, np.inf)
    grows = (log_start < log_end) & (log_end < 0)
    decays = (log_start > log_end) & (log_end > 0)
    for moves, integral in ((grows, rising), (decays, falling)):
        if not np.any(moves):
            continue
        end = np.where(moves, -np.abs(log_end), -1)
        rest = np.log(-np.expm1(end))
        total = integral(gradient, resistance, end, rest, np.where(moves, gap, 1))
        with np.errstate(over="ignore"):
            scale = weakest ** (-(gradient - 1) / depth) / (resistance * covariance)
            time = np.where(moves, scale * total, time)
    return np.asarray(time)


def _invert(
    target: Floats, log_start: Floats, gradient: Wholes, resistance: Wholes, *, rises: bool
) -> tuple[Floats, Floats]:
    """Return |log s - log s_0| and -|log s| at which the reduced time is `target` > 0, for -|log
    s_0| = `log_start` < 0.
    """
    power = (gradient - 1) / resistance
    log_start_rest = np.log(-np.expm1(log_start))
    logit_start = log_start - log_start_rest
    cap = _SETTLED - logit_start
    # Above the asymptote time passes slower than logits, so that the target itself lies below the
    # solution.
    advance = np.zeros(target.shape) if rises else np.minimum(target, cap)
    active = np.ones(target.shape, dtype=bool)
    for _ in range(_MOST_NEWTON_STEPS):
        small = -np.log1p(np.exp(log_start_rest) * np.expm1(-np.minimum(advance, 0.5)))
        gap = np.where(advance < 0.5, small, -np.logaddexp(log_start, log_start_rest - advance))
        log_end = -np.logaddexp(0, -(logit_start + advance))
        log_rest = -np.logaddexp(0, logit_start + advance)
        if rises:
            deficit = target - rising(gradient, resistance, log_end, log_rest, gap)
            step = deficit * np.exp(power * gap)
        else:
            value = falling(gradient, resistance, log_end, log_rest, gap)
            deficit = np.log(target) - np.log(value) - power * log_end
            step = deficit * value * np.exp(-log_end)
        active = active & (step > 4 * _UNIT_ROUNDOFF * advance) & (deficit > 0) & (advance < cap)
        if not np.any(active):
            return gap, log_end
        advance = np.where(active, np.minimum(advance + step, cap), advance)
    raise RuntimeError("strength_at did not converge: this is a defect, not bad input")
