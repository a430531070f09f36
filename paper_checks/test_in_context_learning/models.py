"""Small models that several claims look at, trained together: one program for all runs of a size.

The sizes fit minutes on two cores. The paper's are an option of each claim: 512 units, 4 heads and
500,000 steps of 64 prompts of 40 examples, some 8e17 operations a model of 16 layers, hours on an
accelerator; there each program holds a run at a time.
"""

from dataclasses import replace
from functools import cache
from typing import Literal

import jax
import numpy as np

from paper_checks.test_in_context_learning import fresh_prompts
from sims.in_context_learning import baselines, training
from sims.in_context_learning.baselines import ols, ridge
from sims.in_context_learning.training import TrainingSettings

RUNS = 5
Scale = Literal["small", "paper"]
"""Whether models have sizes that train in minutes on two cores, or the paper's."""
PAPER = {
    "examples": 40,
    "width": 512,
    "heads": 4,
    "steps": 500_000,
    "learning_rate": 1e-4,
    "batch": 64,
    "warm_up": 0.2,
}
RIDGES = np.append(0.0, np.geomspace(1e-3, 30, 60))
"""λ of the ridges among which the nearest to a model is sought; neighbours differ by a sixth."""


def small(dimension, scale="small", layers=4, **others):
    """The settings of a model: `others` are those of the small one; the paper's has its own."""
    sizes = {"examples": 4, "width": 16, "heads": 1, "steps": 5000, "batch": 32}
    small_sizes = sizes | {"learning_rate": 4e-3} | others
    law = {name: others[name] for name in others if name.startswith(("noise", "weight"))}
    return TrainingSettings(
        dimension, layers=layers, **(small_sizes if scale == "small" else PAPER | law)
    )


@cache
def models(seed, name, settings):
    """A model for each of `settings`, a tuple; runs of a seed and a name are shared by claims."""
    tag = sum(ord(letter) * 131**place for place, letter in enumerate(name)) % 2**31
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), tag), len(settings))
    if settings[0].steps == PAPER["steps"]:
        return [training.train(key, one).model for key, one in zip(keys, settings, strict=True)]
    return training.train_together(keys, list(settings))


def noiseless(seed, scale, layers=4, width=None):
    """Models in two dimensions without noise, and their settings."""
    if layers == 4 and width is None and scale == "small":
        trained, _, settings = with_same_weights(seed, scale)
        return trained, settings
    settings = small(2, scale, layers)
    settings = replace(settings, width=width or settings.width)
    name = f"{layers} {settings.width} {scale}"
    return models(seed, name, (settings,) * RUNS), settings


def with_same_weights(seed, scale):
    """Models of four layers (16 of the paper's size), and as many for which w is always 1."""
    settings = small(2, scale, 4 if scale == "small" else 16)
    same = replace(settings, weight_std=0.0, weight_mean=1.0)
    both = models(seed, f"noiseless {scale}", (settings,) * RUNS + (same,) * RUNS)
    return both[:RUNS], both[RUNS:], settings


def compared(trial, model, settings, count=2048):
    """The λ of the ridge nearest to a model, and the model's excess error over least squares."""
    prompts = fresh_prompts(trial.key("prompts"), settings, count)
    rules = [ols()] + [ridge(parameter) for parameter in RIDGES[1:]]
    exact = np.asarray(baselines.predict_all(prompts, rules))[:, :, 1:]
    answers = np.asarray(training.in_context_predictions(model, prompts))[:, 1:]
    labels = np.asarray(prompts.labels)[:, 1:]
    distances = np.mean((exact - answers) ** 2, axis=(1, 2))
    excess = np.mean((answers - labels) ** 2) - np.mean((exact[0] - labels) ** 2)
    return RIDGES[np.argmin(distances)], excess
