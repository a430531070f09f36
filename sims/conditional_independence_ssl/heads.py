"""Least squares: heads on given features, pretexts learned from pairs, and the risk with few
labels.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike
from scipy.special import digamma

from sims.wishart import bartlett_factor
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    NON_NEGATIVE,
    POSITIVE,
    Count,
    Interval,
    guarded,
    require,
    require_room,
)

Noise = Annotated[ScalarLike, NON_NEGATIVE]
Pairs = Annotated[int, Interval(1, 2**40)]


@guarded
def approximation_error(
    targets: Float[np.ndarray, "worlds points outputs"],
    features: Float[np.ndarray, "worlds points features"],
    weights: Annotated[Float[np.ndarray, "worlds points"], POSITIVE],
) -> Float[np.ndarray, " worlds"]:
    """The least weighted sum of squared residuals of a linear head without intercept, for each
    world, of its targets on its features.
    """
    root = np.sqrt(weights)[..., None]
    basis, singular, _ = np.linalg.svd(root * features, full_matrices=False)
    basis = basis * (singular > 1e-10 * singular[:, :1])[:, None, :]
    left = root * targets - basis @ (basis.swapaxes(1, 2) @ (root * targets))
    return np.sum(left**2, axis=(1, 2))


@guarded
def second_moment(
    values: Float[np.ndarray, "worlds points outputs"],
    weights: Annotated[Float[np.ndarray, "worlds points"], POSITIVE],
) -> Float[np.ndarray, "worlds outputs outputs"]:
    """Return E[v v'] for the values v of each world, with the given weights of the points."""
    return values.swapaxes(1, 2) @ (weights[..., None] * values)


@guarded
def head_predictions(
    features: Float[np.ndarray, "labelled features"],
    labels: Float[np.ndarray, "labelled outputs"],
    new: Float[np.ndarray, "new features"],
) -> Float[np.ndarray, "new outputs"]:
    """The predictions for new features of the least-squares head on labelled ones. Where several
    heads are best, it is the one of least norm.
    """
    return new @ np.linalg.lstsq(features, labels, rcond=1e-10)[0]


@guarded(double=False)
def learned_pretext(
    key: Key[Array, ""],
    n_pairs: Pairs,
    pretext: Float[AnyArray, "second dim"],
    residual_root: Float[AnyArray, "second second"],
) -> Float[Array, "second dim"]:
    """The least-squares regression of X2 on white X1 from n1 pairs, where X2 = G x1 + R N(0, 1).

    It is drawn from its exact law by Bartlett's factor; G is `pretext` and R is `residual_root`.
    Raises ValueError unless there are more pairs than features.
    """
    dim = pretext.shape[1]
    require(n_pairs > dim, f"n_pairs must exceed the {dim} features, got {n_pairs}")
    factor = bartlett_factor(jax.random.fold_in(key, 0), dim, n_pairs)
    noise = pretext_noise(key, residual_root, dim)
    return (
        jnp.asarray(pretext)
        + jax.scipy.linalg.solve_triangular(factor, noise.T, lower=True, trans="T").T
    )


@guarded(double=False)
def pretext_noise(
    key: Key[Array, ""], residual_root: Float[AnyArray, "second second"], dim: Count
) -> Float[Array, "second dim"]:
    """The noise R N in the pretext that `learned_pretext` learns with the same key. It is about √n1
    times the error of that pretext.
    """
    require_room("dim", len(residual_root) * dim)
    return jnp.asarray(
        residual_root @ jax.random.normal(jax.random.fold_in(key, 1), (len(residual_root), dim))
    )


@guarded(double=False)
def leading_directions(
    pretext: Float[AnyArray, "second dim"], kept: Count
) -> Float[Array, "kept dim"]:
    """The `kept` leading right singular vectors of a pretext, as rows. A head on its truncation is
    a head on these directions. Raises ValueError for more than there are.
    """
    require(kept <= min(pretext.shape), f"kept must be at most {min(pretext.shape)}, got {kept}")
    return jnp.asarray(jnp.linalg.svd(pretext, full_matrices=False)[2][:kept])


@guarded(double=False)
def head_error(
    target: Float[AnyArray, "outputs dim"], directions: Float[AnyArray, "kept dim"]
) -> Float[Array, ""]:
    """The residual variance of a target under the best head on the given orthonormal directions of
    white coordinates.
    """
    return jnp.sum((target - target @ directions.T @ directions) ** 2)


@guarded(double=False)
def excess_risk(
    key: Key[Array, ""],
    n_labels: Count,
    target: Float[AnyArray, "outputs dim"],
    head: Float[AnyArray, "features dim"],
    noise: Noise,
    *,
    intercept: bool = False,
    steadied: bool = False,
) -> Float[Array, ""]:
    """The excess risk of least squares on n labelled samples of white normal x1, whose features are
    `head` times x1.

    The mean over the label noise, of total variance `noise`, is exact given the samples. The rows
    of `head` must be linearly independent. `steadied` subtracts a variable of mean zero: the mean
    stays, and the sampling error falls to a third (10 features, 25 samples) or less. Raises
    ValueError for fewer samples than coefficients, or for fewer than two more if steadied.
    """
    n_features, dim = head.shape
    least = n_features + intercept + 2 * steadied
    require(n_labels >= least, f"n_labels must be at least {least}, got {n_labels}")
    require_room("n_labels", n_labels * (dim + 1))
    inputs = jax.random.normal(key, (n_labels, dim))
    if intercept:
        inputs = jnp.concatenate([inputs, jnp.ones((n_labels, 1))], axis=1)
        head = jax.scipy.linalg.block_diag(head, jnp.ones((1, 1)))
        target = jnp.pad(target, ((0, 0), (0, 1)))
    features = inputs @ head.T
    gram = features.T @ features
    # Signal and unit noise are regressed in one solve: (F'F)^(-1) [F'X T', H H'].
    right = jnp.concatenate([features.T @ (inputs @ target.T), head @ head.T], axis=1)
    solution = jax.scipy.linalg.solve(gram, right, assume_a="pos")
    estimate = solution[:, : len(target)]
    spread = jnp.trace(solution[:, len(target) :])
    if steadied:
        rows = head[:n_features, :dim]
        sums = gram[:n_features, -1]
        scatter = gram[:n_features, :n_features] - intercept * jnp.outer(sums, sums) / n_labels
        spread = spread - _chance_of_spread(scatter, rows @ rows.T, n_labels - intercept)
    return jnp.sum((estimate.T @ head - target) ** 2) + noise * spread


def _chance_of_spread(
    wishart: Float[Array, "features features"],
    covariance: Float[AnyArray, "features features"],
    freedom: int,
) -> Array:
    """Return an estimate of the amount by which tr C W^(-1) differs from its mean, from tr C^(-1) W
    and log det W, whose means are known.
    """
    n_features = len(wishart)
    white = jax.scipy.linalg.solve(covariance, wishart, assume_a="pos")
    root = jnp.linalg.cholesky(wishart)
    unit = jnp.linalg.cholesky(covariance)
    log = 2 * jnp.sum(jnp.log(jnp.diag(root) / jnp.diag(unit)))
    mean_log = np.sum(digamma((freedom - np.arange(n_features)) / 2)) + n_features * np.log(2)
    return (jnp.trace(white) / freedom - n_features - 2 * (log - mean_log)) / (
        freedom - n_features - 1
    )
