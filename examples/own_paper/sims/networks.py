"""Networks at initialisation: the expectation over all weights +-sqrt(gain / n), each of them
tried.
"""

from itertools import product

import numpy as np

from tools.helpers import relu


def mean_square(inputs, depth, gain=2.0, activation=relu):
    """Exact mean square of the pre-activations of layer `depth`, averaged over every choice of
    signs; inputs [n].
    """
    n = len(inputs)
    # A unit reads one row of signs and the units of a layer are exchangeable: rows, not matrices,
    # are enumerated.
    rows = np.array(list(product([-1.0, 1.0], repeat=n))) * np.sqrt(gain / n)
    layers = inputs[None]
    for _ in range(depth - 1):
        units = activation(layers @ rows.T)
        layers = np.stack(
            [units[:, list(choice)] for choice in product(range(len(rows)), repeat=n)], axis=1
        )
        layers = layers.reshape(-1, n)
    return np.mean((layers @ rows.T) ** 2)
