"""In-context learning by hand, where no claim asks: prompts by the moments of their law, learners
where examples coincide, starts and ends of fits, far tails, and laws at the ends of their domains.
"""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from sims.in_context_learning import attention_layers, attention_training, baselines
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


CONTEXT = 4


def test_fits_stop_where_no_step_helps_and_contracting_helps_from_two_layers_on():
    spectra = attention_layers.task_spectra(jax.random.key(0), 2000, D, CONTEXT)
    fresh = attention_layers.task_spectra(jax.random.key(1), 2000, D, CONTEXT)
    free, one_contracting = (
        attention_layers.learn_descent(spectra, 1, CONTEXT, contract=choice)
        for choice in (False, True)
    )
    # One layer: the loss is a parabola in η, with its minimum at N E Σμ / E Σμ².
    best = CONTEXT * np.mean(np.sum(spectra, axis=1)) / np.mean(np.sum(np.square(spectra), axis=1))
    assert abs(free.steps[0] - best) <= 1e-4 * best
    np.testing.assert_array_equal(free.steps, one_contracting.steps)
    assert not one_contracting.contractions.any()
    fits = {
        choice: attention_layers.learn_descent(spectra, 2, CONTEXT, contract=choice)
        for choice in (False, True)
    }
    losses = {
        choice: float(
            np.mean(attention_layers.descent_losses(fresh, fit.steps, fit.contractions, CONTEXT))
        )
        for choice, fit in fits.items()
    }
    assert losses[True] < losses[False] < free.fitted_loss
    assert not fits[False].contractions.any()
    assert fits[True].contractions[0] > 0
    assert fits[True].contractions[1] == 0
    for fit in fits.values():
        at_minimum = attention_layers.descent_losses(
            spectra, fit.steps, fit.contractions, CONTEXT
        ).mean()
        assert abs(at_minimum - fit.fitted_loss) <= 2000 * D * ULP * fit.fitted_loss
        for layer in range(2):
            for factor in (0.98, 1.02):
                steps = fit.steps.copy()
                steps[layer] *= factor
                assert (
                    attention_layers.descent_losses(
                        spectra, steps, fit.contractions, CONTEXT
                    ).mean()
                    > fit.fitted_loss
                )


general = settings(deadline=None, derandomize=True, max_examples=40)
stds = st.floats(0.1, 3)


def rounding(operations, scale):
    """Rounding error of so many operations on numbers up to `scale`, every one of them allowed
    eight units.
    """
    return 8 * operations * ULP * scale


def gelu(z, form):
    """GeLU in mpmath's current precision."""
    z = mpmath.mpf(z)
    if form == "erf":
        return z / 2 * (1 + mpmath.erf(z / mpmath.sqrt(2)))
    return (
        z / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf("0.044715") * z**3)))
    )


def test_degenerate_risks():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((5, 3))
    label_weights = rng.standard_normal((1, 5))
    query = rng.standard_normal(3)
    spectrum = np.linalg.svd(X, compute_uv=False) ** 2
    assert (
        regression.bayes_risk_given_inputs(X, 0.0, 1.0)
        == regression.bayes_prediction_risk(X, query, 0.0, 1.0)
        == 0
    )
    assert (
        regression.bayes_risk_given_inputs(X, 0.0, 0.0)
        == regression.spd_to_bayes(0.3, spectrum, 0.0, 0.0)
        == 0
    )
    # All data known to be noise: the Bayes predictor is zero.
    noise_only = regression.ridge_risk(0.3, spectrum, 3, 0.0, 2.0)
    assert regression.spd_to_bayes(0.3, spectrum, 0.0, 2.0) == pytest.approx(
        noise_only, rel=rounding(16, 1), abs=0
    )
    # Minimum norm leaves a direction that was never seen at its prior variance.
    assert regression.ridge_risk(0.0, np.array([4.0]), 3, 2.0, 1.0) == 8.25
    assert regression.ridge_risk(0.0, np.array([4.0, 0.0]), 3, 2.0, 1.0) == 8.25
    # Repeated examples are one direction.
    repeated = np.ones((4, 2))
    assert regression.bayes_risk_given_inputs(repeated, 1.0) == pytest.approx(1, abs=8 * ULP)
    assert (
        regression.linear_rule_spd(
            regression.ridge_rule(X, 1), regression.ridge_rule(X, 1), X, 1.0, 1.0
        )
        == 0
    )
    assert regression.linear_rule_spd(label_weights, label_weights, X, 1.0, 1.0) == 0


@pytest.mark.parametrize("form", ["erf", "tanh"])
def test_series_coefficients(form):
    with mpmath.workdps(50):
        series = mpmath.taylor(lambda z: mpmath.sqrt(mpmath.pi / 2) * gelu(z, form), 0, 8)
        assert constructions.FOURTH_ORDER[form] == pytest.approx(
            float(series[4]), rel=rounding(1, 1), abs=0
        )
        assert constructions.SIXTH_ORDER[form] == pytest.approx(
            float(series[6]), rel=rounding(8, 1), abs=0
        )
        assert abs(series[2] - 0.5) < mpmath.mpf(10) ** -20
        # Nothing of third order: the remainder of Lemma 4 is of fourth.
        assert max(abs(series[3]), abs(series[5]), abs(series[7])) < mpmath.mpf(10) ** -10


ALGORITHMS = {
    "least squares": regression.ols_weights,
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
