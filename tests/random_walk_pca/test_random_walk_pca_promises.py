"""Random walks: what is wrong gets one sentence, every argument is held to its annotation, the rest
is answered.
"""

import jax
import numpy as np
from promises import Case, Later, promises, refused

from own_data import random_walk_pca as tool
from sims import wishart
from sims.random_walk_pca import infinite_dimension, pca, training, trajectories
from theory.random_walk_pca import (
    drift_and_decay,
    finite_dimension,
    linear_processes,
    ornstein_uhlenbeck,
    plain_walk,
)

WARNS = Case(warns="the dimension is small, or the components are many")
NOISE = np.random.default_rng(0).normal(size=(16, 40))
WALK = np.cumsum(NOISE, axis=0)
OBSERVED = Case({"trajectory": None, "step_gram": tool.step_gram(WALK)})

test_theory_is_declared, test_theory_refusals, test_theory_answers, test_theory_extremes = promises(
    [
        plain_walk,
        linear_processes,
        ornstein_uhlenbeck,
        drift_and_decay,
        finite_dimension,
        tool,
    ],
    {
        "momentum_crossover_index": Case(infinite="at no momentum"),
        **dict.fromkeys(
            ["explained_variance_ratio_std", "mean_explained_variance_ratio", "overlap_deficit"],
            WARNS,
        ),
        **dict.fromkeys(
            [
                f"estimate_{cause}"
                for cause in ("drift_ratio", "momentum", "noise_decay", "reversion")
            ],
            OBSERVED,
        ),
        "random_walk_test": Case(
            given={"trajectory": WALK, "step_gram": None},
            infinite="scores far beyond the dimension, and their p",
        ),
        "StepGramRecorder.record": Case(
            of=tool.StepGramRecorder(10**4), given={"parameters": {"weights": NOISE}}
        ),
    },
    {"WalkTest": "a record of results", "WalkTest.plot": "draws one"},
)

# Every shape is a program to compile: sizes are held fixed where a program is large.
KEY = jax.random.key(0)
CLOUD = NOISE[:4, :3]
SIZES = {"n_points": 4, "dim": 3}
DRAWN = {**SIZES, "scales": np.array([1.0, 0.5, 0.25])}
TRAINED = {
    "inputs": CLOUD,
    "targets": np.eye(2)[[0, 1, 1, 0]],
    "hidden": (2,),
    "n_steps": 3,
    "batch": 2,
}
OVERFLOWS = "where the trajectory overflows"

test_sims_are_declared, test_sims_refusals, test_sims_answers, test_sims_extremes = promises(
    [trajectories, pca, infinite_dimension, training, wishart],
    {
        "bartlett_factor": Case({"dtype": "float64"}),
        "noise": Case(DRAWN),
        "noise_gram": Case({**SIZES, "block": 2}),
        "explained_variance_ratio": Case(DRAWN, infinite=OVERFLOWS),
        "eigenbasis_sample": Case({"population_eigenvalues": np.array([2.0, 0.5, 0.25]), "dim": 5}),
        "equivalent_gaussian_noise": Case({"n_points": 3}),
        "leading_spectrum": Case({"n_points": 6, "count": 2}),
        **dict.fromkeys(
            ["leading_variance_ratios", "leading_variance_ratios_of_gram"], Case({"count": 1})
        ),
        **dict.fromkeys(
            ["trajectory", "trajectory_gram", "gram_variances", "covariance"],
            Case(infinite=OVERFLOWS),
        ),
        **dict.fromkeys(
            [
                "covariance",
                "spectrum",
                "eigenvectors",
                "expected_squared_norms",
            ],
            Case({"n_points": 4}),
        ),
        "random_projection": Case({"target_dim": 2}, infinite="near the largest number"),
        "train": Case(TRAINED, infinite="where the run diverges"),
        "training_gram": Case({"run": Later(lambda: training.train(KEY, **TRAINED))}),
    },
    examples=2,
)


def train(targets, **options):
    return training.train(KEY, CLOUD, targets, **options)


def recorded(*points):
    recorder = tool.StepGramRecorder(2)
    for point in points:
        recorder.record(point)


test_what_does_not_go_together_is_refused = refused(
    [
        (
            lambda: finite_dimension.eigenvalue_bias([2, 1], 10, 3),
            "n_components must be at most 2, .*, got 3",
        ),
        (
            lambda: finite_dimension.eigenvalue_bias([2, 2, 1], 10, 2),
            "the first 2 eigenvalues must differ from all others",
        ),
        (
            lambda: finite_dimension.overlap_deficit([2, 1, 0], 100, 3),
            "the first 3 eigenvalues must be positive, got 0.0",
        ),
        (
            lambda: ornstein_uhlenbeck.modes(5, 1, 1),
            "rate must not be 1 here: all eigenvalues coincide",
        ),
        (
            lambda: ornstein_uhlenbeck.modes(5, 0.5, 5),
            "n_components must be at most n_points - 1 = 4, got 5",
        ),
        (
            lambda: drift_and_decay.decaying_noise_modes([0.5, 1e-300], -1, 1),
            r"times must not be so small that t\^b is below",
        ),
        (
            lambda: pca.variance_ratios(np.ones((4, 2))),
            "trajectory must be points that differ, .*zero total",
        ),
        (
            lambda: pca.variance_ratios(np.array([[0], [1e-200]])),
            "trajectory must be points that differ",
        ),
        (
            lambda: pca.variance_ratios(np.float32([[0], [1e30]])),
            "with squares that are numbers",
        ),
        (
            lambda: pca.variance_ratios_of_gram(np.ones((4, 4))),
            "gram must .* points that differ",
        ),
        (
            lambda: pca.principal_components(NOISE[:5, :2], 3),
            "count must be at most .* = 2, got 3",
        ),
        (lambda: pca.eigenbasis_sample(KEY, np.ones(3), 2, count=3), "= 2, got 3"),
        (
            lambda: trajectories.noise(KEY, 3, 2, scales=np.ones(3)),
            "scales must have one entry for each of dim = 2, got 3",
        ),
        (
            lambda: infinite_dimension.leading_spectrum(5, 4),
            "count must be at most n_points - 2 = 3",
        ),
        (
            lambda: infinite_dimension.leading_spectrum(5, 2, decay=200.0),
            "decay must leave a finite variance",
        ),
        (
            lambda: train(2 * TRAINED["targets"], loss="cross_entropy"),
            "targets must be one-hot for the cross entropy",
        ),
        (
            lambda: train(TRAINED["targets"], hidden=(2**29, 2**29)),
            r"must ask for arrays of at most 2\^36 numbers",
        ),
        (
            lambda: pca.explained_variance_ratio(KEY, 3, 2, reversion=2.0),
            r"reversion must lie in \[0, 2\) \(unstable",
        ),
        (
            lambda: tool.random_walk_test(WALK, n_components=15),
            "n_components must be at most 14 for 16 points, got 15",
        ),
        (
            lambda: tool.estimate_noise_decay(np.insert(WALK, 5, WALK[4], axis=0)),
            "must move to have a noise decay,",
        ),
        (lambda: tool.step_gram(), "at least one block"),
        (lambda: tool.effective_dimension(np.eye(2)), "at least three steps, got 2"),
        (lambda: recorded({}), "at least one array, got none"),
        (lambda: recorded(np.arange(3)), "floating-point arrays, got int64"),
        (lambda: recorded(np.zeros(3), np.zeros(4)), "must keep structure and shapes"),
        (lambda: recorded(np.zeros(3), np.full(3, np.nan)), "the first step that is not is step 1"),
        (lambda: recorded(*np.ones((4, 3))), "for max_steps = 2 steps already"),
    ]
)
