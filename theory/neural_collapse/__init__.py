"""Neural collapse in deep linear networks: the exact theory.

Dang, Tran Huu, Osher, Tran-The, Ho & Nguyen 2023, "Neural Collapse in Deep Linear Networks: From Balanced to Imbalanced
Data", arXiv 2301.00437, and its neighbours. Each import below is one concept in one file.
"""

from theory.neural_collapse.angles import (
    simplex_bound,
    simplex_bound_is_attained,
    welch_bound,
    welch_bound_may_be_attained,
)
from theory.neural_collapse.certificates import (
    dual_bound,
    is_global_shallow,
    rescaled_dual,
)
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
    cross_polytope_pattern,
    cross_polytope_stationary,
    etf_beaten_by_cross_polytope,
    etf_stationary,
    frame_value,
)
from theory.neural_collapse.dynamics import (
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
from theory.neural_collapse.mse_optimum import (
    MseOptimum,
    mse_optimum,
    optimal_parameters,
)
from theory.neural_collapse.objective import (
    mse_objective,
    optimality_gap,
)
from theory.neural_collapse.scalar_equation import (
    global_root,
    largest_root,
    regime,
    scalar_objective,
    shrinkage,
)
from theory.neural_collapse.schatten import (
    balanced_factorisation,
    schatten_penalty,
)
from theory.neural_collapse.thresholds import (
    existence_threshold,
    global_threshold,
)

__all__ = [
    "BatchConditions",
    "CollapseMetrics",
    "CollapseTargets",
    "MseOptimum",
    "ShallowCrossEntropyOptimum",
    "balanced_factorisation",
    "batch_conditions",
    "ce_optimum_shallow",
    "critical_class_size",
    "cross_polytope_pattern",
    "cross_polytope_stationary",
    "decay_in_half_mean_square",
    "dual_bound",
    "etf_beaten_by_cross_polytope",
    "etf_stationary",
    "existence_threshold",
    "frame_distance",
    "frame_targets",
    "frame_value",
    "general_orthogonal_frame",
    "global_root",
    "global_threshold",
    "heavy_ball_rate",
    "hessian_kernel_dimension",
    "imbalance_factor",
    "is_global_shallow",
    "largest_common_decay",
    "largest_root",
    "local_minimum_values",
    "mse_objective",
    "mse_optimum",
    "nc1_rate",
    "nc2_rate",
    "nc_metrics",
    "optimal_parameters",
    "optimality_gap",
    "optimum_targets",
    "orthogonal_frame",
    "radial_eigenvalues",
    "regime",
    "rescaled_dual",
    "scalar_objective",
    "schatten_penalty",
    "scl_batch_minimum",
    "scl_minimum",
    "shallow_spectrum",
    "shrinkage",
    "simplex_bound",
    "simplex_bound_is_attained",
    "simplex_etf",
    "welch_bound",
    "welch_bound_may_be_attained",
    "within_class_collapse",
]
