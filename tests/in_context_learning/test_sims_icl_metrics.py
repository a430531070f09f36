"""SPD, ILWD, implicit weights and Gram eigenvalues, against their definitions in NumPy."""

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
def test_spd_and_excess_are_paired_means_with_their_standard_errors(seed):
    rng = np.random.default_rng(seed)
    first, second, labels = rng.standard_normal((3, COUNT, N))
    pairs = {
        "spd": (observed.squared_prediction_difference(first, second), (first - second) ** 2),
        "excess": (observed.excess_error(first, second, labels), (first - labels) ** 2 - (second - labels) ** 2),
    }
    for found, samples in pairs.values():
        bound = 10 * COUNT * ULP * 100  # of squares of numbers below ten
        assert np.abs(found.mean - samples.mean(axis=0)).max() <= bound
        expected = samples.std(axis=0, ddof=1) / COUNT**0.5
        assert np.all(np.abs(found.standard_error - expected) <= 10 * COUNT * ULP * 100 * (1 + 100 / expected))
    swapped = observed.squared_prediction_difference(second, first)
    np.testing.assert_array_equal(swapped.mean, pairs["spd"][0].mean)
    assert not np.asarray(observed.squared_prediction_difference(first, first).mean).any()


@given(seed=seeds)
@few
def test_queries_are_answered_after_the_prefix_shown(seed):
    prompts, rng = problem(seed), np.random.default_rng(seed)
    queries = rng.standard_normal((TESTS, D))
    weights = np.asarray(observed.weights_all(prompts, RULES[:2]))
    for index in range(2):
        answers = observed.answer_queries(predictor(index), prompts, N - 2, queries)
        bound = 50 * N * D * ULP * 10 * np.abs(weights).max()  # the same program but for the number of prompts
        assert np.abs(answers - weights[index, :, N - 2] @ queries.T).max() <= bound
    queries[0] = prompts.inputs[0, N - 2]
    after = observed.answer_queries(predictor(2), prompts, N - 2, queries)
    np.testing.assert_allclose(after[0, 0], predictor(2)(prompts)[0, N - 2], rtol=30 * D * ULP)


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


@given(seed=seeds)
@few
def test_ilwd_is_spd_on_standard_normal_queries(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((2, COUNT, N, D))
    found = observed.ilwd(first, second)
    samples = np.sum((first - second) ** 2, axis=-1)
    assert np.abs(found.mean - samples.mean(axis=0)).max() <= 10 * COUNT * D * ULP * 100
    # E (vᵀx)² over x ~ N(0, I) by three-node Gauss-Hermite quadrature in each coordinate, exact for degree 5.
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    grid = np.stack(np.meshgrid(*[nodes] * D), axis=-1).reshape(-1, D)
    probabilities = np.prod(np.meshgrid(*[weights / weights.sum()] * D), axis=0).ravel()
    spd = sum(
        probability * np.asarray(observed.squared_prediction_difference(first @ query, second @ query).mean)
        for query, probability in zip(grid, probabilities, strict=True)
    )
    assert np.abs(found.mean - spd).max() <= 27 * 20 * D * COUNT * ULP * 100


@given(seed=seeds)
@few
def test_risk_given_the_inputs_splits_into_that_of_bayes_and_the_distance_to_it(seed):
    noise, prior = 0.3, 2.25
    inputs = problem(seed).inputs
    rules = [observed.ridge(noise / prior), observed.ridge(2.0), *RULES]
    bayes, *others = np.asarray(observed.label_weights(inputs, rules))
    for shares in others:
        for prompt in range(COUNT):
            for k in range(1, N):
                rows, query = inputs[prompt, :k], inputs[prompt, k]
                law = prior * rows @ rows.T + noise * np.eye(k)
                risks = [
                    prior * np.sum((rows.T @ a[prompt, k, :k] - query) ** 2) + noise * np.sum(a[prompt, k, :k] ** 2)
                    for a in (shares, bayes)
                ]
                apart = (shares - bayes)[prompt, k, :k]
                # Ridge has a condition number below |X|²/λ here; its error enters twice.
                bound = 100 * N * D * ULP * (1 + np.sum(rows**2) * prior / noise) * (1 + risks[0])
                assert abs(risks[0] - risks[1] - apart @ law @ apart) <= bound


@pytest.mark.parametrize("examples", [2, 3, 5])
def test_gram_eigenvalues_are_the_squared_singular_values(examples):
    inputs = np.random.default_rng(examples).standard_normal((COUNT, examples, D))
    values = np.linalg.svd(inputs, compute_uv=False)[:, ::-1] ** 2
    found = np.asarray(observed.gram_eigenvalues(inputs))
    assert found.shape == (COUNT, min(examples, D))
    assert np.all(np.abs(found - values) <= 10 * examples * D * ULP * values[:, -1:])


def test_hostile_input_is_refused():
    prompts, queries = problem(0), np.eye(D)
    with pytest.raises(ValueError, match="test_inputs must be at least as many as the 3 dimensions, got 2"):
        observed.implicit_fit(predictor(0), prompts, 2, queries[:2])
    with pytest.raises(ValueError, match=f"prefix must be at most the 5 examples, got {N + 1}"):
        observed.answer_queries(predictor(0), prompts, N + 1, queries)
    with pytest.raises(ValueError, match="first must have at least two rows"):
        observed.squared_prediction_difference(np.zeros((1, 3)), np.zeros((1, 3)))
