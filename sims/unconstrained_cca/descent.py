"""Stochastic gradient descent on the loss, with a new batch in each step."""

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
    """The variance of each canonical component of the embeddings after gradient descent, summed
    over both views and averaged over the second half of the steps.

    The loss is `two_batch_loss` in the off-diagonal form on normal pairs, and the embeddings have
    as many columns as there are directions. The weights start at 0.3 N(0, 1). The rate at step t is
    rate / (1 + t / 2000). `n_batches` is 1 where one batch serves both factors of the penalty, and
    2 where the second factor has a batch of its own.
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
