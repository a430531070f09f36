"""One feature with its two kinds of factor apart: unbalanced starts, and JEPA without its stop-gradient."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, ScalarLike

from sims.jepa_bias.domain import require_feature
from sims.jepa_bias.integrate import states_at
from sims.jepa_bias.scalar_flow import require_times
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced, require_above, require_finite, require_in_range
from theory_on_trial.precision import require_float64


class Factors(NamedTuple):
    """w, the value of every encoder layer, and v, that of the predictor, at the recorded times."""

    layer: Float[Array, "times"]
    predictor: Float[Array, "times"]


@validated(unbounded=("return",))
def simulate_factors(
    depth: ScalarLike,
    layer_init: ScalarLike,
    predictor_init: ScalarLike,
    lambda_: ScalarLike,
    rho: ScalarLike,
    times: Float[AnyArray, "times"],
    *,
    target_variance: ScalarLike | None = None,
) -> Factors:
    """JEPA's gradient flow of one feature: L equal encoder factors w, predictor v, in the flow clock.

    With σ² = λ / ρ it is dw/dt = -w^(2L-1) v (v σ² - λ), dv/dt = -w^(2L) (v σ² - λ); where `target_variance` = σ_y² is
    given the target is differentiated too (no stop-gradient) and the first bracket becomes v² σ² - 2 v λ + σ_y².
    Solved by Kvaerno's implicit method of order 5 in (ln w, v), so that a collapse may go on for many decades.

    Args:
        depth: L, at least 1.
        layer_init: w(0) > 0.
        predictor_init: v(0), any finite number.
        lambda_: λ > 0.
        rho: ρ > 0.
        times: increasing, none negative.
        target_variance: σ_y² >= λ² / σ² = λ ρ, or None for the stop-gradient.

    Returns NaN where the solver did not finish, such as a w that falls below every float. Raises ValueError for
    arguments outside these ranges, TypeError without float64. Source: the JEPA loss of Littwin et al. 2024.
    """
    require_float64("a flow over many decades of time")
    require_in_range("depth", depth, 1, float("inf"), includes_high=False)
    require_in_range("layer_init", layer_init, 0, float("inf"), includes_high=False)
    require_above("layer_init", layer_init, 0, "0 is a saddle, where nothing moves")
    require_finite("predictor_init", predictor_init)
    require_feature(lambda_, rho)
    require_times(times)
    stopped = target_variance is None
    if not stopped and not any(is_traced(value) for value in (target_variance, lambda_, rho)):
        explained = np.multiply(lambda_, rho).item()
        require_in_range("target_variance", target_variance, explained, float("inf"), includes_high=False)
    start = (jnp.log(jnp.asarray(layer_init, float)), jnp.asarray(predictor_init, float))
    problem = (
        jnp.asarray(value, float) for value in (depth, lambda_, rho, 0 if stopped else target_variance, not stopped)
    )
    return _factors(start, tuple(problem), jnp.asarray(times, float))


@jax.jit
def _factors(start, problem, times):
    depth, lambda_, rho, target_variance, differentiated = problem

    def velocity(state):
        log_layer, predictor = state
        residual = predictor * lambda_ / rho - lambda_
        pull = predictor * residual + differentiated * (target_variance - predictor * lambda_)
        return -jnp.exp((2 * depth - 2) * log_layer) * pull, -jnp.exp(2 * depth * log_layer) * residual

    log_layer, predictor = states_at(velocity, start, times, method="implicit")
    return Factors(jnp.exp(log_layer), predictor)
