"""Masking (as in CutMix), and where its minimiser goes as the separability grows.

The noise vanishes, the loss then depends on v = w * μ alone, and for an exchangeable law of masks
it is symmetric and strictly convex in v: v tends to a multiple of the ones, and w to a multiple of
1 / μ, whatever the noise covariance. Oh & Yun 2023 (arXiv 2306.00267) prove that masking converges
to a suboptimal classifier; these laws are derived here.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float

from theory.mixup.gaussian_pair import GaussianPair
from theory_on_trial.contract import PROBABILITIES, Holds, Interval, Size, guarded, require

_FLAT = "no zero coordinate (it would be flat in the limit of infinite separability)"
_MOST_ENTRIES = 2**36


@guarded
def all_masks(
    dim: Annotated[
        int, Interval(1, 14, why="all 2^d masks are listed; draw masks or list boxes beyond")
    ],
) -> Bool[np.ndarray, "masks dim"]:
    """All 2^d masks of d = `dim` coordinates, `True` where the first point is kept."""
    return (np.arange(2**dim)[:, None] >> np.arange(dim)) % 2 == 1


@guarded
def box_masks(height: Size, width: Size) -> Bool[np.ndarray, "boxes pixels"]:
    """One mask per non-empty box, h (h + 1) w (w + 1) / 4 of them, `False` in the box, pixels row
    by row.
    """
    entries = height**2 * (height + 1) * width**2 * (width + 1) // 4
    require(
        entries <= _MOST_ENTRIES,
        f"height and width must ask for at most 2^36 entries, got {entries:.3g}",
    )
    boxes = np.einsum("ay,bx->abyx", _intervals(height), _intervals(width))
    return ~boxes.reshape(-1, height * width)


@guarded
def mask_limit_direction(
    mean: Annotated[
        Float[np.ndarray, " dim"],
        Holds("no zero", f"have {_FLAT}", lambda mean: bool(np.all(mean))),
    ],
) -> Float[np.ndarray, " dim"]:
    """The limit direction 1 / μ (elementwise, not normalised) of exchangeable masking as κ grows.

    It needs masks whose share of coordinates is not always 0, 1/2 or 1, hence d >= 3, or d = 2 for
    the direction only.
    """
    return 1 / mean


@guarded
def mask_limit_scale(
    dim: Size, size_probabilities: Annotated[Float[np.ndarray, " sizes"], PROBABILITIES]
) -> float:
    """The constant c_d with w * μ -> c_d as κ grows, for an exchangeable law of masks labelled by
    their share.

    `size_probabilities` [d + 1] is the law of the number K of kept coordinates, 0, ..., d. c_d is
    the root of d (s(dc) - 1) + E[(s((2K - d) c) - K/d)(2K - d)] = 0, s the logistic function.
    Derived here. `ValueError` unless the probabilities are those of d + 1 sizes, or if K is always
    0, d/2 or d, where the minimiser is unbounded.
    """
    from scipy.optimize import brentq
    from scipy.special import expit

    count = size_probabilities.size
    require(
        count == dim + 1,
        f"size_probabilities must have one entry for each size 0, ..., {dim}, got {count}",
    )
    sizes = np.arange(dim + 1)
    contrasts = 2.0 * sizes - dim
    labels = sizes / dim
    inner = size_probabilities[(sizes > 0) & (sizes < dim) & (contrasts != 0)]
    require(
        np.any(inner),
        "size_probabilities must allow a size other than 0, dim / 2 and dim: no limit otherwise",
    )

    def slope(scale: float) -> float:
        residual = (1 - labels) * expit(contrasts * scale) - labels * expit(-contrasts * scale)
        return float(-dim * expit(-dim * scale) + size_probabilities @ (residual * contrasts))

    highest = next(scale for scale in 2.0 ** np.arange(60) if slope(scale) >= 0)
    return float(brentq(slope, 0, highest, xtol=1e-300, rtol=8.9e-16))


@guarded
def mask_limit_error_ratio(pair: GaussianPair) -> float:
    """R = d / (m |Σ^(1/2) (1 / μ)|) in (0, 1]: the test error at the limit of masking is Φ(-sqrt(a)
    r).

    One exactly if Σ (1 / μ) is a multiple of μ. `ValueError` if a coordinate of the mean is zero.
    """
    require(np.all(pair.mean), f"the mean of the pair must have {_FLAT}, got {pair.mean.tolist()}")
    direction = mask_limit_direction(pair.mean)
    return float(pair.dim / np.sqrt(pair.signal * (direction @ pair.covariance @ direction)))


def _intervals(length: int) -> Bool[np.ndarray, "intervals length"]:
    first, last = np.triu_indices(length)
    position = np.arange(length)
    return (first[:, None] <= position) & (position <= last[:, None])
