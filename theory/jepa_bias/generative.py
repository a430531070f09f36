"""Three data models and the (λ, ρ) of their features: two noisy views, two masks, two times.

Littwin et al. 2024 (arXiv 2407.03475) study models of these kinds; their own parametrisation could
not be read, so these are derived here.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float

from theory.jepa_bias.domains import Fractions, NonNegatives, Positives, Reals
from theory_on_trial.contract import (
    COVARIANCE,
    ORTHONORMAL,
    POSITIVE,
    Fraction,
    Holds,
    Interval,
    guarded,
)

VARYING = Holds(
    "varying", "have a positive diagonal", lambda matrix: bool(np.all(np.diagonal(matrix) > 0))
)
DataCovariance = Annotated[Float[np.ndarray, "dim dim"], COVARIANCE, VARYING]
"""S, of all coordinates before any is masked."""


class Features(NamedTuple):
    """The two numbers of every feature."""

    covariance: Float[np.ndarray, "..."]
    """λ, the covariance of the views on the feature."""
    regression: Float[np.ndarray, "..."]
    """ρ = λ / σ^2, of the target on the context."""


class Covariances(NamedTuple):
    """The two matrices that the dynamics sees."""

    Sigma_xx: Float[np.ndarray, "dim dim"]
    Sigma_yx: Float[np.ndarray, "dim dim"]


@guarded
def static_features(signal_variance: Positives, noise_variance: NonNegatives) -> Features:
    """Two noisy views s + n, s + n' of one signal: λ = σ_s^2, ρ = σ_s^2 / (σ_s^2 + σ_n^2) in (0,
    1]. All broadcast.
    """
    signal, noise = np.broadcast_arrays(signal_variance, noise_variance)
    return Features(signal.copy(), np.asarray(signal / (signal + noise)))


@guarded
def temporal_features(
    autocorrelation: Annotated[Reals, Interval(-1, 1, "()", why="the signal is stationary")],
    innovation_variance: Positives,
    noise_variance: NonNegatives,
) -> Features:
    """Next observation from this one, x = z + n of an autoregressive z' = γ z + u; a feature per
    entry, broadcast.

    With v = σ_u^2 / (1 - γ^2): λ = γ v, ρ = γ v / (v + σ_n^2); a negative γ is never learned.
    """
    gamma, innovation, noise = np.broadcast_arrays(
        autocorrelation, innovation_variance, noise_variance
    )
    variance = innovation / ((1 - gamma) * (1 + gamma))
    return Features(np.asarray(gamma * variance), np.asarray(gamma * variance / (variance + noise)))


@guarded
def complementary_mask_covariances(data_covariance: DataCovariance, rate: Fraction) -> Covariances:
    """q^2 S + q (1 - q) D, q (1 - q)(S - D) of x = m z, y = (1 - m) z, m_k ~ Bernoulli(`rate` q), D
    = diag S.
    """
    diagonal = np.diag(np.diag(data_covariance))
    hidden = rate * (1 - rate)
    return Covariances(
        rate**2 * data_covariance + hidden * diagonal, hidden * (data_covariance - diagonal)
    )


@guarded
def independent_mask_covariances(
    data_covariance: DataCovariance, rate: Fraction, target_rate: Fraction
) -> Covariances:
    """Covariances q^2 S + q (1 - q) D and q q' S of x = m z, y = m' z with independent masks of
    rates q and q'.
    """
    diagonal = np.diag(np.diag(data_covariance))
    return Covariances(
        rate**2 * data_covariance + rate * (1 - rate) * diagonal,
        rate * target_rate * data_covariance,
    )


@guarded
def complementary_mask_features(
    eigenvalues: NonNegatives, variance: Positives, rate: Fractions
) -> Features:
    """Features of complementary masks where all coordinates have one variance c, from the
    eigenvalues s of S.

    λ = q (1 - q) (s - c), ρ = (1 - q)(s - c) / (q s + (1 - q) c); s <= c is never learned. All
    broadcast.
    """
    s, c, q = np.broadcast_arrays(eigenvalues, variance, rate)
    return Features(
        np.asarray(q * (1 - q) * (s - c)), np.asarray((1 - q) * (s - c) / (q * s + (1 - q) * c))
    )


@guarded
def independent_mask_features(
    eigenvalues: NonNegatives, variance: Positives, rate: Fractions, target_rate: Fractions
) -> Features:
    """Independent masks, all coordinates of variance c, eigenvalues s: λ = q q' s, ρ = q' s / (q s
    + (1 - q) c).

    Both increase with s. Arguments broadcast.
    """
    s, c, q, q_target = np.broadcast_arrays(eigenvalues, variance, rate, target_rate)
    return Features(np.asarray(q * q_target * s), np.asarray(q_target * s / (q * s + (1 - q) * c)))


@guarded
def covariances_of_features(
    covariance: Annotated[Float[np.ndarray, " dim"], POSITIVE],
    regression: Annotated[Float[np.ndarray, " dim"], POSITIVE],
    basis: Annotated[Float[np.ndarray, "dim dim"], ORTHONORMAL],
) -> Covariances:
    """Σ_xx = Q diag(λ / ρ) Q^T and Σ_yx = Q diag(λ) Q^T for Q = `basis`; the inverse of
    `joint_spectrum`.
    """
    return Covariances(
        (basis * (covariance / regression)) @ basis.T, (basis * covariance) @ basis.T
    )
