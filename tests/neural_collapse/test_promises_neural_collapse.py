"""Neural collapse: what is wrong gets one sentence, every argument is held to its annotation, the
rest is answered.
"""

import jax
import jax.numpy as jnp
import numpy as np
from promises import Case, promises, refused

from sims.neural_collapse import (
    collapse_metrics,
    gradient_training,
    model,
    optimise,
)
from theory.neural_collapse import (
    cross_entropy,
    landscape,
    mean_square,
)

EYE = np.eye(2)
LABELS = np.array([0, 1])
KEY = jax.random.key(0)
UNIT = {"weight_std": 1.0, "feature_std": 1.0}
PROBLEM = model.Problem((4, 2), (0.1,), 0.1)
FITS = model.Head((jnp.ones((2, 3)),), jnp.ones((3, 2)), jnp.zeros(2))
BALL = {"learning_rate": 0.1, "momentum": 0.5}


def of_head(**changed):
    return optimise.hessian_spectrum(PROBLEM, FITS._replace(**changed))


def train(widths=(3,), steps=40):
    return gradient_training.train(
        KEY, PROBLEM, widths, steps=steps, every=20, reduced=True, **BALL, **UNIT
    )


test_what_cannot_be_answered_is_refused = refused(
    [
        (
            lambda: landscape.nc2_rate(1e-200, 0.1, 0.0, 1e-200),
            r"decay \* smallest_root must not underflow",
        ),
        (
            lambda: landscape.hessian_kernel_dimension([2], 3),
            "widths must be at least n_directions = 3, got 2",
        ),
        (
            lambda: landscape.local_minimum_values([2], [0.1], 0.1, [2, 2]),
            "widths must have one entry for each of the",
        ),
        (
            lambda: mean_square.balanced_factorisation(EYE, [0.1], 0.1, [1]),
            "widths must be at least the rank 2 of the",
        ),
        (
            lambda: cross_entropy.frame_value(np.eye(1), 1, [0.1], 0.1),
            "pattern must have at least two classes, got one",
        ),
        (
            lambda: cross_entropy.frame_value(-EYE, 1, [0.1], 0.1),
            "pattern must have the largest entry of every column",
        ),
        (
            lambda: mean_square.mse_optimum([3], [1e-200], 1e-200),
            "must be so large that beta does not underflow",
        ),
        (
            lambda: mean_square.mse_optimum([3], [0.1], 0.1, bias=True),
            "at least 2 classes if there is a bias",
        ),
        (
            lambda: mean_square.mse_optimum([3, 3], [0.1], 0.1, bias_decay=0.1),
            "bias_decay must be 0 without a bias",
        ),
        (
            lambda: mean_square.mse_optimum([3, 2], [0.1], 0.1, bias=True, bias_decay=0.1),
            r"class_sizes must be equal if the bias is decayed, .*\[3, 2\]",
        ),
        (
            lambda: landscape.dual_bound(0 * EYE, LABELS + 1, 0.1, 0.1),
            "labels must be below the 2 rows of dual, got 2",
        ),
        (
            lambda: model.Problem((), (0.1,), 0.1),
            "class_sizes must hold at least one class, got none",
        ),
        (
            lambda: model.Problem((2,), (), 0.1),
            "weight_decays must hold at least one layer, got none",
        ),
        (
            lambda: model.Problem((2,), (0.1,), 0.1, bias_decay=0.1),
            "bias_decay must be 0 without a bias, got 0.1",
        ),
        (
            lambda: PROBLEM.columns(5),
            "n_columns must be N = 6, or K = 2 in the class-mean reduction, got 5",
        ),
        (
            lambda: of_head(features=jnp.ones((3, 5))),
            "the columns of head must be N = 6, or K = 2 .*, got 5",
        ),
        (
            lambda: of_head(weights=(jnp.ones((3, 3)), jnp.ones((2, 3)))),
            "head must have 1 layers, one per decay, got",
        ),
        (
            lambda: of_head(weights=(jnp.ones((5, 3)),)),
            "head must chain K = 2 outputs down to its features, got sh",
        ),
        (
            lambda: of_head(weights=None),
            "head must hold a tuple of layers, features and a bias, arrays of real",
        ),
        (
            lambda: model.initial_head(KEY, (), 2, 2, **UNIT),
            "widths must hold at least one layer, got none",
        ),
        (
            lambda: model.initial_head(KEY, (3, 1), 2, 2**27, **UNIT),
            r"a head of at most 2\^28 numbers, got 4.03e",
        ),
        (
            lambda: optimise.optima(PROBLEM, KEY, 1, widths=(3, 3)),
            "widths must be 1 numbers, one per weight decay",
        ),
        (lambda: model.product(()), "weights must hold at least one layer, got none"),
        (
            lambda: model.product((np.eye(2), np.eye(3))),
            "weights must chain, each layer taking what the last",
        ),
        (lambda: train(steps=50), "steps must be a multiple of every = 20, got 50"),
        (
            lambda: collapse_metrics.collapse(
                FITS, PROBLEM, collapse_metrics.balanced_targets(2, 2, bias=False)
            ),
            r"targets must be of shapes .M, K, K. = .1, 2, 2. and .* got ..2, 2, 2.",
        ),
        (
            lambda: collapse_metrics.class_means(np.ones((2, 3)), (2, 2)),
            "class_sizes must add up to the 3 columns",
        ),
        (
            lambda: optimise.nuclear_norm_optimum((), 0.1, 0.1),
            "class_sizes must hold at least one class, got none",
        ),
    ]
)


RNG = np.random.default_rng(0)
SIX = np.array([0, 1, 2, 0, 1, 2])
HEAD = {
    "weights": [RNG.normal(size=(4, 5)), RNG.normal(size=(3, 4))],
    "features": RNG.normal(size=(5, 6)),
}
DUAL = {"dual": 0.001 * RNG.normal(size=(3, 6)), "labels": SIX}
OPTIMUM = mean_square.mse_optimum((4, 3, 2), (0.015625, 0.0078125), 0.0078125)
SOME = (0, np.inf)

NOT_NEGATIVE = """
    largest_common_decay ce_optimum_shallow cross_polytope_stationary etf_stationary
    local_minimum_values global_root schatten_penalty
"""
SHARES = "orthogonal_frame shrinkage"
CASES = {
    **dict.fromkeys(NOT_NEGATIVE.split(), Case(within=SOME)),
    **dict.fromkeys(SHARES.split(), Case(within=(0, 1))),
    "dual_bound": Case(DUAL, infinite="where a column is no distribution"),
    "critical_class_size": Case(infinite="decays so large that no class lives", within=SOME),
    "cross_polytope_pattern": Case(within=(-1, 1)),
    "frame_value": Case({"pattern": mean_square.simplex_etf(4)}, within=SOME),
    "simplex_etf": Case(within=(-1, 1)),
    "optimum_targets": Case({"optimum": OPTIMUM}),
    "optimal_parameters": Case({"optimum": OPTIMUM}),
    "mse_optimum": Case(infinite="beta, where the bias fits for free"),
    "largest_root": Case(infinite="NaN where there is no root", within=SOME),
}
RECORDS = ["CollapseTargets", "MseOptimum", "ShallowCrossEntropyOptimum"]

test_domains, test_refusals, test_answers, test_extreme_answers = promises(
    [cross_entropy, landscape, mean_square],
    CASES,
    dict.fromkeys((*RECORDS, "direction_betas"), "a record of results, or a step of two modules"),
)

RUN_OF = model.Problem((2, 1), (0.25,), 0.125)
START = model.Head((RNG.normal(size=(2, 3)),), RNG.normal(size=(3, 2)), np.zeros(2))
GRAM = START.weights[0]
FROM = {"problem": RUN_OF, "start": START}
ANY_STARTS = {"problem": RUN_OF, "key": KEY, "starts": 2, "widths": (2,)}
BRIEF = {"steps": 2, "every": 1}
RATE = "a descent at too large a rate"

SIMULATORS = {
    "Problem.columns": Case({"n_columns": 3}, of=RUN_OF),
    "best_of": Case(ANY_STARTS),
    "class_means": Case({"features": START.features, "class_sizes": (1, 1)}),
    "collapse": Case(
        {
            "problem": RUN_OF,
            "head": START,
            "targets": collapse_metrics.balanced_targets(2, 1, bias=False),
        }
    ),
    "gram_distance": Case({"gram": GRAM, "target": GRAM + 1}, within=(0, 2)),
    "hessian_spectrum": Case({"problem": RUN_OF, "head": START}),
    "initial_head": Case(
        {"key": KEY, "widths": (3,), "n_classes": 2, "n_columns": 2}, infinite="of huge deviations"
    ),
    "minimise": Case(FROM),
    "nuclear_norm_optimum": Case({"class_sizes": (2, 1)}, raises=(RuntimeError,)),
    "objective": Case({"problem": RUN_OF, "head": START}),
    "optima": Case(ANY_STARTS),
    "product": Case({"weights": (GRAM, START.features)}),
    "ramp": Case(FROM | {"factors": np.array([1.0, 2.0]), "steps": 2}, infinite=RATE),
    "train": Case(
        {"key": KEY, "problem": RUN_OF, "widths": (3,), "targets": None, **BRIEF},
        infinite=f"{RATE}, metrics of zeros",
    ),
    "within_class_collapse": Case({"features": START.features, "class_sizes": (1, 1)}),
}

STEPS = ("flatten", "require_fit", "require_memory", "unflatten", "value_and_gradient")

test_domains_of_simulators, test_refusals_of_simulators, test_runs, test_extreme_runs = promises(
    [collapse_metrics, gradient_training, model, optimise],
    SIMULATORS,
    dict.fromkeys(STEPS, "a step that modules share"),
    examples=3,
)
