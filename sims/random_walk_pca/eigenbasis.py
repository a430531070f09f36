"""Exact samples of a process's spectrum in the basis where its population covariance is diagonal."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from sims.random_walk_pca.domain import AnyArray, is_traced, require_count
from sims.random_walk_pca.noise_rows import bartlett_factor


class EigenbasisSample(NamedTuple):
    """One sample spectrum, with the noise that made it.

    variances : ℓ_k, decreasing, min(T-1, d) of them, in the units of the population eigenvalues.
    noise_variances : W'_kk, k = 1..T-1, of mean exactly 1: the variance of the noise along each population axis.
        ℓ_k/λ_k - (W'_kk - 1) has the mean of ℓ_k/λ_k and far less scatter (a control variate).
    """

    variances: Float[Array, "components"]
    noise_variances: Float[Array, "axes"]


def eigenbasis_sample(
    key: Key[Array, ""], population_eigenvalues: Float[AnyArray, "axes"], dim: int
) -> EigenbasisSample:
    """The spectrum of one trajectory with isotropic Gaussian noise in `dim` dimensions, exact in law.

    With K = U Λ Uᵀ the population covariance and V the right singular vectors of C A, the centred Gram matrix has the
    eigenvalues of Λ^{1/2} W' Λ^{1/2}, W' = Vᵀ W V: a Wishart matrix with `dim` degrees of freedom, divided by `dim`.
    No trajectory, no centring and no cancellation; ℓ_k are squared singular values of Λ^{1/2} times a factor of W'.
    The population eigenvalues, all T-1 and decreasing, are those of any process, for example `population_spectrum`.

    Raises ValueError for dim < 1, no eigenvalues, or eigenvalues that are negative, not finite or all zero.
    Source: derived here, from the separable form C A W Aᵀ C.
    """
    rows, noise_variances = _scaled_factor(key, population_eigenvalues, dim)
    return EigenbasisSample(jnp.linalg.svd(rows, compute_uv=False) ** 2, noise_variances)


def eigenbasis_overlaps(
    key: Key[Array, ""], population_eigenvalues: Float[AnyArray, "axes"], dim: int, count: int
) -> Float[Array, "{count}"]:
    """(û_k · u_k)², k = 1..count: how much of each sample component lies along its population component.

    In this basis the entries of the k-th sample eigenvector are its overlaps with all population ones.
    Raises ValueError as `eigenbasis_sample`, and for a count outside 1..min(T-1, dim). Source: as there.
    """
    available = min(population_eigenvalues.shape[0], dim)
    require_count("count", count, 1, "need at least one component")
    if count > available:
        raise ValueError(f"count must be at most min(n_points - 1, dim) = {available}, got {count}")
    rows, _ = _scaled_factor(key, population_eigenvalues, dim)
    vectors = jnp.linalg.eigh(rows @ rows.T)[1][:, ::-1]
    return jnp.diagonal(vectors)[:count] ** 2


def _scaled_factor(key, population_eigenvalues, dim):
    """Λ^{1/2} F with F Fᵀ = W', and the diagonal of W'."""
    axes = population_eigenvalues.shape[0]
    require_count("dim", dim, 1, "need at least one coordinate")
    require_count("the number of population eigenvalues", axes, 1, "need at least two recorded points")
    if not is_traced(population_eigenvalues):
        values = np.asarray(population_eigenvalues)
        if not (np.isfinite(values).all() and (values >= 0).all() and values.any()):
            raise ValueError(
                "population_eigenvalues must be finite, not negative and not all zero, "
                f"got values from {values.min()} to {values.max()}"
            )
    dtype = population_eigenvalues.dtype
    factor = bartlett_factor(key, axes, dim, dtype) if dim >= axes else jax.random.normal(key, (axes, dim), dtype)
    factor = factor * dim**-0.5
    return jnp.sqrt(population_eigenvalues)[:, None] * factor, jnp.sum(factor**2, axis=1)
