"""Masking (as in CutMix), and where its minimiser goes as the separability grows.

The noise vanishes, the loss then depends on v = w * mu alone, and for an exchangeable law of masks it is symmetric and
strictly convex in v: v tends to a multiple of the ones, and w to a multiple of 1 / mu, whatever the noise covariance.
Oh & Yun 2023 (arXiv 2306.00267) prove that masking converges to a suboptimal classifier; these laws are derived here.
"""

import numpy as np
from jaxtyping import Bool, Float

from theory.mixup._validation import check_probabilities
from theory.mixup.gaussian_pair import GaussianPair
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_at_least, check_finite

_MOST_COORDINATES = 14


@validated
def all_masks(dim: int) -> Bool[np.ndarray, "masks dim"]:
    """All 2^d masks of d = `dim` coordinates, `True` where the first point is kept; d in 1, ..., 14.

    `ValueError` beyond: draw masks or list boxes there.
    """
    check_at_least("dim", dim, 1)
    if dim > _MOST_COORDINATES:
        raise ValueError(
            f"dim must be at most {_MOST_COORDINATES} to enumerate all masks (use sampled masks or boxes), got {dim}"
        )
    return (np.arange(2**dim)[:, None] >> np.arange(dim)) % 2 == 1


@validated
def box_masks(height: int, width: int) -> Bool[np.ndarray, "boxes pixels"]:
    """One mask per non-empty axis-parallel box of a `height` x `width` image, `False` in the box, pixels row by row.

    There are h (h + 1) w (w + 1) / 4 of them. `ValueError` if a side is below 1.
    """
    check_at_least("height", height, 1)
    check_at_least("width", width, 1)
    boxes = np.einsum("ay,bx->abyx", _intervals(height), _intervals(width))
    return ~boxes.reshape(-1, height * width)


@validated
def mask_limit_direction(mean: Float[np.ndarray, " dim"]) -> Float[np.ndarray, " dim"]:
    """The limit direction 1 / mu (elementwise, not normalised) of exchangeable masking as kappa grows.

    It needs masks whose share of coordinates is not always 0, 1/2 or 1, hence d >= 3, or d = 2 for the direction only.
    `ValueError` if a coordinate of the mean is zero or not finite.
    """
    check_finite("mean", mean)
    if np.any(mean == 0):
        raise ValueError(
            f"mean must have no zero coordinate: coordinate {int(np.argmin(np.abs(mean)))} is flat in the limit of "
            "infinite separability; limit formula invalid, use mask_minimiser at finite separability"
        )
    return 1 / mean


@validated
def mask_limit_scale(dim: int, size_probabilities: Float[np.ndarray, " sizes"]) -> float:
    """The constant c_d with w * mu -> c_d as kappa grows, for an exchangeable law of masks labelled by their share.

    `size_probabilities` [d + 1] is the law of the number K of kept coordinates, 0, ..., d. c_d is the root of
    d (s(dc) - 1) + E[(s((2K - d) c) - K/d)(2K - d)] = 0, s the logistic function. `ValueError` if `dim` < 1, the
    probabilities are not those of d + 1 sizes, or K is always 0, d/2 or d, where the minimiser is unbounded.
    """
    from scipy.optimize import brentq
    from scipy.special import expit

    check_at_least("dim", dim, 1)
    if size_probabilities.size != dim + 1:
        raise ValueError(
            f"size_probabilities must have one entry for each size 0, ..., {dim}, got {size_probabilities.size}"
        )
    check_probabilities("size_probabilities", size_probabilities)
    sizes = np.arange(dim + 1)
    contrasts, labels = 2.0 * sizes - dim, sizes / dim
    if not np.any(size_probabilities[(sizes > 0) & (sizes < dim) & (contrasts != 0)] > 0):
        raise ValueError(
            "size_probabilities must allow a size other than 0, dim / 2 and dim: no finite limit otherwise"
        )

    def slope(scale: float) -> float:
        residual = (1 - labels) * expit(contrasts * scale) - labels * expit(-contrasts * scale)
        return float(-dim * expit(-dim * scale) + size_probabilities @ (residual * contrasts))

    highest = next(scale for scale in 2.0 ** np.arange(60) if slope(scale) >= 0)
    return float(brentq(slope, 0, highest, xtol=1e-300, rtol=8.9e-16))


@validated
def mask_limit_error_ratio(pair: GaussianPair) -> float:
    """R = d / (m |Sigma^(1/2) (1 / mu)|) in (0, 1]: the test error at the limit of masking is Phi(-sqrt(a) r).

    It is one, and masking harmless in the limit, exactly if Sigma (1 / mu) is a multiple of mu. `ValueError` if a
    coordinate of the mean is zero.
    """
    direction = mask_limit_direction(pair.mean)
    return float(pair.dim / np.sqrt(pair.signal * (direction @ pair.covariance @ direction)))


def _intervals(length: int) -> Bool[np.ndarray, "intervals length"]:
    first, last = np.triu_indices(length)
    position = np.arange(length)
    return (first[:, None] <= position) & (position <= last[:, None])
