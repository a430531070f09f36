"""Inside trained models: what their states encode, the weights they act by, and where they end."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from paper_checks.test_in_context_learning import SIGNS, fresh_prompts, level, untrained
from paper_checks.test_in_context_learning.models import RUNS, Scale, models, small
from sims.in_context_learning import baselines, metrics, probes, training
from sims.in_context_learning.baselines import gradient_step, ols, ridge, sgd
from theory_on_trial import abstract, claim, derived, paper

ENCODE = abstract("learners' late layers non-linearly encode weight vectors and moment matrices")
NOISE = 0.5


def noiseless(trial, scale, **law):
    """Models of four layers in two dimensions without noise, and their settings."""
    settings = small(2, scale, 4 if scale == "small" else 16, **law)
    name = " ".join(["depth", str(settings.layers), scale, *law])
    return models(trial.seed, name, (settings,) * RUNS), settings


@claim(ENCODE, kind="empirical", tier="full", low_power=SIGNS)
def test_probes(trial, scale: Scale = "small", count: probes.Size = 2048):
    """In models of four layers a two-layer probe reads the least-squares weights of 3 examples
    better off a layer from the second on than off the embeddings, than a linear probe, than in
    models at their start, and than in models that were trained on w = 1.

    Three minutes. XᵀY, which a gradient step needs, is hardly read better than off the embeddings.
    """
    trained, settings = noiseless(trial, scale)
    same = noiseless(trial, scale, weight_std=0.0, weight_mean=1.0)[0]
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
    abstract("updating these implicit models as new examples appear in the context"),
    kind="empirical",
    tier="full",
    low_power=SIGNS,
)
def test_updates(trial, scale: Scale = "small"):
    """The weights by which models act move, as examples 2 to 7 arrive, along the steps of recursive
    ridge rather than of one gradient step or of one pass of SGD: the cosine is larger by .04 on
    average. Four dimensions, σ = .5. Three minutes.
    """
    settings = small(
        4,
        scale,
        3 if scale == "small" else 16,
        examples=8,
        width=32,
        heads=2,
        steps=4000,
        noise_std=NOISE,
    )
    prompts = fresh_prompts(trial.key("prompts"), settings, 128)
    queries = np.asarray(jax.random.normal(trial.key("queries"), (16, 4)))
    rules = [ridge(NOISE**2), gradient_step(0.05), sgd(0.05)]
    exact = np.asarray(baselines.weights_all(prompts, rules))[:, :, 1:]

    def leads(predict):
        """The mean cosine of the updates with those of ridge, less the best of the two rivals."""
        acted = np.stack(
            [metrics.implicit_fit(predict, prompts, k, queries).weights for k in range(1, 8)],
            axis=1,
        )
        moves = np.diff(acted, axis=1)
        along = np.diff(exact, axis=2)
        cosines = np.sum(moves * along, axis=-1) / (
            np.linalg.norm(moves, axis=-1) * np.linalg.norm(along, axis=-1) + 1e-12
        )
        own, *rivals = cosines.mean(axis=(1, 2))
        return own - max(rivals) - 0.04

    def answering(model):
        return lambda asked: training.in_context_predictions(model, asked)

    def obeying(rule):
        return lambda asked: baselines.predict_all(asked, [rule])[0]

    trained = models(trial.seed, f"updates {scale}", (settings,) * RUNS)
    trial.runs(
        [leads(answering(model)) for model in trained],
        alpha=level(RUNS),
        controls={
            "one gradient step": np.array([leads(obeying(rules[1]))]),
            "one pass of SGD": np.array([leads(obeying(rules[2]))]),
            "before training": np.array(
                [leads(answering(untrained(trial, run, settings))) for run in range(RUNS)]
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
    """On inputs three times as long as in training the error of models, relative to the labels, is
    at least twice that on inputs as in training; that of least squares stays. A minute.
    """
    trained, settings = noiseless(trial, scale)

    def errors(predict, length):
        """Root mean squares over those of the labels, where the examples determine w."""
        prompts = fresh_prompts(trial.key("prompts"), settings, 2048)
        longer = prompts._replace(inputs=length * prompts.inputs, labels=length * prompts.labels)
        answers = np.asarray(predict(longer))[:, 2:]
        labels = np.asarray(longer.labels)[:, 2:]
        return np.sqrt(np.mean((answers - labels) ** 2) / np.mean(labels**2)) + 1e-9

    def grows(predict):
        return np.log(errors(predict, 3.0) / (2 * errors(predict, 1.0)))

    trial.runs(
        [
            grows(lambda asked, model=model: training.in_context_predictions(model, asked))
            for model in trained
        ],
        alpha=level(RUNS),
        controls={
            "least squares": np.array(
                [grows(lambda asked: baselines.predict_all(asked, [ols()])[0])]
            ),
            "Ridge(.1)": np.array(
                [grows(lambda asked: baselines.predict_all(asked, [ridge(0.1)])[0])]
            ),
        },
    )


@claim(paper("figure 6"), kind="empirical", tier="full", low_power=SIGNS)
def test_nonlinear__hypothesis(trial, scale: Scale = "small"):
    """In two dimensions what a model answers after 1 example is less linear in the query than after
    3: a linear fit explains a smaller share. A minute.
    """
    trained, settings = noiseless(trial, scale)
    prompts = fresh_prompts(trial.key("prompts"), settings, 128)
    queries = np.asarray(jax.random.normal(trial.key("queries"), (64, 2)))

    def rise(predict):
        early, late = (
            float(jnp.mean(metrics.implicit_fit(predict, prompts, k, queries).r_squared))
            for k in (1, 3)
        )
        return late - early

    trial.runs(
        [
            rise(lambda asked, model=model: training.in_context_predictions(model, asked))
            for model in trained
        ],
        alpha=level(RUNS),
        controls={
            "least squares": np.array(
                [rise(lambda asked: baselines.predict_all(asked, [ols()])[0]) - 1e-9]
            )
        },
    )
