"""Joint laws of two views and a label, and their conditional laws."""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    COVARIANCE,
    Count,
    Interval,
    Natural,
    guarded,
    require,
    require_room,
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
