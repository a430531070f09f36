"""Rows, subsamples, and ridge on each subsample: what a bag is made of."""

from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key, ScalarLike

from theory_on_trial.arrays import AnyArray
from theory_on_trial.contract import NON_NEGATIVE, Interval, guarded, require, require_room

_SCALE = 1e6
Size = Annotated[int, Interval(1, 2**20)]
"""A number of points, of points of a subsample, or of members."""
Penalty = Annotated[ScalarLike, Interval(-_SCALE, _SCALE)]
"""lambda, on the scale of X'X / k; 0 is least squares, of least norm where k < p."""
Variances = Annotated[Float[AnyArray, " dim"], Interval(1 / _SCALE, _SCALE)]
"""The eigenvalues of Sigma, one for each direction."""
Signal = Annotated[Float[AnyArray, " dim"], NON_NEGATIVE, Interval(0, _SCALE)]
"""The mean squared coefficient along each direction."""
Noise = Annotated[ScalarLike, Interval(0, _SCALE)]
"""sigma^2 = Var(y | x)."""
Points = Annotated[Float[AnyArray, "n dim"], Interval(-_SCALE, _SCALE)]
"""X, one row for each point."""
Responses = Annotated[Float[AnyArray, " n"], Interval(-_SCALE, _SCALE)]
"""y of each point."""
Subsets = Annotated[Int[AnyArray, "members subsample"], Interval(0, 2**20)]
"""The indices of each member's points."""


@guarded(double=False)
def design(key: Key[Array, ""], variances: Variances, points: Size) -> Float[Array, "n dim"]:
    """Rows with independent normal entries of these variances."""
    require_room("points and variances", points * len(variances))
    return jax.random.normal(key, (points, len(variances))) * jnp.sqrt(jnp.asarray(variances))


@guarded(double=False)
def subsets(key: Key[Array, ""], points: Size, subsample: Size, members: Size) -> Int[Array, "members subsample"]:
    """Independent uniform subsets of `subsample` of the points, without replacement."""
    require(subsample <= points, f"subsample must be at most the {points} points, got {subsample}")
    require_room("points and members", points * members)
    return jnp.argsort(jax.random.uniform(key, (members, points)), axis=1)[:, :subsample]


@guarded(double=False)
def smoothers(x: Points, chosen: Subsets, penalty: Penalty) -> Float[Array, "members dim n"]:
    """A of each member, its coefficients being A y: zero in the columns of points that it has not seen.

    NaN where the penalty does not exceed minus the smallest eigenvalue of a member's Gram matrix. At lambda = 0 the
    subsample's size must not be the dimension.
    """
    require_room("x and chosen", len(chosen) * x.shape[0] * x.shape[1])

    def one(rows: Int[Array, " subsample"]) -> Float[Array, "dim n"]:
        seen = x[rows]
        if seen.shape[0] < seen.shape[1]:
            inner = _solve(seen @ seen.T, seen, len(rows), penalty).T
        else:
            inner = _solve(seen.T @ seen, seen.T, len(rows), penalty)
        return jnp.zeros((x.shape[1], x.shape[0]), inner.dtype).at[:, rows].set(inner)

    return jax.lax.map(one, jnp.asarray(chosen))


@partial(jax.jit, static_argnames="subsample")
def _from_gram(x: Array, y: Array, chosen: Array, penalty: Array, subsample: int) -> Array:
    gram = x @ x.T

    def weights(rows: Array) -> Array:
        inner = gram[rows[:, None], rows]
        return jnp.zeros(len(x)).at[rows].set(_solve(inner, y[rows], subsample, penalty))

    return jax.lax.map(weights, chosen) @ x


@guarded(double=False)
def bagged_coefficients(x: Points, y: Responses, chosen: Subsets, penalty: Penalty) -> Float[Array, "members dim"]:
    """The coefficients of each member, from one Gram matrix of all points that the members share.

    The quick way for subsamples below the dimension or a penalty above 0; otherwise each Gram matrix is singular.
    """
    return _from_gram(jnp.asarray(x), jnp.asarray(y), jnp.asarray(chosen), jnp.asarray(penalty, float), chosen.shape[1])


def _solve(gram: Array, right: Array, subsample: int, penalty: ScalarLike) -> Array:
    """(gram / k + penalty)^-1 right / k, NaN unless the matrix is positive definite."""
    shifted = gram / subsample + penalty * jnp.eye(len(gram))
    return jax.scipy.linalg.solve(shifted, right / subsample, assume_a="pos")
