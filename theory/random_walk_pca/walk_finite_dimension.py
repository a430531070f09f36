"""Closed forms of the finite-dimension laws for the plain walk, and what heavy tails of the steps
add.

The sum over components of `eigenvalue_bias` is evaluated by the zeros x_k = cos(π k / T) of
Chebyshev's polynomial U_{T-1} and its differential equation. Derived here; arXiv 1806.08805 treats
the infinite dimension only. For k = 1, ..., T - 1 at index k - 1.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.domains import Points
from theory.random_walk_pca.spectrum import explained_variance_ratio
from theory_on_trial.contract import Interval, guarded


@guarded
def eigenvalue_bias_coefficient(n_points: Points) -> Float[np.ndarray, " components"]:
    """Lawley's b_k = (3/2) x_k / (1 + x_k): E[l_k] / λ_k = 1 + b_k / d + O(k^2 / d^2); it tends to
    3/4 as T grows.
    """
    # (1 + x_k) / 2 = cos^2(pi k / 2T), without cancellation near k = T.
    half_angle_cosine = np.sin(np.pi * np.arange(n_points - 1, 0, -1) / (2 * n_points))
    return 1.5 - 0.75 / half_angle_cosine**2


@guarded
def kurtosis_factor_ratio(
    n_points: Points, excess_kurtosis: Annotated[float, Interval(-2)]
) -> Float[np.ndarray, " components"]:
    """Factor on the first-order variance of the sample ratio of component k, nearly 1 + kurtosis /
    (4T).

    The variance of l_k itself has the factor 1 + (kurtosis / 2) sum_j w_k(j)^4 = 1 + 3 kurtosis /
    (4T), but 1 + kurtosis / T at k = T/2, whose sine mode w_k lives on every second step. What all
    components share of it, kurtosis / (2T), cancels in the ratio. At T = 2 the factor is one. Needs
    isotropic steps whose independent coordinates have this excess kurtosis.
    """
    if n_points == 2:
        return np.ones(1)
    ratios = explained_variance_ratio(n_points)
    self_mirror = (2 * np.arange(1, n_points) == n_points).astype(
        float
    )  # whether k is its own mirror T - k
    square = 1 - 2 * ratios + np.sum(ratios**2)
    mirror = self_mirror - 2 * ratios[::-1] + np.sum(ratios * ratios[::-1])
    return 1 + excess_kurtosis / (4 * n_points) * (1 + mirror / square)
