"""All linear dichotomies of points in general position, each met exactly once, and every measure of multiplicity.

A dichotomy is a cell of the arrangement of the hyperplanes a_i·w = 0, a_i = (1, x_i), in the space of weights, of
dimension D = d + 1. Fix the sign of the first point (the other half are the negatives) and cut with a_1·w = 1: the
cells are now polyhedra, and one that is bounded below along a generic direction has exactly one lowest vertex, where d
of the hyperplanes meet. So the subsets of d points give these cells without repetition; the cells that are unbounded
below are those of the arrangement at infinity, one dimension lower, and so on down to a single ray. In all
Σ_{k<=d} C(n-1, k) cells, one for each subset, and as many negatives: Cover's count, without a set of cells seen.
"""

import math
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Int, Real

from sims.domain import AnyArray, require_count, require_finite
from sims.precision import require_float64

LARGEST_TOTAL = 10**7
"""Samples: the paths have one entry per error count."""

LARGEST_HALF = 10**10
"""Cells of one half: hours of work."""


class Paths(NamedTuple):
    """Everything about one table over all linear classifiers; n is the total count of samples.

    errors : E_0, weighted errors of the baseline.
    baseline : b⁰, its dichotomy, in {0, 1}.
    discrepancy : n δ_ε at e = 0..n: the most samples on which one dichotomy with at most E_0 + e errors differs.
    ambiguity : n α_ε at e = 0..n: the samples that some dichotomy with at most E_0 + e errors predicts otherwise.
    flip_errors : E_u, the fewest errors of a dichotomy that differs from the baseline at row u.
    cells : how many distinct dichotomies have exactly E errors, E = 0..n.
    """

    errors: int
    baseline: Int[np.ndarray, "rows"]
    discrepancy: Int[np.ndarray, "tolerances"]
    ambiguity: Int[np.ndarray, "tolerances"]
    flip_errors: Int[np.ndarray, "rows"]
    cells: Int[np.ndarray, "counts"]


def enumerate_paths(
    points: Real[AnyArray, "rows dim"],
    positives: Int[AnyArray, "rows"],
    negatives: Int[AnyArray, "rows"],
    baseline: Int[AnyArray, "rows"] | None = None,
) -> Paths:
    """The exact discrepancy and ambiguity at every error tolerance, by meeting every linear dichotomy once.

    Args:
        points: x_u, distinct and in general position: no d + 1 of them on one hyperplane. Best roughly centred.
        positives: n⁺_u, samples labelled +1 at each point, none negative.
        negatives: n⁻_u, samples labelled -1 at each point, none negative.
        baseline: b⁰_u, 1 where the baseline predicts +1, else 0, linear or not; None takes a dichotomy with the fewest
            errors, the first met where several tie (`cells` tells how many do).

    The cost is about C(n-1, d) n sign tests. Signs are those of the given numbers, certain in spite of rounding.
    Not to be traced: the refusals need values.
    Raises TypeError without float64; ValueError for points that are not finite or not in general position (lattice
    data never are: use the integer programs), counts that are negative, all zero or above 10⁷ in all, a baseline that
    is not 0 or 1, arrays of different lengths, or more than 10¹⁰ dichotomies in one half.
    Source: definitions of Marx et al. 2020 (arXiv 1909.06677); the enumeration: derived here, from Cover's count.
    """
    lifted = _lifted(points)
    positives, negatives = _counts("positives", positives, len(lifted)), _counts("negatives", negatives, len(lifted))
    totals = positives + negatives
    total = int(totals.sum())
    if not 1 <= total <= LARGEST_TOTAL:
        raise ValueError(f"positives and negatives must sum to 1..{LARGEST_TOTAL}, got {total}")
    gains = jnp.asarray(negatives - positives, float)
    if baseline is None:
        baseline, doubtful = _fewest_errors(lifted, gains)
        _require_general_position(doubtful, *lifted.shape)
    elif set(np.unique(_counts("baseline", baseline, len(lifted)))) - {0, 1}:
        raise ValueError(f"baseline must hold 0 and 1 only, got {np.max(baseline)}")
    chosen = np.asarray(baseline, bool)
    moves = jnp.asarray(np.where(chosen, -totals, totals), float)
    offsets = jnp.array([positives.sum(), totals[chosen].sum()])
    (cells, most, fewest, flipped, kept), doubtful = jax.tree.map(
        np.asarray, _tally(lifted, gains, moves, offsets, jnp.asarray(chosen), total)
    )
    _require_general_position(doubtful, *lifted.shape)
    # The negative of a dichotomy makes n - E errors, and differs from the baseline wherever the dichotomy does not.
    flip_errors = np.minimum(flipped, total - kept).astype(int)
    discrepancy = np.maximum.accumulate(np.maximum(most, total - fewest[::-1]))
    ambiguity = np.cumsum(np.bincount(flip_errors, totals, total + 1).astype(int))
    errors = int(negatives[chosen].sum() + positives[~chosen].sum())
    allowed = np.minimum(errors + np.arange(total + 1), total)
    return Paths(errors, chosen.astype(int), discrepancy[allowed], ambiguity[allowed], flip_errors, cells + cells[::-1])


def dichotomies(points: Real[AnyArray, "rows dim"]) -> Int[np.ndarray, "cells rows"]:
    """Every linear dichotomy of the points once, b_u = 1 where w_0 + w·x_u > 0, else 0: a half, then its negatives.

    `enumerate_paths` needs no such list. Conditions, refusals and source as there.
    """
    lifted = _lifted(points)
    half, doubtful = _half(lifted)
    _require_general_position(doubtful, *lifted.shape)
    return np.concatenate([half, ~np.asarray(half)]).astype(int)


@jax.jit
def _fewest_errors(lifted, gains):
    """The first dichotomy met with the fewest errors, in either half."""

    def step(state, found, _):
        # The errors are a constant plus b·gains; those of the negative, the same constant plus Σ gains - b·gains.
        scores = found @ gains
        below = jnp.minimum(scores, gains.sum() - scores)
        best = jnp.argmin(below)
        dichotomy = found[best] ^ (scores[best] > below[best])
        return jax.tree.map(partial(jnp.where, below[best] < state[0]), (below[best], dichotomy), state)

    (_, dichotomy), doubtful = _fold(lifted, step, (jnp.inf, jnp.zeros(len(lifted), bool)))
    return dichotomy, doubtful


@partial(jax.jit, static_argnames="total")
def _tally(lifted, gains, moves, offsets, baseline, total):
    """Over one half: cells, most and fewest differences per error count; fewest errors where a row differs, most else.

    Errors are offsets[0] + b·gains, differences from the baseline offsets[1] + b·moves.
    """

    def step(state, found, is_new):
        cells, most, fewest, flipped, kept = state
        errors = (offsets[0] + found @ gains).astype(jnp.int32)
        differences = (offsets[1] + found @ moves).astype(jnp.int32)
        differs = found != baseline
        return (
            cells.at[errors].add(is_new),
            most.at[errors].max(differences),
            fewest.at[errors].min(differences),
            jnp.minimum(flipped, jnp.min(jnp.where(differs, errors[:, None], total), axis=0)),
            jnp.maximum(kept, jnp.max(jnp.where(differs, 0, errors[:, None]), axis=0)),
        )

    per_count, per_row = jnp.zeros(total + 1, int), jnp.zeros(len(lifted), jnp.int32)
    # n + 1 differences and -1 differences stand for "no cell": they win no minimum and no maximum.
    none = per_count.astype(jnp.int32)
    return _fold(lifted, step, (per_count, none - 1, none + total + 1, per_row + total, per_row))


@jax.jit
def _half(lifted):
    n_points, dim = lifted.shape
    ranks = jnp.arange(_half_size(n_points, dim))
    found, in_doubt = jax.vmap(partial(_cell, lifted, _flags(lifted)))(*_subsets(ranks, n_points, dim))
    return found, jnp.min(jnp.where(in_doubt, ranks, len(ranks)))


def _fold(lifted, step, state):
    """Run `step(state, dichotomies, is_new)` over one half in chunks; with it the rank of the first cell in doubt."""
    n_points, dim = lifted.shape
    flags = _flags(lifted)
    n_cells = _half_size(n_points, dim)
    # A chunk's working set stays in the processor's cache; an accelerator wants long chunks.
    width = min(n_cells, max(1, 2 ** (17 if jax.default_backend() == "cpu" else 25) // n_points))

    def chunk(carry, first):
        state, doubtful = carry
        ranks = first + jnp.arange(width)
        subsets = _subsets(jnp.minimum(ranks, n_cells - 1), n_points, dim)
        found, in_doubt = jax.vmap(partial(_cell, lifted, flags))(*subsets)
        doubtful = jnp.minimum(doubtful, jnp.min(jnp.where(in_doubt, ranks, n_cells)))
        return (step(state, found, ranks < n_cells), doubtful), None

    return lax.scan(chunk, (state, jnp.array(n_cells)), jnp.arange(0, n_cells, width))[0]


def _cell(lifted, flags, size, rows):
    """The cell whose lowest vertex lies on the hyperplanes `rows`, of which `size` belong to points, the rest to flags.

    With f_0 = a_1 and generic f_1..f_d: the vertex is sought in the space where f_0..f_{d-1-size} vanish, cut with
    f_{d-size}·w = ±1 (+ for the points as given, - at infinity), and f_{d+1-size} decides what is lower.
    """
    n_points, dim = lifted.shape
    meeting = list(jnp.concatenate([lifted, flags])[rows])
    cut, lower = flags[dim - 1 - size], flags[(dim - size) % dim]
    ray = _normal(meeting)
    volume, scores = cut @ ray, sum(ray[c] * lifted[:, c] for c in range(dim))
    # By Cramer's rule sides[j] / volume is how fast the height grows along the edge that leaves the j-th hyperplane.
    sides = jnp.stack([cut @ _normal([*meeting[:j], lower, *meeting[j + 1 :]]) for j in range(dim - 1)])
    signs = (scores > 0) == jnp.where(size == dim - 1, volume > 0, volume < 0)
    index = jnp.arange(n_points)
    for j in range(dim - 1):
        signs = jnp.where(index == rows[j], (sides[j] > 0) == (volume > 0), signs)

    # Each determinant is a sum of products with one entry of each row, rounded at most dim (dim + 1) times.
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
    """The vector v with a·v = det(rows, a) for every a: the cross product of D - 1 rows, by Laplace's expansion."""
    dim = len(rows) + 1
    minors: dict[tuple[int, ...], Any] = {(): 1.0}
    for order, row in enumerate(rows, start=1):
        minors = {
            columns: sum((-1) ** j * row[c] * minors[columns[:j] + columns[j + 1 :]] for j, c in enumerate(columns))
            for columns in combinations(range(dim), order)
        }
    without = [tuple(column for column in range(dim) if column != c) for c in range(dim)]
    return jnp.stack([(-1) ** c * minors[columns] for c, columns in enumerate(without)])


def _subsets(ranks, n_points, dim):
    """Of each rank the subset's size and its rows: D - 1 of them, points 1.. (never the first), filled up with flags.

    Larger subsets come first; within a size the order is that of the combinatorial number system.
    """
    per_size = [math.comb(n_points - 1, size) for size in reversed(range(dim))]
    starts = jnp.asarray(np.cumsum([0, *per_size[:-1]]))
    level = jnp.searchsorted(starts, ranks, side="right") - 1
    sizes, ranks = dim - 1 - level, ranks - starts[level]
    rows = []
    for k in range(dim - 1, 0, -1):
        counts = jnp.asarray(np.array([math.comb(item, k) for item in range(n_points)]))
        item = jnp.searchsorted(counts, ranks, side="right") - 1
        rows.append(jnp.where(k <= sizes, item + 1, n_points + dim - 1 - k))
        ranks = jnp.where(k <= sizes, ranks - counts[item], ranks)
    return sizes, jnp.stack(rows, axis=-1)


def _flags(lifted):
    """f_0 = a_1, then generic directions."""
    dim = lifted.shape[1]
    return jnp.concatenate([lifted[:1], np.random.default_rng(0).standard_normal((dim - 1, dim))])


def _half_size(n_points, dim):
    return sum(math.comb(n_points - 1, size) for size in range(dim))


def _lifted(points):
    """(1, x_i), each coordinate divided by a power of two, which is exact, so that its largest size is about one."""
    require_float64("the enumeration of dichotomies")
    require_count("the number of points", points.shape[0], 1, "there is nothing to predict otherwise")
    require_count("the number of coordinates", points.shape[1], 1, "a constant has no boundary to move")
    require_finite("points", points)
    if _half_size(points.shape[0], points.shape[1] + 1) > LARGEST_HALF:
        raise ValueError(
            f"points must have at most {LARGEST_HALF} dichotomies in one half, got {points.shape[0]} points in "
            f"{points.shape[1]} dimensions"
        )
    coordinates = np.asarray(points, float)
    _, exponents = np.frexp(np.abs(coordinates).max(axis=0))
    return jnp.asarray(np.column_stack([np.ones(len(coordinates)), np.ldexp(coordinates, -exponents)]))


def _counts(name, values, n_points):
    counts = np.asarray(values)
    if len(counts) != n_points:
        raise ValueError(f"{name} must have one entry per point, got {len(counts)} for {n_points} points")
    if (counts < 0).any():
        raise ValueError(f"{name} must not be negative, got {counts.min()}")
    return counts.astype(int)


def _require_general_position(doubtful, n_points, dim):
    if doubtful < _half_size(n_points, dim):
        sizes, rows = _subsets(jnp.asarray(doubtful)[None], n_points, dim)
        named = sorted({int(row) for row in rows[0] if row < n_points} | ({0} if sizes[0] < dim - 1 else set()))
        raise ValueError(
            f"points must be in general position, but rows {named} and some other row lie on one hyperplane, or too "
            "near to it for float64 (lattice data always do: use the integer programs)"
        )
