"""Estimates from mini-batches of the penalty tr(V^2), where V is the sum over both views of the
covariance of the embeddings within a view.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from sims.unconstrained_cca.domains import Batch, Correlations, Form, Heads, Law
from sims.unconstrained_cca.views import embeddings
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import LONGEST, USABLE_SCALE, Interval, guarded, require

Batches = Annotated[int, Interval(2, LONGEST, why="with one batch there is no other")]
Kurtosis = Annotated[float, Interval(-2, 1e6)]
"""Excess kurtosis: 0 normal, 6 exponential, -2 a sign."""
Views = Annotated[Float[AnyArray, "2 pairs directions"], USABLE_SCALE]


@guarded(double=False)
def batch_penalties(
    key: Key[Array, ""],
    correlations: Correlations,
    weights: Heads,
    batch: Batch,
    n_batches: Batches,
    law: Law,
) -> Float[Array, "2"]:
    """Return tr(V V') and |V - V'|^2 / 2 for the matrices V, V' of two independent batches,
    averaged over all pairs of `n_batches`.

    The first number is the penalty estimated from two batches. The penalty estimated from one
    batch, tr(V^2), exceeds it in the mean by the second number.
    """
    sample = jax.vmap(
        lambda key: _within(_centred(embeddings(key, correlations, weights, batch, law)))
    )
    V = sample(jax.random.split(key, n_batches))
    squares = jnp.sum(V**2)
    square_of_sum = jnp.sum(jnp.sum(V, axis=0) ** 2)
    between = (square_of_sum - squares) / (n_batches * (n_batches - 1))
    return jnp.stack([between, squares / n_batches - between])


@guarded
def enumerated_penalties(
    correlations: Correlations, weights: Heads, batch: Batch, kurtosis: Kurtosis
) -> tuple[float, float]:
    """Return E tr(V^2), and E tr(V V') with V' of an independent batch, exactly, from all possible
    batches.

    The sources take the values 0 and ±√(kurtosis + 3). Each expectation is the mean of a polynomial
    of degree four in the sources, in which a third moment always multiplies a mean, and that is
    zero. So both hold for every law of the sources with this excess kurtosis. Raises ValueError for
    more than 3^13 batches.
    """
    n_numbers = 2 * batch * len(correlations)
    require(
        n_numbers <= 13,
        f"batch must be so small that 2 * batch * directions is at most 13, got {n_numbers}",
    )
    reach = np.sqrt(kurtosis + 3)
    signs = np.array(np.meshgrid(*[[-1, 0, 1]] * n_numbers)).reshape(n_numbers, -1)
    chances = np.prod(np.where(signs == 0, 1 - 1 / reach**2, 0.5 / reach**2), axis=0)
    signs = signs[:, chances > 0]
    chances = chances[chances > 0]
    sources, noise = reach * signs.reshape(2, batch, len(correlations), -1)
    rho = np.asarray(correlations)[:, None]
    V = 0.0
    for view, head in zip(
        (sources, rho * sources + np.sqrt(1 - rho**2) * noise), np.asarray(weights), strict=True
    ):
        Z = np.einsum("tds,dk->tks", view - view.mean(axis=0), head)
        V = V + np.einsum("tis,tjs->ijs", Z, Z) / (batch - 1)
    product = chances * V
    return float(np.sum(product * V)), float(np.sum(np.sum(product, axis=-1) ** 2))


@guarded(double=False)
def two_batch_loss(
    weights: Heads, views: Views, second: Views, form: Form = "library"
) -> Float[Array, ""]:
    """Return the loss -2 tr C + tr(V V'), where C and V come from one batch and V' from a second
    one, which may be the same.

    In the off-diagonal form C is twice the covariance between the views, and V is the sum of the
    covariances within the views. In the library form C is half the sum of all four covariances, and
    V is half the sum of those within the views. Raises ValueError for a batch of fewer than two
    pairs.
    """
    require(
        views.shape[1] > 1 and second.shape[1] > 1,
        "views and second must hold at least two pairs each",
    )
    Z, Z2 = (_centred(jnp.asarray(view) @ jnp.asarray(weights)) for view in (views, second))
    C = jnp.sum(_cross(Z[0], Z[1]).diagonal())
    V = _within(Z)
    V2 = _within(Z2)
    if form == "off-diagonal":
        return -4 * C + jnp.sum(V * V2)
    return -2 * C - jnp.trace(V) + jnp.sum(V * V2) / 4


@guarded(double=False)
def two_batch_gradient(
    weights: Heads, views: Views, second: Views, form: Form = "library"
) -> Float[Array, "2 directions columns"]:
    """Return the gradient of `two_batch_loss` with respect to the weights, by automatic
    differentiation.
    """
    return _gradient(jnp.asarray(weights), views, second, form)


_gradient = jax.jit(jax.grad(two_batch_loss), static_argnums=3)


def _centred(pairs: Float[Array, "2 pairs columns"]) -> Float[Array, "2 pairs columns"]:
    return pairs - pairs.mean(axis=1, keepdims=True)


def _cross(first: Float[Array, "pairs K"], second: Float[Array, "pairs K"]) -> Float[Array, "K K"]:
    return first.T @ second / (len(first) - 1)


def _within(pairs: Float[Array, "2 pairs columns"]) -> Float[Array, "columns columns"]:
    return _cross(pairs[0], pairs[0]) + _cross(pairs[1], pairs[1])
