"""Two neighbouring papers' gradient flows, each of its own loss by autodiff: stepwise
self-supervision, deep nets.
"""

from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from sims.jepa_bias.domains import (
    CrossMoment,
    Definite,
    Dimension,
    Number,
    RandomKey,
    SecondMoment,
    Times,
)
from sims.jepa_bias.integrate import TOLERANCE, states_at
from sims.on_cpu import on_cpu
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import POSITIVE, Holds, guarded, require_room

AWAY_FROM_ZERO = Holds(
    "nonzero",
    "have a non-zero entry (0 is a saddle, where nothing moves)",
    lambda start: bool(start.any()),
)


@guarded(double=False)
@jax.jit
def views_moment(
    X: Float[AnyArray, "samples dim"], Y: Float[AnyArray, "samples dim"]
) -> Float[Array, "dim dim"]:
    """Γ = Σ (x yᵀ + y xᵀ) / 2n over n pairs of views, one pair per row; symmetric, and not always
    positive. Source: Simon et al. 2023.
    """
    cross = jnp.asarray(X).T @ jnp.asarray(Y) / X.shape[0]
    return (cross + cross.T) / 2


@guarded(double=False)
@jax.jit
def stepwise_loss(W: Float[AnyArray, "outputs dim"], moment: SecondMoment) -> Float[Array, ""]:
    """‖W Γ Wᵀ - I‖_F². Source: the linear Barlow Twins loss of Simon et al. 2023."""
    W = jnp.asarray(W)
    return jnp.sum((W @ moment @ W.T - jnp.eye(W.shape[0])) ** 2)


@guarded(double=False)
def random_embedding(
    key: RandomKey, outputs: Dimension, dimension: Dimension, scale: Annotated[Number, POSITIVE]
) -> Float[Array, "outputs d"]:
    """A start W(0) with independent entries N(0, scale²), for `stepwise_flow`."""
    require_room("outputs and dimension", outputs * dimension)
    return jnp.asarray(scale) * jax.random.normal(key, (outputs, dimension))


@guarded(double=False)
@on_cpu
@jax.jit
def stepwise_flow(
    start: Annotated[Float[AnyArray, "outputs dim"], AWAY_FROM_ZERO],
    moment: SecondMoment,
    times: Times,
) -> Float[Array, "times outputs dim"]:
    """W at the given times under dW/dt = -∇ `stepwise_loss`, from W(0) = `start`; Γ = `moment`.
    Runge-Kutta of order 8 with adaptive steps. NaN where it did not finish. TypeError without
    float64. Source: Simon et al. 2023.
    """
    require_float64("a flow away from a small start")
    return _descend(
        lambda W: stepwise_loss(W, moment), jnp.asarray(start, float), jnp.asarray(times, float)
    )


@guarded(double=False)
@on_cpu
@jax.jit
def deep_linear_flow(
    layers: Annotated[Float[AnyArray, "depth dim dim"], AWAY_FROM_ZERO],
    Sigma_xx: Definite,
    Sigma_yx: CrossMoment,
    times: Times,
) -> Float[Array, "times dim dim"]:
    """W_D ... W_1 at the given times under gradient flow of ½ E|W_D ... W_1 x - y|², from the given
    layers. Runge-Kutta of order 8 with adaptive steps on all D layers. NaN where it did not finish.
    TypeError without float64. Source: Saxe et al. 2013.
    """
    require_float64("a flow away from a small start")

    def product(layers):
        return jnp.linalg.multi_dot(list(layers[::-1])) if len(layers) > 1 else layers[0]

    def loss(layers):
        # Up to the constant ½ E|y|².
        return jnp.sum(product(layers) * (product(layers) @ Sigma_xx / 2 - Sigma_yx))

    return jax.vmap(product)(_descend(loss, jnp.asarray(layers, float), jnp.asarray(times, float)))


def _descend(loss: Callable[[Array], Array], start: Array, times: Array) -> Array:
    # Small starts grow by many e-folds: what counts as small is relative to them.
    absolute = TOLERANCE * jnp.max(jnp.abs(start))
    return states_at(
        lambda state: -jax.grad(loss)(state), start, times, method="explicit", absolute=absolute
    )
