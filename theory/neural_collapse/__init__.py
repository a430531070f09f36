"""Neural collapse in deep linear networks: the exact theory. A law that names no source is derived
here.

Dang, Tran Huu, Osher, Tran-The, Ho & Nguyen 2023, "Neural Collapse in Deep Linear Networks: From
Balanced to Imbalanced Data", arXiv 2301.00437, and its neighbours.
"""

from theory.neural_collapse.angles import simplex_bound, welch_bound, welch_bound_may_be_attained
from theory.neural_collapse.certificates import dual_bound, is_global_shallow, rescaled_dual
from theory.neural_collapse.contrastive import (
    BatchConditions,
    batch_conditions,
    scl_batch_minimum,
    scl_minimum,
)
from theory.neural_collapse.critical import (
    critical_class_size,
    decay_in_half_mean_square,
    largest_common_decay,
)
from theory.neural_collapse.cross_entropy import (
    ShallowCrossEntropyOptimum,
    ce_optimum_shallow,
    classes_merge,
    cross_polytope_pattern,
    cross_polytope_stationary,
    etf_beaten_by_cross_polytope,
    etf_stationary,
    frame_value,
    lone_pair_value,
)
from theory.neural_collapse.dynamics import (
    collapse_curve,
    heavy_ball_rate,
    imbalance_factor,
    nc1_rate,
    nc2_rate,
)
from theory.neural_collapse.frames import (
    frame_distance,
    general_orthogonal_frame,
    orthogonal_frame,
    simplex_etf,
)
from theory.neural_collapse.local_minima import (
    hessian_kernel_dimension,
    local_minimum_values,
    radial_eigenvalues,
    shallow_spectrum,
)
from theory.neural_collapse.metrics import (
    CollapseMetrics,
    CollapseTargets,
    frame_targets,
    nc_metrics,
    optimum_targets,
    within_class_collapse,
)
from theory.neural_collapse.mse_optimum import MseOptimum, mse_optimum, optimal_parameters
from theory.neural_collapse.objective import mse_objective
from theory.neural_collapse.scalar_equation import (
    global_root,
    largest_root,
    regime,
    scalar_objective,
    shrinkage,
)
from theory.neural_collapse.schatten import balanced_factorisation, schatten_penalty
from theory.neural_collapse.thresholds import existence_threshold, global_threshold
