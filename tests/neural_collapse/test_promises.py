"""Neural collapse: every argument is held to its annotation, and whatever it admits is answered."""

import numpy as np

from own_data import neural_collapse as tool
from theory import neural_collapse as predicted
from theory_on_trial.audits.promises import Case, promises

RNG = np.random.default_rng(0)
LABELS = np.array([0, 1, 2, 0, 1, 2])
HEAD = {"weights": [RNG.normal(size=(4, 5)), RNG.normal(size=(3, 4))], "features": RNG.normal(size=(5, 6))}
DUAL = {"dual": 0.001 * RNG.normal(size=(3, 6)), "labels": LABELS}
BATCHES = {"labels": LABELS, "batches": [[0, 1, 2, 3], [2, 3, 4, 5]]}
OPTIMUM = predicted.mse_optimum((4, 3, 2), (0.015625, 0.0078125), 0.0078125)
TARGETS = predicted.optimum_targets(OPTIMUM)
DIES = "metrics of zeros are NaN"
SOME = (0, np.inf)

CASES = {
    "simplex_bound": Case(within=(-1, 0)),
    "welch_bound": Case(within=(0, 1)),
    "dual_bound": Case(DUAL, infinite="where a column is no distribution"),
    "batch_conditions": Case(BATCHES),
    "scl_batch_minimum": Case(BATCHES, within=SOME),
    "scl_minimum": Case(within=SOME),
    "critical_class_size": Case(infinite="decays so large that no class lives", within=SOME),
    "largest_common_decay": Case(within=SOME),
    "ce_optimum_shallow": Case(within=SOME),
    "cross_polytope_pattern": Case(within=(-1, 1)),
    "cross_polytope_stationary": Case(within=SOME),
    "etf_stationary": Case(within=SOME),
    "frame_value": Case({"pattern": predicted.simplex_etf(4)}, within=SOME),
    "imbalance_factor": Case(within=(0, 1)),
    "frame_distance": Case(infinite=DIES, within=(0, 2)),
    "general_orthogonal_frame": Case(within=(0, 1)),
    "orthogonal_frame": Case(within=(0, 1)),
    "simplex_etf": Case(within=(-1, 1)),
    "local_minimum_values": Case(within=SOME),
    "optimum_targets": Case({"optimum": OPTIMUM}),
    "optimal_parameters": Case({"optimum": OPTIMUM}),
    "nc_metrics": Case({**HEAD, "labels": LABELS, "targets": TARGETS}, within=SOME),
    "within_class_collapse": Case({"features": HEAD["features"], "labels": LABELS}, within=SOME),
    "mse_optimum": Case(infinite="beta, where the bias fits for free"),
    "mse_objective": Case({**HEAD, "labels": LABELS, "weight_decays": (0.0625, 0.03125)}, within=SOME),
    "global_root": Case(within=SOME),
    "largest_root": Case(infinite="NaN where there is no root", within=SOME),
    "shrinkage": Case(within=(0, 1)),
    "schatten_penalty": Case(within=SOME),
    "certify_head": Case(
        {**HEAD, "features": HEAD["features"].T, "labels": LABELS, "decays": (0.0625, 0.03125, 0.03125)}, infinite=DIES
    ),
}
RECORDS = ["BatchConditions", "CollapseMetrics", "CollapseTargets", "HeadCertificate", "MseOptimum"]
RECORDS += ["ShallowCrossEntropyOptimum"]

test_domains, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, tool], CASES, dict.fromkeys(RECORDS, "a record of results")
)
