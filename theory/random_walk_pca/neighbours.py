"""Spectra that resemble the walk's and are not: without centring, on a circle.

Derived here (classical matrices). Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) pass through
the circulant matrix; each differs measurably from the exact spectrum of the centred walk, so each
is a control for it. Variances are in units of the step variance.
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.domains import Components, Points
from theory_on_trial.contract import guarded


@guarded
def uncentred_explained_variance_ratio_limit(
    n_components: Components,
) -> Float[np.ndarray, " components"]:
    """Limit 8 / (π^2 (2k - 1)^2) of the ratios without centring: 81 % in the first component, 90 %
    in two.
    """
    return 8 / (np.pi * (2 * np.arange(1, n_components + 1) - 1)) ** 2


@guarded
def circulant_eigenvalues(n_points: Points) -> Float[np.ndarray, " components"]:
    """Eigenvalues 1 / (2 - 2 cos(2 π k / T)), k = 1, ..., T - 1, of a walk on a circle: sine and
    cosine pairs.

    In the order of k, so entries k and T - k are equal; four times too small for small k. Source:
    classical.
    """
    return 1 / (4 * np.sin(np.pi * np.arange(1, n_points) / n_points) ** 2)
