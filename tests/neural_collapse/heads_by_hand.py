"""Deep linear heads by their definition: decays to draw, and how far the gradient rounds."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

UNIT_ROUNDOFF = 2.0**-53
general = settings(deadline=None, derandomize=True, max_examples=40)

decay = st.floats(-3, 0).map(lambda exponent: 10.0**exponent)


def rounding_of_gradient(parameters, sizes, decays, feature_decay):
    """64 u (ops) times the largest sum of magnitudes that cancel in a gradient entry."""
    *weights, features, _ = parameters
    norms = [max(np.linalg.norm(w, 2), 1e-300) for w in [*weights, features * np.sqrt(sizes)]]
    product = np.prod(norms)
    outputs = product + 2 * np.sqrt(np.sum(sizes))
    scale = max(product / norm * outputs / np.sum(sizes) for norm in norms)
    scale += max(d * norm for d, norm in zip([*decays, feature_decay], norms, strict=True))
    n_operations = (
        len(weights)
        * max(max(w.shape) for w in weights)
        * (1 + np.abs(np.log([*decays, feature_decay])).sum())
    )
    return (
        64
        * n_operations
        * UNIT_ROUNDOFF
        * (scale + outputs / np.sqrt(np.sum(sizes)))
        * np.sqrt(np.max(sizes))
    )
