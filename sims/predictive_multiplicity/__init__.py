"""Predictive multiplicity: exact solvers, enumeration, ad-hoc pools, and integer-programming neighbours.

samples -> table -> baseline -> flips and discrepancy -> ambiguity: `aggregate` (or `compas`), `minimise_errors` (or
`co_optimal`, `baseline_of_scores`), `flip_errors` with `ambiguity_path`, `discrepancy_path`. Each answer is a
`Solution` with a proved bound, solved in one of three formulations and recounted. `ambiguity_by_coverage` is a second
route, `least_errors_in_words` the program as one would write it down, and `uncertified_errors`,
`one_sided_discrepancy` and `root_bound` show what goes wrong without the care.

Where the points are in general position `enumerate_paths` meets every linear dichotomy instead; the pools
(`elastic_net_pool`, `logistic_pool`, `pool_multiplicity`) are what people look at otherwise. `stand_in`, `grid_set` and
`gaussian_set` draw data. Three neighbours: actionable recourse, scoring systems, and fair decisions by bias scores.
"""

from sims.predictive_multiplicity.ambiguity import AmbiguityPath, Coverage, ambiguity_by_coverage, ambiguity_path
from sims.predictive_multiplicity.baseline import NearOptimal, baseline_of_scores, co_optimal, minimise_errors
from sims.predictive_multiplicity.bias_scores import (
    MeasuredRule,
    accurate_rule,
    fair_rule,
    flip_by_score,
    flip_effects,
    measure_rule,
    random_world,
)
from sims.predictive_multiplicity.certificates import exact_signs
from sims.predictive_multiplicity.circuits import Cut, Parallelograms
from sims.predictive_multiplicity.discrepancy import DiscrepancyPath, discrepancy_path
from sims.predictive_multiplicity.enumeration import Paths, dichotomies, enumerate_paths
from sims.predictive_multiplicity.exact_solver import Solution
from sims.predictive_multiplicity.flips import FlipErrors, flip_errors
from sims.predictive_multiplicity.pitfalls import Uncertified, one_sided_discrepancy, root_bound, uncertified_errors
from sims.predictive_multiplicity.pools import (
    PoolMultiplicity,
    elastic_net_pool,
    logistic_pool,
    pool_dichotomies,
    pool_multiplicity,
)
from sims.predictive_multiplicity.recourse import (
    Recourse,
    cheapest_recourse,
    continuous_recourse,
    flipset,
    percentile_costs,
)
from sims.predictive_multiplicity.scoring_system import (
    ScoringProblem,
    ScoringSystem,
    recount_scoring,
    scoring_system,
    settled_errors,
)
from sims.predictive_multiplicity.synthetic import LabelledPoints, gaussian_set, grid_set, stand_in
from sims.predictive_multiplicity.table import Compas, Table, aggregate, compas, compas_samples
from sims.predictive_multiplicity.tasks import tolerance_of
from sims.predictive_multiplicity.teaching import TeachingSolution, least_errors_in_words

__all__ = [
    "AmbiguityPath",
    "Compas",
    "Coverage",
    "Cut",
    "DiscrepancyPath",
    "FlipErrors",
    "LabelledPoints",
    "MeasuredRule",
    "NearOptimal",
    "Parallelograms",
    "Paths",
    "PoolMultiplicity",
    "Recourse",
    "ScoringProblem",
    "ScoringSystem",
    "Solution",
    "Table",
    "TeachingSolution",
    "Uncertified",
    "accurate_rule",
    "aggregate",
    "ambiguity_by_coverage",
    "ambiguity_path",
    "baseline_of_scores",
    "cheapest_recourse",
    "co_optimal",
    "compas",
    "compas_samples",
    "continuous_recourse",
    "dichotomies",
    "discrepancy_path",
    "elastic_net_pool",
    "enumerate_paths",
    "exact_signs",
    "fair_rule",
    "flip_by_score",
    "flip_effects",
    "flip_errors",
    "flipset",
    "gaussian_set",
    "grid_set",
    "least_errors_in_words",
    "logistic_pool",
    "measure_rule",
    "minimise_errors",
    "one_sided_discrepancy",
    "percentile_costs",
    "pool_dichotomies",
    "pool_multiplicity",
    "random_world",
    "recount_scoring",
    "root_bound",
    "scoring_system",
    "settled_errors",
    "stand_in",
    "tolerance_of",
    "uncertified_errors",
]
