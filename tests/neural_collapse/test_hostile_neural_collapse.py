"""Hostile input for neural collapse in deep linear networks."""

import numpy as np

from own_data import neural_collapse as tool
from theory import neural_collapse as predicted
from theory_on_trial.audits.hostile import case, promises

MODULES = [predicted, tool]
RNG = np.random.default_rng(0)
GRAM = np.array([[1.0, -0.25, 0.0], [-0.25, 1.0, 0.5], [0.0, 0.5, 2.0]])
LABELS = np.array([0, 1, 2, 0, 1, 2])
WEIGHTS = [RNG.normal(size=(4, 5)), RNG.normal(size=(3, 4))]
FEATURES = RNG.normal(size=(5, 6))
DECAYS = {"weight_decays": (0.0625, 0.03125), "feature_decay": 0.03125}
SHALLOW = {"weight_decay": 0.0625, "feature_decay": 0.03125}
CLASSES = {"class_sizes": (4, 3, 2)}
OPTIMUM = predicted.mse_optimum((4, 3, 2), (0.015625, 0.0078125), 0.0078125)
TARGETS = predicted.optimum_targets(OPTIMUM)
HEAD = {"weights": WEIGHTS, "features": FEATURES, "labels": LABELS, **DECAYS, "bias": np.zeros(3), "bias_decay": 0.5}
BALANCED = {"n_classes": 4, "samples_per_class": 3}
DUAL = 0.001 * RNG.normal(size=(3, 6))
BATCHES = [[0, 1, 2, 3], [2, 3, 4, 5]]
SOME = {"_within": (0, np.inf)}
DIES = {"_infinite": "metrics of zeros are NaN"}

CASES = {
    "simplex_bound": case(n_vectors=3, dim=4, _within=(-1, 0)),
    "simplex_bound_is_attained": case(n_vectors=3, dim=4),
    "welch_bound": case(n_vectors=5, dim=3, _within=(0, 1)),
    "welch_bound_may_be_attained": case(n_vectors=5, dim=3),
    "dual_bound": case(dual=DUAL, labels=LABELS, **SHALLOW, loss="ce", bias=False, _infinite="where no distribution"),
    "is_global_shallow": case(loss_gradient=DUAL, **SHALLOW, tolerance=0.5),
    "rescaled_dual": case(residual=DUAL, **SHALLOW, bias=True),
    "batch_conditions": case(labels=LABELS, batches=BATCHES),
    "scl_batch_minimum": case(labels=LABELS, batches=BATCHES, temperature=0.5, **SOME),
    "scl_minimum": case(**CLASSES, temperature=0.5, **SOME),
    "critical_class_size": case(n_samples=9, **DECAYS, **SOME),
    "decay_in_half_mean_square": case(decay=0.5, n_classes=3, normalisation="mean_over_entries", **SOME),
    "largest_common_decay": case(**CLASSES, depth=2, **SOME),
    "ce_optimum_shallow": case(**BALANCED, **SHALLOW, **SOME),
    "cross_polytope_pattern": case(n_classes=4, _within=(-1, 1)),
    "cross_polytope_stationary": case(**BALANCED, **DECAYS, **SOME),
    "etf_beaten_by_cross_polytope": case(n_classes=4, depth=2),
    "etf_stationary": case(**BALANCED, **DECAYS, **SOME),
    "frame_value": case(pattern=predicted.simplex_etf(4), samples_per_class=3, **DECAYS, **SOME),
    "heavy_ball_rate": case(curvature=0.5, step=0.25, momentum=0.5),
    "imbalance_factor": case(decay=0.5, time=np.array([0.0, 1.0, 2.0]), **SOME),
    "nc1_rate": case(decay=0.5, step=0.25, momentum=0.5),
    "nc2_rate": case(decay=0.5, step=0.25, momentum=0.5, smallest_root=1.5),
    "frame_distance": case(gram=GRAM, target=np.eye(3), _within=(0, 2), **DIES),
    "general_orthogonal_frame": case(lengths=np.array([1.0, 0.5, 0.25])),
    "orthogonal_frame": case(n_classes=3, _within=(0, 1)),
    "simplex_etf": case(n_classes=3, _within=(-1, 1)),
    "hessian_kernel_dimension": case(widths=(5, 4), n_directions=2, **SOME),
    "local_minimum_values": case(**CLASSES, **DECAYS, widths=(5, 4), **SOME),
    "radial_eigenvalues": case(roots=np.array([1.5, 2.0]), decay=0.5, depth=2),
    "shallow_spectrum": case(roots=np.array([0.5, 0.25]), decay=0.5),
    "frame_targets": case(frame=predicted.simplex_etf(3), depth=2, **DIES),
    "optimum_targets": case(optimum=OPTIMUM, **DIES),
    "nc_metrics": case(
        weights=WEIGHTS, features=FEATURES, labels=LABELS, targets=TARGETS, centred=True, rcond=1e-10, **SOME, **DIES
    ),
    "within_class_collapse": case(features=FEATURES, labels=LABELS, rcond=1e-10, **SOME, **DIES),
    "mse_optimum": case(
        class_sizes=(3, 3, 3),
        **DECAYS,
        widths=(5, 4),
        bias=True,
        bias_decay=0.5,
        _infinite="beta, where the bias fits for free",
    ),
    "optimal_parameters": case(optimum=OPTIMUM),
    "mse_objective": case(**HEAD, **SOME),
    "optimality_gap": case(**HEAD, _within=(-1e-9, np.inf)),
    "global_root": case(beta=np.array([0.5, 0.1]), depth=2, **SOME),
    "largest_root": case(beta=np.array([0.5, 0.1]), depth=2, _infinite="NaN where there is no root"),
    "regime": case(beta=np.array([0.5, 0.1]), depth=2, tie=1e-6),
    "scalar_objective": case(
        x=np.array([0.5, 1.0]), beta=np.array([0.5, 0.1]), depth=2, _infinite="of an infinite beta"
    ),
    "shrinkage": case(root=np.array([0.5, 1.0]), depth=2, _within=(0, 1)),
    "balanced_factorisation": case(product=DUAL, **DECAYS, widths=(5, 4)),
    "schatten_penalty": case(product=DUAL, **DECAYS, **SOME),
    "existence_threshold": case(depth=2, **SOME),
    "global_threshold": case(depth=2, **SOME),
    "certify_head": case(
        weights=WEIGHTS,
        features=FEATURES.T,
        labels=LABELS,
        decays=(0.0625, 0.03125, 0.03125),
        bias=np.zeros(3),
        loss="mse",
        normalisation=1.0,
        **DIES,
    ),
}
RECORDS = ("BatchConditions", "CollapseMetrics", "CollapseTargets", "MseOptimum", "ShallowCrossEntropyOptimum")
EXCLUDED = dict.fromkeys([*RECORDS, "HeadCertificate"], "a record of results")


test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED
)
