"""Elementary risks of least squares, one gradient step and SGD, against exact Gaussian quadrature."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icl_theory_by_hand import general, normal_nodes, rounding, stds
from scipy.optimize import minimize_scalar

from theory import in_context_learning as predicted

dimensions = st.integers(1, 20)
example_counts = st.integers(0, 45)
steps = st.floats(0, 0.3)

# d = k = 2: inputs, weights and noise are eight normals; squared risks have degree four in each input.
NODES, WEIGHTS = normal_nodes(8, 3)
X, W, NOISE = NODES[:, :4].reshape(-1, 2, 2), NODES[:, 4:6], NODES[:, 6:]
QUADRATURE = rounding(16, 1)  # sums of positive numbers, a handful of operations each


def labels(weight_std, noise_std):
    return np.einsum("nij,nj->ni", X, weight_std * W) + noise_std * NOISE


def mean_squared_norm(vectors):
    return np.sum(WEIGHTS * np.sum(vectors**2, axis=1))


@pytest.mark.parametrize("setting", [(0.05, 1.0, 0.0), (0.21, 1.5, 0.4), (0.11, 0.3, 2.0)])
def test_gradient_step_by_quadrature(setting):
    step, weight_std, noise_std = setting
    estimate = 2 * step * np.einsum("nij,ni->nj", X, labels(weight_std, noise_std))
    direct = mean_squared_norm(estimate - weight_std * W)
    assert predicted.gradient_step_risk(2, 2, step, weight_std, noise_std) == pytest.approx(direct, rel=QUADRATURE)


@pytest.mark.parametrize("setting", [(0.05, 1.0, 0.0), (0.21, 1.5, 0.4), (0.3, 0.3, 2.0)])
def test_sgd_by_quadrature(setting):
    step, weight_std, noise_std = setting
    estimate = np.zeros_like(W)
    for example in range(2):
        x = X[:, example]
        residual = np.sum(x * estimate, axis=1) - labels(weight_std, noise_std)[:, example]
        estimate = estimate - 2 * step * residual[:, None] * x
        direct = mean_squared_norm(estimate - weight_std * W)
        risk = predicted.sgd_risk(2, example + 1, step, weight_std, noise_std)
        assert risk == pytest.approx(direct, rel=QUADRATURE)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_one_step_of_sgd_from_any_error(d):
    step, noise_std, error = 0.17, 0.6, np.array([1.0, -2.0, 0.5])[:d]
    nodes, weights = normal_nodes(d + 1, 3)
    inputs, noise = nodes[:, :d], noise_std * nodes[:, d]
    after = error - 2 * step * (inputs @ error - noise)[:, None] * inputs
    direct = weights @ np.sum(after**2, axis=1)
    found = predicted.sgd_next_risk(float(error @ error), d, step, noise_std)
    assert found == pytest.approx(direct, rel=QUADRATURE)
    # Fourth power: degree eight in every input, five nodes.
    nodes, weights = normal_nodes(d, 5)
    after = error - 2 * step * (nodes @ error)[:, None] * nodes
    factor = weights @ np.sum(after**2, axis=1) ** 2 / (error @ error) ** 2
    assert predicted.fourth_moment_factor(d, step) == pytest.approx(factor, rel=QUADRATURE)


@general
@given(dimensions, example_counts, steps, stds, stds)
def test_the_closed_form_of_sgd_is_its_recursion(d, k, step, weight_std, noise_std):
    risk = predicted.sgd_risk(d, 0, step, weight_std, noise_std)
    assert risk == predicted.zero_predictor_risk(d, weight_std)
    for _ in range(k):
        risk = predicted.sgd_next_risk(risk, d, step, noise_std)
    closed = predicted.sgd_risk(d, k, step, weight_std, noise_std)
    # The factor 1 - 4 a + 4 a^2 (d + 2) cancels by at most its own magnitude of 1 + 4 a, and is raised to the power k.
    relative = rounding(4 * (k + 1), 1 + 8 * step * (1 + step * (d + 2)))
    assert closed == pytest.approx(risk, rel=relative)


@given(dimensions, stds)
@general
def test_stability_of_sgd(d, noise_std):
    limit = predicted.sgd_stability_limit(d)
    assert predicted.sgd_contraction(d, limit) == pytest.approx(1, abs=rounding(4, 1))
    assert predicted.sgd_contraction(d, 0.9 * limit) < 1 < predicted.sgd_contraction(d, 1.1 * limit)
    assert predicted.sgd_risk(d, 30, limit, 1.0) == pytest.approx(d, rel=rounding(120, 1))
    growth = 30 * 4 * limit**2 * noise_std**2 * d
    assert predicted.sgd_risk(d, 30, limit, 1.0, noise_std) == pytest.approx(d + growth, rel=rounding(120, 1))
    # By Jensen the fourth moment never contracts faster than the squared second.
    assert predicted.fourth_moment_factor(d, limit / 2) > predicted.sgd_contraction(d, limit / 2) ** 2


@general
@given(dimensions, st.integers(1, 45), stds, stds)
def test_the_best_step(d, k, weight_std, noise_std):
    best = predicted.best_step(d, k, weight_std, noise_std)
    least = predicted.best_step_risk(d, k, weight_std, noise_std)
    searched = minimize_scalar(
        lambda step: predicted.gradient_step_risk(d, k, float(step), weight_std, noise_std),
        bounds=(0, 2 * best),
        method="bounded",
        options={"xatol": 1e-9 * best},
    )
    size = d * (k + 1) * (weight_std**2 + noise_std**2)
    assert predicted.gradient_step_risk(d, k, best, weight_std, noise_std) == pytest.approx(
        least, abs=rounding(8, size)
    )
    # A quadratic found to within rounding of its value is found to the root of that in its argument.
    assert searched.x == pytest.approx(best, rel=np.sqrt(rounding(8, size) / (weight_std**2 * d - least)) + 1e-8)
    attention = predicted.optimal_map(np.eye(d), weight_std**2 * np.eye(d), noise_std**2, k)
    assert attention == pytest.approx(2 * k * best * np.eye(d), abs=rounding(8 * d, 1))
    loss = predicted.optimal_loss(np.eye(d), weight_std**2 * np.eye(d), noise_std**2, k)
    assert loss == pytest.approx(least, abs=rounding(8 * d, weight_std**2 * d))


def test_figures_of_the_best_step():
    # d = 8, no noise: the paper's steps 0.02 and 0.01 are best at 16 and 41 examples.
    assert predicted.best_step(8, 16) == 0.02
    assert predicted.best_step(8, 41) == 0.01
    assert predicted.best_step(8, 16, 0.0, 1.0) == 0
    assert predicted.best_step_risk(8, 16, 0.0, 1.0) == 0


@general
@given(dimensions, example_counts, stds, stds)
def test_least_squares(d, k, weight_std, noise_std):
    unseen = weight_std**2 * max(d - k, 0)
    risk = predicted.ols_risk(d, k, weight_std, noise_std)
    assert predicted.ols_risk(d, k, weight_std) == unseen
    assert predicted.spd_labels(d, k, weight_std) == unseen
    assert predicted.spd_labels(d, k, weight_std, noise_std) == risk + noise_std**2
    if k == 0:
        assert risk == unseen
    elif abs(d - k) <= 1:
        assert risk == predicted.expected_inverse_trace(d, k) == np.inf
    else:
        trace = predicted.expected_spectral_sum(lambda s: 1 / s, d, k)
        assert risk == pytest.approx(unseen + noise_std**2 * trace, rel=rounding(2 * (8 + max(d, k)), 1))


@pytest.mark.parametrize("d", [3, 5, 12])
def test_least_squares_on_one_example_is_an_inverse_chi_square(d):
    assert predicted.expected_inverse_trace(d, 1) == 1 / (d - 2)
    assert predicted.expected_inverse_trace(1, d) == 1 / (d - 2)
    assert predicted.expected_inverse_trace(1, 0) == 0


@pytest.mark.parametrize("step", [0.0, 0.04, 0.2])
def test_differences_to_least_squares_by_quadrature(step):
    # With k = d = 2 noiseless examples least squares knows the weights.
    estimate = 2 * step * np.einsum("nij,ni->nj", X, labels(1.5, 0.0))
    direct = mean_squared_norm(estimate - 1.5 * W)
    assert predicted.spd_gradient_step_to_ols(2, 2, step, 1.5) == pytest.approx(direct, abs=rounding(16, 4.5))


@general
@given(dimensions, example_counts, steps, stds)
def test_noiseless_differences_to_least_squares(d, k, step, weight_std):
    batch = predicted.spd_gradient_step_to_ols(d, k, step, weight_std)
    explicit = weight_std**2 * (4 * step**2 * k * d * (k + d + 1) - 4 * step * k * d + min(k, d))
    size = weight_std**2 * d * (1 + 4 * step * k + 4 * step**2 * k * (k + d + 1))
    assert batch == pytest.approx(explicit, abs=rounding(8, size))
    online = predicted.spd_sgd_to_ols(d, k, step, weight_std)
    factor = predicted.sgd_contraction(d, step)
    tolerance = rounding(8, weight_std**2 * d * (1 + factor**k))
    assert online == pytest.approx(weight_std**2 * (d * factor**k - max(d - k, 0)), abs=tolerance)
    if k == 1:
        assert batch == pytest.approx(online, abs=rounding(8, size))


def test_the_paper_s_setting_is_the_default():
    assert predicted.zero_predictor_risk(3) == 3
    for law in (predicted.ols_risk, predicted.spd_labels, predicted.best_step, predicted.best_step_risk):
        assert law(5, 2) == law(5, 2, 1.0, 0.0)
    for law in (predicted.gradient_step_risk, predicted.sgd_risk):
        assert law(5, 2, 0.03) == law(5, 2, 0.03, 1.0, 0.0)
    for law in (predicted.spd_gradient_step_to_ols, predicted.spd_sgd_to_ols):
        assert law(5, 2, 0.03) == law(5, 2, 0.03, 1.0)
    assert predicted.sgd_next_risk(2.0, 5, 0.03) == predicted.sgd_next_risk(2.0, 5, 0.03, 0.0)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.ols_risk(0, 3), "d must be at least 1, got 0"),
        (lambda: predicted.expected_inverse_trace(0, 2), "d must be at least 1, got 0"),
        (lambda: predicted.zero_predictor_risk(0), "d must be at least 1, got 0"),
        (lambda: predicted.zero_predictor_risk(2, -1.0), "weight_std must be"),
        (lambda: predicted.gradient_step_risk(2, 2, 0.1, 1.0, -1.0), "noise_std must be"),
        (lambda: predicted.best_step(2, 2, 0.0, 0.0), "weight_std and noise_std must not both be 0"),
        (lambda: predicted.best_step(0, 2), "d must be at least 1"),
        (lambda: predicted.best_step(2, 2, np.nan), "weight_std must be"),
        (lambda: predicted.sgd_contraction(2, np.nan), "step must be"),
        (lambda: predicted.sgd_contraction(0, 0.1), "d must be at least 1"),
        (lambda: predicted.sgd_stability_limit(0), "d must be at least 1"),
        (lambda: predicted.sgd_next_risk(-1.0, 2, 0.1), "risk must be"),
        (lambda: predicted.sgd_next_risk(1.0, 2, 0.1, np.inf), "noise_std must be"),
        (lambda: predicted.sgd_risk(2, 1, 0.1, -1.0), "weight_std must be"),
        (lambda: predicted.fourth_moment_factor(0, 0.1), "d must be at least 1"),
        (lambda: predicted.fourth_moment_factor(2, -0.1), "step must be"),
    ],
)
def test_hostile_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_sizes_must_be_integers():
    with pytest.raises(TypeError, match="d must be an integer, got True"):
        predicted.ols_risk(True, 3)
