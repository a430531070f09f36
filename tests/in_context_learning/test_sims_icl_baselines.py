"""Prompts and textbook learners against scikit-learn and plain loops, and what must not move them."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

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
