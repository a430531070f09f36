"""Dichotomies counted and met: exclusive or, Cover's count, the cube, and what parallelograms say
about all of them.
"""

from itertools import combinations_with_replacement
from typing import Annotated

import numpy as np

from paper_checks.test_predictive_multiplicity import Copies
from paper_checks.test_predictive_multiplicity.sets import (
    CONJUNCTION,
    CORNERS,
    EXCLUSIVE_OR,
    cells_by_weights,
    labelled_corners,
    lattice,
)
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.circuits import Parallelograms
from sims.linear_dichotomies.enumeration import dichotomies
from sims.linear_dichotomies.table import aggregate
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

Shape = tuple[Annotated[int, Interval(2, 5)], ...]
"""How many points a lattice has along each axis."""
_LISTED = "all labellings of the lattice are tried"
NEGATED_CONJUNCTION = [1, 1, 1, 0]
"""The predictions of the negated conjunction at the four corners."""


def met(labels, copies):
    """What integer programs find of the corners: optima, errors, largest and least distances, and
    both measures.
    """
    table = labelled_corners(labels, copies)
    optima = observed.co_optimal(table).solutions
    flips = observed.flip_errors(table, optima[0])
    distances = {
        table.disagreement(a.dichotomy, b.dichotomy) for a in optima for b in optima if a is not b
    }
    path = observed.discrepancy_path(table, optima[0], (0,))
    ambiguity = observed.ambiguity_path(table, optima[0], flips, (0,))
    numbers = [len(optima), optima[0].errors, max(distances, default=0), min(distances, default=0)]
    return [*numbers, *path.disagreement, *ambiguity.ambiguous]


def listed(cells, copies):
    """The same from a list of the classifiers of exclusive or."""
    table = labelled_corners(EXCLUSIVE_OR, copies)
    errors = predicted.errors_of(cells, table.positives, table.negatives)
    optima = cells[errors == errors.min()]
    pairs = [(a, b) for a in optima for b in optima if not np.array_equal(a, b)]
    distances = [predicted.disagreement(a, b, table.totals) for a, b in pairs]
    arguments = (cells, optima[0], table.positives, table.negatives, 0)
    numbers = [len(optima), errors.min(), max(distances, default=0), min(distances, default=0)]
    return [*numbers, predicted.discrepancy_of(*arguments), predicted.ambiguity_of(*arguments)]


@claim(
    derived("Figure 1 as recalled; 14 of the 16 labellings of the corners are linear"),
    kind="identity",
    cases=[1, 25],
)
def test_xor__figure1(trial, copies: Copies = 25):
    """Exclusive or with k points at each corner has four optimal classifiers of k errors each,
    which differ on 2 k points; at ε = 0 the discrepancy is 1/2 and the ambiguity 1.
    """
    trial.identity(
        met(EXCLUSIVE_OR, copies),
        [4, copies, 2 * copies, 2 * copies, 2 * copies, 4 * copies],
        ops=0,
        controls={"all 16 labellings": listed(lattice((2,) * 4), copies)},
        control_processes={"labels of a conjunction": met(CONJUNCTION, copies)},
    )


@claim(
    derived("by linear programs: a corner of the cube is cut off, or its opposite from three"),
    kind="identity",
)
def test_xor__margins(trial, copies: Copies = 25):
    """Of the four optimal classifiers of exclusive or, the negated conjunction has the margin 1/7
    and the others 1/5.
    """
    found = observed.co_optimal(labelled_corners(EXCLUSIVE_OR, copies)).solutions
    optima = sorted(found, key=lambda h: h.dichotomy.tolist() == NEGATED_CONJUNCTION)
    margins = [predicted.largest_margin(h.dichotomy, CORNERS)[0] for h in optima]
    # Each margin is the optimum of a linear program of five unknowns, solved to the solver's 1e-7.
    controls = {"1/5 each": np.full(4, 1 / 5), "1/7 each": np.full(4, 1 / 7)}
    exact = [1 / 5, 1 / 5, 1 / 5, 1 / 7]
    trial.value(
        [[h.margin for h in optima], margins],
        2 * [exact],
        error=1e-7,
        margin=1e-6,
        controls=controls,
    )


@claim(
    derived("Cover 1965, by the regions that one hyperplane more cuts"),
    kind="identity",
    cases=[(2, 12, 5), (3, 8, 2)],
)
def test_cover__count(
    trial,
    dim: Annotated[int, Interval(1, 4, why="all dichotomies are listed")],
    n_rows: Annotated[int, Interval(6, 24, why="fewer points have every labelling")],
    n_sets: Annotated[int, Interval(1, 20)],
):
    """Of n points in general position in D - 1 dimensions, 2 sum_(k<D) C(n-1, k) labellings are
    linear dichotomies.
    """
    rng = trial.generator("points")
    numbers = [
        len(np.unique(dichotomies(rng.standard_normal((n_rows, dim))), axis=0))
        for _ in range(n_sets)
    ]
    trial.require(
        n_rows > dim + 2, "n_rows must exceed dim + 2: every labelling of fewer points is linear"
    )
    count = predicted.cover_count
    terms = dim + 1
    controls = {
        "a term more": count(n_rows, terms + 1),
        "C(n, k) for C(n - 1, k)": count(n_rows + 1, terms),
    }
    trial.identity(numbers, np.full(n_sets, count(n_rows, terms)), ops=0, controls=controls)


@claim(
    derived("by trying whole weights, of which 4 is the largest that four bits need"),
    kind="identity",
    cases=[2, 3, 4],
    route="dichotomies met by trying integer weights, and known counts",
)
def test_cover__cubes(
    trial, dim: Annotated[int, Interval(2, 4, why="of five there are 94572 to list")]
):
    """The corners of cubes of 2, 3 and 4 dimensions have 14, 104 and 1882 linear dichotomies, fewer
    than as many points in general position.
    """
    number = len(cells_by_weights(2 * lattice((2,) * dim) - 1))
    general = (
        {"general position": predicted.cover_count(2**dim, dim + 1)}
        if dim > 2
        else {"all labellings": 16}
    )
    published = {2: 14, 3: 104, 4: 1882}[dim]
    trial.identity([number, published], predicted.boolean_dichotomies(dim), ops=0, controls=general)


@claim(
    derived("by trying whole weights, of which 4 is the largest that nine points need"),
    kind="identity",
    route="dichotomies met by trying integer weights",
)
def test_cover__lattice(trial):
    """The lattice of 3 by 3 points has 58 linear dichotomies, fewer than nine points in general
    position.
    """
    number = len(cells_by_weights(lattice((3, 3)) - 1))
    general = {"general position": predicted.cover_count(9, 3)}
    trial.identity(
        [number, 58], predicted.dichotomy_count(lattice((3, 3))), ops=0, controls=general
    )


def parallelograms(points):
    """The rows b_1 + b_2 - b_3 - b_4 of all u1 + u2 = u3 + u4: [rows, points], found by trying all
    pairs of pairs.
    """
    sums: dict[tuple, list[np.ndarray]] = {}
    for i, j in combinations_with_replacement(range(len(points)), 2):
        pair = np.zeros(len(points), int)
        pair[i] += 1
        pair[j] += 1
        sums.setdefault(tuple(points[i] + points[j]), []).append(pair)
    return np.array(
        [a - b for pairs in sums.values() for k, a in enumerate(pairs) for b in pairs[:k]]
    )


@claim(
    derived("the scores of both pairs add up to the same"),
    kind="bound",
    cases=[((2, 2, 2, 2),), ((3, 3),), ((5,),)],
)
def test_parallelogram__valid(trial, shape: Shape):
    """Every linear dichotomy has -1 <= b_1 + b_2 - b_3 - b_4 <= 1 where u1 + u2 = u3 + u4, and
    midpoints in the same way.
    """
    trial.require(3 <= np.prod(shape) <= 16, f"shape must give 3 to 16 points ({_LISTED})")
    points = lattice(shape)
    cells = predicted.linear_dichotomies(points)
    rows = parallelograms(points)
    # Midpoints have a 2: b_1 + b_2 - 2 b_3 in [-1, 1] is b_3 <= b_1 + b_2 <= 1 + b_3 for whole b.
    values = np.abs(cells @ rows.T).max(axis=1)
    alternating = {
        "labels that alternate": np.full(len(cells), np.abs(rows @ (points.sum(axis=1) % 2)).max())
    }
    none = {"0 in place of 1": np.zeros(len(cells))}
    trial.bound(
        values,
        np.ones(len(cells)),
        instances="all",
        ops=0,
        controls=none,
        control_processes=alternating,
    )


@claim(
    derived("what is separated is found trying all pairs of pairs"),
    kind="identity",
    cases=[((3, 3),), ((2, 2, 3),)],
    route="rows found by trying pairs of pairs against the separation of the solver",
)
def test_parallelogram__separated(trial, shape: Shape):
    """The rows that the solver adds for parallelograms exclude exactly the labellings that some
    parallelogram excludes.
    """
    trial.require(3 <= np.prod(shape) <= 12, f"shape must give 3 to 12 points ({_LISTED})")
    trial.require(
        sorted(shape) != [3, 4], "shape must not be 3 x 4: few labellings depend on midpoints there"
    )
    table = aggregate(lattice(shape).astype(float), np.ones(np.prod(shape), int))
    separator = Parallelograms(table)
    rows = parallelograms(table.rows.astype(int))
    labellings = lattice((2,) * len(table.rows))
    flags = [int(not separator.violated(vector.astype(float), 1)) for vector in labellings]
    fits = np.abs(labellings @ rows.T) <= 1
    is_midpoint = np.abs(rows).max(axis=1) > 1
    exact = fits.all(axis=1).astype(int)
    kinds = {"without midpoints": ~is_midpoint, "midpoints alone": is_midpoint}
    rivals = {name: fits[:, kind].all(axis=1).astype(int) for name, kind in kinds.items()}
    rivals = {name: vector for name, vector in rivals.items() if np.any(vector != exact)}
    trial.require(
        bool(rivals),
        "shape must have a parallelogram, or three points on a line: else nothing is forbidden",
    )
    trial.identity(flags, exact, ops=0, controls=rivals)
