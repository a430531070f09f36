"""The penalised problem of a round, solved by coordinate descent: minimise 1/2 |y - X β|^2 + λ
times the sum of |β_j| over the features outside S.

The chosen features S enter only in that their weights are not penalised.
"""

from functools import partial
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from sims.on_cpu import on_cpu
from sims.sequential_attention.domains import Chosen, Count, Features, Responses
from theory_on_trial.contract import POSITIVE, guarded, require

Levels = Annotated[Float[np.ndarray, " levels"], POSITIVE]
"""λ, as given; falling ones are solved fastest, each from the one before."""

_STILL = 2e-15  # of the correlations: the change of a fit that is rounding
_SWEEPS = 20_000
_GRID = 128
_ZOOMS = 6
_LEAST = 1e-6  # of the largest |x_j| |y|: no entry is looked for below


class Bracket(NamedTuple):
    """Two levels λ of the penalty, low and high, between which one more weight becomes nonzero."""

    low: Float[np.ndarray, " problems"]
    high: Float[np.ndarray, " problems"]

    @property
    def middle(self) -> Float[np.ndarray, " problems"]:
        """The mean of both levels."""
        return (self.low + self.high) / 2


class Entry(NamedTuple):
    """Two levels λ, low and high, between which one more weight becomes nonzero. `weights` are
    those at `low`, `seen` tells which weights have been nonzero at some level down to it, and
    `found` tells whether there are such levels.
    """

    low: Array
    high: Array
    weights: Array
    seen: Array
    found: Array


@guarded
@on_cpu
def weights(
    X: Features, y: Responses, chosen: Chosen, levels: Levels
) -> Float[np.ndarray, "levels p"]:
    """Return the weights that minimise the penalised problem at each level λ, [levels, p].

    The columns must be linearly independent; otherwise the minimum has other weights, too. Raises
    ValueError for a column of zeros, for indices in `chosen` beyond the columns, and where `chosen`
    names all columns.
    """
    gram, c, lengths, penalties = _prepared(X, y, chosen)
    return np.asarray(_path(gram, c, penalties, levels, np.zeros_like(c))) / lengths


@guarded
def active_counts(
    X: Features, y: Responses, chosen: Chosen, levels: Levels
) -> Int[np.ndarray, " levels"]:
    """Return how many unchosen weights are not zero at each level; raises as `weights`."""
    path = weights(X, y, chosen, levels)
    return np.asarray((np.delete(path, chosen, axis=1) != 0).sum(axis=1))


@guarded
@on_cpu
def entry(X: Features, y: Responses, rounds: tuple[Chosen, ...], active: Count = 1) -> Bracket:
    """The level λ at which the `active`-th unchosen weight first becomes nonzero, for each set in
    `rounds`.

    Where there is no such level down to a millionth of the largest |x_j| |y|, the bracket begins at
    0. Raises ValueError as `weights`.
    """
    problems = [_prepared(X, y, subset) for subset in rounds]
    gram, c, lengths, _ = problems[0]
    top = 1.01 * float(np.linalg.norm(y) * lengths.max())
    low, high = _entries(gram, c, np.stack([problem[3] for problem in problems]), active, top)
    return Bracket(np.asarray(low), np.asarray(high))


def _prepared(X: Features, y: Responses, chosen: Chosen) -> tuple[np.ndarray, ...]:
    """Return the Gram matrix and the correlations of columns of length one, the lengths, and what a
    unit of each weight costs.
    """
    there = max(chosen, default=0) < X.shape[1] and len(set(chosen)) < X.shape[1]
    require(there, f"chosen must name some but not all of the {X.shape[1]} columns, got {chosen}")
    lengths = np.linalg.norm(X, axis=0)
    require((lengths > 0).all(), "X must have no column of zeros")
    unit = X / lengths
    penalties = 1 / lengths
    penalties[list(chosen)] = 0.0
    return unit.T @ unit, unit.T @ y, lengths, penalties


@jax.jit
def _path(gram: Array, c: Array, penalties: Array, levels: Array, begun: Array) -> Array:
    p = len(c)
    still = _STILL * jnp.linalg.norm(c)

    def coordinate(j: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        beta, residual, level = state
        fit = residual[j] + gram[j, j] * beta[j]
        new = jnp.sign(fit) * jnp.maximum(jnp.abs(fit) - level * penalties[j], 0) / gram[j, j]
        return beta.at[j].set(new), residual - gram[:, j] * (new - beta[j]), level

    def solved(beta: Array, level: Array) -> tuple[Array, Array]:
        def sweep(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            before, _, sweeps = state
            after, _, _ = jax.lax.fori_loop(0, p, coordinate, (before, c - gram @ before, level))
            return after, jnp.abs(after - before).max(), sweeps + 1

        start = beta, jnp.asarray(jnp.inf), jnp.asarray(0)
        beta, _, _ = jax.lax.while_loop(
            lambda state: (state[1] > still) & (state[2] < _SWEEPS), sweep, start
        )
        return beta, beta

    return jax.lax.scan(solved, begun, levels)[1]


@jax.jit
def _entries(gram: Array, c: Array, every: Array, active: Array, top: Array) -> tuple[Array, Array]:
    def one(penalties: Array) -> tuple[Array, Array]:
        def entered(order: Array, at: Entry) -> Entry:
            """The entry that follows `order` others, of which `at` is the last; one weight may
            follow it at once.
            """

            def zoom(state: tuple[Array, Array, Array, Array, Array], _: None) -> tuple[Any, Array]:
                low, high, begun, before = state[:4]
                levels = high * (low / high) ** (jnp.arange(1, _GRID + 1) / _GRID)
                betas = _path(gram, c, penalties, levels, begun)
                # Of a weight that leaves before the next level is tried, another that came in
                # meanwhile still tells.
                seen = before | (jnp.cumsum((betas != 0) & (penalties > 0), axis=0) > 0)
                reached = seen.sum(axis=1) > order
                place = jnp.argmax(reached)
                above = jnp.where(place == 0, high, levels[place - 1])
                found = reached.any()
                ends = jnp.where(found, jnp.stack([levels[place], above]), low)
                before = jnp.where((place > 0) & found, seen[place - 1], before)
                return (ends[0], ends[1], betas[place], before, seen[place]), found

            start = _LEAST * top, at.low, at.weights, at.seen, at.seen
            ends, found = jax.lax.scan(zoom, start, None, length=_ZOOMS)
            low, high, begun, _, seen = ends
            after = Entry(low, high, begun, seen, found[0])
            with_it = at.seen.sum() > order
            return jax.tree.map(partial(jnp.where, with_it), at, after)

        nothing = Entry(top, top, jnp.zeros_like(c), jnp.zeros(len(c), bool), jnp.asarray(True))
        last = jax.lax.fori_loop(0, active, entered, nothing)
        return jnp.where(last.found, last.low, 0.0), last.high

    return jax.lax.map(one, every)
