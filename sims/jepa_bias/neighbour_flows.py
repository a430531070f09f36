"""Two neighbouring papers' gradient flows, each of its own loss by autodiff: stepwise self-supervision, deep nets."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from sims.jepa_bias.domain import require_covariances
from sims.jepa_bias.integrate import TOLERANCE, states_at
from sims.jepa_bias.scalar_flow import require_times
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    AnyArray,
    is_traced,
    require_above,
    require_count,
    require_finite,
    require_size,
)
from theory_on_trial.precision import require_float64


@validated
def views_moment(X: Float[AnyArray, "samples dim"], Y: Float[AnyArray, "samples dim"]) -> Float[Array, "dim dim"]:
    """Γ = Σ (x yᵀ + y xᵀ) / 2n over n pairs of views, one pair per row; symmetric, and not always positive.

    Raises ValueError for entries that are not finite. Source: Simon et al. 2023.
    """
    require_finite("X", X)
    require_finite("Y", Y)
    cross = jnp.asarray(X).T @ jnp.asarray(Y) / X.shape[0]
    return (cross + cross.T) / 2


@validated
def stepwise_loss(W: Float[AnyArray, "outputs dim"], moment: Float[AnyArray, "dim dim"]) -> Float[Array, ""]:
    """‖W Γ Wᵀ - I‖_F². Source: the linear Barlow Twins loss of Simon et al. 2023."""
    W = jnp.asarray(W)
    return jnp.sum((W @ moment @ W.T - jnp.eye(W.shape[0])) ** 2)


@validated
def random_embedding(key: Key[Array, ""], outputs: int, dimension: int, scale: ScalarLike) -> Float[Array, "outputs d"]:
    """A start W(0) with independent entries N(0, scale²); ValueError for a count below 1 or a scale not above 0."""
    require_count("outputs", outputs, 1, "need at least one")
    require_count("dimension", dimension, 1, "need at least one feature")
    require_size("outputs and dimension", outputs * dimension)
    require_above("scale", scale, 0, "0 is a saddle, where nothing moves")
    return jnp.asarray(scale) * jax.random.normal(key, (outputs, dimension))


@validated(unbounded=("return",))
def stepwise_flow(
    start: Float[AnyArray, "outputs dim"], moment: Float[AnyArray, "dim dim"], times: Float[AnyArray, "times"]
) -> Float[Array, "times outputs dim"]:
    """W at the given times under dW/dt = -∇ `stepwise_loss`, from W(0) = `start`; Γ = `moment` is symmetric.

    Runge-Kutta of order 8 with adaptive steps. NaN where it did not finish. Raises ValueError for a Γ that is not
    finite or not of W's dimension, a start of zeros, or times that are not increasing from 0 or later; TypeError
    without float64.
    Source: Simon et al. 2023.
    """
    require_float64("a flow away from a small start")
    require_finite("moment", moment)
    if moment.shape != (start.shape[1], start.shape[1]):
        raise ValueError(f"moment must be {start.shape[1]} x {start.shape[1]} as W has columns, got {moment.shape}")
    require_start("start", start)
    require_times(times)
    return _stepwise_flow(jnp.asarray(start, float), jnp.asarray(moment, float), jnp.asarray(times, float))


@validated(unbounded=("return",))
def deep_linear_flow(
    layers: Float[AnyArray, "depth dim dim"],
    Sigma_xx: Float[AnyArray, "dim dim"],
    Sigma_yx: Float[AnyArray, "dim dim"],
    times: Float[AnyArray, "times"],
) -> Float[Array, "times dim dim"]:
    """W_D ... W_1 at the given times under gradient flow of ½ E|W_D ... W_1 x - y|², from the given layers.

    Runge-Kutta of order 8 with adaptive steps on all D layers. NaN where it did not finish. Raises ValueError for
    degenerate covariances, layers of zeros, or times that are not increasing from 0 or later; TypeError without
    float64. Source: Saxe et al. 2013.
    """
    require_float64("a flow away from a small start")
    require_start("layers", layers)
    require_covariances(Sigma_xx, Sigma_yx, layers.shape[1])
    require_times(times)
    return _deep_linear_flow(
        jnp.asarray(layers, float),
        jnp.asarray(Sigma_xx, float),
        jnp.asarray(Sigma_yx, float),
        jnp.asarray(times, float),
    )


def require_start(name: str, start: Float[AnyArray, "..."]) -> None:
    """Raise `ValueError` for a start of zeros only, or of no numbers; traced values pass."""
    if not is_traced(start) and not start.any():
        raise ValueError(f"{name} must have a non-zero entry, got none: 0 is a saddle, where nothing moves")


@jax.jit
def _stepwise_flow(start, moment, times):
    return _descend(lambda W: stepwise_loss(W, moment), start, times)


@jax.jit
def _deep_linear_flow(layers, Sigma_xx, Sigma_yx, times):
    def product(layers):
        return jnp.linalg.multi_dot(list(layers[::-1])) if len(layers) > 1 else layers[0]

    def loss(layers):
        # Up to the constant ½ E|y|².
        return jnp.sum(product(layers) * (product(layers) @ Sigma_xx / 2 - Sigma_yx))

    return jax.vmap(product)(_descend(loss, layers, times))


def _descend(loss: Callable[[Array], Array], start: Array, times: Array) -> Array:
    # Small starts grow by many e-folds: what counts as small is relative to them.
    absolute = TOLERANCE * jnp.max(jnp.abs(start))
    return states_at(lambda state: -jax.grad(loss)(state), start, times, method="explicit", absolute=absolute)
