"""Transformers that are trained: how near they come to the Bayes predictor, and to which rule, depth by depth.

Each claim looks at five independent runs of one seed. Five equal signs are all that a sign test can ask of them: their
chance is 2^-5 if either sign is as likely, and the two-sided interval that the ledger shows has the level 2^-4. Nothing
here claims more.
"""

import jax
import numpy as np

from paper_checks.test_in_context_learning import FAMILY, PAPER, fresh_prompts, trained
from sims.in_context_learning import learner, training
from sims.in_context_learning.baselines import ridge
from theory import in_context_learning as predicted
from theory_on_trial import claim, ours, paper

RUNS = 5
ALPHA = 2.0 ** (1 - RUNS)
NOISY = {
    1: training.TrainingSettings(1, 6, layers=2, width=16, heads=2, steps=6000, learning_rate=5e-3, noise_std=0.5),
    2: training.TrainingSettings(2, 6, layers=3, width=24, heads=4, steps=8000, learning_rate=4e-3, noise_std=0.5),
}


def ladder(layers):
    """The settings of a model of this depth for prompts without noise."""
    return training.TrainingSettings(2, 6, layers=layers, width=32, heads=1, steps=8000, learning_rate=4e-3)


def untrained(trial, run, settings):
    """A model at a random start."""
    sizes = {name: getattr(settings, name) for name in ("dimension", "examples", "layers", "width", "heads")}
    return learner.Transformer(jax.random.fold_in(trial.key("untrained"), run), **sizes)


@claim(ours(f"{PAPER}, section 4 and equation 19; thresholds derived"), kind="empirical", tier="full")
def test_icl__approaches__mbr(trial, dimensions=(1, 2), n_runs=RUNS):
    """On noisy prompts trained transformers come within 5 % of the Bayes error, nearest to the ridge of lambda*."""
    near, nearest, untrained_near, other_near = ([] for _ in range(4))
    for dimension in dimensions:
        settings = NOISY[dimension]
        tolerance = 0.05 * predicted.mean_bayes_error(dimension, settings.examples, noise_std=settings.noise_std)
        rules = [ridge(parameter) for parameter in (settings.noise_std**2, 0.1, 0.5, 1.0)]

        def compare(model, run, settings=settings, rules=rules):
            """Upper end (5 standard errors) of the excess error, and the squared distance to each rule."""
            asked = fresh_prompts(jax.random.fold_in(trial.key("prompts"), run), settings)
            found = training.evaluate(model, asked, rules)
            excess = np.asarray(found.excess[0, :, 1:].mean(axis=1))
            upper = excess.mean() + 5 * excess.std() / np.sqrt(len(excess))
            return upper, np.asarray(found.differences[:, :, 1:].mean(axis=(1, 2)))

        upper, distances = map(
            np.array, zip(*(compare(trained(trial.seed, run, settings), run) for run in range(n_runs)), strict=True)
        )
        start = np.array([compare(untrained(trial, run, settings), run)[0] for run in range(n_runs)])
        near.append(tolerance - upper)
        nearest.append(distances[:, 1:3].min(axis=1) - distances[:, 0])
        untrained_near.append(tolerance - start)
        other_near.append(tolerance - distances[:, -1])
    trial.runs(
        np.min(near, axis=0),
        alpha=ALPHA,
        controls={
            "before training": np.max(untrained_near, axis=0),
            "the ridge of noise variance 1": np.max(other_near, axis=0),
        },
    )
    trial.runs(np.min(nearest, axis=0), alpha=ALPHA, controls={"ridge .1 or .5 instead": -np.min(nearest, axis=0)})


@claim(paper(f"{PAPER}, figure 3, in miniature"), kind="empirical", tier="full")
def test_phase__depth(trial, shallow=2, deep=4, n_runs=RUNS):
    """Among a fixed family two layers are nearest to Ridge(.1), four nearest to least squares, and nearer than two."""
    names = list(FAMILY)
    distances = {}
    for layers in (shallow, deep):
        settings = ladder(layers)
        asked = fresh_prompts(trial.key("prompts"), settings)
        distances[layers] = np.array(
            [
                training.evaluate(trained(trial.seed, run, settings), asked, list(FAMILY.values()))
                .differences[:, :, 1:]
                .mean(axis=(1, 2))
                for run in range(n_runs)
            ]
        )

    def advantage(distances, name):
        """By how much a rule is nearer than every other one."""
        own = names.index(name)
        return np.delete(distances, own, axis=1).min(axis=1) - distances[:, own]

    def ordered(few, many):
        exact = names.index("least squares")
        nearer = few[:, exact] - many[:, exact]
        return np.min([advantage(few, "ridge .1"), advantage(many, "least squares"), nearer], axis=0)

    trial.runs(
        ordered(distances[shallow], distances[deep]),
        alpha=ALPHA,
        controls={"depths exchanged": ordered(distances[deep], distances[shallow])},
    )
