"""The exact solvers against exhaustive search, in every formulation and on every solver."""

import functools
import itertools

import numpy as np
import pytest
from cells_by_hand import (
    CUBE,
    GRID,
    cells_of_lattice,
    cells_of_plane,
    cells_of_points,
    cells_of_table,
    disagreement_of,
    errors_of,
    margins_of,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linprog
from scipy.sparse import csr_array

import sims.predictive_multiplicity as pm
from sims.predictive_multiplicity.certificates import GordanProgram
from sims.predictive_multiplicity.circuits import as_rows, circuit_cut, no_good_cut
from sims.predictive_multiplicity.exact_solver import ExactSolver
from sims.predictive_multiplicity.mip import Program
from sims.predictive_multiplicity.solvers import linear_program
from sims.predictive_multiplicity.tasks import least_errors, most_disagreement

ROUTES = list(itertools.product(("margin_free", "big_m", "published"), ("highs", "scip")))
XOR = pm.aggregate([[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1], [25] * 4)

TINY = 17 * 2.0**-24
NEAR_COPIES = np.array([[2, TINY], [0, 0], [0, TINY], [TINY, 0], [TINY, -1], [TINY, TINY], [TINY, TINY]])

counts = hnp.arrays(int, (2, 9), elements=st.integers(0, 4)).filter(lambda drawn: drawn.any(axis=0).sum() > 3)


@functools.cache
def grid_cells():
    cells = cells_of_lattice(GRID, 4)
    assert len(cells) == 58
    return cells


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(int, (5, 2), elements=st.integers(-2, 2)))
def test_cells_by_exact_arithmetic_are_those_by_linear_programs(points):
    rows = np.unique(points, axis=0).astype(float)
    assert {tuple(cell) for cell in cells_of_plane(rows)} == {tuple(cell) for cell in cells_of_points(rows)}


def table_of_counts(drawn, rows=GRID):
    labels = np.repeat([1, -1], len(rows))
    there = np.ravel(drawn) > 0
    return pm.aggregate(np.tile(rows, (2, 1))[there], labels[there], np.ravel(drawn)[there])


def check_solution(table, solution, formulation, exact=False):
    assert solution.recounted
    assert solution.status == "optimal"
    assert solution.bound == solution.value
    assert solution.certificate == ("exact" if formulation == "margin_free" or exact else "margin >= 1e-4")
    signs = (np.column_stack([np.ones(len(table.rows)), table.rows]) @ solution.weights > 0).astype(int)
    np.testing.assert_array_equal(signs, solution.dichotomy)
    assert errors_of(solution.dichotomy[None], table)[0] == solution.errors
    # every weight is a rounded multiple of 2^-52
    assert abs(np.abs(solution.weights).sum() - 1) <= len(solution.weights) * 2.0**-52


@pytest.mark.parametrize(("formulation", "solver"), ROUTES)
def test_all_problems_equal_exhaustive_search(formulation, solver):
    thorough = settings.get_current_profile_name() == "thorough"
    few = 10 if formulation == "margin_free" else 3

    @settings(max_examples=settings.default.max_examples if thorough else few, deadline=None)
    @given(counts, st.integers(0, 10**6))
    def check(drawn, choice):
        table = table_of_counts(drawn)
        cells = cells_of_table(table, grid_cells(), GRID)
        errors = errors_of(cells, table)
        method = {"formulation": formulation, "solver": solver}
        optimum = pm.minimise_errors(table, **method)
        check_solution(table, optimum, formulation)
        assert optimum.value == optimum.errors == errors.min()

        baseline = cells[choice % len(cells)]  # optimal or not
        rows = np.arange(len(table.rows))[choice % 3 :: 3]
        flips = pm.flip_errors(table, baseline, rows=rows, **method)
        expected = [errors[cells[:, row] != baseline[row]].min() for row in rows]
        np.testing.assert_array_equal(flips.errors, expected)
        np.testing.assert_array_equal(flips.bounds, expected)

        admitted = np.array([0, 1, table.n // 4])
        path = pm.discrepancy_path(table, baseline, admitted / table.n, **method)
        np.testing.assert_array_equal(path.admitted, admitted)
        reach = table.errors(baseline) + admitted
        changed = disagreement_of(cells, baseline, table)
        np.testing.assert_array_equal(path.disagreement, [changed[errors <= most].max() for most in reach])
        np.testing.assert_array_equal(path.bounds, path.disagreement)
        for solution, most in zip(path.solutions, reach, strict=True):
            check_solution(table, solution, formulation)
            assert solution.errors <= most
            assert disagreement_of(solution.dichotomy[None], baseline, table)[0] == solution.value

    check()


@settings(max_examples=15, deadline=None)
@given(counts, st.integers(0, 10**6), st.sampled_from([0.0, 0.04, 0.15, 0.5, 1.0]))
def test_ambiguity_by_flips_and_by_coverage_is_the_definition(drawn, choice, tolerance):
    table = table_of_counts(drawn)
    cells = cells_of_table(table, grid_cells(), GRID)
    baseline = cells[choice % len(cells)]
    competitors = cells[errors_of(cells, table) <= table.errors(baseline) + pm.tolerance_of(table, tolerance)]
    expected = table.totals[(competitors != baseline).any(axis=0)].sum()
    flips = pm.flip_errors(table, baseline)
    path = pm.ambiguity_path(table, baseline, flips, [tolerance])
    assert path.ambiguous[0] == path.bounds[0] == expected
    coverage = pm.ambiguity_by_coverage(table, baseline, tolerance)
    assert coverage.ambiguous == coverage.bound == expected
    assert coverage.n_programs == len(coverage.solutions) + 1
    np.testing.assert_array_equal(coverage.covered, (competitors != baseline).any(axis=0) & (table.totals > 0))


def test_a_flip_that_is_left_out_counts_in_the_bound_only():
    flips = pm.flip_errors(XOR, np.array([0, 1, 1, 1]), rows=np.array([0]))
    path = pm.ambiguity_path(XOR, np.array([0, 1, 1, 1]), flips, [0.0])
    assert (path.ambiguous[0], path.bounds[0]) == (25, 100)


@settings(max_examples=8, deadline=None)
@given(counts, st.integers(0, 1))
def test_co_optimal_lists_all_cells_by_errors_and_margin(drawn, extra):
    table = table_of_counts(drawn)
    cells = cells_of_table(table, grid_cells(), GRID)
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


def test_the_four_optima_of_xor_and_their_margins():
    near = pm.co_optimal(XOR)
    assert [solution.errors for solution in near.solutions] == [25] * 4
    # margins from a linear program, met to 1e-9
    np.testing.assert_allclose(
        [solution.margin for solution in near.solutions], [1 / 5, 1 / 5, 1 / 5, 1 / 7], atol=1e-8
    )
    assert near.solutions[3].dichotomy.tolist() == [1, 1, 1, 0]
    path = pm.discrepancy_path(XOR, near.solutions[0], [0.0])
    assert path.disagreement[0] == 50
    flips = pm.flip_errors(XOR, near.solutions[0])
    assert pm.ambiguity_path(XOR, near.solutions[0], flips, [0.0]).ambiguous[0] == 100


def test_complementary_optima_are_both_found():
    near = pm.co_optimal(pm.aggregate([[0.0], [0.0]], [1, -1]))
    assert sorted(solution.dichotomy.tolist() for solution in near.solutions) == [[0], [1]]


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
    """Where the certificate is exact; else the answer is that of the classifiers of the margin that it states."""
    table = pm.aggregate(points, labels)
    cells = cells_of_plane(table.rows)
    errors, wide = errors_of(cells, table), margins_of(cells, table.rows) >= 1e-4

    def is_least(solution, among):
        exact = solution.certificate == "exact"
        least = errors[among].min()
        assert solution.value == least if exact else least <= solution.value <= errors[among & wide].min(initial=99)

    optimum = pm.minimise_errors(table)
    is_least(optimum, np.full(len(cells), True))
    for row, solution in enumerate(pm.flip_errors(table, optimum).solutions):
        is_least(solution, cells[:, row] != optimum.dichotomy[row])


@settings(max_examples=8, deadline=None)
@given(counts, hnp.arrays(float, (2, 9), elements=st.floats(0.1, 1.0)), st.floats(0, 0.5))
def test_weights_that_are_not_whole_are_compared_to_a_relative_millionth(drawn, scale, tolerance):
    table = table_of_counts(drawn * scale)
    cells = cells_of_table(table, grid_cells(), GRID)
    errors = errors_of(cells, table)
    slack = 3e-6 * max(1.0, table.n)  # the stated accuracy: 1e-6 for the bound, 2e-6 for the search
    optimum = pm.minimise_errors(table)
    assert errors.min() - 1e-9 <= optimum.value <= errors.min() + slack
    path = pm.discrepancy_path(table, optimum, [tolerance])
    changed = disagreement_of(cells, optimum.dichotomy, table)
    reach = optimum.errors + tolerance * table.n
    assert changed[errors <= reach - slack].max(initial=0.0) - slack <= path.disagreement[0]
    assert path.disagreement[0] <= changed[errors <= reach + slack].max() + slack
    assert optimum.status == path.solutions[0].status == "optimal"


@settings(max_examples=6, deadline=None)
@given(counts, st.permutations(range(9)))
def test_answers_do_not_change_with_the_description_of_the_sample(drawn, order):
    """Affine maps of the features, dependent columns, the order of rows, counts times k, labels reversed."""
    table = table_of_counts(drawn)
    optimum = pm.minimise_errors(table)
    flips = pm.flip_errors(table, optimum)
    dims = table.rows.shape[1]
    moved = table.rows @ np.array([[3.0, -1.0], [1.0, 2.0]])[:dims, :dims] * 0.25 - 5
    redundant = np.column_stack([moved, moved.sum(axis=1), np.ones(len(moved))])
    weights = 3 * np.concatenate([table.positives, table.negatives])
    samples = np.argsort(np.resize(order, len(weights)), kind="stable")
    labels = np.repeat([-1, 1], len(moved))
    other = pm.aggregate(np.tile(redundant, (2, 1))[samples], labels[samples], weights[samples])
    assert other.dropped == tuple(f"x{dims + extra}" for extra in (1, 2))
    where = [int(np.flatnonzero((other.rows == row).all(axis=1))[0]) for row in moved]
    baseline = np.zeros(len(where), int)
    baseline[where] = 1 - optimum.dichotomy
    assert pm.minimise_errors(other).value == 3 * optimum.value
    np.testing.assert_array_equal(pm.flip_errors(other, baseline).errors[where], 3 * flips.errors)


def test_the_big_m_optimum_depends_on_the_scale_of_a_feature_and_the_margin_free_one_does_not():
    generator = np.random.default_rng(4)
    points = GRID[generator.integers(0, 9, 60)]
    labels = generator.choice([-1, 1], 60)
    optimum = pm.minimise_errors(pm.aggregate(points, labels)).value
    flat = pm.aggregate(points * [1.0, 1e-4], labels)
    assert pm.minimise_errors(flat).value == optimum
    assert pm.minimise_errors(flat, formulation="big_m", margin=1e-5).value == optimum
    rough = pm.minimise_errors(flat, formulation="big_m", margin=1e-3)
    assert rough.value > optimum
    assert rough.certificate == "margin >= 1e-3"
    repaired = pm.minimise_errors(flat, formulation="big_m", margin=1e-3, exact=True)
    check_solution(flat, repaired, "big_m", exact=True)
    assert repaired.value == optimum


@pytest.mark.parametrize(("rows", "largest_weight"), [(GRID, 4), (CUBE, 2)])
def test_gordan_program_separates_linear_dichotomies_from_all_others(rows, largest_weight):
    table = pm.aggregate(rows, np.ones(len(rows), int))
    cells = {tuple(cell) for cell in cells_of_table(table, cells_of_lattice(rows, largest_weight), rows)}
    assert len(cells) == (58 if len(rows) == 9 else 104)
    gordan = GordanProgram(table)
    generator = np.random.default_rng(0)
    patterns = np.array(list(itertools.product((0, 1), repeat=len(rows))))
    for dichotomy in generator.permutation(patterns)[:150]:
        weights = gordan.weights(dichotomy)
        assert (weights is not None) == (tuple(dichotomy) in cells)
        if weights is not None:
            np.testing.assert_array_equal(pm.exact_signs(table, weights.weights), 2 * dichotomy - 1)
            continue
        found = gordan.refuting(dichotomy, draws=2, seed=1)
        assert found
        for cut, residual in found:
            assert residual == 0  # checked in rational arithmetic
            assert len(cut.members) <= rows.shape[1] + 2
            assert cut.violation(dichotomy.astype(float)) >= 1
            assert all(cut.violation(np.array(cell, float)) <= 0 for cell in cells)


def test_margins_equal_those_of_the_primal_program():
    table = pm.aggregate(CUBE, np.ones(8, int))
    gordan = GordanProgram(table)
    for dichotomy in cells_of_lattice(CUBE, 2)[::9]:
        weights = gordan.weights(cells_of_table(table, dichotomy[None], CUBE)[0])
        signed = (2 * dichotomy - 1)[:, None] * np.column_stack([np.ones(8), CUBE])
        # variables w₊, w₋, t
        answer = linprog(
            [0.0] * 8 + [-1.0],
            A_ub=np.vstack([np.hstack([-signed, signed, np.ones((8, 1))]), [1.0] * 8 + [0.0]]),
            b_ub=[0.0] * 8 + [1.0],
            method="highs",
        )
        assert abs(weights.margin + answer.fun) <= 1e-7  # the two programs' tolerances


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(float, 9, elements=st.floats(0, 1)))
@example(np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]))
def test_separated_rows_hold_for_all_cells_and_none_is_missed(b):
    table = pm.aggregate(GRID, np.ones(9, int))
    found = pm.Parallelograms(table).violated(b, 10**6)
    cells = cells_of_table(table, grid_cells(), GRID)
    for cut in found:
        assert cut.violation(b) > 1e-6
        assert max(cut.violation(cell) for cell in cells.astype(float)) <= 0
    sums = table.rows[:, None] + table.rows[None]
    for i, j, k, l in itertools.product(range(9), repeat=4):
        if found or not np.array_equal(sums[i, j], sums[k, l]) or {i, j} & {k, l}:
            continue
        if k != l and i != j:
            assert b[i] + b[j] - b[k] - b[l] <= 1 + 1e-5
        elif k == l and i != j:
            assert b[k] - 1e-5 <= b[i] + b[j] <= 1 + b[k] + 1e-5


def test_sums_are_compared_exactly():
    everything = np.array([1.0, 0, 1, 0, 1, 0, 1, 0, 1])

    def rows_at(points, b):
        return {cut[:2] for cut in pm.Parallelograms(pm.aggregate(points, np.ones(len(points)))).violated(b, 10**6)}

    assert rows_at(GRID * 0.25 - 5, everything) == rows_at(GRID, everything) != set()
    tiny = np.array([[2.0**-60], [0.5], [1.0]])  # 1 + 2^-60 is rounded to 0.5 + 0.5
    assert rows_at(tiny, np.array([1.0, 0.0, 1.0])) == set()
    assert rows_at(np.array([[0.0], [0.5], [1.0]]), np.array([1.0, 0.0, 1.0])) == {((0, 2, 1), (1, 1, -1))}


def test_wide_tables_keep_their_parallelograms():
    """More columns than the codes of a pair fit into one machine word."""
    generator = np.random.default_rng(0)
    points = np.vstack([np.zeros(45), np.eye(45), generator.integers(0, 2, (3, 45))])
    points = np.vstack([points, points[1] + points[2]])
    table = pm.aggregate(points, np.ones(len(points)))
    place = {tuple(row): number for number, row in enumerate(table.rows)}
    b = np.full(len(table.rows), 0.5)
    corners = [place[tuple(row)] for row in (points[1], points[2], points[0], points[-1])]
    b[corners] = 1, 1, 0, 0
    found = pm.Parallelograms(table).violated(b, 10)
    assert (set(corners), 1.0) in [(set(cut.members), cut.violation(b)) for cut in found]


def test_rows_of_circuits_and_no_goods():
    cut = circuit_cut((0, 1, 2, 3), (1, 1, -1, -1))
    assert (cut.low, cut.high) == (-1, 1)
    assert circuit_cut((0, 1, 2), (1, 1, -1))[2:] == (0, 1)
    assert cut.violation(np.array([1.0, 1.0, 0.0, 0.0])) == 1
    assert cut.violation(np.array([0.0, 0.0, 1.0, 1.0])) == 1
    assert cut.violation(np.array([1.0, 0.0, 0.0, 1.0])) == -1
    only = no_good_cut(np.array([1, 0, 1]))
    patterns = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
    assert [tuple(p) for p in patterns if only.violation(p) > 0] == [(1, 0, 1)]
    matrix, low, high = as_rows([cut, only], 5)
    assert matrix.toarray().tolist() == [[1, 1, -1, -1, 0], [1, -1, 1, 0, 0]]
    assert (low.tolist(), high.tolist()) == ([-1, -np.inf], [1, 1])


def test_without_circuits_the_relaxation_alone_would_not_be_exact():
    """A point in the middle of a triangle: no parallelogram, no midpoint, one circuit."""
    table = pm.aggregate([[0, 0], [3, 0], [0, 3], [1, 1]], [1, 1, 1, -1])
    assert pm.Parallelograms(table).violated(np.array([1.0, 1.0, 0.0, 1.0]), 10) == []
    assert pm.minimise_errors(table).value == 1


def test_one_sided_rows_overestimate():
    line = pm.aggregate(np.arange(5.0)[:, None], [-1, -1, 1, -1, -1])
    baseline = np.zeros(5, int)
    assert pm.discrepancy_path(line, baseline, [0.0]).disagreement[0] == 0
    wrong = pm.one_sided_discrepancy(line, baseline, 0.0)
    assert round(wrong.reported) == 2
    assert wrong.wrong_rows > 0
    assert wrong.errors > 1


@settings(max_examples=5, deadline=None)
@given(counts, st.sampled_from([0.0, 0.1]))
def test_one_sided_rows_never_underestimate(drawn, tolerance):
    table = table_of_counts(drawn)
    baseline = pm.minimise_errors(table)
    true = pm.discrepancy_path(table, baseline, [tolerance]).disagreement[0]
    assert round(pm.one_sided_discrepancy(table, baseline, tolerance).reported) >= true


def test_margins_and_big_m_values_out_of_their_window():
    assert [round(pm.uncertified_errors(XOR, margin).reported) for margin in (0.19, 0.21)] == [25, 50]
    three = pm.aggregate([[-1.0], [1.0], [10.0]], [-1, 1, -1], [5, 5, 1])
    assert round(pm.uncertified_errors(three, 0.9).reported) == 1
    assert pm.uncertified_errors(three, 0.9, reach=0.5).reported == np.inf
    assert round(pm.uncertified_errors(three, 1e-4, reach=0.5).reported) == 1
    zero = pm.uncertified_errors(XOR, 1e-8, feasibility=1e-6)
    assert round(zero.reported) == 0
    assert zero.errors > 0
    assert zero.wrong_rows > 0


def test_conflict_rows_carry_the_root_bound():
    table = pm.aggregate(np.repeat(GRID, 2, axis=0), np.tile([1, -1], 9), np.tile([3, 2], 9))
    assert pm.root_bound(table) >= 18 - 1e-6
    assert pm.root_bound(table, conflict_rows=False) < 1


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_slacks_are_distances_to_the_nearer_bound(solver):
    """At x = 3 and y = 4, where the costs put them: rows between 1 and 10, from 2 up, and up to 6."""
    program = Program(
        cost=np.array([-1.0, -1.0]), lower=np.zeros(2), upper=np.array([3.0, 4.0]), integral=np.zeros(2, bool),
        rows=csr_array(np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])),
        row_lower=np.array([1.0, 2.0, -np.inf]), row_upper=np.array([10.0, np.inf, 6.0]),
    )  # fmt: skip
    resident = linear_program(program, solver)
    assert resident.run() == "optimal"
    np.testing.assert_allclose(resident.slacks, [3.0, 2.0, 3.0], atol=1e-9)


def test_an_answer_that_does_not_recount_is_refused(monkeypatch):
    from sims.predictive_multiplicity import solvers, with_weights

    def careless(program, solver, *, limits, start, watch):
        return solvers.solve(program, solver, limits=limits._replace(feasibility=1e-4))

    monkeypatch.setattr(with_weights, "solve", careless)
    with pytest.raises(RuntimeError, match="does not recount"):
        pm.minimise_errors(XOR, formulation="big_m", margin=1e-5)


def test_a_solver_serves_tasks_of_all_kinds_in_any_order():
    generator = np.random.default_rng(2)
    table = table_of_counts(generator.integers(0, 6, (2, 9)))
    cells = cells_of_table(table, grid_cells(), GRID)
    errors = errors_of(cells, table)
    solver = ExactSolver(table)
    for _ in range(30):
        baseline = cells[generator.integers(len(cells))]
        if generator.integers(2):
            row = int(generator.integers(len(table.rows)))
            value = solver.solve(least_errors(table, {row: 1 - int(baseline[row])})).value
            assert value == errors[cells[:, row] != baseline[row]].min()
        else:
            tolerance = int(generator.integers(12))
            solver.admit(baseline)
            value = solver.solve(most_disagreement(table, baseline, tolerance)).value
            within = errors <= table.errors(baseline) + tolerance
            assert value == disagreement_of(cells, baseline, table)[within].max()
