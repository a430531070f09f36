"""Covariances as features: the joint spectrum (λ, ρ) where they commute, and what is left where
they do not.

Derived here, from the stationary points of both objectives: with R = Σ_yx Σ_xx^(-1), JEPA ends with
a predictor that is similar to R, MAE with the end-to-end map R. Σ_xx and Σ_yx = E[y x^T] are (dim,
dim).

Three models have such features: two noisy views, two masks, two times. Littwin et al. 2024 (arXiv
2407.03475) study models of these kinds; their own parametrisation could not be read, so these are
derived here.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from theory.jepa_bias.domains import (
    CrossMoment,
    Definite,
    Fractions,
    NonNegatives,
    Positives,
    Reals,
    SecondMoment,
)
from theory_on_trial.contract import (
    COVARIANCE,
    ORTHONORMAL,
    POSITIVE,
    Count,
    Fraction,
    Holds,
    Interval,
    Positive,
    guarded,
    require,
)


class JointSpectrum(NamedTuple):
    """The features of two commuting covariances, by decreasing λ."""

    covariance: Float[np.ndarray, " dim"]
    """λ, the eigenvalues of Σ_yx; at most zero for a feature that is never learned."""
    regression: Float[np.ndarray, " dim"]
    """ρ = λ / σ^2, σ^2 the eigenvalues of Σ_xx."""
    basis: Float[np.ndarray, "dim dim"]
    """The features as orthonormal columns."""


class Restriction(NamedTuple):
    """Two covariances on the range of Σ_xx."""

    basis: Float[np.ndarray, "dim rank"]
    """Orthonormal columns that span the range."""
    Sigma_xx: Float[np.ndarray, "rank rank"]
    Sigma_yx: Float[np.ndarray, "rank rank"]


@guarded
def commutator_norm(Sigma_xx: SecondMoment, Sigma_yx: CrossMoment) -> float:
    """Frobenius norm of Σ_xx Σ_yx - Σ_yx Σ_xx, in squared units of the data; zero iff they
    commute.
    """
    return float(np.linalg.norm(Sigma_xx @ Sigma_yx - Sigma_yx @ Sigma_xx))


@guarded
def restrict_to_range(
    Sigma_xx: SecondMoment, Sigma_yx: CrossMoment, tol: Positive = 1e-12
) -> Restriction:
    """Both covariances in an orthonormal basis of the range of Σ_xx, for data with fewer samples
    than dimensions.

    Directions with at most `tol` times the largest variance are left out; x loses nothing, the
    target may.
    """
    variances, vectors = np.linalg.eigh(Sigma_xx)
    require(
        variances[-1] > 0, f"Sigma_xx must have a positive eigenvalue, got at most {variances[-1]}"
    )
    basis = vectors[:, variances > tol * variances[-1]]
    return Restriction(basis, basis.T @ Sigma_xx @ basis, basis.T @ Sigma_yx @ basis)


@guarded
def joint_spectrum(
    Sigma_xx: SecondMoment, Sigma_yx: CrossMoment, tol: Positive = 1e-9
) -> JointSpectrum:
    """(λ, ρ) and the common eigenvectors; Σ_yx distinguishes features whose variances coincide.

    `ValueError` if Σ_yx is not symmetric, or the commutator not zero, to `tol` times the norms (the
    sentence gives the size and the eigenvalues of R that take the place of ρ), or Σ_xx is singular
    to `tol`.

    >>> found = joint_spectrum([[2.0, 0.0], [0.0, 1.0]], [[0.5, 0.0], [0.0, 0.75]])
    >>> found.covariance.tolist(), found.regression.tolist()
    ([0.75, 0.5], [0.75, 0.25])
    """
    norm_xx = np.linalg.norm(Sigma_xx)
    norm_yx = np.linalg.norm(Sigma_yx)
    variances, vectors = np.linalg.eigh(Sigma_xx)
    rank = int(np.sum(variances > tol * variances[-1]))
    require(
        rank == len(variances),
        "Sigma_xx must be positive definite (a feature without input variance has no rho, see "
        "restrict_to_range), got "
        f"rank {rank} of {len(variances)}",
    )
    asymmetry = np.linalg.norm(Sigma_yx - Sigma_yx.T)
    if asymmetry > tol * norm_yx:
        raise ValueError(
            "Sigma_yx must be symmetric for features to exist, got ||Sigma_yx - Sigma_yx^T||_F = "
            f"{asymmetry:.3g}; "
            f"the eigenvalues of R are {_listed(Sigma_xx, Sigma_yx)}"
        )
    commutator = commutator_norm(Sigma_xx, Sigma_yx)
    if commutator > tol * norm_xx * norm_yx:
        raise ValueError(
            "Sigma_xx and Sigma_yx must commute for scalar times to be predictions, got a "
            "commutator of norm "
            f"{commutator:.3g}; the eigenvalues of R are {_listed(Sigma_xx, Sigma_yx)}"
        )
    symmetric = (Sigma_yx + Sigma_yx.T) / 2
    basis = vectors.copy()
    # Commuting to tol leaves Sigma_yx block diagonal up to tol over the gap: blocks end where it
    # exceeds sqrt(tol).
    ends = np.flatnonzero(np.diff(variances) > np.sqrt(tol) * variances[-1]) + 1
    for block in np.split(np.arange(len(variances)), ends):
        basis[:, block] = (
            vectors[:, block]
            @ np.linalg.eigh(vectors[:, block].T @ symmetric @ vectors[:, block])[1]
        )
    covariance = np.einsum("ik,ij,jk->k", basis, symmetric, basis)
    variance = np.einsum("ik,ij,jk->k", basis, Sigma_xx, basis)
    order = np.argsort(-covariance, kind="stable")
    return JointSpectrum(covariance[order], (covariance / variance)[order], basis[:, order])


@guarded
def predictor_eigenvalues(Sigma_xx: Definite, Sigma_yx: CrossMoment) -> Complex[np.ndarray, " dim"]:
    """Eigenvalues of R = Σ_yx Σ_xx^(-1), by decreasing real part: those of JEPA's final predictor
    V.

    Exact at every stationary point with an invertible encoder. Complex ones mean that no diagonal
    fixed point exists.
    """
    values = np.linalg.eigvals(_regression_matrix(Sigma_xx, Sigma_yx)).astype(complex)
    return values[np.lexsort((-values.imag, -values.real))]


@guarded
def mae_singular_values(
    Sigma_xx: Definite, Sigma_yx: CrossMoment, depth: Count
) -> Float[np.ndarray, " dim"]:
    """Singular values of MAE's final encoder, those of R to the power L / (L + 1), decreasing; if
    balanced.
    """
    return np.linalg.svd(_regression_matrix(Sigma_xx, Sigma_yx), compute_uv=False) ** (
        depth / (depth + 1)
    )


def _regression_matrix(Sigma_xx: Definite, Sigma_yx: CrossMoment) -> Float[np.ndarray, "dim dim"]:
    return np.linalg.solve(Sigma_xx, Sigma_yx.T).T


def _listed(Sigma_xx: Definite, Sigma_yx: CrossMoment) -> str:
    values = predictor_eigenvalues(Sigma_xx, Sigma_yx)
    return ", ".join(f"{value.real:.4g}" if value.imag == 0 else f"{value:.4g}" for value in values)


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
