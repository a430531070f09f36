"""Every measure of multiplicity of points in general position, from one visit to each linear
dichotomy.
"""

from functools import partial
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from sims.linear_dichotomies.arrangement import (
    fold_cells,
    half_of_cells,
    lift,
    require_general_position,
)
from sims.linear_dichotomies.domains import Counts, Points
from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import UNIT_INTERVAL, guarded, require

LARGEST_TOTAL = 10**7
"""Samples: the paths have one entry per error count."""


class Paths(NamedTuple):
    """The measures of multiplicity of one table over all linear classifiers; n is the number of
    samples.

    errors : E_0, the weighted errors of the baseline.

    baseline : b⁰, its dichotomy, in {0, 1}.

    discrepancy : n δ_ε at e = 0..n: the most samples on which a dichotomy with at most E_0 + e
    errors differs from the baseline, or 0 if there is none.

    ambiguity : n α_ε at e = 0..n: the samples that some dichotomy with at most E_0 + e errors
    predicts otherwise than the baseline.

    flip_errors : E_u, the fewest errors of a dichotomy that differs from the baseline at row u.

    cells : how many distinct dichotomies have exactly E errors, E = 0..n.
    """

    errors: int
    baseline: Int[np.ndarray, "rows"]
    discrepancy: Int[np.ndarray, "tolerances"]
    ambiguity: Int[np.ndarray, "tolerances"]
    flip_errors: Int[np.ndarray, "rows"]
    cells: Int[np.ndarray, "counts"]


@guarded(double=False)
def enumerate_paths(
    points: Points,
    positives: Counts,
    negatives: Counts,
    baseline: Annotated[Int[AnyArray, "rows"], UNIT_INTERVAL] | None = None,
) -> Paths:
    """The exact discrepancy and ambiguity at every error tolerance, from one visit to each linear
    dichotomy.

    The points must be distinct and in general position (no d + 1 of them on one hyperplane), and
    are best roughly centred. The label counts n⁺_u and n⁻_u sum to at most 10⁷. The baseline b⁰
    need not be linear. None takes a dichotomy with the fewest errors as baseline, the first visited
    where several tie; `cells` tells how many do.

    The cost is about C(n-1, d) n sign tests. Signs are those of the given numbers, in spite of
    rounding. The arguments must not be traced, because the refusals need their values. Raises
    TypeError without float64. Raises ValueError for points that are not in general position
    (lattice data never are: use the integer programs), and for more than 10¹⁰ dichotomies in one
    half. Source: definitions of Marx et al. 2020 (arXiv 1909.06677); the enumeration: derived here,
    from Cover's count.
    """
    design = lift(points)
    positives = np.asarray(positives, int)
    negatives = np.asarray(negatives, int)
    totals = positives + negatives
    total = int(totals.sum())
    require(
        1 <= total <= LARGEST_TOTAL,
        f"positives and negatives must sum to 1..{LARGEST_TOTAL}, got {total}",
    )
    gains = (negatives - positives).astype(float)
    if baseline is None:
        baseline, doubtful = _fewest_errors(design, gains)
        require_general_position(doubtful, *design.shape)
    sides = np.asarray(baseline, bool)
    moves = np.where(sides, -totals, totals).astype(float)
    offsets = np.array([positives.sum(), totals[sides].sum()])
    (cells, most, fewest, flip_least, keep_most), doubtful = jax.tree.map(
        np.asarray, _tally(design, gains, moves, offsets, sides, total)
    )
    require_general_position(doubtful, *design.shape)
    # The negative of a dichotomy makes n - E errors, and differs from the baseline wherever the
    # dichotomy does not.
    flip_errors = np.minimum(flip_least, total - keep_most).astype(int)
    # Where a baseline that is not linear beats every dichotomy, none competes and nothing differs.
    discrepancy = np.maximum.accumulate(np.maximum(np.maximum(most, total - fewest[::-1]), 0))
    ambiguity = np.cumsum(np.bincount(flip_errors, totals, total + 1).astype(int))
    errors = int(negatives[sides].sum() + positives[~sides].sum())
    limits = np.minimum(errors + np.arange(total + 1), total)
    return Paths(
        errors,
        sides.astype(int),
        discrepancy[limits],
        ambiguity[limits],
        flip_errors,
        cells + cells[::-1],
    )


@guarded(double=False)
def dichotomies(points: Points) -> Int[np.ndarray, "cells rows"]:
    """Return every linear dichotomy of the points once, [cells, rows], with b_u = 1 where
    w_0 + w·x_u > 0 and b_u = 0 elsewhere.

    The dichotomies of one half come first, then their negatives. `enumerate_paths`, which needs no
    such list, states the conditions, the errors and the source.
    """
    design = lift(points)
    half, doubtful = half_of_cells(design)
    require_general_position(doubtful, *design.shape)
    return np.concatenate([half, ~np.asarray(half)]).astype(int)


@jax.jit
def _fewest_errors(lifted, gains):
    """The first dichotomy met with the fewest errors, in either half."""

    def step(state, found, _):
        # The errors are a constant plus b·gains; those of the negative, the same constant plus Σ
        # gains - b·gains.
        scores = found @ gains
        below = jnp.minimum(scores, gains.sum() - scores)
        best = jnp.argmin(below)
        dichotomy = found[best] ^ (scores[best] > below[best])
        return jax.tree.map(
            partial(jnp.where, below[best] < state[0]), (below[best], dichotomy), state
        )

    (_, dichotomy), doubtful = fold_cells(lifted, step, (jnp.inf, jnp.zeros(len(lifted), bool)))
    return dichotomy, doubtful


@partial(jax.jit, static_argnames="total")
def _tally(lifted, gains, moves, offsets, baseline, total):
    """Return over one half: cells, most and fewest differences per error count; fewest errors where
    a row differs, most else. Errors are offsets[0] + b·gains, differences from the baseline
    offsets[1] + b·moves.
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

    per_count = jnp.zeros(total + 1, int)
    per_row = jnp.zeros(len(lifted), jnp.int32)
    # n + 1 differences and -1 differences stand for "no cell": they win no minimum and no maximum.
    none = per_count.astype(jnp.int32)
    return fold_cells(
        lifted, step, (per_count, none - 1, none + total + 1, per_row + total, per_row)
    )
