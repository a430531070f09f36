"""One feature with its two kinds of factor apart: unbalanced starts, and JEPA without its
stop-gradient.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from sims.jepa_bias.domains import Covariance, Number, RealDepth, Regression, Start, Times
from sims.jepa_bias.integrate import states_at
from sims.on_cpu import on_cpu
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import POSITIVE, guarded, is_traced, require


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
