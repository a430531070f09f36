"""When a feature reaches a given strength, exactly, and how strong it is at a given time.

Theorem 4.4 of Littwin et al. 2024 (arXiv 2407.03475), as quoted by a public formalisation, is the
partial-fraction form for JEPA; the common form of both objectives (a hypergeometric function for
MAE), the decay from above and the bound on rounding are derived here. Arguments as in `scalar`, and
`init` is ε = w-bar(0) > 0. All broadcast, and results are arrays of the common shape.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from theory.jepa_bias._reduced_time import ELEMENTARY, ROUNDINGS, falling, rising
from theory.jepa_bias.domains import (
    Clock,
    Covariance,
    Depths,
    Floats,
    Objective,
    Positives,
    Regression,
    Times,
    Wholes,
)
from theory.jepa_bias.scalar import asymptote, clock_factor, exponents
from theory_on_trial.contract import guarded

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
