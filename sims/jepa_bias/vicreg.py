"""The VICReg loss of two batches of embeddings: invariance, variance and covariance."""

from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from sims.jepa_bias.domains import Number
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import NON_NEGATIVE, Holds, guarded

SAMPLES = Holds("samples", "hold at least two samples", lambda view: len(view) > 1)
Embeddings = Annotated[Float[AnyArray, "samples dim"], SAMPLES]


@guarded(double=False)
def vicreg_loss(
    Z: Embeddings, Z_prime: Embeddings, *, invariance: Number = 25.0, variance: Number = 25.0, covariance: Number = 1.0,
    target_deviation: Number = 1.0, floor: Annotated[Number, NON_NEGATIVE] = 1e-4, mean_of_branches: bool = False,
) -> Float[Array, ""]:  # fmt: skip
    """λ s(Z, Z') + μ (v(Z) + v(Z')) + ν (c(Z) + c(Z')).

    s is the mean over samples of |z - z'|², v(Z) = mean_j max(0, γ - √(Var z_j + ε)) and c(Z) = Σ_{i≠j} C_ij² / d, with
    the unbiased covariance C of the batch; λ, μ and ν are the weights `invariance`, `variance` and `covariance`, γ the
    `target_deviation` and ε the `floor`. With `mean_of_branches` v is averaged over the two branches rather than
    summed, as public implementations do.

    Source: Bardes et al. 2022.
    """
    weights = (invariance, variance, covariance, target_deviation, floor, 0.5 if mean_of_branches else 1.0)
    return _vicreg_loss(jnp.asarray(Z), jnp.asarray(Z_prime), *(jnp.asarray(weight, float) for weight in weights))


@jax.jit
def _vicreg_loss(Z, Z_prime, invariance, variance, covariance, target_deviation, floor, share):
    samples, dimension = Z.shape
    centred = [branch - jnp.mean(branch, axis=0) for branch in (Z, Z_prime)]
    moments = [branch.T @ branch / (samples - 1) for branch in centred]
    spreads = [
        jnp.mean(jnp.maximum(0, target_deviation - jnp.sqrt(jnp.diagonal(moment) + floor))) for moment in moments
    ]
    overlaps = [(jnp.sum(moment**2) - jnp.sum(jnp.diagonal(moment) ** 2)) / dimension for moment in moments]
    distance = jnp.mean(jnp.sum((Z - Z_prime) ** 2, axis=1))
    return invariance * distance + variance * share * sum(spreads) + covariance * sum(overlaps)
