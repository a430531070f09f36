"""The strength of one feature as the paper's scalar equation moves it: an implicit solver in the logarithm.

In s = ln w̄ the equations (7) and (8) read ds/dt = λ (exp(a s) - exp(2 s) / ρ), with a = 2 - 1/L for JEPA and
a = 1 - 1/L for MAE, in the paper's clock; gradient flow runs L times faster. The exponents are traced, so that one
program serves both objectives and all depths.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, ScalarLike

from sims.jepa_bias.domain import Clock, Objective, require_feature
from sims.jepa_bias.integrate import states_at, time_of_zero
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    AnyArray,
    is_traced,
    require_above,
    require_choice,
    require_finite,
    require_in_range,
)
from theory_on_trial.precision import require_float64


@validated(unbounded=("depth", "init", "return"))  # they have sentences of their own
def simulate_flow(
    depth: ScalarLike,
    init: ScalarLike,
    lambda_: ScalarLike,
    rho: ScalarLike,
    times: Float[AnyArray, "times"],
    *,
    objective: Objective,
    clock: Clock,
) -> Float[Array, "times"]:
    """w̄ at the given times, by Kvaerno's implicit method of order 5 in ln w̄.

    Args:
        depth: L, at least 1.
        init: ε = w̄(0) > 0, below or above the asymptote.
        lambda_: λ > 0, the covariance of the feature between the two views.
        rho: ρ > 0, its regression coefficient.
        times: increasing, none negative, in the unit that `clock` names. Close to 2^52 times as long as the rise the
            steps are below the rounding of the time: use `trajectory_by_quadrature` there.
        objective: jepa or mae.
        clock: paper or flow; t_paper = L t_flow.

    Returns NaN where the solver did not finish. Raises ValueError for arguments outside these ranges, TypeError
    without float64. Source: Littwin et al. 2024, equations (7) and (8) as quoted by a public formalisation.
    """
    require_problem(depth, init, lambda_, rho, objective, clock)
    require_times(times)
    init, rho, times = (jnp.asarray(value, float) for value in (init, rho, times))
    return _strengths(*exponent_and_speed(depth, lambda_, objective, clock), init, rho, times)


@validated(unbounded=("depth", "init", "return"))
def hitting_time(
    fraction: ScalarLike,
    depth: ScalarLike,
    init: ScalarLike,
    lambda_: ScalarLike,
    rho: ScalarLike,
    *,
    objective: Objective,
    clock: Clock,
) -> Float[Array, ""]:
    """The time at which w̄ reaches `fraction` of its asymptote: an event of an explicit solver (nothing is stiff yet).

    `fraction` is p in (0, 1). NaN for a traced start at or above the target, and where the rise takes less than about
    1e-7 of the time before it: use `hitting_time_by_quadrature` there. Raises ValueError for a concrete one, and
    as `simulate_flow`. Source: the critical time of Littwin et al. 2024, theorem 4.5.
    """
    require_problem(depth, init, lambda_, rho, objective, clock)
    require_target(fraction, depth, init, rho, objective)
    exponent, speed = exponent_and_speed(depth, lambda_, objective, clock)
    init, rho, fraction = (jnp.asarray(value, float) for value in (init, rho, fraction))
    return _hitting_time(exponent, speed, init, rho, jnp.log(fraction) + jnp.log(rho) / (2 - exponent))


def exponent_and_speed(
    depth: ScalarLike, lambda_: ScalarLike, objective: Objective, clock: Clock
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """A and the factor of the bracket in ds/dt = λ (exp(a s) - exp(2 s) / ρ), with the clock's L in the factor."""
    exponent = (2 if objective == "jepa" else 1) - 1 / jnp.asarray(depth, float)
    return exponent, jnp.asarray(lambda_, float) * (depth if clock == "flow" else 1)


def require_problem(
    depth: ScalarLike, init: ScalarLike, lambda_: ScalarLike, rho: ScalarLike, objective: str, clock: str
) -> None:
    """Raise `ValueError` for a scalar problem outside its range, `TypeError` without float64; traced values pass."""
    require_choice("objective", objective, Objective)
    require_choice("clock", clock, Clock)
    require_in_range("depth", depth, 1, float("inf"), includes_high=False)
    require_in_range("init", init, 0, float("inf"), includes_high=False)
    require_above("init", init, 0, "0 is a saddle, where nothing moves")
    require_feature(lambda_, rho)
    require_float64("a flow over many decades of time")


def require_times(times: Float[AnyArray, "times"]) -> None:
    """Raise `ValueError` unless the times are finite, increasing and not negative; traced times pass."""
    if is_traced(times):
        return
    require_finite("times", times)
    if times.shape[0] == 0 or times[0] < 0 or (times[1:] <= times[:-1]).any():
        raise ValueError(f"times must be at least one, increasing and not negative, got {times}")


def require_target(fraction: Any, depth: Any, init: Any, rho: Any, objective: Objective) -> None:
    """Raise `ValueError` unless 0 < fraction < 1 and the start is below the target; traced values pass."""
    require_in_range("fraction", fraction, 0, 1, includes_high=False, why="the asymptote itself is never reached")
    require_above("fraction", fraction, 0, "a target of 0 is below every start")
    if any(is_traced(value) for value in (fraction, depth, init, rho)):
        return
    asymptote = float(rho) ** (1 / (2 - float(exponent_and_speed(depth, 1.0, objective, "paper")[0])))
    if not float(init) < float(fraction) * asymptote:
        raise ValueError(
            f"init must be below the target fraction * asymptote = {float(fraction) * asymptote:g}, got "
            f"{float(init):g}: reduce init or depth"
        )


def _velocity(exponent, speed, rho):
    return lambda log_strength: speed * (jnp.exp(exponent * log_strength) - jnp.exp(2 * log_strength) / rho)


@jax.jit
def _strengths(exponent, speed, init, rho, times):
    return jnp.exp(states_at(_velocity(exponent, speed, rho), jnp.log(init), times, method="implicit"))


@jax.jit
def _hitting_time(exponent, speed, init, rho, log_target):
    start = jnp.log(init)
    hit = time_of_zero(_velocity(exponent, speed, rho), start, lambda log_strength: log_strength - log_target)
    return jnp.where(start < log_target, hit, jnp.nan)
