"""How many dimensions the noise really has, and what a random projection leaves of them.

Derived here. Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) ask for a noise covariance of rank much larger than
the number of steps; what the leading components feel is the effective dimension below, whatever that number.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._validation import check_spectrum
from theory_on_trial.arguments.theory import validated


@validated
def effective_dimension(noise_spectrum: Float[np.ndarray, " dimensions"]) -> float:
    """Effective dimension (tr Sigma)^2 / tr(Sigma^2) of noise with covariance eigenvalues `noise_spectrum`, in [1, d].

    The population spectrum is reached as this, not the rank, tends to infinity; it replaces d in every first-order law.
    `ValueError` if the spectrum is empty, negative, not finite or all zero.
    """
    check_spectrum("noise_spectrum", noise_spectrum)
    relative = noise_spectrum / noise_spectrum.max()
    return float(relative.sum() ** 2 / np.sum(relative**2))


def combined_dimension(*dimensions: float | int) -> float:
    """Harmonic combination 1 / (1/d_1 + 1/d_2 + ...) of the noise's effective dimension and of projection dimensions.

    To first order a Gaussian random projection to m dimensions acts on all laws of the walk as 1/d -> 1/d + 1/m.
    `ValueError` if no dimension is given or one is not finite and positive.
    """
    if not dimensions:
        raise ValueError("dimensions must hold at least one value, got none")
    numbers: Any = list(dimensions)
    return _combined(numbers)


@validated
def _combined(dimensions: Float[np.ndarray, " dimensions"]) -> float:
    for dimension in dimensions:
        if not (np.isfinite(dimension) and dimension > 0):
            raise ValueError(f"every dimension must be finite and positive, got {dimension:g} among dimensions")
    return float(1 / sum(1 / dimension for dimension in dimensions))
