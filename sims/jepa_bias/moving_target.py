"""JEPA whose target is a moving average of the encoder: one feature, and the whole network."""

from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from sims.jepa_bias.domains import Covariance as FeatureCovariance
from sims.jepa_bias.domains import CrossMoment, Definite, Depth, Number, Regression, Start
from sims.jepa_bias.networks import Network, encoder, require_fitting
from theory_on_trial.contract import NON_NEGATIVE, POSITIVE, guarded, require

Tracking = Annotated[Number, NON_NEGATIVE]
"""τ, the rate at which each layer of the target follows that of the encoder; 0 freezes it."""


@guarded(double=False)
def moving_target_time(
    strength: Annotated[Number, POSITIVE],
    depth: Depth,
    init: Start,
    lambda_: FeatureCovariance,
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
