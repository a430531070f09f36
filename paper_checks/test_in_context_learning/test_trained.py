"""Transformers that are trained: how near they come to the Bayes predictor, and to which rule,
depth by depth.

Each claim looks at five independent runs of a seed; more are those of other seeds. Equal signs of
all have the chance 2^-5 if either sign is as likely, and the two-sided interval that the ledger
shows has the level 2^-4.
"""

from typing import Literal

import jax
import numpy as np

from paper_checks.test_in_context_learning import (
    FAMILY,
    MATCH,
    SIGNS,
    fresh_prompts,
    level,
    trained,
    untrained,
)
from sims.in_context_learning import training
from sims.in_context_learning.baselines import ridge
from theory import in_context_learning as predicted
from theory_on_trial import claim

RUNS = 5
NOISY = {
    1: training.TrainingSettings(
        1, 6, layers=2, width=16, heads=2, steps=6000, learning_rate=5e-3, noise_std=0.5
    ),
    2: training.TrainingSettings(
        2, 6, layers=3, width=24, heads=4, steps=8000, learning_rate=4e-3, noise_std=0.5
    ),
}


@claim(MATCH, kind="empirical", tier="full", cases=[1, 2], low_power=SIGNS)
def test_icl__approaches__mbr(trial, dimension: Literal[1, 2]):
    """On noisy prompts trained transformers come within 5 % of the Bayes error, nearest to the
    ridge of λ*.
    """
    settings = NOISY[dimension]
    tolerance = 0.05 * predicted.mean_bayes_error(
        dimension, settings.examples, noise_std=settings.noise_std
    )
    rules = [ridge(parameter) for parameter in (settings.noise_std**2, 0.1, 0.5, 1.0)]

    def compare(model, run):
        """Upper end (5 standard errors) of the excess error, and the squared distance to each
        rule.
        """
        prompts = fresh_prompts(jax.random.fold_in(trial.key("prompts"), run), settings)
        evaluation = training.evaluate(model, prompts, rules)
        excess = np.asarray(evaluation.excess[0, :, 1:].mean(axis=1))
        upper = excess.mean() + 5 * excess.std() / np.sqrt(len(excess))
        return np.append(upper, evaluation.differences[:, :, 1:].mean(axis=(1, 2)))

    def nearer(distances):
        """By how much the ridge of λ* is nearer than both of its neighbours."""
        return np.minimum(distances[1], distances[2]) - distances[0]

    upper, *distances = np.transpose(
        [compare(trained(trial.seed, run, settings), run) for run in range(RUNS)]
    )
    before, *at_first = np.transpose(
        [compare(untrained(trial, run, settings), run) for run in range(RUNS)]
    )
    controls = {
        "before training": tolerance - before,
        "the ridge of noise variance 1": tolerance - distances[-1],
    }
    trial.runs(tolerance - upper, alpha=level(RUNS), controls=controls)
    # What was not trained is nearest to the rule that says least, whatever the noise.
    trial.runs(nearer(distances), alpha=level(RUNS), controls={"before training": nearer(at_first)})


@claim(MATCH, kind="empirical", tier="full", low_power=SIGNS)
def test_phase__depth(trial):
    """Among a fixed family two layers are nearest to Ridge(.1), four nearest to least squares, and
    nearer than two.
    """
    names = list(FAMILY)

    def distances(layers):
        """Of each run from each rule."""
        settings = training.TrainingSettings(
            2, 6, layers=layers, width=32, heads=1, steps=8000, learning_rate=4e-3
        )
        prompts = fresh_prompts(trial.key("prompts"), settings)
        models = [trained(trial.seed, run, settings) for run in range(RUNS)]
        differences = [
            training.evaluate(model, prompts, list(FAMILY.values())).differences for model in models
        ]
        return np.array([of_run[:, :, 1:].mean(axis=(1, 2)) for of_run in differences])

    def advantage(distances, name):
        """By how much a rule is nearer than every other one."""
        index = names.index(name)
        return np.delete(distances, index, axis=1).min(axis=1) - distances[:, index]

    def ordered(few, many):
        exact = names.index("least squares")
        nearer = few[:, exact] - many[:, exact]
        return np.min(
            [advantage(few, "ridge .1"), advantage(many, "least squares"), nearer], axis=0
        )

    few = distances(2)
    many = distances(4)
    trial.runs(
        ordered(few, many), alpha=level(RUNS), controls={"depths exchanged": ordered(many, few)}
    )
