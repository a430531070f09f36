"""Labels, data and sufficient statistics of Gaussian and binary classes.

Labels are balanced, or independent and drawn again until every class occurs. Gaussian classes share
one covariance. Sufficient statistics are drawn from their exact laws, so that no data matrix is
needed.
"""

from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike
from jaxtyping import Float, Int, Key

from sims.naive_bayes_vs_logistic.domains import (
    Classes,
    Counts,
    DefiniteCovariance,
    Factor,
    Labels,
    Means,
    Priors,
    Size,
    Variances,
    require_labels,
)
from sims.wishart import bartlett_factor, chi_square
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import LONGEST, UNIT_INTERVAL, Interval, guarded, is_traced, require

MOST_DRAWS = 10**6


@guarded(double=False)
def balanced_labels(
    n_samples: Annotated[int, Interval(0, LONGEST)], n_classes: Classes
) -> Int[np.ndarray, "samples"]:
    """The labels j mod K of the samples j = 0..m-1, so that every prefix is as balanced as
    possible. Source: derived here.
    """
    return np.arange(n_samples) % n_classes


@guarded(double=False)
def balanced_counts(n_samples: Size, n_classes: Classes) -> Int[AnyArray, "classes"]:
    """Return the class counts of `balanced_labels`: ⌈m/K⌉ for the first m mod K classes, ⌊m/K⌋ for
    the others.

    They are NumPy integers if m is a number, so that they stay known inside a compiled function; m
    may be traced. Raises ValueError for fewer samples than classes. Source: derived here.
    """
    require(
        n_samples >= n_classes,
        f"n_samples must be at least n_classes = {n_classes}, got {n_samples}",
    )
    if is_traced(n_samples):
        return n_samples // n_classes + (jnp.arange(n_classes) < n_samples % n_classes)
    return int(n_samples) // n_classes + (np.arange(n_classes) < int(n_samples) % n_classes)


@guarded(double=False)
def random_labels(
    key: Key[Array, ""],
    n_samples: Annotated[int, Interval(1, LONGEST)],
    priors: Priors,
    *,
    complete_prefix: Size | None = None,
) -> Int[Array, "{n_samples}"]:
    """Independent labels, all drawn again until every class occurs among the first
    `complete_prefix` (default: all).

    The expected number of draws is one over the probability that all classes occur. A traced
    `complete_prefix` below the number of classes, which no draw can satisfy, returns the first
    draw; where a class is absent from each of 10^6 draws, the last one is returned. Raises
    ValueError for a sample or prefix of fewer than K labels, a prefix longer than the sample, and
    priors with which 10^6 draws are not expected to bring one of all classes. Source: the released
    code of Zheng et al. 2023 draws its training sets again until all classes are present.
    """
    n_classes = priors.shape[0]
    prefix = n_samples if complete_prefix is None else complete_prefix
    _require_likely("n_samples" if complete_prefix is None else "complete_prefix", prefix, priors)
    require(
        prefix <= n_samples,
        f"complete_prefix must be at most n_samples = {n_samples}, got {prefix}",
    )
    log_priors = jnp.log(jnp.asarray(priors))
    in_prefix = (jnp.arange(n_samples) < prefix)[:, None]

    def draw(attempt):
        return jax.random.categorical(
            jax.random.fold_in(key, attempt), log_priors, shape=(n_samples,)
        )

    def incomplete(labels):
        occurs = jnp.any(in_prefix & (labels[:, None] == jnp.arange(n_classes)), axis=0)
        return ~jnp.all(occurs) & (prefix >= n_classes)

    return draw_while(incomplete, draw)


@guarded(double=False)
def random_counts(key: Key[Array, ""], n_samples: Size, priors: Priors) -> Int[Array, "classes"]:
    """Return the class counts of m independent labels, drawn again until every class occurs; m may
    be traced.

    A traced m below the number of classes, which no draw can satisfy, returns the first draw, in
    which a class has no samples. After 10^6 draws the last one is returned. Raises ValueError as
    `random_labels`. Source: that of `random_labels`, with multinomial counts in place of labels.
    """
    n_classes = priors.shape[0]
    _require_likely("n_samples", n_samples, priors)
    probabilities = jnp.asarray(priors)

    def draw(attempt):
        trials = jnp.asarray(n_samples, probabilities.dtype)
        return jax.random.multinomial(jax.random.fold_in(key, attempt), trials, probabilities)

    def incomplete(counts):
        return jnp.any(counts == 0) & (n_samples >= n_classes)

    return draw_while(incomplete, draw).astype(int)


def draw_while(incomplete: Callable[[Array], Array], draw: Callable[[ArrayLike], Array]) -> Array:
    """The first of `draw(0)`, `draw(1)`, ... that is complete, or the last one after `MOST_DRAWS`
    draws.
    """

    def unfinished(state):
        return incomplete(state[1]) & (state[0] < MOST_DRAWS)

    return lax.while_loop(
        unfinished, lambda state: (state[0] + 1, draw(state[0])), (jnp.array(1), draw(0))
    )[1]


def _require_likely(name, size, priors):
    """Classes occur less often together than if each were drawn on its own: the product bounds the
    probability.
    """
    if is_traced(size) or is_traced(priors):
        return
    require(
        size >= len(priors),
        f"{name} must be at least {len(priors)}, one sample for every class, got {size}",
    )
    each_occurs = -np.expm1(int(size) * np.log1p(-np.minimum(np.asarray(priors, float), 0.999)))
    require(
        MOST_DRAWS * np.prod(each_occurs) >= 1,
        f"{name} must be so large that every class occurs in one of {MOST_DRAWS} draws, got {size}",
    )


@guarded(double=False)
def equal_priors(n_classes: Classes) -> Float[np.ndarray, "classes"]:
    """Return 1/K for every class."""
    return np.full(n_classes, 1 / n_classes)


@guarded(double=False)
def covariance_factor(covariance: DefiniteCovariance) -> Factor:
    """The factor of Σ that samplers take: n standard deviations for n variances, a lower Cholesky
    factor for a matrix.

    The factor is NaN for a traced matrix that is not positive definite, since its values cannot be
    checked. Source: derived here; the correlated covariance of the released code of Zheng et al.
    2023 is indefinite.
    """
    library = jnp if is_traced(covariance) else np
    values = library.asarray(covariance)
    return library.sqrt(values) if values.ndim == 1 else library.linalg.cholesky(values)


def _coloured(
    factor: Factor, normals: Float[Array, "*rows features"]
) -> Float[Array, "*rows features"]:
    """Give rows of independent unit normals the covariance that `factor` belongs to."""
    return normals * factor if factor.ndim == 1 else normals @ jnp.asarray(factor).T


@guarded(double=False)
def gaussian_classes(
    key: Key[Array, ""], labels: Labels, means: Means, factor: Factor
) -> Float[Array, "samples features"]:
    """Return one row for each label y, drawn from N(μ_y, Σ), where `factor` is the standard
    deviations or the Cholesky factor of Σ.

    Raises ValueError for labels of K or more.
    Source: the simulation of Zheng et al. 2023 (released code); correlated Σ: derived here.
    """
    require_labels(labels, means.shape[0])
    normals = jax.random.normal(key, (labels.shape[0], means.shape[1]), means.dtype)
    return jnp.asarray(means)[labels] + _coloured(factor, normals)


@guarded(double=False)
def binary_statistics(
    key: Key[Array, ""], n_samples: Size, means: Annotated[Means, UNIT_INTERVAL], priors: Priors
) -> tuple[Float[Array, "classes features"], Float[Array, "features"], Float[Array, "classes"]]:
    """Return the estimated means, pooled variances and priors from m samples of independent binary
    features.

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


@guarded(double=False)
def sample_statistics(
    key: Key[Array, ""], counts: Counts, means: Means, variances: Variances
) -> tuple[Float[Array, "classes features"], Float[Array, "features"]]:
    """Return class means μ̂ [K, n] and pooled maximum-likelihood variances σ̂² [n] of independent
    Gaussian features.

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
    """Return class means μ̂ [K, n] and the pooled maximum-likelihood covariance Σ̂ [n, n] of
    correlated Gaussian features.

    μ̂_k ~ N(μ_k, Σ/m_k) and m Σ̂ ~ Wishart(m - K, Σ), independent; Σ = `factor`
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
    coloured_root = _coloured(factor, root.T)
    normals = jax.random.normal(means_key, means.shape, means.dtype)
    class_means = _coloured(factor, normals) / jnp.sqrt(counts)[:, None] + means
    return class_means, coloured_root.T @ coloured_root / total
