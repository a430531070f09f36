"""Small sets of points: exclusive or, Cover's count, lattices, and parallelograms of points."""

from itertools import combinations_with_replacement
from typing import Annotated, NamedTuple

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
from theory_on_trial import claim, derived, known, recalled
from theory_on_trial.contract import Interval

Shape = tuple[Annotated[int, Interval(2, 5)], ...]
"""How many points a lattice has along each axis."""
CONJUNCTION = np.array([-1, -1, -1, 1])
"""Its labels at the four corners, as `EXCLUSIVE_OR` has them."""
NEGATED_CONJUNCTION = [1, 1, 1, 0]
"""The predictions of the negated conjunction at the four corners."""


class Corners(NamedTuple):
    """How many classifiers of the corners are optimal, the errors of each, the most and fewest
    points on which two of them differ, and discrepancy and ambiguity at ε = 0, in points.
    """

    optima: int
    errors: int
    most_apart: int
    least_apart: int
    discrepancy: int
    ambiguity: int


def found_of_corners(labels, copies):
    """Return what integer programs find of the corners."""
    table = labelled_corners(labels, copies)
    optima = observed.co_optimal(table).solutions
    baseline = optima[0]
    distances = {
        table.disagreement(a.dichotomy, b.dichotomy) for a in optima for b in optima if a is not b
    }
    flips = observed.flip_errors(table, baseline)
    return Corners(
        optima=len(optima),
        errors=baseline.errors,
        most_apart=max(distances, default=0),
        least_apart=min(distances, default=0),
        discrepancy=observed.discrepancy_path(table, baseline, (0,)).disagreement[0],
        ambiguity=observed.ambiguity_path(table, baseline, flips, (0,)).ambiguous[0],
    )


@claim(
    recalled("Figure 1"),
    kind="identity",
    cases=[1, 25],
)
def test_xor__figure1(trial, copies: Copies = 25):
    """Exclusive or with $k$ points at each corner of the unit square has four optimal linear
    classifiers of $k$ errors each, any two of which differ on $2 k$ points. At $ε = 0$ the
    discrepancy is 1/2 and the ambiguity 1.
    """
    exact = Corners(
        optima=4,
        errors=copies,
        most_apart=2 * copies,
        least_apart=2 * copies,
        discrepancy=2 * copies,
        ambiguity=4 * copies,
    )
    # Exclusive or itself would then be the only optimum.
    all_linear = Corners(1, 0, 0, 0, 0, 0)
    trial.identity(
        found_of_corners(EXCLUSIVE_OR, copies),
        exact,
        ops=0,
        controls={"all 16 labellings are linear": all_linear},
        control_processes={"labels of a conjunction": found_of_corners(CONJUNCTION, copies)},
    )


@claim(
    derived("by the linear program of the largest margin of each"),
    kind="identity",
)
def test_xor__margins(trial, copies: Copies = 25):
    """Of the four optimal linear classifiers of exclusive or on the corners of the unit square, the
    negated conjunction has the margin 1/7 and the others 1/5. The margin is the largest $γ$ such
    that $|w_0 + w·u| >= γ$ at all corners $u$, for weights with $|w_0| + |w_1| + |w_2| <= 1$.
    """
    found = observed.co_optimal(labelled_corners(EXCLUSIVE_OR, copies)).solutions
    # The negated conjunction comes last.
    optima = sorted(found, key=lambda h: h.dichotomy.tolist() == NEGATED_CONJUNCTION)
    by_solver = [h.margin for h in optima]
    by_theory = [predicted.largest_margin(h.dichotomy, CORNERS)[0] for h in optima]
    controls = {"1/5 each": np.full(4, 1 / 5), "1/7 each": np.full(4, 1 / 7)}
    exact = [1 / 5, 1 / 5, 1 / 5, 1 / 7]
    # Each margin is the optimum of a linear program of five unknowns, solved to the solver's 1e-7.
    trial.value(
        [by_solver, by_theory],
        [exact, exact],
        error=1e-7,
        margin=1e-6,
        controls=controls,
    )


@claim(
    known("Cover 1965, Theorem 1"),
    kind="identity",
    cases=[(2, 12, 5), (3, 8, 2)],
)
def test_cover__count(
    trial,
    dim: Annotated[int, Interval(1, 4, why="all dichotomies are listed")],
    n_rows: Annotated[int, Interval(6, 24, why="fewer points have every labelling")],
    n_sets: Annotated[int, Interval(1, 20)],
):
    """Of the labellings of $n$ points in general position in $D - 1$ dimensions,
    $2 sum_(k<D) C(n - 1, k)$ are linear dichotomies, where $C(n, k)$ is the binomial coefficient.
    """
    trial.require(
        n_rows > dim + 2, "n_rows must exceed dim + 2: every labelling of fewer points is linear"
    )
    rng = trial.generator("points")
    numbers = [
        len(np.unique(dichotomies(rng.standard_normal((n_rows, dim))), axis=0))
        for _ in range(n_sets)
    ]
    count = predicted.cover_count
    # D: the features and the constant
    terms = dim + 1
    controls = {
        "a term more": count(n_rows, terms + 1),
        "$C(n, k)$ for $C(n - 1, k)$": count(n_rows + 1, terms),
    }
    trial.identity(
        numbers,
        np.full(n_sets, count(n_rows, terms)),
        ops=0,
        controls=controls,
        generic="almost all points are in general position, and have the same count",
    )


def cells_by_weights(points: np.ndarray, largest: int = 4) -> np.ndarray:
    """The dichotomies of all whole weights from -`largest` to `largest`, the constant's too, that
    have a score of 0 at no point: [cells, points] of 0, 1. It tries every vector of weights, and
    so knows nothing of counting formulas or solvers.
    """
    design = np.insert(points, 0, 1, axis=1).astype(np.int16)
    n_weights = design.shape[1]
    n_values = 2 * largest + 1
    weights = np.indices((n_values,) * n_weights, dtype=np.int16).reshape(n_weights, -1).T - largest
    scores = weights @ design.T
    decided = (scores != 0).all(axis=1)
    return np.unique(scores[decided] > 0, axis=0).astype(int)


@claim(
    known(
        "Muroga 1971, Threshold Logic and Its Applications, which counts threshold functions",
        within="the cubes; the lattice is counted here",
    ),
    kind="identity",
    cases=[((2, 2),), ((2, 2, 2),), ((2, 2, 2, 2),), ((3, 3),)],
    route="dichotomies met by trying integer weights",
)
def test_cover__lattice(trial, shape: Shape):
    """The corners of cubes of 2, 3 and 4 dimensions have 14, 104 and 1882 linear dichotomies, and
    the lattice of 3 by 3 points has 58. As many points in general position have other numbers, but
    for the square, which is in general position.
    """
    known = {(2, 2): 14, (2, 2, 2): 104, (2, 2, 2, 2): 1882, (3, 3): 58}
    trial.require(shape in known, f"shape must be one of {', '.join(map(str, known))}")
    # Each coordinate from -1 to 1, so that small weights suffice
    points = 2 * lattice(shape) // (shape[0] - 1) - 1
    by_weights = len(cells_by_weights(points))
    by_recursion = len(predicted.linear_dichotomies(lattice(shape)))
    rivals = {
        "general position": predicted.cover_count(len(points), len(shape) + 1),
        "every labelling": 2 ** len(points),
    }
    trial.identity(
        [by_weights, known[shape]],
        by_recursion,
        ops=0,
        controls=apart(trial, known[shape], rivals),
    )


def parallelograms(points):
    """The coefficients of b_1 + b_2 - b_3 - b_4 for all u_1 + u_2 = u_3 + u_4, two of which may be
    one point: [parallelograms, points].
    """
    # The pairs of points by their sum, each pair as the coefficients of b_1 + b_2
    pairs_of_sum: dict[tuple, list[np.ndarray]] = {}
    for i, j in combinations_with_replacement(range(len(points)), 2):
        pair = np.zeros(len(points), int)
        pair[i] += 1
        pair[j] += 1
        pairs_of_sum.setdefault(tuple(points[i] + points[j]), []).append(pair)
    return np.array(
        [
            pair - other
            for pairs in pairs_of_sum.values()
            for place, pair in enumerate(pairs)
            for other in pairs[:place]
        ]
    )


@claim(
    known(
        "Elgot 1961, Truth functions realizable by single threshold organs: a threshold function "
        "is 2-asummable",
        within="the corners of a cube; other points are tried here",
    ),
    kind="bound",
    cases=[((2, 2, 2, 2),), ((3, 3),), ((5,),)],
)
def test_parallelogram__valid(trial, shape: Shape):
    """Let $b_k ∈ {0, 1}$ be the prediction of a linear dichotomy at the point $u_k$. If
    $u_1 + u_2 = u_3 + u_4$, then $-1 <= b_1 + b_2 - b_3 - b_4 <= 1$, and so
    $-1 <= b_1 + b_2 - 2 b_3 <= 1$ if $u_3$ is the midpoint of $u_1$ and $u_2$.
    """
    trial.require(
        3 <= np.prod(shape) <= 16,
        "shape must give 3 to 16 points: all linear dichotomies are listed",
    )
    points = lattice(shape)
    cells = predicted.linear_dichotomies(points)
    coefficients = parallelograms(points)
    # Of each dichotomy, over all parallelograms
    largest = np.abs(cells @ coefficients.T).max(axis=1)
    alternating = points.sum(axis=1) % 2
    largest_of_alternating = np.abs(coefficients @ alternating).max()
    trial.bound(
        largest,
        np.ones(len(cells)),
        instances="all",
        ops=0,
        controls={"0, equally many in both pairs": np.zeros(len(cells))},
        control_processes={
            "predictions that alternate": np.full(len(cells), largest_of_alternating)
        },
    )
