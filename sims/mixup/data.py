"""Samples of two Gaussian classes with opposite means and one covariance."""

import warnings
from functools import partial
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Key

from sims.mixup.domains import Covariance, Factor, Labels, Mean, Points, Separability
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Interval, guarded, is_traced, require

LabelLaw = Literal["balanced", "random"]
Size = Annotated[int, Interval(2, 2**24, why="a point for each class, and all are held at once")]
"""n, the number of points."""


class PairSample(NamedTuple):
    """Points and their labels, 0 or 1 (as floats: mixtures have labels in between)."""

    features: Float[Array, "n dim"]
    labels: Float[Array, "n"]


@guarded(double=False)
def covariance_factor(covariance: Covariance) -> Float[AnyArray, "dim dim"]:
    """The lower Cholesky factor F of Σ = F Fᵀ; NaN for a traced matrix that is not positive
    definite.
    """
    return (
        jnp.linalg.cholesky(covariance)
        if is_traced(covariance)
        else np.linalg.cholesky(np.asarray(covariance))
    )


@guarded(double=False)
@partial(jax.jit, static_argnames=("n", "labels"))
def pair_sample(
    key: Key[Array, ""],
    n: Size,
    mean: Mean,
    factor: Factor,
    separability: Separability,
    *,
    labels: LabelLaw = "balanced",
) -> PairSample:
    """Draw n points x ~ N((2y-1) μ, Σ/κ), Σ = F Fᵀ with F = `factor`, κ = `separability`.

    Labels are either half ones, then half zeros ("balanced", n even), or n fair coins given that
    both sides come up ("random"). One key gives the same noise for all κ. n and `labels` are
    static, the rest may be traced. Raises ValueError for an odd n with balanced labels.
    Source: the family of distributions of Oh & Yun 2023 (arXiv 2306.00267).
    """
    require_halves(n, labels)
    label_key, noise_key = jax.random.split(key)
    ones = (
        (jnp.arange(n) < n // 2).astype(float)
        if labels == "balanced"
        else _coins_of_both_sides(label_key, n)
    )
    noise = (
        jax.random.normal(noise_key, (n, mean.shape[0]))
        @ jnp.asarray(factor).T
        / jnp.sqrt(separability)
    )
    return PairSample((2 * ones[:, None] - 1) * mean + noise, ones)


def require_halves(n: int, labels: LabelLaw) -> None:
    """Raise `ValueError` for an odd number of points of balanced labels."""
    require(labels != "balanced" or n % 2 == 0, f"n must be even for balanced labels, got {n}")


def warn_of_one_class(labels: Labels) -> None:
    """Warn where one class has all points; traced labels pass."""
    if is_traced(labels):
        return
    values = np.asarray(labels)
    if np.all(values == values[0]) and values[0] in (0, 1):
        warnings.warn(
            "labels are all equal: mixing cannot bound the weights, and a finite minimiser exists "
            "only if 0 is "
            "interior to the hull of the mixtures",
            stacklevel=4,
        )


@guarded(double=False)
def signed_points(features: Points, labels: Labels) -> Float[AnyArray, "n dim"]:
    """S_i = (2 y_i - 1) x_i, all that empirical risk minimisation sees of a sample: iid N(μ, Σ/κ)
    for two classes.
    """
    return (2 * labels[:, None] - 1) * features


def _coins_of_both_sides(key, n):
    def toss(state):
        round_, _ = state
        return round_ + 1, jax.random.bernoulli(jax.random.fold_in(key, round_), 0.5, (n,))

    def one_sided(state):
        _, coins = state
        return jnp.all(coins == coins[0])

    return lax.while_loop(one_sided, toss, (0, jnp.zeros(n, bool)))[1].astype(float)
