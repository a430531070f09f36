"""The algorithms at one prompt: definitions, invariances, limits, and what degenerate prompts get."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icl_theory_by_hand import dimensions, example_counts, general, prompt, regularisers, rounding, seeds, stds

from theory import in_context_learning as predicted

ALGORITHMS = {
    "least squares": predicted.ols_weights,
    "ridge": lambda X, Y: predicted.ridge_weights(X, Y, 0.3),
    "Bayes": lambda X, Y: predicted.bayes_weights(X, Y, noise_std=0.5, weight_std=2.0),
    "gradient step": lambda X, Y: predicted.gradient_step_weights(X, Y, 0.02),
    "SGD": lambda X, Y: predicted.sgd_weights(X, Y, 0.02),
    "recursive ridge": lambda X, Y: predicted.recursive_ridge_weights(X, Y, 0.3),
}


def weight_rounding(X, Y, regulariser=0.0):
    """Backward stable solvers lose the condition number of X^T X + lambda I, on weights of size |Y| / s_min."""
    spectrum = np.linalg.svd(X, compute_uv=False)
    least = np.sqrt(spectrum.min(initial=np.inf) ** 2 + regulariser)
    condition = (1 + (spectrum.max(initial=1) ** 2 + regulariser) / least**2) if X.size else 1.0
    return rounding(16 * (1 + X.size), condition * (1 + np.linalg.norm(Y)) * (1 + 1 / least if X.size else 1.0))


@general
@given(seeds, dimensions, example_counts, regularisers)
def test_ridge_is_primal_and_dual(seed, d, k, regulariser):
    X, Y, _ = prompt(seed, d, k)
    found = predicted.ridge_weights(X, Y, regulariser)
    tolerance = weight_rounding(X, Y, regulariser)
    primal = np.linalg.solve(X.T @ X + regulariser * np.eye(d), X.T @ Y)
    dual = X.T @ np.linalg.solve(X @ X.T + regulariser * np.eye(k), Y)
    assert found == pytest.approx(primal, abs=tolerance)
    assert found == pytest.approx(dual, abs=tolerance)
    assert predicted.ridge_rule(X, regulariser) @ Y == pytest.approx(found, abs=tolerance)
    assert predicted.recursive_ridge_weights(X, Y, regulariser) == pytest.approx(found, abs=tolerance)
    # It minimises what it is said to minimise.
    gradient = X.T @ (X @ found - Y) + regulariser * found
    assert gradient == pytest.approx(np.zeros(d), abs=tolerance * (1 + np.sum(X**2)))


@general
@given(seeds, dimensions, example_counts)
def test_least_squares_has_minimum_norm(seed, d, k):
    X, Y, _ = prompt(seed, d, k)
    found, tolerance = predicted.ols_weights(X, Y), weight_rounding(X, Y)
    assert found == pytest.approx(np.linalg.pinv(X) @ Y, abs=tolerance)
    if 0 < k <= d:
        assert X @ found == pytest.approx(Y, abs=tolerance * (1 + np.linalg.norm(X)))
    repeated = np.vstack([X, X])  # rank deficient at any k
    assert predicted.ols_weights(repeated, np.append(Y, Y)) == pytest.approx(found, abs=8 * tolerance)


@general
@given(seeds, dimensions, st.integers(1, 8))
def test_ridge_leaves_least_squares_in_proportion_to_the_regulariser(seed, d, k):
    X, Y, _ = prompt(seed, d, k)
    spectrum = np.linalg.svd(X, compute_uv=False)
    least = spectrum.min() ** 2
    away = [
        np.linalg.norm(predicted.ridge_rule(X, scale * least) @ Y - predicted.ols_weights(X, Y))
        for scale in (1e-3, 1e-4)
    ]
    # lambda / (s + lambda) is lambda / s within one part in 1000.
    slack = weight_rounding(X, Y) * 2e4 / (away[0] + weight_rounding(X, Y))
    assert away[0] / (10 * away[1]) == pytest.approx(1, abs=2e-3 + slack)


@general
@given(seeds, dimensions, st.integers(1, 8), regularisers)
def test_norm_falls_with_the_regulariser(seed, d, k, regulariser):
    X, Y, _ = prompt(seed, d, k)
    norms = [np.linalg.norm(predicted.ridge_weights(X, Y, factor * regulariser)) for factor in (0, 1, 2, 1e8)]
    assert norms[0] > norms[1] > norms[2] > norms[3]
    assert norms[3] <= np.linalg.norm(X.T @ Y) / (1e8 * regulariser)


@general
@given(seeds, dimensions, example_counts)
def test_rotations_units_and_order(seed, d, k):
    X, Y, query = prompt(seed, d, k)
    rng = np.random.default_rng(seed + 1)
    rotation, _ = np.linalg.qr(rng.standard_normal((d, d)))
    order = rng.permutation(k)
    for name, algorithm in ALGORITHMS.items():
        weights, tolerance = algorithm(X, Y), weight_rounding(X, Y)
        assert algorithm(X @ rotation.T, Y) == pytest.approx(rotation @ weights, abs=tolerance)
        assert algorithm(X, -3 * Y) == pytest.approx(-3 * weights, abs=3 * tolerance)
        if name != "SGD":
            assert algorithm(X[order], Y[order]) == pytest.approx(weights, abs=tolerance)
    one = predicted.ridge_weights(X, Y, 0.3)
    scaled = predicted.ridge_weights(2 * X, Y, 4 * 0.3)
    assert 2 * query @ scaled == pytest.approx(query @ one, abs=weight_rounding(X, Y, 0.3) * np.linalg.norm(query))
    neighbours = predicted.nearest_neighbour_weights(X, query, weighted=True)
    turned = predicted.nearest_neighbour_weights(X @ rotation.T, rotation @ query, weighted=True)
    # Distances are sums of d squares; relative to the nearest one they lose its share of what cancels.
    least = min(np.sum((X - query) ** 2, axis=1), default=1.0)
    assert turned == pytest.approx(neighbours, abs=rounding(16 * d, (1 + np.sum(X**2) + np.sum(query**2)) / least))


def test_sgd_depends_on_the_order():
    X, Y, _ = prompt(3, 2, 4)
    forward, backward = predicted.sgd_weights(X, Y, 0.1), predicted.sgd_weights(X[::-1], Y[::-1], 0.1)
    assert np.abs(forward - backward).max() > 0.01


@general
@given(seeds, dimensions, example_counts, st.floats(0, 0.2), st.floats(0, 2))
def test_gradient_steps(seed, d, k, step, regulariser):
    X, Y, start = prompt(seed, d, k)
    loop = start.copy()
    for x, y in zip(X, Y, strict=True):
        loop = loop - 2 * step * (np.outer(x, x) @ loop - x * y + regulariser * loop)
    growth = np.prod([1 + 2 * step * (x @ x + regulariser) for x in X])
    size = rounding(8 * (1 + k) * d, growth * (1 + np.linalg.norm(start)) * (1 + np.abs(Y).sum()) * (1 + np.sum(X**2)))
    assert predicted.sgd_weights(X, Y, step, regulariser, start) == pytest.approx(loop, abs=size)

    # A batch step is minus the step times the gradient of the ridge objective, a quadratic: central differences
    # with a step of one are exact.
    def objective(w):
        return np.sum((X @ w - Y) ** 2) + regulariser * w @ w

    gradient = [(objective(start + unit) - objective(start - unit)) / 2 for unit in np.eye(d)]
    found = predicted.gradient_step_weights(X, Y, step, regulariser, start)
    size = rounding(16 * (1 + k) * d, objective(np.abs(start) + 1) + np.sum(X**2) * (start @ start + d))
    assert found == pytest.approx(start - step * np.array(gradient), abs=size)
    assert predicted.gradient_step_weights(X, Y, step) == pytest.approx(2 * step * X.T @ Y, abs=size)
    if k == 1:
        one = predicted.sgd_weights(X, Y, step, regulariser, start)
        assert np.array_equal(one, found)


@general
@given(seeds, dimensions)
def test_sherman_morrison(seed, d):
    rng = np.random.default_rng(seed)
    matrix, u, v = rng.standard_normal((d, d)) + 4 * np.eye(d), *rng.standard_normal((2, d))
    inverse, updated = np.linalg.inv(matrix), matrix + np.outer(u, v)
    found = predicted.sherman_morrison(inverse, u, v)
    condition = np.linalg.cond(matrix) * np.linalg.cond(updated) / abs(1 + v @ inverse @ u)
    assert found @ updated == pytest.approx(np.eye(d), abs=rounding(16 * d, condition * (1 + u @ u + v @ v)))


@general
@given(seeds, dimensions, regularisers)
def test_one_example(seed, d, regulariser):
    X, Y, _ = prompt(seed, d, 1)
    closed = predicted.one_sample_ridge(X[0], float(Y[0]), regulariser)
    assert closed == pytest.approx(X[0] * Y[0] / (regulariser + np.sum(X**2)), rel=rounding(d, 1))
    tolerance = weight_rounding(X, Y, regulariser)
    assert closed == pytest.approx(predicted.ridge_weights(X, Y, regulariser), abs=tolerance)
    assert closed == pytest.approx(predicted.recursive_ridge_weights(X, Y, regulariser), abs=tolerance)


def test_recursion_over_many_examples():
    X, Y, _ = prompt(0, 8, 30)
    found = predicted.recursive_ridge_weights(X, Y, 0.3)
    # A relative eps |X|^2 / lambda per inverse, as the docstring says.
    tolerance = np.finfo(float).eps * np.sum(X**2) / 0.3
    assert found == pytest.approx(predicted.ridge_weights(X, Y, 0.3), rel=tolerance, abs=tolerance)


@general
@given(seeds, dimensions, example_counts, stds, stds)
def test_bayes(seed, d, k, weight_std, noise_std):
    X, Y, _ = prompt(seed, d, k)
    found = predicted.bayes_weights(X, Y, noise_std=noise_std, weight_std=weight_std)
    ridge = predicted.ridge_weights(X, Y, noise_std**2 / weight_std**2)
    assert np.array_equal(found, ridge)
    assert not predicted.bayes_weights(X, Y, noise_std=noise_std, weight_std=0).any()
    noiseless = predicted.bayes_weights(X, Y, noise_std=0, weight_std=weight_std)
    assert np.array_equal(noiseless, predicted.ols_weights(X, Y))


@pytest.mark.parametrize("k", [0, 1, 3])
def test_bayes_is_the_posterior_mean(k):
    X, Y, _ = prompt(7, 2, k)
    weight_std, noise_std = 1.5, 0.8
    # The trapezoidal rule is exact to rounding on a Gaussian whose grid spacing is a sixth of its least deviation.
    reach, spacing = 9 * weight_std, 0.05
    axis = np.arange(-reach, reach, spacing)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    exponent = np.sum(grid**2, axis=1) / weight_std**2 + np.sum((grid @ X.T - Y) ** 2, axis=1) / noise_std**2
    mass = np.exp(-exponent / 2)
    mean = mass @ grid / mass.sum()
    found = predicted.bayes_weights(X, Y, noise_std=noise_std, weight_std=weight_std)
    assert found == pytest.approx(mean, abs=rounding(64, reach))


@general
@given(seeds, dimensions, st.integers(1, 8), st.integers(1, 5), st.booleans())
def test_neighbours(seed, d, k, neighbours, weighted):
    X, _, query = prompt(seed, d, k)
    found = predicted.nearest_neighbour_weights(X, query, neighbours, weighted)
    distances = np.linalg.norm(X - query, axis=1)
    chosen = found > 0
    assert chosen.sum() == min(neighbours, k)
    assert found.sum() == pytest.approx(1, abs=rounding(k, 1))
    assert distances[chosen].max() <= distances[~chosen].min(initial=np.inf)
    products = found[chosen] * (distances[chosen] ** 2 if weighted else 1)
    assert products == pytest.approx(np.full(chosen.sum(), products[0]), rel=rounding(4 * d, 1))


def test_defaults():
    X, Y, start = prompt(5, 3, 4)
    for algorithm in (predicted.gradient_step_weights, predicted.sgd_weights):
        assert np.array_equal(algorithm(X, Y, 0.1), algorithm(X, Y, 0.1, 0.0, np.zeros(3)))
        assert np.array_equal(algorithm(X, Y, 0.1, start=start), algorithm(X, Y, 0.1, 0.0, start))
    three = predicted.nearest_neighbour_weights(X, start)
    assert np.array_equal(three, predicted.nearest_neighbour_weights(X, start, 3, False))
    assert np.count_nonzero(three) == 3


def test_neighbours_that_coincide_or_tie():
    X = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 2.0]])
    at_origin = predicted.nearest_neighbour_weights(X, np.zeros(2), weighted=True)
    assert at_origin.tolist() == [0, 0.5, 0.5, 0]
    assert predicted.nearest_neighbour_weights(X, X[0], weighted=True).tolist() == [1, 0, 0, 0]
    # Two ties for the second place: the earlier example.
    assert predicted.nearest_neighbour_weights(X, X[0], neighbours=2).tolist() == [0.5, 0.5, 0, 0]
    assert predicted.nearest_neighbour_weights(X[:2], X[0]).tolist() == [0.5, 0.5]
    assert predicted.nearest_neighbour_weights(X[:0], X[0]).size == 0
    close = predicted.nearest_neighbour_weights(1e-150 * X[[0, 3]], np.zeros(2), weighted=True)
    assert close == pytest.approx([0.8, 0.2], rel=rounding(4, 1))


def test_zero_inputs_and_no_examples_predict_zero():
    for algorithm in ALGORITHMS.values():
        assert not algorithm(np.zeros((0, 3)), np.zeros(0)).any()
        assert not algorithm(np.zeros((2, 3)), np.ones(2)).any()


def test_a_small_regulariser_warns():
    X, Y, _ = prompt(1, 3, 10)
    threshold = np.finfo(float).eps * np.sum(X**2) / 1e-8
    predicted.recursive_ridge_weights(X, Y, 1.01 * threshold)  # any warning is an error
    with pytest.warns(UserWarning, match="loses a relative 1e-08, ridge_weights does not"):
        predicted.recursive_ridge_weights(X, Y, 0.99 * threshold)
    with pytest.warns(UserWarning, match=r"regulariser = 1e-09 is small: the recursion loses a relative"):
        predicted.recursive_ridge_weights(X, Y, 1e-9)


X2, Y1 = np.ones((1, 2)), np.ones(1)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: predicted.ols_weights(X2 * np.nan, Y1), "X must be finite"),
        (lambda: predicted.ols_weights(X2, Y1 * np.inf), "Y must be finite"),
        (lambda: predicted.ridge_rule(X2 * np.inf, 1.0), "X must be finite"),
        (lambda: predicted.bayes_rule(X2, noise_std=-1, weight_std=1), "noise_std must be"),
        (lambda: predicted.bayes_rule(X2 * np.nan, noise_std=1, weight_std=0), "X must be finite"),
        (lambda: predicted.bayes_weights(X2, Y1 * np.nan, noise_std=1, weight_std=1), "Y must be finite"),
        (lambda: predicted.sgd_weights(X2, Y1, 0.1, 0.0, X2[0] * np.inf), "start must be finite"),
        (lambda: predicted.sgd_weights(X2, Y1, np.nan), "step must be finite and non-negative, got nan"),
        (lambda: predicted.sherman_morrison(np.eye(2), X2[0] * np.nan, X2[0]), "u must be finite"),
        (lambda: predicted.one_sample_ridge(X2[0], np.nan, 1.0), "y must be finite"),
        (lambda: predicted.one_sample_ridge(X2[0] * np.inf, 1.0, 1.0), "x must be finite"),
        (lambda: predicted.nearest_neighbour_weights(X2, X2[0] * np.nan), "query must be finite"),
        (lambda: predicted.nearest_neighbour_weights(X2, X2[0], 0), "neighbours must be at least 1, got 0"),
    ],
)
def test_hostile_input_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence.replace("+", r"\+").replace("^", r"\^")):
        call()
