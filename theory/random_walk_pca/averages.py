"""PCA of averaged iterates of a walk: exponential and running means.

Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) discusses averaged iterates; the exact equality
of exponential averaging and momentum and the Bessel law of the running mean are derived here.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._roots import bisect
from theory.random_walk_pca.domains import Components, Points
from theory.random_walk_pca.momentum import momentum_impulse_response
from theory_on_trial.contract import Interval, guarded


@guarded
def exponential_average_impulse_response(
    n_points: Points, decay: Annotated[float, Interval(0, 1, "[)")]
) -> Float[np.ndarray, " points"]:
    """Response 1 - β^m of y_t = β y_{t-1} + (1 - β) x_t, y_0 = 0, to the steps of the walk x.

    (1 - β) times that of a walk of momentum β, so the two share all explained variance ratios and
    modes.
    """
    return (1 - decay) * momentum_impulse_response(n_points, decay)


@guarded
def running_mean_wavenumbers(n_components: Components) -> Float[np.ndarray, " components"]:
    """Roots z_k of the law of the running mean (1/t) sum_{s <= t} x_s of a walk, just above (k +
    1/2) π.

    Positive roots of (J0 - I0)(-Y1 - (2/π) K1) + (J1 + I1)(Y0 + (2/π) K0) = 0, all Bessel functions
    at z.
    """
    from scipy.special import ive, jv, kv, yv

    def secular(z: Float[np.ndarray, " roots"]) -> Float[np.ndarray, " roots"]:
        scale = np.exp(-z)  # the whole equation is divided by exp(z), which I0 and I1 grow as
        first = (scale * jv(0, z) - ive(0, z)) * (-yv(1, z) - 2 / np.pi * kv(1, z))
        return first + (scale * jv(1, z) + ive(1, z)) * (yv(0, z) + 2 / np.pi * kv(0, z))

    index = np.arange(1, n_components + 1)
    return bisect(secular, (index + 0.25) * np.pi, (index + 0.75) * np.pi, -((-1.0) ** index))


@guarded
def running_mean_explained_variance_ratio(
    n_components: Components,
) -> Float[np.ndarray, " components"]:
    """Limits ρ_k = 432 / z_k^4: .8357, .1126, .0294, ...; eigenvalues tend to 16 T^2 / z_k^4, of
    sum T^2 / 27.
    """
    return 432 / running_mean_wavenumbers(n_components) ** 4
