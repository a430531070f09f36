"""The frames to which class means and classifiers collapse, as Gram matrices of unit Frobenius
norm, and a distance.

Simplex (balanced with bias), orthogonal (balanced without) and general orthogonal frame (imbalanced
without) are those of Dang et al. 2023 (arXiv 2301.00437).
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.neural_collapse.domains import Classes, SeveralClasses
from theory_on_trial.contract import NON_NEGATIVE, guarded, require


@guarded
def simplex_etf(n_classes: SeveralClasses) -> Float[np.ndarray, "classes classes"]:
    """Gram matrix (I - 1 1^T / K) / sqrt(K - 1) of the simplex equiangular tight frame."""
    return (np.eye(n_classes) - 1 / n_classes) / np.sqrt(n_classes - 1)


@guarded
def orthogonal_frame(n_classes: Classes) -> Float[np.ndarray, "classes classes"]:
    """Gram matrix I / sqrt(K) of K orthogonal vectors of equal length."""
    return np.eye(n_classes) / np.sqrt(n_classes)


@guarded
def general_orthogonal_frame(
    lengths: Annotated[Float[np.ndarray, " classes"], NON_NEGATIVE],
) -> Float[np.ndarray, "classes classes"]:
    """Gram matrix diag(a_k^2) / |a^2| of orthogonal vectors of lengths a_k. `ValueError` if all are
    zero.
    """
    require(np.any(lengths > 0), f"lengths must not all be zero, got {lengths}")
    squares = (lengths / lengths.max()) ** 2
    return np.diag(squares / np.linalg.norm(squares))


@guarded
def frame_distance(
    gram: Float[np.ndarray, "rows columns"], target: Float[np.ndarray, "rows columns"]
) -> float:
    """Frobenius distance in [0, 2] of the matrices over their norms, the NC2 metric. NaN if one of
    them is zero.
    """
    if not (np.any(gram) and np.any(target)):
        return float("nan")
    return float(np.linalg.norm(_direction(gram) - _direction(target)))


def _direction(matrix: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    # A power of two costs no digit, and no square of an entry overflows or vanishes after it.
    scaled = np.ldexp(matrix, -np.frexp(np.abs(matrix).max())[1])
    return scaled / np.linalg.norm(scaled)
