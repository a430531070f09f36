"""Squared distances D^2 = |UU' - VV'|_F^2 = 2 |V_perp' U|_F^2 of learned subspaces, over independent draws.

The true subspace is that of the first d axes: noise and starting points have laws that no rotation changes.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from sims.low_dim_diffusion._domains import Dim, Draws, Natural
from theory_on_trial.contract import POSITIVE, USABLE_SCALE, Interval, NonNegative, guarded, require, require_room

Spectrum = Annotated[Float[np.ndarray, " d"], POSITIVE, USABLE_SCALE]
Steps = Annotated[int, Interval(1, 10**4)]


@guarded
def completion_errors(
    generator: np.random.Generator, draws: Draws, ambient: Dim, dim: Dim, samples: Natural
) -> Float[np.ndarray, " draws"]:
    """D^2 of subspaces that hold all N <= d samples of the true one and are random beside them.

    Raises ValueError unless N <= d <= n.
    """
    points = _points(generator, draws, ambient, dim, samples)
    rest = generator.standard_normal((draws, ambient, dim - samples))
    return _squared_distance(np.linalg.qr(np.concatenate([points, rest], axis=2))[0], dim)


@guarded
def trained_errors(
    generator: np.random.Generator, draws: Draws, ambient: Dim, dim: Dim, samples: Natural, steps: Steps = 15
) -> Float[np.ndarray, " draws"]:
    """The same after gradient ascent of |V'X|_F^2 from a random start, each step of large size and made orthonormal.

    Raises as `completion_errors`.
    """
    points = _points(generator, draws, ambient, dim, samples)
    basis = np.linalg.qr(generator.standard_normal((draws, ambient, dim)))[0]
    step = 1000 / np.maximum(np.sum(points**2, axis=(1, 2), keepdims=True), 1e-300)
    for _ in range(steps):
        basis = np.linalg.qr(basis + step * points @ (np.swapaxes(points, 1, 2) @ basis))[0]
    return _squared_distance(basis, dim)


@guarded
def noisy_errors(
    generator: np.random.Generator, draws: Draws, ambient: Dim, spectrum: Spectrum, samples: Dim, noise: NonNegative
) -> Float[np.ndarray, " draws"]:
    """D^2 of uncentred PCA on N samples with latents of these variances and noise in all n coordinates.

    By the eigenvectors of the smaller Gram matrix. Raises ValueError unless d <= min(n, N).
    """
    dim = len(spectrum)
    fits = dim <= min(ambient, samples)
    require(fits, f"spectrum must have at most ambient and samples entries, got {dim} for {ambient} and {samples}")
    require_room("draws, ambient and samples", draws * ambient * samples)
    x = noise * generator.standard_normal((draws, ambient, samples))
    x[:, :dim] += np.sqrt(spectrum)[:, None] * generator.standard_normal((draws, dim, samples))
    if samples > ambient:
        return _squared_distance(np.linalg.eigh(x @ np.swapaxes(x, 1, 2))[1][:, :, -dim:], dim)
    squares, right = np.linalg.eigh(np.swapaxes(x, 1, 2) @ x)
    left = x @ (right[:, :, -dim:] / np.sqrt(squares[:, None, -dim:]))
    return _squared_distance(left, dim)


@guarded
def inverse_traces(generator: np.random.Generator, draws: Draws, dim: Dim, samples: Dim) -> Float[np.ndarray, " draws"]:
    """Tr (AA')^-1 of Gaussian A, d x N. Raises ValueError unless d <= N."""
    require(dim <= samples, f"dim must be at most samples, got {dim} and {samples}")
    require_room("draws, dim and samples", draws * dim * samples)
    latents = generator.standard_normal((draws, dim, samples))
    return np.sum(np.linalg.svd(latents, compute_uv=False) ** -2, axis=1)


def _points(
    generator: np.random.Generator, draws: int, ambient: int, dim: int, samples: int
) -> Float[np.ndarray, "draws n samples"]:
    fits = samples <= dim <= ambient
    require(fits, f"samples must be at most dim, and dim at most ambient, got {samples}, {dim} and {ambient}")
    require_room("draws, ambient and dim", draws * ambient * dim)
    points = np.zeros((draws, ambient, samples))
    points[:, :dim] = generator.standard_normal((draws, dim, samples))
    return points


def _squared_distance(basis: Float[np.ndarray, "draws n d"], dim: int) -> Float[np.ndarray, " draws"]:
    return 2 * np.sum(basis[:, dim:] ** 2, axis=(1, 2))
