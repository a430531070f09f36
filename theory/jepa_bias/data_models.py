"""The features of two covariances: their joint spectrum (λ, ρ) if the covariances commute, and what
both objectives learn if they do not.

Σ_xx = E[x x^T] and Σ_yx = E[y x^T] are (dim, dim) matrices, and R = Σ_yx Σ_xx^(-1). At the end of
training JEPA has a predictor that is similar to R, and MAE has the end-to-end map R. Derived here,
from the stationary points of both objectives.

Three models of data have features: two noisy views, two masks, and two times. Littwin et al. 2024
(arXiv 2407.03475) study models of these kinds. Their own parametrisation could not be read, so
these models are derived here.
"""

from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from theory.jepa_bias.domains import (
    CrossMoment,
    Definite,
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
    """The features of two commuting covariances, in the order of decreasing λ."""

    covariance: Float[np.ndarray, " dim"]
    """The eigenvalues λ of Σ_yx. A feature with λ <= 0 is never learned."""
    regression: Float[np.ndarray, " dim"]
    """The regression coefficients ρ = λ / σ^2, where σ^2 are the eigenvalues of Σ_xx."""
    basis: Float[np.ndarray, "dim dim"]
    """The features, as orthonormal columns."""


@guarded
def joint_spectrum(
    Sigma_xx: SecondMoment, Sigma_yx: CrossMoment, tol: Positive = 1e-9
) -> JointSpectrum:
    """Return the features of two commuting covariances: λ, ρ = λ / σ^2 and the common eigenvectors.

    σ^2 are the eigenvalues of Σ_xx. Where several features have the same variance, the eigenvectors
    of Σ_yx distinguish them. Raises ValueError if Σ_xx is singular to `tol`, if Σ_yx is asymmetric
    by more than `tol` times its norm, or if the commutator exceeds `tol` times the product of both
    norms. The last two errors name the size and the eigenvalues of R, which take the place of ρ.

    >>> found = joint_spectrum([[2.0, 0.0], [0.0, 1.0]], [[0.5, 0.0], [0.0, 0.75]])
    >>> found.covariance.tolist(), found.regression.tolist()
    ([0.75, 0.5], [0.75, 0.25])
    """
    norm_yx = np.linalg.norm(Sigma_yx)
    variances, vectors = np.linalg.eigh(Sigma_xx)
    rank = int(np.sum(variances > tol * variances[-1]))
    require(
        rank == len(variances),
        "Sigma_xx must be positive definite (a direction without input variance has no rho: drop "
        f"it), got rank {rank} of {len(variances)}",
    )
    asymmetry = np.linalg.norm(Sigma_yx - Sigma_yx.T)
    if asymmetry > tol * norm_yx:
        raise ValueError(
            "Sigma_yx must be symmetric for features to exist, got ||Sigma_yx - Sigma_yx^T||_F = "
            f"{asymmetry:.3g}; "
            f"the eigenvalues of R are {_listed(Sigma_xx, Sigma_yx)}"
        )
    commutator = np.linalg.norm(Sigma_xx @ Sigma_yx - Sigma_yx @ Sigma_xx)
    if commutator > tol * np.linalg.norm(Sigma_xx) * norm_yx:
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
    """Return the eigenvalues of R = Σ_yx Σ_xx^(-1), which are those of JEPA's final predictor V, in
    the order of decreasing real part.

    This is exact at every stationary point with an invertible encoder. If some are complex, no
    diagonal fixed point exists.
    """
    values = np.linalg.eigvals(_regression_matrix(Sigma_xx, Sigma_yx)).astype(complex)
    return values[np.lexsort((-values.imag, -values.real))]


@guarded
def mae_singular_values(
    Sigma_xx: Definite, Sigma_yx: CrossMoment, depth: Count
) -> Float[np.ndarray, " dim"]:
    """Return the singular values of MAE's final encoder of L = `depth` layers, in decreasing order.

    They are those of R = Σ_yx Σ_xx^(-1) to the power L / (L + 1), provided that all layers are
    balanced.
    """
    return np.linalg.svd(_regression_matrix(Sigma_xx, Sigma_yx), compute_uv=False) ** (
        depth / (depth + 1)
    )


def _regression_matrix(Sigma_xx: Definite, Sigma_yx: CrossMoment) -> Float[np.ndarray, "dim dim"]:
    """Return R = Σ_yx Σ_xx^(-1)."""
    return np.linalg.solve(Sigma_xx, Sigma_yx.T).T


def _listed(Sigma_xx: Definite, Sigma_yx: CrossMoment) -> str:
    """Return the eigenvalues of R as text."""
    values = predictor_eigenvalues(Sigma_xx, Sigma_yx)
    return ", ".join(f"{value.real:.4g}" if value.imag == 0 else f"{value:.4g}" for value in values)


VARYING = Holds(
    "varying", "have a positive diagonal", lambda matrix: bool(np.all(np.diagonal(matrix) > 0))
)
DataCovariance = Annotated[Float[np.ndarray, "dim dim"], COVARIANCE, VARYING]
"""The covariance S of all coordinates, before any of them is masked."""


class Features(NamedTuple):
    """The two numbers that describe each feature."""

    covariance: Float[np.ndarray, "..."]
    """The covariance λ of the two views on the feature."""
    regression: Float[np.ndarray, "..."]
    """The regression coefficient ρ = λ / σ^2 of the target on the context."""


class Covariances(NamedTuple):
    """The two (dim, dim) matrices that determine the dynamics."""

    Sigma_xx: Float[np.ndarray, "dim dim"]
    Sigma_yx: Float[np.ndarray, "dim dim"]


@guarded
def static_features(signal_variance: Positives, noise_variance: NonNegatives) -> Features:
    """Return the features of two noisy views s + n and s + n' of one signal.

    λ = σ_s^2 and ρ = σ_s^2 / (σ_s^2 + σ_n^2), which lies in (0, 1]. Here σ_s^2 is the variance of
    the signal and σ_n^2 that of the noise. All arguments broadcast.
    """
    signal, noise = np.broadcast_arrays(signal_variance, noise_variance)
    return Features(signal.copy(), np.asarray(signal / (signal + noise)))


@guarded
def temporal_features(
    autocorrelation: Annotated[Reals, Interval(-1, 1, "()", why="the signal is stationary")],
    innovation_variance: Positives,
    noise_variance: NonNegatives,
) -> Features:
    """Return the features of predicting the next observation from the present one, one feature per
    entry.

    The observation is x = z + n, where z is autoregressive: z' = γ z + u, with |γ| < 1. With the
    stationary variance v = σ_u^2 / (1 - γ^2) of z, where σ_u^2 is the variance of u and σ_n^2 that
    of the noise n, λ = γ v and ρ = γ v / (v + σ_n^2). A feature with negative γ is never learned.
    All arguments broadcast.
    """
    gamma, innovation, noise = np.broadcast_arrays(
        autocorrelation, innovation_variance, noise_variance
    )
    variance = innovation / ((1 - gamma) * (1 + gamma))
    return Features(np.asarray(gamma * variance), np.asarray(gamma * variance / (variance + noise)))


@guarded
def complementary_mask_covariances(data_covariance: DataCovariance, rate: Fraction) -> Covariances:
    """Return the covariances Σ_xx and Σ_yx of two complementary masks of the same coordinates z.

    The context is x = m z and the target is y = (1 - m) z, entry by entry, with m_k ~ Bernoulli(q)
    and q = `rate`. Then Σ_xx = q^2 S + q (1 - q) D and Σ_yx = q (1 - q) (S - D), where S =
    `data_covariance` is that of z and D = diag S.
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
    """Return the covariances Σ_xx and Σ_yx of two independent masks of the same coordinates z.

    The context is x = m z and the target is y = m' z, entry by entry, with m_k ~ Bernoulli(q), m'_k
    ~ Bernoulli(q'), q = `rate` and q' = `target_rate`. Then Σ_xx = q^2 S + q (1 - q) D and Σ_yx = q
    q' S, where S = `data_covariance` is that of z and D = diag S.
    """
    diagonal = np.diag(np.diag(data_covariance))
    return Covariances(
        rate**2 * data_covariance + rate * (1 - rate) * diagonal,
        rate * target_rate * data_covariance,
    )


@guarded
def covariances_of_features(
    covariance: Annotated[Float[np.ndarray, " dim"], POSITIVE],
    regression: Annotated[Float[np.ndarray, " dim"], POSITIVE],
    basis: Annotated[Float[np.ndarray, "dim dim"], ORTHONORMAL],
) -> Covariances:
    """Return the covariances Σ_xx = Q diag(λ / ρ) Q^T and Σ_yx = Q diag(λ) Q^T of given features.

    λ is `covariance`, ρ is `regression`, and Q is `basis`. It is the inverse of `joint_spectrum`.
    """
    return Covariances(
        (basis * (covariance / regression)) @ basis.T, (basis * covariance) @ basis.T
    )
