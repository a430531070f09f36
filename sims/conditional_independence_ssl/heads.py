"""Least squares: heads on given features, pretexts learned from pairs, and the risk that a few labels leave."""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike

from theory_on_trial.arrays import AnyArray
from theory_on_trial.contract import NON_NEGATIVE, POSITIVE, Count, Interval, guarded, require, require_room
from theory_on_trial.wishart import bartlett_factor

Noise = Annotated[ScalarLike, NON_NEGATIVE]
Pairs = Annotated[int, Interval(1, 2**40)]


@guarded
def approximation_error(
    targets: Float[np.ndarray, "worlds points outputs"],
    features: Float[np.ndarray, "worlds points features"],
    weights: Annotated[Float[np.ndarray, "worlds points"], POSITIVE],
) -> Float[np.ndarray, " worlds"]:
    """Least weighted sum of squares that a linear head without intercept leaves of each world's targets.

    Singular directions of the features below 1e-10 of the largest are not used.
    """
    root = np.sqrt(weights)[..., None]
    basis, singular, _ = np.linalg.svd(root * features, full_matrices=False)
    basis = basis * (singular > 1e-10 * singular[:, :1])[:, None, :]
    left = root * targets - basis @ (basis.swapaxes(1, 2) @ (root * targets))
    return np.sum(left**2, axis=(1, 2))


@guarded
def second_moment(
    values: Float[np.ndarray, "worlds points outputs"], weights: Annotated[Float[np.ndarray, "worlds points"], POSITIVE]
) -> Float[np.ndarray, "worlds outputs outputs"]:
    """E[v v'] of each world."""
    return values.swapaxes(1, 2) @ (weights[..., None] * values)


@guarded
def head_predictions(
    features: Float[np.ndarray, "labelled features"],
    labels: Float[np.ndarray, "labelled outputs"],
    new: Float[np.ndarray, "new features"],
) -> Float[np.ndarray, "new outputs"]:
    """What the least-squares head on labelled features, of least norm where several are best, says of new ones."""
    return new @ np.linalg.lstsq(features, labels, rcond=1e-10)[0]


@guarded(double=False)
def learned_pretext(
    key: Key[Array, ""],
    n_pairs: Pairs,
    pretext: Float[AnyArray, "second dim"],
    residual_root: Float[AnyArray, "second second"],
) -> Float[Array, "second dim"]:
    """The regression of X2 on white X1 that least squares finds in n1 pairs, X2 = G x1 + R N(0, 1).

    Exact in law: with L L' the Gram matrix of the x1 by Bartlett's factor, the error of G is R N L^(-1).
    Raises ValueError for no more pairs than features.
    """
    second, dim = pretext.shape
    require(n_pairs > dim, f"n_pairs must exceed the {dim} features, got {n_pairs}")
    factor_key, noise_key = jax.random.split(key)
    factor = bartlett_factor(factor_key, dim, n_pairs)
    noise = residual_root @ jax.random.normal(noise_key, (second, dim))
    return jnp.asarray(pretext) + jax.scipy.linalg.solve_triangular(factor, noise.T, lower=True, trans="T").T


@guarded(double=False)
def leading_directions(pretext: Float[AnyArray, "second dim"], kept: Count) -> Float[Array, "kept dim"]:
    """The leading right singular vectors of a pretext as rows, on which its truncation is a head."""
    require(kept <= min(pretext.shape), f"kept must be at most {min(pretext.shape)}, got {kept}")
    return jnp.asarray(jnp.linalg.svd(pretext, full_matrices=False)[2][:kept])


@guarded(double=False)
def head_error(target: Float[AnyArray, "outputs dim"], directions: Float[AnyArray, "kept dim"]) -> Float[Array, ""]:
    """What the best head on orthonormal directions of white coordinates leaves of a target."""
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
) -> Float[Array, ""]:
    """Excess risk of least squares on n labelled samples of white normal x1, read by the rows of `head`.

    The label noise, of total variance `noise`, is averaged exactly given the samples; the rows of `head` must be
    linearly independent. Raises ValueError for fewer samples than coefficients.
    """
    n_features, dim = head.shape
    require(n_labels >= n_features + intercept, f"n_labels must be at least {n_features + intercept}, got {n_labels}")
    require_room("n_labels", n_labels * (dim + 1))
    inputs = jax.random.normal(key, (n_labels, dim))
    if intercept:
        inputs = jnp.concatenate([inputs, jnp.ones((n_labels, 1))], axis=1)
        head = jax.scipy.linalg.block_diag(head, jnp.ones((1, 1)))
        target = jnp.pad(target, ((0, 0), (0, 1)))
    features = inputs @ head.T
    # Signal and unit noise are regressed in one solve: (F'F)^(-1) [F'X T', H H'].
    right = jnp.concatenate([features.T @ (inputs @ target.T), head @ head.T], axis=1)
    solved = jax.scipy.linalg.solve(features.T @ features, right, assume_a="pos")
    fitted, spread = solved[:, : len(target)], solved[:, len(target) :]
    return jnp.sum((fitted.T @ head - target) ** 2) + noise * jnp.trace(spread)
