"""Networks at initialisation (He, Zhang, Ren and Sun 2015)."""

import numpy as np


def mean_square(inputs, depth, gain=2.0):
    """E of the mean square of pre-activations: inputs [n], symmetric weights of variance gain / n,
    ReLU in between.
    """
    return gain * np.mean(inputs**2) * (gain / 2) ** (depth - 1)
