"""The whole network under gradient flow and gradient descent: nothing is assumed diagonal, balanced
or aligned.

Float64 is required: along a plateau every rounding error grows exponentially until a latent unit is
re-used for another feature, so that float32 gives other learning times, and no sign of it.
"""

from functools import partial
from typing import Annotated, Literal, NamedTuple, TypedDict, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from sims.jepa_bias.domains import (
    Basis,
    CrossMoment,
    Definite,
    Depth,
    Number,
    Objective,
    SecondMoment,
)
from sims.jepa_bias.networks import Network, Parameters, balance, encoder, require_fitting
from sims.jepa_bias.objectives import gradients
from sims.on_cpu import on_cpu
from theory_on_trial.contract import (
    POSITIVE,
    Interval,
    Size,
    guarded,
    is_traced,
    require,
    require_room,
)

Method = Literal["runge_kutta", "euler"]
Step = Annotated[Number, POSITIVE]
"""η, in units of time."""
Steps = Annotated[
    int, Interval(1, 10**9, why="the smallest networks take a quarter of an hour for as many")
]
STABLE_REACH = {
    "runge_kutta": 2.785293563405282,
    "euler": 2.0,
}  # of step * rate, on the negative real axis


class RunOptions(TypedDict, total=False):
    """What a run may have beside the network, its data and its steps."""

    basis: Basis | None
    """Q, the features q_i whose strengths are recorded; the coordinate axes if not given."""
    stop_gradient: bool
    """False differentiates JEPA's target too (and needs `Sigma_yy`): the encoder collapses."""
    Sigma_yy: SecondMoment | None
    """E[y yᵀ], used without the stop-gradient only."""
    allow_float32: bool
    """Whether parameters in float32 are run all the same, to show what rounding does."""


class Run(NamedTuple):
    """A recorded run, the start first.

    times : in the flow clock (steps times their length).
    strengths : ‖W̄ q_i‖ for every feature i.
    predictor : V.
    balance : W_{a+1}ᵀW_{a+1} - W_a W_aᵀ for a = 1..L-1, then VᵀV - W_L W_Lᵀ.
    parameters : at the end.
    """

    times: Float[Array, "records"]
    strengths: Float[Array, "records dim"]
    predictor: Float[Array, "records dim dim"]
    balance: Float[Array, "records depth dim dim"]
    parameters: Parameters


@guarded(double=False)
def gradient_flow(
    parameters: Network,
    Sigma_xx: Definite,
    Sigma_yx: CrossMoment,
    step: Step,
    steps: Steps,
    every: Size,
    objective: Objective,
    **options: Unpack[RunOptions],
) -> Run:
    """Follow dθ/dt = -∇loss by the classical Runge-Kutta method of order 4.

    The start is an `aligned_init` or one of its relatives; `steps` is a multiple of `every`, the
    steps between records. `ValueError` also for matrices of another size than the layers, and for a
    step above `largest_stable_step` (where nothing blows up, but crossings appear that the flow has
    not); TypeError for parameters that are not float64. Traced covariances and steps are not
    checked: call `require_stable_step` first. Source: the gradient flow of Littwin et al. 2024.
    """
    return _checked_run(
        "runge_kutta", parameters, Sigma_xx, Sigma_yx, step, steps, every, objective, **options
    )


@guarded(double=False)
def gradient_descent(
    parameters: Network,
    Sigma_xx: Definite,
    Sigma_yx: CrossMoment,
    step: Step,
    steps: Steps,
    every: Size,
    objective: Objective,
    **options: Unpack[RunOptions],
) -> Run:
    """Full-batch descent θ -> θ - η ∇loss, η = `step`, time being steps times η; all else as in
    `gradient_flow`.
    """
    return _checked_run(
        "euler", parameters, Sigma_xx, Sigma_yx, step, steps, every, objective, **options
    )


@guarded(double=False)
def largest_stable_step(
    Sigma_xx: Definite,
    Sigma_yx: CrossMoment,
    depth: Depth,
    objective: Objective,
    *,
    method: Method = "runge_kutta",
) -> float:
    """The largest step at which the fully learned state is stable under the method.

    With σ_j² and ρ_j on the common features, that state relaxes at the rates σ_j² (ρ_i^(2L+1) +
    ρ_j^(2L+1)) / (ρ_i + ρ_j) for JEPA, and σ_j² Σ_{k=0..L} w_i^(2k) w_j^(2(L-k)) with w =
    ρ^(1/(L+1)) for MAE, over all pairs (i, j); the fastest times the step may reach 2.785 for
    Runge-Kutta and 2 for descent. Exact where the covariances commute, an estimate in the basis of
    a combination of the two elsewhere; `ValueError` where Σ_yx is zero. Derived here.
    """
    second_moment = np.asarray(Sigma_xx, float)
    cross = np.asarray(Sigma_yx, float)
    require(
        cross.any(), "Sigma_yx must have a non-zero entry, got zeros: there is nothing to learn"
    )
    sizes = np.array([np.linalg.norm(second_moment), np.linalg.norm(cross)])
    # An irrational weight: no two features coincide in the combination unless they do in both
    # covariances.
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
    return STABLE_REACH[method] / float(np.max(variances * pairs))


@guarded(double=False)
def require_stable_step(
    step: Step,
    Sigma_xx: Definite,
    Sigma_yx: CrossMoment,
    depth: Depth,
    objective: Objective,
    *,
    method: Method = "runge_kutta",
) -> None:
    """Raise `ValueError` unless step <= `largest_stable_step`; traced values pass."""
    if any(is_traced(value) for value in (step, Sigma_xx, Sigma_yx)):
        return
    largest = largest_stable_step(Sigma_xx, Sigma_yx, depth, objective, method=method)
    require(
        float(step) <= largest,
        f"step must be at most {largest:g}, got {float(step):g}: above it the learned state is "
        "unstable under "
        f"{method} at this depth and these covariances, and crossings appear that the flow has not",
    )


def _checked_run(
    method,
    parameters,
    Sigma_xx,
    Sigma_yx,
    step,
    steps,
    every,
    objective,
    *,
    basis=None,
    stop_gradient=True,
    Sigma_yy=None,
    allow_float32=False,
) -> Run:
    require_room("steps", steps // every * parameters.layers.size)
    require_fitting(
        parameters, Sigma_xx=Sigma_xx, Sigma_yx=Sigma_yx, Sigma_yy=Sigma_yy, basis=basis
    )
    dtype = parameters.predictor.dtype
    if dtype != np.float64 and not allow_float32:
        raise TypeError(
            f"parameters must be float64, got {dtype}: rounding is amplified along every plateau "
            "and moves learning "
            'times, so call jax.config.update("jax_enable_x64", True), or pass allow_float32=True '
            "to see it happen"
        )
    depth, dimension = parameters.layers.shape[:2]
    require(steps % every == 0, f"steps must be a multiple of every = {every}, got {steps}")
    require_stable_step(step, Sigma_xx, Sigma_yx, depth, objective, method=method)
    require(
        objective == "mae" or stop_gradient or Sigma_yy is not None,
        "Sigma_yy must be given for stop_gradient=False: the target is differentiated too",
    )

    def cast(value):
        return None if value is None else jnp.asarray(value, dtype)

    return _run(
        parameters,
        cast(Sigma_xx),
        cast(Sigma_yx),
        cast(Sigma_yy),
        cast(np.eye(dimension) if basis is None else basis),
        cast(step),
        every,
        records=steps // every,
        objective=objective,
        method=method,
        stop_gradient=stop_gradient,
    )


@on_cpu
@partial(jax.jit, static_argnames=("records", "objective", "method", "stop_gradient"))
def _run(
    start,
    Sigma_xx,
    Sigma_yx,
    Sigma_yy,
    basis,
    step,
    every,
    *,
    records,
    objective,
    method,
    stop_gradient,
):
    def velocity(at):
        slopes = gradients(
            at, Sigma_xx, Sigma_yx, objective, stop_gradient=stop_gradient, Sigma_yy=Sigma_yy
        )
        return jax.tree.map(jnp.negative, slopes)

    def after(state, direction, time):
        return jax.tree.map(lambda value, speed: value + time * speed, state, direction)

    def euler(_, state):
        return after(state, velocity(state), step)

    def runge_kutta(_, state):
        first = velocity(state)
        second = velocity(after(state, first, step / 2))
        third = velocity(after(state, second, step / 2))
        fourth = velocity(after(state, third, step))
        mean = jax.tree.map(
            lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, first, second, third, fourth
        )
        return after(state, mean, step)

    def observe(parameters):
        return (
            jnp.linalg.norm(encoder(parameters) @ basis, axis=0),
            parameters.predictor,
            balance(parameters),
        )

    def record(state, _):
        state = lax.fori_loop(0, every, euler if method == "euler" else runge_kutta, state)
        return state, observe(state)

    final, later = lax.scan(record, start, length=records)
    strengths, predictor, residuals = jax.tree.map(
        lambda first, rest: jnp.concatenate([first[None], rest]), observe(start), later
    )
    times = jnp.arange(records + 1) * every * step
    return Run(times, strengths, predictor, residuals, final)
