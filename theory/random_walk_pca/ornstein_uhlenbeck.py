"""PCA of the discrete Ornstein-Uhlenbeck process x_t = (1 - α) x_{t-1} + ξ_t, exactly at every α
and T, and the sphere on which it is trapped.

The circulant formula and the critical radius are those of Antognini & Sohl-Dickstein 2018 (arXiv
1806.08805). The exact spectra are derived here: every eigenvalue is 1 / (α^2 + a θ) with a = 1 - α,
θ = 2 - 2 cos ω and ω in (0, π) a root of a trigonometric equation. Uncentred roots are bracketed by
multiples of π / T, and centring interlaces one root between each neighbouring pair, so none can be
missed. The paper has cosines throughout; they hold for α T << 1 only. For α T >> 1 the ends of the
trajectory act as if absorbing, the first component becomes a full-period sine, and a cosine content
of one falls to (8 / 3 π)^2. In high dimension the process reverts in each coordinate, not in norm.

`rate` is α, which is 0 for the plain walk and 1 for independent points. Spectra are decreasing and
in units of the step variance; lengths are in units of its root. For α > 1 the fastest oscillation
leads.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float, Int

from theory.random_walk_pca.domains import (
    Components,
    Dimension,
    Points,
    Rate,
    StationaryRate,
)
from theory.random_walk_pca.plain_walk import laplacian_eigenvalues
from theory.random_walk_pca.roots import bisect
from theory_on_trial.contract import NON_NEGATIVE, Fraction, guarded, require


@guarded
def impulse_response(n_points: Points, rate: Rate) -> Float[np.ndarray, " points"]:
    """Return the impulse response h_m = (1 - α)^(m - 1), m = 1, ..., T, for `toeplitz_covariance`
    and `toeplitz_total_variance`. Source: arXiv 1806.08805.
    """
    return (1 - rate) ** np.arange(n_points)


@guarded
def eigenvalues(n_points: Points, rate: Rate) -> Float[np.ndarray, " components"]:
    """Return all T - 1 exact PCA eigenvalues of the process that starts at x_0 = 0. All are one at
    α = 1.
    """
    return np.sort(1 / _inverse_eigenvalue(_centred_frequencies(n_points, rate), rate))[::-1]


@guarded
def modes(
    n_points: Points, rate: Rate, n_components: Components
) -> Float[np.ndarray, "points components"]:
    """Return the leading exact eigenvectors of the process that starts at x_0 = 0, as orthonormal
    columns with a positive first entry.

    They are α^2 - μ cos(ω t) + μ (num / den) sin(ω t), with μ = α^2 + a θ(ω) and num and den of
    `_boundary_terms`. Raises ValueError at α = 1 and for more than T - 1 components.
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
    # Adds den alpha^2, free of the rounding that a near-degenerate spectrum amplifies
    modes -= modes.mean(axis=0)
    return modes / np.linalg.norm(modes, axis=0) * np.sign(modes[0])


@guarded
def circulant_eigenvalues(n_points: Points, rate: Rate) -> Float[np.ndarray, " components"]:
    """Return the circulant approximation 1 / (α^2 + (1 - α) θ_k) of the eigenvalues, in the order
    of k, where θ_k are the `laplacian_eigenvalues`. Source: arXiv 1806.08805.

    Its leading eigenvalue is right for α T << 1 and, within 2 / (α T), for α T >> 1. Near α T = 2
    it is almost twice the exact one.
    """
    return 1 / (rate**2 + (1 - rate) * laplacian_eigenvalues(n_points))


def _uncentred_frequencies(n_points: int, rate: float) -> Float[np.ndarray, " points"]:
    """Return the root of sin((T + 1) ω) - a sin(T ω) in each interval ((j - 1) π / T, j π / T), j =
    1, ..., T.
    """
    ends = np.pi * np.arange(n_points + 1) / n_points
    return bisect(
        lambda omega: _boundary_terms(omega, n_points, rate)[1],
        ends[:-1],
        ends[1:],
        _alternating(n_points),
    )


def _centred_frequencies(n_points: int, rate: float) -> Float[np.ndarray, " components"]:
    """Return the T - 1 roots of (T α^2 - μ SC) den + μ num SS, increasing, one between each two
    uncentred roots.

    SC and SS are the sums of cos(ω t) and of sin(ω t). Where den = 0, num (num + 2 α) = μ - α^2 has
    no zero, so that num SS gives the sign.
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
    """Return num = cos((T+1) ω) - a cos(T ω) - α and den = sin((T+1) ω) - a sin(T ω), stably by
    half angles.
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


def _alternating(count: int) -> Float[np.ndarray, " count"]:
    return 1.0 - 2.0 * (np.arange(count) % 2)


@guarded
def trapping_radius(rate: StationaryRate) -> float:
    """Return the radius r_c = 1 / sqrt(α (2 - α)) of the sphere on which the process settles.
    Source: arXiv 1806.08805.
    """
    return float(1 / np.sqrt(rate * (2 - rate)))


@guarded
def mean_squared_norm(
    steps: Annotated[Int[np.ndarray, " steps"], NON_NEGATIVE], rate: Rate
) -> Float[np.ndarray, " steps"]:
    """Return the mean squared norm E |x_t|^2 = (1 - a^(2t)) / (1 - a^2) after t steps from zero, a
    = 1 - α. It is t at α = 0.
    """
    if rate == 0:
        return steps.astype(float)
    contraction = (1 - rate) ** 2
    log_contraction = np.log1p(rate * (rate - 2)) if contraction > 0 else -np.inf
    exponent = np.multiply(steps, log_contraction, out=np.zeros(steps.shape), where=steps > 0)
    return -np.expm1(exponent) / (rate * (2 - rate))


@guarded
def squared_norm_relative_std(dim: Dimension) -> float:
    """Return the relative standard deviation sqrt(2 / d) of |x_t|^2, which is the same at every t,
    for Gaussian steps of effective dimension d.
    """
    return float(np.sqrt(2 / dim))


@guarded
def escape_probability_bound(squared_fraction: Fraction, dim: Dimension) -> float:
    """Return Chernoff's upper bound exp(-(d/2)(f - 1 - log f)) on the probability that |x_t|^2 < f
    r_c^2 in the trapped process with isotropic Gaussian steps; f = `squared_fraction`.
    """
    return float(np.exp(-dim / 2 * (squared_fraction - 1 - np.log(squared_fraction))))
