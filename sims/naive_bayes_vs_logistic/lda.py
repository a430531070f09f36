"""Linear discriminant analysis with the pooled sample covariance, alone and against maximum-likelihood regression."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Key

from sims.naive_bayes_vs_logistic.data import DiagonalOrMatrix, gaussian_classes
from sims.naive_bayes_vs_logistic.domain import require_classes, require_priors, require_variances_or_covariance
from sims.naive_bayes_vs_logistic.errors import conditional_error
from sims.naive_bayes_vs_logistic.labels import LabelScheme, draw_labels
from sims.naive_bayes_vs_logistic.linear_rule import LinearRule, Number
from sims.naive_bayes_vs_logistic.logistic import ridge_logistic
from sims.naive_bayes_vs_logistic.statistics import sample_statistics_correlated
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    AnyArray,
    is_traced,
    require_above,
    require_count,
    require_in_range,
    require_size,
)


@validated
def lda(
    means: Float[AnyArray, "classes features"],
    covariance_hat: Float[AnyArray, "features features"],
    priors: Float[AnyArray, "classes"],
) -> LinearRule:
    """Linear discriminant analysis: w_k = Σ̂⁻¹ μ_k and b_k = log p_k - ½ μ_kᵀ Σ̂⁻¹ μ_k.

    A traced singular Σ̂ cannot be refused: its rule is not finite, or meaningless where rounding hides the singularity.
    Raises ValueError for priors that are not positive or do not sum to 1, and for a Σ̂ that is not symmetric or whose
    smallest eigenvalue is not above rounding.
    Source: Fisher 1936; the form is elementary.
    """
    require_classes(means.shape[0], "the number of rows of means")
    require_count("the number of columns of means", means.shape[1], 1, "need at least one feature")
    require_priors(priors)
    require_variances_or_covariance("covariance_hat", covariance_hat)
    if not is_traced(covariance_hat):
        eigenvalues = np.linalg.eigvalsh(np.asarray(covariance_hat))
        if not eigenvalues[0] > len(eigenvalues) * np.finfo(eigenvalues.dtype).eps * eigenvalues[-1]:
            raise ValueError(f"covariance_hat must be invertible, got a smallest eigenvalue of {eigenvalues[0]:.3g}")
    factor = jnp.linalg.cholesky(jnp.asarray(covariance_hat))
    weights = jax.scipy.linalg.cho_solve((factor, True), jnp.asarray(means).T).T
    return LinearRule(weights, jnp.log(priors) - jnp.sum(weights * means, axis=1) / 2)


@validated
def lda_error(
    key: Key[Array, ""],
    counts: Int[AnyArray, "classes"],
    means: Float[AnyArray, "classes features"],
    factor: DiagonalOrMatrix,
    *,
    n_samples: int | None = None,
) -> Float[Array, ""]:
    """Error of linear discriminant analysis trained on `counts` samples of Gaussian classes with Σ = factor factorᵀ.

    Draws the class means and a Wishart matrix instead of data; the error is exact given them, for equal true priors.
    The estimated priors are m_k/m. m is static: where the counts are traced, `n_samples` must say it.

    Raises ValueError for a class without samples, and where the sample covariance is singular: m - K < n, or Σ is.
    Source: derived here.
    """
    n_classes, n_features = means.shape
    total = int(np.sum(counts)) if n_samples is None and not is_traced(counts) else n_samples
    if total is not None and total - n_classes < n_features:
        raise ValueError(
            f"counts must add up to at least n + K = {n_features + n_classes}, got {total}: "
            "the sample covariance is singular"
        )
    class_means, scatter = sample_statistics_correlated(key, counts, means, factor, n_samples=n_samples)
    covariance = factor**2 if factor.ndim == 1 else factor @ factor.T
    try:
        rule = lda(class_means, scatter, counts / counts.sum())
    except ValueError as error:
        raise ValueError(f"factor must not be singular, as a sample covariance shows: {error}") from error
    return conditional_error(rule, means, covariance)


@validated(unbounded=("return",))
def efron_pair(
    key: Key[Array, ""],
    n_samples: int,
    distance: Number,
    n_features: int,
    *,
    labels: LabelScheme = "random",
) -> Float[Array, "2"]:
    """Excess errors over the best rule of (LDA, unpenalised logistic regression), both fitted to one data set.

    Two classes of unit covariance at ±Δ/2 on the first axis, Δ = `distance`; LDA has the intercept log(m_1/m_0). The
    limit of the ratio of mean excesses is Efron's efficiency for random labels only: balanced ones have another limit.
    Where a data set is linearly separable there is no maximum-likelihood fit, and its excess is NaN.

    Raises ValueError for a distance outside 10^-6..10^6, n < 1 or m < n + 2. Source: Efron 1975.
    """
    require_above("distance", distance, 0, "the classes are one otherwise")
    require_in_range("distance", distance, 1e-6, 1e6, includes_high=True, why="rounding would hide one scale")
    require_count("n_features", n_features, 1, "need at least one feature")
    require_count("n_samples", n_samples, n_features + 2, "the sample covariance is singular otherwise")
    require_size("n_samples and n_features", n_samples * n_features)
    labels_key, features_key = jax.random.split(key)
    means = jnp.zeros((2, n_features)).at[:, 0].set(jnp.array([-0.5, 0.5]) * distance)
    drawn = draw_labels(labels_key, n_samples, 2, labels)
    features = gaussian_classes(features_key, drawn, means, jnp.ones(n_features))
    member = jax.nn.one_hot(drawn, 2, dtype=features.dtype)
    counts = jnp.sum(member, axis=0)
    class_means = member.T @ features / counts[:, None]
    centred = features - class_means[drawn]
    discriminant = lda(class_means, centred.T @ centred / n_samples, counts / n_samples)
    fit = ridge_logistic(features, drawn, 2, inverse_ridge=jnp.inf, start=discriminant)
    best = LinearRule(means, jnp.zeros(2))

    def excess(rule):
        return conditional_error(rule, means, jnp.ones(n_features)) - conditional_error(
            best, means, jnp.ones(n_features)
        )

    return jnp.stack([excess(discriminant), excess(fit.rule)])
