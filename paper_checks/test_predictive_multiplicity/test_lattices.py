"""Small sets of points: exclusive or, Cover's count, lattices, and parallelograms of points."""

from itertools import combinations_with_replacement
from typing import Annotated

import numpy as np

from paper_checks.test_predictive_multiplicity import (
    CORNERS,
    EXCLUSIVE_OR,
    Copies,
    apart,
    labelled_corners,
    lattice,
)
from sims import predictive_multiplicity as observed
from sims.linear_dichotomies.enumeration import dichotomies
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, derived
from theory_on_trial.contract import Interval

Shape = tuple[Annotated[int, Interval(2, 5)], ...]
"""How many points a lattice has along each axis."""
CONJUNCTION = np.array([-1, -1, -1, 1])
"""Its labels at the four corners, as `EXCLUSIVE_OR` has them."""
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
        controls={"all 16 labellings are linear": [1, 0, 0, 0, 0, 0]},
        control_processes={"labels of a conjunction": met(CONJUNCTION, copies)},
    )


@claim(
    derived("by the linear program of the largest margin of each"),
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


@claim(
    derived("by trying whole weights, of which 4 is the largest that these points need"),
    kind="identity",
    cases=[((2, 2),), ((2, 2, 2),), ((2, 2, 2, 2),), ((3, 3),)],
    route="dichotomies met by trying integer weights",
)
def test_cover__lattice(trial, shape: Shape):
    """The corners of cubes of 2, 3 and 4 dimensions have 14, 104 and 1882 linear dichotomies, and
    the lattice of 3 by 3 points has 58. But for the square, as many points in general position have
    more.
    """
    known = {(2, 2): 14, (2, 2, 2): 104, (2, 2, 2, 2): 1882, (3, 3): 58}
    trial.require(shape in known, f"shape must be one of {', '.join(map(str, known))}")
    points = 2 * lattice(shape) // (shape[0] - 1) - 1  # each coordinate from -1 to 1
    number = len(cells_by_weights(points))
    rivals = {
        "general position": predicted.cover_count(len(points), len(shape) + 1),
        "every labelling": 2 ** len(points),
    }
    trial.identity(
        [number, known[shape]],
        len(predicted.linear_dichotomies(lattice(shape))),
        ops=0,
        controls=apart(trial, known[shape], rivals),  # the square is in general position
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
    """Let b_k in {0, 1} be what a linear dichotomy says of point u_k. If u_1 + u_2 = u_3 + u_4,
    then -1 <= b_1 + b_2 - b_3 - b_4 <= 1, and so -1 <= b_1 + b_2 - 2 b_3 <= 1 if u_3 is the
    midpoint of u_1 and u_2.
    """
    trial.require(
        3 <= np.prod(shape) <= 16,
        "shape must give 3 to 16 points: all linear dichotomies are listed",
    )
    points = lattice(shape)
    cells = predicted.linear_dichotomies(points)
    rows = parallelograms(points)
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
