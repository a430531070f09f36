"""Data of Gaussian classes that share one covariance, and the sufficient statistics of binary
features.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from sims.naive_bayes_vs_logistic.domains import (
    DefiniteCovariance,
    Factor,
    Labels,
    Means,
    Priors,
    Size,
    require_labels,
)
from sims.naive_bayes_vs_logistic.labels import random_counts
from theory_on_trial.contract import UNIT_INTERVAL, guarded, is_traced


@guarded(double=False)
def covariance_factor(covariance: DefiniteCovariance) -> Factor:
    """The factor of Σ that samplers take: n standard deviations for n variances, a lower Cholesky
    factor for a matrix. A traced matrix cannot be judged: its factor is NaN where it is not
    positive definite. Source: derived here; the correlated covariance of the released code of Zheng
    et al. 2023 is indefinite.
    """
    library = jnp if is_traced(covariance) else np
    values = library.asarray(covariance)
    return library.sqrt(values) if values.ndim == 1 else library.linalg.cholesky(values)


def coloured(
    factor: Factor, normals: Float[Array, "*rows features"]
) -> Float[Array, "*rows features"]:
    """Give rows of independent unit normals the covariance that `factor` belongs to."""
    return normals * factor if factor.ndim == 1 else normals @ jnp.asarray(factor).T


@guarded(double=False)
def gaussian_classes(
    key: Key[Array, ""], labels: Labels, means: Means, factor: Factor
) -> Float[Array, "samples features"]:
    """One row per label: x ~ N(μ_y, Σ), with `factor` the standard deviations or the Cholesky
    factor of Σ. Raises ValueError for labels of K or more.
    Source: the simulation of Zheng et al. 2023 (released code); correlated Σ: derived here.
    """
    require_labels(labels, means.shape[0])
    normals = jax.random.normal(key, (labels.shape[0], means.shape[1]), means.dtype)
    return jnp.asarray(means)[labels] + coloured(factor, normals)


@guarded(double=False)
def binary_statistics(
    key: Key[Array, ""], n_samples: Size, means: Annotated[Means, UNIT_INTERVAL], priors: Priors
) -> tuple[Float[Array, "classes features"], Float[Array, "features"], Float[Array, "classes"]]:
    """Estimated means, pooled variances and priors from m samples of independent binary features.

    P(x_i = 1 | y = k) = `means`[k, i]. Class counts are multinomial (drawn again until every class
    occurs), the ones of each class and feature binomial: the cost does not depend on m, and there
    is no data matrix. A binary feature's class variance is μ̂(1 - μ̂); the pooled one weights the
    classes by their estimated priors m_k/m. Raises ValueError for m < K.
    Source: derived here; the estimator is that of the released code of Zheng et al. 2023, without
    its floor.
    """
    counts_key, ones_key = jax.random.split(key)
    counts = random_counts(counts_key, n_samples, priors)
    ones = jax.random.binomial(ones_key, counts[:, None].astype(means.dtype), jnp.asarray(means))
    class_means = ones / counts[:, None]
    class_shares = counts / n_samples
    return class_means, class_shares @ (class_means * (1 - class_means)), class_shares
