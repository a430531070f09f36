"""The domains of this paper's arguments, in its words. Traced values pass."""

from typing import Annotated

import numpy as np
from jaxtyping import Float, ScalarLike

from theory_on_trial.base.arrays import AnyArray
from theory_on_trial.contract import (
    LARGEST,
    NON_NEGATIVE,
    PROBABILITIES,
    SMALLEST,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Holds,
    Interval,
)

_USABLE = Interval(SMALLEST, LARGEST, why="squares of others get lost")


def _has_factor(matrix: np.ndarray) -> bool:
    asymmetry = np.abs(matrix - matrix.T).max() if len(matrix) == matrix.shape[1] else np.inf
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return bool(asymmetry <= 8 * len(matrix) * np.finfo(matrix.dtype).eps * np.abs(matrix).max())


def _invertible(factor: np.ndarray) -> bool:
    singular_values = np.linalg.svd(factor, compute_uv=False)
    return bool(singular_values[-1] > len(singular_values) * 2**-52 * singular_values[0])


def _directed(vectors: np.ndarray) -> bool:
    largest = np.abs(vectors).max(axis=-1)
    return bool(np.all(np.isnan(largest) | ((largest >= SMALLEST) & (largest <= LARGEST))))


DIRECTED = Holds(
    "scale", f"have a largest entry from {SMALLEST:g} to {LARGEST:g} in every vector", _directed
)

# "definite" is the name by which the tests draw: they make positive definite matrices.
Covariance = Annotated[
    Float[AnyArray, "dim dim"],
    Holds(
        "definite", "be symmetric and positive definite (no Bayes direction otherwise)", _has_factor
    ),
    USABLE_SCALE,
]
"""Σ, the noise shape."""
Factor = Annotated[
    Float[AnyArray, "dim dim"],
    Holds(
        "definite", "be invertible (the noise covariance must be positive definite)", _invertible
    ),
    USABLE_SCALE,
]
"""F of Σ = F F'."""
Mean = Annotated[Float[AnyArray, "dim"], DIRECTED]
"""μ."""
Separability = Annotated[ScalarLike, _USABLE]
"""κ: the noise has variance 1 / κ."""
Separabilities = Annotated[Float[AnyArray, "cells"], _USABLE]
"""κ of each cell."""
Shape = Annotated[ScalarLike, _USABLE]
"""α of λ ~ Beta(α, α)."""
Points = Annotated[Float[AnyArray, "n dim"], USABLE_SCALE]
"""Points, one per row."""
Labels = Annotated[Float[AnyArray, "n"], UNIT_INTERVAL]
"""y of each point."""
Nodes = Annotated[Float[AnyArray, "atoms"], UNIT_INTERVAL]
"""λ, the weights of the first label."""
Masses = Annotated[Float[AnyArray, "atoms"], PROBABILITIES]
"""The probabilities of atoms."""
InputWeights = Annotated[Float[AnyArray, "atoms"], USABLE_SCALE]
"""g, the weights of the first input; beyond [0, 1] they extrapolate."""
BINARY = Holds(
    "binary", "have entries 0 and 1 only", lambda values: bool(np.isin(values, (0, 1)).all())
)
Masks = Annotated[Float[AnyArray, "atoms dim"], BINARY]
"""M, one per row, 1 where the first point is kept."""
Ridge = Annotated[ScalarLike, NON_NEGATIVE]
"""The coefficient of |w|^2 / 2."""
LogSampleSize = Annotated[
    ScalarLike, Interval(0, 600, why="tail probabilities near 1/n must not underflow")
]
"""Log n."""
Kept = Annotated[int, Interval(1, 2**20, why="all of them are held at once")]
"""How many points are drawn, or samples."""
