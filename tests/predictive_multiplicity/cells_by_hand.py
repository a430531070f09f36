"""All linear dichotomies of small point sets by brute force, and what multiplicity is over them, by
definition.
"""

import functools
import itertools
from fractions import Fraction

import numpy as np

GRID = np.array(list(itertools.product(range(3), repeat=2)), float)


def cells_of_plane(rows):
    """Distinct dichotomies, exactly: the first points along each direction in which no two points
    are level.
    """
    points = [
        (Fraction(x), Fraction(y))
        for x, y in np.pad(rows, ((0, 0), (0, 2 - rows.shape[1]))).tolist()
    ]
    level = {}  # directions in which two points are level, turned to the upper half plane
    for (a, b), (c, d) in itertools.combinations(points, 2):
        x, y = (b - d, c - a) if (c - a, b - d) > (0, 0) else (d - b, a - c)
        level[(1, x / y) if y else (0, 0)] = (x, y)
    turns = sorted(level.values(), key=functools.cmp_to_key(lambda p, q: q[0] * p[1] - p[0] * q[1]))
    between = [(a + c, b + d) for (a, b), (c, d) in itertools.pairwise(turns)]
    between += [(a - c, b - d) for (a, b), (c, d) in zip(turns[-1:], turns[:1], strict=True)]
    cells = set()
    for x, y in between if len(turns) > 1 else [(-y, x) for x, y in turns] or [(1, 0)]:
        order = sorted(
            range(len(points)), key=lambda which: x * points[which][0] + y * points[which][1]
        )
        for first in range(len(points) + 1):
            chosen = np.isin(np.arange(len(points)), order[:first])
            cells |= {tuple(chosen.astype(int)), tuple((~chosen).astype(int))}
    return np.array(sorted(cells))


def errors_of(cells, table):
    return np.where(cells == 1, table.negatives, table.positives).sum(axis=1)


def disagreement_of(cells, baseline, table):
    return np.where(cells != baseline, table.totals, 0).sum(axis=1)
