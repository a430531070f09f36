"""Three data models and the (lambda, rho) of their features: two noisy views, two masks, two times.

Littwin et al. 2024 (arXiv 2407.03475) study models of these kinds; their own parametrisation could not be read, so
these are derived here. `ValueError` for values out of range.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from theory.jepa_bias._validation import (
    Values,
    broadcast,
    checked_covariance,
    checked_finite,
    checked_fraction,
    checked_non_negative,
    checked_positive,
)
from theory_on_trial.arguments.theory import validated
from theory_on_trial.arguments.theory_domain import check_finite


class Features(NamedTuple):
    """The two numbers of every feature."""

    covariance: Float[np.ndarray, "..."]
    """lambda, the covariance of the views on the feature."""
    regression: Float[np.ndarray, "..."]
    """rho = lambda / sigma^2, of the target on the context."""


class Covariances(NamedTuple):
    """The two matrices that the dynamics sees."""

    Sigma_xx: Float[np.ndarray, "dim dim"]
    Sigma_yx: Float[np.ndarray, "dim dim"]


@validated
def static_features(signal_variance: Values, noise_variance: Values) -> Features:
    """Two noisy views s + n, s + n' of one signal: lambda = sigma_s^2, rho = sigma_s^2 / (sigma_s^2 + sigma_n^2).

    A strong but noisy feature has a large lambda and a small rho. Signal > 0, noise >= 0, broadcast; rho is in (0, 1].
    """
    signal, noise = broadcast(
        signal_variance=checked_positive("signal_variance", signal_variance),
        noise_variance=_finite_non_negative("noise_variance", noise_variance),
    )
    return Features(signal.copy(), np.asarray(signal / (signal + noise)))


@validated
def temporal_features(autocorrelation: Values, innovation_variance: Values, noise_variance: Values) -> Features:
    """Next observation from this one, x = z + n of an autoregressive z' = gamma z + u; a feature per entry.

    With v = sigma_u^2 / (1 - gamma^2): lambda = gamma v, rho = gamma v / (v + sigma_n^2). Slow features win in rho,
    strong ones in lambda. |gamma| < 1 (negative: never learned), innovations > 0, noise >= 0; broadcast.
    """
    gamma, innovation, noise = broadcast(
        autocorrelation=checked_finite("autocorrelation", autocorrelation),
        innovation_variance=checked_positive("innovation_variance", innovation_variance),
        noise_variance=_finite_non_negative("noise_variance", noise_variance),
    )
    if np.any(np.abs(gamma) >= 1):
        raise ValueError(
            f"autocorrelation must be strictly between -1 and 1 (stationary), got {gamma[np.abs(gamma) >= 1].flat[0]}"
        )
    variance = innovation / ((1 - gamma) * (1 + gamma))
    return Features(np.asarray(gamma * variance), np.asarray(gamma * variance / (variance + noise)))


@validated
def complementary_mask_covariances(data_covariance: Float[np.ndarray, "dim dim"], rate: float | int) -> Covariances:
    """Covariances q^2 S + q (1 - q) D and q (1 - q) (S - D) of x = m z, y = (1 - m) z, m_k ~ Bernoulli(q), D = diag S.

    `rate` q in (0, 1) is the share that the context sees. The two commute iff S and D do (a constant diagonal, say).
    """
    data, q = _checked_data(data_covariance), float(checked_fraction("rate", rate))
    diagonal = np.diag(np.diag(data))
    return Covariances(q**2 * data + q * (1 - q) * diagonal, q * (1 - q) * (data - diagonal))


@validated
def independent_mask_covariances(
    data_covariance: Float[np.ndarray, "dim dim"], rate: float | int, target_rate: float | int
) -> Covariances:
    """Covariances q^2 S + q (1 - q) D and q q' S of x = m z, y = m' z with independent masks of rates q and q'."""
    data, q = _checked_data(data_covariance), float(checked_fraction("rate", rate))
    seen = float(checked_fraction("target_rate", target_rate))
    return Covariances(q**2 * data + q * (1 - q) * np.diag(np.diag(data)), q * seen * data)


@validated
def complementary_mask_features(eigenvalues: Values, variance: Values, rate: Values) -> Features:
    """Features of complementary masks where all coordinates have one variance c, from the eigenvalues s of S.

    lambda = q (1 - q) (s - c), rho = (1 - q)(s - c) / (q s + (1 - q) c): both increase with s, so that the objectives
    agree; a feature with s <= c is never learned. s >= 0, c > 0, 0 < q < 1; broadcast.
    """
    s, c, q = _checked_mask(eigenvalues, variance, rate)
    return Features(np.asarray(q * (1 - q) * (s - c)), np.asarray((1 - q) * (s - c) / (q * s + (1 - q) * c)))


@validated
def independent_mask_features(eigenvalues: Values, variance: Values, rate: Values, target_rate: Values) -> Features:
    """Features of independent masks where all coordinates have one variance c, from the eigenvalues s of S.

    lambda = q q' s, rho = q' s / (q s + (1 - q) c): both increase with s. s >= 0, c > 0, q and q' in (0, 1); broadcast.
    """
    s, c, q = _checked_mask(eigenvalues, variance, rate)
    seen = checked_fraction("target_rate", target_rate)
    return Features(np.asarray(q * seen * s), np.asarray(seen * s / (q * s + (1 - q) * c)))


@validated
def covariances_of_features(
    covariance: Float[np.ndarray, " dim"],
    regression: Float[np.ndarray, " dim"],
    basis: Float[np.ndarray, "dim dim"],
) -> Covariances:
    """Sigma_xx = Q diag(lambda / rho) Q^T and Sigma_yx = Q diag(lambda) Q^T for an orthogonal Q = `basis`.

    The inverse of `joint_spectrum`. `ValueError` unless lambda > 0, lambda / rho > 0 and Q is orthogonal to 1e-9.
    """
    strength = checked_covariance(covariance)
    variance = checked_positive("covariance / regression", strength / regression)
    if not np.abs(basis.T @ basis - np.eye(len(basis))).max() <= 1e-9:
        raise ValueError("basis must have orthonormal columns, got others")
    return Covariances((basis * variance) @ basis.T, (basis * strength) @ basis.T)


def _checked_data(data_covariance: Float[np.ndarray, "dim dim"]) -> Float[np.ndarray, "dim dim"]:
    check_finite("data_covariance", data_covariance)
    if np.abs(data_covariance - data_covariance.T).max() > 1e-12 * np.abs(data_covariance).max():
        raise ValueError("data_covariance must be symmetric, got a matrix that is not")
    checked_positive("the diagonal of data_covariance", np.diag(data_covariance))
    return data_covariance


def _checked_mask(eigenvalues: Values, variance: Values, rate: Values) -> tuple[np.ndarray, ...]:
    return broadcast(
        eigenvalues=_finite_non_negative("eigenvalues", eigenvalues),
        variance=checked_positive("variance", variance),
        rate=checked_fraction("rate", rate),
    )


def _finite_non_negative(name: str, values: Values) -> Float[np.ndarray, "..."]:
    return checked_non_negative(name, checked_finite(name, values))
