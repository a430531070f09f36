"""The strength of one feature as the paper's scalar equation moves it: an implicit solver in the
logarithm.

In s = ln w̄ the equations (7) and (8) read ds/dt = λ (exp(a s) - exp(2 s) / ρ), with a = 2 - 1/L
for JEPA and a = 1 - 1/L for MAE, in the paper's clock; gradient flow runs L times faster. The
exponents are traced, so that one program serves both objectives and all depths.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from sims.jepa_bias.domains import (
    Clock,
    Covariance,
    Fraction,
    Number,
    Objective,
    RealDepth,
    Regression,
    Start,
    Times,
)
from sims.jepa_bias.integrate import states_at, time_of_zero
from sims.on_cpu import on_cpu
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import guarded, is_traced, require


@guarded(double=False)
def simulate_flow(
    depth: RealDepth,
    init: Start,
    lambda_: Covariance,
    rho: Regression,
    times: Times,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[Array, "times"]:
    """w̄ at the given times, by Kvaerno's implicit method of order 5 in ln w̄, from `init` below or
    above the asymptote.

    NaN where the solver did not finish; close to times 2^52 times as long as the rise its steps are
    below the rounding of the time: use `trajectory_by_quadrature` there. TypeError without float64.
    Source: Littwin et al. 2024, equations
    (7) and (8) as quoted by a public formalisation.

    >>> times = [100.0, 1000.0]
    >>> with jax.enable_x64(True):
    ...     found = simulate_flow(2, 0.01, 1.0, 0.5, times, objective="jepa", clock="flow")
    >>> found.round(3).tolist()
    [0.012, 0.25]
    """
    require_float64("a flow over many decades of time")
    init, rho, times = (jnp.asarray(value, float) for value in (init, rho, times))
    return _strengths(*exponent_and_speed(depth, lambda_, objective, clock), init, rho, times)


@guarded(double=False)
def hitting_time(
    fraction: Fraction,
    depth: RealDepth,
    init: Start,
    lambda_: Covariance,
    rho: Regression,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[Array, ""]:
    """The time at which w̄ reaches `fraction` of its asymptote: an event of an explicit solver
    (nothing is stiff yet).

    NaN for a traced start at or above the target, and where the rise takes less than about 1e-7 of
    the time before it: use `hitting_time_by_quadrature` there. `ValueError` for a concrete one,
    TypeError without float64. Source: the critical time of Littwin et al. 2024, theorem 4.5.
    """
    require_float64("a flow over many decades of time")
    require_target(fraction, depth, init, rho, objective)
    exponent, speed = exponent_and_speed(depth, lambda_, objective, clock)
    init, rho, fraction = (jnp.asarray(value, float) for value in (init, rho, fraction))
    return _hitting_time(
        exponent, speed, init, rho, jnp.log(fraction) + jnp.log(rho) / (2 - exponent)
    )


def exponent_and_speed(
    depth: Number, lambda_: Number, objective: Objective, clock: Clock
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """A and the factor of the bracket in ds/dt = λ (exp(a s) - exp(2 s) / ρ), with the clock's L in
    the factor.
    """
    exponent = (2 if objective == "jepa" else 1) - 1 / jnp.asarray(depth, float)
    return exponent, jnp.asarray(lambda_, float) * (depth if clock == "flow" else 1)


def require_target(
    fraction: Number, depth: Number, init: Number, rho: Number, objective: Objective
) -> None:
    """Raise `ValueError` unless the start is below the target; traced values pass."""
    if any(is_traced(value) for value in (fraction, depth, init, rho)):
        return
    asymptote = float(rho) ** (
        1 / (2 - float(exponent_and_speed(depth, 1.0, objective, "paper")[0]))
    )
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
    return jnp.exp(
        states_at(_velocity(exponent, speed, rho), jnp.log(init), times, method="implicit")
    )


@on_cpu
@jax.jit
def _hitting_time(exponent, speed, init, rho, log_target):
    start = jnp.log(init)
    hit = time_of_zero(
        _velocity(exponent, speed, rho), start, lambda log_strength: log_strength - log_target
    )
    return jnp.where(start < log_target, hit, jnp.nan)
