"""Predictive multiplicity: the exact theory.

Marx, Calmon & Ustun 2020, "Predictive Multiplicity in Classification", arXiv 1909.06677, and its
neighbours in integer programming. Each import below is one concept in one file. A law that names no
source is derived here.
"""

from theory.predictive_multiplicity.bias_scoring import (
    OddsRule,
    accurate_rule,
    bias_scores,
    flip_losses,
    odds_dual_value,
    odds_gaps,
    odds_influences,
    optimal_odds_flips,
    optimal_parity_flips,
    parity_gap,
    parity_influences,
)
from theory.predictive_multiplicity.bounds import (
    ambiguity_bound,
    disagreement_range,
    discrepancy_bound,
    flip_error_bounds,
    irreducible_errors,
    knapsack_bound,
    one_sided_discrepancy_of,
    pair_diameter_bound,
    parity_defect,
    saturation_tolerance,
    separable_bound,
)
from theory.predictive_multiplicity.counting import (
    boolean_dichotomies,
    cover_count,
    dichotomy_count,
    linear_dichotomies,
)
from theory.predictive_multiplicity.definitions import (
    ambiguity_of,
    ambiguity_path_of,
    disagreement,
    disagreements_of,
    discrepancy_of,
    discrepancy_path_of,
    errors,
    errors_of,
    flip_costs,
    flip_errors_of,
    level_set,
    pair_diameter_of,
    tolerance_count,
)
from theory.predictive_multiplicity.margins import big_m, largest_margin
from theory.predictive_multiplicity.recourse import (
    cheapest_largest_cost,
    cheapest_total_cost,
    log_percentile_shifts,
    percentile_shifts,
    recourse_exists,
    safe_tie_breaker,
    total_cost_relaxation,
    unbounded_recourse,
)
from theory.predictive_multiplicity.scoring import (
    ScoringOptimum,
    accuracy_preserving_penalty,
    box_count,
    brute_force_optimum,
    coprime_count,
    occam_bound,
    pareto_penalty,
    rounded_coefficients,
    scoring_big_m,
    scoring_errors,
    sufficient_resolution,
    tie_breaking_penalty,
)
