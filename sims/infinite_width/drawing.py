"""Networks at initialisation: of any parametrisation, of the linear family F_s, and of that one with few units."""

import numpy as np

from sims.infinite_width._domains import Activation, Exponent, Exponents, Rate, Some
from sims.infinite_width.training import Network
from theory_on_trial.contract import guarded, require, require_room


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
    """Draw networks of n units in every hidden layer: W^l = n^(-a_l) w^l, w^l ~ N(0, n^(-2 b_l)), rate eta n^(-c).

    Raises ValueError for fewer than two layers, unequally many a and b, and more weights than memory holds.
    """
    require(len(a) == len(b) >= 2, f"a and b must have as many entries, two or more, got {len(a)} and {len(b)}")
    ends = [inputs, *[width] * (len(a) - 1), outputs]
    shapes = list(zip(ends[1:], ends[:-1], strict=True))
    require_room("nets, width, inputs and outputs", nets * max(out * into for out, into in shapes))
    n = np.float64(width)
    weights = tuple(n**-each * rng.standard_normal((nets, *shape)) for each, shape in zip(b, shapes, strict=True))
    return Network(weights, tuple(float(n**-each) for each in a), float(rate * n**-c), activation)


@guarded(double=False)
def shallow_network(
    rng: np.random.Generator, nets: Some, width: Some, s: Exponent, rate: Rate, inputs: Some = 1, outputs: Some = 1
) -> Network:
    """Draw linear networks of the family F_s: f = n^(s - 1) V U x with normal entries, rate eta n^(1 - 2 s)."""
    a, b = np.array([0.0, 1 - s]), np.zeros(2)
    ends = {"inputs": inputs, "outputs": outputs}
    return draw_network(rng, nets, width, a, b, 2 * s - 1, rate=rate, activation="linear", **ends)


@guarded(double=False)
def reduced_network(rng: np.random.Generator, nets: Some, width: Some, s: Exponent, rate: Rate) -> Network:
    """Draw networks of two units whose outputs have, at every step, the law of those of `shallow_network`.

    A linear network of one input and one output depends on its 2 n weights by their products alone, which Bartlett's
    triangle of two chi and one normal numbers has. Raises ValueError for a single unit.
    """
    require(width >= 2, f"width must be at least 2: one unit has no second chi, got {width}")
    first, second = (np.sqrt(rng.chisquare(width - lost, nets) / width) for lost in (0, 1))
    across = rng.standard_normal(nets) / np.sqrt(width)
    into = np.stack([first, np.zeros(nets)], axis=1)[:, :, None]
    out = np.stack([across, second], axis=1)[:, None, :]
    n = np.float64(width)
    return Network((into, out), (1.0, float(n**s)), float(rate * n ** (-2 * s)), "linear")
