"""How the exact solvers behave in use: degenerate samples, time limits, progress, resuming, processes, refusals."""

import sys

import numpy as np
import pytest
from cells_by_hand import GRID

import sims.predictive_multiplicity as pm
from sims.predictive_multiplicity.exact_solver import ExactSolver

METHODS = [
    {"formulation": formulation, "solver": solver}
    for formulation in ("margin_free", "big_m", "published")
    for solver in ("highs", "scip")
]


def grid_table(seed=3, n_samples=60):
    generator = np.random.default_rng(seed)
    return pm.aggregate(GRID[generator.integers(0, 9, n_samples)], generator.choice([-1, 1], n_samples))


@pytest.fixture(scope="module")
def table():
    return grid_table()


@pytest.fixture(scope="module")
def baseline(table):
    return pm.minimise_errors(table)


@pytest.mark.parametrize("method", METHODS)
def test_one_class_and_one_row(method):
    single = pm.aggregate(GRID, np.full(9, -1))
    optimum = pm.minimise_errors(single, **method)
    assert (optimum.value, optimum.bound) == (0, 0)
    path = pm.discrepancy_path(single, optimum, [0.0, 2 / 9], **method)
    assert path.disagreement.tolist() == [0, 2]  # disagreements are errors

    alike = pm.aggregate(np.zeros((10, 2)), [1] * 7 + [-1] * 3)
    assert alike.rows.shape == (1, 0)
    optimum = pm.minimise_errors(alike, **method)
    assert optimum.value == 3
    path = pm.discrepancy_path(alike, optimum, [0.3, 0.4], **method)
    assert path.disagreement.tolist() == [0, 10]
    assert pm.flip_errors(alike, optimum, **method).errors.tolist() == [7]


@pytest.mark.parametrize("method", METHODS)
def test_better_classifiers_than_the_baseline_are_competitors(method):
    line = pm.aggregate([[0.0], [1.0]], [-1, 1], [4, 6])
    path = pm.discrepancy_path(line, np.array([0, 0]), [0.0], **method)
    assert path.disagreement[0] == 10  # all positive: 4 errors against 6
    assert pm.flip_errors(line, np.array([0, 0]), **method).errors.tolist() == [4, 0]


def test_saturation():
    """The opposite of h_0 has n - E_0 errors and changes everything; one error less and something stays."""
    table = grid_table(7)
    optimum = pm.minimise_errors(table)
    enough = table.n - 2 * optimum.errors
    path = pm.discrepancy_path(table, optimum, [enough / table.n, (enough - 1) / table.n])
    assert path.disagreement[0] == table.n
    assert path.disagreement[1] < table.n


def test_rows_without_weight_are_flipped_for_nothing():
    table = pm.aggregate([[0.0], [1.0], [2.0]], [-1, 1, 1], [3, 0, 3])
    optimum = pm.minimise_errors(table)
    assert optimum.value == 0
    flips = pm.flip_errors(table, np.array([0, 1, 1]))
    assert flips.errors.tolist() == [3, 0, 3]
    path = pm.ambiguity_path(table, np.array([0, 1, 1]), flips, [0.0, 0.5])
    assert path.ambiguous.tolist() == [0, 6]
    assert pm.minimise_errors(table, formulation="published").value == 0
    coverage = pm.ambiguity_by_coverage(table, np.array([0, 1, 1]), 0.0)
    assert (coverage.ambiguous, coverage.bound, coverage.n_programs) == (0, 0, 1)


@pytest.mark.parametrize("method", METHODS)
def test_time_limits_give_valid_bounds(method):
    table = pm.compas("arrest")
    limited = pm.minimise_errors(table, time_limit=1e-9, **method)
    assert limited.bound <= 2008 <= limited.value
    assert limited.status == "time limit"
    baseline = np.zeros(137, int)
    path = pm.discrepancy_path(table, baseline, [0.01], time_limit=1e-9, **method)
    true = pm.discrepancy_path(table, baseline, [0.01]).disagreement[0]
    assert path.disagreement[0] <= true <= path.bounds[0]
    assert path.disagreement[0] < path.bounds[0]


def test_a_coverage_that_ran_out_of_time_bounds_nothing(table, baseline):
    coverage = pm.ambiguity_by_coverage(table, baseline, 0.0, time_limit=1e-9)
    assert (coverage.ambiguous, coverage.bound) == (0, table.n)


def test_co_optimal_says_when_it_is_not_complete(table):
    assert pm.co_optimal(table, time_limit=1e-9) == ((), False)
    assert not pm.co_optimal(table, 10, most=2).complete


def test_progress_is_told_programs_incumbents_and_bounds(table, baseline):
    told = []
    pm.flip_errors(table, baseline, progress=lambda *news: told.append(news))
    done, total, incumbent, bound = told[-1]
    assert done == total == len(table.rows)
    assert bound == incumbent
    assert [news[0] for news in told] == sorted(news[0] for news in told)
    assert all(news[3] <= news[2] for news in told if not np.isnan(news[2]))
    told.clear()
    pm.discrepancy_path(table, baseline, [0.0, 0.1], formulation="big_m", progress=lambda *news: told.append(news))
    assert told[-1][:2] == (2, 2)
    assert all(news[2] <= news[3] + 1e-6 for news in told if np.isfinite(news[2]))


def test_a_bar_is_drawn_on_request(table, baseline, capsys):
    pm.discrepancy_path(table, baseline, [0.1], progress=True)
    assert "bound" in capsys.readouterr().err


def test_an_interrupted_call_resumes(table, baseline, tmp_path, monkeypatch):
    def stop_after_three(done, total, incumbent, bound):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pm.flip_errors(table, baseline, cache=tmp_path, progress=stop_after_three)
    solved = []
    plain = ExactSolver.solve

    def counting(self, task, **options):
        solved.append(task)
        return plain(self, task, **options)

    monkeypatch.setattr(ExactSolver, "solve", counting)
    resumed = pm.flip_errors(table, baseline, cache=tmp_path)
    assert len(solved) == len(table.rows) - 3
    solved.clear()
    again = pm.flip_errors(table, baseline, cache=tmp_path)
    assert not solved
    fresh = pm.flip_errors(table, baseline)
    for flips in (resumed, again):
        np.testing.assert_array_equal(flips.errors, fresh.errors)
    for one, other in zip(resumed.solutions, again.solutions, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
        assert one._replace(dichotomy=None, weights=None) == other._replace(dichotomy=None, weights=None)
    solved.clear()
    pm.flip_errors(table, baseline, cache=tmp_path, formulation="big_m", rows=np.array([0]))
    pm.flip_errors(table, 1 - baseline.dichotomy, cache=tmp_path, rows=np.array([0]))
    assert len(solved) == 2  # other settings, another baseline

    path = pm.discrepancy_path(table, baseline, [0.1], cache=tmp_path)
    solved.clear()
    longer = pm.discrepancy_path(table, baseline, [0.0, 0.1, 0.2], cache=tmp_path)
    assert len(solved) == 2
    assert longer.disagreement[1] == path.disagreement[0]


def test_answers_without_proof_are_not_kept(table, baseline, tmp_path):
    pm.discrepancy_path(table, baseline, [0.2], cache=tmp_path, time_limit=1e-9)
    path = pm.discrepancy_path(table, baseline, [0.2], cache=tmp_path)
    assert path.disagreement[0] == path.bounds[0]


def test_two_processes_give_the_same_flips(table, baseline):
    alone = pm.flip_errors(table, baseline)
    together = pm.flip_errors(table, baseline, workers=2)
    np.testing.assert_array_equal(together.errors, alone.errors)
    np.testing.assert_array_equal(together.bounds, alone.bounds)
    np.testing.assert_array_equal(together.rows, alone.rows)


def test_rows_are_answered_in_the_order_asked(table, baseline):
    whole = pm.flip_errors(table, baseline)
    some = pm.flip_errors(table, baseline, rows=np.array([4, 1, 4]))
    np.testing.assert_array_equal(some.errors, whole.errors[[4, 1, 4]])


def test_a_model_of_the_user_is_taken_as_baseline():
    samples = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0, 1]])
    table = pm.aggregate(samples, [-1, 1, 1, -1, 1])
    dichotomy = pm.baseline_of_scores(table, samples @ [1.0, 2.0] - 0.5)
    np.testing.assert_array_equal(dichotomy[table.row_of_sample], [0, 1, 1, 1, 1])
    for scores, sentence in [
        ([1.0, 1, 1, 1, -1], r"scores must have one sign for samples with equal features, got both for rows \[1\]"),
        ([1.0, 1], "scores must be one for each of the 5 samples, got 2"),
        ([-1.0, 1, 1, -1, 1], "baseline must be the dichotomy of a linear classifier"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            pm.baseline_of_scores(table, np.array(scores))


def test_refusals(table, baseline):
    xor = pm.aggregate([[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1])
    huge = pm.aggregate([[0.0], [1e16]], [-1, 1])
    for call, sentence in [
        (lambda: pm.flip_errors(table, np.zeros(3, int)), "baseline must be 0 or 1 for each of the 9 rows .* got 3"),
        (lambda: pm.flip_errors(xor, np.array([0, 1, 1, 0])), "baseline must be the dichotomy of a linear classifier"),
        (lambda: pm.flip_errors(table, baseline, rows=np.array([9])), "rows must be indices from 0 to 8, got 9"),
        (
            lambda: pm.minimise_errors(huge, formulation="big_m"),
            r"table must have features up to 1e\+15 .*, got 1e\+16",
        ),
    ]:
        with pytest.raises(ValueError, match=sentence):
            call()


def test_a_missing_solver_says_how_to_install_it(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyscipopt", None)
    for formulation in ("margin_free", "big_m"):
        with pytest.raises(ImportError, match="pip install pyscipopt"):
            pm.minimise_errors(table, formulation=formulation, solver="scip")
