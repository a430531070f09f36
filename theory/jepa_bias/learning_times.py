"""The scalar dynamics to which one feature of an aligned, balanced deep linear network reduces.

Littwin et al. 2024 (arXiv 2407.03475), equations (7) and (8) as quoted by a public formalisation;
derived here, with the exponents. `strength` is w-bar, the singular value of the encoder W_L ... W_1
on the feature, and w = w-bar^(1/L) that of each layer; `covariance` is λ, `regression` ρ = λ / σ^2
and `depth` the encoder's L; the predictor (JEPA) or decoder (MAE) has one layer. All arguments
broadcast. On the "flow" clock time is that of the gradient flow; the "paper" clock runs L times
faster, t_paper = L t_flow.

When a feature reaches a given strength, exactly, and how strong it is at a given time.

Theorem 4.4 of Littwin et al. 2024 (arXiv 2407.03475), as quoted by a public formalisation, is the
partial-fraction form for JEPA; the common form of both objectives (a hypergeometric function for
MAE), the decay from above and the bound on rounding are derived here. Arguments as in `scalar`, and
`init` is ε = w-bar(0) > 0. All broadcast, and results are arrays of the common shape.

Critical times t*: when a feature has grown from ε to a fraction p of its asymptote, exactly and
expanded.

Theorem 4.5 of Littwin et al. 2024 (arXiv 2407.03475), as quoted by a public formalisation, gives
JEPA's power sum and the leading term of MAE; the remainders are derived here, exactly for JEPA.
Arguments as in `scalar`, with `init` = ε > 0 and `fraction` = p > 0. All broadcast.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from theory.jepa_bias._reduced_time import ELEMENTARY, ROUNDINGS, falling, rising
from theory.jepa_bias.domains import (
    Clock,
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


@guarded
def exponents(
    depth: Depths, *, objective: Objective
) -> tuple[Int[np.ndarray, "..."], Int[np.ndarray, "..."]]:
    """(a, b) of the per-layer flow w' = w^a (λ - w^b σ^2): (2L, 1) for JEPA, (L, L + 1) for MAE, by
    the gradients.
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
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """w^(2L) (λ - w σ^2) for JEPA, w^L (λ - w^(L+1) σ^2) for MAE, dw/dt on the flow clock; over L
    on the paper's.
    """
    gradient, resistance = exponents(depth, objective=objective)
    rate = covariance * weight**gradient * (1 - weight**resistance / regression)
    return np.asarray(rate / clock_factor(clock, depth))


@guarded
def velocity(
    strength: NonNegatives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """Rate of change of w-bar = `strength`: equations (7) and (8) on the paper clock, L times them
    on the flow's.

    JEPA: λ w-bar^(3 - 1/L) - (λ / ρ) w-bar^3; MAE: λ w-bar^(2 - 1/L) - (λ / ρ) w-bar^3.
    """
    weight = strength ** (1 / depth)
    rate = layer_velocity(weight, depth, covariance, regression, objective=objective, clock=clock)
    return np.asarray(depth * weight ** (depth - 1) * rate)


@guarded
def asymptote(
    depth: Depths, regression: Regression, *, objective: Objective
) -> Float[np.ndarray, "..."]:
    """w-bar(infinity) = ρ^(L/b): ρ^L for JEPA, ρ^(L/(L+1)) for MAE; the same for every λ."""
    _, resistance = exponents(depth, objective=objective)
    return np.asarray(regression ** (depth / resistance))


@guarded
def end_to_end_asymptote(
    depth: Depths, regression: Regression, *, objective: Objective
) -> Float[np.ndarray, "..."]:
    """Limit ρ^((L+1)/b) of the end-to-end map V W-bar on the feature: ρ^(L+1) for JEPA, ρ for
    MAE.
    """
    _, resistance = exponents(depth, objective=objective)
    return np.asarray(regression ** ((depth + 1) / resistance))


def clock_factor(clock: Clock, depth: Depths) -> Depths:
    """What a time of the gradient flow is multiplied by: the depth L on the paper's clock, one on
    the flow's.
    """
    return depth if clock == "paper" else 1


UNIT_ROUNDOFF = 2.0**-53
_SETTLED = 40.0  # a logit from which on s is one in float64
_MOST_NEWTON_STEPS = (
    4000  # while time accelerates a step gains an e-fold of it, of which float64 has 1400
)


class Passage(NamedTuple):
    """A stretch of a trajectory in log s, s = (w-bar / w-bar(infinity))^(b/L); below zero the
    feature grows.
    """

    log_start: Floats
    log_end: Floats
    gap: Floats
    """|log_end - log_start|, without cancellation where the caller could avoid it."""
    end_error: Floats
    """Bound on the error of `log_end`, in units of 2^-53."""
    gap_error: Floats
    """Bound on the error of `gap`, in units of 2^-53."""


class Timed(NamedTuple):
    """Times and the bounds on their rounding errors."""

    time: Floats
    error: Floats


def flow_time(
    passage: Passage,
    weakest: Floats,
    depth: Wholes,
    gradient: Wholes,
    resistance: Wholes,
    covariance: Floats,
) -> Timed:
    """Time of a passage on the flow clock, infinite if it never happens; `weakest` is the lowest
    w-bar in it.
    """
    at_end = passage.log_start == passage.log_end
    value = np.where(at_end, 0, np.inf)
    error = np.where(at_end, 0, np.inf)
    grows = (passage.log_start < passage.log_end) & (passage.log_end < 0)
    decays = (passage.log_start > passage.log_end) & (passage.log_end > 0)
    log_scale = -(gradient - 1) / depth * np.log(weakest)
    for moves, integral in ((grows, rising), (decays, falling)):
        if not np.any(moves):
            continue
        gap = np.where(moves, passage.gap, 1)
        log_end = np.where(moves, -np.abs(passage.log_end), -1)
        distance = -np.expm1(log_end)
        total = integral(gradient, resistance, log_end, np.log(distance), gap)
        # The derivatives of the integral in log s and in the gap, at most.
        input_error = total.value * passage.end_error
        input_error = (
            input_error + np.exp(-(gradient - 1) / resistance * gap) * passage.gap_error
        ) / distance
        bound = total.error + input_error + total.value * ROUNDINGS * (1 + np.abs(log_scale))
        # The derivatives change by at most 8/7 while the end moves by an eighth of its distance
        # from the asymptote.
        is_known = (passage.end_error + passage.gap_error) * UNIT_ROUNDOFF < distance / 8
        with np.errstate(over="ignore"):
            scale = weakest ** (-(gradient - 1) / depth) / (resistance * covariance)
            value = np.where(moves, scale * total.value, value)
            error = np.where(
                moves, np.where(is_known, 8 / 7 * UNIT_ROUNDOFF * scale * bound, np.inf), error
            )
    return Timed(value, error)


@guarded
def time_to_reach(
    strength: Positives,
    init: Positives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """Time t(w-bar) from w-bar(0) = `init` to w-bar = `strength`, growing below the asymptote or
    decaying above it.

    Zero at the start; infinite for a strength behind it, at or beyond the asymptote, and beyond
    float64.
    """
    return np.asarray(_timed(strength, init, depth, covariance, regression, objective, clock).time)


@guarded
def time_error_bound(
    strength: Positives,
    init: Positives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """Bound on |`time_to_reach` - exact time for these very float64 arguments|, from the roundings
    it makes.

    Infinite where rounding may put the target beyond the asymptote, or the time is infinite.
    """
    return np.asarray(_timed(strength, init, depth, covariance, regression, objective, clock).error)


@guarded
def strength_at(
    time: Times,
    init: Positives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[np.ndarray, "..."]:
    """w-bar(t) from w-bar(0) = `init` at `time`, the inverse of `time_to_reach`; the asymptote at
    infinity.

    By Newton's method from below, in the logit x of s (of 1 / s above the asymptote), in which the
    time is concave, and its logarithm above the asymptote.

    >>> path = strength_at([0.0, 300.0, np.inf], 0.01, 2, 1.0, 0.5, objective="jepa", clock="flow")
    >>> path.round(4).tolist()
    [0.01, 0.0217, 0.25]
    """
    gradient, resistance = exponents(depth, objective=objective)
    limit = asymptote(depth, regression, objective=objective)
    times, start, layers, gradient, resistance, limit, strength, rho = np.broadcast_arrays(
        time / clock_factor(clock, depth),
        init,
        depth,
        gradient,
        resistance,
        limit,
        covariance,
        regression,
    )
    log_start = resistance / layers * np.log(start) - np.log(rho)
    moves = (start != limit) & (log_start != 0) & (times > 0)
    grows = moves & (log_start < 0)
    result = np.where(moves, limit, start)
    for moving, rises in ((grows, True), (moves & ~grows, False)):
        with np.errstate(over="ignore"):
            anchor = np.where(
                rises, start ** ((gradient - 1) / layers), limit ** ((gradient - 1) / layers)
            )
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


def _timed(
    strength: Positives,
    init: Positives,
    depth: Depths,
    covariance: Covariance,
    regression: Regression,
    objective: Objective,
    clock: Clock,
) -> Timed:
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
    gap = power * np.abs(
        np.where(near, np.log1p(np.where(near, (end - start) / start, 0)), np.log(end / start))
    )
    end_error = 2 * ELEMENTARY * (np.abs(power * np.log(end)) + np.abs(np.log(rho)))
    passage = Passage(log_start, log_end, gap, end_error, ROUNDINGS * gap)
    flow = flow_time(passage, np.minimum(start, end), layers, gradient, resistance, feature)
    factor = clock_factor(clock, depth)
    return Timed(flow.time * factor, flow.error * factor)


def _invert(
    target: Floats, log_start: Floats, gradient: Wholes, resistance: Wholes, *, rises: bool
) -> tuple[Floats, Floats]:
    """(|log s - log s_0|, -|log s|) at which the reduced time is `target` > 0, from -|log s_0| =
    `log_start` < 0.
    """
    power = (gradient - 1) / resistance
    log_start_rest = np.log(-np.expm1(log_start))
    logit_start = log_start - log_start_rest
    cap = _SETTLED - logit_start
    # Above the asymptote time passes slower than logits, so that the target itself lies below the
    # solution.
    advance = np.zeros(target.shape) if rises else np.minimum(target, cap)
    gap = np.zeros(target.shape)
    log_end = log_start
    active = np.ones(target.shape, dtype=bool)
    for _ in range(_MOST_NEWTON_STEPS):
        small = -np.log1p(np.exp(log_start_rest) * np.expm1(-np.minimum(advance, 0.5)))
        gap = np.where(advance < 0.5, small, -np.logaddexp(log_start, log_start_rest - advance))
        log_end = -np.logaddexp(0, -(logit_start + advance))
        log_rest = -np.logaddexp(0, logit_start + advance)
        if rises:
            deficit = target - rising(gradient, resistance, log_end, log_rest, gap).value
            step = deficit * np.exp(power * gap)
        else:
            value = falling(gradient, resistance, log_end, log_rest, gap).value
            deficit = np.log(target) - np.log(value) - power * log_end
            step = deficit * value * np.exp(-log_end)
        active = active & (step > 4 * UNIT_ROUNDOFF * advance) & (deficit > 0) & (advance < cap)
        if not np.any(active):
            return gap, log_end
        advance = np.where(active, np.minimum(advance + step, cap), advance)
    raise RuntimeError("strength_at did not converge: this is a defect, not bad input")


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
    return np.asarray(
        _critical(fraction, init, depth, covariance, regression, objective, clock).time
    )


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
    return np.asarray(
        _critical(fraction, init, depth, covariance, regression, objective, clock).error
    )


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


def _critical(
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
