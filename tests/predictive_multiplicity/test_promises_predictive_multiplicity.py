"""What every public function of predictive multiplicity owes to whoever calls it."""

import numpy as np

from own_data import predictive_multiplicity as tool
from sims import predictive_multiplicity as observed
from theory import predictive_multiplicity as predicted
from theory_on_trial.audits.promises import Case, promises

LAW = {"joint": np.array([[[0.1, 0.05], [0.05, 0.2]], [[0.1, 0.15], [0.2, 0.15]]])}
RULE = LAW | {"acceptance": np.array([0.5, 0.25])}
SCORE = {"weights": np.array([1.0, -0.5])}
MENUS = SCORE | {"actions": [np.array([0.0, 0.5, 1.0]), np.array([-2.0, 0.0])]}
COSTS = {"costs": [np.array([0.0, 1.0, 3.0]), np.array([1.5, 0.0])]}
LABELLED = {"features": np.array([[1.0, 2.0], [1.0, -1.0], [1.0, 0.5]]), "labels": np.array([1, -1, 1])}
SHARE, SIGNED, SOME = (0, 1), (-1, 1), (0, np.inf)
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
    "brute_force_optimum": Case(LABELLED | {"lower": np.array([-2, -1]), "upper": np.array([2, 1])}),
    "occam_bound": Case({"n_classifiers": 7**40}, within=SOME),
    "scoring_big_m": Case(LABELLED | {"lower": np.array([-2, -1]), "upper": np.array([2, 1])}),
    "scoring_errors": Case(LABELLED | {"coefficients": np.array([[1, 2], [-1, 0]])}, within=SOME),
    "sufficient_resolution": Case(infinite="where a score is 0", within=SOME),
}

(test_theory_is_declared, test_theory_refuses, test_theory_answers, test_theory_answers_or_refuses_extremes) = promises(
    [predicted], THEORY
)

SAMPLE = {"X": np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), "y": np.array([-1, 1, 1, -1])}
SQUARE = {"table": observed.aggregate(**SAMPLE, sample_weight=[2, 1, 1, 1])}
BASE = SQUARE | {"baseline": np.array([0, 1, 1, 1])}
QUIET = {"progress": False, "formulation": "margin_free", "solver": "highs", "exact": False}
ROWS = {"positives": np.array([3, 1, 2]), "negatives": np.array([1, 2, 0])}
PLANE = {"points": np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.5]])} | ROWS
FITTED = {"features": PLANE["points"]} | ROWS
SCORING = LABELLED | {"lower": np.array([-2, -1]), "upper": np.array([2, 1])}
PROBLEM = {"problem": observed.ScoringProblem(**SCORING, sparsity_penalty=0.125, size_penalty=0.015625)}
RECOUNT = (RuntimeError,)  # documented: an answer does not recount, or a fit is no minimum
LACKS = "where a group lacks a label"
PROGRAMS = {
    "ambiguity_by_coverage": Case(BASE | QUIET, raises=RECOUNT),
    "ambiguity_path": Case(BASE | {"flips": observed.flip_errors(**BASE)}, within=(0, 5)),
    "discrepancy_path": Case(BASE | QUIET, raises=RECOUNT),
    "flip_errors": Case(BASE | QUIET | {"rows": np.array([0, 2]), "workers": 1}, raises=RECOUNT),
    "minimise_errors": Case(SQUARE | QUIET, raises=RECOUNT),
    "co_optimal": Case(SQUARE | {"solver": "highs"}, raises=RECOUNT),
    "baseline_of_scores": Case(SQUARE | {"scores": np.array([-1.0, 0.5, 2.0, 1.0])}, within=SHARE),
    "tolerance_of": Case(SQUARE, within=(0, 5)),
    "one_sided_discrepancy": Case(BASE | {"solver": "highs"}, raises=RECOUNT),
    "root_bound": Case(SQUARE),
    "uncertified_errors": Case(SQUARE | {"solver": "highs"}, infinite="where the program is infeasible"),
    "exact_signs": Case(SQUARE | {"weights": np.array([0.5, -1.0, -0.5])}, within=SIGNED),
    "Cut.violation": Case({"b": np.ones(4)}, of=observed.Cut((0, 3, 1, 2), (1, 1, -1, -1), -1.0, 1.0)),
    "Parallelograms": Case(SQUARE),
    "Parallelograms.violated": Case({"b": np.array([1.0, 0.0, 0.25, 1.0])}, of=observed.Parallelograms(**SQUARE)),
    "Table.errors": Case({"dichotomy": BASE["baseline"]}, of=SQUARE["table"], within=(0, 5)),
    "Table.disagreement": Case({"dichotomy": BASE["baseline"]}, of=SQUARE["table"], within=(0, 5)),
    "aggregate": Case(SAMPLE | {"columns": ["a", "b"]}),
    "enumerate_paths": Case(PLANE | {"baseline": np.array([0, 1, 1])}, within=SOME),
    "dichotomies": Case({"points": PLANE["points"]}, within=SHARE),
    "elastic_net_pool": Case(FITTED | {"n_penalties": 3}, raises=RECOUNT),
    "pool_dichotomies": Case({"features": PLANE["points"], "coefficients": np.ones((2, 3))}, within=SHARE),
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
    test_simulators_answer_or_refuse_extremes,
) = promises([observed], PROGRAMS, {"Table": "a record: `aggregate` makes it and checks what it holds"}, examples=3)

TOOL = {
    "multiplicity": Case(SAMPLE | {"solver": "highs", "progress": False, "workers": 1}),
    "Multiplicity.held_out": Case(SAMPLE, of=tool.multiplicity(**SAMPLE, epsilons=[0.0], progress=False)),
}

(test_the_tool_is_declared, test_the_tool_refuses, test_the_tool_answers, test_the_tool_answers_or_refuses_extremes) = (
    promises(
        [tool],
        TOOL,
        {"Multiplicity": "a record of results", "Multiplicity.plot": "takes matplotlib's axes, and nothing else"},
        examples=3,
    )
)
