"""Predicting what you already know helps (Lee et al. 2021): a linear map on the pretext predictor
gives the label.

X_1 is the input, X_2 the pretext target, Y the label, jointly Gaussian with mean zero. If X_1 and
X_2 are independent given Y, then E[Y | X_1] is a linear map of E[X_2 | X_1]; the error without
independence is derived here. `ValueError` where a matrix is singular that must be inverted.
"""

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import guarded, require


@guarded
def pretext_to_label(
    Sigma_YY: Float[np.ndarray, "labels labels"], Sigma_2Y: Float[np.ndarray, "targets labels"]
) -> Float[np.ndarray, "labels targets"]:
    """A = Σ_YY Σ_2Y^+ in E[Y | X_1] = A E[X_2 | X_1]; `ValueError` unless Σ_2Y has full column
    rank.
    """
    rank = np.linalg.matrix_rank(Sigma_2Y)
    columns = Sigma_2Y.shape[1]
    require(rank == columns, f"Sigma_2Y must have full column rank {columns}, got rank {rank}")
    return Sigma_YY @ np.linalg.pinv(Sigma_2Y)


@guarded
def pretext_label_error(
    Sigma_11: Float[np.ndarray, "inputs inputs"],
    Sigma_21: Float[np.ndarray, "targets inputs"],
    Sigma_2Y: Float[np.ndarray, "targets labels"],
    Sigma_YY: Float[np.ndarray, "labels labels"],
    Sigma_Y1: Float[np.ndarray, "labels inputs"],
) -> Float[np.ndarray, "labels inputs"]:
    """B with A E[X_2 | X_1] - E[Y | X_1] = B X_1: A Cov(X_2, X_1 | Y) Σ_11^(-1), zero for
    independence given Y.
    """
    dependence = Sigma_21 - Sigma_2Y @ _solved("Sigma_YY", Sigma_YY, Sigma_Y1)
    return _solved("Sigma_11", Sigma_11, (pretext_to_label(Sigma_YY, Sigma_2Y) @ dependence).T).T


def _solved(
    name: str, matrix: Float[np.ndarray, "size size"], right: Float[np.ndarray, "size _"]
) -> np.ndarray:
    rank = np.linalg.matrix_rank(matrix)
    require(rank == len(matrix), f"{name} must be invertible, got rank {rank} of {len(matrix)}")
    return np.linalg.solve(matrix, right)
