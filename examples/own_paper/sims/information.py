import numpy as np

from tools.helpers import log_sum_exp


def infonce(scores):
    """The estimate log K - loss of a critic's scores [..., K, K], the pairs on the diagonal."""
    batch = scores.shape[-1]
    positive = np.diagonal(scores, axis1=-2, axis2=-1)
    return np.log(batch) + np.mean(positive - log_sum_exp(scores), axis=-1)


def critics(rng, batch, dim, sharpness):
    """Scores [len(sharpness), batch, batch]: inner products of noisy pairs of unit vectors, times a
    sharpness each.
    """
    x = rng.standard_normal((len(sharpness), batch, dim))
    y = x + 0.2 * rng.standard_normal(x.shape)
    x, y = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (x, y))
    return np.asarray(sharpness)[:, None, None] * (x @ np.swapaxes(y, -1, -2))
