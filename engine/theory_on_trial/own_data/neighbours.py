"""Tests whether rows are independent of the rows beside them and near them, as intervals assume."""

import numpy as np
from jaxtyping import Float, Int

# standard errors, which the largest of a thousand correlations of independent rows passes once in
# 2000
_CHANCE = 5.0
_NEAREST = 4  # rows
_FEWEST = 200
# Rows whose nearest ones are sought, at least, and as many as have these distances
_DISTANCES = 2**21


def beside(*views: Float[np.ndarray, "rows _"], chance: float = _CHANCE) -> float:
    """Largest correlation of a column with its next row, in the view where it is least; 0 within
    chance, in standard errors.

    Dependent rows of one view alone do not relate it to another, so that all views given must have
    them.
    """
    return min(_following(view, chance) for view in views)


def _following(view: Float[np.ndarray, "rows columns"], chance: float) -> float:
    deviations = view - view.mean(axis=0)
    squares = np.einsum("ij,ij->j", deviations, deviations)
    products = np.einsum("ij,ij->j", deviations[1:], deviations[:-1])
    correlation = float(np.max(np.abs(products) / np.where(squares > 0, squares, 1)))
    return correlation if correlation > chance / np.sqrt(len(view)) else 0.0


def near(
    features: Float[np.ndarray, "rows features"],
    outcomes: Float[np.ndarray, "rows outcomes"],
    slopes: Float[np.ndarray, "features outcomes"] | None = None,
    chance: float = _CHANCE,
) -> bool:
    """Whether the outcomes, or their residuals, of rows that are nearest in the features are more
    similar than by chance. They are if rows come in groups, or if the fit has missed a dependence
    on the features.
    """

    def left(rows: Int[np.ndarray, " some"]) -> Float[np.ndarray, "some outcomes"]:
        kept: Float[np.ndarray, "some outcomes"] = outcomes[rows]
        return kept if slopes is None else kept - features[rows] @ slopes

    probes = np.random.default_rng(0).permutation(len(features))[
        : max(_FEWEST, _DISTANCES // len(features))
    ]
    # Which is the nearest needs few digits.
    shorter = (features / max(features.max(), -features.min(), 1e-300)).astype(np.float32)
    distances = shorter[probes] @ (-2 * shorter.T)
    distances += np.einsum("ij,ij->i", shorter, shorter)
    distances[np.arange(len(probes)), probes] = np.inf
    own = left(probes)
    around = np.zeros_like(own)
    for _ in range(_NEAREST):
        nearest = distances.argmin(axis=1)
        around += left(nearest)
        distances[np.arange(len(probes)), nearest] = np.inf
    products = np.einsum("ij,ij->i", own, around)
    return bool(products.sum() > chance * np.sqrt(products @ products))
