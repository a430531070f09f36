"""The two forms of GeLU: GeLU(z) = z (1 + gate(g(z))) / 2."""

import numpy as np
from jaxtyping import Float

CUBIC = 0.044715  # of the tanh form


def gate_argument(z: Float[np.ndarray, "*points"], form: str) -> Float[np.ndarray, "*points"]:
    """g(z) = z / sqrt(2) where the gate is erf, sqrt(2/π) (z + 0.044715 z^3) where it is tanh."""
    return z / np.sqrt(2) if form == "erf" else np.sqrt(2 / np.pi) * (z + CUBIC * z**3)
