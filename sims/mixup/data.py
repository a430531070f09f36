"""Samples of two Gaussian classes with opposite means and one covariance."""

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Key, ScalarLike

from sims.mixup.domain import require_pair, require_positive
from theory_on_trial.arguments.sims import validated
from theory_on_trial.arguments.sims_domain import (
    AnyArray,
    is_traced,
    require_at_most,
    require_choice,
    require_count,
    require_finite,
    require_scale,
)

LabelLaw = Literal["balanced", "random"]
MOST_POINTS = 2**24


class PairSample(NamedTuple):
    """Points and their labels, 0 or 1 (as floats: mixtures have labels in between)."""

    features: Float[Array, "n dim"]
    labels: Float[Array, "n"]


@validated
def covariance_factor(covariance: Float[AnyArray, "dim dim"]) -> Float[AnyArray, "dim dim"]:
    """The lower Cholesky factor F of Σ = F Fᵀ, which all samplers take.

    Raises ValueError for a matrix that is not finite, not symmetric, not positive definite, or without an entry from
    1e-50 to 1e50; a traced one that is not positive definite gives NaN.
    """
    if is_traced(covariance):
        return jnp.linalg.cholesky(covariance)
    require_finite("covariance", covariance)
    require_scale("covariance", covariance)
    require_count("the dimension of covariance", covariance.shape[0], 1, "a point has at least one coordinate")
    values = np.asarray(covariance)
    if not np.array_equal(values, values.T):
        raise ValueError(f"covariance must be symmetric, got a largest asymmetry of {np.abs(values - values.T).max()}")
    try:
        return np.linalg.cholesky(values)
    except np.linalg.LinAlgError:
        least = np.linalg.eigvalsh(values)[0]
        raise ValueError(
            f"covariance must be positive definite (no Bayes direction otherwise), got a least eigenvalue of {least:g}"
        ) from None


@validated
def pair_sample(
    key: Key[Array, ""],
    n: int,
    mean: Float[AnyArray, "dim"],
    factor: Float[AnyArray, "dim dim"],
    separability: ScalarLike,
    *,
    labels: LabelLaw = "balanced",
) -> PairSample:
    """Draw n points x ~ N((2y-1) μ, Σ/κ), Σ = F Fᵀ with F = `factor`, κ = `separability`.

    Labels are either half ones, then half zeros ("balanced", n even), or n fair coins given that both sides come up
    ("random"). One key gives the same noise for all κ. n and `labels` are static, the rest may be traced.

    Raises ValueError for n < 2 or > 2²⁴, an odd n with balanced labels, another label law, a mean of zero, a singular
    factor and κ not above 0, and for a mean, a factor or a κ beyond 1e-50 or 1e50.
    Source: the family of distributions of Oh & Yun 2023 (arXiv 2306.00267).
    """
    require_count("n", n, 2, "one point for each class")
    require_at_most("n", n, MOST_POINTS, "all of them are held at once")
    require_choice("labels", labels, LabelLaw)
    if labels == "balanced" and n % 2:
        raise ValueError(f"n must be even for balanced labels, got {n}")
    require_pair(mean, factor)
    require_positive("separability", separability, "the noise has variance 1 / separability")
    return _pair_sample(key, n, mean, factor, separability, labels)


@partial(jax.jit, static_argnums=(1, 5))
def _pair_sample(key, n, mean, factor, separability, labels):
    label_key, noise_key = jax.random.split(key)
    ones = (jnp.arange(n) < n // 2).astype(float) if labels == "balanced" else _coins_of_both_sides(label_key, n)
    noise = jax.random.normal(noise_key, (n, mean.shape[0])) @ jnp.asarray(factor).T / jnp.sqrt(separability)
    return PairSample((2 * ones[:, None] - 1) * mean + noise, ones)


@validated
def signed_points(features: Float[AnyArray, "n dim"], labels: Float[AnyArray, "n"]) -> Float[AnyArray, "n dim"]:
    """S_i = (2 y_i - 1) x_i, all that empirical risk minimisation sees of a sample: iid N(μ, Σ/κ) for two classes."""
    return (2 * labels[:, None] - 1) * features


def _coins_of_both_sides(key, n):
    def toss(state):
        round_, _ = state
        return round_ + 1, jax.random.bernoulli(jax.random.fold_in(key, round_), 0.5, (n,))

    def one_sided(state):
        _, coins = state
        return jnp.all(coins == coins[0])

    return lax.while_loop(one_sided, toss, (0, jnp.zeros(n, bool)))[1].astype(float)
