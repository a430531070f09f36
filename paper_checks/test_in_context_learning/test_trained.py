"""Transformers that are trained: how near they come to the Bayes predictor, which rule they are
nearest to by noise, depth and width, and what is inside them.

Each claim looks at five independent runs of a seed; more are those of other seeds. Equal signs of
all have the chance 2^-5 if either sign is as likely, and the two-sided interval that the ledger
shows has the level 2^-4. Small models that several claims look at are trained together: one program
for all runs of a size.

The sizes fit minutes on two cores. The paper's are an option of each claim: 512 units, 4 heads and
500,000 steps of 64 prompts of 40 examples, some 8e17 operations a model of 16 layers, hours on an
accelerator; there each program holds a run at a time.
"""

from dataclasses import replace
from functools import cache, partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_in_context_learning import SIGNS, level
from sims.in_context_learning import baselines, probes, training
from sims.in_context_learning.baselines import gradient_step, nearest_neighbours, ols, ridge
from sims.in_context_learning.training import TrainingSettings
from theory.in_context_learning import risk_laws
from theory_on_trial import abstract, claim, derived, paper
from theory_on_trial.base.compilation_cache import cache_folder

MATCH = abstract(
    "trained in-context learners closely match the predictors computed by gradient descent, ridge "
    "regression, and "
    "exact least-squares regression, transitioning between different predictors as transformer "
    "depth and dataset "
    "noise vary, and converging to Bayesian estimators for large widths and depths"
)
FAMILY = {
    "least squares": ols(),
    "ridge .1": ridge(0.1),
    "ridge .5": ridge(0.5),
    "one step": gradient_step(0.05),
}
"""The rules among which the nearest to a model of a given depth is sought, fixed before any model
was looked at.
"""
RUNS = 5
NOISY_RUNS = 6
"""Two dimensions are two decisions, which five equal signs each do not carry."""
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


def untrained(trial, run, settings):
    """A model at a random start."""
    return settings.start(jax.random.fold_in(trial.key("untrained"), run))


def trained(seed, run, settings):
    """One of the trained models of a seed, shared by all claims; what was trained before is read
    from the cache.
    """
    key = jax.random.fold_in(jax.random.key(seed), run)
    return training.train(key, settings, checkpoint=cache_folder() / "in_context_learning").model


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
    prompts = settings.prompts(trial.key("prompts"), count)
    rules = [ols()] + [ridge(parameter) for parameter in RIDGES[1:]]
    exact = np.asarray(baselines.predict_all(prompts, rules))[:, :, 1:]
    answers = np.asarray(training.in_context_predictions(model, prompts))[:, 1:]
    labels = np.asarray(prompts.labels)[:, 1:]
    distances = np.mean((exact - answers) ** 2, axis=(1, 2))
    excess = np.mean((answers - labels) ** 2) - np.mean((exact[0] - labels) ** 2)
    return RIDGES[np.argmin(distances)], excess


NOISY = {
    1: training.TrainingSettings(
        1, 6, layers=2, width=16, heads=2, steps=6000, learning_rate=5e-3, noise_std=0.5
    ),
    2: training.TrainingSettings(
        2, 6, layers=3, width=24, heads=4, steps=8000, learning_rate=4e-3, noise_std=0.5
    ),
}


class Noisy(NamedTuple):
    """Six models, in the order of their runs: the upper end (5 standard errors) of each one's
    excess error, and its squared distance to each of four ridges, that of λ* first.
    """

    excess: np.ndarray
    distances: np.ndarray

    @property
    def nearer(self):
        """By how much the ridge of λ* is nearer than both of its neighbours."""
        return np.minimum(self.distances[:, 1], self.distances[:, 2]) - self.distances[:, 0]


def noisy(trial, dimension):
    """Models trained on noisy prompts, and the same before their training."""
    settings = NOISY[dimension]
    rules = [ridge(parameter) for parameter in (settings.noise_std**2, 0.1, 0.5, 1.0)]

    def compare(model, run):
        prompts = settings.prompts(jax.random.fold_in(trial.key("prompts"), run), 8192)
        evaluation = training.evaluate(model, prompts, rules)
        excess = np.asarray(evaluation.excess[0, :, 1:].mean(axis=1))
        upper = excess.mean() + 5 * excess.std() / np.sqrt(len(excess))
        return upper, evaluation.differences[:, :, 1:].mean(axis=(1, 2))

    def all_runs(model_of):
        excess, distances = zip(
            *(compare(model_of(run), run) for run in range(NOISY_RUNS)), strict=True
        )
        return Noisy(np.array(excess), np.array(distances))

    return (
        all_runs(lambda run: trained(trial.seed, run, settings)),
        all_runs(lambda run: untrained(trial, run, settings)),
    )


@claim(MATCH, kind="empirical", tier="full", cases=[1, 2], low_power=SIGNS)
def test_icl__approaches__mbr(trial, dimension: Literal[1, 2]):
    """On noisy prompts the error of trained transformers is within 5 % of the Bayes error."""
    settings = NOISY[dimension]
    tolerance = 0.05 * risk_laws.mean_bayes_error(
        dimension, settings.examples, noise_std=settings.noise_std
    )
    after, before = noisy(trial, dimension)
    trial.runs(
        tolerance - after.excess,
        alpha=level(NOISY_RUNS),
        controls={
            "before training": tolerance - before.excess,
            "the ridge of noise variance 1": tolerance - after.distances[:, -1],
        },
    )


@claim(MATCH, kind="empirical", tier="full", cases=[1, 2], low_power=SIGNS)
def test_icl__approaches__ridge(trial, dimension: Literal[1, 2]):
    """On noisy prompts trained transformers are nearer to ridge regression with λ* = σ^2 / τ^2 than
    with its neighbours .1 and .5.
    """
    after, before = noisy(trial, dimension)
    # What was not trained is nearest to the rule that says least, whatever the noise.
    controls = {"before training": before.nearer}
    trial.runs(after.nearer, alpha=level(NOISY_RUNS), controls=controls)


@claim(MATCH, kind="empirical", tier="full", low_power=SIGNS)
def test_phase__depth(trial):
    """Of a fixed family of rules Ridge(.1) is nearest to transformers of two layers, and least
    squares to those of four, which are nearer to it than those of two are.
    """
    names = list(FAMILY)

    def distances(layers):
        """Of each run from each rule."""
        settings = training.TrainingSettings(
            2, 6, layers=layers, width=32, heads=1, steps=8000, learning_rate=4e-3
        )
        prompts = settings.prompts(trial.key("prompts"), 8192)
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


NOISES = (0.1, 0.25, 0.5, 1.0)
DEPTHS = (1, 2, 4)
WIDTHS = (4, 16)


@claim(MATCH, kind="empirical", tier="full", low_power=SIGNS)
def test_noise(trial, scale: Scale = "small"):
    """Train models in one dimension with weights of variance 1 and noise σ = .1, .25, .5 and 1. The
    λ of the ridge regression that is nearest to a model rises with σ and is within a factor 2 of
    σ²; at σ = .1, where the distance hardly changes with λ, within a factor 3.

    Three minutes; `scale="paper"`: twenty models of 16 layers.
    """
    layers = 2 if scale == "small" else 16
    sizes = {"examples": 5, "heads": 2, "learning_rate": 5e-3, "steps": 6000}
    kinds = [small(1, scale, layers, noise_std=noise, **sizes) for noise in NOISES]
    trained = models(trial.seed, f"noise {scale}", tuple(np.repeat(kinds, RUNS)))

    def nearest(of_models):
        return np.array(
            [compared(trial, model, kinds[index // RUNS])[0] for index, model in of_models]
        ).reshape(len(NOISES), RUNS)

    def fits(ridges, noises=NOISES):
        """By how much, in logarithms, each ridge of a run is within its factor and in order."""
        logs = np.log(np.maximum(ridges, 1e-9))
        factors = np.array([[3.0], [2.0], [2.0], [2.0]])
        within = np.log(factors) - np.abs(logs - 2 * np.log(noises)[:, None])
        return np.minimum(within.min(axis=0), np.diff(logs, axis=0).min(axis=0))

    ridges = nearest(enumerate(trained))
    at_first = nearest(
        (index, untrained(trial, index, kinds[index // RUNS])) for index in range(len(trained))
    )
    controls = {
        "λ = .25 at every noise": fits(ridges, np.full(len(NOISES), 0.5)),
        "models exchanged between noises": fits(ridges[::-1]),
        "before training": fits(at_first),
    }
    trial.runs(fits(ridges), alpha=level(RUNS), controls=controls)


@claim(MATCH, kind="empirical", tier="full", low_power=SIGNS)
def test_depth(trial, scale: Scale = "small"):
    """Without noise, in two dimensions, the excess error of trained models over least squares and
    the λ of the nearest ridge fall from 1 layer to 2 and from 2 to 4.

    Two minutes; `scale="paper"`: models of 512 units. Models of 8 layers do not become better than
    those of 4 in so few steps. No phase of gradient descent is claimed: at d = 2 one layer is
    nearer to a ridge than to any gradient step.
    """
    of_depth = []
    for layers in DEPTHS:
        trained, settings = noiseless(trial.seed, scale, layers)
        of_depth.append([compared(trial, model, settings) for model in trained])
    ridges, excesses = np.moveaxis(np.array(of_depth), 2, 0)

    def falls(order):
        """By how much, in logarithms, both fall, at the least of their steps."""
        logs = np.log(np.maximum([excesses, ridges], 1e-9))
        return np.min(logs[:, order[:-1]] - logs[:, order[1:]], axis=(0, 1))

    trial.runs(
        falls([0, 1, 2]),
        alpha=level(RUNS),
        controls={
            "depths in reverse": falls([2, 1, 0]),
            "2 and 4 layers exchanged": falls([0, 2, 1]),
        },
    )


@claim(MATCH, kind="empirical", tier="full", low_power=SIGNS)
def test_min__width(trial, scale: Scale = "small"):
    """Without noise, in two dimensions and with two layers, the excess error of trained models over
    least squares falls by at least a fifth from a width of 4 units to 16.

    Two minutes; `scale="paper"`: 500,000 steps on 40 examples. The smallest width at which a model
    is nearer to least squares than Ridge(.1) is, the paper's question, needs the paper's training.
    """
    excesses = []
    for width in WIDTHS:
        trained, settings = noiseless(trial.seed, scale, 2, width)
        excesses.append([compared(trial, model, settings)[1] for model in trained])

    def falls(few, many):
        """By how much, in logarithms, the excess falls beyond a fifth."""
        return np.log(0.8 * np.array(few) / np.array(many))

    narrow, wide = excesses
    trial.runs(
        falls(narrow, wide),
        alpha=level(RUNS),
        controls={"widths exchanged": falls(wide, narrow)},
    )


ENCODE = abstract("learners' late layers non-linearly encode weight vectors and moment matrices")
UPDATE = abstract(
    "transformer-based in-context learners implement standard learning algorithms implicitly, by "
    "encoding smaller models in their activations, and updating these implicit models as new "
    "examples appear in the context"
)


@claim(ENCODE, kind="empirical", tier="full", low_power=SIGNS)
def test_probes(trial, scale: Scale = "small", count: probes.Size = 2048):
    """In models of four layers, a two-layer probe reads the least-squares weights of 3 examples off
    the states of some layer from the second on. It reads them worse off the embeddings, by a linear
    probe, in models at their start, and in models that were trained on w = 1.

    Three minutes. XᵀY, which a gradient step needs, is hardly read better than off the embeddings.
    """
    trained, same, settings = with_same_weights(trial.seed, scale)
    first = [untrained(trial, run, settings) for run in range(RUNS)]
    prompts = settings.prompts(trial.key("prompts"), count)
    weights = jnp.asarray(probes.ols_targets(prompts, 3), jnp.float32)
    half = count // 2

    @partial(jax.jit, static_argnums=1)
    def left(states, kind):
        """The share of variance that a probe of these states leaves on prompts kept apart."""

        def of_layer(hidden):
            probe = probes.train_probe(
                trial.key("probes"),
                hidden[:half],
                weights[:half],
                kind=kind,
                probe_width=32,
                steps=1000,
                learning_rate=4e-3,
            ).probe
            return jnp.mean(probes.probe_errors(probe, hidden[half:], weights[half:]))

        return jax.vmap(of_layer)(states) / jnp.mean(jnp.var(weights[half:], axis=0))

    def shares(of_models, kind):
        read = [probes.hidden_states(model, prompts)[:, :, :6] for model in of_models]
        return np.array([left(states, kind) for states in read])

    found, at_first, of_same = (shares(group, "mlp") for group in (trained, first, same))
    linear = shares(trained, "linear")

    def better(late, rivals):
        """By how much the best late layer leaves less than each rival's best layer."""
        return np.min([rival.min(axis=1) for rival in rivals], axis=0) - late.min(axis=1)

    embedded = [share[:, :1] for share in (found, at_first, of_same)]
    trial.runs(
        better(found[:, 2:], [0.8 * embedded[0], linear, at_first, of_same]),
        alpha=level(RUNS),
        controls={
            "models at their start": better(
                at_first[:, 2:], [0.8 * embedded[1], linear, found, of_same]
            ),
            "models trained on w = 1": better(
                of_same[:, 2:], [0.8 * embedded[2], linear, at_first, found]
            ),
            "the embeddings": better(found[:, :1], [linear, at_first, of_same]),
        },
    )


@claim(
    derived("least squares has no scale: what it answers grows with the inputs"),
    kind="empirical",
    tier="full",
    low_power=SIGNS,
)
def test_beyond_training(trial, scale: Scale = "small"):
    """On inputs three times as long as in training, the error of trained models relative to the
    labels is larger than on inputs as in training; that of least squares stays and that of ridge
    regression falls. The claim takes a minute.
    """
    trained, _, settings = with_same_weights(trial.seed, scale)

    def grows(predict, run):
        """The logarithm of the quotient of both errors, where the examples determine w."""
        prompts = settings.prompts(jax.random.fold_in(trial.key("prompts"), run), 2048)
        errors = []
        for length in (3.0, 1.0):
            inputs = length * prompts.inputs
            labels = length * prompts.labels
            answers = predict(prompts._replace(inputs=inputs, labels=labels))
            wrong = np.asarray(answers - labels)[:, 2:]
            errors.append(np.sqrt(np.mean(wrong**2)) / length)
        return np.log(errors[0] / errors[1])

    def of_ridge(asked):
        return baselines.predict_all(asked, [ridge(0.1)])[0]

    trial.runs(
        [
            grows(lambda asked, model=model: training.in_context_predictions(model, asked), run)
            for run, model in enumerate(trained)
        ],
        alpha=level(RUNS),
        controls={"Ridge(.1)": np.array([grows(of_ridge, run) for run in range(RUNS)])},
    )


@claim(paper("figure 6"), kind="empirical", tier="full", low_power=SIGNS)
def test_nonlinear__hypothesis(trial, scale: Scale = "small"):
    """In two dimensions the answer of a trained model after 1 example is less linear in the query
    than after 3: a linear fit explains a smaller share of it. The claim takes a minute.
    """
    trained, _, settings = with_same_weights(trial.seed, scale)
    queries = np.asarray(jax.random.normal(trial.key("queries"), (64, 2)))

    def rise(predict, run):
        prompts = settings.prompts(jax.random.fold_in(trial.key("prompts"), run), 256)
        early, late = (
            float(jnp.mean(baselines.implicit_fit(predict, prompts, k, queries).r_squared))
            for k in (1, 3)
        )
        return late - early - 1e-6  # beyond rounding

    def least_squares(asked):
        return baselines.predict_all(asked, [ols()])[0]

    trial.runs(
        [
            rise(lambda asked, model=model: training.in_context_predictions(model, asked), run)
            for run, model in enumerate(trained)
        ],
        alpha=level(RUNS),
        controls={"least squares": np.array([rise(least_squares, run) for run in range(RUNS)])},
    )


@claim(UPDATE, kind="empirical", tier="full", low_power=SIGNS)
def test_implied__updates(trial):
    """As examples 2 to 8 arrive in four dimensions with noise .5, the weights by which models of
    two layers answer move along with those of a standard learner: their moves have a mean cosine
    above .5 with those of one gradient step on all examples, or with those of the Bayes ridge.

    Two minutes. Which of both it is differs between runs: most are nearer to the gradient step.
    """
    settings = small(4, layers=2, noise_std=0.5, examples=9, heads=2)
    trained = models(trial.seed, "moves", (settings,) * RUNS)
    prompts = settings.prompts(trial.key("prompts"), 256)
    queries = np.asarray(jax.random.normal(trial.key("queries"), (32, settings.dimension)))
    rules = [gradient_step(0.05), ridge(settings.noise_std**2)]
    of_rules = np.diff(np.asarray(baselines.weights_all(prompts, rules))[:, :, 1:9], axis=2)

    def moves(predict):
        """How the implied weights move as examples 2 to 8 arrive: prompts x arrivals x d."""
        fits = [baselines.implicit_fit(predict, prompts, k, queries).weights for k in range(1, 9)]
        return np.diff(np.stack(fits, axis=1), axis=1)

    def beyond(moved):
        """By how much the mean cosine with the nearer of both rules exceeds .5."""
        lengths = np.linalg.norm(moved, axis=-1) * np.linalg.norm(of_rules, axis=-1)
        cosines = np.sum(moved * of_rules, axis=-1) / np.maximum(lengths, 1e-12)
        return cosines.mean(axis=(1, 2)).max() - 0.5

    def of_neighbours(asked):
        return baselines.predict_all(asked, [nearest_neighbours(3)])[0]

    at_first = [untrained(trial, run, settings) for run in range(RUNS)]
    found, before = (
        [moves(partial(training.in_context_predictions, model)) for model in group]
        for group in (trained, at_first)
    )
    trial.runs(
        [beyond(moved) for moved in found],
        alpha=level(RUNS),
        controls={
            "models at their start": np.array([beyond(moved) for moved in before]),
            "moves on other prompts": np.array([beyond(moved[::-1]) for moved in found]),
            "three nearest neighbours": np.full(RUNS, beyond(moves(of_neighbours))),
        },
    )
