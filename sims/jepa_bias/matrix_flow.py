"""The whole network under gradient flow and gradient descent: nothing is assumed diagonal, balanced
or aligned.

Float64 is required: along a plateau every rounding error grows exponentially until a latent unit is
re-used for another feature, so that float32 gives other learning times, and no sign of it.

When a recorded strength rises through a level: for the first time, and for good.

Partly learned states and the linear flow around them: which latent unit is about to be re-used
for which feature.

Encoders with fewer latents than features: which features a run ends with.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal, NamedTuple, TypedDict, Unpack

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
    RandomKey,
    SecondMoment,
)
from sims.jepa_bias.networks import (
    Network,
    Parameters,
    balance,
    diagonal_network,
    encoder,
    gradients,
    require_fitting,
)
from sims.on_cpu import on_cpu
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    MAY_BE_EMPTY,
    POSITIVE,
    RISING,
    Holds,
    Interval,
    Is,
    Natural,
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


SEVERAL = Holds(
    "several", "be at least two: a crossing lies between two of them", lambda times: times.size > 1
)


class Crossings(NamedTuple):
    """Up-crossings of every feature: the first and the last time (infinite if there is none), and
    the end state. `ends_above` tells whether the last record is at or above the level: only then is
    the last crossing for good.
    """

    first: Float[Array, "features"]
    last: Float[Array, "features"]
    ends_above: Bool[Array, "features"]


@guarded(double=False)
@jax.jit
def up_crossings(
    times: Annotated[Float[AnyArray, "records"], RISING, SEVERAL],
    strengths: Annotated[Float[AnyArray, "records features"], POSITIVE],
    levels: Annotated[Float[AnyArray, "features"], POSITIVE],
) -> Crossings:
    """First and last time at which each feature rises through its level (such as p times its
    asymptote). The time is interpolated linearly in the logarithm of the strength between two
    records, NaN where their ratio is infinite. A feature that starts above its level and stays
    there has none. Derived here.
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
def saddle_state(
    key: RandomKey | None,
    learned: Sequence[Natural],
    rho: Annotated[Float[AnyArray, "dim"], POSITIVE],
    depth: Depth,
    objective: Objective,
    *,
    basis: Basis | None = None,
) -> Parameters:
    """The balanced network that has learned the features in `learned` and nothing else: a
    stationary point of the flow. Every factor is ρ_i (JEPA) or ρ_i^(1/(L+1)) (MAE) on a learned
    feature and 0 on the others. `key` and `basis` as in `diagonal_network`; `learned` holds indices
    of features (else `ValueError`). Derived here.
    """
    dimension = rho.shape[0]
    require(
        max(learned, default=0) < dimension,
        f"learned must hold indices in 0..{dimension - 1}, got {learned}",
    )
    values = np.asarray(rho, float) ** (1.0 if objective == "jepa" else 1 / (depth + 1))
    values = np.where(np.isin(np.arange(dimension), np.asarray(learned, int)), values, 0.0)
    return diagonal_network(key, values, values, depth, objective, basis=basis)


@guarded(double=False)
@partial(jax.jit, static_argnames="objective")
def flow_jacobian(
    parameters: Network, Sigma_xx: Definite, Sigma_yx: CrossMoment, objective: Objective
) -> Float[Array, "parameters parameters"]:
    """The derivative of -∇loss with respect to all (L + 1) d² parameters, layers first, at
    `parameters`. It is forward-mode autodiff of the hand-written gradient, in which the target
    moves with the encoder. `ValueError` for matrices of another size than the layers. Derived here.
    """
    require_fitting(parameters, Sigma_xx=Sigma_xx, Sigma_yx=Sigma_yx)
    flat, unravel = ravel_pytree(parameters)
    return jax.jacfwd(
        lambda at: -ravel_pytree(gradients(unravel(at), Sigma_xx, Sigma_yx, objective))[0]
    )(flat)


@guarded(double=False)
def flow_eigenvalues(
    parameters: Network, Sigma_xx: Definite, Sigma_yx: CrossMoment, objective: Objective
) -> Complex[np.ndarray, "parameters"]:
    """The eigenvalues of `flow_jacobian` by decreasing real part: growth rates, in the flow clock.
    Not jittable. Zero is a defective eigenvalue at every saddle, off by about the cube root of
    2^-53 times the scale. Errors as `flow_jacobian`.
    """
    values = np.linalg.eigvals(
        np.asarray(flow_jacobian(parameters, Sigma_xx, Sigma_yx, objective))
    ).astype(complex)
    return values[np.argsort(-values.real, kind="stable")]


FewSteps = Annotated[int, Interval(1, 10**7, why="minutes")]
Latents = Annotated[int, Interval(1, 2**18, why="the entries of a larger matrix fit no memory")]


class NarrowNetwork(NamedTuple):
    """first : W_1, latents by features; later : W_2..W_L; predictor : V, to latents (JEPA) or to
    features (MAE).
    """

    first: Float[AnyArray, "latents dim"]
    later: Float[AnyArray, "others latents latents"]
    predictor: Float[AnyArray, "outputs latents"]


def _narrow_fits(network: NarrowNetwork) -> bool:
    """Whether the factors can be multiplied."""
    first, later, predictor = (tuple(getattr(factor, "shape", ())) for factor in network)
    return (
        len(first) == 2
        and len(later) == 3
        and later[1:] == (first[0], first[0])
        and len(predictor) == 2
        and predictor[1] == first[0]
    )


Narrow = Annotated[
    NarrowNetwork, MAY_BE_EMPTY, Is("hold arrays whose shapes fit each other", _narrow_fits)
]


@guarded(double=False)
def narrow_network(
    first: Float[AnyArray, "latents dim"],
    depth: Depth,
    layer: Number,
    predictor: Float[AnyArray, "outputs latents"],
) -> NarrowNetwork:
    """A network with W_1 = `first`, W_2..W_L = `layer` times the identity, and V = `predictor`.

    Derived here.
    """
    latents = first.shape[0]
    later = jnp.broadcast_to(layer * jnp.eye(latents), (depth - 1, latents, latents))
    return NarrowNetwork(jnp.asarray(first), later, jnp.asarray(predictor))


@guarded(double=False)
def narrow_flow(
    network: Narrow,
    Sigma_xx: Definite,
    Sigma_yx: CrossMoment,
    step: Annotated[Number, POSITIVE],
    steps: FewSteps,
    objective: Objective,
) -> Float[Array, "latents dim"]:
    """The encoder W̄ after `steps` steps of Runge and Kutta's method of order 4 along the gradient
    flow of ½ E|V W̄ x - T y|², T = SG(W̄) for JEPA and I for MAE.

    `ValueError` for a predictor to another space than the objective's. Source: the losses of
    Littwin et al. 2024; encoders that narrow: derived here.
    """
    latents, dim = network.first.shape
    outputs = latents if objective == "jepa" else dim
    require(
        network.predictor.shape[0] == outputs,
        f"network must predict {outputs} outputs for {objective}, got {network.predictor.shape[0]}",
    )
    return _narrow_flow(
        network, jnp.asarray(Sigma_xx), jnp.asarray(Sigma_yx), step, steps, objective
    )


def _narrow_encoder(network):
    product = network.first
    for layer in network.later:
        product = layer @ product
    return product


@on_cpu
@partial(jax.jit, static_argnames=("steps", "objective"))
def _narrow_flow(network, second, cross, step, steps, objective):
    def loss(at):
        features = _narrow_encoder(at)
        prediction = at.predictor @ features
        target = lax.stop_gradient(features) if objective == "jepa" else jnp.eye(len(second))
        square = jnp.sum(prediction * (prediction @ second)) / 2
        return square - jnp.sum(prediction * (target @ cross))

    def moved(at, slope, time):
        return jax.tree.map(lambda value, change: value - time * change, at, slope)

    def runge_kutta(_, at):
        slope = jax.grad(loss)
        first = slope(at)
        second_slope = slope(moved(at, first, step / 2))
        third = slope(moved(at, second_slope, step / 2))
        fourth = slope(moved(at, third, step))
        mean = jax.tree.map(
            lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, first, second_slope, third, fourth
        )
        return moved(at, mean, step)

    return _narrow_encoder(lax.fori_loop(0, steps, runge_kutta, network))
