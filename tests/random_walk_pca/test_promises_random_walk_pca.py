"""What every public function of random walks owes to whoever calls it."""

import jax
import numpy as np

from own_data import random_walk_pca as tool
from sims import random_walk_pca as observed
from theory import random_walk_pca as predicted
from theory_on_trial.audits.promises import Case, promises

WARNS = Case(warns="the dimension is small, or the components are many")
NOISE = np.random.default_rng(0).normal(size=(16, 40))
WALK = np.cumsum(NOISE, axis=0)
OBSERVED = Case({"trajectory": None, "step_gram": tool.step_gram(WALK)})

test_theory_is_declared, test_theory_refusals, test_theory_answers, test_theory_extremes = promises(
    [predicted, tool],
    {
        "momentum_crossover_index": Case(infinite="at no momentum"),
        **dict.fromkeys(["explained_variance_ratio_std", "mean_explained_variance_ratio", "overlap_deficit"], WARNS),
        **dict.fromkeys(
            [f"estimate_{cause}" for cause in ("drift_ratio", "momentum", "noise_decay", "reversion")], OBSERVED
        ),
        "random_walk_test": Case(
            given={"trajectory": WALK, "step_gram": None}, infinite="scores far beyond the dimension, and their p"
        ),
        "StepGramRecorder.record": Case(of=tool.StepGramRecorder(10**4), given={"parameters": {"weights": NOISE}}),
    },
    {"WalkTest": "a record of results", "WalkTest.plot": "draws one"},
)

# Every shape is a program to compile: sizes are held fixed where a program is large.
KEY = jax.random.key(0)
CLOUD = NOISE[:4, :3]
SIZES = {"n_points": 4, "dim": 3}
DRAWN = {**SIZES, "scales": np.array([1.0, 0.5, 0.25])}
TRAINED = {"inputs": CLOUD, "targets": np.eye(2)[[0, 1, 1, 0]], "hidden": (2,), "n_steps": 3, "batch": 2}
OVERFLOWS = "where the trajectory overflows"

test_sims_are_declared, test_sims_refusals, test_sims_answers, test_sims_extremes = promises(
    [observed],
    {
        "noise": Case(DRAWN),
        "noise_gram": Case({**DRAWN, "block": 2}),
        "projected_noise": Case({**SIZES, "target_dim": 2, "block": 2}),
        "squared_norms": Case({**DRAWN, "block": 2}, infinite=OVERFLOWS),
        "explained_variance_ratio": Case(DRAWN, infinite=OVERFLOWS),
        "eigenbasis_sample": Case({"population_eigenvalues": np.array([2.0, 0.5, 0.25]), "dim": 5}),
        "equivalent_gaussian_noise": Case({"n_points": 3}),
        "leading_population_spectrum": Case({"n_points": 6, "count": 2}),
        "leading_variance_ratios": Case({"count": 1, "rounds": 2}),
        "leading_variance_ratios_of_gram": Case({"count": 1, "rounds": 2}),
        **dict.fromkeys(["trajectory", "trajectory_gram", "gram_variances", "covariance"], Case(infinite=OVERFLOWS)),
        **dict.fromkeys(
            ["population_covariance", "population_spectrum", "population_eigenvectors", "expected_squared_norms"],
            Case({"n_points": 4}),
        ),
        **dict.fromkeys(
            ["axes_from_covariance", "axes_from_singular_values"], Case(infinite="where squares of points overflow")
        ),
        "random_projection": Case({"target_dim": 2}, infinite="near the largest number"),
        "train": Case(TRAINED, infinite="where the run diverges"),
        "training_gram": Case({"run": observed.train(KEY, **TRAINED)}),
        "corrupted_points": Case({**SIZES, "n_outliers": 2}),
        "filtered_direction": Case({"points": CLOUD}, infinite="where every point goes"),
        "spike_errors": Case({"n_samples": 5, "dim": 3, "latent_dim": 2}),
        "reconstruction_error": Case({"points": CLOUD, "axes": np.linalg.qr(CLOUD[:3])[0][:2]}),
    },
    examples=2,
)
