"""Joint laws of two views and a label, and least squares in them.

`DiscreteWorld` and `GaussianWorld` hold joint laws. `table_statistics` and `conditionals` condition
them, by summing and by solving. `learned_pretext` and `excess_risk` draw the pretext that n1 pairs
give and the risk that n labels give, in white coordinates of x1. `draw` gives samples as users have
them.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key, ScalarLike
from scipy.special import digamma

from sims.wishart import bartlett_factor
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    COVARIANCE,
    NON_NEGATIVE,
    POSITIVE,
    Count,
    Interval,
    Natural,
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


Few = Annotated[int, Interval(1, 2**12)]
"""Sizes of small worlds, whose tables are held whole."""
Violation = Annotated[float, Interval(-1e3, 1e3)]
"""How far X1 and X2 are from independent given Y; at 0 they are."""


class DiscreteWorld(NamedTuple):
    """Several worlds at once: probabilities of (class, x1, x2), and the values that X2 takes."""

    joint: Float[np.ndarray, "worlds classes first second"]
    values: Float[np.ndarray, "worlds second dim"]


class TableStatistics(NamedTuple):
    """Marginal and conditional laws of some worlds, from sums over their tables."""

    priors: Float[np.ndarray, "worlds classes"]
    weights: Float[np.ndarray, "worlds first"]
    """P(X1 = x1)."""
    posterior: Float[np.ndarray, "worlds first classes"]
    """P(Y = y | X1 = x1)."""
    second_weights: Float[np.ndarray, "worlds second"]
    second_posterior: Float[np.ndarray, "worlds second classes"]
    """P(Y = y | X2 = x2)."""
    pretext: Float[np.ndarray, "worlds first dim"]
    """E[X2 | X1 = x1]."""
    class_means: Float[np.ndarray, "worlds dim classes"]
    """E[X2 | Y = y]."""


@guarded
def discrete_worlds(
    rng: np.random.Generator,
    n_worlds: Count,
    n_first: Few,
    n_second: Few,
    n_classes: Few,
    dim: Few,
    *,
    rank: Few | None = None,
    violation: Violation = 0.0,
) -> DiscreteWorld:
    """Return random worlds.

    p(y) has the law Dirichlet(2), p(x1 | y) and p(x2 | y) have the law Dirichlet(1), and the values
    of X2 are standard normal. X1 and X2 are independent given Y. With a violation v each cell of
    the joint table is then multiplied by exp(v N(0, 1)), and the table is scaled to sum one. A
    `rank` below `dim` puts the values of X2 in a random subspace.
    """
    require_room("n_worlds and the sizes", n_worlds * n_classes * n_first * n_second)
    priors = rng.dirichlet(np.full(n_classes, 2.0), n_worlds)
    first = rng.dirichlet(np.ones(n_first), (n_worlds, n_classes))
    second = rng.dirichlet(np.ones(n_second), (n_worlds, n_classes))
    joint = np.einsum("wy,wya,wyb->wyab", priors, first, second)
    if violation:
        joint = joint * np.exp(violation * rng.normal(size=joint.shape))
        joint = joint / joint.sum(axis=(1, 2, 3), keepdims=True)
    values = rng.normal(size=(n_worlds, n_second, dim if rank is None else rank))
    if rank is not None:
        values = values @ rng.normal(size=(n_worlds, rank, dim))
    return DiscreteWorld(joint, values)


@guarded
def table_statistics(world: DiscreteWorld) -> TableStatistics:
    """Return the marginals, posteriors and conditional means of each world, from sums over its
    table.
    """
    joint, values = world
    priors, weights, second_weights = (joint.sum(axis=axes) for axes in ((2, 3), (1, 3), (1, 2)))
    return TableStatistics(
        priors=priors,
        weights=weights,
        posterior=joint.sum(axis=3).swapaxes(1, 2) / weights[..., None],
        second_weights=second_weights,
        second_posterior=joint.sum(axis=2).swapaxes(1, 2) / second_weights[..., None],
        pretext=joint.sum(axis=1) @ values / weights[..., None],
        class_means=(joint.sum(axis=2) @ values / priors[..., None]).swapaxes(1, 2),
    )


@guarded
def canonical_functions(
    world: DiscreteWorld, kept: Natural, *, as_functions: bool = True
) -> Float[np.ndarray, "worlds first kept"]:
    """The leading left singular functions of P(x1, x2) / sqrt(p(x1) p(x2)). Without `as_functions`
    they are left as singular vectors.
    """
    table = world.joint.sum(axis=1)
    first = np.sqrt(table.sum(axis=2))
    second = np.sqrt(table.sum(axis=1))
    vectors = np.linalg.svd(table / first[..., None] / second[:, None, :], full_matrices=False)[0][
        ..., :kept
    ]
    return vectors / first[..., None] if as_functions else vectors


class GaussianWorld(NamedTuple):
    """A world of two views and a label that are jointly normal.

    They are X1 = A1 Y + e1 and X2 = A2 Y + L e1 + e2 with independent standard normal Y, e1 and e2.
    """

    first: Float[np.ndarray, "dim causes"]
    """A1."""
    second: Float[np.ndarray, "second causes"]
    """A2."""
    leak: Float[np.ndarray, "second dim"]
    """L: at zero X1 and X2 are independent given Y."""

    @property
    def covariance(self) -> Float[np.ndarray, "all all"]:
        """The covariance of (X1, X2, Y), from the coefficients of the independent normals that make
        them.
        """
        dim, n_causes = self.first.shape
        n_second = len(self.second)
        rows = [
            [self.first, np.eye(dim), np.zeros((dim, n_second))],
            [self.second, self.leak, np.eye(n_second)],
            [np.eye(n_causes), np.zeros((n_causes, dim)), np.zeros((n_causes, n_second))],
        ]
        coefficients = np.block(rows)
        return coefficients @ coefficients.T


class Conditionals(NamedTuple):
    """The laws of X2 and Y given X1. The linear maps act on white coordinates of x1."""

    pretext: Float[np.ndarray, "second dim"]
    """E[X2 | X1]."""
    target: Float[np.ndarray, "causes dim"]
    """E[Y | X1]."""
    residual: Float[np.ndarray, "second second"]
    """Covariance of X2 given X1."""
    noise: float
    """Total variance of Y given X1."""
    noise_of_both: float
    """Total variance of Y given X1 and X2."""


@guarded
def gaussian_world(
    violation: Violation = 0.0, dim: Few = 10, second_dim: Few = 6, n_causes: Few = 2
) -> GaussianWorld:
    """A fixed world without randomness.

    With i and j counted from 0, A1 has the rows (cos j, sin j), A2 has the rows (cos 2i, sin 3i),
    and L = c cos(ij + 1) / sqrt(d1), where c is the violation. Cause l, from the third (l = 2) on,
    has the loadings cos((l + 1) j + l) and cos((l + 2) i + l).
    """
    j = np.arange(dim)[:, None]
    i = np.arange(second_dim)[:, None]
    causes = np.arange(n_causes)
    first = np.where(
        causes == 0, np.cos(j), np.where(causes == 1, np.sin(j), np.cos((causes + 1) * j + causes))
    )
    second = np.where(
        causes == 0,
        np.cos(2 * i),
        np.where(causes == 1, np.sin(3 * i), np.cos((causes + 2) * i + causes)),
    )
    return GaussianWorld(first, second, violation * np.cos(i * j.T + 1) / np.sqrt(dim))


@guarded
def conditionals(
    covariance: Annotated[Float[np.ndarray, "all all"], COVARIANCE], dim: Few, n_causes: Few
) -> Conditionals:
    """The conditional laws given X1 of jointly normal (X1, X2, Y): X1 has the first `dim`
    coordinates, Y the last `n_causes`. Raises ValueError where X2 has no coordinate, or where the
    covariance of X1 or of (X1, X2) is singular.
    """
    require(
        len(covariance) > dim + n_causes, f"covariance must have more than {dim} + {n_causes} rows"
    )
    white = np.linalg.cholesky(covariance[:dim, :dim])
    regression = np.linalg.solve(white, covariance[:dim, dim:]).T
    left = covariance[dim:, dim:] - regression @ regression.T
    views = covariance[:-n_causes, :-n_causes]
    projection = np.linalg.solve(np.linalg.cholesky(views), covariance[:-n_causes, -n_causes:])
    return Conditionals(
        pretext=regression[:-n_causes],
        target=regression[-n_causes:],
        residual=left[:-n_causes, :-n_causes],
        noise=float(np.trace(left[-n_causes:, -n_causes:])),
        noise_of_both=float(np.trace(covariance[-n_causes:, -n_causes:]) - np.sum(projection**2)),
    )


@guarded
def draw(
    rng: np.random.Generator, world: GaussianWorld, n_samples: Count
) -> tuple[
    Float[np.ndarray, "samples dim"],
    Float[np.ndarray, "samples second"],
    Float[np.ndarray, "samples causes"],
]:
    """Return independent samples of X1, X2 and Y."""
    dim, n_causes = world.first.shape
    n_second = len(world.second)
    require_room("n_samples", n_samples * (dim + n_second + n_causes))
    cause = rng.normal(size=(n_samples, n_causes))
    noise = rng.normal(size=(n_samples, dim))
    first = cause @ world.first.T + noise
    return (
        first,
        cause @ world.second.T + noise @ world.leak.T + rng.normal(size=(n_samples, n_second)),
        cause,
    )
