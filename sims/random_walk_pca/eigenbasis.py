"""Exact samples of a process's spectrum in the basis where its population covariance is
diagonal.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from sims.random_walk_pca.domains import NOT_ALL_ZERO
from sims.random_walk_pca.pca import Components, block_power
from sims.wishart import bartlett_factor
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import NON_NEGATIVE, Count, Holds, guarded, require

FALLING = Holds(
    "falling", "be in decreasing order", lambda values: bool(np.all(np.diff(values) <= 0))
)
PopulationEigenvalues = Annotated[Float[AnyArray, "axes"], NON_NEGATIVE, NOT_ALL_ZERO, FALLING]
"""λ_k, k = 1..T-1, of any process."""


class EigenbasisSample(NamedTuple):
    """One sample spectrum, with the noise that made it.

    variances : ℓ_k, decreasing, in the units of the population eigenvalues: min(T-1, d) of them, or
        as many as asked for.
    total_variance : the sum of all ℓ_k.
    noise_variances : W'_kk, k = 1..T-1, of mean exactly 1: the variance of the noise along each
        population axis. ℓ_k/λ_k - (W'_kk - 1) has the mean of ℓ_k/λ_k and a much smaller variance
        (a control variate).
    error : how far each ℓ_k can be from an eigenvalue (residual bound); 0 if the whole spectrum is
        computed.
    """

    variances: Float[Array, "components"]
    total_variance: Float[Array, ""]
    noise_variances: Float[Array, "axes"]
    error: Float[Array, "components"]


@guarded(double=False)
def eigenbasis_sample(
    key: Key[Array, ""],
    population_eigenvalues: PopulationEigenvalues,
    dim: Count,
    *,
    count: Components | None = None,
) -> EigenbasisSample:
    """The spectrum of one trajectory with isotropic Gaussian noise in `dim` dimensions, exact in
    law.

    With K = U Λ Uᵀ the population covariance and V the right singular vectors of C A, the centred
    Gram matrix has the eigenvalues of Λ^{1/2} W' Λ^{1/2}, W' = Vᵀ W V: a Wishart matrix with `dim`
    degrees of freedom, divided by `dim`. No trajectory, no centring and no cancellation; ℓ_k are
    squared singular values of Λ^{1/2} times a factor of W'. The population eigenvalues are all T-1
    of them, for example `population_spectrum`. Only the `count` largest ℓ_k, where given, cost half
    the time: two rounds of block power iteration from the leading population axes, good to eleven
    digits on spectra that fall like a walk's; the returned error tells for any other. Raises
    ValueError for a count above min(T-1, dim). Source: derived here, from the separable form C A W
    Aᵀ C.
    """
    axes = population_eigenvalues.shape[0]
    require(
        count is None or count <= min(axes, dim),
        f"count must be at most min(n_points - 1, dim) = {min(axes, dim)}, got {count}",
    )
    dtype = population_eigenvalues.dtype
    factor = (
        bartlett_factor(key, axes, dim, dtype)
        if dim >= axes
        else jax.random.normal(key, (axes, dim), dtype)
    )
    factor = factor * dim**-0.5
    rows = jnp.sqrt(population_eigenvalues)[:, None] * factor
    noise_variances = jnp.sum(factor**2, axis=1)
    total_variance = jnp.sum(rows**2)
    if count is None:
        variances = jnp.linalg.svd(rows, compute_uv=False) ** 2
        return EigenbasisSample(
            variances, total_variance, noise_variances, jnp.zeros_like(variances)
        )
    leading_axes = jnp.eye(rows.shape[0], min(count + 5, rows.shape[0]), dtype=rows.dtype)
    gram = rows @ rows.T
    variances, error = block_power(
        lambda block: gram @ block, leading_axes, total_variance, count, 2
    )
    return EigenbasisSample(variances, total_variance, noise_variances, error)


class Rotation(NamedTuple):
    """How far the leading sample components are from the population's.

    deficits : 1 - overlap² of component k with axis k. products : W'_kj², the squared products of
        the noise along axes k and j, of mean 1 / d exactly for j != k (a control variate).
    """

    deficits: Float[Array, "components"]
    products: Float[Array, "components axes"]


@guarded(double=False)
def eigenbasis_rotation(
    key: Key[Array, ""],
    population_eigenvalues: PopulationEigenvalues,
    dim: Count,
    count: Components,
) -> Rotation:
    """The rotation of the `count` leading components of one trajectory with isotropic Gaussian
    noise, exact in law, as `eigenbasis_sample`.

    Raises ValueError for a count above T-1 and for fewer dimensions than T-1. Source: as there.
    """
    axes = population_eigenvalues.shape[0]
    require(count <= axes, f"count must be at most n_points - 1 = {axes}, got {count}")
    factor = bartlett_factor(key, axes, dim, population_eigenvalues.dtype) * dim**-0.5
    rows = jnp.sqrt(population_eigenvalues)[:, None] * factor
    vectors = jnp.linalg.eigh(rows @ rows.T)[1][:, ::-1][:, :count]
    others = jnp.where(jnp.eye(axes, count, dtype=bool), 0, vectors)
    return Rotation(jnp.sum(others**2, axis=0), (factor[:count] @ factor.T) ** 2)
