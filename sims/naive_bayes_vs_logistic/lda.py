"""Linear discriminant analysis with the pooled sample covariance, on its own and compared with
maximum-likelihood logistic regression.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from sims.naive_bayes_vs_logistic.data import (
    draw_labels,
    gaussian_classes,
    sample_statistics_correlated,
)
from sims.naive_bayes_vs_logistic.domains import (
    Counts,
    DefiniteMatrix,
    InvertibleFactor,
    LabelScheme,
    MaxSamples,
    Means,
    Number,
    Priors,
)
from sims.naive_bayes_vs_logistic.logistic import ridge_logistic
from sims.naive_bayes_vs_logistic.rules import LinearRule, conditional_error
from theory_on_trial.contract import LONGEST, Interval, guarded, require, require_room

Distance = Annotated[Number, Interval(1e-6, 1e6, why="rounding would hide one scale")]
"""Δ between two classes of unit covariance."""


@guarded(double=False)
def lda(means: Means, covariance_hat: DefiniteMatrix, priors: Priors) -> LinearRule:
    """Return the rule of linear discriminant analysis, w_k = Σ̂⁻¹ μ_k and b_k = log p_k - ½ μ_kᵀ
    Σ̂⁻¹ μ_k.

    A traced singular Σ̂ cannot be refused: its rule is not finite, or meaningless where rounding
    hides the singularity. Source: Fisher 1936; the form is elementary.
    """
    factor = jnp.linalg.cholesky(jnp.asarray(covariance_hat))
    weights = jax.scipy.linalg.cho_solve((factor, True), jnp.asarray(means).T).T
    return LinearRule(weights, jnp.log(priors) - jnp.sum(weights * means, axis=1) / 2)


@guarded(double=False)
def lda_error(
    key: Key[Array, ""], counts: Counts, means: Means, factor: InvertibleFactor
) -> Float[Array, ""]:
    """Return the error of linear discriminant analysis trained on `counts` samples of Gaussian
    classes with Σ = factor factorᵀ.

    Draws the class means and a Wishart matrix instead of data; the error is exact given them, for
    equal true priors. The estimated priors are m_k/m. The counts are static.
    Raises ValueError where the sample covariance is singular, m - K < n. Source: derived here.
    """
    total = int(np.sum(counts))
    require(
        total >= sum(means.shape),
        f"counts must add up to at least n + K = {sum(means.shape)}, or the sample covariance is "
        f"singular, got {total}",
    )
    class_means, scatter = sample_statistics_correlated(key, counts, means, factor)
    covariance = factor**2 if factor.ndim == 1 else factor @ factor.T
    return conditional_error(lda(class_means, scatter, counts / counts.sum()), means, covariance)


@guarded(double=False)
def efron_pair(
    key: Key[Array, ""],
    n_samples: MaxSamples,
    distance: Distance,
    n_features: Annotated[int, Interval(1, LONGEST)],
    *,
    labels: LabelScheme = "random",
) -> Float[Array, "2"]:
    """Return the excess errors over the best rule of (LDA, unpenalised logistic regression), both
    fitted to one data set.

    The two classes have unit covariance and are at ±Δ/2 on the first axis, Δ = `distance`; LDA has
    the intercept log(m_1/m_0). The limit of the ratio of mean excesses is Efron's efficiency for
    random labels only: balanced ones have another limit. Where a data set is linearly separable
    there is no maximum-likelihood fit, and its excess is NaN. Raises ValueError for m < n + 2,
    where the sample covariance is singular. Source: Efron 1975.
    """
    require_room("n_samples and n_features", n_samples * n_features)
    require(
        n_samples >= n_features + 2, f"n_samples must be at least n_features + 2, got {n_samples}"
    )
    labels_key, features_key = jax.random.split(key)
    means = jnp.zeros((2, n_features)).at[:, 0].set(jnp.array([-0.5, 0.5]) * distance)
    classes = draw_labels(labels_key, n_samples, 2, labels)
    features = gaussian_classes(features_key, classes, means, jnp.ones(n_features))
    member = jax.nn.one_hot(classes, 2, dtype=features.dtype)
    counts = jnp.sum(member, axis=0)
    class_means = member.T @ features / counts[:, None]
    deviations = features - class_means[classes]
    discriminant = lda(class_means, deviations.T @ deviations / n_samples, counts / n_samples)
    fit = ridge_logistic(features, classes, 2, inverse_ridge=jnp.inf, start=discriminant)
    best = LinearRule(means, jnp.zeros(2))

    def excess(rule):
        return conditional_error(rule, means, jnp.ones(n_features)) - conditional_error(
            best, means, jnp.ones(n_features)
        )

    return jnp.stack([excess(discriminant), excess(fit.rule)])
