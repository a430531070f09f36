"""Global spectrum when the dimension is comparable to the number of points: a deterministic
equivalent.

The companion Stieltjes transform m(z) of the d x d matrix X^T C X / d of the isotropic walk solves
z = -1/m + (1/d) sum_k 1 / (θ_k + m) (Silverstein's equation). The sum is closed here by the
path-graph Laplacian; arXiv 1806.08805 treats the infinite dimension only.
"""

from typing import Annotated

import numpy as np

from theory.random_walk_pca.domains import Dimension, Points
from theory_on_trial.contract import Interval, NonNegative, guarded


@guarded
def laplacian_resolvent_trace(shift: NonNegative, n_points: Points) -> float:
    """sum_{k=1}^{T-1} 1 / (θ_k + m) = (T coth(T φ) - coth φ) / (2 sinh φ), cosh φ = 1 + m/2, m =
    `shift`.

    Evaluated without cancellation down to m = 0, where it is (T^2 - 1) / 6.
    """
    angle = 2 * np.arcsinh(np.sqrt(shift) / 2)
    numerator = n_points**2 * _langevin_slope(n_points * angle) - _langevin_slope(angle)
    sinhc = np.sqrt(shift * (1 + shift / 4)) / angle if angle > 0 else 1.0
    return float(numerator / (2 * sinhc))


@guarded
def companion_stieltjes(
    z: Annotated[float, Interval(high=0, closed="()")], n_points: Points, dim: Dimension
) -> float:
    """m(z) of the isotropic walk at real z < 0, the limit of Tr (X^T C X / d - z)^(-1) / d, X of
    unit step variance in every coordinate. Source: Silverstein's equation, closed here.
    """
    from scipy.optimize import brentq

    def residual(companion: float) -> float:
        return -z * companion - 1 + companion * laplacian_resolvent_trace(companion, n_points) / dim

    least = 1 / (-z + laplacian_resolvent_trace(0.0, n_points) / dim)
    return float(brentq(residual, least / 2, -2 / z, xtol=1e-300, rtol=1e-15, maxiter=10_000))


def _langevin_slope(x: float) -> float:
    """(coth(x) - 1/x) / x for x >= 0: 1/3 at zero, without cancellation at small x."""
    if x < 1:
        fraction = 0.0
        for odd in range(21, 3, -2):
            fraction = x**2 / (odd + fraction)  # Gauss's continued fraction of coth
        return 1 / (3 + fraction)
    return float((1 / np.tanh(x) - 1 / x) / x)
