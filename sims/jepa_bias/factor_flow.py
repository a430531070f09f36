"""One feature of JEPA with encoder, predictor and target apart.

This covers unbalanced starts, training without a stop-gradient, several predictor layers, and a
target that is a moving average.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from sims.jepa_bias.domains import (
    Covariance,
    Depth,
    Number,
    RealDepth,
    Regression,
    Start,
    Times,
    Tracking,
)
from sims.jepa_bias.scalar_flow import states_at
from sims.on_cpu import on_cpu
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import POSITIVE, guarded, is_traced, require


class Factors(NamedTuple):
    """The value w of every encoder layer and the value v of the predictor at the recorded times."""

    layer: Float[Array, "times"]
    predictor: Float[Array, "times"]


@guarded(double=False)
def simulate_factors(
    depth: RealDepth,
    layer_init: Start,
    predictor_init: Number,
    lambda_: Covariance,
    rho: Regression,
    times: Times,
    *,
    target_variance: Annotated[Number, POSITIVE] | None = None,
) -> Factors:
    """Return JEPA's gradient flow of one feature, with L equal encoder factors w and a predictor v.

    With σ² = λ / ρ it is dw/dt = -w^(2L-1) v (v σ² - λ), dv/dt = -w^(2L) (v σ² - λ). If
    `target_variance` = σ_y² is given, the target is differentiated too (no stop-gradient), and the
    first bracket becomes v² σ² - 2 v λ + σ_y². Kvaerno's implicit method of order 5 solves the flow
    in (ln w, v), so that a collapse may go on for many decades. NaN where the solver did not
    finish, such as where w falls below every float. Raises ValueError for σ_y² below λ² / σ² = λ ρ,
    and TypeError without float64. Source: the JEPA loss of Littwin et al. 2024.
    """
    require_float64("a flow over many decades of time")
    stop = target_variance is None
    if target_variance is not None and not any(
        is_traced(value) for value in (target_variance, lambda_, rho)
    ):
        least = float(lambda_) * float(rho)
        require(
            float(target_variance) >= least,
            f"target_variance must be at least lambda_ rho = {least:g}, got "
            f"{float(target_variance):g}",
        )
    start = (jnp.log(jnp.asarray(layer_init, float)), jnp.asarray(predictor_init, float))
    problem = (
        jnp.asarray(value, float)
        for value in (depth, lambda_, rho, 0 if stop else target_variance, not stop)
    )
    return _factors(start, tuple(problem), jnp.asarray(times, float))


@on_cpu
@jax.jit
def _factors(start, problem, times):
    depth, lambda_, rho, target_variance, differentiated = problem

    def velocity(state):
        log_layer, predictor = state
        residual = predictor * lambda_ / rho - lambda_
        pull = predictor * residual + differentiated * (target_variance - predictor * lambda_)
        return -jnp.exp((2 * depth - 2) * log_layer) * pull, -jnp.exp(
            2 * depth * log_layer
        ) * residual

    log_layer, predictor = states_at(velocity, start, times)
    return Factors(jnp.exp(log_layer), predictor)


@guarded(double=False)
def learning_time(
    strength: Annotated[Number, POSITIVE],
    depth: Depth,
    init: Start,
    lambda_: Covariance,
    rho: Regression,
    *,
    predictor_depth: Depth = 1,
    tracking: Tracking | None = None,
) -> float:
    """The time at which w^L reaches `strength`.

    L encoder layers w, M predictor layers v and L target layers u start at ε^(1/L) and follow the
    gradients of ½ E|v^M w^L x - SG(u^L y)|². u is w, or u' = τ (w - u) if `tracking` τ is given.
    The solver is Dormand and Prince's method of order 8, at a relative 1e-12 a step. Raises
    ValueError for a strength not above the start. Source: the JEPA loss of Littwin et al. 2024;
    several predictor layers and a target of its own: derived here.
    """
    from scipy.integrate import solve_ivp

    require(strength > init, f"strength must be above init = {init}, got {strength}")
    start = init ** (1 / depth)

    def slope(_, factors):
        layer, predictor, *own_target = factors
        target = own_target[0] if own_target else layer
        reading = predictor**predictor_depth * layer**depth
        pull = lambda_ * (target**depth - reading / rho)
        following = [tracking * (layer - target)] if own_target else []
        return [reading / layer * pull, reading / predictor * pull, *following]

    def excess(_, factors):
        return factors[0] - strength ** (1 / depth)

    excess.terminal = True  # type: ignore[attr-defined]
    starts = [start] * (2 if tracking is None else 3)
    path = solve_ivp(slope, (0, np.inf), starts, "DOP853", events=excess, rtol=1e-12, atol=0)
    return float(path.t_events[0][0])
