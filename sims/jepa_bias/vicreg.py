"""The VICReg loss of two batches of embeddings: invariance, variance and covariance."""

from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Holds, guarded

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
