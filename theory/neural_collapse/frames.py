"""The frames to which class means and classifiers collapse, as Gram matrices of unit Frobenius norm, and a distance.

Simplex (balanced with bias), orthogonal (balanced without) and general orthogonal frame (imbalanced without) are those
of Dang et al. 2023 (arXiv 2301.00437).
"""

import numpy as np
from jaxtyping import Float

from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_at_least


@validated
def simplex_etf(n_classes: int) -> Float[np.ndarray, "classes classes"]:
    """Gram matrix (I - 1 1^T / K) / sqrt(K - 1) of the simplex equiangular tight frame. `ValueError` if K < 2."""
    check_at_least("n_classes", n_classes, 2)
    return (np.eye(n_classes) - 1 / n_classes) / np.sqrt(n_classes - 1)


@validated
def orthogonal_frame(n_classes: int) -> Float[np.ndarray, "classes classes"]:
    """Gram matrix I / sqrt(K) of K orthogonal vectors of equal length. `ValueError` if K < 1."""
    check_at_least("n_classes", n_classes, 1)
    return np.eye(n_classes) / np.sqrt(n_classes)


@validated
def general_orthogonal_frame(lengths: Float[np.ndarray, " classes"]) -> Float[np.ndarray, "classes classes"]:
    """Gram matrix diag(a_k^2) / |a^2| of orthogonal vectors of lengths a_k >= 0. `ValueError` if all are zero."""
    if lengths.size == 0 or not np.all(np.isfinite(lengths)) or np.any(lengths < 0) or not np.any(lengths > 0):
        raise ValueError(f"lengths must be finite, non-negative and not all zero, got {lengths}")
    squares = (lengths / lengths.max()) ** 2
    return np.diag(squares / np.linalg.norm(squares))


@validated
def frame_distance(gram: Float[np.ndarray, "rows columns"], target: Float[np.ndarray, "rows columns"]) -> float:
    """Frobenius distance in [0, 2] between the two matrices, each divided by its Frobenius norm: the NC2 metric.

    NaN if one of them is zero: where everything has collapsed to zero (every beta_k above the global threshold) there
    is no frame to compare. `ValueError` if an entry is not finite.
    """
    if not (np.all(np.isfinite(gram)) and np.all(np.isfinite(target))):
        raise ValueError("gram and target must hold finite numbers, got infinities or NaN")
    scales = [np.linalg.norm(matrix) for matrix in (gram, target)]
    if min(scales) == 0:
        return float("nan")
    return float(np.linalg.norm(gram / scales[0] - target / scales[1]))
