"""All linear dichotomies of small point sets by brute force, and what multiplicity is over them, by definition."""

import itertools

import numpy as np
from scipy.optimize import linprog

GRID = np.array(list(itertools.product(range(3), repeat=2)), float)
CUBE = np.array(list(itertools.product(range(2), repeat=3)), float)


def cells_of_lattice(rows, largest_weight):
    """Distinct dichotomies by integer slopes up to `largest_weight` and all thresholds between their scores."""
    found = set()
    for slopes in itertools.product(range(-largest_weight, largest_weight + 1), repeat=rows.shape[1]):
        scores = rows @ np.array(slopes, float)
        for threshold in np.append(np.unique(scores) - 0.5, np.inf):
            found.add(tuple((scores > threshold).astype(int)))
    return np.array(sorted(found))


def cells_of_points(rows):
    """Distinct dichotomies of few points: a linear program for each of the 2^m sign patterns."""
    design = np.column_stack([np.ones(len(rows)), rows])
    cells = []
    for dichotomy in itertools.product((0, 1), repeat=len(rows)):
        signed = (2 * np.array(dichotomy) - 1)[:, None] * design
        answer = linprog(
            np.zeros(design.shape[1]), A_ub=-signed, b_ub=-np.ones(len(rows)), bounds=(None, None), method="highs"
        )
        if answer.status == 0:
            cells.append(dichotomy)
    return np.array(cells)


def cells_of_table(table, cells, rows):
    """The dichotomies `cells` of the points `rows`, restricted to the table's rows (a subset of the points)."""
    places = [int(np.flatnonzero((rows == row).all(axis=1))[0]) for row in table.rows]
    return np.unique(cells[:, places], axis=0)


def errors_of(cells, table):
    return np.where(cells == 1, table.negatives, table.positives).sum(axis=1)


def disagreement_of(cells, baseline, table):
    return np.where(cells != baseline, table.totals, 0).sum(axis=1)
