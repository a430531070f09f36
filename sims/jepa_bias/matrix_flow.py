"""The whole network under gradient flow and gradient descent: nothing is assumed diagonal, balanced or aligned.

Float64 is required: along a plateau every rounding error grows exponentially until a latent unit is re-used for
another feature, so that float32 gives other learning times, and no sign of it.
"""

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, ScalarLike

from sims.jepa_bias.domain import Objective, require_covariances, require_orthonormal
from sims.jepa_bias.networks import Parameters, balance, encoder, require_parameters
from sims.jepa_bias.objectives import gradients
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    AnyArray,
    is_traced,
    require_above,
    require_choice,
    require_count,
    require_finite,
    require_in_range,
    require_size,
)

Method = Literal["runge_kutta", "euler"]
MOST_STEPS = 10**9  # of a run: the smallest networks take a quarter of an hour for as many
STABLE_REACH = {"runge_kutta": 2.785293563405282, "euler": 2.0}  # of step * rate, on the negative real axis


class Run(NamedTuple):
    """A recorded run, the start first.

    times : in the flow clock (steps times their length).
    strengths : ‖W̄ q_i‖ for every feature i.
    predictor : V.
    balance : W_{a+1}ᵀW_{a+1} - W_a W_aᵀ for a = 1..L-1, then VᵀV - W_L W_Lᵀ.
    parameters : at the end.
    target_encoder : at the end; W̄ itself unless it was averaged.
    """

    times: Float[Array, "records"]
    strengths: Float[Array, "records dim"]
    predictor: Float[Array, "records dim dim"]
    balance: Float[Array, "records depth dim dim"]
    parameters: Parameters
    target_encoder: Float[Array, "dim dim"]


@validated(unbounded=("parameters", "step"))  # they have sentences of their own
def gradient_flow(
    parameters: Parameters,
    Sigma_xx: Float[AnyArray, "dim dim"],
    Sigma_yx: Float[AnyArray, "dim dim"],
    step: ScalarLike,
    steps: int,
    every: int,
    objective: Objective,
    *,
    basis: Float[AnyArray, "dim dim"] | None = None,
    ema_rate: ScalarLike | None = None,
    stop_gradient: bool = True,
    Sigma_yy: Float[AnyArray, "dim dim"] | None = None,
    allow_float32: bool = False,
) -> Run:
    """Follow dθ/dt = -∇loss by the classical Runge-Kutta method of order 4.

    Args:
        parameters: the start (see `aligned_init` and its relatives).
        Sigma_xx: E[x xᵀ], symmetric and positive definite.
        Sigma_yx: E[y xᵀ].
        step: η > 0, in units of time.
        steps: how many, a positive multiple of `every`, at most 10^9.
        every: steps between two records.
        objective: jepa or mae.
        basis: Q, the features q_i whose strengths are recorded; the coordinate axes if not given.
        ema_rate: τ > 0: the target encoder T follows dT/dt = τ (W̄ - T) from T = W̄; if not given, T is W̄.
        stop_gradient: False differentiates JEPA's target too (and needs `Sigma_yy`): the encoder collapses.
        Sigma_yy: E[y yᵀ], used without the stop-gradient only.
        allow_float32: run parameters in float32 all the same, to show what rounding does.

    Raises ValueError for arguments outside these ranges, covariances that are degenerate or of other shapes, or a step
    above `largest_stable_step` (where nothing blows up, but crossings appear that the flow has not); TypeError for
    parameters that are not float64. Traced covariances and steps are not checked: call `require_stable_step` first.
    Source: the gradient flow of Littwin et al. 2024; moving average of the target: derived here.
    """
    return _checked_run(
        "runge_kutta", parameters, Sigma_xx, Sigma_yx, step, steps, every, objective,
        basis, ema_rate, stop_gradient, Sigma_yy, allow_float32,
    )  # fmt: skip


@validated(unbounded=("parameters", "step"))
def gradient_descent(
    parameters: Parameters,
    Sigma_xx: Float[AnyArray, "dim dim"],
    Sigma_yx: Float[AnyArray, "dim dim"],
    step: ScalarLike,
    steps: int,
    every: int,
    objective: Objective,
    *,
    basis: Float[AnyArray, "dim dim"] | None = None,
    ema_rate: ScalarLike | None = None,
    stop_gradient: bool = True,
    Sigma_yy: Float[AnyArray, "dim dim"] | None = None,
    allow_float32: bool = False,
) -> Run:
    """Full-batch gradient descent θ -> θ - η ∇loss with learning rate `step`; arguments and errors as `gradient_flow`.

    Time is counted as steps times the learning rate, and the target moves by η τ (W̄ - T) per step.
    """
    return _checked_run(
        "euler", parameters, Sigma_xx, Sigma_yx, step, steps, every, objective,
        basis, ema_rate, stop_gradient, Sigma_yy, allow_float32,
    )  # fmt: skip


@validated
def largest_stable_step(
    Sigma_xx: Float[AnyArray, "dim dim"],
    Sigma_yx: Float[AnyArray, "dim dim"],
    depth: int,
    objective: Objective,
    *,
    method: Method = "runge_kutta",
) -> float:
    """The largest step at which the fully learned state is stable under the method.

    With σ_j² and ρ_j on the common features, that state relaxes at the rates σ_j² (ρ_i^(2L+1) + ρ_j^(2L+1)) / (ρ_i +
    ρ_j) for JEPA, and σ_j² Σ_{k=0..L} w_i^(2k) w_j^(2(L-k)) with w = ρ^(1/(L+1)) for MAE, over all pairs (i, j); the
    fastest times the step may reach 2.785 for Runge-Kutta and 2 for descent. Exact where the covariances commute,
    an estimate in the basis of a combination of the two elsewhere. Derived here.

    Raises ValueError as `gradient_flow` for covariances, a depth below 1, another objective or another method.
    """
    require_count("depth", depth, 1, "need at least one layer")
    require_choice("objective", objective, Objective)
    require_choice("method", method, Method)
    require_covariances(Sigma_xx, Sigma_yx, Sigma_xx.shape[0])
    second_moment, cross = np.asarray(Sigma_xx, float), np.asarray(Sigma_yx, float)
    sizes = np.array([np.linalg.norm(second_moment), np.linalg.norm(cross)])
    if not cross.any():
        raise ValueError("Sigma_yx must have a non-zero entry, got zeros: there is nothing to learn")
    # An irrational weight: no two features coincide in the combination unless they do in both covariances.
    combination = second_moment / sizes[0] + np.sqrt(2) * cross / sizes[1]
    features = np.linalg.eigh((combination + combination.T) / 2)[1]
    variances = np.sum(features * (second_moment @ features), axis=0)
    regressions = np.linalg.norm(cross @ features, axis=0) / variances
    if objective == "jepa":
        powers = regressions ** (2 * depth + 1)
        pairs = (powers[:, None] + powers) / (regressions[:, None] + regressions)
    else:
        squares = regressions ** (2 / (depth + 1))
        powers = np.arange(depth + 1)[:, None, None]
        pairs = np.sum(squares[:, None] ** powers * squares ** (depth - powers), axis=0)
    fastest = float(np.max(variances * pairs))
    # BLAS and LAPACK overflow in silence.
    if not np.isfinite(sizes).all() or not np.isfinite(fastest):
        raise FloatingPointError("overflow in the relaxation rates")
    return STABLE_REACH[method] / fastest


@validated(unbounded=("step",))
def require_stable_step(
    step: ScalarLike,
    Sigma_xx: Float[AnyArray, "dim dim"],
    Sigma_yx: Float[AnyArray, "dim dim"],
    depth: int,
    objective: Objective,
    *,
    method: Method = "runge_kutta",
) -> None:
    """Raise `ValueError` unless 0 < step <= `largest_stable_step`; traced values pass."""
    require_above("step", step, 0, "time runs forward")
    require_finite("step", step)
    if any(is_traced(value) for value in (step, Sigma_xx, Sigma_yx)):
        return
    largest = largest_stable_step(Sigma_xx, Sigma_yx, depth, objective, method=method)
    requested = np.asarray(step).item()
    if requested > largest:
        raise ValueError(
            f"step must be at most {largest:g}, got {requested:g}: above it the learned state is unstable under "
            f"{method} at this depth and these covariances, and crossings appear that the flow has not"
        )


def _checked_run(
    method, parameters, Sigma_xx, Sigma_yx, step, steps, every, objective,
    basis, ema_rate, stop_gradient, Sigma_yy, allow_float32,
) -> Run:  # fmt: skip
    require_parameters(parameters)
    dtype = parameters.predictor.dtype
    if dtype != np.float64 and not allow_float32:
        raise TypeError(
            f"parameters must be float64, got {dtype}: rounding is amplified along every plateau and moves learning "
            'times, so call jax.config.update("jax_enable_x64", True), or pass allow_float32=True to see it happen'
        )
    require_choice("objective", objective, Objective)
    depth, dimension = parameters.layers.shape[:2]
    require_count("every", every, 1, "steps between two records")
    if steps < 1 or steps % every:
        raise ValueError(f"steps must be a positive multiple of every = {every}, got {steps}")
    require_in_range("steps", steps, 1, MOST_STEPS, includes_high=True, why="no run of more would end")
    require_size("steps", steps // every * parameters.layers.size)
    require_orthonormal("basis", basis)
    for name, value in parameters._asdict().items():
        require_finite(f"parameters.{name}", value)
    require_covariances(Sigma_xx, Sigma_yx, dimension)
    require_stable_step(step, Sigma_xx, Sigma_yx, depth, objective, method=method)
    if ema_rate is not None:
        require_above("ema_rate", ema_rate, 0, "a target at rest never learns")
        if objective == "mae" or not stop_gradient:
            raise ValueError("ema_rate must be None unless the objective is jepa with its stop-gradient")
    if objective == "jepa" and not stop_gradient and Sigma_yy is None:
        raise ValueError("Sigma_yy must be given for stop_gradient=False: the target is differentiated too")

    def cast(value):
        return None if value is None else jnp.asarray(value, dtype)

    return _run(
        parameters, cast(Sigma_xx), cast(Sigma_yx), cast(Sigma_yy), cast(np.eye(dimension) if basis is None else basis),
        cast(step), every, cast(ema_rate),
        records=steps // every, objective=objective, method=method, stop_gradient=stop_gradient,
    )  # fmt: skip


@partial(jax.jit, static_argnames=("records", "objective", "method", "stop_gradient"))
def _run(
    start, Sigma_xx, Sigma_yx, Sigma_yy, basis, step, every, ema_rate, *, records, objective, method, stop_gradient
):
    def velocity(state):
        parameters, target = state
        slopes = gradients(
            parameters,
            Sigma_xx,
            Sigma_yx,
            objective,
            stop_gradient=stop_gradient,
            Sigma_yy=Sigma_yy,
            target_encoder=target,
        )
        chase = None if target is None else ema_rate * (encoder(parameters) - target)
        return jax.tree.map(jnp.negative, slopes), chase

    def moved(state, direction, time):
        return jax.tree.map(lambda value, speed: value + time * speed, state, direction)

    def euler(_, state):
        return moved(state, velocity(state), step)

    def runge_kutta(_, state):
        first = velocity(state)
        second = velocity(moved(state, first, step / 2))
        third = velocity(moved(state, second, step / 2))
        fourth = velocity(moved(state, third, step))
        mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, first, second, third, fourth)
        return moved(state, mean, step)

    def observe(parameters):
        return jnp.linalg.norm(encoder(parameters) @ basis, axis=0), parameters.predictor, balance(parameters)

    def record(state, _):
        state = lax.fori_loop(0, every, euler if method == "euler" else runge_kutta, state)
        return state, observe(state[0])

    state = (start, None if ema_rate is None else encoder(start))
    (final, target), later = lax.scan(record, state, length=records)
    strengths, predictor, residuals = jax.tree.map(
        lambda first, rest: jnp.concatenate([first[None], rest]), observe(start), later
    )
    times = jnp.arange(records + 1) * every * step
    return Run(times, strengths, predictor, residuals, final, encoder(final) if target is None else target)
