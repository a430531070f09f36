"""Marx, Calmon & Ustun 2020, "Predictive Multiplicity in Classification", ICML 2020, arXiv
1909.06677.

Of the paper its abstract, the first page of its introduction, the released code and the public data
were read. Proposition 1, Figure 1, Algorithm 2 and the numbers of the introduction are recalled.

Letters and words of all claims. A sample has n points (on COMPAS: people) in m distinct rows of
features: row u holds n⁺_u positive and n⁻_u negative labels, t_u in all. A linear classifier h is
its linear dichotomy b in {0, 1}^m: b_u = 1 where w_0 + w·u > 0 and 0 where it is negative. E(h)
counts the errors of h on the sample. h_0 is the baseline, with E_0 errors and the error rate R(h_0)
= E_0 / n; it is one of the best classifiers unless a claim says otherwise.

At a tolerance ε a competitor makes at most E_0 + e errors, where e = floor(ε n) is the admitted
increase. The discrepancy is the largest number of points on which one competitor differs from h_0.
The ambiguity is the number of points on which some competitor differs from h_0. Both are given as
numbers or as shares of n. The flip error of a row is the fewest errors of a classifier that
predicts this row otherwise than h_0. The margin of a linear classifier is the largest γ such that
|w_0 + w·u| >= γ in all rows, for weights with |w_0| + Σ |w_j| <= 1. Counts are integers and are
compared exactly.

COMPAS arrest and violent are the same 6172 people in 137 distinct rows, without race; positive
labels are arrests, or arrests for violence, within two years. Over-sampled, people of the rarer
label are drawn again until both labels are equally frequent.

Abstract:

- Sentence 1: problems often admit competing models that are almost equally accurate. In part:
  rashomon-cells, baseline-ties. On COMPAS; how often is not on trial.
- Sentence 2: this challenges assumptions when competing models assign conflicting predictions. No
  statement.
- Sentence 3: predictive multiplicity is defined as the ability of a problem to admit competing
  models with conflicting predictions. No statement.
- Sentence 4: integer programs compute measures of its severity exactly for linear classifiers.
  Holds: erm-exact, flip-exact, disc-exact, ambiguity-cdf.
- Sentence 5: the tools are applied to the prediction of recidivism. No statement.
- Sentence 6: real data sets may admit competing models that assign wildly conflicting predictions.
  Holds: compas-table, compas-violent, compas-held_out, compas-redrawn. On two labels of COMPAS, and
  on the training sample; most competitors of one half of the people are competitors on the other,
  too. Labels that are drawn from a fitted linear model show as much.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Annotated, Any, NamedTuple

import numpy as np

from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.enumeration import Paths, enumerate_paths
from sims.linear_dichotomies.solver import Solution
from sims.linear_dichotomies.table import Table, aggregate
from sims.predictive_multiplicity.samples import Target
from theory_on_trial import Trial
from theory_on_trial.contract import Interval

Dim = Annotated[int, Interval(1, 3, why="all linear classifiers are listed")]
NPoints = Annotated[int, Interval(12, 100)]
NSets = Annotated[
    int, Interval(2, 100, why="a control may differ on few sets, and each is searched exactly")
]
Copies = Annotated[int, Interval(1, 1000)]

EPSILONS = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
"""The nine tolerances at which COMPAS is measured."""

CORNERS = np.indices((2, 2)).reshape(2, 4).T.astype(float)
"""(0, 0), (0, 1), (1, 0), (1, 1)."""
EXCLUSIVE_OR = np.array([-1, 1, 1, -1])
"""Its labels at the four corners."""
N_ROWS = {1: 12, 2: 12, 3: 8}
"""By dimension, how many points in general position a set has."""
LATTICES = {1: (6,), 2: (3, 3), 3: (2, 2, 2)}
"""By dimension, how many points a lattice has along each axis."""


class Solved(NamedTuple):
    """A COMPAS table with the optimal baseline of largest margin, all flips, and both paths at
    `EPSILONS`.
    """

    table: Table
    baseline: Solution
    flips: observed.FlipErrors
    discrepancy: observed.DiscrepancyPath
    ambiguity: observed.AmbiguityPath


def solved(
    target: Target,
    *,
    race: bool = False,
    oversampled: bool = False,
    time_limit: float | None = None,
) -> Solved:
    """The exact answers for COMPAS, which several claims share. Each program may take `time_limit`
    seconds.
    """
    return _solved(target, race, oversampled, time_limit)


@cache
def _solved(target: Target, race: bool, oversampled: bool, time_limit: float | None) -> Solved:
    table = observed.compas(target, race=race, oversampled=oversampled)
    baseline = observed.co_optimal(table, time_limit=time_limit).solutions[0]
    flips = observed.flip_errors(table, baseline, time_limit=time_limit)
    discrepancy = observed.discrepancy_path(table, baseline, EPSILONS, time_limit=time_limit)
    ambiguity = observed.ambiguity_path(table, baseline, flips, EPSILONS)
    return Solved(table, baseline, flips, discrepancy, ambiguity)


def over(items: Iterable[Any], measure: Callable[[Any], tuple[Any, ...]]) -> list[np.ndarray]:
    """Measure each item. Where a measure gives several answers, return an array for each of them:
    its first axis are the items.
    """
    return [np.array(answers) for answers in zip(*map(measure, items), strict=True)]


def apart(trial: Trial, truth: Any, wrong: dict[str, Any]) -> dict[str, Any]:
    """Return those of the wrong answers that differ from the truth somewhere, which can serve as
    controls. Require settings at which one of them does.
    """
    left = {
        name: value
        for name, value in wrong.items()
        if np.any(np.asarray(value) != np.asarray(truth))
    }
    trial.require(
        left,
        f"settings must tell the claim from {' or '.join(map(repr, wrong))}: at these all are the "
        "same",
    )
    return left


def beyond(trial: Trial, lhs: Any, wrong: dict[str, Any]) -> dict[str, Any]:
    """Return all wrong bounds, as controls. Require settings at which `lhs` exceeds each of them
    somewhere.
    """
    for name, bound in wrong.items():
        exceeded = np.any(np.asarray(lhs) > bound)
        trial.require(exceeded, f"settings must tell the bound from {name!r}: at these both hold")
    return wrong


def labelled_corners(labels: np.ndarray, copies: int = 25) -> Table:
    """The four corners of the unit square with these labels, each so many times."""
    return aggregate(CORNERS, labels, np.full(4, copies))


def lattice(shape: tuple[int, ...]) -> np.ndarray:
    """All points of a lattice, in lexicographic order."""
    return np.indices(shape).reshape(len(shape), -1).T


def lattice_set(
    generator: np.random.Generator, dim: int, n_points: int
) -> tuple[np.ndarray, np.ndarray]:
    """`n_points` points and their labels: every point of the lattice of this dimension once, the
    others drawn from it, and fair labels -1 or +1.
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


def over_lattices(
    trial: Trial,
    measure: Callable[[Table], tuple[Any, ...]],
    dim: int,
    n_points: int,
    n_sets: int,
) -> list[np.ndarray]:
    """Draw so many `lattice_tables` and measure each; return what `over` does."""
    return over(lattice_tables(trial.generator("sets"), dim, n_points, n_sets), measure)


def general_position(
    generator: np.random.Generator, dim: int, n_points: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of normal features, and how many of `n_points` are positive and negative in each:
    rows, n⁺, n⁻.
    """
    n_rows = N_ROWS[dim]
    counts = generator.multinomial(n_points, np.full(2 * n_rows, 1 / (2 * n_rows)))
    positives, negatives = counts.reshape(2, n_rows)
    return generator.standard_normal((n_rows, dim)), positives, negatives


def sampled_paths(
    generator: np.random.Generator, n_sets: int, dim: int, n_points: int
) -> list[tuple[Paths, np.ndarray, np.ndarray]]:
    """Draw so many sets in `general_position` and visit all their linear dichotomies. Return for
    each set its paths, n⁺ and n⁻.

    Sets 0, 2, 4, ... have an optimal baseline, the others any labelling, linear or not.
    """
    paths = []
    for draw in range(n_sets):
        points, positives, negatives = general_position(generator, dim, n_points)
        baseline = generator.integers(0, 2, len(points)) if draw % 2 else None
        paths.append(
            (enumerate_paths(points, positives, negatives, baseline), positives, negatives)
        )
    return paths
