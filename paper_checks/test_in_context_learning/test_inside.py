"""Inside trained models: what their states encode, the weights they act by, and where they end."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_in_context_learning import SIGNS, fresh_prompts, level, untrained
from paper_checks.test_in_context_learning.models import (
    RUNS,
    Scale,
    models,
    small,
    with_same_weights,
)
from sims.in_context_learning import baselines, metrics, probes, training
from sims.in_context_learning.baselines import gradient_step, nearest_neighbours, ols, ridge
from theory_on_trial import abstract, claim, derived, paper

ENCODE = abstract("learners' late layers non-linearly encode weight vectors and moment matrices")
UPDATE = abstract(
    "transformer-based in-context learners implement standard learning algorithms implicitly, by "
    "encoding smaller models in their activations, and updating these implicit models as new "
    "examples appear in the context"
)


@claim(ENCODE, kind="empirical", tier="full", low_power=SIGNS)
def test_probes(trial, scale: Scale = "small", count: probes.Size = 2048):
    """In models of four layers a two-layer probe reads the least-squares weights of 3 examples
    better off a layer from the second on than off the embeddings, than a linear probe, than in
    models at their start, and than in models that were trained on w = 1.

    Three minutes. XᵀY, which a gradient step needs, is hardly read better than off the embeddings.
    """
    trained, same, settings = with_same_weights(trial.seed, scale)
    first = [untrained(trial, run, settings) for run in range(RUNS)]
    prompts = fresh_prompts(trial.key("prompts"), settings, count)
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
            "models at their start": better(at_first[:, 2:], [0.8 * embedded[1], linear]),
            "models trained on w = 1": better(of_same[:, 2:], [0.8 * embedded[2], linear]),
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
    """On inputs three times as long as in training the error of models, relative to the labels, is
    larger than on inputs as in training, where least squares' stays and a ridge's falls. A minute.
    """
    trained, _, settings = with_same_weights(trial.seed, scale)

    def grows(predict, run):
        """The logarithm of the quotient of both errors, where the examples determine w."""
        prompts = fresh_prompts(jax.random.fold_in(trial.key("prompts"), run), settings, 2048)
        errors = []
        for length in (3.0, 1.0):
            inputs, labels = length * prompts.inputs, length * prompts.labels
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
    """In two dimensions what a model answers after 1 example is less linear in the query than after
    3: a linear fit explains a smaller share. A minute.
    """
    trained, _, settings = with_same_weights(trial.seed, scale)
    queries = np.asarray(jax.random.normal(trial.key("queries"), (64, 2)))

    def rise(predict, run):
        prompts = fresh_prompts(jax.random.fold_in(trial.key("prompts"), run), settings, 256)
        early, late = (
            float(jnp.mean(metrics.implicit_fit(predict, prompts, k, queries).r_squared))
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
    prompts = fresh_prompts(trial.key("prompts"), settings, 256)
    queries = np.asarray(jax.random.normal(trial.key("queries"), (32, settings.dimension)))
    rules = [gradient_step(0.05), ridge(settings.noise_std**2)]
    of_rules = np.diff(np.asarray(baselines.weights_all(prompts, rules))[:, :, 1:9], axis=2)

    def moves(predict):
        """How the implied weights move as examples 2 to 8 arrive: prompts x arrivals x d."""
        fits = [metrics.implicit_fit(predict, prompts, k, queries).weights for k in range(1, 9)]
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
