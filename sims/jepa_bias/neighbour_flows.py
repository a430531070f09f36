"""Neighbouring papers' gradient flows, each of its own loss by autodiff (stepwise self-supervision,
deep linear nets), and the VICReg loss.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from sims.jepa_bias.domains import (
    CrossMoment,
    Definite,
    SecondMoment,
    Times,
)
from sims.jepa_bias.scalar_flow import TOLERANCE, states_at
from sims.on_cpu import on_cpu
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import (
    Holds,
    guarded,
)

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


SAMPLES = Holds("samples", "hold at least two samples", lambda view: len(view) > 1)
Embeddings = Annotated[Float[AnyArray, "samples dim"], SAMPLES]


@guarded(double=False)
@partial(jax.jit, static_argnames="mean_of_branches")
def vicreg_loss(
    Z: Embeddings, Z_prime: Embeddings, *, mean_of_branches: bool = False
) -> Float[Array, ""]:
    """25 s(Z, Z') + 25 (v(Z) + v(Z')) + c(Z) + c(Z').

    s is the mean over samples of |z - z'|², v(Z) = mean_j max(0, 1 - √(Var z_j + 1e-4)) and c(Z) =
    Σ_{i≠j} C_ij² / d, with the unbiased covariance C of the batch. With `mean_of_branches` v is
    averaged over the two branches rather than summed, as public implementations do. Source: Bardes
    et al. 2022.
    """
    samples, dimension = Z.shape
    branches = [branch - jnp.mean(branch, axis=0) for branch in (Z, Z_prime)]
    moments = [branch.T @ branch / (samples - 1) for branch in branches]
    spreads = [
        jnp.mean(jnp.maximum(0, 1 - jnp.sqrt(jnp.diagonal(moment) + 1e-4))) for moment in moments
    ]
    overlaps = [
        (jnp.sum(moment**2) - jnp.sum(jnp.diagonal(moment) ** 2)) / dimension for moment in moments
    ]
    distance = jnp.mean(jnp.sum((Z - Z_prime) ** 2, axis=1))
    return 25.0 * distance + (12.5 if mean_of_branches else 25.0) * sum(spreads) + sum(overlaps)
