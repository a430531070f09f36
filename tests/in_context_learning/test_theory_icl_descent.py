"""Stacks of linear attention, run token by token, against the descent that they are said to be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icl_theory_by_hand import general, prompt, rounding, seeds

from theory import in_context_learning as predicted

dimensions = st.integers(1, 4)
example_counts = st.integers(1, 8)
layer_counts = st.integers(1, 4)


def ahn_prediction(X, Y, query, maps):
    """Z <- Z + P Z M (Z^T Q Z) / n layer by layer; the answer stands, negative, in the last row of the query."""
    n, d = X.shape
    tokens = np.vstack([np.vstack([X, query]).T, np.append(Y, 0)])
    mask = np.diag(np.append(np.ones(n), 0.0))
    value = np.zeros((d + 1, d + 1))
    value[d, d] = 1
    for one in maps:
        key_query = np.zeros((d + 1, d + 1))
        key_query[:d, :d] = -one
        tokens = tokens + value @ tokens @ mask @ (tokens.T @ key_query @ tokens) / n
    return -tokens[d, n]


def oswald_prediction(X, Y, query, start, steps, contractions):
    """Tokens (x, y) and the query (x_q, -w_0^T x_q), with keys and values from the context only.

    Values are (-g x, h (w_0^T x - y)), h = eta / N; without the contractions g it is Proposition 1, and with them GD++.
    """
    n, d = X.shape
    tokens = np.vstack([np.vstack([X, query]).T, np.append(Y, -start @ query)])
    select_inputs = np.diag(np.append(np.ones(d), 0.0))
    for eta, gamma in zip(steps, contractions, strict=True):
        value = -gamma * select_inputs
        value[d] = eta / n * np.append(start, -1.0)
        context = tokens[:, :n]
        tokens = tokens + value @ context @ (select_inputs @ context).T @ (select_inputs @ tokens)
    return -tokens[d, n]


@general
@given(seeds, dimensions, example_counts, layer_counts)
def test_preconditioned_layers(seed, d, n, layers):
    X, Y, query = prompt(seed, d, n)
    maps = np.random.default_rng(seed + 1).standard_normal((layers, d, d)) / 4
    weights = predicted.preconditioned_descent_weights(X, Y, maps)
    growth = np.prod([1 + np.linalg.norm(A) * np.sum(X**2) / n for A in maps])
    size = growth * np.linalg.norm(Y) * np.linalg.norm(query) * (1 + np.linalg.norm(X)) * (1 + np.abs(maps).max())
    assert weights @ query == pytest.approx(ahn_prediction(X, Y, query, maps), abs=rounding(8 * layers * n, size))


@general
@given(seeds, dimensions, example_counts, layer_counts, st.floats(0.01, 0.5))
def test_plain_layers_from_any_start(seed, d, n, layers, step):
    X, Y, query = prompt(seed, d, n)
    start = np.random.default_rng(seed + 1).standard_normal(d)
    weights = predicted.descent_weights(X, Y, step, layers, start)
    direct = oswald_prediction(X, Y, query, start, [step] * layers, [0.0] * layers)
    growth = (1 + step * np.sum(X**2) / n) ** layers
    size = growth * (np.linalg.norm(Y) + np.linalg.norm(start)) * np.linalg.norm(query) * (1 + np.linalg.norm(X))
    assert weights @ query == pytest.approx(direct, abs=rounding(8 * layers * n, size))
    # Means over examples here, sums (and a factor two) in the steps of the first paper.
    one = predicted.descent_weights(X, Y, step, 1, start)
    batch = predicted.gradient_step_weights(X, Y, step / (2 * n), 0.0, start)
    assert one == pytest.approx(batch, abs=rounding(8 * n, size))
    assert predicted.descent_weights(X, Y, step) == pytest.approx(step / n * X.T @ Y, abs=rounding(8 * n, size))


@general
@given(seeds, dimensions, example_counts, st.lists(st.tuples(st.floats(-1, 1), st.floats(-0.2, 0.2)), max_size=4))
def test_residual_polynomial(seed, d, n, scalars):
    X, _, query = prompt(seed, d, n)
    w = np.random.default_rng(seed + 1).standard_normal(d)
    X = X / np.sqrt(n)
    steps, contractions = [eta for eta, _ in scalars], [gamma for _, gamma in scalars]
    values, basis = np.linalg.eigh(X.T @ X)
    values = np.maximum(values, 0)
    residual = predicted.residual_polynomial(values, steps, contractions, n)
    direct = oswald_prediction(X, X @ w, query, np.zeros(d), steps, contractions)
    # Each layer at most multiplies by 1 + |eta| mu a^2, a by 1 + |gamma| mu a^2.
    growth, contraction = 1.0, 1.0
    for eta, gamma in scalars:
        contracted = np.sum(X**2) * contraction**2
        growth *= 1 + abs(eta) * contracted
        contraction *= 1 + abs(gamma) * contracted
    size = growth**2 * contraction**3 * np.linalg.norm(w) * np.linalg.norm(query) * (1 + np.sum(X**2)) ** 2
    found = w @ basis @ ((1 - residual) * (basis.T @ query))
    assert found == pytest.approx(direct, abs=rounding(16 * (1 + len(scalars)) * d * n, size))


def test_loss_of_gdpp_is_that_of_its_predictions():
    steps, contractions, n, d = (0.8, 2.0), (0.1, 0.3), 5, 3
    rng = np.random.default_rng(5)
    tasks = rng.uniform(-1, 1, (4, n, d))
    losses = []
    for X in tasks:
        # The error is bilinear in the weights and the query, so unit vectors give all of it.
        errors = [
            [w @ q - oswald_prediction(X, X @ w, q, np.zeros(d), steps, contractions) for q in np.eye(d)]
            for w in np.eye(d)
        ]
        losses.append(np.sum(np.square(errors)))
    spectra = np.linalg.eigvalsh(tasks.transpose(0, 2, 1) @ tasks)
    tolerance = rounding(64, 1)
    assert predicted.gdpp_loss(spectra, steps, contractions, n) == pytest.approx(np.mean(losses) / 3, rel=tolerance)
    in_units = predicted.gdpp_loss(spectra, steps, contractions, n, 2.0)
    assert in_units == pytest.approx(2 * np.mean(losses), rel=tolerance)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6).map(np.array), st.floats(-1, 1), st.floats(-1, 1))
@general
def test_one_layer_and_plain_descent(values, eta, gamma):
    once = predicted.residual_polynomial(values, [eta], [gamma], 4)
    assert once == pytest.approx(1 - eta * values / 4, abs=rounding(4, 10))
    # The last contraction has no effect, so with one layer GD++ is gradient descent.
    assert np.array_equal(once, predicted.residual_polynomial(values, [eta], [0.0], 4))
    thrice = predicted.residual_polynomial(values, [eta] * 3, [0.0] * 3, 4)
    assert thrice == pytest.approx(once**3, abs=rounding(16, 4**3))
    assert np.array_equal(predicted.residual_polynomial(values, [], [], 4), np.ones_like(values))


ONE = np.ones((1, 2))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.descent_weights(ONE, np.ones(1), 0.1, 0), "layers must be at least 1, got 0"),
        (lambda: predicted.descent_weights(ONE, np.ones(1), 0.1, 1, np.ones(3)), "start must have one entry"),
        (lambda: predicted.descent_weights(ONE, np.ones(1), 0.1, 1, ONE[0] * np.nan), "start must be finite"),
        (
            lambda: predicted.preconditioned_descent_weights(ONE, np.ones(1), np.full((1, 2, 2), np.inf)),
            "preconditioners must be finite",
        ),
        (lambda: predicted.residual_polynomial(np.ones(2), [np.nan], [0.0], 3), "steps must be finite"),
        (lambda: predicted.residual_polynomial(np.ones(2), [0.0], [np.inf], 3), "contractions must be finite"),
        (lambda: predicted.residual_polynomial(np.ones(2), [0.1], [0.0], 0), "context_length must be at least 1"),
    ],
)
def test_hostile_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
