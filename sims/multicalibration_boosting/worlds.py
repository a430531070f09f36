"""Finite worlds: cells x with probabilities, features and chances of the label 1."""

from itertools import product
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import block_diag

from sims.multicalibration_boosting.domains import Cells, Dim, Seed
from theory_on_trial.contract import USABLE_SCALE, Interval, UnitInterval, guarded, require


class World(NamedTuple):
    """A finite world with labels y in {0, 1}."""

    probabilities: Float[np.ndarray, " cells"]
    features: Float[np.ndarray, "cells dim"]
    means: Float[np.ndarray, " cells"]
    """E[y | x]."""


@guarded
def random_world(seed: Seed, cells: Cells = 60, dim: Dim = 3) -> World:
    """Uniform features in [-1, 1], Dirichlet probabilities, uniform means."""
    generator = np.random.default_rng(seed)
    features = generator.uniform(-1, 1, (cells, dim))
    return World(generator.dirichlet(np.ones(cells)), features, generator.uniform(0, 1, cells))


@guarded
def random_predictor(
    seed: Seed, cells: Cells = 60, dim: Dim = 3
) -> tuple[Float[np.ndarray, " cells"], Float[np.ndarray, " functions"]]:
    """Values .2, .4, .6 or .8 for each cell, and normal coefficients of an affine function; apart
    from that world.
    """
    generator = np.random.default_rng(100 + seed)
    return generator.choice([0.2, 0.4, 0.6, 0.8], cells), generator.standard_normal(dim + 1)


@guarded
def two_cells(shift: Annotated[float, Interval(-0.5, 0.5)]) -> World:
    """Two equally likely cells x = -1 and 1 with means 1/2 - shift and 1/2 + shift."""
    return World(np.full(2, 0.5), np.array([[-1.0], [1.0]]), np.array([0.5 - shift, 0.5 + shift]))


Total = Annotated[int, Interval(100, 10**14)]
FineGrid = Annotated[
    int, Interval(8, 2**32, why="what a step changes must not be lost in rounding")
]

_FEWEST = 8  # pairs of rows in a group
_OFF = 1e-3  # of a step, how far fits lie from the middle between two multiples


class Rows(NamedTuple):
    """Groups of equal rows."""

    counts: Int[np.ndarray, " cells"]
    features: Float[np.ndarray, "cells dim"]
    labels: Float[np.ndarray, " cells"]


@guarded
def undone_rows(total: Total, grid: FineGrid, saved: UnitInterval) -> Rows:
    """Rows whose affine fit is worth most of those that save no more than this, once rounded to
    multiples of 1 / m.

    The fit is 1/2 +- d in two groups, each with a feature of its own, with two neighbouring d. Half
    of a group's fits lie just below the middle between two multiples, half just above, with labels
    of 1 and 0, so that rounding moves each away from its label. Raises ValueError where no such d
    lies within [0, 1/2].
    """
    worth = (saved + (0.5 - _OFF) / grid + 1 / (4 * grid**2)) / (1 + 2 / grid)
    middle = (np.floor(grid * (0.5 + np.sqrt(worth)) - 0.51) + 0.5) / grid - 0.5
    require(
        0 < middle < 0.5 - 2 / grid,
        "saved must leave room on the grid for fits on either side of 1/2",
    )
    pairs = total // 2
    steps = (middle, middle + 1 / grid)
    budget = saved * total * (1 - 1e-9)
    less, more = (_undone(2 * pairs, d, grid)[1] for d in steps)
    high = int(np.clip((budget - less) / (more - less), 0, 1) * pairs)
    while True:  # whole rows save a little more or less
        sizes = zip((pairs - high, high), steps, strict=True)
        groups = [_undone(2 * size, d, grid) for size, d in sizes if size >= _FEWEST]
        excess = sum(gain for _, gain in groups) - budget
        if excess <= 0 or high < _FEWEST:
            break
        high -= 1 + int(excess / (more - less) * pairs)
    features = block_diag(*[rows.features for rows, _ in groups])
    counts, labels = (
        np.concatenate([getattr(rows, name) for rows, _ in groups]) for name in ("counts", "labels")
    )
    return Rows(counts, features, labels)


def _undone(total: int, d: float, grid: int) -> tuple[Rows, float]:
    """A group of these rows whose fit is 1/2 + d h, h about +-1, and what the rounded fit saves in
    all of them.
    """
    off = _OFF / (d * grid)
    ones = np.ceil(total / 2 * (0.5 + (d * (1 + off**2) + off / 2) / (1 + 4 * d * off)))
    counts = np.array([ones, total / 2 - ones])
    h = np.array([1 - off, 1 + off])
    label = 0.5 + (d * (counts @ h**2) + counts[1] * h[1] / 2) / (
        counts[0] * h[0]
    )  # so that d is the slope
    labels = np.array([label, 0])
    rounded = 0.5 + d + np.array([-0.5, 0.5]) / grid
    gain = 2 * counts @ ((0.5 - rounded) * (0.5 + rounded - 2 * labels))
    rows = Rows(
        np.tile(counts, 2).astype(int), np.append(h, -h)[:, None], np.append(labels, 1 - labels)
    )
    return rows, float(gain)


@guarded
def delayed_rows(total: Total, grid: FineGrid, saved: UnitInterval) -> Rows:
    """Add to `undone_rows` twelve that keep them at 1/2 for two rounds: they go to 0 and 1 in turn,
    and then let go. What is left of four rows' labels outweighs the eight others along a second
    feature, and what is left of the eight outweighs the undone rows along each of theirs. Eight are
    four where these are of one group.
    """
    rows = undone_rows(total, grid, saved)
    left = 1 / (8 * grid)
    groups = rows.features.shape[1]
    first = np.array(list(product((1, -1), repeat=2)))
    second = np.array(list(product((1, -1), repeat=1 + groups)))
    along = (rows.counts * (rows.labels - 0.5)) @ rows.features
    columns = np.zeros((len(first) + len(second) + len(rows.counts), 2 + groups))
    columns[:4, 0] = first[:, 0]
    columns[:4, 1] = -first[:, 1] * len(second) * (1 - groups * left) / (4 * left)
    columns[4 : 4 + len(second), 1] = second[:, 0]
    columns[4 : 4 + len(second), 2:] = -second[:, 1:] * along / (left / 2 * len(second))
    columns[-len(rows.counts) :, 2:] = rows.features
    labels = [
        (1 + row[0] * (1 - left * (len(row) - 1)) + left * row[1:].sum()) / 2
        for row in (*first, *second)
    ]
    counts = np.append(np.ones(len(labels), int), rows.counts)
    return Rows(counts, columns, np.append(np.clip(labels, 0, 1), rows.labels))


@guarded
def peeled_world(
    sets: Annotated[int, Interval(1, 1000)], left: Annotated[float, Interval(1e-12, 0.1)]
) -> World:
    """Cells that boosting takes from 1/2 to 0 and 1 in so many sets, one a round, each saving (1 -
    2 left) / 4 of them. A feature for each set, which agrees with its means up to `left` and with
    what is left in the set before it, so much more that both cancel until that set is gone.
    """
    sign = np.tile([1, 1, -1, -1], sets)
    tilt = np.tile([1, -1, 1, -1], sets)
    blocks = np.kron(np.eye(sets), np.ones((4, 1)))
    before = np.roll(blocks, 1, axis=1) * (np.arange(sets) > 0)
    features = sign[:, None] * blocks - (1 - left) / left * tilt[:, None] * before
    return World(
        np.full(4 * sets, 0.25 / sets),
        features,
        np.clip((1 + sign * (1 - left) + tilt * left) / 2, 0, 1),
    )


@guarded
def parity_world(dim: Annotated[int, Interval(1, 12, why="there are 2^dim cells")]) -> World:
    """All x in {-1, 1}^dim, equally likely; y = 1 where their product is 1."""
    features = 2.0 * (np.arange(2**dim)[:, None] >> np.arange(dim) & 1) - 1
    return World(np.full(2**dim, 2.0**-dim), features, (1 + features.prod(axis=1)) / 2)


@guarded
def affine(
    features: Annotated[Float[np.ndarray, "cells dim"], USABLE_SCALE],
) -> Float[np.ndarray, "cells functions"]:
    """A column of ones, and the features."""
    return np.column_stack([np.ones(len(features)), features])
