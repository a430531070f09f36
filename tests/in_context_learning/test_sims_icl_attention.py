"""Training of linear attention: where it starts, and where it ends."""

import jax
import numpy as np
import pytest

from sims.in_context_learning import attention_layers, attention_training


def test_training_reaches_the_minimum_and_leaves_alone_what_does_not_act():
    options = {
        "dimension": 2,
        "context": 4,
        "steps": 800,
        "batch": 128,
        "input_covariance": np.diag([0.6, 1.4]),
    }
    run = attention_training.train_linear_attention(jax.random.key(0), 2, **options)
    small = attention_training.reduced_loss(options["input_covariance"], 4)
    best = small.constant - small.linear @ np.linalg.solve(small.quadratic, small.linear) / 2
    full = attention_training.full_loss(options["input_covariance"], 4)
    for index in range(2):
        weights = attention_training.FullWeights(
            *(np.asarray(part[index], float) for part in run[:2])
        )
        start = float(np.mean(run.losses[index, :10])) / 2
        assert 0 <= full(weights) - best <= (start - best) / 50
        assert start < 1  # E (wᵀx)² / 2, the loss of zero
        # N(0, 0.02²) as they started: six deviations.
        assert 0 < np.abs(weights.value_projection[:-1]).max() <= 0.12
        assert 0 < np.abs(weights.key_query[:, -1]).max() <= 0.12
    assert np.abs(run.key_query[0] - run.key_query[1]).min() > 0


def test_the_effective_map_predicts_as_its_layer():
    inputs, labels, block = np.random.default_rng(0).standard_normal((3, 5, 5))
    value = np.diag([0.0] * 5 + [-2.0])
    key_query = np.pad(block, (0, 1))
    layer = attention_layers.attention_prediction(
        value, key_query, inputs[:-1], labels[0, :-1], inputs[-1]
    )
    mapped = (
        inputs[-1]
        @ attention_training.effective_map(value[None], key_query[None])[0]
        @ (labels[0, :-1] @ inputs[:-1] / 4)
    )
    assert float(layer) == pytest.approx(float(mapped), rel=1e-12, abs=0)


@pytest.mark.parametrize(("start", "deviation"), [("positive", 0.02), ("random", 0.3)])
def test_training_starts_where_it_says(start, deviation):
    """One step of next to no length shows it; 40 starts of 2 (d + 1)² entries each, six deviations
    of their moments.
    """
    options = {
        "dimension": 4,
        "context": 3,
        "steps": 1,
        "batch": 1,
        "learning_rate": 1e-12,
        "start": start,
    }
    run = attention_training.train_linear_attention(jax.random.key(0), 40, **options)
    centre = np.zeros((2, 5, 5))
    if start == "positive":
        centre[0, -1, -1] = 0.5
        centre[1, :4, :4] = np.eye(4) / 4
    noise = np.stack([run.value_projection, run.key_query], axis=1) - centre
    assert abs(noise.mean()) <= 6 * deviation / noise.size**0.5
    assert abs(noise.std() / deviation - 1) <= 6 / (2 * noise.size) ** 0.5
    assert np.abs(noise[:, 0] - noise[:, 1]).min() > 0
