"""Transformers that train by hand: the network, its first step, resumption, evaluation, probes."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from sims.in_context_learning import baselines, probes, training
from sims.in_context_learning.prompts import Prompts, sample_prompts, tokens

ULP = 2.0**-53
D = 2
N = 4
LAYERS = 2
WIDTH = 8
HEADS = 2
SMALL = training.TrainingSettings(
    dimension=1,
    examples=3,
    layers=1,
    width=4,
    heads=1,
    steps=50,
    learning_rate=0.01,
    batch=8,
    noise_std=0.5,
)
RULES = [baselines.gradient_step(0.1), baselines.sgd(0.05)]


@functools.cache
def model():
    sizes = {"dimension": D, "examples": N, "layers": LAYERS, "width": WIDTH, "heads": HEADS}
    start = eqx.filter_jit(training.Transformer)(jax.random.key(0), **sizes, dtype=jnp.float64)
    # Norms start at 1 and 0: other numbers, so that their places are seen.
    leaves, tree = jax.tree.flatten(eqx.filter(start, eqx.is_array))
    rng = np.random.default_rng(0)
    moved = [jnp.asarray(leaf + 0.2 * rng.standard_normal(leaf.shape)) for leaf in leaves]
    return eqx.combine(jax.tree.unflatten(tree, moved), start)


def problem(seed=0, count=5, examples=N, dimension=D):
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((count, examples, dimension))
    weights = rng.standard_normal((count, dimension))
    labels = np.einsum("cnd,cd->cn", inputs, weights) + 0.5 * rng.standard_normal((count, examples))
    return Prompts(inputs, labels, weights)


def by_hand(network, tokens):
    def linear(layer, rows):
        return rows @ np.asarray(layer.weight).T + np.asarray(layer.bias)

    def normalise(layer, rows):
        centred = rows - rows.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + 1e-5)
        return scaled * np.asarray(layer.weight) + np.asarray(layer.bias)

    hidden = linear(network.embedding, tokens) + np.asarray(network.positions)[: len(tokens)]
    states = [hidden]
    for layer in network.layers:
        projected = linear(layer.queries_keys_values, normalise(layer.attention_norm, hidden))
        queries, keys, values = np.split(projected, 3, axis=1)
        update = np.zeros_like(hidden)
        for head in range(HEADS):
            part = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
            for at in range(len(tokens)):
                scores = keys[: at + 1, part] @ queries[at, part] / (WIDTH / HEADS) ** 0.5
                shares = np.exp(scores - scores.max())
                update[at, part] = shares / shares.sum() @ values[: at + 1, part]
        hidden = hidden + linear(layer.heads_out, update)
        inner = linear(layer.widen, normalise(layer.mlp_norm, hidden))
        hidden = hidden + linear(layer.narrow, inner * (1 + erf(inner / 2**0.5)) / 2)
        states.append(hidden)
    return np.array(states), linear(network.readout, hidden[::2])[:, 0]


def test_transformer_is_the_one_written_out():
    network = model()
    prompts = problem()
    inputs = np.asarray(tokens(prompts))
    states = np.asarray(probes.hidden_states(network, prompts))
    predictions = np.asarray(training.in_context_predictions(network, prompts))
    for index in range(len(inputs)):
        expected_states, expected = by_hand(network, inputs[index])
        # A few hundred roundings per layer of numbers below a hundred; a norm divides by no less
        # than 0.1 here.
        bound = LAYERS * 300 * ULP * 100 * 10
        assert np.abs(states[:, index] - expected_states).max() <= bound
        assert np.abs(predictions[index] - expected).max() <= bound
    assert states.shape == (LAYERS + 1, 5, 2 * N, WIDTH)


def test_maps_start_uniform_on_an_interval_about_zero():
    """Of half-width 1 / √inputs: 1240 numbers, the mean and both ends to six deviations."""
    sizes = [(9, 64), (4, 100)]
    maps = list(training._linear_maps(jax.random.key(0), sizes, np.float64))
    for found, (inputs, outputs) in zip(maps, sizes, strict=True):
        numbers = np.concatenate([found.weight, found.bias[:, None]], axis=1) * inputs**0.5
        assert numbers.shape == (outputs, inputs + 1)
        assert abs(numbers.mean()) <= 6 / (3 * numbers.size) ** 0.5
        assert abs(numbers.min() + 1) + abs(numbers.max() - 1) <= 24 / numbers.size
        assert np.abs(numbers).max() <= 1


def test_predictions_see_only_what_came_before():
    network = model()
    prompts = problem()
    predictions = np.asarray(training.in_context_predictions(network, prompts))
    for k in range(N):
        labels = prompts.labels.copy()
        inputs = prompts.inputs.copy()
        labels[:, k:] = 9.0
        inputs[:, k + 1 :] = -9.0
        others = np.asarray(
            training.in_context_predictions(network, Prompts(inputs, labels, prompts.weights))
        )
        np.testing.assert_array_equal(others[:, : k + 1], predictions[:, : k + 1])
        assert np.all(others[:, k + 1 :] != predictions[:, k + 1 :])
    shorter = Prompts(prompts.inputs[:, :2], prompts.labels[:, :2], prompts.weights)
    short = training.in_context_predictions(network, shorter)
    np.testing.assert_allclose(short, predictions[:, :2], rtol=0, atol=LAYERS * 300 * ULP * 1000)


def test_runs_that_are_trained_together_are_those_trained_alone():
    keys = jax.random.split(jax.random.key(5), 2)
    noisy = dataclasses.replace(SMALL, noise_std=1.0)
    together = training.train_together(keys, [SMALL, noisy])
    for key, settings, model in zip(keys, [SMALL, noisy], together, strict=True):
        alone = training.train(key, settings, progress=False).model
        asked = problem(examples=3, dimension=1)
        own, other = (training.in_context_predictions(each, asked) for each in (alone, model))
        # Float32, another order of sums, fifty steps. Weights may differ where the loss is flat.
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-3)
    assert np.any(own != training.in_context_predictions(together[0], asked))
    with pytest.raises(ValueError, match="settings must be as many as the 2 keys"):
        training.train_together(keys, [SMALL])
    with pytest.raises(ValueError, match="settings must agree in all but noise_std"):
        training.train_together(keys, [SMALL, dataclasses.replace(SMALL, layers=2)])


class Interrupted(Exception):
    pass


def test_training_resumes_bit_for_bit_and_reads_what_is_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_STEPS_PER_CALL", 20)
    key = jax.random.key(3)
    calls = []
    whole = training.train(key, SMALL, progress=lambda done, total, _: calls.append((done, total)))
    assert calls == [(20, 50), (40, 50), (50, 50)]

    def interrupt(done, total, seconds):
        if done == 20:
            raise Interrupted

    with pytest.raises(Interrupted):
        training.train(key, SMALL, checkpoint=tmp_path, progress=interrupt)
    calls.clear()
    resumed = training.train(
        key, SMALL, checkpoint=tmp_path, progress=lambda done, total, _: calls.append(done)
    )
    assert calls == [40, 50]
    calls.clear()
    read = training.train(
        key, SMALL, checkpoint=tmp_path, progress=lambda done, total, _: calls.append(done)
    )
    assert calls == []
    for run in (resumed, read):
        np.testing.assert_array_equal(run.losses, whole.losses)
        for found, expected in zip(
            jax.tree.leaves(run.model), jax.tree.leaves(whole.model), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
    assert np.isfinite(whole.losses).all()
    # Another key, and another law, are other runs; they share the folder.
    for other_key, other in (
        (jax.random.key(4), SMALL),
        (key, dataclasses.replace(SMALL, noise_std=0.0)),
    ):
        assert np.all(
            training.train(other_key, other, checkpoint=tmp_path, progress=False).losses
            != whole.losses
        )
    assert len(list(tmp_path.iterdir())) == 3


def test_first_step_is_adam_on_the_batch_drawn_for_it(monkeypatch):
    monkeypatch.setattr(training, "_STEPS_PER_CALL", 20)
    settings = dataclasses.replace(SMALL, steps=3, warm_up=0.0, learning_rate=0.01)
    run = training.train(jax.random.key(0), settings, progress=False)
    start_key, data_key = jax.random.split(jax.random.key(0))
    sizes = {"dimension": 1, "examples": 3, "layers": 1, "width": 4, "heads": 1}
    start = eqx.filter_jit(training.Transformer)(start_key, **sizes)
    prompts = sample_prompts(
        jax.random.fold_in(data_key, 0), 8, 3, 1, noise_std=np.float32(0.5), dtype=jnp.float32
    )
    assert {leaf.dtype for leaf in jax.tree.leaves(run.model)} == {np.dtype(np.float32)}
    predictions = training.in_context_predictions(start, prompts)
    assert predictions.dtype == np.float64
    errors = predictions - np.asarray(prompts.labels, float)
    assert abs(run.losses[0] - np.mean(np.square(errors))) <= 1000 * 2.0**-24 * np.mean(
        np.square(errors)
    )
    # Adam's first step has length α in every entry with a gradient, and later ones at most about
    # that: 0.01 and the cosine's 3/4 and 1/4 of it. β = (0.9, 0.98) allow a later step to exceed
    # its α by (1 - β₁) / (1 - β₂)^½ at most.
    moves = [
        np.abs(after - before)
        for after, before in zip(*map(jax.tree.leaves, (run.model, start)), strict=True)
    ]
    largest = max(move.max() for move in moves)
    assert 0.005 < largest <= 0.01 * (1 + 0.75 + 0.25) * (1 + 1e-3)


def test_probes_read_what_stands_at_one_position():
    rng = np.random.default_rng(0)
    hidden, fresh = rng.standard_normal((2, 512, 6, 4))
    read = rng.standard_normal((4, 4))
    targets = {
        "linear": (hidden[:, 3] @ read, fresh[:, 3] @ read),
        "mlp": (np.abs(hidden[:, 3]), np.abs(fresh[:, 3])),
    }
    errors = {}
    for kind in ("linear", "mlp"):
        for task, (known, unknown) in targets.items():
            if kind == "mlp" and task == "linear":
                continue
            options = {"kind": kind, "probe_width": 16, "steps": 600, "learning_rate": 0.02}
            run = probes.train_probe(jax.random.key(0), hidden, known, **options)
            assert len(run.probe.head.layers) == {"linear": 1, "mlp": 2}[kind]
            errors[kind, task] = np.mean(probes.probe_errors(run.probe, fresh, unknown)) / np.var(
                unknown
            )
            assert np.argmax(run.probe.attention()) == 3
            assert abs(np.sum(run.probe.attention()) - 1) <= 10 * ULP
            assert np.mean(run.losses[-50:]) < np.mean(run.losses[:50])
    # A linear probe explains what is linear and nothing of |h|; the other explains a good part of
    # that.
    assert errors["linear", "linear"] < 0.01
    assert errors["linear", "mlp"] > 0.9
    assert errors["mlp", "mlp"] < 0.5


def test_probe_targets_are_the_sums_and_solutions_of_the_prefix():
    prompts = problem()
    for prefix in (1, N):
        rows = prompts.inputs[:, :prefix]
        labels = prompts.labels[:, :prefix]
        moments = probes.moment_targets(prompts, prefix)
        np.testing.assert_allclose(
            moments, np.einsum("cnd,cn->cd", rows, labels), rtol=0, atol=100 * N * ULP
        )
        solutions = np.asarray(probes.ols_targets(prompts, prefix))
        for index in range(len(rows)):
            expected = np.linalg.lstsq(rows[index], labels[index], rcond=None)[0]
            values = np.linalg.svd(rows[index], compute_uv=False)
            bound = 20 * N * D * ULP * (values[0] / values[-1]) ** 2 * 10
            assert np.abs(solutions[index] - expected).max() <= bound
