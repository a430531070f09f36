"""The features of two covariances that need not commute."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from theory.jepa_bias.domains import CrossMoment, SecondMoment
from theory_on_trial.contract import guarded, require

ROUNDING = 2.0**-53
_MOST_SWEEPS = 30
_NEGLIGIBLE = 1e-6  # share of the off-diagonal squares that is not worth another sweep


class SharedFeatures(NamedTuple):
    """Two covariances in the orthonormal basis in which both are as diagonal as can be."""

    basis: Float[np.ndarray, "dim features"]
    """The features as columns."""
    Sigma_xx: Float[np.ndarray, "features features"]
    Sigma_yx: Float[np.ndarray, "features features"]

    @property
    def variance(self) -> Float[np.ndarray, " features"]:
        """σ^2, the variance of each feature of x."""
        return np.diag(self.Sigma_xx).copy()

    @property
    def covariance(self) -> Float[np.ndarray, " features"]:
        """λ, between the two views of each feature."""
        return np.diag(self.Sigma_yx).copy()

    @property
    def regression(self) -> Float[np.ndarray, " features"]:
        """Regression coefficient ρ = λ / σ^2."""
        return self.covariance / self.variance

    @guarded
    def only(
        self, kept: Bool[np.ndarray, " features"] | Int[np.ndarray, " kept"]
    ) -> "SharedFeatures":
        """The features that an index or a mask picks, in its order; `ValueError` if it names one
        that is not there.
        """
        n_features = len(self.Sigma_xx)
        inside = (
            kept.size == n_features if kept.dtype == bool else (kept >= 0) & (kept < n_features)
        )
        require(inside, f"kept must pick from {n_features} features, got {kept.tolist()}")
        return SharedFeatures(
            self.basis[:, kept], self.Sigma_xx[kept][:, kept], self.Sigma_yx[kept][:, kept]
        )


@guarded
def shared_features(Sigma_xx: SecondMoment, Sigma_yx: CrossMoment) -> SharedFeatures:
    """The basis that leaves least off the diagonals of Σ_xx and the symmetric part of Σ_yx, each
    over its norm.

    Common eigenvectors where the two commute, also where either has equal eigenvalues. By rotations
    of two columns at a time (Bunse-Gerstner, Byers & Mehrmann 1993; the angle is that of Cardoso &
    Souloumiac 1996), some d^3 operations a sweep.
    """
    basis = turned(
        Sigma_xx[None], Sigma_yx[None], np.linalg.eigh((Sigma_yx + Sigma_yx.T) / 2)[1], _NEGLIGIBLE
    )[0]
    return SharedFeatures(basis, basis.T @ Sigma_xx @ basis, basis.T @ Sigma_yx @ basis)


def turned(
    Sigma_xx: Float[np.ndarray, "batch dim dim"],
    Sigma_yx: Float[np.ndarray, "batch dim dim"],
    start: Float[np.ndarray, "dim dim"],
    gain: float = 1e-3,
) -> Float[np.ndarray, "batch dim dim"]:
    """The bases of pairs of covariances that rotations by at most 45 degrees each lead to from one
    basis.
    """
    dim = len(start)
    basis = np.tile(start, (len(Sigma_xx), 1, 1))
    pair = np.stack([start.T @ Sigma_xx @ start, start.T @ (Sigma_yx + Sigma_yx.mT) @ start])
    scales = np.linalg.norm(pair, axis=(-2, -1), keepdims=True)
    pair /= np.where(scales > 0, scales, 1)
    rest = _off_diagonal_squares(pair)
    for _ in range(_MOST_SWEEPS):
        for i in range(dim - 1):
            for j in range(i + 1, dim):
                gap = pair[..., i, i] - pair[..., j, j]
                across = 2 * pair[..., i, j]
                along = np.sum(gap**2 - across**2, axis=0)
                cross = 2 * np.sum(gap * across, axis=0)
                angle = 0.5 * np.arctan2(cross, along + np.hypot(along, cross))
                turn = np.moveaxis(
                    np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]),
                    -1,
                    0,
                )
                planes = [i, j]
                pair[..., planes] = pair[..., planes] @ turn
                pair[..., planes, :] = turn.mT @ pair[..., planes, :]
                basis[..., planes] = basis[..., planes] @ turn
        before = rest
        rest = _off_diagonal_squares(pair)
        if np.all((before - rest <= gain * before) | (rest <= (dim * ROUNDING) ** 2)):
            break
    return basis


def _off_diagonal_squares(
    pair: Float[np.ndarray, "2 batch dim dim"],
) -> Float[np.ndarray, " batch"]:
    return np.sum(pair**2, axis=(0, 2, 3)) - np.sum(
        np.diagonal(pair, axis1=2, axis2=3) ** 2, axis=(0, 2)
    )
