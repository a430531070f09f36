"""Linear processes X = A R of the same noise R: the population spectrum from the impulse response,
the walk with momentum, and averaged iterates.

A process whose response does not change in time has a lower-triangular Toeplitz A with first column
h_1, ..., h_T. As the dimension grows the covariance over time of the centred trajectory tends to K
= C A A^T C, with C = I - 11^T / T (the route of arXiv 1806.08805). The walk with momentum has v_t =
γ v_{t-1} + ξ_t and x_t = x_{t-1} + v_t, and starts at rest; `momentum` is γ. The circulant formula
is that of Antognini & Sohl-Dickstein 2018. Derived here are the sum over lags of the trace, the
rate of the circulant formula, the crossover, the limit γ -> 1, and the Bessel law of the running
mean of a walk. In the limit γ -> 1 the scores are modes of a beam that is guided at its start and
free at its end. The exponential average with factor β is 1 - β times the walk with momentum β, so
that the two share ratios and modes. Variances are in units of the step variance.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.domains import Components, Momentum, MomentumBelowOne, Points
from theory.random_walk_pca.plain_walk import laplacian_eigenvalues
from theory.random_walk_pca.roots import bisect
from theory_on_trial.contract import UNIT_INTERVAL, USABLE_SCALE, guarded, require

Response = Annotated[Float[np.ndarray, " points"], USABLE_SCALE]
_POINTS = "impulse_response must hold at least two recorded points"


@guarded
def toeplitz_covariance(impulse_response: Response) -> Float[np.ndarray, "points points"]:
    """Return the covariance over time K = C A A^T C of a process with the response h_1, ..., h_T.
    Raises ValueError for T < 2. Source: arXiv 1806.08805.
    """
    from scipy.linalg import toeplitz

    require(len(impulse_response) >= 2, _POINTS)
    response = np.tril(toeplitz(impulse_response))
    deviations = response - response.mean(axis=0)
    return deviations @ deviations.T


@guarded
def toeplitz_eigenvalues(impulse_response: Response) -> Float[np.ndarray, " components"]:
    """Return the T - 1 largest eigenvalues of K, decreasing, to about T ε λ_1, where ε is the
    rounding unit of float64. Raises as `toeplitz_covariance`.
    """
    return np.linalg.eigvalsh(toeplitz_covariance(impulse_response))[:0:-1]


@guarded
def toeplitz_total_variance(impulse_response: Response) -> float:
    """Return the total variance tr K = sum_m (T - m + 1) h_m^2 - (1/T) sum_m H_m^2 with H_m = h_1 +
    ... + h_m. Raises ValueError for T < 2.
    """
    require(len(impulse_response) >= 2, _POINTS)
    n_points = impulse_response.size
    total = np.sum(np.arange(n_points, 0, -1) * impulse_response**2)
    return float(total - np.sum(np.cumsum(impulse_response) ** 2) / n_points)


@guarded
def momentum_impulse_response(n_points: Points, momentum: Momentum) -> Float[np.ndarray, " points"]:
    """Return the response h_m = (1 - γ^m) / (1 - γ) of the position, m = 1, ..., T, which is m at γ
    = 1, for `toeplitz_covariance`.
    """
    return np.cumsum(momentum ** np.arange(n_points))


@guarded
def momentum_explained_variance_ratio(
    n_points: Points, momentum: Momentum
) -> Float[np.ndarray, " components"]:
    """Return the exact ratios ρ_k of the walk with momentum, k = 1, ..., T - 1, from the spectrum
    of its exact covariance. Source: arXiv 1806.08805, at finite T.
    """
    response = momentum_impulse_response(n_points, momentum)
    return toeplitz_eigenvalues(response) / toeplitz_total_variance(response)


@guarded
def momentum_circulant_eigenvalues(
    n_points: Points, momentum: Momentum
) -> Float[np.ndarray, " components"]:
    """Return the circulant approximation 1 / (θ_k ((1 - γ)^2 + γ θ_k)) of the eigenvalues, for T (1
    - γ) >> 1, where θ_k are the `laplacian_eigenvalues`. The cosines are unchanged. Source: arXiv
    1806.08805.

    Its relative error is O(T^-3) for fixed k and γ < 1, and O(1/T) over all k, as derived here.
    """
    laplacian = laplacian_eigenvalues(n_points)
    return 1 / (laplacian * ((1 - momentum) ** 2 + momentum * laplacian))


@guarded
def momentum_ratio_excess(momentum: MomentumBelowOne) -> float:
    """Return the limit 6 γ / (1 - γ^2), as T grows at fixed γ, of T times the relative excess of a
    ratio ρ_k over its limit 6 / (π k)^2.
    """
    return 6 * momentum / (1 - momentum**2)


@guarded
def momentum_crossover_index(n_points: Points, momentum: MomentumBelowOne) -> float:
    """Return the component index T (1 - γ) / (π sqrt(γ)) below which λ_k falls as k^-2, and beyond
    which it falls as k^-4. It is infinite at γ = 0.
    """
    return (
        float(n_points * (1 - momentum) / (np.pi * np.sqrt(momentum))) if momentum > 0 else np.inf
    )


@guarded
def integrated_walk_wavenumbers(n_components: Components) -> Float[np.ndarray, " components"]:
    """Return the positive roots μ_k of tan μ + tanh μ = 0. As γ -> 1 the eigenvalues tend to T^4 /
    μ_k^4, whose sum is T^4 / 30.
    """
    index = np.arange(1, n_components + 1)
    return bisect(
        lambda mu: np.sin(mu) + np.cos(mu) * np.tanh(mu),
        (index - 0.5) * np.pi,
        index * np.pi,
        -((-1.0) ** index),
    )


@guarded
def integrated_walk_explained_variance_ratio(
    n_components: Components,
) -> Float[np.ndarray, " components"]:
    """Return the limits ρ_k = 30 / μ_k^4 of the ratios of the integrated walk as T grows. The first
    one is 0.9589, not one.
    """
    return 30 / integrated_walk_wavenumbers(n_components) ** 4


@guarded
def integrated_walk_modes(
    times: Annotated[Float[np.ndarray, " times"], UNIT_INTERVAL], n_components: Components
) -> Float[np.ndarray, "times components"]:
    """Return the modes cos(μ s) / cos μ + cosh(μ s) / cosh μ of the integrated walk at s = t / T.
    They have mean zero and are not normalised.

    Their slope and third derivative vanish at the start (a guided beam), and their second and third
    at the end (a free one).
    """
    phases = np.outer(times, integrated_walk_wavenumbers(n_components))
    ends = integrated_walk_wavenumbers(n_components)
    # cosh(x) / cosh(μ) without overflow.
    hyperbolic = (np.exp(phases - ends) + np.exp(-phases - ends)) / (1 + np.exp(-2 * ends))
    return np.cos(phases) / np.cos(ends) + hyperbolic


@guarded
def running_mean_wavenumbers(n_components: Components) -> Float[np.ndarray, " components"]:
    """Return the roots z_k in the law of the running mean (1/t) sum_{s <= t} x_s of a walk, each
    just above (k + 1/2) π.

    They are the positive roots of (J0 - I0)(-Y1 - (2/π) K1) + (J1 + I1)(Y0 + (2/π) K0) = 0, with
    all Bessel functions at z.
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
    """Return the limits ρ_k = 432 / z_k^4 of the ratios of a walk's running mean: .8357, .1126,
    .0294, ... The eigenvalues tend to 16 T^2 / z_k^4, whose sum is T^2 / 27.
    """
    return 432 / running_mean_wavenumbers(n_components) ** 4
