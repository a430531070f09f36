"""The cells of a hyperplane arrangement in general position, each met exactly once.

A linear dichotomy is a cell of the arrangement of the hyperplanes a_i·w = 0, a_i = (1, x_i), in the
space of weights, of dimension D = d + 1. Fix the sign of the first point (the other half are the
negatives) and cut with a_1·w = 1: the cells are now polyhedra, and one that is bounded below along
a generic direction has exactly one lowest vertex, where d of the hyperplanes meet. So the subsets
of d points give these cells without repetition; the cells that are unbounded below are those of the
arrangement at infinity, one dimension lower, and so on down to a single ray. In all Σ_{k<=d} C(n-1,
k) cells, one for each subset, and as many negatives: Cover's count, without a set of cells seen.
Derived here.
"""

import math
from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Int, Real

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.base.precision import require_float64
from theory_on_trial.contract import require

LARGEST_HALF = 10**10
"""Cells of one half: hours of work."""


def lift(points: Real[AnyArray, "points dim"]) -> Float[Array, "points dim+1"]:
    """The rows (1, x_i) with each coordinate divided by a power of two, which is exact, so that its
    largest absolute value is about one. Raises TypeError without float64, and ValueError for points
    with too many dichotomies.
    """
    require_float64("the enumeration of dichotomies")
    n_points, dim = points.shape
    require(
        _half_size(n_points, dim + 1) <= LARGEST_HALF,
        f"points must have at most {LARGEST_HALF} dichotomies in one half, got {n_points} points "
        f"in {dim} dimensions",
    )
    coordinates = np.asarray(points, float)
    _, exponents = np.frexp(np.abs(coordinates).max(axis=0))
    return jnp.asarray(
        np.column_stack([np.ones(len(coordinates)), np.ldexp(coordinates, -exponents)])
    )


@jax.jit
def half_of_cells(
    lifted: Float[Array, "points dims"],
) -> tuple[Bool[Array, "cells points"], Int[Array, ""]]:
    """Return all cells of one half, those with b_1 = 1, and the rank of the first cell with a sign
    that rounding leaves in doubt, as `fold_cells` returns it.
    """
    n_points, dim = lifted.shape
    ranks = jnp.arange(_half_size(n_points, dim))
    cells, in_doubt = jax.vmap(partial(_cell, lifted, _flags(lifted)))(
        *_subsets(ranks, n_points, dim)
    )
    return cells, jnp.min(jnp.where(in_doubt, ranks, len(ranks)))


def fold_cells(
    lifted: Float[Array, "points dims"], step: Callable[[Any, Any, Any], Any], state: Any
) -> tuple[Any, Int[Array, ""]]:
    """Run `state = step(state, dichotomies, is_new)` over one half of the cells, those with b_1 =
    1, chunk by chunk.

    `is_new` is false for the repetitions that fill the last chunk. Returns the last state and the
    rank of the first cell with a sign that rounding leaves in doubt, which
    `require_general_position` takes.
    """
    n_points, dim = lifted.shape
    flags = _flags(lifted)
    n_cells = _half_size(n_points, dim)
    # A chunk's working set stays in the processor's cache; an accelerator wants long chunks.
    width = min(n_cells, max(1, 2 ** (17 if jax.default_backend() == "cpu" else 25) // n_points))

    def chunk(carry, first):
        state, doubtful = carry
        ranks = first + jnp.arange(width)
        subsets = _subsets(jnp.minimum(ranks, n_cells - 1), n_points, dim)
        cells, in_doubt = jax.vmap(partial(_cell, lifted, flags))(*subsets)
        doubtful = jnp.minimum(doubtful, jnp.min(jnp.where(in_doubt, ranks, n_cells)))
        return (step(state, cells, ranks < n_cells), doubtful), None

    return lax.scan(chunk, (state, jnp.array(n_cells)), jnp.arange(0, n_cells, width))[0]


def require_general_position(doubtful: Int[AnyArray, ""], n_points: int, dim: int) -> None:
    """Raise `ValueError` if some cell has a sign in doubt, and name the points of the first one.
    `dim` is D = d + 1.
    """
    if doubtful < _half_size(n_points, dim):
        sizes, rows = _subsets(jnp.asarray(doubtful)[None], n_points, dim)
        named = sorted(
            {int(row) for row in rows[0] if row < n_points} | ({0} if sizes[0] < dim - 1 else set())
        )
        raise ValueError(
            f"points must be in general position, but rows {named} and some other row lie on one "
            "hyperplane, or too "
            "near to it for float64 (lattice data always do: use the integer programs)"
        )


def _cell(lifted, flags, size, rows):
    """The cell whose lowest vertex lies on the hyperplanes `rows`, of which `size` belong to
    points, the rest to flags. With f_0 = a_1 and generic f_1..f_d: the vertex is sought in the
    space where f_0..f_{d-1-size} vanish, cut with f_{d-size}·w = ±1 (+ for the points as given, -
    at infinity), and f_{d+1-size} decides what is lower.
    """
    n_points, dim = lifted.shape
    meeting = list(jnp.concatenate([lifted, flags])[rows])
    cut = flags[dim - 1 - size]
    lower = flags[(dim - size) % dim]
    ray = _normal(meeting)
    volume = cut @ ray
    scores = sum(ray[c] * lifted[:, c] for c in range(dim))
    # By Cramer's rule sides[j] / volume is how fast the height grows along the edge that leaves the
    # j-th hyperplane.
    sides = jnp.stack(
        [cut @ _normal([*meeting[:j], lower, *meeting[j + 1 :]]) for j in range(dim - 1)]
    )
    signs = (scores > 0) == jnp.where(size == dim - 1, volume > 0, volume < 0)
    index = jnp.arange(n_points)
    for j in range(dim - 1):
        signs = jnp.where(index == rows[j], (sides[j] > 0) == (volume > 0), signs)

    # Each determinant is a sum of products with one entry of each row, rounded at most dim (dim +
    # 1) times.
    lengths = [jnp.abs(row).sum() for row in meeting]
    rounding = dim * (dim + 1) * 2.0**-53 * math.prod(lengths)
    is_settled = jnp.any(index[:, None] == rows, axis=1) | (index == 0)
    side_rounding = rounding * jnp.abs(lower).sum() * jnp.abs(cut).sum() / jnp.stack(lengths)
    in_doubt = (
        jnp.any((jnp.abs(scores) <= rounding * jnp.abs(lifted).sum(axis=1)) & ~is_settled)
        | (jnp.abs(volume) <= rounding * jnp.abs(cut).sum())
        | jnp.any((jnp.abs(sides) <= side_rounding) & (rows < n_points))
    )
    return signs | (index == 0), in_doubt


def _normal(rows):
    """The vector v with a·v = det(rows, a) for every a: the cross product of D - 1 rows, by
    Laplace's expansion.
    """
    dim = len(rows) + 1
    minors: dict[tuple[int, ...], Any] = {(): 1.0}
    for order, row in enumerate(rows, start=1):
        minors = {
            columns: sum(
                (-1) ** j * row[c] * minors[columns[:j] + columns[j + 1 :]]
                for j, c in enumerate(columns)
            )
            for columns in combinations(range(dim), order)
        }
    without = [tuple(column for column in range(dim) if column != c) for c in range(dim)]
    return jnp.stack([(-1) ** c * minors[columns] for c, columns in enumerate(without)])


def _subsets(ranks, n_points, dim):
    """Return the size of each rank's subset and its rows: D - 1 of them, points 1.. (never the
    first), filled up with flags. Larger subsets come first; within a size the order is that of the
    combinatorial number system.
    """
    per_size = [math.comb(n_points - 1, size) for size in reversed(range(dim))]
    starts = jnp.asarray(np.cumsum([0, *per_size[:-1]]))
    level = jnp.searchsorted(starts, ranks, side="right") - 1
    sizes = dim - 1 - level
    ranks = ranks - starts[level]
    rows = []
    for k in range(dim - 1, 0, -1):
        counts = jnp.asarray(np.array([math.comb(item, k) for item in range(n_points)]))
        item = jnp.searchsorted(counts, ranks, side="right") - 1
        rows.append(jnp.where(k <= sizes, item + 1, n_points + dim - 1 - k))
        ranks = jnp.where(k <= sizes, ranks - counts[item], ranks)
    return sizes, jnp.stack(rows, axis=-1)


def _flags(lifted):
    """Return the flags: f_0 = a_1, then generic directions."""
    dim = lifted.shape[1]
    return jnp.concatenate([lifted[:1], np.random.default_rng(0).standard_normal((dim - 1, dim))])


def _half_size(n_points, dim):
    return sum(math.comb(n_points - 1, size) for size in range(dim))
