"""Third and fourth posterior moments as tensors, from derivatives of the moments before them."""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.denoising_posterior.domains import Noise
from theory_on_trial.contract import USABLE_SCALE, guarded

Matrix = Annotated[Float[np.ndarray, "dim dim"], USABLE_SCALE]
Third = Annotated[Float[np.ndarray, "dim dim dim"], USABLE_SCALE]
Fourth = Annotated[Float[np.ndarray, "dim dim dim dim"], USABLE_SCALE]


@guarded
def third_moment_tensor(covariance_derivative: Third, sigma: Noise) -> Third:
    """[mu_3]_ijk = sigma^2 d[mu_2]_ij / dy_k, in unit^3.

    Args:
        covariance_derivative: d[mu_2]_ij / dy_k at [i, j, k].
        sigma: of the noise.

    Source: Manor & Michaeli 2024, multivariate form, as recalled.
    """
    return sigma**2 * covariance_derivative


@guarded
def fourth_moment_tensor(third_derivative: Fourth, covariance: Matrix, sigma: Noise) -> Fourth:
    """[mu_4]_ijkl = sigma^2 d[mu_3]_ijk / dy_l + mu_2jk mu_2il + mu_2ik mu_2jl + mu_2ij mu_2kl, in unit^4.

    Args:
        third_derivative: d[mu_3]_ijk / dy_l at [i, j, k, l].
        covariance: mu_2.
        sigma: of the noise.

    Source: Manor & Michaeli 2024, multivariate form, as recalled.
    """
    pairs = np.einsum("ij,kl->ijkl", covariance, covariance)
    pairings = pairs + np.einsum("ik,jl->ijkl", covariance, covariance) + np.einsum("jk,il->ijkl", *[covariance] * 2)
    return sigma**2 * third_derivative + pairings
