"""Dichotomies counted and met: exclusive or, Cover's count, the cube, and what parallelograms say about all of them."""

from itertools import combinations_with_replacement

import numpy as np

from paper_checks.test_predictive_multiplicity import (
    CONJUNCTION,
    CORNERS,
    DERIVED,
    EXCLUSIVE_OR,
    FIGURE,
    LATTICE,
    cells_by_weights,
    general_position,
    labelled_corners,
)
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted
from theory_on_trial import claim, ours


@claim(ours(FIGURE), kind="identity")
def test_xor__figure1(trial):
    """Exclusive or, 25 points a corner: four optima of 25 errors, 50 points apart, delta_0 = 1/2 and alpha_0 = 1."""

    def measure(labels):
        table = labelled_corners(labels)
        optima = observed.co_optimal(table).solutions
        flips = observed.flip_errors(table, optima[0])
        apart = {table.disagreement(a.dichotomy, b.dichotomy) for a in optima for b in optima if a is not b}
        return [
            len(optima),
            optima[0].errors,
            max(apart, default=0),
            min(apart, default=0),
            *observed.discrepancy_path(table, optima[0], (0,)).disagreement,
            *observed.ambiguity_path(table, optima[0], flips, (0,)).ambiguous,
        ]

    def theory(cells):
        counts = labelled_corners(EXCLUSIVE_OR)
        errors = predicted.errors_of(cells, counts.positives, counts.negatives)
        optima = cells[errors == errors.min()]
        apart = [
            predicted.disagreement(a, b, counts.totals) for a in optima for b in optima if not np.array_equal(a, b)
        ]
        arguments = (cells, optima[0], counts.positives, counts.negatives, 0)
        extent = [max(apart, default=0), min(apart, default=0)]
        return [
            len(optima),
            errors.min(),
            *extent,
            predicted.discrepancy_of(*arguments),
            predicted.ambiguity_of(*arguments),
        ]

    cells = predicted.linear_dichotomies(CORNERS)
    trial.identity(
        measure(EXCLUSIVE_OR),
        theory(cells),
        ops=0,
        controls={"all 16 labellings": theory(np.indices((2,) * 4).reshape(4, 16).T)},
        wrong_processes={"labels of a conjunction": measure(CONJUNCTION)},
    )
    trial.identity(theory(cells), [4, 25, 50, 50, 50, 100], ops=0, controls={"three optima": [3, 25, 50, 50, 50, 100]})
    optima = observed.co_optimal(labelled_corners(EXCLUSIVE_OR)).solutions
    margins = [predicted.largest_margin(one.dichotomy, CORNERS)[0] for one in optima]
    # Each margin is the optimum of a linear program of five unknowns, solved to the solver's 1e-7.
    wrong = {"1/5 each": np.full(4, 1 / 5), "1/7 each": np.full(4, 1 / 7)}
    trial.value([one.margin for one in optima], margins, error=1e-7, margin=1e-6, controls=wrong)
    trial.value(margins, [1 / 5, 1 / 5, 1 / 5, 1 / 7], error=1e-7, margin=1e-6, controls=wrong)
    trial.identity(optima[3].dichotomy, [1, 1, 1, 0], ops=0, wrong_processes={"the first": optima[0].dichotomy})


@claim(ours("Cover 1965; threshold functions counted here"), kind="identity")
def test_cover__count(trial, features=(1, 2, 3, 4), n_sets=5):
    """Points in general position have 2 sum_(k<D) C(n-1, k) linear dichotomies, cubes 4, 14, 104 and 1882."""
    rng = trial.generator("points")
    counted = [observed.enumerate_paths(*general_position(rng)).cells.sum() for _ in range(n_sets)]
    counted += [len(np.unique(observed.dichotomies(rng.standard_normal((8, 3))), axis=0))]
    sizes = [(12, 3)] * n_sets + [(8, 4)]
    trial.identity(
        counted,
        [predicted.cover_count(n, dim) for n, dim in sizes],
        ops=0,
        controls={"D terms more": [predicted.cover_count(n, dim + 1) for n, dim in sizes]},
    )
    cubes = [np.indices((2,) * d).reshape(d, -1).T for d in features]
    trial.identity(
        [len(cells_by_weights(2 * cube - 1)) for cube in cubes],
        [predicted.boolean_dichotomies(d) for d in features],
        ops=0,
        controls={"general position": [predicted.cover_count(2**d, d + 1) for d in features]},
    )
    trial.identity(
        len(cells_by_weights(LATTICE - 1)),
        predicted.dichotomy_count(LATTICE),
        ops=0,
        controls={"general position": predicted.cover_count(9, 3)},
    )


def parallelograms(points):
    """The rows b_1 + b_2 - b_3 - b_4 of all u1 + u2 = u3 + u4: [rows, points], found by trying all pairs of pairs."""
    sums: dict[tuple, list[np.ndarray]] = {}
    for i, j in combinations_with_replacement(range(len(points)), 2):
        pair = np.zeros(len(points), int)
        pair[i] += 1
        pair[j] += 1
        sums.setdefault(tuple(points[i] + points[j]), []).append(pair)
    return np.array([one - other for pairs in sums.values() for k, one in enumerate(pairs) for other in pairs[:k]])


@claim(ours(DERIVED), kind="bound")
def test_parallelogram__valid(trial):
    """Every linear dichotomy has -1 <= b_1 + b_2 - b_3 - b_4 <= 1 where u1 + u2 = u3 + u4, and midpoints likewise."""
    for points in (np.indices((2,) * 4).reshape(4, 16).T, LATTICE):
        cells, rows = predicted.linear_dichotomies(points), parallelograms(points)
        # Midpoints have a 2: b_1 + b_2 - 2 b_3 in [-1, 1] is b_3 <= b_1 + b_2 <= 1 + b_3 for whole b.
        values = np.abs(cells @ rows.T).max(axis=1)
        odd = points.sum(axis=1) % 2
        trial.bound(
            values,
            np.ones(len(cells)),
            found_by="all",
            ops=0,
            controls={"0 in place of 1": np.zeros(len(cells))},
            wrong_processes={"exclusive or": np.full(len(cells), np.abs(rows @ odd).max())},
        )
    # The rows the solver separates are among them: a dichotomy that violates none of one violates none of the other.
    table = observed.aggregate(LATTICE.astype(float), np.ones(9, int))
    separated = observed.Parallelograms(table)
    labellings = np.indices((2,) * 9).reshape(9, 512).T
    rows = parallelograms(table.rows.astype(int))

    def valid(rows):
        return (np.abs(labellings @ rows.T).max(axis=1) <= 1).astype(int)

    trial.identity(
        [int(not separated.violated(b.astype(float), 1)) for b in labellings],
        valid(rows),
        ops=0,
        controls={"without midpoints": valid(rows[np.abs(rows).max(axis=1) == 1])},
    )
