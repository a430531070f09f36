"""Distances between learners by their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sims.in_context_learning as observed

ULP = 2.0**-53
COUNT, N, D, TESTS = 6, 5, 3, 7
RULES = [observed.gradient_step(0.1), observed.sgd(0.05), observed.nearest_neighbours(2, weighted=True)]
few = settings(max_examples=10, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def problem(seed):
    rng = np.random.default_rng(seed)
    inputs, weights = rng.standard_normal((COUNT, N, D)), rng.standard_normal((COUNT, D))
    labels = np.einsum("cnd,cd->cn", inputs, weights) + 0.5 * rng.standard_normal((COUNT, N))
    return observed.Prompts(inputs, labels, weights)


def predictor(index):
    return lambda prompts: observed.predict_all(prompts, RULES)[index]


@given(seed=seeds)
@few
def test_the_implicit_weights_of_a_linear_rule_are_its_own(seed):
    prompts, rng = problem(seed), np.random.default_rng(seed)
    queries = rng.standard_normal((TESTS, D))
    fit = observed.implicit_fit(predictor(0), prompts, N - 2, queries)
    weights = np.asarray(observed.weights_all(prompts, RULES[:2]))[0, :, N - 2]
    condition = np.linalg.cond(queries)
    # Answers are rounded by 50 N D ULP times their size, and an SVD adds about as much.
    bound = 100 * N * D * ULP * condition * np.linalg.norm(queries) * np.linalg.norm(weights, axis=1)
    assert np.all(np.abs(fit.weights - weights).max(axis=1) <= bound)
    assert np.all(np.abs(fit.r_squared - 1) <= 4 * TESTS * ULP)
    kinked = observed.implicit_fit(predictor(2), prompts, N - 2, queries)
    answers = np.asarray(observed.answer_queries(predictor(2), prompts, N - 2, queries))
    fitted, missed, _, _ = np.linalg.lstsq(queries, answers.T)
    slack = 100 * TESTS * D * ULP * condition**2 * np.linalg.norm(answers, axis=1)
    assert np.all(np.abs(kinked.weights - fitted.T).max(axis=1) <= slack)
    assert np.all(np.abs(1 - kinked.r_squared - missed / np.sum(answers**2, axis=1)) <= 100 * TESTS * ULP * condition)
    silent = observed.implicit_fit(lambda prompts: 0 * prompts.labels, prompts, N - 2, queries)
    np.testing.assert_array_equal(silent.r_squared, 1)


@pytest.mark.parametrize("prefix", [0, N])
def test_every_prefix_can_be_asked(prefix):
    prompts, shown = problem(0), []
    observed.answer_queries(lambda prompts: shown.append(prompts) or prompts.labels, prompts, prefix, np.eye(D))
    assert shown[0].inputs.shape == (COUNT * D, prefix + 1, D)
    np.testing.assert_array_equal(shown[0].inputs[:, :prefix], np.repeat(prompts.inputs[:, :prefix], D, axis=0))
    np.testing.assert_array_equal(shown[0].labels[:, :prefix], np.repeat(prompts.labels[:, :prefix], D, axis=0))
    np.testing.assert_array_equal(shown[0].inputs[:, prefix], np.tile(np.eye(D), (COUNT, 1)))
    np.testing.assert_array_equal(shown[0].weights, np.repeat(prompts.weights, D, axis=0))
