"""Transformers that are trained: how near they come to the Bayes predictor, which rule they are
nearest to by noise, depth and width, and what is inside them.

Each claim looks at five independent runs of a seed (six of those on noisy prompts); more are those
of other seeds. Equal signs of all five have the chance 2^-5 if either sign is as likely, and the
two-sided interval that the ledger shows has the level 2^-4. Small models that several claims look
at are trained together: one program for all runs of a size.

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
from theory_on_trial import claim, derived, tried
from theory_on_trial.base.compilation_cache import cache_folder

BAYES = tried(
    "abstract, sentence 6: trained learners closely match ridge regression and converge to "
    "Bayesian estimators",
    "one and two dimensions, small models, the margin of 5 % and the ridges compared",
)
DEPTHS_AND_WIDTHS = tried(
    "abstract, sentence 6: the predictor changes as transformer depth varies, and converges for "
    "large widths and depths",
    "two dimensions, one to four layers, and the comparison",
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


def untrained_model(trial, run, settings):
    """A model at a random start."""
    return settings.start(jax.random.fold_in(trial.key("untrained"), run))


def trained_model(seed, run, settings):
    """One of the trained models of a seed, shared by all claims; what was trained before is read
    from the cache.
    """
    key = jax.random.fold_in(jax.random.key(seed), run)
    return training.train(key, settings, checkpoint=cache_folder() / "in_context_learning").model


def small(dimension, scale="small", layers=4, **others):
    """The settings of a model. `others` are sizes of the small one, which the paper's does not take
    over, and the law of the prompts, which it does.
    """
    sizes = {"examples": 4, "width": 16, "heads": 1, "steps": 5000, "batch": 32}
    small_sizes = sizes | {"learning_rate": 4e-3} | others
    law = {name: others[name] for name in others if name.startswith(("noise", "weight"))}
    return TrainingSettings(
        dimension, layers=layers, **(small_sizes if scale == "small" else PAPER | law)
    )


@cache
def models(seed, name, settings):
    """A trained model for each of `settings`, a tuple; those of a seed and a name are shared by
    claims.
    """
    # A number of its own for each name, by its letters
    tag = sum(ord(letter) * 131**place for place, letter in enumerate(name)) % 2**31
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), tag), len(settings))
    if settings[0].steps == PAPER["steps"]:
        # Models of the paper's size are trained one after the other.
        return [training.train(key, one).model for key, one in zip(keys, settings, strict=True)]
    return training.train_together(keys, list(settings))


def noiseless(seed, scale, layers=4, width=None):
    """A list of RUNS trained models in two dimensions without noise, and their settings."""
    if layers == 4 and width is None and scale == "small":
        of_any_weights, _, settings = with_same_weights(seed, scale)
        return of_any_weights, settings
    settings = small(2, scale, layers)
    settings = replace(settings, width=width or settings.width)
    name = f"{layers} {settings.width} {scale}"
    return models(seed, name, (settings,) * RUNS), settings


def with_same_weights(seed, scale):
    """RUNS trained models of four layers (16 of the paper's size) in two dimensions without noise,
    as many that were trained on w = (1, 1) alone, and the settings of the first ones.
    """
    settings = small(2, scale, 4 if scale == "small" else 16)
    same = replace(settings, weight_std=0.0, weight_mean=1.0)
    both = models(seed, f"noiseless {scale}", (settings,) * RUNS + (same,) * RUNS)
    return both[:RUNS], both[RUNS:], settings


def nearest_ridge_and_excess(trial, model, settings, count=2048):
    """The λ of the ridge whose answers are nearest to a model's, and by how much the mean squared
    error of the model exceeds that of least squares. Answers before the first example do not count.
    """
    prompts = settings.prompts(trial.key("prompts"), count)
    rules = [ols()] + [ridge(parameter) for parameter in RIDGES[1:]]
    exact = np.asarray(baselines.predict_all(prompts, rules))[:, :, 1:]
    answers = np.asarray(training.in_context_predictions(model, prompts))[:, 1:]
    labels = np.asarray(prompts.labels)[:, 1:]
    distances = np.mean((exact - answers) ** 2, axis=(1, 2))
    excess = np.mean((answers - labels) ** 2) - np.mean((exact[0] - labels) ** 2)
    return RIDGES[np.argmin(distances)], excess


# By dimension: n = 6 examples, σ = .5 and τ = 1
NOISY = {
    1: training.TrainingSettings(
        1, 6, layers=2, width=16, heads=2, steps=6000, learning_rate=5e-3, noise_std=0.5
    ),
    2: training.TrainingSettings(
        2, 6, layers=3, width=24, heads=4, steps=8000, learning_rate=4e-3, noise_std=0.5
    ),
}


class Noisy(NamedTuple):
    """Of six models in the order of their runs: the upper end (5 standard errors) of the excess
    error over the Bayes predictor (runs,), and the mean squared difference from the answers of four
    ridges, with λ = λ*, .1, .5 and 1 (runs, ridges). λ* = σ^2 / τ^2 is that of the Bayes predictor.
    """

    excess: np.ndarray
    distances: np.ndarray

    @property
    def nearer(self):
        """By how much the ridge of λ* is nearer than those of .1 and .5, (runs,)."""
        return np.minimum(self.distances[:, 1], self.distances[:, 2]) - self.distances[:, 0]


def noisy(trial, dimension):
    """What `Noisy` holds, of models trained on noisy prompts, and of as many at a random start."""
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
        all_runs(lambda run: trained_model(trial.seed, run, settings)),
        all_runs(lambda run: untrained_model(trial, run, settings)),
    )


@claim(BAYES, kind="empirical", tier="full", cases=[1, 2], low_power=SIGNS)
def test_icl__approaches__mbr(trial, dimension: Literal[1, 2]):
    """On prompts of six examples in one or two dimensions with weights of variance 1 and noise
    $σ = .5$ the mean squared error of trained transformers, of two layers and three, over all
    prefixes but the empty one, is within 5 % of the Bayes error.
    """
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
            "within 5 % of the ridge with $λ = 1$": tolerance - after.distances[:, -1],
        },
    )


@claim(BAYES, kind="empirical", tier="full", cases=[1, 2], low_power=SIGNS)
def test_icl__approaches__ridge(trial, dimension: Literal[1, 2]):
    """On prompts of six examples in one or two dimensions with weights of variance 1 and noise
    $σ = .5$ the answers of trained transformers, of two layers and three, are nearer to those of
    ridge regression with $λ = σ² / τ² = .25$ than with $λ = .1$ or .5.
    """
    after, before = noisy(trial, dimension)
    # What was not trained is nearest to the rule that says least, whatever the noise.
    controls = {"before training": before.nearer}
    trial.runs(after.nearer, alpha=level(NOISY_RUNS), controls=controls)


@claim(DEPTHS_AND_WIDTHS, kind="empirical", tier="full", low_power=SIGNS)
def test_phase__depth(trial):
    """Of the rules least squares, Ridge(.1), Ridge(.5) and a gradient step of $α = .05$, Ridge(.1)
    is nearest to trained transformers of two layers in two dimensions without noise, and least
    squares to those of four layers, which are nearer to it than those of two are.
    """
    names = list(FAMILY)

    def distances(layers):
        """Of each run from each rule, (runs, rules)."""
        settings = training.TrainingSettings(
            2, 6, layers=layers, width=32, heads=1, steps=8000, learning_rate=4e-3
        )
        prompts = settings.prompts(trial.key("prompts"), 8192)
        differences = [
            training.evaluate(
                trained_model(trial.seed, run, settings), prompts, list(FAMILY.values())
            ).differences
            for run in range(RUNS)
        ]
        return np.array([of_run[:, :, 1:].mean(axis=(1, 2)) for of_run in differences])

    def advantage(distances, name):
        """By how much a rule is nearer than every other one, (runs,)."""
        index = names.index(name)
        return np.delete(distances, index, axis=1).min(axis=1) - distances[:, index]

    def ordered(few, many):
        """By how much the three comparisons of the statement hold, at the least of them."""
        exact = names.index("least squares")
        nearer_to_exact = few[:, exact] - many[:, exact]
        return np.min(
            [advantage(few, "ridge .1"), advantage(many, "least squares"), nearer_to_exact], axis=0
        )

    of_two_layers = distances(2)
    of_four_layers = distances(4)
    trial.runs(
        ordered(of_two_layers, of_four_layers),
        alpha=level(RUNS),
        controls={"depths exchanged": ordered(of_four_layers, of_two_layers)},
    )


NOISES = (0.1, 0.25, 0.5, 1.0)
DEPTHS = (1, 2, 4)
WIDTHS = (4, 16)


@claim(
    tried(
        "abstract, sentence 6: the predictor changes as dataset noise varies",
        "one dimension, models of two layers, and the factor of 2",
    ),
    kind="empirical",
    tier="full",
    low_power=SIGNS,
)
def test_noise(trial, scale: Scale = "small"):
    """Train models in one dimension with weights of variance 1 and noise $σ = .1, .25, .5$ and $1$.
    The $λ$ of the ridge regression that is nearest to a model rises with $σ$ and is within a factor
    2 of $σ²$; at $σ = .1$, where the distance hardly changes with $λ$, within a factor 3.

    Three minutes; `scale="paper"`: twenty models of 16 layers.
    """
    layers = 2 if scale == "small" else 16
    sizes = {"examples": 5, "heads": 2, "learning_rate": 5e-3, "steps": 6000}
    kinds = [small(1, scale, layers, noise_std=noise, **sizes) for noise in NOISES]
    # RUNS models of the first noise, then those of the next
    settings = tuple(np.repeat(kinds, RUNS))
    trained = models(trial.seed, f"noise {scale}", settings)
    at_start = (untrained_model(trial, index, one) for index, one in enumerate(settings))

    def nearest(group):
        """The λ of the ridge nearest to each model, (noises, runs)."""
        ridges = [
            nearest_ridge_and_excess(trial, model, one)[0]
            for model, one in zip(group, settings, strict=True)
        ]
        return np.reshape(ridges, (len(NOISES), RUNS))

    def fits(ridges, noises=NOISES):
        """By how much, in logarithms, the λ of a run are within their factors of σ^2 and rise with
        σ, at the least of all (runs,).
        """
        # λ = 0 has a logarithm, too.
        logs = np.log(np.maximum(ridges, 1e-9))
        factors = np.array([[3.0], [2.0], [2.0], [2.0]])
        within = np.log(factors) - np.abs(logs - 2 * np.log(noises)[:, None])
        return np.minimum(within.min(axis=0), np.diff(logs, axis=0).min(axis=0))

    ridges = nearest(trained)
    trial.runs(
        fits(ridges),
        alpha=level(RUNS),
        controls={
            "$λ = .25$ at every noise": fits(ridges, np.full(len(NOISES), 0.5)),
            "models exchanged between noises": fits(ridges[::-1]),
            "before training": fits(nearest(at_start)),
        },
    )


@claim(DEPTHS_AND_WIDTHS, kind="empirical", tier="full", low_power=SIGNS)
def test_depth(trial, scale: Scale = "small"):
    """Without noise, in two dimensions, the excess error of trained models over least squares and
    the $λ$ of the nearest ridge fall from 1 layer to 2 and from 2 to 4.

    Two minutes; `scale="paper"`: models of 512 units. Models of 8 layers do not become better than
    those of 4 in so few steps. No phase of gradient descent is claimed: at d = 2 one layer is
    nearer to a ridge than to any gradient step.
    """
    of_depth = []
    for layers in DEPTHS:
        trained, settings = noiseless(trial.seed, scale, layers)
        of_depth.append([nearest_ridge_and_excess(trial, model, settings) for model in trained])
    # (depths, runs, 2), taken apart
    ridges, excesses = np.moveaxis(np.array(of_depth), 2, 0)

    def falls(order):
        """By how much, in logarithms, both fall from depth to depth in this order, at the least of
        their steps (runs,).
        """
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


@claim(DEPTHS_AND_WIDTHS, kind="empirical", tier="full", low_power=SIGNS)
def test_min__width(trial, scale: Scale = "small"):
    """Without noise, in two dimensions and with two layers, the excess error of trained models over
    least squares falls by at least a fifth from a width of 4 units to 16.

    Two minutes; `scale="paper"`: 500,000 steps on 40 examples. The smallest width at which a model
    is nearer to least squares than Ridge(.1) is, the paper's question, needs the paper's training.
    """
    excesses = []
    for width in WIDTHS:
        trained, settings = noiseless(trial.seed, scale, 2, width)
        excesses.append([nearest_ridge_and_excess(trial, model, settings)[1] for model in trained])

    def falls(few, many):
        """By how much, in logarithms, the excess falls beyond a fifth."""
        return np.log(0.8 * np.array(few) / np.array(many))

    narrow, wide = excesses
    trial.runs(
        falls(narrow, wide),
        alpha=level(RUNS),
        controls={"widths exchanged": falls(wide, narrow)},
    )


@claim(
    tried(
        "abstract, sentence 7: late layers non-linearly encode weight vectors",
        "two dimensions, four layers, and the share of a quarter",
    ),
    kind="empirical",
    tier="full",
    low_power=SIGNS,
)
def test_probes(trial, scale: Scale = "small", count: probes.Size = 2048):
    """In models of four layers in two dimensions without noise, a two-layer probe reads the
    least-squares weights of 3 examples off the states of some layer from the second on. It leaves
    at least a quarter more of their variance if it reads the embeddings, and more if it is linear,
    in models at their start, and in models that were trained on $w = (1, 1)$ alone.

    Three minutes. XᵀY, which a gradient step needs, is hardly read better than off the embeddings.
    """
    trained, same, settings = with_same_weights(trial.seed, scale)
    at_start = [untrained_model(trial, run, settings) for run in range(RUNS)]
    prompts = settings.prompts(trial.key("prompts"), count)
    weights = jnp.asarray(probes.ols_targets(prompts, 3), jnp.float32)
    half = count // 2

    @partial(jax.jit, static_argnums=1)
    def left(states, kind):
        """The share of variance that a probe of the states of each layer leaves on prompts kept
        apart, (layers + 1,); the embeddings come first.
        """

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
        """The shares that are left in each model, (runs, layers + 1)."""
        # The tokens of the first three examples, two each
        read = [probes.hidden_states(model, prompts)[:, :, :6] for model in of_models]
        return np.array([left(states, kind) for states in read])

    of_trained = shares(trained, "mlp")
    of_start = shares(at_start, "mlp")
    of_same = shares(same, "mlp")
    linear = shares(trained, "linear")

    def better(layers, *rivals):
        """By how much the best of some layers leaves less than the best layer of each rival."""
        return np.min([rival.min(axis=1) for rival in rivals], axis=0) - layers.min(axis=1)

    def late(of_models):
        return of_models[:, 2:]

    def embeddings(of_models):
        return of_models[:, :1]

    trial.runs(
        better(late(of_trained), 0.8 * embeddings(of_trained), linear, of_start, of_same),
        alpha=level(RUNS),
        controls={
            "models at their start are the best": better(
                late(of_start), 0.8 * embeddings(of_start), linear, of_trained, of_same
            ),
            "models trained on $w = (1, 1)$ are the best": better(
                late(of_same), 0.8 * embeddings(of_same), linear, of_start, of_trained
            ),
            "the embeddings are the best": better(
                embeddings(of_trained), linear, of_start, of_same
            ),
        },
    )


@claim(
    derived("least squares has no scale: what it answers grows with the inputs"),
    kind="empirical",
    tier="full",
    low_power=SIGNS,
)
def test_beyond_training(trial, scale: Scale = "small"):
    """On inputs three times as long as in training, the error of trained models after two examples
    or more is a larger share of the labels than on inputs as in training.

    A minute. That of least squares stays, and that of ridge regression falls.
    """
    trained, _, settings = with_same_weights(trial.seed, scale)

    def grows(predict, run):
        """The logarithm of the error on long inputs over that on inputs as in training."""
        prompts = settings.prompts(jax.random.fold_in(trial.key("prompts"), run), 2048)
        errors = []
        for length in (3.0, 1.0):
            inputs = length * prompts.inputs
            labels = length * prompts.labels
            answers = predict(prompts._replace(inputs=inputs, labels=labels))
            wrong = np.asarray(answers - labels)[:, 2:]
            errors.append(np.sqrt(np.mean(wrong**2)) / length)
        long, as_trained = errors
        return np.log(long / as_trained)

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


@claim(
    tried(
        "Appendix $F$: the learner becomes gradually linear in the under-determined regime",
        "two dimensions, one example against three",
    ),
    kind="empirical",
    tier="full",
    low_power=SIGNS,
)
def test_nonlinear__hypothesis(trial, scale: Scale = "small"):
    """In two dimensions the answer of a trained model after 1 example is less linear in the query
    than after 3: a linear fit explains a smaller share of its square.

    A minute.
    """
    trained, _, settings = with_same_weights(trial.seed, scale)
    queries = np.asarray(jax.random.normal(trial.key("queries"), (64, 2)))

    def rise(predict, run):
        """By how much the mean share that a linear fit explains rises from 1 example to 3."""
        prompts = settings.prompts(jax.random.fold_in(trial.key("prompts"), run), 256)
        early = baselines.implicit_fit(predict, prompts, 1, queries).r_squared
        late = baselines.implicit_fit(predict, prompts, 3, queries).r_squared
        # Beyond rounding
        return float(jnp.mean(late)) - float(jnp.mean(early)) - 1e-6

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


@claim(
    tried(
        "abstract, sentence 3: learners encode smaller models in their activations and update "
        "them as examples appear",
        "four dimensions, models of two layers, and the cosine of .5",
    ),
    kind="empirical",
    tier="full",
    low_power=SIGNS,
)
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
    # The moves of each rule's weights: rules x prompts x arrivals x d
    of_rules = np.diff(np.asarray(baselines.weights_all(prompts, rules))[:, :, 1:9], axis=2)

    def moves(predict):
        """How the implied weights move as examples 2 to 8 arrive: prompts x arrivals x d."""
        fits = [baselines.implicit_fit(predict, prompts, k, queries).weights for k in range(1, 9)]
        return np.diff(np.stack(fits, axis=1), axis=1)

    def beyond(moved):
        """By how much the mean cosine with the moves of the nearer rule exceeds .5."""
        lengths = np.linalg.norm(moved, axis=-1) * np.linalg.norm(of_rules, axis=-1)
        cosines = np.sum(moved * of_rules, axis=-1) / np.maximum(lengths, 1e-12)
        return cosines.mean(axis=(1, 2)).max() - 0.5

    def of_neighbours(asked):
        return baselines.predict_all(asked, [nearest_neighbours(3)])[0]

    def moves_of(group):
        return [moves(partial(training.in_context_predictions, model)) for model in group]

    found = moves_of(trained)
    before = moves_of([untrained_model(trial, run, settings) for run in range(RUNS)])
    trial.runs(
        [beyond(moved) for moved in found],
        alpha=level(RUNS),
        controls={
            "models at their start": np.array([beyond(moved) for moved in before]),
            "moves on other prompts": np.array([beyond(moved[::-1]) for moved in found]),
            "three nearest neighbours": np.full(RUNS, beyond(moves(of_neighbours))),
        },
    )
