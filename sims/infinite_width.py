"""Networks of any width and parametrisation, trained by stochastic gradient descent, many at a
time.
"""

from functools import reduce
from typing import Annotated, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import Interval, guarded, require, require_room

Activation = Literal["linear", "tanh"]
Some = Annotated[int, Interval(1, 2**24)]
"""How many networks, units, inputs or outputs."""
Wide = Annotated[int, Interval(3, 2**53, why="the law of fewer units has other parts")]
"""n of networks that are not drawn."""
Rate = Annotated[float, Interval(0, 1e50, "()")]
"""η, before any power of the width."""
Exponent = Annotated[
    float, Interval(-50, 50, why="powers of the width must stay in the range of floats")
]
Exponents = Annotated[
    Float[np.ndarray, " layers"], Interval(-50, 50, why="powers of the width stay in their range")
]
Samples = Annotated[Float[np.ndarray, "batch inputs"], Interval(-1e50, 1e50)]
Errors = Annotated[Float[np.ndarray, "*nets batch outputs"], Interval(-1e50, 1e50)]
"""f - y."""
Batches = Annotated[Float[np.ndarray, "steps batch inputs"], Interval(-1e50, 1e50)]
Targets = Annotated[Float[np.ndarray, "steps batch outputs"], Interval(-1e50, 1e50)]


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


Vector = Float[np.ndarray, " _"]
Rule = tuple[Vector, Vector]
"""Nodes and chances."""


@guarded(double=False)
def draw_network(
    rng: np.random.Generator,
    nets: Some,
    width: Some,
    a: Exponents,
    b: Exponents,
    c: Exponent,
    *,
    rate: Rate = 1.0,
    inputs: Some = 1,
    outputs: Some = 1,
    activation: Activation = "tanh",
) -> Network:
    """Draw networks of n units in every hidden layer, with the learning rate η n^(-c).

    Layer l multiplies by W^l = n^(-a_l) w^l with w^l ~ N(0, n^(-2 b_l)).

    Raises ValueError for fewer than two layers, for unequally many a and b, and for more weights
    than memory holds.
    """
    require(
        len(a) == len(b) >= 2,
        f"a and b must have as many entries, two or more, got {len(a)} and {len(b)}",
    )
    ends = [inputs, *[width] * (len(a) - 1), outputs]
    shapes = list(zip(ends[1:], ends[:-1], strict=True))
    require_room("nets, width, inputs and outputs", nets * max(out * into for out, into in shapes))
    n = np.float64(width)
    weights = tuple(
        n**-power * rng.standard_normal((nets, *shape))
        for power, shape in zip(b, shapes, strict=True)
    )
    return Network(weights, tuple(float(n**-power) for power in a), float(rate * n**-c), activation)


@guarded(double=False)
def shallow_network(
    rng: np.random.Generator,
    nets: Some,
    width: Some,
    s: Exponent,
    rate: Rate,
    inputs: Some = 1,
    outputs: Some = 1,
) -> Network:
    """Draw linear networks of the family F_s: f = n^(s - 1) V U x with standard normal entries of U
    and V, and the learning rate η n^(1 - 2 s).
    """
    a = np.array([0.0, 1 - s])
    b = np.zeros(2)
    ends = {"inputs": inputs, "outputs": outputs}
    return draw_network(rng, nets, width, a, b, 2 * s - 1, rate=rate, activation="linear", **ends)


@guarded(double=False)
def reduced_nodes(
    width: Wide, s: Exponent, rate: Rate
) -> tuple[Network, Float[np.ndarray, " nodes"]]:
    """Return networks of two units and the probability of each, with which the means of their
    outputs are those of `shallow_network`.

    A linear network of one input and one output depends on its 2 n weights only through their
    products. Bartlett's triangle of two χ numbers and one normal number has the same products.
    Gauss's rule takes eight nodes for each of these three numbers; the error of a mean is of the
    order n^-8.
    """
    (first, second, across), chances = _product(_chi(width, 8), _chi(width - 1, 8), _normal(8))
    return _triangle(first, second, across, float(width), s, rate), chances


@guarded(double=False)
def deep_nodes(
    width: Wide, a: Exponents, b: Exponents, c: Exponent
) -> tuple[Network, Float[np.ndarray, " nodes"]]:
    """Return linear networks of two units in each of two hidden layers, and the probability of
    each, for the input 1.

    In one step of descent their last hidden activations change: the squared change, summed over
    units, has the same mean as for n units. This is exact, because the square is of degree two in
    the squared lengths and of degree four in the normal number. Raises ValueError unless there are
    three layers.
    """
    require(len(a) == len(b) == 3, f"a and b must have three entries, got {len(a)} and {len(b)}")
    readout = _chi(width, 2)
    column = _chi(width - 1, 2)
    (out, row, down, along, across), chances = _product(
        readout, readout, column, _normal(3), column
    )
    none = np.zeros(len(out))
    n = np.float64(width)
    rows = [[[along], [across]], [[row, none], [down, none]], [[out, none]]]
    weights = tuple(
        n**-power * np.moveaxis(np.array(layer), -1, 0)
        for power, layer in zip(b, rows, strict=True)
    )
    return Network(weights, tuple(float(n**-power) for power in a), float(n**-c), "linear"), chances


def _triangle(
    first: Vector, second: Vector, across: Vector, n: float, s: float, rate: float
) -> Network:
    """The network of F_s whose weights have Bartlett's triangle as their root."""
    into = np.stack([first, 0 * first], axis=1)[:, :, None] / np.sqrt(n)
    out = np.stack([across, second], axis=1)[:, None, :] / np.sqrt(n)
    return Network((into, out), (1.0, n**s), rate * n ** (-2 * s), "linear")


def _product(*rules: Rule) -> tuple[list[Vector], Vector]:
    """Return the nodes of a product of rules, a list for each rule, and their probabilities."""
    nodes, chances = (np.meshgrid(*[rule[k] for rule in rules], indexing="ij") for k in (0, 1))
    return [axis.ravel() for axis in nodes], reduce(np.multiply, chances).ravel()


def _chi(freedom: int, count: int) -> Rule:
    """Return the roots of Gauss's nodes for χ^2 of so many degrees of freedom, and their
    probabilities.
    """
    order = freedom / 2
    k = np.arange(1, count)
    nodes, chances = _gauss(order + 2 * np.arange(count), np.sqrt(k * (k + order - 1)))
    return np.sqrt(2 * nodes), chances


def _normal(count: int) -> Rule:
    return _gauss(np.zeros(count), np.sqrt(np.arange(1, count)))


def _gauss(diagonal: Vector, beside: Vector) -> Rule:
    """Return the nodes and probabilities that the recurrence of the orthogonal polynomials gives
    (Golub & Welsch).
    """
    nodes, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
    return nodes, vectors[0] ** 2
