"""PCA of the discrete Ornstein-Uhlenbeck process x_t = (1 - α) x_{t-1} + ξ_t, exactly at every α
and T.

The circulant formula is that of Antognini & Sohl-Dickstein 2018 (arXiv 1806.08805). The exact
spectra are derived here: every eigenvalue is 1 / (α^2 + a θ) with a = 1 - α, θ = 2 - 2 cos ω and ω
in (0, π) a root of a trigonometric equation. Uncentred roots are bracketed by multiples of π / T,
and centring interlaces one root between each neighbouring pair, so none can be missed.

`rate` is α, 0 for the plain walk and 1 for independent points. Spectra are decreasing and in units
of the step variance. For α > 1 the fastest oscillation leads.
"""

import numpy as np
from jaxtyping import Float

from theory.random_walk_pca._roots import bisect
from theory.random_walk_pca.domains import Components, Points, Rate
from theory.random_walk_pca.spectrum import laplacian_eigenvalues
from theory_on_trial.contract import guarded, require


@guarded
def ornstein_uhlenbeck_impulse_response(
    n_points: Points, rate: Rate
) -> Float[np.ndarray, " points"]:
    """h_m = (1 - α)^(m - 1), m = 1, ..., T, for `toeplitz_covariance` and its total variance; arXiv
    1806.08805.
    """
    return (1 - rate) ** np.arange(n_points)


@guarded
def ornstein_uhlenbeck_eigenvalues(
    n_points: Points, rate: Rate
) -> Float[np.ndarray, " components"]:
    """All T - 1 exact PCA eigenvalues of the process started at x_0 = 0. All are one at α = 1."""
    return _decreasing(_eigenvalue(_centred_frequencies(n_points, rate), rate))


@guarded
def ornstein_uhlenbeck_modes(
    n_points: Points, rate: Rate, n_components: Components
) -> Float[np.ndarray, "points components"]:
    """Leading exact eigenvectors of the process started at x_0 = 0, orthonormal columns with a
    positive first entry.

    α^2 - μ cos(ω t) + μ (num / den) sin(ω t), μ = α^2 + a θ(ω). `ValueError` at α = 1 or k above T
    - 1.
    """
    require(
        n_components < n_points,
        f"n_components must be at most n_points - 1 = {n_points - 1}, got {n_components}",
    )
    require(
        rate != 1,
        "rate must not be 1 here: all eigenvalues coincide and the eigenvectors are not defined",
    )
    frequency = _centred_frequencies(n_points, rate)
    frequency = frequency[:n_components] if rate < 1 else frequency[::-1][:n_components]
    inverse = _inverse_eigenvalue(frequency, rate)
    numerator, denominator = _boundary_terms(frequency, n_points, rate)
    phase = np.outer(np.arange(1, n_points + 1), frequency)
    modes = inverse * (numerator * np.sin(phase) - denominator * np.cos(phase))
    modes -= modes.mean(
        axis=0
    )  # adds den alpha^2, free of the rounding that a near-degenerate spectrum amplifies
    return modes / np.linalg.norm(modes, axis=0) * np.sign(modes[0])


@guarded
def ornstein_uhlenbeck_circulant_eigenvalues(
    n_points: Points, rate: Rate
) -> Float[np.ndarray, " components"]:
    """Circulant approximation 1 / (α^2 + (1 - α) θ_k), in the order of k. Source: arXiv 1806.08805.

    Its leading eigenvalue is right for α T << 1 and, within 2 / (α T), for α T >> 1; almost twice
    it near α T = 2.
    """
    return 1 / (rate**2 + (1 - rate) * laplacian_eigenvalues(n_points))


def _uncentred_frequencies(n_points: int, rate: float) -> Float[np.ndarray, " points"]:
    """The root of sin((T + 1) ω) - a sin(T ω) in each ((j - 1) π / T, j π / T), j = 1, ..., T."""
    ends = np.pi * np.arange(n_points + 1) / n_points
    return bisect(
        lambda omega: _boundary_terms(omega, n_points, rate)[1],
        ends[:-1],
        ends[1:],
        _alternating(n_points),
    )


def _centred_frequencies(n_points: int, rate: float) -> Float[np.ndarray, " components"]:
    """The T - 1 increasing roots of (T α^2 - μ SC) den + μ num SS, one between each two uncentred
    roots.

    SC, SS: sums of cos(ω t), sin(ω t). Where den = 0, num (num + 2 α) = μ - α^2 has no zero: num SS
    gives the sign.
    """

    def secular(frequency: Float[np.ndarray, " roots"]) -> Float[np.ndarray, " roots"]:
        numerator, denominator = _boundary_terms(frequency, n_points, rate)
        inverse = _inverse_eigenvalue(frequency, rate)
        common = np.sin(frequency * n_points / 2) / np.sin(frequency / 2)
        cosine_sum = common * np.cos(frequency * (n_points + 1) / 2)
        sine_sum = common * np.sin(frequency * (n_points + 1) / 2)
        return (
            n_points * rate**2 - inverse * cosine_sum
        ) * denominator + inverse * numerator * sine_sum

    barriers = _uncentred_frequencies(n_points, rate)
    lower = barriers[:-1]
    upper = barriers[1:]
    return bisect(secular, lower, upper, -_alternating(n_points - 1))


def _boundary_terms(
    frequency: Float[np.ndarray, " roots"], n_points: int, rate: float
) -> tuple[Float[np.ndarray, " roots"], Float[np.ndarray, " roots"]]:
    """Num = cos((T+1) ω) - a cos(T ω) - α, den = sin((T+1) ω) - a sin(T ω), stably by half
    angles.
    """
    half_step = 2 * np.sin(frequency / 2)
    middle = frequency * (n_points + 0.5)
    numerator = -half_step * np.sin(middle) - 2 * rate * np.sin(frequency * n_points / 2) ** 2
    denominator = half_step * np.cos(middle) + rate * np.sin(frequency * n_points)
    return numerator, denominator


def _inverse_eigenvalue(
    frequency: Float[np.ndarray, " roots"], rate: float
) -> Float[np.ndarray, " roots"]:
    if rate > 1:  # the same by half angles, without cancellation between alpha^2 and a theta
        return (2 - rate) ** 2 + (rate - 1) * 4 * np.cos(frequency / 2) ** 2
    return rate**2 + (1 - rate) * 4 * np.sin(frequency / 2) ** 2


def _eigenvalue(frequency: Float[np.ndarray, " roots"], rate: float) -> Float[np.ndarray, " roots"]:
    return 1 / _inverse_eigenvalue(frequency, rate)


def _decreasing(spectrum: Float[np.ndarray, " roots"]) -> Float[np.ndarray, " roots"]:
    return np.sort(spectrum)[::-1]


def _alternating(count: int) -> Float[np.ndarray, " count"]:
    return 1.0 - 2.0 * (np.arange(count) % 2)
