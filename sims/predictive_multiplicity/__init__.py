"""Predictive multiplicity, measured by exact solvers and by ad-hoc pools of models.

The functions are used in this order: `compas`, the baseline, flips and discrepancy, ambiguity. Each
answer is a `Solution` of `sims.linear_dichotomies` with a proved bound, solved in one of three
formulations and counted again. `uncertified_errors`, `one_sided_discrepancy` and `root_bound` show
the errors of less careful formulations. A function without a source is derived here.
"""

from sims.predictive_multiplicity.formulations import (
    Uncertified,
    one_sided_discrepancy,
    root_bound,
    uncertified_errors,
)
from sims.predictive_multiplicity.measures import (
    AmbiguityPath,
    Coverage,
    DiscrepancyPath,
    FlipErrors,
    NearOptimal,
    ambiguity_by_coverage,
    ambiguity_path,
    baseline_of_scores,
    co_optimal,
    discrepancy_path,
    flip_errors,
    minimise_errors,
)
from sims.predictive_multiplicity.pools import (
    PoolMultiplicity,
    elastic_net_pool,
    pool_dichotomies,
    pool_multiplicity,
)
from sims.predictive_multiplicity.samples import (
    Compas,
    LabelledPoints,
    compas,
    compas_samples,
    gaussian_set,
)
