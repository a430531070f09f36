"""PCA of averaged iterates of a walk: exponential and running means, and subsampling.

Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805) discusses averaged iterates; the exact equality of exponential
averaging and momentum and the Bessel law of the running mean are derived here. Values out of range raise `ValueError`.
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._roots import bisect
from theory.random_walk_pca._validation import check_components, check_points
from theory.random_walk_pca.momentum import momentum_impulse_response
from theory.random_walk_pca.spectrum import eigenvalues
from theory_on_trial.arguments.theory import validated


@validated
def exponential_average_impulse_response(n_points: int, decay: float | int) -> Float[np.ndarray, " points"]:
    """Response of y_t = beta y_{t-1} + (1 - beta) x_t, y_0 = 0, to the steps of the walk x: 1 - beta^m.

    It is (1 - beta) times that of a walk of momentum gamma = beta, so the two share all explained variance ratios and
    modes. `decay` is beta in [0, 1).
    """
    if not 0 <= decay < 1:
        raise ValueError(f"decay must be in [0, 1), got {decay}")
    return (1 - decay) * momentum_impulse_response(n_points, decay)


@validated
def running_mean_wavenumbers(n_components: int) -> Float[np.ndarray, " components"]:
    """Roots z_k of the law of the running mean (1/t) sum_{s <= t} x_s of a walk, just above (k + 1/2) pi.

    Positive roots of (J0 - I0)(-Y1 - (2/pi) K1) + (J1 + I1)(Y0 + (2/pi) K0) = 0, all Bessel functions at z.
    """
    from scipy.special import ive, jv, kv, yv

    check_components(n_components)

    def secular(z: Float[np.ndarray, " roots"]) -> Float[np.ndarray, " roots"]:
        scale = np.exp(-z)  # the whole equation is divided by exp(z), which I0 and I1 grow as
        first = (scale * jv(0, z) - ive(0, z)) * (-yv(1, z) - 2 / np.pi * kv(1, z))
        return first + (scale * jv(1, z) + ive(1, z)) * (yv(0, z) + 2 / np.pi * kv(0, z))

    index = np.arange(1, n_components + 1)
    return bisect(secular, (index + 0.25) * np.pi, (index + 0.75) * np.pi, -((-1.0) ** index))


@validated
def running_mean_eigenvalues(n_components: int) -> Float[np.ndarray, " components"]:
    """Limits 16 / z_k^4 of lambda_k for the running mean, in units of T^2 times the step variance; they sum to 1/27."""
    return 16 / running_mean_wavenumbers(n_components) ** 4


@validated
def running_mean_explained_variance_ratio(n_components: int) -> Float[np.ndarray, " components"]:
    """Limits rho_k = 432 / z_k^4 of the explained variance ratios of the running mean: .8357, .1126, .0294, ..."""
    return 27 * running_mean_eigenvalues(n_components)


@validated
def subsampled_eigenvalues(n_points: int, stride: int) -> Float[np.ndarray, " components"]:
    """Eigenvalues of a walk of which every `stride`-th of `n_points` points is recorded: a walk of longer steps.

    `ValueError` if `stride` < 1 or fewer than two points are left.
    """
    check_points(n_points)
    if stride < 1:
        raise ValueError(f"stride must be at least 1, got {stride}")
    return stride * eigenvalues(n_points // stride)
