"""PCA of a walk driven by momentum: v_t = γ v_{t-1} + ξ_t, x_t = x_{t-1} + v_t, started at rest.

The circulant formula is that of Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805). Its rate, the
crossover and the limit γ -> 1 are derived here: the scores there are modes of a beam that is guided
at its start and free at its end, and no cosines. `momentum` is γ. Variances are in units of the
step variance.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca.domains import Components, Momentum, MomentumBelowOne, Points
from theory.random_walk_pca.processes import toeplitz_eigenvalues, toeplitz_total_variance
from theory.random_walk_pca.spectrum import explained_variance_ratio_limit, laplacian_eigenvalues
from theory_on_trial.contract import UNIT_INTERVAL, guarded


@guarded
def momentum_impulse_response(n_points: Points, momentum: Momentum) -> Float[np.ndarray, " points"]:
    """Response h_m = (1 - γ^m) / (1 - γ) of the position, m = 1, ..., T (m at γ = 1), for
    `toeplitz_covariance`.
    """
    return np.cumsum(momentum ** np.arange(n_points))


@guarded
def momentum_explained_variance_ratio(
    n_points: Points, momentum: Momentum
) -> Float[np.ndarray, " components"]:
    """Exact ratios ρ_k, k = 1, ..., T - 1, by the spectrum of the exact covariance; arXiv
    1806.08805 at finite T.
    """
    response = momentum_impulse_response(n_points, momentum)
    return toeplitz_eigenvalues(response) / toeplitz_total_variance(response)


@guarded
def momentum_circulant_eigenvalues(
    n_points: Points, momentum: Momentum
) -> Float[np.ndarray, " components"]:
    """1 / (θ_k ((1 - γ)^2 + γ θ_k)), circulant, with cosines unchanged, for T (1 - γ) >> 1. Source:
    arXiv 1806.08805.

    Its relative error is O(T^-3) for fixed k and γ < 1, O(1/T) over all k, as derived here.
    """
    laplacian = laplacian_eigenvalues(n_points)
    return 1 / (laplacian * ((1 - momentum) ** 2 + momentum * laplacian))


@guarded
def momentum_explained_variance_ratio_rate(
    n_points: Points, momentum: MomentumBelowOne, n_components: Components
) -> Float[np.ndarray, " components"]:
    """First correction at fixed γ < 1 to the limit: ρ_k = 6 / (π k)^2 (1 + 6 γ / ((1 - γ^2) T))."""
    correction = 6 * momentum / ((1 - momentum**2) * n_points)
    return explained_variance_ratio_limit(n_components) * (1 + correction)


@guarded
def momentum_crossover_index(n_points: Points, momentum: MomentumBelowOne) -> float:
    """Component T (1 - γ) / (π sqrt(γ)) below which λ_k falls as k^-2, beyond as k^-4; infinite at
    γ = 0.
    """
    return (
        float(n_points * (1 - momentum) / (np.pi * np.sqrt(momentum))) if momentum > 0 else np.inf
    )


@guarded
def integrated_walk_wavenumbers(n_components: Components) -> Float[np.ndarray, " components"]:
    """Positive roots μ_k of tan μ + tanh μ = 0: as γ -> 1 eigenvalues tend to T^4 / μ_k^4, of sum
    T^4 / 30.
    """
    roots = (np.arange(1, n_components + 1) - 0.25) * np.pi
    for _ in range(
        4
    ):  # Newton; the first guess is off by exp(-2 mu), which four squarings bring below an ulp
        residual = np.sin(roots) + np.cos(roots) * np.tanh(roots)
        slope = (
            np.cos(roots)
            - np.sin(roots) * np.tanh(roots)
            + np.cos(roots) * (1 - np.tanh(roots) ** 2)
        )
        roots = roots - residual / slope
    return roots


@guarded
def integrated_walk_explained_variance_ratio(
    n_components: Components,
) -> Float[np.ndarray, " components"]:
    """Ratios ρ_k = 30 / μ_k^4 of the integrated walk as T grows: 0.9589 in the first component, not
    one.
    """
    return 30 / integrated_walk_wavenumbers(n_components) ** 4


@guarded
def integrated_walk_modes(
    times: Annotated[Float[np.ndarray, " times"], UNIT_INTERVAL], n_components: Components
) -> Float[np.ndarray, "times components"]:
    """Modes cos(μ s) / cos μ + cosh(μ s) / cosh μ of the integrated walk at s = t / T, of mean zero
    and not normalised.

    Slope and third derivative vanish at the start (a guided beam), the second and third at the end
    (a free one).
    """
    phases = np.outer(times, integrated_walk_wavenumbers(n_components))
    ends = integrated_walk_wavenumbers(n_components)
    # cosh(x) / cosh(μ) without overflow.
    hyperbolic = (np.exp(phases - ends) + np.exp(-phases - ends)) / (1 + np.exp(-2 * ends))
    return np.cos(phases) / np.cos(ends) + hyperbolic
