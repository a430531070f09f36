"""The exact theory of predictive multiplicity.

Marx, Calmon & Ustun 2020, "Predictive Multiplicity in Classification", arXiv 1909.06677. Each
import below is one concept in one file. A law that names no source is derived here.
"""

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
