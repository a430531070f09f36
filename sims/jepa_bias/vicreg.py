"""The VICReg loss of two batches of embeddings: invariance, variance and covariance."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, ScalarLike

from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, require_count, require_in_range


@validated
def vicreg_loss(
    Z: Float[AnyArray, "samples dim"],
    Z_prime: Float[AnyArray, "samples dim"],
    *,
    invariance: ScalarLike = 25.0,
    variance: ScalarLike = 25.0,
    covariance: ScalarLike = 1.0,
    target_deviation: ScalarLike = 1.0,
    floor: ScalarLike = 1e-4,
    mean_of_branches: bool = False,
) -> Float[Array, ""]:
    """λ s(Z, Z') + μ (v(Z) + v(Z')) + ν (c(Z) + c(Z')).

    s is the mean over samples of |z - z'|², v(Z) = mean_j max(0, γ - √(Var z_j + ε)) and c(Z) = Σ_{i≠j} C_ij² / d, with
    the unbiased covariance C of the batch.

    Args:
        Z: embeddings of one view.
        Z_prime: of the other.
        invariance: λ.
        variance: μ.
        covariance: ν.
        target_deviation: γ.
        floor: ε, added to every variance; at least 0.
        mean_of_branches: v is averaged over the two branches rather than summed, as public implementations do.

    Raises ValueError for fewer than two samples, a negative floor, or embeddings that are not finite.
    Source: Bardes et al. 2022.
    """
    require_count("the number of samples", Z.shape[0], 2, "one row of Z has no variance")
    require_count("the number of columns of Z", Z.shape[1], 1, "need at least one dimension")
    require_in_range("floor", floor, 0, float("inf"), includes_high=False)
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
