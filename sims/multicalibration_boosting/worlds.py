"""Finite worlds: cells with probabilities, features, and a chance that the label is 1."""

from itertools import product
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import block_diag

from sims.multicalibration_boosting.domains import Cells, Dim, Seed
from theory_on_trial.contract import USABLE_SCALE, Interval, UnitInterval, guarded, require


class World(NamedTuple):
    """A finite world: cells x with their probabilities, features and mean labels; labels are 0 or
    1.
    """

    probabilities: Float[np.ndarray, " cells"]
    features: Float[np.ndarray, "cells dim"]
    means: Float[np.ndarray, " cells"]
    """E[y | x]."""


@guarded
def random_world(seed: Seed, cells: Cells = 60, dim: Dim = 3) -> World:
    """A random world: features uniform in [-1, 1], mean labels uniform in [0, 1], and probabilities
    uniform on the simplex (a Dirichlet law).
    """
    generator = np.random.default_rng(seed)
    features = generator.uniform(-1, 1, (cells, dim))
    return World(generator.dirichlet(np.ones(cells)), features, generator.uniform(0, 1, cells))


@guarded
def random_predictor(
    seed: Seed, cells: Cells = 60, dim: Dim = 3
) -> tuple[Float[np.ndarray, " cells"], Float[np.ndarray, " functions"]]:
    """A random predictor and a random affine function, independent of `random_world` of the same
    seed.

    Returns the prediction of each cell, which is 0.2, 0.4, 0.6 or 0.8, and the dim + 1 coefficients
    of the function, which are standard normal.
    """
    generator = np.random.default_rng(100 + seed)
    return generator.choice([0.2, 0.4, 0.6, 0.8], cells), generator.standard_normal(dim + 1)


@guarded
def two_cells(shift: Annotated[float, Interval(-0.5, 0.5)]) -> World:
    """A world of two equally likely cells: x = -1 has mean label 1/2 - shift, x = 1 has 1/2 +
    shift.
    """
    return World(np.full(2, 0.5), np.array([[-1.0], [1.0]]), np.array([0.5 - shift, 0.5 + shift]))


Total = Annotated[int, Interval(100, 10**14)]
FineGrid = Annotated[
    int, Interval(8, 2**32, why="what a step changes must not be lost in rounding")
]

_FEWEST = 8  # pairs of rows in a group
_OFF = 1e-3  # of a step, how far fits lie from the middle between two multiples


class Rows(NamedTuple):
    """A sample as groups of equal rows: how often each row occurs, its features and its label."""

    counts: Int[np.ndarray, " cells"]
    features: Float[np.ndarray, "cells dim"]
    labels: Float[np.ndarray, " cells"]


@guarded
def undone_rows(total: Total, grid: FineGrid, saved: UnitInterval) -> Rows:
    """A sample on which rounding undoes nearly all that an affine fit gains.

    After rounding to multiples of 1 / m (m = `grid`) the fit lowers the squared error by no more
    than `saved`. Under this condition the sample is built so that the unrounded fit lowers the
    error most.

    The fit is 1/2 + d or 1/2 - d in each of two groups of rows. A group has a feature of its own,
    and the two groups have neighbouring values of d. Half of a group's fits lie just below the
    middle between two multiples of 1 / m and have the label 1; the other half lie just above it and
    have the label 0. So rounding moves every fit away from its label. Raises ValueError where no
    such d lies within [0, 1/2].
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
    # So that d is the slope
    label = 0.5 + (d * (counts @ h**2) + counts[1] * h[1] / 2) / (counts[0] * h[0])
    labels = np.array([label, 0])
    rounded = 0.5 + d + np.array([-0.5, 0.5]) / grid
    gain = 2 * counts @ ((0.5 - rounded) * (0.5 + rounded - 2 * labels))
    rows = Rows(
        np.tile(counts, 2).astype(int), np.append(h, -h)[:, None], np.append(labels, 1 - labels)
    )
    return rows, float(gain)


@guarded
def delayed_rows(total: Total, grid: FineGrid, saved: UnitInterval) -> Rows:
    """`undone_rows` with up to twelve further rows, which keep all predictions at 1/2 for two
    rounds.

    Four of the further rows go to 0 or 1 in the first round, the other eight in the second round
    (four where `undone_rows` has one group). Until the four have gone, what is left of their labels
    outweighs the eight along a second feature. Until the eight have gone, what is left of theirs
    outweighs the undone rows along the features of these. Raises ValueError as `undone_rows`.
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
    """A world that boosting fits one set of cells per round, so that it needs as many rounds as
    sets.

    In each round boosting moves the predictions of one set of four cells from 1/2 to 0 and 1, which
    lowers the squared error by (1 - 2 left) / 4 times the probability of the set. Each set has a
    feature. It agrees with the labels of its own set up to `left`. On the set before it the feature
    is so large that both contributions cancel until that set has been fitted.
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
    """The world of all x in {-1, 1}^dim, equally likely: y = 1 where the product of the coordinates
    is 1, else 0.
    """
    features = 2.0 * (np.arange(2**dim)[:, None] >> np.arange(dim) & 1) - 1
    return World(np.full(2**dim, 2.0**-dim), features, (1 + features.prod(axis=1)) / 2)


@guarded
def affine(
    features: Annotated[Float[np.ndarray, "cells dim"], USABLE_SCALE],
) -> Float[np.ndarray, "cells functions"]:
    """The basis of the affine functions of the features: a column of ones, then the features."""
    return np.column_stack([np.ones(len(features)), features])
