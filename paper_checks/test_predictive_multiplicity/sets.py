"""Small sets of points whose linear classifiers are all met: corners, lattices, and points in
general position.
"""

import numpy as np

from sims.linear_dichotomies.enumeration import Paths, enumerate_paths
from sims.linear_dichotomies.table import Table, aggregate

CORNERS = np.indices((2, 2)).reshape(2, 4).T.astype(float)
EXCLUSIVE_OR = np.array([-1, 1, 1, -1])
CONJUNCTION = np.array([-1, -1, -1, 1])
N_ROWS = {1: 12, 2: 12, 3: 8}
"""By their dimension, the points in general position whose linear classifiers are all met."""
LATTICES = {1: (6,), 2: (3, 3), 3: (2, 2, 2)}
"""By their dimension, the lattices whose linear classifiers are all met."""


def labelled_corners(labels: np.ndarray, copies: int = 25) -> Table:
    """The four corners of the unit square with these labels, each so many times."""
    return aggregate(CORNERS, labels, np.full(4, copies))


def lattice(shape: tuple[int, ...]) -> np.ndarray:
    """All points of a lattice, in lexicographic order."""
    return np.indices(shape).reshape(len(shape), -1).T


def lattice_set(
    generator: np.random.Generator, dim: int = 2, n_points: int = 40
) -> tuple[np.ndarray, np.ndarray]:
    """Points drawn from the lattice of this dimension, all of it present, with fair labels -1 or
    +1.
    """
    points = lattice(LATTICES[dim])
    repeats = generator.integers(0, len(points), n_points - len(points))
    rows = np.concatenate([np.arange(len(points)), repeats])
    return points[rows].astype(float), 2 * generator.integers(0, 2, n_points) - 1


def lattice_tables(
    generator: np.random.Generator, dim: int, n_points: int, n_sets: int
) -> list[Table]:
    """The tables of so many `lattice_set`s: a row for each point of the lattice, in lexicographic
    order.
    """
    return [aggregate(*lattice_set(generator, dim, n_points)) for _ in range(n_sets)]


def general_position(
    generator: np.random.Generator, n_rows: int = 12, dim: int = 2, n_points: int = 30
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normal points, and how many of `n_points` labels are positive and negative at each."""
    counts = generator.multinomial(n_points, np.full(2 * n_rows, 1 / (2 * n_rows))).reshape(
        2, n_rows
    )
    return generator.standard_normal((n_rows, dim)), counts[0], counts[1]


def sampled_paths(
    generator: np.random.Generator, n_sets: int, dim: int, n_points: int
) -> list[tuple[Paths, np.ndarray, np.ndarray]]:
    """All linear dichotomies of sets in general position met; every second baseline is any
    labelling, not an optimum. Returns the paths with the counts n+ and n- of each set.
    """
    paths = []
    for draw in range(n_sets):
        points, positives, negatives = general_position(generator, N_ROWS[dim], dim, n_points)
        baseline = generator.integers(0, 2, len(points)) if draw % 2 else None
        paths.append(
            (enumerate_paths(points, positives, negatives, baseline), positives, negatives)
        )
    return paths


def cells_by_weights(points: np.ndarray, largest: int = 4) -> np.ndarray:
    """The dichotomies without ties of all weights in -largest, ..., largest, constant first:
    [cells, points] of 0, 1. Found by trying every weight vector, so that it knows nothing of
    counting formulas or solvers.
    """
    design = np.insert(points, 0, 1, axis=1).astype(np.int16)
    n_weights = design.shape[1]
    axis = 2 * largest + 1
    weights = np.indices((axis,) * n_weights, dtype=np.int16).reshape(n_weights, -1).T - largest
    scores = weights @ design.T
    return np.unique(scores[(scores != 0).all(axis=1)] > 0, axis=0).astype(int)
