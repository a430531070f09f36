"""Data of Gaussian classes that share one covariance, and the sufficient statistics of binary features."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Key

from sims.naive_bayes_vs_logistic.domain import require_classes, require_labels, require_variances
from sims.naive_bayes_vs_logistic.labels import Size, random_counts
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import AnyArray, is_traced, require_count, require_finite

DiagonalOrMatrix = Float[AnyArray, "features"] | Float[AnyArray, "features features"]


@validated
def covariance_factor(covariance: DiagonalOrMatrix) -> DiagonalOrMatrix:
    """The factor of Σ that samplers take: n standard deviations for n variances, a lower Cholesky factor for a matrix.

    A traced matrix cannot be judged: its factor is NaN where it is not positive definite.
    Raises ValueError for entries that are not finite, variances that are not positive, and a matrix that is not
    symmetric or not positive definite (the sentence gives its smallest eigenvalue).
    Source: derived here; the correlated covariance of the released code of Zheng et al. 2023 is indefinite.
    """
    if is_traced(covariance):
        return jnp.sqrt(covariance) if covariance.ndim == 1 else jnp.linalg.cholesky(covariance)
    require_finite("covariance", covariance)
    values = np.asarray(covariance)
    if values.ndim == 1:
        require_variances(covariance, "covariance")
        return np.sqrt(values)
    if not np.array_equal(values, values.T):
        raise ValueError(f"covariance must be symmetric, got a largest asymmetry of {np.abs(values - values.T).max()}")
    try:
        return np.linalg.cholesky(values)
    except np.linalg.LinAlgError:
        smallest = np.linalg.eigvalsh(values)[0]
        raise ValueError(f"covariance must be positive definite, got a smallest eigenvalue of {smallest:.6g}") from None


def coloured(factor: DiagonalOrMatrix, normals: Float[Array, "*rows features"]) -> Float[Array, "*rows features"]:
    """Give rows of independent unit normals the covariance that `factor` belongs to."""
    return normals * factor if factor.ndim == 1 else normals @ jnp.asarray(factor).T


@validated
def gaussian_classes(
    key: Key[Array, ""],
    labels: Int[AnyArray, "samples"],
    means: Float[AnyArray, "classes features"],
    factor: DiagonalOrMatrix,
) -> Float[Array, "samples features"]:
    """One row per label: x ~ N(μ_y, Σ), with `factor` the standard deviations or the Cholesky factor of Σ.

    Raises TypeError for labels that are not integers, ValueError for labels outside 0..K-1.
    Source: the simulation of Zheng et al. 2023 (released code); correlated Σ: derived here.
    """
    require_classes(means.shape[0], "the number of rows of means")
    require_labels(labels, means.shape[0])
    normals = jax.random.normal(key, (labels.shape[0], means.shape[1]), means.dtype)
    return jnp.asarray(means)[labels] + coloured(factor, normals)


@validated
def binary_statistics(
    key: Key[Array, ""],
    n_samples: Size,
    means: Float[AnyArray, "classes features"],
    priors: Float[AnyArray, "classes"],
) -> tuple[Float[Array, "classes features"], Float[Array, "features"], Float[Array, "classes"]]:
    """Estimated means, pooled variances and priors from m samples of independent binary features.

    P(x_i = 1 | y = k) = `means`[k, i]. Class counts are multinomial (drawn again until every class occurs), the ones
    of each class and feature binomial: the cost does not depend on m, and there is no data matrix. A binary feature's
    class variance is μ̂(1 - μ̂); the pooled one weights the classes by their estimated priors m_k/m.

    Raises ValueError for means outside [0, 1], priors that are not positive or do not sum to 1, and m < K.
    Source: derived here; the estimator is that of the released code of Zheng et al. 2023, without its floor.
    """
    require_classes(means.shape[0], "the number of rows of means")
    if not is_traced(n_samples):
        require_count("n_samples", int(n_samples), means.shape[0], "one sample for every class")
    if not is_traced(means) and not ((np.asarray(means) >= 0) & (np.asarray(means) <= 1)).all():
        raise ValueError(f"means must lie in [0, 1], got {np.asarray(means).min()} to {np.asarray(means).max()}")
    counts_key, ones_key = jax.random.split(key)
    counts = random_counts(counts_key, n_samples, priors)
    ones = jax.random.binomial(ones_key, counts[:, None].astype(means.dtype), jnp.asarray(means))
    class_means = ones / counts[:, None]
    class_shares = counts / n_samples
    return class_means, class_shares @ (class_means * (1 - class_means)), class_shares
