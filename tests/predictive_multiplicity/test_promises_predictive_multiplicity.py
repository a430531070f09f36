"""Predictive multiplicity: what is wrong gets one sentence, arguments are held to their
annotations.
"""

import numpy as np
from promises import Case, promises, refused

from own_data import predictive_multiplicity as tool
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted

LAW = {"joint": np.array([[[0.1, 0.05], [0.05, 0.2]], [[0.1, 0.15], [0.2, 0.15]]])}
RULE = LAW | {"acceptance": np.array([0.5, 0.25])}
SCORE = {"weights": np.array([1.0, -0.5])}
MENUS = SCORE | {"actions": [np.array([0.0, 0.5, 1.0]), np.array([-2.0, 0.0])]}
COSTS = {"costs": [np.array([0.0, 1.0, 3.0]), np.array([1.5, 0.0])]}
LABELLED = {
    "features": np.array([[1.0, 2.0], [1.0, -1.0], [1.0, 0.5]]),
    "labels": np.array([1, -1, 1]),
}
SHARE = (0, 1)
SIGNED = (-1, 1)
SOME = (0, np.inf)
COUNTED = """
    ambiguity_bound ambiguity_of ambiguity_path_of big_m boolean_dichotomies box_count coprime_count cover_count
    dichotomy_count disagreement disagreements_of discrepancy_bound discrepancy_of discrepancy_path_of
    disagreement_range errors errors_of flip_error_bounds flip_errors_of irreducible_errors knapsack_bound level_set
    one_sided_discrepancy_of pair_diameter_bound pair_diameter_of saturation_tolerance separable_bound tolerance_count
"""

THEORY = {name: Case(within=SOME) for name in COUNTED.split()} | {
    "accurate_rule": Case(LAW),
    "bias_scores": Case(LAW, infinite="where a flip is free"),
    "flip_losses": Case(LAW, within=SHARE),
    "odds_dual_value": Case(LAW),
    "odds_gaps": Case(RULE, within=SIGNED),
    "odds_influences": Case(LAW),
    "optimal_odds_flips": Case(LAW),
    "optimal_parity_flips": Case(LAW, within=SHARE),
    "parity_defect": Case(within=SHARE),
    "parity_gap": Case(RULE, within=SIGNED),
    "parity_influences": Case(LAW),
    "linear_dichotomies": Case(within=SHARE),
    "recourse_exists": Case(MENUS),
    **dict.fromkeys(
        ["cheapest_largest_cost", "cheapest_total_cost", "total_cost_relaxation"],
        Case(MENUS | COSTS, infinite="where nothing helps", within=(-1e-6, np.inf)),
    ),
    "log_percentile_shifts": Case(infinite="where nobody is left ahead", within=SOME),
    "percentile_shifts": Case(within=SHARE),
    "safe_tie_breaker": Case(infinite="where all costs are zero", within=SOME),
    "unbounded_recourse": Case(infinite="without a weight"),
    "brute_force_optimum": Case(
        LABELLED | {"lower": np.array([-2, -1]), "upper": np.array([2, 1])}
    ),
    "occam_bound": Case({"n_classifiers": 7**40}, within=SOME),
    "scoring_big_m": Case(LABELLED | {"lower": np.array([-2, -1]), "upper": np.array([2, 1])}),
    "scoring_errors": Case(LABELLED | {"coefficients": np.array([[1, 2], [-1, 0]])}, within=SOME),
    "sufficient_resolution": Case(infinite="where a score is 0", within=SOME),
}

(
    test_theory_is_declared,
    test_theory_refuses,
    test_theory_answers,
    test_theory_answers_or_refuses_extremes,
) = promises([predicted], THEORY)

SAMPLE = {
    "X": np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
    "y": np.array([-1, 1, 1, -1]),
}
SQUARE = {"table": observed.aggregate(**SAMPLE, sample_weight=[2, 1, 1, 1])}
BASE = SQUARE | {"baseline": np.array([0, 1, 1, 1])}
PROGRAM = {"formulation": "margin_free"}
ROWS = {"positives": np.array([3, 1, 2]), "negatives": np.array([1, 2, 0])}
PLANE = {"points": np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.5]])} | ROWS
FITTED = {"features": PLANE["points"]} | ROWS
SCORING = LABELLED | {"lower": np.array([-2, -1]), "upper": np.array([2, 1])}
PROBLEM = {
    "problem": observed.ScoringProblem(**SCORING, sparsity_penalty=0.125, size_penalty=0.015625)
}
RECOUNT = (RuntimeError,)  # documented: an answer does not recount, or a fit is no minimum
LACKS = "where a group lacks a label"
PROGRAMS = {
    "ambiguity_by_coverage": Case(BASE, raises=RECOUNT),
    "ambiguity_path": Case(BASE | {"flips": observed.flip_errors(**BASE)}, within=(0, 5)),
    "discrepancy_path": Case(BASE | PROGRAM, raises=RECOUNT),
    "flip_errors": Case(BASE | PROGRAM | {"rows": np.array([0, 2]), "workers": 1}, raises=RECOUNT),
    "minimise_errors": Case(SQUARE | PROGRAM, raises=RECOUNT),
    "co_optimal": Case(SQUARE, raises=RECOUNT),
    "baseline_of_scores": Case(SQUARE | {"scores": np.array([-1.0, 0.5, 2.0, 1.0])}, within=SHARE),
    "tolerance_of": Case(SQUARE, within=(0, 5)),
    "one_sided_discrepancy": Case(BASE, raises=RECOUNT),
    "root_bound": Case(SQUARE),
    "uncertified_errors": Case(SQUARE, infinite="where the program is infeasible"),
    "exact_signs": Case(SQUARE | {"weights": np.array([0.5, -1.0, -0.5])}, within=SIGNED),
    "Cut.violation": Case(
        {"b": np.ones(4)}, of=observed.Cut((0, 3, 1, 2), (1, 1, -1, -1), -1.0, 1.0)
    ),
    "Parallelograms": Case(SQUARE),
    "Parallelograms.violated": Case(
        {"b": np.array([1.0, 0.0, 0.25, 1.0])}, of=observed.Parallelograms(**SQUARE)
    ),
    "Table.errors": Case({"dichotomy": BASE["baseline"]}, of=SQUARE["table"], within=(0, 5)),
    "Table.disagreement": Case({"dichotomy": BASE["baseline"]}, of=SQUARE["table"], within=(0, 5)),
    "aggregate": Case(SAMPLE | {"columns": ["a", "b"]}),
    "enumerate_paths": Case(PLANE | {"baseline": np.array([0, 1, 1])}, within=SOME),
    "dichotomies": Case({"points": PLANE["points"]}, within=SHARE),
    "elastic_net_pool": Case(
        FITTED | {"n_penalties": 3}, raises=RECOUNT, warns="of a gap, where the gradient decides"
    ),
    "pool_dichotomies": Case(
        {"features": PLANE["points"], "coefficients": np.ones((2, 3))}, within=SHARE
    ),
    "pool_multiplicity": Case(within=SOME),
    "cheapest_recourse": Case(MENUS | COSTS),
    "percentile_costs": Case(infinite="where nobody is left ahead", within=SOME),
    "continuous_recourse": Case(SCORE),
    "ScoringProblem": Case(SCORING),
    "recount_scoring": Case(PROBLEM | {"coefficients": np.array([1, -1])}),
    "scoring_system": Case(PROBLEM | {"settled": np.array([0, -1, -1])}, raises=RECOUNT),
    "settled_errors": Case(PROBLEM, within=SIGNED),
    "accurate_rule": Case(LAW, within=SHARE),
    "fair_rule": Case(LAW, within=SHARE),
    "flip_by_score": Case(LAW | {"scores": np.array([1.0, -0.5])}, within=SHARE),
    "flip_effects": Case(LAW, infinite=LACKS, within=SIGNED),
    "measure_rule": Case(RULE, infinite=LACKS, within=SIGNED),
    "gaussian_set": Case({"n_samples": 3, "dim": 2}),
}

(
    test_simulators_are_declared,
    test_simulators_refuse,
    test_simulators_answer,
    test_simulators_refuse_extremes,
) = promises([observed], PROGRAMS, {"Table": "a record that `aggregate` makes"}, examples=3)

TOOL = {
    "multiplicity": Case(SAMPLE | {"progress": False, "workers": 1}),
    "Multiplicity.held_out": Case(
        SAMPLE, of=tool.multiplicity(**SAMPLE, epsilons=[0.0], time_limit=1e-9)
    ),
}

(
    test_the_tool_is_declared,
    test_the_tool_refuses,
    test_the_tool_answers,
    test_the_tool_answers_or_refuses_extremes,
) = promises([tool], TOOL, examples=3)


POINTS = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
DOUBLED = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0, 1]])
TABLE = SQUARE["table"]
FIVE = observed.aggregate(DOUBLED, [-1, 1, 1, -1, 1])
HUGE = observed.aggregate([[0.0], [1e16]], [-1, 1])
NOTHING = np.zeros((0, 2))
EIGHT = np.random.default_rng(0).standard_normal((8, 2))
ZERO = [np.zeros(1)]
ONE = np.ones(1)
MENU = [np.array([0.0, 1.0])]
BOX = (np.ones((2, 1)), np.ones(2), np.array([0]), np.array([1]))
SCORED = {"features": BOX[0], "labels": np.array([1, -1]), "lower": BOX[2], "upper": BOX[3]}
SCORED = SCORED | {"sparsity_penalty": 0.0, "size_penalty": 0.0}
PLAIN = observed.ScoringProblem(**SCORED)
NEVER = observed.ScoringProblem(**(SCORED | {"lower": np.array([1]), "size_penalty": 1.0}))
ONE_GROUP = np.stack([np.full((4, 2), 1 / 8), np.zeros((4, 2))], axis=1)
ONE_LABEL = np.stack([np.full((4, 2), 1 / 8), np.zeros((4, 2))], axis=2)
NEGATIVE = np.array([[[-0.1, 0.3], [0.2, 0.1]], [[0.1, 0.2], [0.1, 0.1]]])


def table_of(**changed):
    return observed.aggregate(**({"X": POINTS, "y": [1, -1, 1]} | changed))


def recourse(**changed):
    return observed.cheapest_recourse(
        **({"score": -1.0, "weights": ONE, "actions": MENU, "costs": MENU} | changed)
    )


test_what_cannot_be_answered_is_refused = refused(
    [
        (
            lambda: predicted.separable_bound(np.array([1, 1]), np.array([0, 1]), 1),
            "must have one label only at every",
        ),
        (
            lambda: predicted.saturation_tolerance(4, 3),
            "baseline_errors must be at most n = 3, got 4",
        ),
        (
            lambda: predicted.disagreement_range(4, 0, 3),
            "competitor_errors and baseline_errors must be at most n = 3",
        ),
        (
            lambda: predicted.disagreement_range(0, 4, 3),
            "competitor_errors and baseline_errors must be at most n = 3",
        ),
        (
            lambda: predicted.linear_dichotomies(NOTHING),
            "^rows must hold at least one point, got an array of shape",
        ),
        (
            lambda: predicted.dichotomy_count(NOTHING),
            "^rows must hold at least one point, got an array of shape",
        ),
        (
            lambda: predicted.cover_count(200_000, 200_001),
            "n or dim must be at most 100000, the terms of the sum, got",
        ),
        (lambda: predicted.big_m(NOTHING, 1), "^rows must "),
        (lambda: predicted.largest_margin(np.ones(1, int), NOTHING), "^rows must "),
        (
            lambda: predicted.recourse_exists(-1, ONE, ZERO * 2),
            "actions must hold 1 menus, one per weight, got 2",
        ),
        (
            lambda: predicted.recourse_exists(-1, ONE, [ONE]),
            "each entry of actions must offer 0, got ",
        ),
        (
            lambda: predicted.cheapest_largest_cost(-1, ONE, ZERO, [np.zeros(2)]),
            "costs must hold one cost for each",
        ),
        (
            lambda: predicted.cheapest_total_cost(-1, ONE, ZERO, [ONE]),
            "costs must be 0 for the action 0 of every menu",
        ),
        (
            lambda: predicted.total_cost_relaxation(-1, ONE, ZERO, [ONE]),
            "costs must be 0 for the action 0 of every me",
        ),
        (
            lambda: predicted.log_percentile_shifts(ONE, 1, ONE),
            r"value must be below the population's largest, got 1",
        ),
        (
            lambda: predicted.brute_force_optimum(*BOX[:2], *BOX[:1:-1], 0, 0),
            "lower must not exceed upper, got .1.",
        ),
        (
            lambda: predicted.scoring_big_m(*BOX[:2], *BOX[:1:-1], 0),
            r"lower must not exceed upper, got \[1\] and \[0\]",
        ),
        (
            lambda: predicted.brute_force_optimum(*BOX[:3], np.array([2**40]), 0, 0),
            "must leave a box that can be",
        ),
        (lambda: predicted.box_count(10**9, 10**6), "must give a count of up to 1000000 bits, got"),
        (lambda: predicted.accurate_rule(NEGATIVE), "joint must be non-negative and sum to one"),
        (
            lambda: predicted.accurate_rule(LAW["joint"] * (1 + 1.05e-9)),
            "joint must be non-negative and sum to one",
        ),
        (
            lambda: predicted.bias_scores(ONE_GROUP),
            "joint must give both groups positive probability",
        ),
        (
            lambda: predicted.odds_influences(ONE_LABEL),
            "joint must give every group of either label",
        ),
        (
            lambda: table_of(X=[[0.0, np.nan], [1, 0], [0, 1]]),
            "X must be finite, got nan in row 0, column 1",
        ),
        (lambda: table_of(X=[0.0, 1.0, 2.0]), "X must be a table with at least one row"),
        (lambda: table_of(X=NOTHING), "X must be a table with at least one row"),
        (lambda: table_of(y=[1, 1]), r"y must be 3 labels -1 or \+1, one per row of X, got 2"),
        (
            lambda: table_of(sample_weight=[0, 0, 0]),
            r"sample_weight must sum to 0.01..2\^53 for the solvers .*, got 0",
        ),
        (lambda: table_of(sample_weight=[2.5e-7, 1e-7, 0]), "^sample_weight must sum to"),
        (lambda: table_of(sample_weight=[2.5e20, 1e20, 0]), "^sample_weight must sum to"),
        (lambda: table_of(columns=["a"]), "columns must name each of the 2 features, got 1 names"),
        (
            lambda: TABLE.errors(np.array([0, 1])),
            "dichotomy must be 0 or 1 for each of the 4 rows of the table, got 2",
        ),
        (
            lambda: observed.flip_errors(TABLE, np.zeros(3, int)),
            "baseline must be 0 or 1 for each of the 4 rows .* got 3",
        ),
        (
            lambda: observed.flip_errors(TABLE, np.array([0, 1, 1, 0])),
            "baseline must be the dichotomy of a linear",
        ),
        (
            lambda: observed.flip_errors(**BASE, rows=np.array([9])),
            "rows must be indices from 0 to 3, got 9",
        ),
        (
            lambda: observed.minimise_errors(HUGE, formulation="big_m"),
            r"table must have features up to 1e15 .*, got 1e",
        ),
        (
            lambda: observed.baseline_of_scores(FIVE, np.array([1.0, 1, 1, 1, -1])),
            r"scores must have one sign .*\[1\]",
        ),
        (
            lambda: observed.baseline_of_scores(FIVE, np.ones(2)),
            "scores must be one for each of the 5 samples, got 2",
        ),
        (
            lambda: observed.baseline_of_scores(FIVE, np.array([-1.0, 1, 1, -1, 1])),
            "baseline must be the dichotomy of",
        ),
        (
            lambda: observed.enumerate_paths(np.ones((10**6, 3)), *[np.ones(10**6, int)] * 2),
            "at most 10000000000",
        ),
        (
            lambda: observed.enumerate_paths(EIGHT, *[np.zeros(8, int)] * 2),
            "must sum to 1..10000000, got 0",
        ),
        (
            lambda: observed.enumerate_paths(EIGHT, *10**7 * np.eye(8, dtype=int)[:2]),
            "must sum to 1..10000000, got",
        ),
        (
            lambda: observed.elastic_net_pool(EIGHT, np.zeros(8), np.zeros(8)),
            "positives and negatives must not be all",
        ),
        (
            lambda: observed.elastic_net_pool(EIGHT, np.ones(8), np.ones(8)),
            "must depend on some feature or differ in",
        ),
        (
            lambda: observed.pool_dichotomies(EIGHT, np.ones((3, 4))),
            "one more than the 2 features, got 4",
        ),
        (lambda: recourse(score=0.0), "score must be below 0, got 0.0"),
        (
            lambda: recourse(actions=MENU * 2),
            r"actions and costs must hold a menu for each of 1, got \(2, 1\)",
        ),
        (lambda: recourse(costs=ZERO), "costs must be one for each action, got 1 for 2 in menu 0"),
        (
            lambda: recourse(actions=[MENU[0] + 1]),
            "actions must offer 0 at cost 0 in each menu, menu 0 does not",
        ),
        (
            lambda: recourse(costs=[MENU[0] + 1]),
            "actions must offer 0 at cost 0 in each menu, menu 0 does not",
        ),
        (
            lambda: observed.continuous_recourse(-1.0, ONE, 1.0001),
            r"norm must be 1, in \(1.001, 1000\) or inf, for cvxpy",
        ),
        (
            lambda: observed.continuous_recourse(-1.0, ONE, 2000),
            r"norm must be 1, in \(1.001, 1000\) or inf, for cvxpy",
        ),
        (
            lambda: observed.ScoringProblem(**(SCORED | {"lower": np.array([2])})),
            "lower must not exceed upper, got",
        ),
        (
            lambda: observed.recount_scoring(PLAIN, np.ones(2, int)),
            "coefficients must be 1, one for each column of",
        ),
        (
            lambda: observed.scoring_system(PLAIN, np.zeros(3, int)),
            "settled must be -1, 0 or 1 for each of the 2",
        ),
        (
            lambda: observed.settled_errors(NEVER, 1.0),
            "attained must be the objective of a scoring system",
        ),
        (
            lambda: observed.accurate_rule(NEGATIVE),
            "^joint must be non-negative, sum to 1 and have both groups",
        ),
        (
            lambda: observed.accurate_rule(2 * LAW["joint"]),
            "^joint must be non-negative, sum to 1 and have both",
        ),
        (
            lambda: observed.accurate_rule(ONE_GROUP),
            "^joint must be non-negative, sum to 1 and have both groups",
        ),
        (
            lambda: observed.fair_rule(ONE_LABEL, 0.1, "odds"),
            "joint must have both labels in both groups, got",
        ),
    ]
)
