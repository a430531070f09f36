"""In-context learning by hand, where no claim asks: prompts by the moments of their law, learners
where examples coincide, starts and ends of fits, far tails, and laws at the ends of their domains.
"""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.special import digamma

from sims.in_context_learning import baselines
from sims.in_context_learning.prompts import Prompts, sample_prompts
from theory.in_context_learning import constructions, regression, risk_laws

COUNT = 2
N = 8
D = 3
ULP = 2.0**-53


def problem(seed):
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((COUNT, N, D))
    weights = rng.standard_normal((COUNT, D))
    labels = np.einsum("cnd,cd->cn", inputs, weights) + 0.5 * rng.standard_normal((COUNT, N))
    return Prompts(inputs, labels, weights)


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
    numbers = {"noise_std": 0.3, "weight_std": 2.0, "weight_mean": 1.5, "input_scale": 3.0}
    draw = jax.jit(sample_prompts, static_argnums=(1, 2, 3))
    prompts = draw(jax.random.key(0), 40_000, 1, 2, **numbers)
    inputs = np.asarray(prompts.inputs[:, 0])
    weights = np.asarray(prompts.weights)
    noise = np.asarray(prompts.labels[:, 0]) - np.sum(inputs * weights, axis=1)
    # A sample covariance of n normal numbers has a standard deviation below (2/n)^½ times the
    # variances; six of them.
    slack = 6 * (2 / 40_000) ** 0.5
    assert np.abs(np.cov(inputs.T) - 9 * np.eye(2)).max() <= slack * 9
    assert np.abs(np.cov(weights.T) - 4 * np.eye(2)).max() <= slack * 4
    assert np.abs(weights.mean(axis=0) - 1.5).max() <= 6 * (4 / 40_000) ** 0.5
    assert abs(np.var(noise) - 0.09) <= slack * 0.09
    assert abs(np.mean(noise)) <= 6 * (0.09 / 40_000) ** 0.5
    same_weights = draw(jax.random.key(0), 40_000, 1, 2, **{**numbers, "weight_std": 0.0})
    np.testing.assert_array_equal(same_weights.weights, 1.5)
    single = sample_prompts(jax.random.key(0), 3, 2, 2, dtype=jnp.float32)
    assert {part.dtype for part in single} == {np.dtype(np.float32)}


@pytest.mark.parametrize("prefix", [0, N])
def test_every_prefix_can_be_asked(prefix):
    prompts = problem(0)
    calls = []
    baselines.implicit_fit(
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


def gelu(z, form):
    """GeLU in mpmath's current precision."""
    z = mpmath.mpf(z)
    if form == "erf":
        return z / 2 * (1 + mpmath.erf(z / mpmath.sqrt(2)))
    return (
        z / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf("0.044715") * z**3)))
    )


def test_degenerate_risks():
    X = np.random.default_rng(2).standard_normal((5, 3))
    query = np.array([1.0, -2.0, 0.5])
    # Weights that are known to be zero
    assert regression.bayes_prediction_risk(X, query, 0.0, 1.0) == 0
    assert regression.bayes_prediction_risk(X, query, 0.0, 0.0) == 0
    # Without noise: all is seen, and of repeated examples one direction.
    assert regression.bayes_prediction_risk(X, query) == 0
    repeated = regression.bayes_prediction_risk(np.ones((4, 2)), query[:2], 3.0)
    assert repeated == pytest.approx(9 * 1.5**2 * 2, rel=16 * ULP, abs=0)
    # Minimum norm leaves a direction that was never seen at its prior variance.
    assert regression.ridge_risk(0.0, np.array([4.0]), 3, 2.0, 1.0) == 8.25
    assert regression.ridge_risk(0.0, np.array([4.0, 0.0]), 3, 2.0, 1.0) == 8.25


@pytest.mark.parametrize("form", ["erf", "tanh"])
def test_series_coefficients(form):
    with mpmath.workdps(50):
        series = mpmath.taylor(lambda z: mpmath.sqrt(mpmath.pi / 2) * gelu(z, form), 0, 8)
        assert constructions.FOURTH_ORDER[form] == pytest.approx(
            float(series[4]), rel=8 * ULP, abs=0
        )
        assert constructions.SIXTH_ORDER[form] == pytest.approx(
            float(series[6]), rel=64 * ULP, abs=0
        )
        assert abs(series[2] - 0.5) < mpmath.mpf(10) ** -20
        # Nothing of third order: the remainder of Lemma 4 is of fourth.
        assert max(abs(series[3]), abs(series[5]), abs(series[7])) < mpmath.mpf(10) ** -10


ALGORITHMS = {
    "least squares": lambda X, Y: regression.ridge_weights(X, Y, 0.0),
    "ridge": lambda X, Y: regression.ridge_weights(X, Y, 0.3),
    "Bayes": lambda X, Y: regression.bayes_weights(X, Y, noise_std=0.5, weight_std=2.0),
    "gradient step": lambda X, Y: regression.gradient_step_weights(X, Y, 0.02),
    "SGD": lambda X, Y: regression.sgd_weights(X, Y, 0.02),
    "recursive ridge": lambda X, Y: regression.recursive_ridge_weights(X, Y, 0.3),
}


def test_zero_inputs_and_no_examples_predict_zero():
    for algorithm in ALGORITHMS.values():
        assert not algorithm(np.zeros((0, 3)), np.zeros(0)).any()
        assert not algorithm(np.zeros((2, 3)), np.ones(2)).any()


@pytest.mark.parametrize("examples", [5, 30])
def test_least_squares_is_ridge_regression_without_a_penalty(examples):
    """Of minimum norm where the examples do not determine the weights."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((examples + 1, 8))
    Y = rng.standard_normal(examples + 1)
    least = np.linalg.lstsq(X[:-1], Y[:-1], rcond=None)[0]
    weights = regression.ridge_weights(X[:-1], Y[:-1], 0.0)
    prompts = Prompts(X[None], Y[None], X[:1])
    simulated = baselines.weights_all(prompts, [baselines.ols()])[0, 0, -1]
    # The square of a condition number below 4, and a few roundings for each of 8 columns
    np.testing.assert_allclose(weights, least, rtol=0, atol=16 * 64 * ULP)
    np.testing.assert_allclose(simulated, least, rtol=0, atol=16 * 64 * ULP)


PRECISION = 16 * 48 * ULP  # of `expected_spectral_sum` at up to 40 examples, relative to magnitudes


def test_degenerate_laws():
    assert risk_laws.bayes_risk(3, 5, 0.0, 1.0) == 0
    assert (
        risk_laws.bayes_risk(3, 0, 2.0, 1.0)
        == risk_laws.ridge_expected_risk(1.0, 3, 0, 2.0, 1.0)
        == 12
    )
    assert (
        risk_laws.spd_ridge_to_bayes(1.0, 3, 0, 2.0, 1.0)
        == risk_laws.spd_ridge_to_ols(1.0, 3, 0, 2.0, 1.0)
        == 0
    )
    assert risk_laws.spd_ridge_to_bayes(0.25, 3, 5, 2.0, 1.0) == 0
    assert risk_laws.spd_ridge_to_bayes(0.0, 3, 3, 2.0, 0.0) == 0
    assert risk_laws.spd_ridge_to_bayes(1.0, 2, 3, 0.0, 0.0) == 0
    # Weights known to be zero: the Bayes predictor is zero, and ridge regression fits noise.
    noise_only = risk_laws.ridge_expected_risk(0.5, 3, 5, 0.0, 2.0)
    assert risk_laws.spd_ridge_to_bayes(0.5, 3, 5, 0.0, 2.0) == pytest.approx(
        noise_only, rel=PRECISION, abs=0
    )


@pytest.mark.parametrize(("dimension", "examples"), [(3, 5), (4, 4), (20, 9)])
def test_spectral_sums_are_the_moments_of_a_wishart_matrix(dimension, examples):
    """By fourth moments of normal numbers, and chi-square numbers in Bartlett's triangular factor."""
    few, many = sorted((dimension, examples))
    product = few * many
    logs = np.sum(np.log(2) + digamma((many - np.arange(few)) / 2))
    for function, moment, size in (
        (lambda s: s, product, product),
        (lambda s: s**2, product * (few + many + 1), product * (few + many + 1)),
        (np.log, logs, few * (3 + np.log(many))),
    ):
        found = risk_laws.expected_spectral_sum(function, dimension, examples)
        assert abs(found - moment) <= PRECISION * size
