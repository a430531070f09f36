"""What PCA is: the rotation that diagonalises a covariance and the subspace that loses least.

Shlens 2014, "A tutorial on principal component analysis", arXiv 1404.1100; optimality by Eckart &
Young 1936.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.domains import Components
from theory_on_trial.contract import COVARIANCE, guarded, require

Covariance = Annotated[Float[np.ndarray, "dimensions dimensions"], COVARIANCE]
"""C, the covariance of the points."""


@guarded
def principal_axes(
    covariance: Covariance,
) -> tuple[Float[np.ndarray, " dimensions"], Float[np.ndarray, "dimensions dimensions"]]:
    """Variances, decreasing, and the matrix P whose rows are the principal axes: P C P^T is
    diagonal (Shlens 2014).
    """
    variances, axes = np.linalg.eigh(covariance)
    return variances[::-1], axes[:, ::-1].T


@guarded
def least_reconstruction_error(covariance: Covariance, n_components: Components) -> float:
    """Sum of the variances beyond the first `n_components`, by Eckart & Young 1936; `ValueError` if
    there are fewer.
    """
    require(
        n_components <= len(covariance),
        f"n_components must be at most {len(covariance)}, the dimensions of covariance, got "
        f"{n_components}",
    )
    return float(np.sum(principal_axes(covariance)[0][n_components:]))
