"""Marx, Calmon & Ustun 2020, "Predictive Multiplicity in Classification", ICML 2020, arXiv 1909.06677, and neighbours.

Of the paper its abstract, its introduction, the released code and the public data were read, so what is on trial are
the definitions, Proposition 1 and Figure 1 as recalled, the released formulations, and sharper statements derived here.
The neighbours are Ustun, Spangher & Liu 2019 (recourse, arXiv 1809.06514), Ustun & Rudin 2016 (SLIM, arXiv 1502.04269)
and Chen, Klochkov & Liu 2024 (bias scores, arXiv 2310.05725). E(h) counts errors, E_0 those of the baseline h_0, n the
points, e = floor(epsilon n) the errors that a competitor may add; counts are integers and are compared exactly.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Annotated, Any, NamedTuple

import numpy as np

from sims import predictive_multiplicity as observed
from sims.predictive_multiplicity.domains import Target
from theory_on_trial import Trial, abstract, ours
from theory_on_trial.contract import Interval
from theory_on_trial.trial.provenance import Source

MOST_PROGRAMS = 30
"""Ceiling of the programs that the fast tier may ask XLA for in one process: more are seconds for nothing."""
MOST_SECONDS = 20
"""Ceiling of the seconds of the fast tier with its programs in the cache, half above what it takes."""

EXACTLY = abstract(
    "We introduce formal measures to evaluate the severity of predictive multiplicity and develop integer programming "
    "tools to compute them exactly for linear classification problems."
)
OPTIMA = ours("optima of this project's own programs, recorded here and proved by their bounds at every run")


def thresholds(says: str) -> Source:
    """Quote the abstract of Chen, Klochkov & Liu 2024 (arXiv 2310.05725)."""
    return abstract(f"arXiv 2310.05725: {says}")


def slim(says: str) -> Source:
    """Quote the abstract of Ustun & Rudin 2016 (arXiv 1502.04269)."""
    return abstract(f"arXiv 1502.04269: {says}")


Dim = Annotated[int, Interval(1, 3, why="all linear classifiers are met")]
"""d of the points."""
NPoints = Annotated[int, Interval(12, 100, why="all tolerances are tried")]
"""n."""
NSets = Annotated[int, Interval(2, 1000, why="controls differ on some set only")]
"""Sets that are drawn."""
Copies = Annotated[int, Interval(1, 1000, why="each is a point of the exact search")]
"""Points at each corner."""

EPSILONS = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
CORNERS = np.indices((2, 2)).reshape(2, 4).T.astype(float)
EXCLUSIVE_OR = np.array([-1, 1, 1, -1])
CONJUNCTION = np.array([-1, -1, -1, 1])
N_ROWS = {1: 12, 2: 12, 3: 8}
"""By their dimension, the points in general position whose linear classifiers are all met."""
LATTICES = {1: (6,), 2: (3, 3), 3: (2, 2, 2)}
"""By their dimension, the lattices whose linear classifiers are all met."""


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


def lattice(shape: tuple[int, ...]) -> np.ndarray:
    """All points of a lattice, in lexicographic order."""
    return np.indices(shape).reshape(len(shape), -1).T


def lattice_set(generator: np.random.Generator, dim: int = 2, n_points: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Points drawn from the lattice of this dimension, all of it present, with fair labels -1 or +1."""
    points = lattice(LATTICES[dim])
    repeated = generator.integers(0, len(points), n_points - len(points))
    chosen = np.concatenate([np.arange(len(points)), repeated])
    return points[chosen].astype(float), 2 * generator.integers(0, 2, n_points) - 1


def lattice_tables(generator: np.random.Generator, dim: int, n_points: int, n_sets: int) -> list[observed.Table]:
    """The tables of so many `lattice_set`s: a row for each point of the lattice, in lexicographic order."""
    return [observed.aggregate(*lattice_set(generator, dim, n_points)) for _ in range(n_sets)]


def general_position(
    generator: np.random.Generator, n_rows: int = 12, dim: int = 2, n_points: int = 30
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normal points, and how many of `n_points` labels are positive and negative at each."""
    counts = generator.multinomial(n_points, np.full(2 * n_rows, 1 / (2 * n_rows))).reshape(2, n_rows)
    return generator.standard_normal((n_rows, dim)), counts[0], counts[1]


def sampled_paths(
    generator: np.random.Generator, n_sets: int, dim: int, n_points: int
) -> list[tuple[observed.Paths, np.ndarray, np.ndarray]]:
    """All linear dichotomies of sets in general position met; every second baseline is any labelling, not an optimum.

    Returns the paths with the counts n+ and n- of each set.
    """
    found = []
    for draw in range(n_sets):
        points, positives, negatives = general_position(generator, N_ROWS[dim], dim, n_points)
        baseline = generator.integers(0, 2, len(points)) if draw % 2 else None
        found.append((observed.enumerate_paths(points, positives, negatives, baseline), positives, negatives))
    return found


def counts(table: observed.Table) -> tuple[np.ndarray, np.ndarray]:
    """The counts of both labels, as the theory takes them."""
    return table.positives, table.negatives


def over(items: Iterable[Any], measure: Callable[[Any], tuple[Any, ...]]) -> list[np.ndarray]:
    """Measure each item; return one array for each of the answers, items first."""
    return [np.array(answers) for answers in zip(*map(measure, items), strict=True)]


def apart(trial: Trial, truth: Any, wrong: dict[str, Any]) -> dict[str, Any]:
    """Return the wrong answers that differ from the truth somewhere; require settings at which one of them does."""
    told = {name: other for name, other in wrong.items() if np.any(np.asarray(other) != np.asarray(truth))}
    trial.require(told, f"settings must tell the claim from {' or '.join(map(repr, wrong))}: at these all are the same")
    return told


def beyond(trial: Trial, lhs: Any, wrong: dict[str, Any]) -> dict[str, Any]:
    """Return wrong bounds; require settings at which each of them is exceeded somewhere."""
    for name, other in wrong.items():
        exceeded = np.any(np.asarray(lhs) > other)
        trial.require(exceeded, f"settings must tell the bound from {name!r}: at these both hold")
    return wrong


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
