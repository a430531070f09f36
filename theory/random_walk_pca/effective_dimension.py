"""How many dimensions the noise really has, and what a random projection leaves of them.

Derived here. Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) ask for a noise covariance of rank
much larger than the number of steps; what the leading components feel is the effective dimension
below, whatever that number.
"""

import numpy as np

from theory.random_walk_pca.domains import Dimension, NoiseSpectrum
from theory_on_trial.contract import guarded, require


@guarded
def effective_dimension(noise_spectrum: NoiseSpectrum) -> float:
    """Effective dimension (tr Σ)^2 / tr(Σ^2) in [1, d] of noise of this spectrum: d in every
    first-order law.
    """
    relative = noise_spectrum / noise_spectrum.max()
    return float(relative.sum() ** 2 / np.sum(relative**2))


@guarded
def combined_dimension(*dimensions: Dimension) -> float:
    """Harmonic combination 1 / (1/d_1 + 1/d_2 + ...) of the noise's effective dimension and of
    projection dimensions.

    A random projection to m acts as 1/d -> 1/d + 1/m, to first order. `ValueError` if no dimension
    is given.
    """
    require(len(dimensions) > 0, "dimensions must hold at least one value, got none")
    return float(1 / sum(1 / dimension for dimension in dimensions))
