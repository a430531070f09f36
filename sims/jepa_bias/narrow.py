"""Encoders with fewer latents than features: which features a run ends with."""

from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from sims.jepa_bias.domains import CrossMoment, Definite, Depth, Number, Objective
from sims.on_cpu import on_cpu
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import MAY_BE_EMPTY, POSITIVE, Interval, Is, guarded, require

Steps = Annotated[int, Interval(1, 10**7, why="minutes")]
Latents = Annotated[int, Interval(1, 2**18, why="the entries of a larger matrix fit no memory")]


class NarrowNetwork(NamedTuple):
    """first : W_1, latents by features; later : W_2..W_L; predictor : V, to latents (JEPA) or to
    features (MAE).
    """

    first: Float[AnyArray, "latents dim"]
    later: Float[AnyArray, "others latents latents"]
    predictor: Float[AnyArray, "outputs latents"]


def _fits(network: NarrowNetwork) -> bool:
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
    NarrowNetwork, MAY_BE_EMPTY, Is("hold arrays whose shapes fit each other", _fits)
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
    steps: Steps,
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
    return _flow(network, jnp.asarray(Sigma_xx), jnp.asarray(Sigma_yx), step, steps, objective)


def _encoder(network):
    product = network.first
    for layer in network.later:
        product = layer @ product
    return product


@on_cpu
@partial(jax.jit, static_argnames=("steps", "objective"))
def _flow(network, second, cross, step, steps, objective):
    def loss(at):
        features = _encoder(at)
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

    return _encoder(lax.fori_loop(0, steps, runge_kutta, network))
