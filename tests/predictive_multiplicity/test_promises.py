"""What every public function of predictive multiplicity owes to whoever calls it."""

import numpy as np

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

(
    test_theory_is_declared,
    test_theory_refuses,
    test_theory_answers,
    test_theory_answers_or_refuses_extremes,
) = promises([predicted], THEORY)
