"""Marx, Calmon & Ustun 2020, "Predictive Multiplicity in Classification", ICML 2020, arXiv 1909.06677, and neighbours.

Of the paper its abstract, its introduction, the released code and the public data were read, so what is on trial are
the definitions, Proposition 1 and Figure 1 as recalled, the released formulations, and sharper statements derived here.
The neighbours are Ustun, Spangher & Liu 2019 (recourse, arXiv 1809.06514), Ustun & Rudin 2016 (SLIM, arXiv 1502.04269)
and Chen, Klochkov & Liu 2024 (bias scores, arXiv 2310.05725). E(h) counts errors, E_0 those of the baseline h_0, n the
points, e = floor(epsilon n) the errors that a competitor may add; counts are integers and are compared exactly.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from sims import predictive_multiplicity as observed
from sims.predictive_multiplicity._domains import Target

MOST_PROGRAMS = 50
"""Ceiling of the programs that the fast tier may ask XLA for in one process: more are seconds for nothing."""
MOST_SECONDS = 20
"""Ceiling of the seconds of the fast tier with its programs in the cache, half above what it takes."""

PROPOSITION = "Proposition 1, as recalled; proof derived here"
FIGURE = "Figure 1, as recalled; numbers derived here"
DEFINITIONS = "definitions of the paper; statement derived here"
FORMULATIONS = "formulations of the released code; exactness derived here"
DERIVED = "derived here"
COMPAS = "COMPAS data of the released code; exact optima computed here"
RECOURSE = "Ustun, Spangher & Liu 2019 (arXiv 1809.06514); closed form derived here"
SLIM = "Ustun & Rudin 2016 (arXiv 1502.04269), as recalled; proof derived here"
BIAS = "Chen, Klochkov & Liu 2024 (arXiv 2310.05725); for atoms derived here"

EPSILONS = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
CORNERS = np.indices((2, 2)).reshape(2, 4).T.astype(float)
EXCLUSIVE_OR = np.array([-1, 1, 1, -1])
CONJUNCTION = np.array([-1, -1, -1, 1])
LATTICE = np.indices((3, 3)).reshape(2, 9).T


class Solved(NamedTuple):
    """A COMPAS table with the optimal baseline of largest margin, all flips, and both paths at `EPSILONS`."""

    table: observed.Table
    baseline: observed.Solution
    flips: observed.FlipErrors
    discrepancy: observed.DiscrepancyPath
    ambiguity: observed.AmbiguityPath


@cache
def solved(target: Target, *, oversampled: bool = False) -> Solved:
    """The exact answers for COMPAS without race, which several claims share."""
    table = observed.compas(target, oversampled=oversampled)
    baseline = observed.co_optimal(table).solutions[0]
    flips = observed.flip_errors(table, baseline)
    path = observed.discrepancy_path(table, baseline, EPSILONS)
    return Solved(table, baseline, flips, path, observed.ambiguity_path(table, baseline, flips, EPSILONS))


def labelled_corners(labels: np.ndarray, copies: int = 25) -> observed.Table:
    """The four corners of the unit square with these labels, each so many times."""
    return observed.aggregate(CORNERS, labels, np.full(4, copies))


def lattice_set(generator: np.random.Generator, n_points: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Points drawn from the 3 x 3 lattice, all nine of them present, with fair labels -1 or +1."""
    repeated = generator.integers(0, len(LATTICE), n_points - len(LATTICE))
    points = LATTICE[np.concatenate([np.arange(len(LATTICE)), repeated])]
    return points.astype(float), 2 * generator.integers(0, 2, n_points) - 1


def lattice_table(generator: np.random.Generator, n_points: int = 40) -> observed.Table:
    """The table of a `lattice_set`: nine rows, in lexicographic order."""
    return observed.aggregate(*lattice_set(generator, n_points))


def general_position(
    generator: np.random.Generator, n_rows: int = 12, n_points: int = 30
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normal points in the plane, and how many of `n_points` labels are positive and negative at each."""
    counts = generator.multinomial(n_points, np.full(2 * n_rows, 1 / (2 * n_rows))).reshape(2, n_rows)
    return generator.standard_normal((n_rows, 2)), counts[0], counts[1]


def sampled_paths(generator: np.random.Generator, n_sets: int) -> list[tuple[observed.Paths, np.ndarray, np.ndarray]]:
    """All linear dichotomies of sets in general position met; every second baseline is any labelling, not an optimum.

    Returns the paths with the counts n+ and n- of each set.
    """
    found = []
    for draw in range(n_sets):
        points, positives, negatives = general_position(generator)
        baseline = generator.integers(0, 2, len(points)) if draw % 2 else None
        found.append((observed.enumerate_paths(points, positives, negatives, baseline), positives, negatives))
    return found


def cells_by_weights(points: np.ndarray, largest: int = 4) -> np.ndarray:
    """The dichotomies without ties of all weights in -largest, ..., largest, constant first: [cells, points] of 0, 1.

    Found by trying every weight vector, so that it knows nothing of counting formulas or solvers.
    """
    design = np.insert(points, 0, 1, axis=1).astype(np.int16)
    n_weights = design.shape[1]
    axis = 2 * largest + 1
    weights = np.indices((axis,) * n_weights, dtype=np.int16).reshape(n_weights, -1).T - largest
    scores = weights @ design.T
    return np.unique(scores[(scores != 0).all(axis=1)] > 0, axis=0).astype(int)
