"""Linear attention by its definition: predictions, the expected loss, training."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sims.in_context_learning as observed

ULP = 2.0**-53
D, N, LAYERS = 3, 5, 3
few = settings(max_examples=10, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def problem(seed):
    rng = np.random.default_rng(seed)
    inputs, weights = rng.standard_normal((N, D)), rng.standard_normal(D)
    return inputs, inputs @ weights + rng.standard_normal(N), rng.standard_normal((2, D)), rng


@given(seed=seeds)
@few
def test_zhang_prediction_is_that_of_its_definition(seed):
    inputs, labels, queries, rng = problem(seed)
    value_projection, key_query = rng.standard_normal((2, D + 1, D + 1))
    embedding = np.vstack([np.column_stack([inputs, labels]), np.append(queries[0], 0)]).T
    output = embedding + value_projection @ embedding @ (embedding.T @ key_query @ embedding) / N
    found = observed.attention_prediction(value_projection, key_query, inputs, labels, queries[0])
    scale = np.abs(value_projection[-1]) @ np.abs(embedding) @ np.abs(embedding).T @ np.abs(key_query)
    bound = 20 * N * D * ULP * scale @ np.abs(embedding[:, -1])
    assert abs(found - output[-1, -1]) <= bound
    last = np.zeros((D + 1, D + 1))
    last[-1, -1] = 0.7
    block = np.pad(key_query[:D, :D], (0, 1))
    linear = queries[0] @ np.asarray(observed.effective_map(last, block)) @ (inputs.T @ labels) / N
    assert abs(observed.attention_prediction(last, block, inputs, labels, queries[0]) - linear) <= bound
    scaled = observed.attention_prediction(last, block, 2 * inputs, 2 * labels, 2 * queries[0])
    assert float(scaled) == 8 * float(observed.attention_prediction(last, block, inputs, labels, queries[0]))


def expectation(function, variables):
    """E f(z) for z ~ N(0, I) by four-node tensor Gauss-Hermite quadrature, exact up to degree 7 in each variable."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    points = np.array(list(itertools.product(nodes, repeat=variables)))
    probabilities = np.prod(np.array(list(itertools.product(weights / weights.sum(), repeat=variables))), axis=1)
    return probabilities @ np.asarray(jax.jit(jax.vmap(function))(points)), len(points)


@pytest.mark.parametrize(("dimension", "context"), [(1, 3), (2, 1)])
def test_expected_loss_is_the_quadrature_over_whole_prompts(dimension, context):
    rng = np.random.default_rng(context)
    root = rng.standard_normal((dimension, dimension))
    weights = observed.FullWeights(*rng.standard_normal((2, dimension + 1, dimension + 1)))
    sizes = (context + 2) * dimension

    def squared_error(normals):
        *inputs, query, slope = normals.reshape(context + 2, dimension)
        inputs, query = jax.numpy.stack(inputs) @ root.T, query @ root.T
        prediction = observed.attention_prediction(*weights, inputs, inputs @ slope, query)
        return (prediction - query @ slope) ** 2 / 2

    expected, nodes = expectation(squared_error, sizes)
    loss = observed.full_loss(root @ root.T, context)
    # Products of eight numbers, summed over the nodes; the roots of Λ differ by a rotation, which changes no moment.
    assert abs(loss(weights) - expected) <= 100 * nodes * ULP * expected
    # Nothing but the last row of W_PV and the first d columns of W_KQ has a gradient.
    slope = jax.grad(loss)(weights)
    assert not np.asarray(slope.value_projection[:-1]).any()
    assert not np.asarray(slope.key_query[:, -1]).any()
    assert np.asarray(slope.value_projection[-1]).all()
    assert np.asarray(slope.key_query[:, :-1]).all()
    reduced = observed.ReducedWeights(weights.value_projection[-1, -1], weights.key_query[:-1, :-1])
    last = np.zeros((dimension + 1, dimension + 1))
    last[-1, -1] = reduced.value
    embedded = observed.FullWeights(last, np.pad(reduced.key_query, (0, 1)))
    small = observed.reduced_loss(root @ root.T, context)
    assert abs(small(reduced) - loss(embedded)) <= 100 * ULP * abs(loss(embedded))


def test_training_reaches_the_minimum_and_leaves_alone_what_does_not_act():
    options = {"dimension": 2, "context": 4, "steps": 800, "batch": 128, "input_covariance": np.diag([0.6, 1.4])}
    run = observed.train_linear_attention(jax.random.key(0), 2, **options)
    small = observed.reduced_loss(options["input_covariance"], 4)
    best = small.constant - small.linear @ np.linalg.solve(small.quadratic, small.linear) / 2
    full = observed.full_loss(options["input_covariance"], 4)
    for index in range(2):
        trained = observed.FullWeights(*(np.asarray(part[index], float) for part in run[:2]))
        start = float(np.mean(run.losses[index, :10])) / 2
        assert 0 <= full(trained) - best <= (start - best) / 50
        # N(0, 0.02²) as they started: six deviations.
        assert 0 < np.abs(trained.value_projection[:-1]).max() <= 0.12
        assert 0 < np.abs(trained.key_query[:, -1]).max() <= 0.12
    assert np.abs(run.key_query[0] - run.key_query[1]).min() > 0


@pytest.mark.parametrize(("start", "deviation"), [("positive", 0.02), ("random", 0.3)])
def test_training_starts_where_it_says(start, deviation):
    """One step of next to no length shows it; 40 starts of 2 (d + 1)² entries each, six deviations of their moments."""
    options = {"dimension": 4, "context": 3, "steps": 1, "batch": 1, "learning_rate": 1e-12, "start": start}
    run = observed.train_linear_attention(jax.random.key(0), 40, **options)
    centre = np.zeros((2, 5, 5))
    if start == "positive":
        centre[0, -1, -1] = 0.5
        centre[1, :4, :4] = np.eye(4) / 4
    noise = np.stack([run.value_projection, run.key_query], axis=1) - centre
    assert abs(noise.mean()) <= 6 * deviation / noise.size**0.5
    assert abs(noise.std() / deviation - 1) <= 6 / (2 * noise.size) ** 0.5
    assert np.abs(noise[:, 0] - noise[:, 1]).min() > 0
