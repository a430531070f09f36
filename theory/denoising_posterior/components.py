"""The posterior covariance and its principal components, and the speed at which products with the
Jacobian find them.
"""

import numpy as np
from jaxtyping import Float

from theory.denoising_posterior.domains import Jacobian, Noise, Rank, Selected, Spectrum
from theory_on_trial.contract import guarded, require


@guarded
def posterior_covariance(jacobian: Jacobian, sigma: Noise) -> Float[np.ndarray, "dim dim"]:
    """The posterior covariance Cov(x | y) = σ^2 J, in squared units. Source: Manor & Michaeli 2024,
    recalled; Tweedie's second formula.
    """
    return sigma**2 * jacobian


@guarded
def masked_components(
    jacobian: Jacobian, sigma: Noise, mask: Selected
) -> tuple[Float[np.ndarray, " kept"], Float[np.ndarray, "kept kept"]]:
    """The posterior variances of the coordinates of a mask given all of y, in falling order, and
    their directions, as columns.

    By the principal submatrix of σ^2 J, symmetrised; ValueError for an empty mask. Source: the
    released code's mask.
    """
    require(mask.any(), "mask must select at least one coordinate")
    covariance = sigma**2 * jacobian[np.ix_(mask, mask)]
    variances, directions = np.linalg.eigh((covariance + covariance.T) / 2)
    return variances[::-1], directions[:, ::-1]


@guarded
def contraction(eigenvalues: Spectrum, rank: Rank) -> float:
    """The factor λ_(r+1) / λ_r by which one round of subspace iteration shrinks the tangent of the
    largest angle.

    The angle is that to the span of the r leading eigenvectors of a symmetric matrix; no start does
    worse, and nearly all come to this factor. Raises ValueError unless more than r eigenvalues are
    given. Source: standard.
    """
    require(
        rank < len(eigenvalues),
        f"rank must be less than the {len(eigenvalues)} eigenvalues, got {rank}",
    )
    falling = np.sort(eigenvalues)[::-1]
    return float(falling[rank] / falling[rank - 1])
