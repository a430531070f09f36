"""One feature with its two kinds of factor apart: unbalanced starts, and JEPA without its
stop-gradient.

One feature of JEPA with several predictor layers, encoder and predictor apart.

JEPA whose target is a moving average of the encoder: one feature, and the whole network.
"""

from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from sims.jepa_bias.domains import (
    Covariance as Covariance,
)
from sims.jepa_bias.domains import (
    CrossMoment,
    Definite,
    Depth,
    Fraction,
    Number,
    RealDepth,
    Regression,
    Start,
    Times,
)
from sims.jepa_bias.networks import Network, encoder, require_fitting
from sims.jepa_bias.scalar_flow import states_at
from sims.on_cpu import on_cpu
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import NON_NEGATIVE, POSITIVE, guarded, is_traced, require


class Factors(NamedTuple):
    """w, the value of every encoder layer, and v, that of the predictor, at the recorded times."""

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
    """JEPA's gradient flow of one feature: L equal encoder factors w, predictor v, in the flow
    clock.

    With σ² = λ / ρ it is dw/dt = -w^(2L-1) v (v σ² - λ), dv/dt = -w^(2L) (v σ² - λ); where
    `target_variance` = σ_y² is given, at least λ² / σ² = λ ρ (else `ValueError`), the target is
    differentiated too (no stop-gradient) and the first bracket becomes v² σ² - 2 v λ + σ_y². Solved
    by Kvaerno's implicit method of order 5 in (ln w, v), so that a collapse may go on for many
    decades. NaN where the solver did not finish, such as a w that falls below every float.
    TypeError without float64. Source: the JEPA loss of Littwin et al. 2024.
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

    log_layer, predictor = states_at(velocity, start, times, method="implicit")
    return Factors(jnp.exp(log_layer), predictor)


@guarded(double=False)
def deep_predictor_time(
    fraction: Fraction,
    depth: Depth,
    predictor_depth: Depth,
    init: Start,
    lambda_: Covariance,
    rho: Regression,
) -> float:
    """The time at which w^L reaches `fraction` of ρ^(L/M), in the flow clock.

    L encoder layers w and M predictor layers v start at ε^(1/L) and follow the gradients of ½ E|v^M
    w^L x - SG(w^L y)|², by Dormand and Prince's method of order 8 in the logarithms, to a relative
    1e-12 a step. `ValueError` for a start at or above the target. Source: the JEPA loss of Littwin
    et al. 2024, with M layers: derived here.
    """
    from scipy.integrate import solve_ivp

    variance = lambda_ / rho
    target = np.log(fraction) / depth + np.log(rho) / predictor_depth
    start = np.log(init) / depth
    require(start < target, f"init must be below the target {np.exp(depth * target):g}, got {init}")

    def slope(_, logarithms):
        layer, predictor = np.exp(logarithms)
        pull = lambda_ - predictor**predictor_depth * variance
        both = layer ** (2 * depth - 2) * predictor ** (predictor_depth - 2) * pull
        return [both * predictor**2, both * layer**2]

    def excess(_, logarithms):
        return logarithms[0] - target

    excess.terminal = True  # type: ignore[attr-defined]
    path = solve_ivp(
        slope, (0, np.inf), [start, start], "DOP853", events=excess, rtol=1e-12, atol=1e-12
    )
    return float(path.t_events[0][0])


Tracking = Annotated[Number, NON_NEGATIVE]
"""τ, the rate at which each layer of the target follows that of the encoder; 0 freezes it."""


@guarded(double=False)
def moving_target_time(
    strength: Annotated[Number, POSITIVE],
    depth: Depth,
    init: Start,
    lambda_: Covariance,
    rho: Regression,
    tracking: Tracking,
) -> float:
    """The time at which w^L reaches `strength`, in the flow clock.

    Encoder layers w, predictor v and target layers u start at ε^(1/L): w' = w^(L-1) v (λ u^L - v
    w^L σ²), v' = w^L (λ u^L - v w^L σ²), u' = τ (w - u), by Dormand and Prince's method of order 8
    to a relative 1e-12 a step. `ValueError` for a strength below the start. Source: the JEPA loss
    of Littwin et al. 2024 with a target of its own: derived here.
    """
    from scipy.integrate import solve_ivp

    require(strength > init, f"strength must be above init = {init}, got {strength}")
    variance = lambda_ / rho
    start = init ** (1 / depth)

    def slope(_, factors):
        layer, predictor, target = factors
        pull = lambda_ * target**depth - predictor * layer**depth * variance
        return [
            layer ** (depth - 1) * predictor * pull,
            layer**depth * pull,
            tracking * (layer - target),
        ]

    def excess(_, factors):
        return factors[0] - strength ** (1 / depth)

    excess.terminal = True  # type: ignore[attr-defined]
    path = solve_ivp(slope, (0, np.inf), [start] * 3, "DOP853", events=excess, rtol=1e-12, atol=0)
    return float(path.t_events[0][0])


@guarded(double=False)
@partial(jax.jit)
def moving_target_jacobian(
    parameters: Network, Sigma_xx: Definite, Sigma_yx: CrossMoment, tracking: Tracking
) -> Float[Array, "all all"]:
    """The derivative of the flow of layers, predictor and target layers, in this order, at a
    network whose target is its encoder. The gradients are autodiff's, with the target held;
    `ValueError` for matrices of another size than the layers. Derived here.
    """
    require_fitting(parameters, Sigma_xx=Sigma_xx, Sigma_yx=Sigma_yx)

    def loss(online, target):
        prediction = online.predictor @ encoder(online)
        square = jnp.sum(prediction * (prediction @ Sigma_xx)) / 2
        return square - jnp.sum(prediction * (encoder(target) @ Sigma_yx))

    def velocity(state):
        online, target_layers = state
        slopes = jax.grad(loss)(online, online._replace(layers=target_layers))
        falling = jax.tree.map(jnp.negative, slopes)
        return falling, tracking * (online.layers - target_layers)

    flat, unravel = ravel_pytree((parameters, parameters.layers))
    return jax.jacfwd(lambda at: ravel_pytree(velocity(unravel(at)))[0])(flat)
