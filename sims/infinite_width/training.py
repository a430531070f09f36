"""Forward and backward passes of many networks at a time, and gradient descent on them, in
NumPy.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sims.infinite_width.domains import Activation, Batches, Errors, Samples, Targets
from theory_on_trial.contract import guarded, require

Layers = list[Float[np.ndarray, "nets batch _"]]


class Network(NamedTuple):
    """Several networks of one shape.

    `weights` holds one array (nets, units out, units in) for each layer, from the inputs to the
    readout. `multipliers` multiply the weights of each layer, `rate` is that of gradient descent on
    the weights, and `activation` is that of every layer but the readout.
    """

    weights: tuple[Float[np.ndarray, "nets out in"], ...]
    multipliers: tuple[float, ...]
    rate: float
    activation: Activation


@guarded(double=False)
def outputs(network: Network, x: Samples) -> Float[np.ndarray, "nets batch outputs"]:
    """Return the outputs f(x) of every network for a batch of inputs."""
    return _forward(network, x)[-1]


@guarded(double=False)
def features(network: Network, x: Samples) -> Float[np.ndarray, "nets batch units"]:
    """Return the activations of the last hidden layer."""
    return _forward(network, x)[-2]


@guarded(double=False)
def sgd_step(network: Network, x: Samples, errors: Errors) -> Network:
    """Return the networks after one step of descent on the mean over the batch of (f - y)^2 / 2,
    where `errors` are f - y.
    """
    layers = _forward(network, x)
    steps = _gradients(
        network, layers, network.rate / len(x) * np.broadcast_to(errors, layers[-1].shape)
    )
    return network._replace(
        weights=tuple(w - step for w, step in zip(network.weights, steps, strict=True))
    )


@guarded(double=False)
def train(
    network: Network, x: Batches, y: Targets
) -> tuple[Network, Float[np.ndarray, "steps nets batch outputs"]]:
    """Return the networks after one step on each batch in turn, and their outputs on each batch
    before its step.
    """
    history = []
    for batch, target in zip(x, y, strict=True):
        history.append(outputs(network, batch))
        network = sgd_step(network, batch, history[-1] - target)
    return network, np.array(history)


@guarded(double=False)
def kernel_descent(network: Network, x: Batches, y: Targets) -> Float[np.ndarray, "steps nets"]:
    """Return the outputs that `train` would give if the networks were linear in their weights
    around the start. Raises ValueError unless batches are single samples and networks have one
    output.
    """
    require(
        x.shape[1] == 1 and y.shape[1:] == (1, 1),
        "x and y must hold single samples and single outputs",
    )
    gradients = []
    now = []
    for sample in x:
        layers = _forward(network, sample)
        steps = _gradients(network, layers, np.ones_like(layers[-1]))
        gradients.append(np.concatenate([step.reshape(len(step), -1) for step in steps], axis=1))
        now.append(layers[-1][:, 0, 0])
    of_net = np.array(gradients).swapaxes(0, 1)
    kernel = of_net @ of_net.swapaxes(1, 2)
    f = np.array(now)
    history = []
    for t, target in enumerate(y[:, 0, 0]):
        history.append(f[t])
        f = f - network.rate * kernel[:, t].T * (f[t] - target)
    return np.array(history)


def _forward(network: Network, x: Samples) -> Layers:
    """The inputs and the activations of every layer."""
    layers = [np.broadcast_to(x, (len(network.weights[0]), *x.shape))]
    for w, multiplier in zip(network.weights, network.multipliers, strict=True):
        sums = multiplier * (layers[-1] @ w.swapaxes(1, 2))
        hidden = len(layers) < len(network.weights)
        layers.append(np.tanh(sums) if hidden and network.activation == "tanh" else sums)
    return layers


def _gradients(
    network: Network, layers: Layers, back: Float[np.ndarray, "nets batch outputs"]
) -> list[Float[np.ndarray, "nets _ _"]]:
    """The gradient in every layer's weights of the sum over the batch of outputs times `back`."""
    gradients: list[Float[np.ndarray, "nets _ _"]] = []
    for depth in range(len(network.weights) - 1, -1, -1):
        w = network.weights[depth]
        signal = network.multipliers[depth] * back
        across = signal.swapaxes(1, 2)
        gradients.insert(0, across * layers[depth] if len(back[0]) == 1 else across @ layers[depth])
        if depth:
            back = signal @ w
            if network.activation == "tanh":
                back = back * (1 - layers[depth] ** 2)
    return gradients
