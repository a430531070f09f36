"""Hostile input for predictive multiplicity."""

from fractions import Fraction

import numpy as np

from own_data import predictive_multiplicity as tool
from theory import predictive_multiplicity as predicted
from theory_on_trial.audits.hostile import case, promises

MODULES = [predicted, tool]
DICH = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 1, 0]])
BASE = np.array([1, 0, 1])
COUNTS = {"positives": np.array([3, 1, 2]), "negatives": np.array([1, 2, 0])}
SET = {"dichotomies": DICH, "baseline": BASE} | COUNTS
ROWS = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
JOINT = np.array([[[0.1, 0.05], [0.05, 0.2]], [[0.1, 0.15], [0.2, 0.15]]])
SCORE = {"score": -1.0, "weights": np.array([1.0, -0.5])}
ACTIONS = [np.array([0.0, 0.5, 1.0]), np.array([-2.0, 0.0])]
COSTS = [np.array([0.0, 1.0, 3.0]), np.array([1.5, 0.0])]
FEATURES = np.array([[1.0, 2.0], [1.0, -1.0], [1.0, 0.5]])
POINTS = {"features": FEATURES, "labels": np.array([1, -1, 1])}
BOX = {"lower": np.array([-2, -1]), "upper": np.array([2, 1])}
SAMPLE = {
    "X": np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [2.0, 0.0]]),
    "y": np.array([1, -1, -1, 1, 1]),
    "epsilons": np.array([0.0, 0.25]),
    "sample_weight": np.array([2.0, 1.0, 1.0, 1.0, 1.0]),
    "groups": np.array([0, 1, 0, 1, 1]),
    "solver": "highs",
    "time_limit": 60.0,
    "progress": False,
}

CASES = {
    "accurate_rule": case(joint=JOINT),
    "bias_scores": case(joint=JOINT, _infinite="where a flip is free"),
    "flip_losses": case(joint=JOINT, _within=(0, 1)),
    "flipped_acceptance": case(joint=JOINT, flips=np.array([0.5, 0.25]), _within=(0, 1)),
    "odds_dual_value": case(joint=JOINT, tolerance=0.1, multipliers=np.array([0.5, -0.25])),
    "odds_gaps": case(joint=JOINT, acceptance=np.array([0.5, 0.25]), _within=(-1, 1)),
    "odds_influences": case(joint=JOINT),
    "optimal_odds_flips": case(joint=JOINT, tolerance=0.1),
    "optimal_parity_flips": case(joint=JOINT, tolerance=0.1, _within=(0, 1)),
    "parity_gap": case(joint=JOINT, acceptance=np.array([0.5, 0.25]), _within=(-1, 1)),
    "parity_influences": case(joint=JOINT),
    "ambiguity_bound": case(baseline=BASE, tolerance=1, **COUNTS, _within=(0, np.inf)),
    "disagreement_range": case(competitor_errors=3, baseline_errors=2, n=9, _within=(0, np.inf)),
    "discrepancy_bound": case(baseline_error=0.25, epsilon=0.125, _within=(0, np.inf)),
    "flip_error_bounds": case(baseline=BASE, **COUNTS, _within=(0, np.inf)),
    "irreducible_errors": case(**COUNTS, _within=(0, np.inf)),
    "knapsack_bound": case(baseline=BASE, tolerance=1, **COUNTS, _within=(0, np.inf)),
    "one_sided_discrepancy_of": case(**SET, tolerance=1, _within=(0, np.inf)),
    "pair_diameter_bound": case(baseline_error=0.25, epsilon=0.125, _within=(0, np.inf)),
    "parity_defect": case(competitor_errors=3, baseline_errors=2, disagreement=5, _within=(0, 1)),
    "saturation_tolerance": case(baseline_errors=2, n=9, _within=(0, np.inf)),
    "separable_bound": case(
        positives=np.array([3, 0, 2]), negatives=np.array([0, 2, 0]), tolerance=4, _within=(0, np.inf)
    ),
    "boolean_dichotomies": case(n_features=2, _within=(0, np.inf)),
    "cover_count": case(n=5, dim=3, _within=(0, np.inf)),
    "dichotomy_count": case(rows=ROWS, _within=(0, np.inf)),
    "linear_dichotomies": case(rows=ROWS, _within=(0, 1)),
    "ambiguity_of": case(**SET, tolerance=1, _within=(0, np.inf)),
    "ambiguity_path_of": case(**SET, _within=(0, np.inf)),
    "disagreement": case(dichotomy=BASE, other=DICH[3], weights=COUNTS["positives"], _within=(0, np.inf)),
    "disagreements_of": case(dichotomies=DICH, baseline=BASE, weights=COUNTS["positives"], _within=(0, np.inf)),
    "discrepancy_of": case(**SET, tolerance=1, _within=(0, np.inf)),
    "discrepancy_path_of": case(**SET, _within=(0, np.inf)),
    "errors": case(dichotomy=BASE, **COUNTS, _within=(0, np.inf)),
    "errors_of": case(dichotomies=DICH, **COUNTS, _within=(0, np.inf)),
    "flip_costs": case(baseline=BASE, **COUNTS),
    "flip_errors_of": case(**SET, _within=(0, np.inf)),
    "level_set": case(**SET, tolerance=1, _within=(0, 1)),
    "pair_diameter_of": case(**SET, tolerance=1, _within=(0, np.inf)),
    "tolerance_count": case(epsilon=0.25, n=9, _within=(0, np.inf)),
    "big_m": case(rows=ROWS, margin=0.5, _within=(0, np.inf)),
    "circuit_row": case(circuit=[1, -2, 0, 1]),
    "is_realisable_exactly": case(dichotomy=BASE, rows=ROWS),
    "largest_margin": case(dichotomy=BASE, rows=ROWS),
    "realisability_certificate": case(dichotomy=BASE, rows=ROWS),
    "cheapest_largest_cost": case(
        **SCORE, actions=ACTIONS, costs=COSTS, _infinite="where nothing helps", _within=(0, np.inf)
    ),
    "cheapest_total_cost": case(
        **SCORE, actions=ACTIONS, costs=COSTS, _infinite="where nothing helps", _within=(0, np.inf)
    ),
    "log_percentile_shifts": case(
        population=np.array([1.0, 2.0, 4.0, 3.0]),
        value=1.5,
        actions=np.array([0.0, 1.0]),
        _infinite="where nobody is left ahead",
        _within=(0, np.inf),
    ),
    "percentile_shifts": case(
        population=np.array([1.0, 2.0, 4.0, 3.0]), value=1.5, actions=np.array([0.0, 1.0]), _within=(0, 1)
    ),
    "recourse_exists": case(**SCORE, actions=ACTIONS),
    "safe_tie_breaker": case(costs=COSTS, _infinite="where all costs are zero", _within=(0, np.inf)),
    "total_cost_relaxation": case(
        **SCORE, actions=ACTIONS, costs=COSTS, _infinite="where nothing helps", _within=(0, np.inf)
    ),
    "unbounded_recourse": case(**SCORE, norm_order=2.0, _infinite="without a weight"),
    "accuracy_preserving_penalty": case(n=9, n_coefficients=2),
    "box_count": case(bound=3, n_coefficients=2, _within=(0, np.inf)),
    "brute_force_optimum": case(
        **POINTS, **BOX, sparsity_penalty=Fraction(1, 8), size_penalty=Fraction(1, 64), intercept=True
    ),
    "coprime_count": case(bound=3, n_coefficients=2, _within=(0, np.inf)),
    "occam_bound": case(n_classifiers=100, n=50, failure=0.05, _within=(0, np.inf)),
    "pareto_penalty": case(n=9, sparsity_penalty=Fraction(1, 8), bounds=BOX["upper"]),
    "rounded_coefficients": case(coefficients=np.array([0.5, -2.0]), resolution=10),
    "scoring_big_m": case(**POINTS, **BOX, margin=0.5),
    "scoring_errors": case(coefficients=np.array([[1, 2], [-1, 0]]), **POINTS, _within=(0, np.inf)),
    "sufficient_resolution": case(
        features=FEATURES, coefficients=np.array([0.5, -2.0]), _infinite="where a score is 0", _within=(0, np.inf)
    ),
    "tie_breaking_penalty": case(n=9, sparsity_penalty=Fraction(1, 8), bounds=BOX["upper"]),
    "multiplicity": case(**SAMPLE),
    "Multiplicity.held_out": case(tool.multiplicity(**SAMPLE), X=SAMPLE["X"], y=SAMPLE["y"]),
}
EXCLUDED = dict.fromkeys(
    ("Multiplicity", "OddsRule", "RealisabilityCertificate", "ScoringOptimum"), "a record of results"
)


test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED
)
