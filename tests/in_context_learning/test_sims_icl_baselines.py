"""Prompts and textbook learners: against NumPy and scikit-learn at every prefix, and the symmetries of each rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor

import sims.in_context_learning as observed

ULP = 2.0**-53
COUNT, N, D = 2, 8, 3
RULES = [
    observed.ols(),
    observed.ridge(0.1),
    observed.ridge(2.0),
    observed.gradient_step(0.05),
    observed.sgd(0.03),
    observed.nearest_neighbours(3),
    observed.nearest_neighbours(3, weighted=True),
]
LINEAR, SQUARES = RULES[:5], [0.0, 0.1, 2.0]
few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
spoilers = st.sampled_from(["none", "zero", "repeat", "multiple", "sum", "tiny"])


def problem(seed, spoiler="none"):
    rng = np.random.default_rng(seed)
    inputs, weights = rng.standard_normal((COUNT, N, D)), rng.standard_normal((COUNT, D))
    spoiled = {
        "none": inputs[:, 2],
        "zero": 0 * inputs[:, 2],
        "repeat": inputs[:, 0],
        "multiple": 4 * inputs[:, 0],
        "sum": inputs[:, 0] + inputs[:, 1],
        "tiny": 1e-3 * inputs[:, 2],
    }
    inputs[:, 2] = spoiled[spoiler]
    labels = np.einsum("cnd,cd->cn", inputs, weights) + 0.5 * rng.standard_normal((COUNT, N))
    return observed.Prompts(inputs, labels, weights)


def least_squares_bound(rows, labels, regulariser):
    """The first-order effect on a least squares solution of one backward error of 10 n d ULP (a Givens rotation costs
    six roundings a row, Gram-Schmidt some more), twice: the reference, an SVD, has one of its own."""
    augmented = np.vstack([rows, np.sqrt(regulariser) * np.eye(D)])
    values = np.linalg.svd(augmented, compute_uv=False)
    values = values[values > 1e-12 * values[0]] if len(rows) and values[0] > 0 else np.ones(1)
    solution = np.linalg.lstsq(augmented, np.append(labels, np.zeros(D)), rcond=None)[0]
    residual = np.linalg.norm(augmented @ solution - np.append(labels, np.zeros(D)))
    condition = values[0] / values[-1]
    size = np.linalg.norm(solution) + np.linalg.norm(labels) / values[0] + condition * residual / values[0]
    return solution, 2 * 10 * N * D * ULP * condition * size


@given(seed=seeds, spoiler=spoilers)
@few
def test_least_squares_agree_with_the_svd_at_every_prefix(seed, spoiler):
    prompts = problem(seed, spoiler)
    found = np.asarray(observed.weights_all(prompts, LINEAR))
    for index, regulariser in enumerate(SQUARES):
        for prompt in range(COUNT):
            for k in range(N):
                rows, labels = prompts.inputs[prompt, :k], prompts.labels[prompt, :k]
                solution, bound = least_squares_bound(rows, labels, regulariser)
                assert np.linalg.norm(found[index, prompt, k] - solution) <= bound


def test_every_rule_agrees_with_scikit_learn():
    prompts = problem(1)
    predictions = np.asarray(observed.predict_all(prompts, RULES))
    np.testing.assert_array_equal(predictions[:, :, 0], 0)
    for prompt in range(COUNT):
        for k in range(1, N):
            rows, labels, query = prompts.inputs[prompt, :k], prompts.labels[prompt, :k], prompts.inputs[prompt, k]
            scale = np.linalg.norm(query)
            for index, regulariser in enumerate(SQUARES):
                plain, ridge = LinearRegression(fit_intercept=False), Ridge(regulariser, fit_intercept=False)
                model = ridge if regulariser else plain
                _, bound = least_squares_bound(rows, labels, regulariser)
                # Scikit-learn's ridge solves the normal equations, whose condition number is squared.
                condition = np.linalg.cond(np.vstack([rows, np.sqrt(regulariser) * np.eye(D)])) if regulariser else 1
                expected = model.fit(rows, labels).predict(query[None])[0]
                assert abs(predictions[index, prompt, k] - expected) <= scale * bound * condition
            for index, share in ((5, "uniform"), (6, lambda distances: distances**-2)):
                model = KNeighborsRegressor(min(3, k), weights=share).fit(rows, labels)
                bound = 20 * D * ULP * np.abs(labels).max()  # a mean whose weights have a few roundings per coordinate
                assert abs(predictions[index, prompt, k] - model.predict(query[None])[0]) <= bound


@given(seed=seeds)
@few
def test_descent_rules_agree_with_loops(seed):
    prompts = problem(seed)
    found = np.asarray(observed.weights_all(prompts, LINEAR))
    for prompt in range(COUNT):
        summed, passed = np.zeros(D), np.zeros(D)
        for k in range(N):
            bound = 10 * N * D * ULP * (np.abs(summed).max() + np.abs(passed).max() + 1) * 50  # rows below 50^½
            assert np.abs(found[3, prompt, k] - summed).max() <= bound
            assert np.abs(found[4, prompt, k] - passed).max() <= bound
            row, label = prompts.inputs[prompt, k], prompts.labels[prompt, k]
            summed = summed + 2 * 0.05 * row * label
            passed = passed - 2 * 0.03 * row * (row @ passed - label)


@given(seed=seeds, exponent=st.integers(-30, 30))
@few
def test_predictions_scale_with_the_labels_bit_for_bit(seed, exponent):
    prompts, factor = problem(seed), -(2.0**exponent)
    scaled = observed.predict_all(prompts._replace(labels=factor * prompts.labels), RULES)
    np.testing.assert_array_equal(scaled, factor * observed.predict_all(prompts, RULES))


@given(seed=seeds, exponent=st.integers(-10, 10))
@few
def test_ridge_scales_with_the_inputs_bit_for_bit(seed, exponent):
    prompts, factor = problem(seed), 2.0**exponent
    scaled = prompts._replace(inputs=factor * prompts.inputs)
    rules = [*(observed.ridge(factor**2 * number) for number in SQUARES), *RULES[3:]]
    plain = observed.predict_all(prompts, RULES)
    np.testing.assert_array_equal(observed.predict_all(scaled, rules)[:3], plain[:3])


@given(seed=seeds)
@few
def test_rotations_change_no_prediction_and_permutations_only_those_of_sgd(seed):
    prompts, rng = problem(seed), np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.standard_normal((D, D)))[0]
    predictions = np.asarray(observed.predict_all(prompts, RULES))
    rotated = np.asarray(observed.predict_all(prompts._replace(inputs=prompts.inputs @ rotation), RULES))
    order = np.append(np.roll(np.arange(N - 1), 3), N - 1)
    permuted = prompts._replace(inputs=prompts.inputs[:, order], labels=prompts.labels[:, order])
    reordered = np.asarray(observed.predict_all(permuted, RULES))
    for prompt in range(COUNT):
        for index in range(len(RULES)):
            for k in range(N):
                rows, labels = prompts.inputs[prompt, :k], prompts.labels[prompt, :k]
                # The rotation is itself rounded: D roundings of each number, which the solution feels as above. A mean
                # of neighbours feels the relative error of a squared distance.
                _, bound = least_squares_bound(rows, labels, SQUARES[index] if index < 3 else 1.0)
                gap = np.min(np.sum((rows - prompts.inputs[prompt, k]) ** 2, axis=1), initial=np.inf)
                bound += 100 * N * D * ULP * (1 + 50 / gap) * 50 * (1 + np.abs(labels).max(initial=0))
                bound *= np.linalg.norm(prompts.inputs[prompt, k]) + 1
                assert abs(rotated[index, prompt, k] - predictions[index, prompt, k]) <= bound
            change = abs(reordered[index, prompt, -1] - predictions[index, prompt, -1])
            assert change > bound if RULES[index].kind == "sgd" else change <= bound


def test_special_cases():
    prompts = problem(4)
    strong = [*(observed.ridge(1e12) for _ in SQUARES), observed.gradient_step(0.03), observed.sgd(0.03)]
    weights, of_strong = (np.asarray(observed.weights_all(prompts, rules)) for rules in (LINEAR, strong))
    row, label = prompts.inputs[:, 0], prompts.labels[:, :1]
    for index, regulariser in enumerate(SQUARES):
        expected = row * label / (regulariser + np.sum(row**2, axis=1, keepdims=True))
        assert np.all(np.abs(weights[index, :, 1] - expected) <= 40 * D * ULP * np.abs(expected).max())
    # One example: a pass is a step. 1e12 regularises to nothing. Norms fall with the regulariser.
    np.testing.assert_allclose(weights[4, :, 1], of_strong[3, :, 1], rtol=8 * ULP)
    assert np.abs(of_strong[0]).max() <= 1e-12 * np.abs(prompts.inputs).max() * np.abs(prompts.labels).sum()
    norms = np.linalg.norm(weights[:3, :, 1:], axis=-1)
    assert np.all(np.diff(norms, axis=0) < 0)


@given(seed=seeds, spoiler=spoilers)
@few
def test_rules_are_linear_in_the_labels(seed, spoiler):
    prompts = problem(seed, spoiler)
    shares = np.asarray(observed.label_weights(prompts.inputs, RULES))
    assert not shares[..., ~np.tri(N, N, -1, bool)].any()
    np.testing.assert_allclose(shares[5:, :, 1:].sum(-1), 1, rtol=N * 4 * ULP)
    predictions = np.asarray(observed.predict_all(prompts, RULES))
    for prompt in range(COUNT):
        for k in range(N):
            rows, labels = prompts.inputs[prompt, :k], prompts.labels[prompt, :k]
            query = prompts.inputs[prompt, k]
            for index in range(len(RULES)):
                regulariser = SQUARES[index] if index < 3 else 1.0
                unit = sum(least_squares_bound(rows, one, regulariser)[1] for one in np.eye(k))
                bound = least_squares_bound(rows, labels, regulariser)[1] + np.abs(labels).max(initial=0) * unit
                bound = (bound + 50 * N * D * ULP * np.abs(labels).sum()) * (1 + query @ query)
                assert abs(shares[index, prompt, k, :k] @ labels - predictions[index, prompt, k]) <= bound


def test_a_neighbour_at_distance_zero_gives_its_label():
    prompts = problem(0)
    prompts.inputs[0, :5] = [[1.0, 0, 0], [2, 0, 0], [1, 0, 0], [1, 0, 0], [5, 5, 0]]
    prompts.labels[0, :5] = [7.0, 1, 4, 0, 0]
    three = np.asarray(observed.predict_all(prompts, RULES))[5:, 0, :5]
    np.testing.assert_array_equal(three[1, :4], [0, 7, 7, 5.5])
    # Of examples at one distance the first is the nearest; fewer than three are all taken.
    np.testing.assert_array_equal(three[0], [0, 7, 4, 4, (1 + 7 + 4) / 3])
    one = [*RULES[:5], observed.nearest_neighbours(1), RULES[6]]
    np.testing.assert_array_equal(observed.predict_all(prompts, one)[5, 0, :4], [0, 7, 7, 7])


def test_other_numbers_are_the_same_program():
    prompts = problem(0)
    observed.predict_all(prompts, RULES)
    before = observed.baselines._predict_all._cache_size()
    observed.predict_all(prompts, [rule._replace(parameter=rule.parameter + 1) for rule in RULES])
    assert observed.baselines._predict_all._cache_size() == before


def test_prompts_are_drawn_with_the_moments_asked_for():
    inputs_covariance, weight_covariance = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, -0.4], [-0.4, 0.5]])
    numbers = {"noise_std": 0.3, "weight_std": 2.0, "weight_mean": 1.5, "input_scale": 3.0}
    covariances = {"input_covariance": inputs_covariance, "weight_covariance": weight_covariance}
    draw = jax.jit(observed.sample_prompts, static_argnums=(1, 2, 3))
    prompts = draw(jax.random.key(0), 40_000, 1, 2, **numbers, **covariances)
    inputs, weights = np.asarray(prompts.inputs[:, 0]), np.asarray(prompts.weights)
    noise = np.asarray(prompts.labels[:, 0]) - np.sum(inputs * weights, axis=1)
    # A sample covariance of n normal numbers has a standard deviation below (2/n)^½ times the variances; six of them.
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
    single = observed.sample_prompts(jax.random.key(0), 3, 2, 2, dtype=jnp.float32)
    assert {part.dtype for part in single} == {np.dtype(np.float32)}


def test_tokens_alternate_inputs_and_labels():
    prompts = problem(2)
    for read in (observed.tokens(prompts)[1], observed.tokens(observed.Prompts(*(part[1] for part in prompts)))):
        np.testing.assert_array_equal(read[::2, 1:], prompts.inputs[1])
        np.testing.assert_array_equal(read[1::2, 0], prompts.labels[1])
        assert not read[::2, 0].any()
        assert not read[1::2, 1:].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"input_covariance": np.eye(3)}, r"input_covariance must have shape \(2, 2\), got \(3, 3\)")],
)
def test_degenerate_prompts_are_refused(changes, message):
    sizes = {"count": 2, "examples": 3, "dimension": 2}
    with pytest.raises(ValueError, match=message):
        observed.sample_prompts(jax.random.key(0), **{**sizes, **changes})


def test_hostile_input_is_refused():
    prompts = problem(0)
    with pytest.raises(ValueError, match="rules must hold at least one rule"):
        observed.predict_all(prompts, [])
    with pytest.raises(ValueError, match="rules must be linear in the query to have weights, got Rule"):
        observed.weights_all(prompts, RULES)
    with pytest.raises(ValueError, match=r"prompts must have inputs \[count, examples, dimension\]"):
        observed.predict_all(observed.Prompts(*(part[0] for part in prompts)), RULES)
    spoiled = prompts.labels.copy()
    spoiled[0, 0] = np.nan
    with pytest.raises(ValueError, match="prompts must be finite"):
        observed.predict_all(prompts._replace(labels=spoiled), RULES)
    with pytest.raises(ValueError, match="prompts must be finite"):
        observed.predict_all(prompts._replace(inputs=np.inf * np.sign(prompts.inputs)), RULES)
    with jax.enable_x64(False), pytest.raises(TypeError, match="textbook learners needs float64"):
        observed.predict_all(prompts, RULES)
