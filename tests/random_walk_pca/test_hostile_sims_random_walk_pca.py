"""Hostile input for the simulators of high-dimensional random walks and their neighbours."""

import jax
import numpy as np
import pytest

from sims import random_walk_pca as observed
from theory_on_trial.audits.hostile import case, judge, promises

MODULES = [observed]
KEY = jax.random.key(0)
NOISE = np.random.default_rng(0).normal(size=(4, 3))
WALK = np.cumsum(NOISE, axis=0)
GRAM = WALK @ WALK.T
AXES = np.linalg.qr(NOISE[:3])[0][:2]
POPULATION = np.array([2.0, 0.5, 0.25])
SCALES = np.array([1.0, 0.5, 0.25])
PROCESS = {"momentum": 0.5, "reversion": 0.25, "decay": 0.5, "averaging": 0.25, "running_mean": False, "drift": 0.5}
NOT_DRIFT = {name: value for name, value in PROCESS.items() if name != "drift"}
DRAWN = {"key": KEY, "n_points": 4, "dim": 3}
LAW = {"law": "student", "scales": SCALES, "degrees_of_freedom": 5.0}
TRAINED = {"hidden": (2,), "loss": "cross_entropy", "n_steps": 3, "batch": 2, "learning_rate": 0.25, "momentum": 0.5}
TARGETS = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
COMPILES = {"_costly": "compiles for every shape"}
SOME = {"_within": (0, np.inf), **COMPILES}
SHARE = {"_within": (0, 1 + 1e-12), **COMPILES}

CASES = {
    "axes_from_covariance": case(points=WALK, **COMPILES),
    "axes_from_singular_values": case(points=WALK, **COMPILES),
    "centre": case(rows=WALK, **COMPILES),
    "centre_gram": case(gram=GRAM, **COMPILES),
    "corrupted_points": case(**DRAWN, n_outliers=2, spike=2.0, outlier_length=3.0, **COMPILES),
    "covariance": case(points=WALK, **COMPILES),
    "effective_dimension": case(step_gram=GRAM, **SOME),
    "eigenbasis_overlaps": case(key=KEY, population_eigenvalues=POPULATION, dim=5, count=2, **SHARE),
    "eigenbasis_sample": case(key=KEY, population_eigenvalues=POPULATION, dim=5, count=2, **SOME),
    "equivalent_gaussian_noise": case(key=KEY, n_points=4, dim=9, dtype="float64", **COMPILES),
    "expected_squared_norms": case(n_points=4, **SOME),
    "explained_variance_ratio": case(**DRAWN, **LAW, drift=0.5, **SHARE),
    "filtered_direction": case(points=WALK, rounds=2, cutoff=12.0, _within=(-1.001, 1.001), **COMPILES),
    "gram_variances": case(trajectory=WALK, **SOME),
    "leading_direction": case(points=WALK, kept=np.array([True, True, False, True]), **COMPILES),
    "leading_population_spectrum": case(n_points=6, count=2, **COMPILES),
    "leading_variance_ratios": case(trajectory=WALK, count=2, rounds=2, **SHARE),
    "leading_variance_ratios_of_gram": case(gram=GRAM, count=2, rounds=2, **SHARE),
    "noise": case(**DRAWN, **LAW, dtype="float64", **COMPILES),
    "noise_gram": case(**DRAWN, **LAW, block=2, dtype="float32", **COMPILES),
    "population_covariance": case(n_points=4, drift=0.5, **COMPILES),
    "population_eigenvectors": case(n_points=4, drift=0.5, _within=(-1.001, 1.001), **COMPILES),
    "population_spectrum": case(n_points=4, drift=0.5, **SOME),
    "principal_components": case(trajectory=WALK, count=2, **COMPILES),
    "principal_components_of_gram": case(gram=GRAM, count=2, **COMPILES),
    "projected_noise": case(**DRAWN, target_dim=2, block=2, dtype="float64", **COMPILES),
    "random_projection": case(key=KEY, trajectory=WALK, target_dim=2, **COMPILES),
    "reconstruction_error": case(points=WALK, axes=AXES, **SOME),
    "shuffle_points": case(key=KEY, gram=GRAM, **COMPILES),
    "shuffle_steps": case(key=KEY, gram=GRAM, **COMPILES),
    "spike_errors": case(
        key=KEY, n_samples=5, dim=3, latent_dim=2, spike=2.0, rounds=3, _within=(0, 1.4143), **COMPILES
    ),
    "squared_norms": case(**DRAWN, block=2, dtype="float64", **SOME),
    "squared_overlaps": case(time_courses=WALK, references=NOISE, **SHARE),
    "step_gram": case(gram=GRAM, **COMPILES),
    "train": case(key=KEY, inputs=NOISE, targets=TARGETS, **TRAINED, **COMPILES),
    "training_gram": case(key=KEY, inputs=NOISE, targets=TARGETS, **COMPILES),
    "trajectory": case(noise=NOISE, **PROCESS, **COMPILES),
    "trajectory_gram": case(noise_gram=GRAM, **COMPILES),
    "variance_ratios": case(trajectory=WALK, **SHARE),
    "variance_ratios_of_gram": case(gram=GRAM, **SHARE),
}
RECORDS = (
    *("EigenbasisSample", "LeadingRatios", "LeadingSpectrum", "PrincipalAxes", "PrincipalComponents", "SpikeErrors"),
    *("TrainingGram", "TrainingRun"),
)
EXCLUDED = {"digits": "takes no arguments", **dict.fromkeys(RECORDS, "a record of results")}


def of_process(function, *arguments):
    """The function of the parameters of a process alone, which it takes as `**process`."""

    def call(momentum, reversion, decay, averaging, running_mean):
        given = {"momentum": momentum, "reversion": reversion, "decay": decay, "averaging": averaging}
        return function(*arguments, **given, running_mean=running_mean)

    return call


@pytest.mark.parametrize(
    "function",
    [
        of_process(observed.expected_squared_norms, 4),
        of_process(observed.explained_variance_ratio, KEY, 4, 3),
        of_process(observed.leading_population_spectrum, 6, 2),
        of_process(observed.population_spectrum, 4),
        of_process(observed.squared_norms, KEY, 4, 3),
        of_process(observed.trajectory_gram, GRAM),
    ],
)
def test_the_same_of_the_parameters_of_a_process(function):
    assert judge(function, case(**NOT_DRIFT, **COMPILES)) == []


test_one_hostile_value, test_several_hostile_values, test_every_public_function_has_a_case = promises(
    MODULES, CASES, EXCLUDED, examples=5
)
