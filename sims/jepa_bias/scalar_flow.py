"""The strength of one feature under the paper's scalar equation, stepped through time or integrated
over strengths. Times are those of the gradient flow.

In s = ln w̄ the equations (7) and (8) read ds/dt = L λ (exp(a s) - exp(2 s) / ρ), with a = 2 - 1/L
for JEPA and a = 1 - 1/L for MAE. The exponents are traced, so that one program serves both
objectives and all depths.

The integral over strengths separates the variables: it sums dt = ds / velocity(s) over panels and
inverts the sum. With u = (w̄ / asymptote)^b and b = 2 - a, the variable z = ln(u / (1 - u))
resolves both ends of the rise: a start far below the asymptote, where almost all of the time is
spent, and the exponential approach at the end. 20 decades of time cost as much as one, and
thousands of problems run in one vectorised program.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from sims.jepa_bias.domains import (
    Covariance,
    Fraction,
    Number,
    Objective,
    RealDepth,
    Regression,
    Start,
    Times,
)
from sims.on_cpu import on_cpu
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import guarded, is_traced, require

TOLERANCE = 1e-11  # relative error per step
MAX_STEPS = 100_000


def states_at(velocity: Callable[[Any], Any], start: Any, times: Float[Array, "times"]) -> Any:
    """The state at increasing times, from `start` at 0: a pytree of arrays with a leading axis of
    times.

    Kvaerno's implicit method of order 5, for stiff equations, adapts its steps to an error of 1e-11
    per step, relative or absolute. It steps on every time asked for, because interpolation between
    steps would cost three digits. NaN where this takes more than 100 000 steps.
    """
    import diffrax

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda time, state, _: velocity(state)),
        diffrax.Kvaerno5(),
        t0=0.0,
        t1=times[-1],
        dt0=None,
        y0=start,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.ClipStepSizeController(
            diffrax.PIDController(rtol=TOLERANCE, atol=TOLERANCE), step_ts=times
        ),
        max_steps=MAX_STEPS,
        adjoint=diffrax.ForwardMode(),
        throw=False,
    )
    success = solution.result == diffrax.RESULTS.successful
    return jax.tree.map(lambda states: jnp.where(success, states, jnp.nan), solution.ys)


@guarded(double=False)
def simulate_flow(
    depth: RealDepth,
    init: Start,
    lambda_: Covariance,
    rho: Regression,
    times: Times,
    *,
    objective: Objective,
) -> Float[Array, "times"]:
    """Return w̄ at the given times, by Kvaerno's implicit method of order 5 in ln w̄, from `init`
    below or above the asymptote.

    It is NaN where the solver did not finish. At times near 2^52 times the length of the rise its
    steps are below the rounding of the time, so use `trajectory_by_quadrature` there. Raises
    TypeError without float64.
    Source: Littwin et al. 2024, equations (7) and (8) as quoted by a public formalisation.

    >>> times = [100.0, 1000.0]
    >>> with jax.enable_x64(True):
    ...     found = simulate_flow(2, 0.01, 1.0, 0.5, times, objective="jepa")
    >>> found.round(3).tolist()
    [0.012, 0.25]
    """
    require_float64("a flow over many decades of time")
    init, rho, times = (jnp.asarray(value, float) for value in (init, rho, times))
    return _strengths(*_exponent_and_speed(depth, lambda_, objective), init, rho, times)


def _exponent_and_speed(
    depth: Number, lambda_: Number, objective: Objective
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The a and the factor L λ of the bracket in ds/dt = L λ (exp(a s) - exp(2 s) / ρ)."""
    exponent = (2 if objective == "jepa" else 1) - 1 / jnp.asarray(depth, float)
    return exponent, jnp.asarray(lambda_, float) * depth


def _require_target(
    fraction: Number, depth: Number, init: Number, rho: Number, objective: Objective
) -> None:
    """Raise `ValueError` unless the start is below the target; traced values pass."""
    if any(is_traced(value) for value in (fraction, depth, init, rho)):
        return
    asymptote = float(rho) ** (1 / (2 - float(_exponent_and_speed(depth, 1.0, objective)[0])))
    require(
        float(init) < float(fraction) * asymptote,
        f"init must be below the target fraction * asymptote = {float(fraction) * asymptote:g}, "
        f"got {float(init):g}: "
        "reduce init or depth",
    )


def _velocity(exponent, speed, rho):
    return lambda log_strength: (
        speed * (jnp.exp(exponent * log_strength) - jnp.exp(2 * log_strength) / rho)
    )


@on_cpu
@jax.jit
def _strengths(exponent, speed, init, rho, times):
    return jnp.exp(states_at(_velocity(exponent, speed, rho), jnp.log(init), times))


RISING_PANELS = 96  # far from the asymptote
LATE_PANELS = 136  # close to it
LAST_Z = 40.0  # exp(-40) of the asymptote is still missing: below float64's rounding
TINY = 1e-9  # keeps expm1(x) / x defined where a pace is constant


class Curve(NamedTuple):
    """The constants of one problem: a, the speed, b = 2 - a, the logarithm of the asymptote, and z
    at the start.
    """

    exponent: Float[Array, ""]
    speed: Float[Array, ""]
    closing: Float[Array, ""]
    log_asymptote: Float[Array, ""]
    start: Float[Array, ""]


@guarded(double=False)
def trajectory_by_quadrature(
    depth: RealDepth,
    init: Start,
    lambda_: Covariance,
    rho: Regression,
    times: Times,
    *,
    objective: Objective,
) -> Float[Array, "times"]:
    """Return w̄ at the given times as `simulate_flow`, with the same arguments, for a start below
    the asymptote.

    Gauss-Legendre quadrature gives the time at the ends of 232 panels, and Newton's method the
    strength inside a panel. The relative error is below 1e-11 for L <= 8, plus the effect of some
    64 roundings of the time itself (after a plateau of length T a strength grows by the factor e in
    far less than T). A start at or above the asymptote raises ValueError, or gives NaN if it is
    traced. Raises TypeError without float64. Derived here from equations (7) and (8) of Littwin et
    al. 2024.
    """
    require_float64("a flow over many decades of time")
    # Just below the asymptote is as good a target as any: only the side on which the start lies
    # matters here.
    _require_target(1 - 2.0**-53, depth, init, rho, objective)
    return _strengths_by_quadrature(
        _curve(depth, init, lambda_, rho, objective), jnp.asarray(times, float)
    )


@guarded(double=False)
def hitting_time_by_quadrature(
    fraction: Fraction,
    depth: RealDepth,
    init: Start,
    lambda_: Covariance,
    rho: Regression,
    *,
    objective: Objective,
) -> Float[Array, ""]:
    """The time at which w̄ reaches `fraction` of its asymptote, from one sum over panels.

    NaN and errors as `trajectory_by_quadrature`.
    """
    require_float64("a flow over many decades of time")
    _require_target(fraction, depth, init, rho, objective)
    curve = _curve(depth, init, lambda_, rho, objective)
    return _time_to(curve, jnp.asarray(fraction, float))


def _curve(depth, init, lambda_, rho, objective) -> Curve:
    exponent, speed = _exponent_and_speed(depth, lambda_, objective)
    closing = 2 - exponent
    log_asymptote = jnp.log(jnp.asarray(rho, float)) / closing
    return Curve(
        exponent, speed, closing, log_asymptote, _logit(closing * (jnp.log(init) - log_asymptote))
    )


def _logit(log_u):
    return log_u - jnp.log(-jnp.expm1(log_u))


def _log_u(z):
    return -jnp.log1p(jnp.exp(-z))


def _log_strength(curve, z):
    return curve.log_asymptote + _log_u(z) / curve.closing


def _pace(curve, z):
    """Return the pace dt/dz = (ds/dz) / (ds/dt).

    1 - u drops out of ds/dz = (1 - u) / b and ds/dt = speed exp(a s) (1 - u).
    """
    return jnp.exp(-curve.exponent * _log_strength(curve, z)) / (curve.closing * curve.speed)


def _duration(curve, start, end, points):
    """The time from z = start to z = end, element by element, by the rule with this many points."""
    half = (end - start) / 2
    middle = (end + start) / 2
    nodes = zip(*np.polynomial.legendre.leggauss(points), strict=True)
    return half * sum(weight * _pace(curve, middle + half * node) for node, weight in nodes)


def _panel_ends(curve, last):
    """Return the ends of the panels, which have equal width in ln w̄ while the pace falls
    exponentially, and equal width in z after it has nearly stopped falling.
    """
    settled = jnp.log1p(curve.exponent / curve.closing)
    split = jnp.clip(settled, curve.start, last)
    log_u = jnp.linspace(_log_u(curve.start), _log_u(split), RISING_PANELS + 1)
    return jnp.concatenate([_logit(log_u[:-1]), jnp.linspace(split, last, LATE_PANELS + 1)])


@jax.jit
def _time_to(curve, fraction):
    last = _logit(curve.closing * jnp.log(fraction))
    ends = _panel_ends(curve, last)
    return jnp.where(
        curve.start < last, jnp.sum(_duration(curve, ends[:-1], ends[1:], points=5)), jnp.nan
    )


@jax.jit
def _strengths_by_quadrature(curve, times):
    ends = _panel_ends(curve, jnp.maximum(curve.start, 0) + LAST_Z)
    widths = jnp.diff(ends)
    durations = _duration(curve, ends[:-1], ends[1:], points=5)
    arrivals = jnp.concatenate([jnp.zeros(1), jnp.cumsum(durations)])
    paces = _pace(curve, ends)
    decay = jnp.log(paces[:-1] / paces[1:]) + TINY

    # Within a panel the pace is close to exponential: z as a function of time under that pace, bent
    # by a cubic so that the true pace holds at both ends, starts Newton's method so near that one
    # step is enough.
    scale = durations / -jnp.expm1(-decay) * decay / widths
    bend = jnp.stack([scale / paces[:-1] - 1, scale * jnp.exp(-decay) / paces[1:] - 1])
    panels = jnp.stack([arrivals[:-1], durations, ends[:-1], widths, decay, *bend], axis=1)

    index = jnp.clip(jnp.searchsorted(arrivals, times, side="right") - 1, 0, len(widths) - 1)
    arrival, duration, start, width, decay, first_bend, last_bend = panels[index].T
    elapsed = jnp.minimum(times - arrival, duration)
    share = -jnp.log1p(elapsed / duration * jnp.expm1(-decay)) / decay
    share = share + share * (1 - share) * (first_bend * (1 - share) - last_bend * share)
    z = start + width * share
    step = (elapsed - _duration(curve, start, z, points=4)) / _pace(curve, z)
    z = z + step * (1 + step * decay / width / 2)
    # Beyond the last panel the pace no longer changes.
    z = z + jnp.maximum(times - arrivals[-1], 0) / paces[-1]
    return jnp.where(curve.start < jnp.inf, jnp.exp(_log_strength(curve, z)), jnp.nan)
