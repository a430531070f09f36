"""The theory of in-context learning where no claim asks: far tails, series, and laws at the ends of
their domains.
"""

import itertools

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.in_context_learning import constructions, regression, risk_laws

UNIT_ROUNDOFF = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=40)
stds = st.floats(0.1, 3)


def rounding(operations, scale):
    """Rounding error of so many operations on numbers up to `scale`, every one of them allowed
    eight units.
    """
    return 8 * operations * UNIT_ROUNDOFF * scale


def gelu(z, form):
    """GeLU in mpmath's current precision."""
    z = mpmath.mpf(z)
    if form == "erf":
        return z / 2 * (1 + mpmath.erf(z / mpmath.sqrt(2)))
    return (
        z / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf("0.044715") * z**3)))
    )


@general
@given(st.floats(-4, 4), st.floats(0, 40), st.sampled_from(["erf", "tanh"]))
def test_gelu_bypass(x, shift, form):
    error = constructions.gelu_bypass_error(np.array([x]), shift, form)[0]
    with mpmath.workdps(400):
        u = mpmath.mpf(shift + x)  # the sum as rounded: it is the argument of both
        exact = float(u - gelu(u, form))
        leak = float(gelu(-u, form))
    # The exponent of the tail carries a rounding of its own size: u^2 / 2, or 2 sqrt(2/pi) (u +
    # .0447 u^3).
    exponent = 1 + u**2 + 0.1 * abs(u) ** 3
    assert error == pytest.approx(exact, rel=rounding(4, float(exponent)), abs=1e-300)
    assert error == pytest.approx(-leak, rel=rounding(4, float(exponent)), abs=1e-300)


def test_degenerate_risks():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((5, 3))
    label_weights = rng.standard_normal(5)
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
    assert regression.bayes_risk_given_inputs(repeated, 1.0) == pytest.approx(
        1, abs=8 * UNIT_ROUNDOFF
    )
    assert (
        regression.linear_rule_spd(
            regression.ridge_rule(X, 1), regression.ridge_rule(X, 1), X, 1.0, 1.0
        )
        == 0
    )
    assert regression.prediction_spd(label_weights, label_weights, X, 1.0, 1.0) == 0


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


PRECISION = (
    16 * 48 * UNIT_ROUNDOFF
)  # of `expected_spectral_sum` at up to 40 examples, relative to magnitudes


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


@general
@given(st.integers(1, 20), st.integers(0, 45), stds, stds)
def test_least_squares(d, k, weight_std, noise_std):
    unseen = weight_std**2 * max(d - k, 0)
    risk = risk_laws.ols_risk(d, k, weight_std, noise_std)
    assert risk_laws.ols_risk(d, k, weight_std) == unseen
    assert risk_laws.spd_labels(d, k, weight_std) == unseen
    assert risk_laws.spd_labels(d, k, weight_std, noise_std) == risk + noise_std**2
    if k == 0:
        assert risk == unseen
    elif abs(d - k) <= 1:
        assert risk == risk_laws.expected_inverse_trace(d, k) == np.inf
    else:
        trace = risk_laws.expected_spectral_sum(lambda s: 1 / s, d, k)
        assert risk == pytest.approx(
            unseen + noise_std**2 * trace, rel=rounding(2 * (8 + max(d, k)), 1), abs=0
        )


@pytest.mark.parametrize("step", [0.0, 0.04, 0.2])
def test_differences_to_least_squares_by_quadrature(step):
    """With k = d = 2 noiseless examples least squares knows the weights; degree four in every one
    of six normals.
    """
    points, weights = np.polynomial.hermite_e.hermegauss(3)
    nodes = np.array(list(itertools.product(points, repeat=6)))
    chances = np.prod(list(itertools.product(weights / weights.sum(), repeat=6)), axis=1)
    X = nodes[:, :4].reshape(-1, 2, 2)
    known = 1.5 * nodes[:, 4:]
    estimate = 2 * step * np.einsum("nij,nik,nk->nj", X, X, known)
    direct = chances @ np.sum((estimate - known) ** 2, axis=1)
    assert risk_laws.spd_gradient_step_to_ols(2, 2, step, 1.5) == pytest.approx(
        direct, abs=rounding(16, 4.5)
    )
