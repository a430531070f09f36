"""Linear self-attention: constructions against descent in NumPy, the expected loss, its flow, and training."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

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
def test_von_oswald_layers_are_steps_of_descent(seed):
    inputs, labels, queries, rng = problem(seed)
    start, step = rng.standard_normal(D), 0.3
    layers = observed.descent_layers(start, step, LAYERS, N)
    tokens = observed.joined_tokens(inputs, labels, queries, -queries @ start)
    found = np.asarray(observed.attend(layers, tokens, N))
    weights = start.copy()
    for _ in range(LAYERS):
        weights = weights - step / N * inputs.T @ (inputs @ weights - labels)
    # A layer enlarges what stands there, and its rounding errors, by at most 1 + η |X|² / N.
    growth = (1 + step / N * np.sum(inputs**2)) ** LAYERS
    bound = 20 * N * D * LAYERS * ULP * growth * (1 + np.abs(tokens).max()) ** 2
    assert np.abs(found[:, :D] - tokens[:, :D]).max() == 0
    assert np.abs(found[N:, D] + queries @ weights).max() <= bound
    assert np.abs(found[:N, D] - (labels - inputs @ (weights - start))).max() <= bound
    with_query = np.asarray(observed.attend(layers, tokens, N + 1))
    assert np.abs(with_query[N:, D] + queries @ weights).max() > bound


@given(seed=seeds)
@few
def test_contracting_layers_are_descent_on_contracted_inputs(seed):
    inputs, labels, queries, rng = problem(seed)
    steps, contractions = rng.uniform(0.1, 1, LAYERS), rng.uniform(0, 0.1, LAYERS)
    layers = observed.contracting_layers(steps, contractions, D, N)
    tokens = observed.joined_tokens(inputs, labels, queries, np.zeros(2))
    found = np.asarray(observed.attend(layers, tokens, N))
    moved, residuals, asked, answers, growth = inputs, labels, queries, np.zeros(2), 1.0
    for step, contraction in zip(steps, contractions, strict=True):
        gram, slope = moved.T @ moved, moved.T @ residuals
        residuals, answers = residuals - step / N * moved @ slope, answers - step / N * asked @ slope
        growth *= 1 + (contraction + step / N) * np.trace(gram)
        moved, asked = moved - contraction * moved @ gram, asked - contraction * asked @ gram
    # The update is cubic: errors grow three times as fast as what they are errors of.
    bound = 20 * N * D * LAYERS * ULP * growth**3 * (1 + np.abs(tokens).max()) ** 3
    expected = np.column_stack([np.vstack([moved, asked]), np.append(residuals, answers)])
    assert np.abs(found - expected).max() <= bound


@given(seed=seeds)
@few
def test_ahn_layers_are_steps_preconditioned_by_the_transpose(seed):
    inputs, labels, queries, rng = problem(seed)
    matrices = 0.3 * rng.standard_normal((LAYERS, D, D))
    projections = np.zeros((LAYERS, D + 1, D + 1))
    projections[:, -1, -1] = 1
    forms = -np.pad(matrices, ((0, 0), (0, 1), (0, 1)))
    predict = observed.preconditioned_prediction

    def descend(preconditioners):
        weights, growth = np.zeros(D), 1.0
        for matrix in preconditioners:
            weights = weights - matrix @ inputs.T @ (inputs @ weights - labels) / N
            growth *= 1 + np.linalg.norm(matrix) * np.sum(inputs**2) / N
        return queries[0] @ weights, 20 * N * D * LAYERS * ULP * growth * (1 + np.abs(labels).max()) * 10

    found = float(predict(projections, forms, inputs, labels, queries[0]))
    expected, bound = descend(np.swapaxes(matrices, 1, 2))
    assert abs(found - expected) <= bound
    assert abs(found - descend(matrices)[0]) > bound
    assert float(predict(4 * projections, forms / 4, inputs, labels, queries[0])) == found
    # Linear in the labels, and in the query.
    assert float(predict(projections, forms, inputs, -8 * labels, queries[0])) == -8 * found
    assert abs(float(predict(projections, forms, inputs, labels, 3 * queries[0])) - 3 * found) <= 3 * bound


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


def test_flow_follows_the_gradient_and_ends_where_it_vanishes():
    covariance = np.array([[1.2, 0.3], [0.3, 0.7]])
    factor = np.array([[1.0, 0.2], [0.1, 0.7]])
    factor /= np.linalg.norm(factor @ factor.T) ** 0.5
    start = observed.balanced_start(0.5, factor)
    loss = observed.full_loss(covariance, 3)
    times = np.array([0.5, 2.0, 60.0])
    flow = observed.gradient_flow(loss, start, times)
    slope = jax.jit(jax.grad(loss))

    def right_hand_side(_, flat):
        return -np.concatenate([np.ravel(part) for part in slope(observed.FullWeights(*flat.reshape(2, 3, 3)))])

    flat_start = np.concatenate([np.ravel(part) for part in start])
    reference = solve_ivp(right_hand_side, (0, 2), flat_start, "DOP853", times[:2], rtol=1e-12, atol=1e-12)
    # Either solver keeps the error of a step below 1e-12; there are fewer than a hundred, and the flow contracts.
    for index in range(2):
        found = np.concatenate([np.ravel(part[index]) for part in flow])
        assert np.abs(found - reference.y[:, index]).max() <= 2 * 100 * 1e-12
    value, block = np.asarray(flow.value_projection[:, -1, -1]), np.asarray(flow.key_query[:, :-1, :-1])
    assert np.abs(value**2 - np.sum(block**2, axis=(1, 2))).max() <= 1e-9
    outside = np.abs(flow.key_query).sum() - np.abs(block).sum() + np.abs(flow.value_projection).sum() - value.sum()
    assert outside <= 1e-9
    losses = [float(loss(observed.FullWeights(*(part[index] for part in flow)))) for index in range(3)]
    assert losses[0] > losses[1] > losses[2]
    # The quadratic form has its minimum where M θ = m on the block; the flow has found it.
    small = observed.reduced_loss(covariance, 3)
    best = small.constant - small.linear @ np.linalg.solve(small.quadratic, small.linear) / 2
    assert abs(losses[2] - best) <= 1e-9
    reduced = observed.ReducedWeights(value[1], block[1])
    entries = slope(observed.FullWeights(*(part[1] for part in flow)))
    bound = (
        1000 * ULP * np.abs(small.quadratic).max() * np.abs(reduced.product()).max() * (value[1] + np.abs(block).max())
    )
    of_reduced = jax.grad(small)(reduced)
    assert abs(of_reduced.value - entries.value_projection[-1, -1]) <= bound
    assert np.abs(of_reduced.key_query - entries.key_query[:-1, :-1]).max() <= bound


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


def test_hostile_input_is_refused():
    tokens = np.zeros((4, 3))
    layers = observed.descent_layers(np.zeros(2), 0.1, 1, 3)
    with pytest.raises(ValueError, match="context must be at most the 4 tokens, got 5"):
        observed.attend(layers, tokens, 5)
    with pytest.raises(ValueError, match="contractions must have one entry for each of the 2 layers, got 3"):
        observed.contracting_layers(np.ones(2), np.ones(3), 2, 3)
    with pytest.raises(ValueError, match="input_covariance must have at most 3 dimensions, got 4"):
        observed.full_loss(np.eye(4), 2)
    with pytest.raises(ValueError, match="factor must have a norm of 1"):
        observed.balanced_start(0.5, np.eye(2))
    with jax.enable_x64(False), pytest.raises(TypeError, match="the expected loss needs float64"):
        observed.full_loss(np.eye(1), 2)
    with pytest.raises(ValueError, match="input_covariance must have shape"):
        observed.train_linear_attention(jax.random.key(0), 1, dimension=2, context=3, input_covariance=np.eye(3))
