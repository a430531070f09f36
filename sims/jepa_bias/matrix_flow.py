"""The whole network under gradient flow and gradient descent, without the assumption that anything
is diagonal, balanced or aligned: when it learns what, and the linear flow around a state.

Float64 is required. Along a plateau every rounding error grows exponentially until a latent unit is
used for another feature, so that float32 silently gives other learning times.
"""

from functools import partial
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Bool, Complex, Float

from sims.jepa_bias.domains import (
    Basis,
    CrossMoment,
    Definite,
    Depth,
    Number,
    Objective,
    Tracking,
)
from sims.jepa_bias.networks import Network, Parameters, encoder, gradients
from sims.on_cpu import on_cpu
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    POSITIVE,
    RISING,
    Holds,
    Interval,
    Size,
    guarded,
    is_traced,
    require,
    require_room,
)

Method = Literal["flow", "descent"]
"""Runge and Kutta's method of order 4, or steps of gradient descent."""
Step = Annotated[Number, POSITIVE]
"""η, in units of time."""
Steps = Annotated[
    int, Interval(1, 10**9, why="the smallest networks take a quarter of an hour for as many")
]
# Of step * rate, on the negative real axis
_STABLE_REACH = {
    "flow": 2.785293563405282,
    "descent": 2.0,
}
SEVERAL = Holds(
    "several", "be at least two: a crossing lies between two of them", lambda times: times.size > 1
)


class Run(NamedTuple):
    """A recorded run from its start on: times (steps times their length), the strength ‖W̄ q_i‖ of
    every feature i at these times, and the parameters at the end.
    """

    times: Float[Array, "records"]
    strengths: Float[Array, "records dim"]
    parameters: Parameters


class Crossings(NamedTuple):
    """The times at which every feature first and last crosses a level upwards, and the end state.

    A time is infinite if there is no crossing. `ends_above` tells whether the last record is at or
    above the level; only then is the last crossing final.
    """

    first: Float[Array, "features"]
    last: Float[Array, "features"]
    ends_above: Bool[Array, "features"]


@guarded(double=False)
def train(
    parameters: Network,
    Sigma_xx: Definite,
    Sigma_yx: CrossMoment,
    step: Step,
    steps: Steps,
    every: Size,
    objective: Objective,
    *,
    method: Method = "flow",
    basis: Basis | None = None,
    allow_float32: bool = False,
) -> Run:
    """Follow dθ/dt = -∇loss (flow), or take steps θ -> θ - η ∇loss (descent), with η = `step`.

    The start is an `aligned_init` or one of its relatives; `steps` is a multiple of `every`, the
    steps between records. `basis` has the features q_i as columns, by default the axes. Raises
    ValueError for other `steps`, for a predictor to another space than the objective's, and for a
    step above `largest_stable_step` (where nothing overflows, but crossings appear that the flow
    does not have). Raises TypeError for parameters that are not float64, unless `allow_float32`,
    which shows what rounding does. Traced covariances and steps are not checked: call
    `require_stable_step` first. Source: the gradient flow of Littwin et al. 2024.
    """
    dimension = parameters.layers[0].shape[1]
    require_room("steps", steps // every * dimension)
    outputs = parameters.layers[-1].shape[0] if objective == "jepa" else dimension
    require(
        parameters.predictor.shape[0] == outputs,
        f"parameters must predict {outputs} outputs for {objective}, got "
        f"{parameters.predictor.shape[0]}",
    )
    dtype = parameters.predictor.dtype
    if dtype != np.float64 and not allow_float32:
        raise TypeError(
            f"parameters must be float64, got {dtype}: rounding is amplified along every plateau "
            "and moves learning "
            'times, so call jax.config.update("jax_enable_x64", True), or pass allow_float32=True '
            "to see it happen"
        )
    require(steps % every == 0, f"steps must be a multiple of every = {every}, got {steps}")
    depth = len(parameters.layers)
    require_stable_step(step, Sigma_xx, Sigma_yx, depth, objective, method=method)
    features = np.eye(dimension) if basis is None else basis
    data = (jnp.asarray(value, dtype) for value in (Sigma_xx, Sigma_yx, features, step))
    return _run(
        parameters, *data, every, records=steps // every, objective=objective, method=method
    )


@guarded(double=False)
def largest_stable_step(
    Sigma_xx: Definite,
    Sigma_yx: CrossMoment,
    depth: Depth,
    objective: Objective,
    *,
    method: Method = "flow",
) -> float:
    """The largest step at which the fully learned state is stable under the method.

    With σ_j² and ρ_j on the common features, that state relaxes at the rates σ_j² (ρ_i^(2L+1) +
    ρ_j^(2L+1)) / (ρ_i + ρ_j) for JEPA, and σ_j² Σ_{k=0..L} w_i^(2k) w_j^(2(L-k)) with w =
    ρ^(1/(L+1)) for MAE, over all pairs (i, j). The step times the fastest rate may reach 2.785 for
    Runge-Kutta and 2 for descent. This is exact where the covariances commute, and elsewhere an
    estimate in the basis of a combination of the two. Raises ValueError where Σ_yx is zero. Derived
    here.
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
    return _STABLE_REACH[method] / float(np.max(variances * pairs))


@guarded(double=False)
def require_stable_step(
    step: Step,
    Sigma_xx: Definite,
    Sigma_yx: CrossMoment,
    depth: Depth,
    objective: Objective,
    *,
    method: Method = "flow",
) -> None:
    """Raise `ValueError` unless step <= `largest_stable_step`; traced values pass."""
    if any(is_traced(value) for value in (step, Sigma_xx, Sigma_yx)):
        return
    largest = largest_stable_step(Sigma_xx, Sigma_yx, depth, objective, method=method)
    require(
        float(step) <= largest,
        f"step must be at most {largest:g}, got {float(step):g}: above it the learned state is "
        f"unstable under {method} at this depth and these covariances, and crossings appear that "
        "the flow has not",
    )


@guarded(double=False)
@jax.jit
def up_crossings(
    times: Annotated[Float[AnyArray, "records"], RISING, SEVERAL],
    strengths: Annotated[Float[AnyArray, "records features"], POSITIVE],
    levels: Annotated[Float[AnyArray, "features"], POSITIVE],
) -> Crossings:
    """The first and the last time at which each feature rises through its level, such as a fraction
    of its asymptote.

    The time is interpolated linearly in the logarithm of the strength between two records; it is
    NaN where their ratio is infinite. A feature that starts above its level and stays there has no
    crossing. Derived here.
    """
    times = times[:, None]
    before = strengths[:-1]
    after = strengths[1:]
    rises = (before < levels) & (after >= levels)
    share = jnp.log(levels / before) / jnp.log(jnp.where(rises, after / before, 2.0))
    moments = times[:-1] + (times[1:] - times[:-1]) * share
    first = jnp.min(jnp.where(rises, moments, jnp.inf), axis=0)
    last = jnp.max(jnp.where(rises, moments, -jnp.inf), axis=0)
    return Crossings(first, jnp.where(rises.any(axis=0), last, jnp.inf), strengths[-1] >= levels)


@guarded(double=False)
@partial(jax.jit, static_argnames="objective")
def flow_jacobian(
    parameters: Network, Sigma_xx: Definite, Sigma_yx: CrossMoment, objective: Objective
) -> Float[Array, "parameters parameters"]:
    """The derivative of -∇loss with respect to all parameters, layers first, at `parameters`; the
    target moves with the encoder. Derived here.
    """
    flat, unravel = ravel_pytree(parameters)
    return jax.jacfwd(
        lambda at: -ravel_pytree(gradients(unravel(at), Sigma_xx, Sigma_yx, objective))[0]
    )(flat)


@guarded(double=False)
@jax.jit
def moving_target_jacobian(
    parameters: Network, Sigma_xx: Definite, Sigma_yx: CrossMoment, tracking: Tracking
) -> Float[Array, "all all"]:
    """The derivative of JEPA's flow of layers, predictor and target layers, in this order, at a
    network whose target is its encoder; target layers u move as u' = τ (w - u). Derived here.
    """

    def velocity(state):
        online, target_layers = state
        slopes = gradients(online, Sigma_xx, Sigma_yx, "jepa", target_layers=target_layers)
        following = [tracking * (w - u) for w, u in zip(online.layers, target_layers, strict=True)]
        return jax.tree.map(jnp.negative, slopes), following

    flat, unravel = ravel_pytree((parameters, parameters.layers))
    return jax.jacfwd(lambda at: ravel_pytree(velocity(unravel(at)))[0])(flat)


@guarded(double=False)
def flow_eigenvalues(
    parameters: Network, Sigma_xx: Definite, Sigma_yx: CrossMoment, objective: Objective
) -> Complex[np.ndarray, "parameters"]:
    """The eigenvalues of `flow_jacobian` by decreasing real part: growth rates. Not jittable. Zero
    is a defective eigenvalue at every saddle, off by about the cube root of 2^-53 times the scale.
    """
    values = np.linalg.eigvals(
        np.asarray(flow_jacobian(parameters, Sigma_xx, Sigma_yx, objective))
    ).astype(complex)
    return values[np.argsort(-values.real, kind="stable")]


@on_cpu
@partial(jax.jit, static_argnames=("records", "objective", "method"))
def _run(start, Sigma_xx, Sigma_yx, basis, step, every, *, records, objective, method):
    def velocity(at):
        return jax.tree.map(jnp.negative, gradients(at, Sigma_xx, Sigma_yx, objective))

    def after(state, direction, time):
        return jax.tree.map(lambda value, speed: value + time * speed, state, direction)

    def descent(_, state):
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

    def strengths(parameters):
        return jnp.linalg.norm(encoder(parameters) @ basis, axis=0)

    def record(state, _):
        state = lax.fori_loop(0, every, descent if method == "descent" else runge_kutta, state)
        return state, strengths(state)

    final, later = lax.scan(record, start, length=records)
    times = jnp.arange(records + 1) * every * step
    return Run(times, jnp.concatenate([strengths(start)[None], later]), final)
