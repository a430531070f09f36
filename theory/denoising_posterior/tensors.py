"""The third and fourth posterior moments as tensors, from derivatives of lower moments."""

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
    """The third central moment [μ_3]_ijk = σ^2 d[μ_2]_ij / dy_k at [i, j, k], in unit^3. Source:
    Manor & Michaeli 2024, as recalled.
    """
    return sigma**2 * covariance_derivative


@guarded
def fourth_moment_tensor(third_derivative: Fourth, covariance: Matrix, sigma: Noise) -> Fourth:
    """The fourth central moment [μ_4]_ijkl = σ^2 d[μ_3]_ijk / dy_l + μ_2jk μ_2il + μ_2ik μ_2jl +
    μ_2ij μ_2kl, in unit^4.

    `covariance` is μ_2. Source: Manor & Michaeli 2024, multivariate form, as recalled.
    """
    pairs = np.einsum("ij,kl->ijkl", covariance, covariance)
    pairings = (
        pairs
        + np.einsum("ik,jl->ijkl", covariance, covariance)
        + np.einsum("jk,il->ijkl", *[covariance] * 2)
    )
    return sigma**2 * third_derivative + pairings
