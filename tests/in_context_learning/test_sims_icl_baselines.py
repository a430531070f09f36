"""Prompts by the moments of their law, textbook learners where examples coincide, and questions to
a learner.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sims.in_context_learning import baselines
from sims.in_context_learning.prompts import Prompts, sample_prompts

COUNT = 2
N = 8
D = 3


def problem(seed):
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((COUNT, N, D))
    weights = rng.standard_normal((COUNT, D))
    labels = np.einsum("cnd,cd->cn", inputs, weights) + 0.5 * rng.standard_normal((COUNT, N))
    return Prompts(inputs, labels, weights)


def test_a_neighbour_at_distance_zero_gives_its_label():
    prompts = problem(0)
    prompts.inputs[0, :5] = [[1.0, 0, 0], [2, 0, 0], [1, 0, 0], [1, 0, 0], [5, 5, 0]]
    prompts.labels[0, :5] = [7.0, 1, 4, 0, 0]
    rules = [baselines.nearest_neighbours(3), baselines.nearest_neighbours(3, weighted=True)]
    three = np.asarray(baselines.predict_all(prompts, rules))[:, 0, :5]
    np.testing.assert_array_equal(three[1, :4], [0, 7, 7, 5.5])
    # Of examples at one distance the first is the nearest; fewer than three are all taken.
    np.testing.assert_array_equal(three[0], [0, 7, 4, 4, (1 + 7 + 4) / 3])
    one = baselines.predict_all(prompts, [baselines.nearest_neighbours(1)])
    np.testing.assert_array_equal(one[0, 0, :4], [0, 7, 7, 7])


def test_a_learner_that_answers_squares_is_linear_in_part():
    X = np.array([[1.0, 2.0, -4.0]]).T
    W = np.ones((1, 1))
    prompts = Prompts(np.ones((1, 1, 1)), np.ones((1, 1)), W)
    fit = baselines.implicit_fit(lambda asked: asked.inputs[..., 0] ** 2, prompts, 0, X)
    # ŵ = Σ x³ / Σ x² = -55 / 21, and R² = (Σ x³)² / (Σ x² Σ x⁴).
    assert [float(part.item()) for part in fit] == pytest.approx(
        [-55 / 21, 55**2 / (21 * 273)], rel=1e-12, abs=0
    )


def test_prompts_are_drawn_with_the_moments_asked_for():
    inputs_covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    weight_covariance = np.array([[1.0, -0.4], [-0.4, 0.5]])
    numbers = {"noise_std": 0.3, "weight_std": 2.0, "weight_mean": 1.5, "input_scale": 3.0}
    covariances = {"input_covariance": inputs_covariance, "weight_covariance": weight_covariance}
    draw = jax.jit(sample_prompts, static_argnums=(1, 2, 3))
    prompts = draw(jax.random.key(0), 40_000, 1, 2, **numbers, **covariances)
    inputs = np.asarray(prompts.inputs[:, 0])
    weights = np.asarray(prompts.weights)
    noise = np.asarray(prompts.labels[:, 0]) - np.sum(inputs * weights, axis=1)
    # A sample covariance of n normal numbers has a standard deviation below (2/n)^½ times the
    # variances; six of them.
    slack = 6 * (2 / 40_000) ** 0.5
    assert np.abs(np.cov(inputs.T) - 9 * inputs_covariance).max() <= slack * 18
    assert np.abs(np.cov(weights.T) - 4 * weight_covariance).max() <= slack * 4
    assert np.abs(weights.mean(axis=0) - 1.5).max() <= 6 * (4 / 40_000) ** 0.5
    assert abs(np.var(noise) - 0.09) <= slack * 0.09
    assert abs(np.mean(noise)) <= 6 * (0.09 / 40_000) ** 0.5
    degenerate = {"weight_std": 0.0, "input_covariance": np.diag([1.0, 0.0])}
    prompts = draw(jax.random.key(0), 40_000, 1, 2, **{**numbers, **covariances, **degenerate})
    np.testing.assert_array_equal(prompts.weights, 1.5)
    np.testing.assert_array_equal(prompts.inputs[..., 1], 0)
    single = sample_prompts(jax.random.key(0), 3, 2, 2, dtype=jnp.float32)
    assert {part.dtype for part in single} == {np.dtype(np.float32)}


@pytest.mark.parametrize("prefix", [0, N])
def test_every_prefix_can_be_asked(prefix):
    prompts = problem(0)
    calls = []
    baselines.answer_queries(
        lambda prompts: calls.append(prompts) or prompts.labels, prompts, prefix, np.eye(D)
    )
    assert calls[0].inputs.shape == (COUNT * D, prefix + 1, D)
    np.testing.assert_array_equal(
        calls[0].inputs[:, :prefix], np.repeat(prompts.inputs[:, :prefix], D, axis=0)
    )
    np.testing.assert_array_equal(
        calls[0].labels[:, :prefix], np.repeat(prompts.labels[:, :prefix], D, axis=0)
    )
    np.testing.assert_array_equal(calls[0].inputs[:, prefix], np.tile(np.eye(D), (COUNT, 1)))
    np.testing.assert_array_equal(calls[0].weights, np.repeat(prompts.weights, D, axis=0))
