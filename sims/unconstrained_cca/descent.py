"""Stochastic gradient descent on the loss, a fresh batch in each step."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

from sims.unconstrained_cca.batches import two_batch_loss
from sims.unconstrained_cca.domains import Batch, Correlations
from sims.unconstrained_cca.views import standardised, views_of
from theory_on_trial.contract import Positive, Size, guarded

_SLOWING = 2000  # steps after which the rate has halved
_START = 0.3


@guarded(double=False)
def strengths_after_descent(
    key: Key[Array, ""],
    correlations: Correlations,
    batch: Batch,
    n_batches: Size,
    steps: Size,
    rate: Positive,
) -> Float[Array, " directions"]:
    """Variance of each canonical component, summed over both views, averaged over the second half
    of the steps.

    Off-diagonal form, normal pairs, as many columns as directions, weights that start at 0.3 N(0,
    1); the rate falls as rate / (1 + t / 2000). With one batch it stands in both factors of the
    penalty, with two (`n_batches` = 2) the second factor has a batch of its own.
    """
    directions = len(correlations)
    first, later = jax.random.split(key)
    gradient = jax.grad(two_batch_loss)

    def step(weights, t):  # type: ignore[no-untyped-def]
        sources = standardised(
            jax.random.fold_in(later, t), (n_batches, 2, batch, directions), "normal"
        )
        views = [views_of(source, correlations) for source in sources]
        weights = weights - rate / (1 + t / _SLOWING) * gradient(
            weights, views[0], views[-1], "off-diagonal"
        )
        return weights, jnp.sum(weights**2, axis=(0, 2))

    start = _START * jax.random.normal(first, (2, directions, directions))
    _, strengths = jax.lax.scan(step, start, jnp.arange(steps))
    return strengths[steps // 2 :].mean(axis=0)
