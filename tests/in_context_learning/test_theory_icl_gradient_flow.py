"""Limit, rate and generalisation of the gradient flow of one linear attention layer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icl_theory_by_hand import covariance, general, normal_nodes, rounding, seeds

from theory import in_context_learning as predicted

dimensions = st.integers(1, 4)
lengths = st.integers(1, 30)


def linearised_flow(inputs, length):
    """Hessian, at the limit, of half the loss by (u, U): the loss depends on their product alone."""
    d = inputs.shape[0]
    value, key_query = predicted.zhang_limit(inputs, length)
    of_product = np.hstack([key_query.reshape(-1, 1), value * np.eye(d * d)])
    return of_product.T @ predicted.loss_hessian(inputs, np.eye(d), 0.0, length) @ of_product / 2


@general
@given(seeds, dimensions, lengths)
def test_the_limit_is_balanced_and_optimal(seed, d, length):
    inputs = covariance(np.random.default_rng(seed), d)
    gamma = predicted.zhang_gamma(inputs, length)
    value, key_query = predicted.zhang_limit(inputs, length)
    # The condition of Gamma is at most that of Lambda, 30; the same twice for the optimum and its inverse.
    tolerance = rounding(16 * d, 900)
    assert value * key_query @ gamma == pytest.approx(np.eye(d), abs=tolerance)
    assert value**2 == pytest.approx(np.sum(key_query**2), rel=tolerance)
    best = predicted.optimal_map(inputs, np.eye(d), 0.0, length)
    assert value * key_query == pytest.approx(best, abs=tolerance * np.abs(best).max())


@general
@given(seeds, dimensions, lengths)
def test_the_rate_is_the_least_eigenvalue_of_the_linearised_flow(seed, d, length):
    inputs = covariance(np.random.default_rng(seed), d)
    rates = np.linalg.eigvalsh(linearised_flow(inputs, length))
    tolerance = rounding(16 * d**2, rates[-1] * 30)
    # The conserved balance moves at no rate; it belongs to the one-parameter family of equal products.
    assert rates[0] == pytest.approx(0, abs=tolerance)
    rate = predicted.zhang_rate(inputs, length)
    assert rate == pytest.approx(rates[1], abs=tolerance)
    values, gamma = np.linalg.eigvalsh(inputs), np.linalg.eigvalsh(predicted.zhang_gamma(inputs, length))
    bound = np.sqrt(np.sum(gamma**-2.0)) * np.min(values**2 * gamma)
    assert rate >= bound - tolerance
    if d == 1:
        assert rate == pytest.approx(2 * bound, abs=tolerance)


def test_the_flow_decays_at_the_rate():
    # Euler steps of a diagonal flow: after many of them, the distance to the limit shrinks by (1 - h rate) per step.
    inputs, length, step = np.diag([0.5, 2.0]), 4, 0.01
    value, key_query = predicted.zhang_limit(inputs, length)
    limit, hessian = value * key_query, predicted.loss_hessian(inputs, np.eye(2), 0.0, length) / 2
    u, U = 0.5, np.eye(2) * 0.5 / np.sqrt(2)
    distances = []
    for _ in range(2401):
        distances.append(np.linalg.norm(u * U - limit))
        gradient = (hessian @ (u * U - limit).ravel()).reshape(2, 2)
        u, U = u - step * np.sum(gradient * U), U - step * u * gradient
    observed = np.log(distances[2000] / distances[2400]) / (400 * step)
    # Fast modes have gone; Euler's rate is -log(1 - h r) / h = r + h r^2 / 2 + O(h^2), and r < 1.
    rate = predicted.zhang_rate(inputs, length)
    assert observed == pytest.approx(rate + step * rate**2 / 2, abs=step**2)


LABELS = {
    "linear": lambda x: x[..., 0] - 0.5 * x[..., 1],
    "cubic": lambda x: x[..., 0] ** 3,
    "mixed": lambda x: x[..., 0] ** 2 * x[..., 1] + x[..., 0],
}


@pytest.mark.parametrize("kind", list(LABELS))
@pytest.mark.parametrize("training_length", [1, 6])
def test_generalisation_by_quadrature(kind, training_length):
    inputs, label = np.array([[1.0, 0.3], [0.3, 0.5]]), LABELS[kind]
    root = np.linalg.cholesky(inputs)
    # One input: Cov(xy) has degree eight in every normal. Two examples and a query, as deep each: 5^6 nodes.
    nodes, weights = normal_nodes(2, 5)
    x = nodes @ root.T
    products = x * label(x)[:, None]
    mean = weights @ products
    product_covariance = (products * weights[:, None]).T @ products - np.outer(mean, mean)
    slope = np.linalg.solve(inputs, mean)
    linear_error = weights @ (label(x) - x @ slope) ** 2
    found = predicted.zhang_risk(slope, product_covariance, inputs, training_length, 2, max(linear_error, 0.0))
    nodes, weights = normal_nodes(6, 5)
    x = nodes.reshape(-1, 3, 2) @ root.T
    y = label(x)
    value, key_query = predicted.zhang_limit(inputs, training_length)
    prediction = np.sum(value * x[:, 2] @ key_query * (y[:, 0, None] * x[:, 0] + y[:, 1, None] * x[:, 1]) / 2, axis=1)
    direct = weights @ (prediction - y[:, 2]) ** 2
    assert found == pytest.approx(direct, rel=rounding(64, 4))


@general
@given(seeds, dimensions, lengths, st.integers(1, 50), st.floats(0, 2))
def test_generalisation_of_linear_labels(seed, d, training_length, test_length, noise):
    rng = np.random.default_rng(seed)
    inputs, weights = covariance(rng, d), rng.standard_normal(d)
    moments = predicted.linear_label_moments(weights, inputs, noise)
    found = predicted.zhang_risk(moments[0], moments[1], inputs, training_length, test_length, moments[2])
    # A prior that is the one vector w: the loss of A = Gamma^-1 at the test length, plus the noise of the target.
    A = np.linalg.inv(predicted.zhang_gamma(inputs, training_length))
    prior = np.outer(weights, weights)
    loss = predicted.linear_attention_loss(A, inputs, prior, noise, test_length)
    signal = weights @ inputs @ weights
    size = (signal + noise) * (1 + np.linalg.norm(A) * np.trace(inputs)) ** 2 * 10
    assert found == pytest.approx(loss + noise, abs=rounding(16 * d, size))
    # It never falls below the bias, which depends on the training length alone.
    at_infinity = predicted.zhang_risk(moments[0], 0 * inputs, inputs, training_length, test_length, noise)
    assert noise < at_infinity < found


def test_moments_of_linear_labels_by_quadrature():
    inputs, weights = np.array([[1.0, 0.3], [0.3, 0.5]]), np.array([0.7, -1.1])
    nodes, mass = normal_nodes(3, 3)
    x = nodes[:, :2] @ np.linalg.cholesky(inputs).T
    products = x * (x @ weights + np.sqrt(0.4) * nodes[:, 2])[:, None]
    mean = mass @ products
    slope, covariance_of_products, linear_error = predicted.linear_label_moments(weights, inputs, 0.4)
    assert slope == pytest.approx(np.linalg.solve(inputs, mean), abs=rounding(32, 4))
    centred = products - mean
    assert covariance_of_products == pytest.approx((centred * mass[:, None]).T @ centred, abs=rounding(32, 10))
    assert linear_error == 0.4


@given(st.floats(-3, 3), seeds)
@general
def test_covariate_shift(scale, seed):
    rng = np.random.default_rng(seed)
    x, query, w, A = rng.standard_normal((6, 3)), *rng.standard_normal((2, 3)), rng.standard_normal((3, 3))

    def prediction(c):
        return c * query @ A @ ((c * x).T @ (c * x @ w)) / 6

    ratio = predicted.covariate_shift_ratio(scale)
    size = rounding(64, np.linalg.norm(A) * np.sum(x**2) * np.linalg.norm(w) * np.linalg.norm(query) * abs(scale) ** 3)
    assert prediction(scale) == pytest.approx(ratio * scale * prediction(1.0), abs=size)


IDENTITY = np.eye(2)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.zhang_gamma(IDENTITY, 0), "context_length must be at least 1, got 0"),
        (lambda: predicted.zhang_rate(IDENTITY, -1), "context_length must be at least 1, got -1"),
        (lambda: predicted.zhang_risk(np.ones(2) * np.nan, IDENTITY, IDENTITY, 3, 3), "slope must be finite"),
        (lambda: predicted.zhang_risk(np.ones(2), IDENTITY, IDENTITY, 3, 0), "test_length must be at least 1, got 0"),
        (lambda: predicted.zhang_risk(np.ones(2), IDENTITY, IDENTITY, 3, 3, -1.0), "linear_error must be"),
        (lambda: predicted.linear_label_moments(np.ones(2), IDENTITY, -1.0), "noise_variance must be"),
        (lambda: predicted.covariate_shift_ratio(np.nan), "scale must be finite, got nan"),
    ],
)
def test_hostile_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
