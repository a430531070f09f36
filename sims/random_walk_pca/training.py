"""Small networks trained by SGD with momentum: the trajectories the paper compares with random
walks.
"""

import itertools
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, Key, ScalarLike

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import Interval, Size, guarded, is_traced, require, require_room

Loss = Literal["squared", "cross_entropy"]


class TrainingRun(NamedTuple):
    """One run: the flat parameters after each step, the loss of each batch before its step, and the
    final accuracy.
    """

    parameters: Float[Array, "steps parameters"]
    losses: Float[Array, "steps"]
    accuracy: Float[Array, ""]


def digits() -> tuple[Float[np.ndarray, "examples pixels"], Float[np.ndarray, "examples classes"]]:
    """Scikit-learn's handwritten digits: 1797 images of 64 pixels scaled to [0, 1], and their
    classes one-hot.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return images / 16.0, np.eye(10)[labels]


@guarded(double=False)
def train(
    key: Key[Array, ""],
    inputs: Float[AnyArray, "examples features"],
    targets: Float[AnyArray, "examples outputs"],
    *,
    hidden: tuple[Size, ...] = (),
    loss: Loss = "squared",
    n_steps: Size = 2000,
    batch: Size = 32,
    learning_rate: ScalarLike | Float[AnyArray, "steps"] = 0.02,
    momentum: Annotated[ScalarLike, Interval(0, 1, "[)")] = 0.0,
) -> TrainingRun:
    """Train a ReLU network by SGD with heavy-ball momentum and record its parameters after every
    step.

    Batches are drawn with replacement; weights start as N(0, 1/fan-in), biases at 0; the loss is
    the mean over the batch of half the squared error, or of the cross entropy of a softmax, whose
    targets are one-hot. Without a hidden layer the model is linear. `learning_rate` is one number,
    or a schedule with one for each step. Infinite or NaN where the rate is so large that the run
    diverges. Raises ValueError for more parameters than memory can hold,
    and for targets that are not one-hot with the cross entropy. Source: section on trained networks
    of Antognini & Sohl-Dickstein 2018; data set and sizes: chosen here.
    """
    widths = (inputs.shape[1], *hidden, targets.shape[1])
    n_parameters = sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise(widths))
    require_room("n_steps and hidden", n_steps * n_parameters)
    one_hot = loss != "cross_entropy" or is_traced(targets) or _is_one_hot(np.asarray(targets))
    require(
        one_hot, "targets must be one-hot for the cross entropy: a single 1 in each row, and zeros"
    )
    inputs = jnp.asarray(inputs)
    targets = jnp.asarray(targets)
    start_key, batch_key = jax.random.split(key)
    start, unravel = ravel_pytree(_initial_layers(start_key, widths))

    def batch_loss(flat, examples):
        outputs = _outputs(unravel(flat), inputs[examples])
        if loss == "squared":
            return 0.5 * jnp.sum((outputs - targets[examples]) ** 2) / batch
        return -jnp.sum(targets[examples] * jax.nn.log_softmax(outputs)) / batch

    def step(state, inputs_of_step):
        flat, velocity = state
        index, rate = inputs_of_step
        examples = jax.random.randint(
            jax.random.fold_in(batch_key, index), (batch,), 0, inputs.shape[0]
        )
        value, gradient = jax.value_and_grad(batch_loss)(flat, examples)
        velocity = momentum * velocity - rate * gradient
        flat = flat + velocity
        return (flat, velocity), (flat, value)

    rates = jnp.broadcast_to(jnp.asarray(learning_rate, start.dtype), (n_steps,))
    (final, _), (parameters, losses) = lax.scan(
        step, (start, jnp.zeros_like(start)), (jnp.arange(n_steps), rates)
    )
    guesses = jnp.argmax(_outputs(unravel(final), inputs), axis=1)
    return TrainingRun(
        parameters, losses, jnp.mean(guesses == jnp.argmax(targets, axis=1), dtype=start.dtype)
    )


@guarded(double=False)
def training_gram(run: TrainingRun) -> Float[Array, "steps steps"]:
    """Return the T x T Gram matrix of a run's recorded parameters.

    In one compiled program the parameters are never stored. The first recorded point is taken as
    the origin. A window of steps is a diagonal block of the matrix. `shuffle_points` and
    `principal_components_of_gram` take the matrix as it is.
    """
    from_start = run.parameters - run.parameters[0]
    return from_start @ from_start.T


def _is_one_hot(targets):
    return np.isin(targets, (0, 1)).all() and (targets.sum(axis=1) == 1).all()


def _initial_layers(key, widths):
    keys = jax.random.split(key, len(widths) - 1)
    return [
        (jax.random.normal(layer_key, (fan_in, fan_out)) * fan_in**-0.5, jnp.zeros(fan_out))
        for layer_key, fan_in, fan_out in zip(keys, widths[:-1], widths[1:], strict=True)
    ]


def _outputs(layers, inputs):
    *hidden, (last_weights, last_biases) = layers
    for weights, biases in hidden:
        inputs = jax.nn.relu(inputs @ weights + biases)
    return inputs @ last_weights + last_biases
