"""Hostile input for the simulators of predictive multiplicity."""

from typing import Any

import jax
import numpy as np
import pytest

from sims import predictive_multiplicity as observed
from theory_on_trial.audits.hostile import case, promises

MODULES = [observed]
KEY = jax.random.key(0)
SAMPLE = {
    "X": np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
    "y": np.array([-1, 1, 1, -1]),
    "sample_weight": np.array([2.0, 1.0, 1.0, 1.0]),
}
TABLE = observed.aggregate(**SAMPLE)
BASE = np.array([0, 1, 1, 1])
FLIPS = observed.flip_errors(TABLE, BASE)
EXACT = {"formulation": "big_m", "solver": "highs", "margin": 2.0**-10, "time_limit": 60.0, "exact": True}
LOUD = {"progress": False}
RECOUNT = {"_raises": (RuntimeError,)}  # documented: the answer does not recount, or the solver gives up
CUT = observed.Cut((0, 3, 1, 2), (1, 1, -1, -1), -1.0, 1.0)
COUNTS = {"positives": np.array([3, 1, 2]), "negatives": np.array([1, 2, 0])}
ROWS = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.5]])
JOINT = np.array([[[0.1, 0.05], [0.05, 0.2]], [[0.1, 0.15], [0.2, 0.15]]])
MENUS = {
    "score": -1.0,
    "weights": np.array([1.0, -0.5]),
    "actions": [np.array([0.0, 0.5, 1.0]), np.array([-2.0, 0.0])],
    "costs": [np.array([0.0, 1.0, 3.0]), np.array([1.5, 0.0])],
}
SCORING: dict[str, Any] = {
    "features": np.array([[1.0, 2.0], [1.0, -1.0], [1.0, 0.5]]),
    "labels": np.array([1, -1, 1]),
    "lower": np.array([-2, -1]),
    "upper": np.array([2, 1]),
    "sparsity_penalty": 0.125,
    "size_penalty": 0.015625,
}
PROBLEM = observed.ScoringProblem(**SCORING)
COMPILES = {"_costly": "compiles for every shape"}

CASES = {
    "Cut.violation": case(CUT, b=np.array([0.5, 1.0, 0.0, 0.25])),
    "Parallelograms": case(table=TABLE),
    "Parallelograms.violated": case(observed.Parallelograms(TABLE), b=np.array([1.0, 0.0, 0.25, 1.0]), most=3),
    "ScoringProblem": case(**SCORING, intercept=True, positive_weight=1.0, margin=0.0625, big_m="valid"),
    "Table.errors": case(TABLE, dichotomy=BASE, _within=(0, 5)),
    "Table.disagreement": case(TABLE, dichotomy=BASE, other=1 - BASE, _within=(0, 5)),
    "accurate_rule": case(joint=JOINT, _within=(0, 1), **COMPILES),
    "aggregate": case(**SAMPLE, columns=["a", "b"]),
    "ambiguity_by_coverage": case(table=TABLE, baseline=BASE, tolerance=0.25, **EXACT, **LOUD, **RECOUNT),
    "ambiguity_path": case(table=TABLE, baseline=BASE, flips=FLIPS, tolerances=np.array([0.0, 0.25]), _within=(0, 5)),
    "baseline_of_scores": case(table=TABLE, scores=np.array([-1.0, 0.5, 2.0, 1.0]), _within=(0, 1)),
    "cheapest_recourse": case(**MENUS, objective="largest", max_items=2, wanted=0.0, tie_breaker=0.125),
    "co_optimal": case(table=TABLE, extra_errors=1, solver="highs", most=3, time_limit=60.0, **RECOUNT),
    "compas": case(target="arrest", race=True, oversampled=True),
    "compas_samples": case(target="arrest", oversampled=True),
    "continuous_recourse": case(score=-1.0, weights=np.array([1.0, -0.5]), norm=2.0),
    "dichotomies": case(points=ROWS, _within=(0, 1), **COMPILES),
    "discrepancy_path": case(table=TABLE, baseline=BASE, tolerances=[0.0, 0.25], **EXACT, **LOUD, **RECOUNT),
    "elastic_net_pool": case(features=ROWS, **COUNTS, mixings=(0.0, 0.5), n_penalties=3, **RECOUNT),
    "enumerate_paths": case(points=ROWS, **COUNTS, baseline=np.array([0, 1, 1]), _within=(0, np.inf), **COMPILES),
    "exact_signs": case(table=TABLE, weights=np.array([0.5, -1.0, -0.5]), _within=(-1, 1)),
    "fair_rule": case(joint=JOINT, tolerance=0.125, criterion="odds", deterministic=True, _within=(0, 1)),
    "flip_by_score": case(joint=JOINT, scores=np.array([1.0, -0.5]), tolerance=0.125, _within=(0, 1), **COMPILES),
    "flip_effects": case(joint=JOINT, _infinite="where a group lacks a label", _within=(-1, 1), **COMPILES),
    "flip_errors": case(table=TABLE, baseline=BASE, rows=np.array([0, 2]), **EXACT, **LOUD, **RECOUNT),
    "flipset": case(**MENUS, count=2, objective="total", max_items=2, wanted=0.0),
    "gaussian_set": case(key=KEY, n_samples=3, dim=2, noise=0.25, **COMPILES),
    "grid_set": case(key=KEY, n_samples=3, dim=2, side=3, **COMPILES),
    "least_errors_in_words": case(table=TABLE, margin=2.0**-10, _within=(-1, 5), **RECOUNT),
    "logistic_pool": case(features=ROWS, **COUNTS, mixing=1, n_penalties=3, **RECOUNT),
    "measure_rule": case(
        joint=JOINT,
        acceptance=np.array([0.5, 0.25]),
        _infinite="where a group lacks a label",
        _within=(-1, 1),
        **COMPILES,
    ),
    "minimise_errors": case(table=TABLE, **EXACT, **LOUD, **RECOUNT),
    "one_sided_discrepancy": case(
        table=TABLE, baseline=BASE, tolerance=0.25, margin=2.0**-10, solver="highs", **RECOUNT
    ),
    "percentile_costs": case(
        population=np.array([1.0, 2.0, 4.0, 3.0]),
        value=1.5,
        actions=np.array([0.0, 1.0]),
        kind="log",
        _infinite="where nobody is left ahead",
        _within=(0, np.inf),
    ),
    "pool_dichotomies": case(features=ROWS, coefficients=np.ones((2, 3)), threshold=0.5, _within=(0, 1)),
    "pool_multiplicity": case(
        dichotomies=np.array([[1, 0, 1], [0, 0, 1]]),
        **COUNTS,
        baseline=np.array([1, 1, 1]),
        tolerances=np.array([0.0, 2.0]),
        _within=(0, np.inf),
    ),
    "random_world": case(key=KEY, n_atoms=2, _within=(0, 1), **COMPILES),
    "recount_scoring": case(problem=PROBLEM, coefficients=np.array([1, -1])),
    "root_bound": case(table=TABLE, margin=2.0**-10, conflict_rows=True),
    "scoring_system": case(problem=PROBLEM, settled=np.array([0, -1, -1]), **RECOUNT),
    "settled_errors": case(problem=PROBLEM, attained=3.0, _within=(-1, 1)),
    "stand_in": case(key=KEY, n_samples=3, base_rate=0.5, **COMPILES),
    "tolerance_of": case(table=TABLE, epsilon=0.25, _within=(0, 5)),
    "uncertified_errors": case(
        table=TABLE,
        margin=2.0**-10,
        feasibility=1e-6,
        reach=1.0,
        solver="highs",
        _infinite="where the program is infeasible",
    ),
}
RECORDS = (
    *("AmbiguityPath", "Compas", "Coverage", "DiscrepancyPath", "FlipErrors", "LabelledPoints", "MeasuredRule"),
    *("NearOptimal", "Paths", "PoolMultiplicity", "Recourse", "ScoringSystem", "Solution", "TeachingSolution"),
    *("Uncertified",),
)
EXCLUDED = dict.fromkeys(RECORDS, "a record of results") | {
    "Cut": "a record of what was found",
    "Table": "a record: `aggregate` makes it and checks what it holds",
}


@pytest.mark.parametrize("workers", [0, -1, 2**40, 10**400, 1.5, None, "x"])
def test_a_number_of_workers_that_is_none_is_refused(workers):
    with pytest.raises((TypeError, ValueError), match=r"^workers must be"):
        observed.flip_errors(TABLE, BASE, workers=workers)


@pytest.mark.parametrize("scale", [1e-12, 1e-8, 1e-3, 1.0, 1e6, 1e19, 1e200])
def test_the_cheapest_is_the_same_in_every_unit_of_cost(scale):
    actions = 3 * [np.array([0.0, 1.0])]
    costs = [np.array([0.0, price * scale]) for price in (3.0, 2.0, 5.0)]
    for objective in ("total", "largest"):
        found = observed.cheapest_recourse(-1.0, np.ones(3), actions, costs, objective=objective)
        assert found.choice.tolist() == [0, 1, 0]
    assert [one.choice.argmax() for one in observed.flipset(-1.0, np.ones(3), actions, costs, 3, max_items=1)] == [
        1,
        0,
        2,
    ]


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e-6, 1.0, 1e8, 1e19, 1e100])
@pytest.mark.parametrize("norm", [1, 1.001, 2, 100, 1000, np.inf])
def test_the_least_real_action_is_as_good_in_every_unit(scale, norm):
    """By Hölder, |a|_p >= -s / |w|_q; 1e-7 is the stated accuracy, of the score and of the norm."""
    weights = np.array([1.0, -0.5])
    dual = np.inf if norm == 1 else 1 / (1 - 1 / norm)
    least = 1 / np.linalg.norm(weights, dual)
    for score, unit in ((-scale, 1.0), (-1.0, scale)):
        action = observed.continuous_recourse(score, weights * unit, norm) / -score * unit
        assert abs(weights @ action - 1) <= 1e-7
        assert abs(np.linalg.norm(action, norm) / least - 1) <= 2e-7


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1e-7, 1e20, 1e300])
def test_weights_that_the_solvers_cannot_tell_apart_are_refused(scale):
    with pytest.raises(ValueError, match=r"^sample_weight must sum to"):
        observed.aggregate(**SAMPLE | {"sample_weight": np.array([2.5, 1.0, 1.0, 1.0]) * scale})


test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED, examples=5
)
