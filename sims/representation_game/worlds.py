"""Worlds: a covariance of the features and a prior of the tasks."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sims.representation_game.domains import Covariance, Dim, Seed, Spectrum
from theory_on_trial.contract import guarded


class World(NamedTuple):
    """The covariance Σ of the features, and the matrix S of the ellipsoid f' S^-1 f <= 1 of
    plausible tasks.
    """

    covariance: Float[np.ndarray, "dim dim"]
    prior: Float[np.ndarray, "dim dim"]


@guarded
def drawn_world(seed: Seed, dim: Dim) -> World:
    """A random world: Σ and S are independent draws of A A' / d + 0.1 I with standard normal
    entries of A.
    """
    generator = np.random.default_rng(seed)
    draws = (generator.standard_normal((dim, dim)) for _ in range(2))
    return World(*(a @ a.T / dim + 0.1 * np.eye(dim) for a in draws))


@guarded
def shaped_world(covariance: Covariance, spectrum: Spectrum, seed: Seed) -> World:
    """The world of the given Σ and of S = Σ^(-1/2) O diag(spectrum) O' Σ^(-1/2) with a random
    orthogonal O.
    """
    variances, axes = np.linalg.eigh(covariance)
    whitening = axes / np.sqrt(variances)
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal(covariance.shape))[0]
    root = whitening @ rotation * np.sqrt(spectrum)
    return World(covariance, root @ root.T)
