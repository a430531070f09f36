"""Three neighbouring papers. PCA is the rotation that diagonalises a covariance, and its subspace
loses least: Shlens 2014, "A tutorial on principal component analysis", arXiv 1404.1100; optimality
by Eckart & Young 1936.

Robust PCA: clean data have covariance I + β v v^T; a fraction ε is replaced by +-s w with w a unit
vector orthogonal to v and equally many of both signs, so that the variance is (1 - ε)(1 + β) along
v and 1 - ε + ε s^2 along w. Derived here; the goal for robust estimators is that of arXiv
2305.02544.

Generative PCA: the spike v of a covariance I + β v v^T is known to lie in the range of a generator.
arXiv 2203.09693 proves the rate sqrt(k log L / m) for an L-Lipschitz generator with k-dimensional
input and m samples. For a linear generator the constant and the exact role of k, as k - 1, are
derived here by perturbation theory.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.domains import Components
from theory_on_trial.contract import COVARIANCE, Count, Fraction, Positive, guarded, require

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


@guarded
def outlier_flip_threshold(fraction: Fraction, spike: Positive) -> float:
    """Squared outlier length (1 - ε) β / ε at which the top eigenvector flips from v to w.

    Beyond it the top direction has 1 / (1 + β) of the largest clean variance. `fraction` is ε,
    `spike` β.
    """
    return (1 - fraction) * spike / fraction


@guarded
def spiked_direction_error(subspace_dim: Count, n_samples: Count, spike: Positive) -> float:
    """sqrt((1 + β)(k - 1) / (β^2 m)), root mean square of |v_hat - v| after projection, to leading
    order in k / m.

    k = `subspace_dim`; with k = d that of PCA without a generator, as long as d << m.
    """
    return float(np.sqrt((1 + spike) * (subspace_dim - 1) / (spike**2 * n_samples)))
