"""Trained networks: SGD with momentum against a loop in NumPy, and the Gram matrix against the parameters."""

import jax
import numpy as np
import pytest

import sims.random_walk_pca as observed

ULP = 2.0**-53
KEY = jax.random.key(5)
RNG = np.random.default_rng(0)
INPUTS = RNG.standard_normal((12, 4))
TARGETS = np.eye(3)[RNG.integers(0, 3, 12)]


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_linear_model_follows_the_loop(loss):
    n_steps, batch, rate, momentum = 15, 5, 0.1, 0.7
    run = observed.train(
        KEY, INPUTS, TARGETS, loss=loss, n_steps=n_steps, batch=batch, learning_rate=rate, momentum=momentum
    )
    start_key, batch_key = jax.random.split(KEY)
    weights = np.asarray(jax.random.normal(jax.random.split(start_key, 1)[0], (4, 3))) / 2.0
    weights = np.vstack([weights, np.zeros(3)])  # the biases are the weights of a constant input
    velocity = np.zeros_like(weights)
    for step in range(n_steps):
        examples = np.asarray(jax.random.randint(jax.random.fold_in(batch_key, step), (batch,), 0, 12))
        inputs = np.column_stack([INPUTS[examples], np.ones(batch)])
        outputs = inputs @ weights
        if loss == "squared":
            value = 0.5 * np.sum((outputs - TARGETS[examples]) ** 2) / batch
            residuals = outputs - TARGETS[examples]
        else:
            probabilities = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
            value = -np.sum(TARGETS[examples] * np.log(probabilities)) / batch
            residuals = probabilities - TARGETS[examples]
        # Fifty roundings a step, of numbers below ten, that later steps do not enlarge (the rate is a stable one).
        bound = 50 * (step + 1) * ULP * 10
        assert abs(run.losses[step] - value) <= bound
        velocity = momentum * velocity - rate * inputs.T @ residuals / batch
        weights = weights + velocity
        by_layer = np.sort(np.concatenate([weights[4], weights[:4].ravel()]))
        assert np.all(np.abs(np.sort(run.parameters[step]) - by_layer) <= bound)
    guesses = np.argmax(np.column_stack([INPUTS, np.ones(12)]) @ weights, axis=1)
    assert abs(run.accuracy - np.mean(guesses == np.argmax(TARGETS, axis=1))) <= 2 * ULP


def test_network_learns_and_its_gram_is_that_of_its_parameters():
    options = dict(hidden=(6, 5), loss="cross_entropy", n_steps=300, batch=12, learning_rate=0.1, momentum=0.5)
    run = observed.train(KEY, INPUTS, TARGETS, **options)
    assert run.parameters.shape == (300, 4 * 6 + 6 + 6 * 5 + 5 + 5 * 3 + 3)
    assert np.mean(run.losses[-20:]) < 0.5 * np.mean(run.losses[:20])
    gram = observed.training_gram(run)
    from_start = np.asarray(run.parameters - run.parameters[0])
    assert np.all(np.abs(gram.gram - from_start @ from_start.T) <= 4 * 83 * ULP * np.sum(from_start**2, axis=1).max())
    assert gram.accuracy == run.accuracy
    window = slice(100, 200)
    of_gram = observed.principal_components_of_gram(gram.gram[window, window], 2)
    of_points = observed.principal_components(run.parameters[window], 2)
    lost = np.trace(gram.gram[window, window]) / of_points.total_variance
    bound = 20 * 100 * ULP * lost
    ratios = of_gram.variances / of_gram.total_variance, of_points.variances / of_points.total_variance
    assert np.all(np.abs(ratios[0] - ratios[1]) <= bound)


def test_rates_do_not_recompile_and_a_rate_of_zero_stays():
    traces = []

    @jax.jit
    def last_point(learning_rate, momentum):
        traces.append(learning_rate)
        options = dict(n_steps=3, batch=2, learning_rate=learning_rate, momentum=momentum)
        return observed.train(KEY, INPUTS, TARGETS, **options).parameters

    still = last_point(0.0, 0.0)
    last_point(0.1, 0.9)
    assert len(traces) == 1
    np.testing.assert_array_equal(still[0], still[-1])


def test_digits_are_scaled_images_and_one_hot_classes():
    images, classes = observed.digits()
    assert images.shape == (1797, 64)
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert classes.shape == (1797, 10)
    np.testing.assert_array_equal(classes.sum(axis=1), 1)


def test_joint_conditions_get_one_sentence():
    with pytest.raises(ValueError, match="targets must be one-hot for the cross entropy"):
        observed.train(KEY, INPUTS, 2 * TARGETS, loss="cross_entropy")
    with pytest.raises(ValueError, match=r"n_steps and hidden must ask for arrays of at most 2\^36 numbers"):
        observed.train(KEY, INPUTS, TARGETS, hidden=(2**29, 2**29))
