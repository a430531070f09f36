"""The exact expectation of the mini-batch loss, and its minimum over all weights."""

import jax
import jax.numpy as jnp
import numpy as np

from sims.unconstrained_cca.domains import Batch, Correlations, Form
from sims.unconstrained_cca.pencil import Minima, best_of
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import Size, guarded


def _expected(W, rho, m, form):  # type: ignore[no-untyped-def]
    cross = W[0].T @ (rho[:, None] * W[1])
    covariance = jnp.stack([jnp.stack([W[0].T @ W[0], cross]), jnp.stack([cross.T, W[1].T @ W[1]])])
    means = jnp.einsum("aaij,ccij->", covariance, covariance)
    # V_ij = sum_a S_(ai)(aj): each product of entries has two further pairings, i with i and i with
    # j.
    straight = jnp.einsum("acii,acjj->", covariance, covariance)
    crossed = jnp.einsum("acij,acji->", covariance, covariance)
    penalty = means + (straight + crossed) / m
    between = 2 * jnp.trace(cross)
    within = jnp.trace(covariance[0, 0] + covariance[1, 1])
    if form == "off-diagonal":
        return -2 * between + penalty
    return -(between + within) + penalty / 4


@guarded(double=False)
def minimise_expected(
    correlations: Correlations,
    n_columns: Size,
    batch: Batch,
    form: Form = "off-diagonal",
    starts: Size = 3,
) -> Minima:
    """Return the minima of the expected mini-batch loss, which BFGS finds from random starts.

    The weights of both views are returned in one matrix, those of the first view above. Raises
    TypeError without float64.
    """
    require_float64("a minimum by BFGS")
    shape = (2, len(correlations), n_columns)
    rho = jnp.asarray(correlations)

    def function(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _with_gradient(flat.reshape(shape), rho, batch - 1, form)
        return float(value), np.asarray(gradient).ravel()

    rng = np.random.default_rng(0)
    return best_of(function, rng.normal(size=(starts, 2 * shape[1], n_columns)))


_with_gradient = jax.jit(jax.value_and_grad(_expected), static_argnums=3)
