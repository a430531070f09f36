"""Predictive multiplicity: exact solvers, enumeration, and ad-hoc pools.

samples -> table -> baseline -> flips and discrepancy -> ambiguity. Each answer is a `Solution` with
a proved bound, solved in one of three formulations and recounted; `uncertified_errors`,
`one_sided_discrepancy` and `root_bound` show what goes wrong without the care. In general position
(`gaussian_set`) `enumerate_paths` meets every linear dichotomy instead. What names no source is
derived here.
"""

from sims.predictive_multiplicity.ambiguity import (
    AmbiguityPath,
    Coverage,
    ambiguity_by_coverage,
    ambiguity_path,
)
from sims.predictive_multiplicity.baseline import (
    NearOptimal,
    baseline_of_scores,
    co_optimal,
    minimise_errors,
)
from sims.predictive_multiplicity.certificates import exact_signs
from sims.predictive_multiplicity.circuits import Cut, Parallelograms
from sims.predictive_multiplicity.discrepancy import DiscrepancyPath, discrepancy_path
from sims.predictive_multiplicity.enumeration import Paths, dichotomies, enumerate_paths
from sims.predictive_multiplicity.exact_solver import Solution
from sims.predictive_multiplicity.flips import FlipErrors, flip_errors
from sims.predictive_multiplicity.pitfalls import (
    Uncertified,
    one_sided_discrepancy,
    root_bound,
    uncertified_errors,
)
from sims.predictive_multiplicity.pools import (
    PoolMultiplicity,
    elastic_net_pool,
    pool_dichotomies,
    pool_multiplicity,
)
from sims.predictive_multiplicity.synthetic import LabelledPoints, gaussian_set
from sims.predictive_multiplicity.table import Compas, Table, aggregate, compas, compas_samples
from sims.predictive_multiplicity.tasks import tolerance_of
