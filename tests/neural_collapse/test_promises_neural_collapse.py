"""Neural collapse: every argument is held to its annotation, and whatever it admits is answered."""

import jax
import numpy as np
import pytest

from own_data import neural_collapse as tool
from sims import neural_collapse as observed
from theory import neural_collapse as predicted
from theory_on_trial.audits.promises import Case, promises


@pytest.fixture(scope="module", autouse=True)
def quick_compilation():
    """Nearly all of the time is compilation: the compiler need not try hard."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


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
        {**HEAD, "features": HEAD["features"].T, "labels": LABELS, "decays": (0.0625, 0.03125, 0.03125)},
        infinite=f"{DIES}, no implied decays where there are decays",
    ),
}
RECORDS = [
    "BatchConditions",
    "CollapseMetrics",
    "CollapseTargets",
    "HeadCertificate",
    "HeadCertificate.plot",
    "MseOptimum",
]
RECORDS += ["ShallowCrossEntropyOptimum"]

test_domains, test_refusals, test_answers, test_extreme_answers = promises(
    [predicted, tool], CASES, dict.fromkeys(RECORDS, "a record of results")
)

KEY, PROBLEM = jax.random.key(0), observed.Problem((2, 1), (0.25,), 0.125)
START = observed.Head((RNG.normal(size=(2, 3)),), RNG.normal(size=(3, 2)), np.zeros(2))
FEATURES, GRAM = START.features, START.weights[0]
FROM = {"problem": PROBLEM, "start": START}
ANY_STARTS = {"problem": PROBLEM, "key": KEY, "starts": 2, "widths": (2,)}
BRIEF = {"steps": 2, "every": 1}
RATE = "a descent at too large a rate"

SIMULATORS = {
    "Problem.columns": Case({"n_columns": 3}, of=PROBLEM),
    "best_configuration": Case(ANY_STARTS),
    "best_of": Case(ANY_STARTS),
    "class_means": Case({"features": FEATURES, "class_sizes": (1, 1)}),
    "collapse": Case({"problem": PROBLEM, "head": START, "targets": observed.balanced_targets(2, 1, bias=False)}),
    "dual_value": Case({"dual": np.array([[0.25, 0.0], [0.125, 0.5]]), "class_sizes": (2, 1)}),
    "gradient_flow": Case(FROM | BRIEF, infinite="where the time step is too long"),
    "gram_distance": Case({"gram": GRAM, "target": GRAM + 1}, within=(0, 2)),
    "hessian_spectrum": Case({"problem": PROBLEM, "head": START}),
    "initial_head": Case({"key": KEY, "widths": (3,), "n_classes": 2, "n_columns": 2}, infinite="of huge deviations"),
    "minimise": Case(FROM),
    "minimise_contrastive": Case({"labels": (0, 0, 1), "dim": 2, "batches": ((0, 1), (0, 2)), "steps": 2}),
    "nuclear_norm_optimum": Case({"class_sizes": (2, 1)}, raises=(RuntimeError,)),
    "objective": Case({"problem": PROBLEM, "head": START}),
    "optima": Case(ANY_STARTS),
    "product": Case({"weights": (GRAM, FEATURES)}),
    "ramp": Case(FROM | {"factors": np.array([1.0, 2.0]), "steps": 2}, infinite=RATE),
    "spread_vectors": Case({"n_vectors": 3, "dim": 2, "levels": 2, "steps": 2}, infinite="of a huge sharpness"),
    "supervised_contrastive_loss": Case({"features": GRAM, "labels": (0, 0, 1), "batches": ((0, 1), (0, 2))}),
    "train": Case(
        {"key": KEY, "problem": PROBLEM, "widths": (3,), "targets": None, **BRIEF}, infinite=f"{RATE}, metrics of zeros"
    ),
    "within_class_collapse": Case({"features": FEATURES, "class_sizes": (1, 1)}),
}

test_domains_of_simulators, test_refusals_of_simulators, test_runs, test_extreme_runs = promises(
    [observed], SIMULATORS, examples=3
)
