"""Networks at initialisation, of any parametrisation. For linear ones a few networks at quadrature
nodes stand for their law.
"""

from functools import reduce

import numpy as np
from jaxtyping import Float

from sims.infinite_width.domains import Activation, Exponent, Exponents, Rate, Some, Wide
from sims.infinite_width.training import Network
from theory_on_trial.contract import guarded, require, require_room

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
