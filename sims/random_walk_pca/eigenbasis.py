"""Exact samples of a process's spectrum in the basis where its population covariance is diagonal."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from sims.random_walk_pca.pca import block_power, require_components
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced, require_count
from theory_on_trial.wishart import bartlett_factor


class EigenbasisSample(NamedTuple):
    """One sample spectrum, with the noise that made it.

    variances : ℓ_k, decreasing, in the units of the population eigenvalues: min(T-1, d) of them, or as many as asked.
    total_variance : the sum of all ℓ_k.
    noise_variances : W'_kk, k = 1..T-1, of mean exactly 1: the variance of the noise along each population axis.
        ℓ_k/λ_k - (W'_kk - 1) has the mean of ℓ_k/λ_k and far less scatter (a control variate).
    error : how far each ℓ_k can be from an eigenvalue (residual bound); 0 where the whole spectrum is computed.
    """

    variances: Float[Array, "components"]
    total_variance: Float[Array, ""]
    noise_variances: Float[Array, "axes"]
    error: Float[Array, "components"]


@validated
def eigenbasis_sample(
    key: Key[Array, ""], population_eigenvalues: Float[AnyArray, "axes"], dim: int, *, count: int | None = None
) -> EigenbasisSample:
    """The spectrum of one trajectory with isotropic Gaussian noise in `dim` dimensions, exact in law.

    With K = U Λ Uᵀ the population covariance and V the right singular vectors of C A, the centred Gram matrix has the
    eigenvalues of Λ^{1/2} W' Λ^{1/2}, W' = Vᵀ W V: a Wishart matrix with `dim` degrees of freedom, divided by `dim`.
    No trajectory, no centring and no cancellation; ℓ_k are squared singular values of Λ^{1/2} times a factor of W'.
    The population eigenvalues, all T-1 and decreasing, are those of any process, for example `population_spectrum`.
    Only the `count` largest ℓ_k, where given, cost half the time: two rounds of block power iteration from the leading
    population axes, good to eleven digits on spectra that fall like a walk's; the returned error tells for any other.

    Raises ValueError for dim < 1, a count outside 1..min(T-1, dim), no eigenvalues, or eigenvalues that are negative,
    not finite, all zero, or rise.
    Source: derived here, from the separable form C A W Aᵀ C.
    """
    rows, noise_variances = _scaled_factor(key, population_eigenvalues, dim)
    total_variance = jnp.sum(rows**2)
    if count is None:
        variances = jnp.linalg.svd(rows, compute_uv=False) ** 2
        return EigenbasisSample(variances, total_variance, noise_variances, jnp.zeros_like(variances))
    require_components(count, min(rows.shape))
    leading_axes = jnp.eye(rows.shape[0], min(count + 5, rows.shape[0]), dtype=rows.dtype)
    gram = rows @ rows.T
    variances, error = block_power(lambda block: gram @ block, leading_axes, total_variance, count, 2)
    return EigenbasisSample(variances, total_variance, noise_variances, error)


@validated
def eigenbasis_overlaps(
    key: Key[Array, ""], population_eigenvalues: Float[AnyArray, "axes"], dim: int, count: int
) -> Float[Array, "{count}"]:
    """(û_k · u_k)², k = 1..count: how much of each sample component lies along its population component.

    In this basis the entries of the k-th sample eigenvector are its overlaps with all population ones.
    Raises ValueError as `eigenbasis_sample`, and for a count outside 1..min(T-1, dim). Source: as there.
    """
    require_components(count, min(population_eigenvalues.shape[0], dim))
    rows, _ = _scaled_factor(key, population_eigenvalues, dim)
    vectors = jnp.linalg.eigh(rows @ rows.T)[1][:, ::-1]
    return jnp.diagonal(vectors)[:count] ** 2


def _scaled_factor(key, population_eigenvalues, dim):
    """Λ^{1/2} F with F Fᵀ = W', and the diagonal of W'."""
    axes = population_eigenvalues.shape[0]
    require_count("dim", dim, 1, "need at least one coordinate")
    require_count("the number of population_eigenvalues", axes, 1, "need at least two recorded points")
    if not is_traced(population_eigenvalues):
        values = np.asarray(population_eigenvalues)
        if not (np.isfinite(values).all() and (values >= 0).all() and values.any()):
            raise ValueError(
                "population_eigenvalues must be finite, not negative and not all zero, "
                f"got values from {values.min()} to {values.max()}"
            )
        if not (np.diff(values) <= 0).all():
            raise ValueError("population_eigenvalues must be in decreasing order, got some that rise")
    dtype = population_eigenvalues.dtype
    factor = bartlett_factor(key, axes, dim, dtype) if dim >= axes else jax.random.normal(key, (axes, dim), dtype)
    factor = factor * dim**-0.5
    return jnp.sqrt(population_eigenvalues)[:, None] * factor, jnp.sum(factor**2, axis=1)
