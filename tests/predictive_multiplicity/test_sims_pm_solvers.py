"""The exact solvers against exhaustive search, in every formulation, and how they behave in use."""

from itertools import combinations, combinations_with_replacement, product

import numpy as np
import pytest
from cells_by_hand import GRID, cells_of_plane, disagreement_of, errors_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array

import sims.predictive_multiplicity as pm
from sims.linear_dichotomies.circuits import Parallelograms
from sims.linear_dichotomies.deadline import Deadline
from sims.linear_dichotomies.highs import Program, ResidentProgram
from sims.linear_dichotomies.solver import ExactSolver
from sims.linear_dichotomies.table import aggregate
from sims.linear_dichotomies.tasks import least_errors, most_disagreement
from sims.predictive_multiplicity import formulations

FORMULATIONS = ("margin_free", "big_m", "published")
XOR = aggregate([[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1], [25] * 4)
TINY = 17 * 2.0**-24
NEAR_COPIES = np.array(
    [[2, TINY], [0, 0], [0, TINY], [TINY, 0], [TINY, -1], [TINY, TINY], [TINY, TINY]]
)
counts = hnp.arrays(int, (2, 9), elements=st.integers(0, 4)).filter(
    lambda drawn: drawn.any(axis=0).sum() > 3
)


def table_of_counts(drawn, rows=GRID):
    labels = np.repeat([1, -1], len(rows))
    there = np.ravel(drawn) > 0
    return aggregate(np.tile(rows, (2, 1))[there], labels[there], np.ravel(drawn)[there])


def check_solution(table, solution, formulation):
    assert solution.status == "optimal"
    assert solution.bound == solution.value
    assert solution.certificate == ("exact" if formulation == "margin_free" else "margin >= 1e-4")
    signs = (np.column_stack([np.ones(len(table.rows)), table.rows]) @ solution.weights > 0).astype(
        int
    )
    np.testing.assert_array_equal(signs, solution.dichotomy)
    assert errors_of(solution.dichotomy[None], table)[0] == solution.errors
    # every weight is a rounded multiple of 2^-52
    assert abs(np.abs(solution.weights).sum() - 1) <= len(solution.weights) * 2.0**-52


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_all_problems_equal_exhaustive_search(formulation):
    thorough = settings.get_current_profile_name() == "thorough"
    few = 10 if formulation == "margin_free" else 3

    @settings(max_examples=settings.default.max_examples if thorough else few, deadline=None)
    @given(counts, st.integers(0, 10**6))
    def check(drawn, choice):
        table = table_of_counts(drawn)
        cells = cells_of_plane(table.rows)
        errors = errors_of(cells, table)
        optimum = pm.minimise_errors(table, formulation=formulation)
        check_solution(table, optimum, formulation)
        assert optimum.value == optimum.errors == errors.min()

        baseline = cells[choice % len(cells)]  # optimal or not
        rows = np.arange(len(table.rows))[choice % 3 :: 3]
        flips = pm.flip_errors(table, baseline, rows=rows, formulation=formulation)
        expected = [errors[cells[:, row] != baseline[row]].min() for row in rows]
        np.testing.assert_array_equal(flips.errors, expected)
        np.testing.assert_array_equal(flips.bounds, expected)

        excesses = np.array([0, 1, table.n // 4])
        path = pm.discrepancy_path(table, baseline, excesses / table.n, formulation=formulation)
        np.testing.assert_array_equal(path.admitted, excesses)
        reach = table.errors(baseline) + excesses
        changed = disagreement_of(cells, baseline, table)
        np.testing.assert_array_equal(
            path.disagreement, [changed[errors <= most].max() for most in reach]
        )
        np.testing.assert_array_equal(path.bounds, path.disagreement)
        for solution, most in zip(path.solutions, reach, strict=True):
            check_solution(table, solution, formulation)
            assert solution.errors <= most
            assert disagreement_of(solution.dichotomy[None], baseline, table)[0] == solution.value

    check()


@settings(max_examples=8, deadline=None)
@given(counts, st.integers(0, 1))
def test_co_optimal_lists_all_cells_by_errors_and_margin(drawn, extra):
    table = table_of_counts(drawn)
    cells = cells_of_plane(table.rows)
    errors = errors_of(cells, table)
    near = pm.co_optimal(table, extra)
    assert near.complete
    expected = {tuple(cell) for cell in cells[errors <= errors.min() + extra]}
    assert len(near.solutions) == len(expected)
    assert {tuple(solution.dichotomy) for solution in near.solutions} == expected
    keys = [(solution.errors, -round(solution.margin, 9)) for solution in near.solutions]
    assert keys == sorted(keys)
    for solution in near.solutions:
        assert solution.bound == errors.min()
        assert solution.status == ("optimal" if solution.errors == errors.min() else "near-optimal")
    some = pm.co_optimal(table, extra, most=1)
    assert len(some.solutions) == 1


@settings(max_examples=4, deadline=None)
@given(
    hnp.arrays(float, (7, 2), elements=st.floats(-3, 3, width=16)),
    st.lists(st.sampled_from([-1, 1]), min_size=7, max_size=7),
)
@example(NEAR_COPIES, [-1, 1, -1, -1, -1, -1, -1])
@example(NEAR_COPIES[[0, 1, 2, 4, 5, 5, 5]], [-1, 1, -1, -1, -1, -1, -1])
@example(NEAR_COPIES[[2, 0, 3, 4, 5, 5, 5]] * [0.5, 1], [-1] * 7)
@example(np.array([[0, 1], [TINY, 0], [-1, TINY], *[[TINY, TINY]] * 4]), [-1] * 7)
def test_features_of_any_kind_equal_exhaustive_search(points, labels):
    """Where the search is over; else the bounds hold."""
    table = aggregate(points, labels)
    cells = cells_of_plane(table.rows)
    errors = errors_of(cells, table)

    def is_least(solution, among):
        assert solution.bound <= errors[among].min() <= solution.value
        assert solution.status in ("optimal", "undecided")
        assert (solution.bound == solution.value) == (solution.status == "optimal")

    optimum = pm.minimise_errors(table)
    is_least(optimum, np.full(len(cells), True))
    for row, solution in enumerate(pm.flip_errors(table, optimum).solutions):
        is_least(solution, cells[:, row] != optimum.dichotomy[row])


@settings(max_examples=8, deadline=None)
@given(counts, hnp.arrays(float, (2, 9), elements=st.floats(0.1, 1.0)), st.floats(0, 0.5))
def test_weights_that_are_not_whole_are_compared_to_a_relative_millionth(drawn, scale, tolerance):
    table = table_of_counts(drawn * scale)
    cells = cells_of_plane(table.rows)
    errors = errors_of(cells, table)
    slack = 3e-6 * max(1.0, table.n)  # the stated accuracy: 1e-6 for the bound, 2e-6 for the search
    optimum = pm.minimise_errors(table)
    assert errors.min() - 1e-9 <= optimum.value <= errors.min() + slack
    path = pm.discrepancy_path(table, optimum, [tolerance])
    changes = disagreement_of(cells, optimum.dichotomy, table)
    reach = optimum.errors + tolerance * table.n
    assert changes[errors <= reach - slack].max(initial=0.0) - slack <= path.disagreement[0]
    assert path.disagreement[0] <= changes[errors <= reach + slack].max() + slack
    assert optimum.status == path.solutions[0].status == "optimal"


def test_sums_are_compared_exactly():
    everything = np.array([1.0, 0, 1, 0, 1, 0, 1, 0, 1])

    def rows_at(points, b):
        return {
            cut[:2]
            for cut in Parallelograms(aggregate(points, np.ones(len(points)))).violated(b, 10**6)
        }

    assert rows_at(GRID * 0.25 - 5, everything) == rows_at(GRID, everything) != set()
    tiny = np.array([[2.0**-60], [0.5], [1.0]])  # 1 + 2^-60 is rounded to 0.5 + 0.5
    assert rows_at(tiny, np.array([1.0, 0.0, 1.0])) == set()
    assert rows_at(np.array([[0.0], [0.5], [1.0]]), np.array([1.0, 0.0, 1.0])) == {
        ((0, 2, 1), (1, 1, -1))
    }


def test_separation_excludes_what_some_parallelogram_or_midpoint_excludes():
    """Against all pairs of pairs, on the grid, which has both, for each of its labellings."""
    separation = Parallelograms(aggregate(GRID, np.ones(9)))
    pairs = list(combinations_with_replacement(range(9), 2))
    equal = [
        (one, other)
        for one, other in combinations(pairs, 2)
        if np.array_equal(GRID[list(one)].sum(axis=0), GRID[list(other)].sum(axis=0))
    ]
    for b in product((0.0, 1.0), repeat=9):
        fits = all(abs(b[i] + b[j] - b[k] - b[l]) <= 1 for (i, j), (k, l) in equal)
        assert bool(separation.violated(np.array(b), 1)) != fits


def test_slacks_are_distances_to_the_nearer_bound():
    """At x = 3 and y = 4, where the costs put them: rows between 1 and 10, from 2 up, and up to
    6.
    """
    program = Program(
        cost=np.array([-1.0, -1.0]),
        lower=np.zeros(2),
        upper=np.array([3.0, 4.0]),
        rows=csr_array(np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])),
        row_lower=np.array([1.0, 2.0, -np.inf]),
        row_upper=np.array([10.0, np.inf, 6.0]),
    )
    resident = ResidentProgram(program)
    assert resident.run() == "optimal"
    np.testing.assert_allclose(resident.slacks, [3.0, 2.0, 3.0], atol=1e-9)


def test_an_answer_that_does_not_recount_is_refused(monkeypatch):
    monkeypatch.setattr(formulations, "FEASIBILITY", 1e-4)
    monkeypatch.setattr(formulations, "MARGIN", 1e-5)
    with pytest.raises(RuntimeError, match="does not recount"):
        pm.minimise_errors(XOR, formulation="big_m")


def test_a_solver_serves_tasks_of_all_kinds_in_any_order():
    generator = np.random.default_rng(2)
    table = table_of_counts(generator.integers(0, 6, (2, 9)))
    cells = cells_of_plane(table.rows)
    errors = errors_of(cells, table)
    solver = ExactSolver(table)
    for _ in range(30):
        baseline = cells[generator.integers(len(cells))]
        if generator.integers(2):
            row = int(generator.integers(len(table.rows)))
            task = least_errors(table, {row: 1 - int(baseline[row])})
            value = solver.solve(task, Deadline(None)).value
            assert value == errors[cells[:, row] != baseline[row]].min()
        else:
            tolerance = int(generator.integers(12))
            solver.admit(baseline)
            task = most_disagreement(table, baseline, tolerance)
            value = solver.solve(task, Deadline(None)).value
            within = errors <= table.errors(baseline) + tolerance
            assert value == disagreement_of(cells, baseline, table)[within].max()


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(3)
    return aggregate(GRID[generator.integers(0, 9, 60)], generator.choice([-1, 1], 60))


@pytest.fixture(scope="module")
def baseline(table):
    return pm.minimise_errors(table)


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_one_class_and_one_row(formulation):
    single = aggregate(GRID, np.full(9, -1))
    optimum = pm.minimise_errors(single, formulation=formulation)
    assert (optimum.value, optimum.bound) == (0, 0)
    path = pm.discrepancy_path(single, optimum, [0.0, 2 / 9], formulation=formulation)
    assert path.disagreement.tolist() == [0, 2]  # disagreements are errors

    lone = aggregate(np.zeros((10, 2)), [1] * 7 + [-1] * 3)
    assert lone.rows.shape == (1, 0)
    optimum = pm.minimise_errors(lone, formulation=formulation)
    assert optimum.value == 3
    path = pm.discrepancy_path(lone, optimum, [0.3, 0.4], formulation=formulation)
    assert path.disagreement.tolist() == [0, 10]
    assert pm.flip_errors(lone, optimum, formulation=formulation).errors.tolist() == [7]


@pytest.mark.parametrize("formulation", FORMULATIONS)
def test_time_limits_give_valid_bounds(formulation):
    table = pm.compas("arrest")
    limited = pm.minimise_errors(table, time_limit=1e-9, formulation=formulation)
    assert limited.bound <= 2008 <= limited.value
    assert limited.status == "time limit"
    baseline = np.zeros(137, int)
    path = pm.discrepancy_path(table, baseline, [0.01], time_limit=1e-9, formulation=formulation)
    true = pm.discrepancy_path(table, baseline, [0.01]).disagreement[0]
    assert path.disagreement[0] <= true <= path.bounds[0]
    assert path.disagreement[0] < path.bounds[0]


def test_a_coverage_that_ran_out_of_time_bounds_nothing(table, baseline):
    coverage = pm.ambiguity_by_coverage(table, baseline, 0.0, time_limit=1e-9)
    assert (coverage.ambiguous, coverage.bound) == (0, table.n)


def test_co_optimal_says_when_it_is_not_complete(table):
    assert pm.co_optimal(table, time_limit=1e-9) == ((), False)
    assert not pm.co_optimal(table, 10, most=2).complete


def test_processes_and_the_order_of_rows_do_not_matter(table, baseline):
    alone = pm.flip_errors(table, baseline)
    together = pm.flip_errors(table, baseline, workers=2)
    np.testing.assert_array_equal(together.errors, alone.errors)
    np.testing.assert_array_equal(together.bounds, alone.bounds)
    some = pm.flip_errors(table, baseline, rows=np.array([4, 1, 4]))
    np.testing.assert_array_equal(some.errors, alone.errors[[4, 1, 4]])


def test_a_model_of_the_user_is_taken_as_baseline():
    samples = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0, 1]])
    table = aggregate(samples, [-1, 1, 1, -1, 1])
    dichotomy = pm.baseline_of_scores(table, samples @ [1.0, 2.0] - 0.5)
    np.testing.assert_array_equal(dichotomy[table.row_of_sample], [0, 1, 1, 1, 1])
