"""The parts of a bag: the data, the subsamples, and ridge regression on each subsample."""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Key, ScalarLike

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    NON_NEGATIVE,
    Interval,
    guarded,
    is_traced,
    require,
    require_room,
)

_SCALE = 1e6
Size = Annotated[int, Interval(1, 2**20)]
"""A number of points, of points of a subsample, or of members."""
Penalty = Annotated[ScalarLike, Interval(-_SCALE, _SCALE)]
"""λ, on the scale of X'X / k; 0 is least squares, of least norm where k < p."""
Variances = Annotated[Float[AnyArray, " dim"], Interval(1 / _SCALE, _SCALE)]
"""The eigenvalues of Σ, one for each direction."""
Signal = Annotated[Float[AnyArray, " dim"], NON_NEGATIVE, Interval(0, _SCALE)]
"""The mean squared coefficient along each direction."""
Noise = Annotated[ScalarLike, Interval(0, _SCALE)]
"""σ^2 = Var(y | x)."""
Points = Annotated[Float[AnyArray, "n dim"], Interval(-_SCALE, _SCALE)]
"""X, one row for each point."""
Responses = Annotated[Float[AnyArray, " n"], Interval(-_SCALE, _SCALE)]
"""y of each point."""
Subsets = Annotated[Int[AnyArray, "members subsample"], Interval(0, 2**20)]
"""The indices of each member's points."""


@guarded(double=False)
def data_set(
    key: Key[Array, ""], variances: Variances, points: Size, subsample: Size, members: Size
) -> tuple[Float[Array, "n dim"], Int[Array, "members subsample"]]:
    """Draw points with independent normal entries of the given variances, and the points of each
    member.

    Each of the `members` subsets holds `subsample` of the points, drawn without replacement and
    independently of the others. The points depend on the key, not on the subsets. Raises ValueError
    for a subsample larger than the data.
    """
    require(subsample <= points, f"subsample must be at most the {points} points, got {subsample}")
    dim = len(variances)
    require_room("points, variances and members", points * (dim + members))
    normals = jax.random.normal(key, (dim + members, points))  # in one call, which is compiled once
    return normals[:dim].T * jnp.sqrt(jnp.asarray(variances)), jnp.argsort(normals[dim:], axis=1)[
        :, :subsample
    ]


@guarded(double=False)
def smoothers(x: Points, chosen: Subsets, penalty: Penalty) -> Float[Array, "members dim n"]:
    """The matrix A of each member, which maps the responses to its coefficients A y.

    The columns of points that the member has not seen are zero. NaN where the penalty does not
    exceed minus the smallest eigenvalue of the member's Gram matrix. At λ = 0 the subsample's size
    must differ from the dimension.
    """
    require_room("x and chosen", len(chosen) * x.shape[0] * x.shape[1])
    _require_rows(x, chosen)
    x = jnp.asarray(x)

    def one(rows: Int[Array, " subsample"]) -> Float[Array, "dim n"]:
        design = x[rows]
        if design.shape[0] < design.shape[1]:
            inner = _solve(design @ design.T, design, len(rows), penalty).T
        else:
            inner = _solve(design.T @ design, design.T, len(rows), penalty)
        return jnp.zeros((x.shape[1], x.shape[0]), inner.dtype).at[:, rows].set(inner)

    return jax.lax.map(one, jnp.asarray(chosen))


@guarded(double=False)
def bagged_coefficients(
    x: Points,
    y: Responses,
    chosen: Subsets,
    penalty: Penalty,
    tolerance: Annotated[ScalarLike, Interval(0, 1)] = 1e-10,
) -> Float[Array, "members dim"]:
    """The coefficients of each member, by conjugate gradients for all members together, in the
    precision of x.

    The descent ends where the gradient is at most `tolerance` times the gradient at zero. A member
    is NaN where rounding, or a matrix that is not positive definite, keeps it from there. This is
    the quick way for a positive penalty; at λ = 0 it may take many steps.
    """
    _require_rows(x, chosen)
    return _conjugate_gradients(*map(jnp.asarray, (x, y, chosen, penalty, tolerance)))


State = tuple[Array, Array, Array, Array, Array]
"""Coefficients, negative gradients, directions, squared gradients, steps."""


@jax.jit
def _conjugate_gradients(
    x: Array, y: Array, chosen: Array, penalty: Array, tolerance: Array
) -> Array:
    members, subsample = chosen.shape
    penalty = penalty.astype(x.dtype)
    tolerance = tolerance.astype(x.dtype)
    weights = (
        jnp.zeros((members, len(x)), x.dtype)
        .at[jnp.arange(members)[:, None], chosen]
        .set(1 / subsample)
    )
    right = (weights * y.astype(x.dtype)) @ x
    first = jnp.sum(right**2, axis=1)
    goal = tolerance**2 * first

    def further(state: State) -> Array:
        *_, squares, steps = state
        return jnp.any(squares > goal) & (steps < 10 * subsample)

    def step(state: State) -> State:
        solution, gradients, direction, squares, steps = state
        image = (weights * (direction @ x.T)) @ x + penalty * direction
        curvature = jnp.sum(direction * image, axis=1)
        length = jnp.where(
            squares > goal, squares / jnp.where(curvature > 0, curvature, jnp.nan), 0
        )[:, None]
        gradients = gradients - length * image
        new = jnp.sum(gradients**2, axis=1)
        ratio = (new / jnp.where(squares > 0, squares, 1))[:, None]
        return (
            solution + length * direction,
            gradients,
            gradients + ratio * direction,
            new,
            steps + 1,
        )

    start = jnp.zeros_like(right), right, right, first, jnp.zeros((), int)
    solution, _, _, squares, _ = jax.lax.while_loop(further, step, start)
    return jnp.where((squares <= goal)[:, None], solution, jnp.nan)


def _require_rows(x: Points, chosen: Subsets) -> None:
    inside = is_traced(chosen) or np.max(chosen) < len(x)
    require(inside, f"chosen must hold indices of the {len(x)} rows of x")


def _solve(gram: Array, right: Array, subsample: int, penalty: ScalarLike) -> Array:
    """Return (gram / k + penalty)^-1 right / k, or NaN unless the matrix is positive definite."""
    shifted = gram / subsample + penalty * jnp.eye(len(gram))
    return jax.scipy.linalg.solve(shifted, right / subsample, assume_a="pos")
