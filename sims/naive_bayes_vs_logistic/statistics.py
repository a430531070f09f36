"""Sufficient statistics of Gaussian classes, drawn from their exact laws: no data matrix is
made.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from sims.naive_bayes_vs_logistic.data import coloured
from sims.naive_bayes_vs_logistic.domains import Counts, Factor, Means, Variances
from sims.wishart import bartlett_factor, chi_square
from theory_on_trial.contract import guarded


@guarded(double=False)
def sample_statistics(
    key: Key[Array, ""], counts: Counts, means: Means, variances: Variances
) -> tuple[Float[Array, "classes features"], Float[Array, "features"]]:
    """Class means μ̂ [K, n] and pooled maximum-likelihood variances σ̂² [n] of independent Gaussian
    features.

    μ̂_ki ~ N(μ_ki, σ_i²/m_k) and m σ̂_i²/σ_i² ~ χ² with m - K degrees of freedom, all independent.
    Counts may be traced. A traced count of zero gives a mean that is not finite, a draw beyond the
    largest float an infinite variance; m = K gives variances of zero.
    Source: the classical law of normal samples (Fisher 1925); the estimator is the released code's
    (Zheng et al. 2023).
    """
    means_key, variances_key = jax.random.split(key)
    n_samples = counts.sum()
    # Of traced counts with fewer samples than classes no draw of negative freedom would ever be
    # accepted.
    freedom = jnp.maximum(jnp.asarray(n_samples - means.shape[0], means.dtype), 0)
    freedom = jnp.broadcast_to(freedom, variances.shape)
    normals = jax.random.normal(means_key, means.shape, means.dtype)
    class_means = normals * jnp.sqrt(variances / counts[:, None]) + means
    return class_means, chi_square(variances_key, freedom) / n_samples * variances


@guarded(double=False)
def sample_statistics_correlated(
    key: Key[Array, ""], counts: Counts, means: Means, factor: Factor
) -> tuple[Float[Array, "classes features"], Float[Array, "features features"]]:
    """Class means μ̂ [K, n] and pooled maximum-likelihood covariance Σ̂ [n, n] of correlated
    Gaussian features. μ̂_k ~ N(μ_k, Σ/m_k) and m Σ̂ ~ Wishart(m - K, Σ), independent; Σ = `factor`
    `factor`ᵀ, or its standard deviations. m is static, and so are the counts. Source: the classical
    law of normal samples (Wishart 1928, Bartlett 1933).
    """
    total = int(np.sum(counts))
    means_key, scatter_key = jax.random.split(key)
    n_classes, n_features = means.shape
    freedom = total - n_classes
    if freedom >= n_features:
        root = bartlett_factor(scatter_key, n_features, freedom, means.dtype)
    else:
        root = jax.random.normal(scatter_key, (n_features, freedom), means.dtype)
    coloured_root = coloured(factor, root.T)
    normals = jax.random.normal(means_key, means.shape, means.dtype)
    class_means = coloured(factor, normals) / jnp.sqrt(counts)[:, None] + means
    return class_means, coloured_root.T @ coloured_root / total
