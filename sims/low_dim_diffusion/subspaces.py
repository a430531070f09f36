"""Errors of learned subspaces over independent draws.

The error is the squared distance D^2 = |UU' - VV'|_F^2 = 2 |V_perp' U|_F^2 of the learned subspace
U from the true one V, both n x d with orthonormal columns. V consists of the first d axes. This
loses nothing: a rotation does not change the laws of the noise and of the starting points.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from sims.low_dim_diffusion.domains import Dim, Draws, Natural
from theory_on_trial.contract import (
    POSITIVE,
    USABLE_SCALE,
    Interval,
    NonNegative,
    guarded,
    require,
    require_room,
)

Spectrum = Annotated[Float[np.ndarray, " d"], POSITIVE, USABLE_SCALE]
Steps = Annotated[int, Interval(1, 10**4)]


@guarded
def completion_errors(
    generator: np.random.Generator, draws: Draws, ambient: Dim, dim: Dim, samples: Natural
) -> Float[np.ndarray, " draws"]:
    """Return D^2 of subspaces that contain all N noiseless samples and are random in the other d -
    N directions.

    D^2 is the squared distance of the projections. Raises ValueError unless N <= d <= n.
    """
    points = _points(generator, draws, ambient, dim, samples)
    complement = generator.standard_normal((draws, ambient, dim - samples))
    return _squared_distance(np.linalg.qr(np.concatenate([points, complement], axis=2))[0], dim)


@guarded
def trained_errors(
    generator: np.random.Generator,
    draws: Draws,
    ambient: Dim,
    dim: Dim,
    samples: Natural,
    steps: Steps = 15,
) -> Float[np.ndarray, " draws"]:
    """Return D^2 of subspaces trained on N noiseless samples X by large gradient steps on
    |V'X|_F^2.

    Each step is followed by a QR decomposition, and the start is random. Raises ValueError unless N
    <= d <= n.
    """
    points = _points(generator, draws, ambient, dim, samples)
    basis = np.linalg.qr(generator.standard_normal((draws, ambient, dim)))[0]
    # Weak directions end, too
    step = 1e8 / np.maximum(np.sum(points**2, axis=(1, 2), keepdims=True), 1e-300)
    for _ in range(steps):
        basis = np.linalg.qr(basis + step * points @ (np.swapaxes(points, 1, 2) @ basis))[0]
    return _squared_distance(basis, dim)


@guarded
def noisy_errors(
    generator: np.random.Generator,
    draws: Draws,
    ambient: Dim,
    spectrum: Spectrum,
    samples: Dim,
    noise: NonNegative,
) -> Float[np.ndarray, " draws"]:
    """Return D^2 of principal component analysis, without centring, on N noisy samples.

    The latents have the variances `spectrum`, one per dimension of the subspace. The noise has the
    standard deviation `noise` in each of the n coordinates. The components are the eigenvectors of
    the smaller Gram matrix. Raises ValueError unless d <= min(n, N).
    """
    return _noisy(generator, draws, ambient, spectrum, samples, noise)[0]


@guarded
def steadied_errors(
    generator: np.random.Generator,
    draws: Draws,
    ambient: Dim,
    spectrum: Spectrum,
    samples: Dim,
    noise: NonNegative,
) -> Float[np.ndarray, " draws"]:
    """Return draws as `noisy_errors` does, with the same mean and, by control variates, a smaller
    variance.

    The control variates are numbers whose mean is known to be zero: the squared lengths and the log
    determinant of the latents A, each less its mean, and the squared noise outside the true
    subspace that the inverse of A lets in, less its mean over the noise. A regression on a thousand
    other draws gives their slopes. These draws are the same in every call, so that two calls share
    nothing random. Raises ValueError as `noisy_errors`.
    """
    arguments = ambient, spectrum, samples, noise
    errors, variates = _noisy(np.random.default_rng(0), 1000, *arguments)
    slopes = np.linalg.lstsq(variates - variates.mean(axis=0), errors - errors.mean())[0]
    errors, variates = _noisy(generator, draws, *arguments)
    return np.asarray(errors - variates @ slopes)


def _noisy(
    generator: np.random.Generator,
    draws: int,
    ambient: int,
    spectrum: Float[np.ndarray, " d"],
    samples: int,
    noise: float,
) -> tuple[Float[np.ndarray, " draws"], Float[np.ndarray, "draws known"]]:
    """Return the errors, and numbers of mean zero that are correlated with them."""
    from scipy.special import digamma

    dim = len(spectrum)
    fits = dim <= min(ambient, samples)
    require(
        fits,
        f"spectrum must have at most ambient and samples entries, got {dim} for {ambient} and "
        f"{samples}",
    )
    require_room("draws, ambient and samples", draws * ambient * samples)
    x = noise * generator.standard_normal((draws, ambient, samples))
    outside = x[:, dim:].copy()
    latents = generator.standard_normal((draws, dim, samples))
    x[:, :dim] += np.sqrt(spectrum)[:, None] * latents
    if samples > ambient:
        left = np.linalg.eigh(x @ np.swapaxes(x, 1, 2))[1][:, :, -dim:]
    else:
        squares, right = np.linalg.eigh(np.swapaxes(x, 1, 2) @ x)
        left = x @ (right[:, :, -dim:] / np.sqrt(squares[:, None, -dim:]))
    gram = latents @ np.swapaxes(latents, 1, 2)
    inverse = np.swapaxes(np.linalg.solve(gram, latents), 1, 2) / np.sqrt(spectrum)
    leak = np.sum((outside @ inverse) ** 2, axis=(1, 2))
    mean_leak = noise**2 * np.sum(inverse**2, axis=(1, 2))
    volume = np.linalg.slogdet(gram)[1] - np.sum(
        digamma((samples - np.arange(dim)) / 2) + np.log(2)
    )
    lengths = np.einsum("ijj->ij", gram) - samples
    variates = np.column_stack([leak - (ambient - dim) * mean_leak, volume, lengths])
    return _squared_distance(left, dim), variates


@guarded
def clustered_errors(
    generator: np.random.Generator,
    draws: Draws,
    ambient: Dim,
    dim: Dim,
    samples: Dim,
    subspaces: Annotated[int, Interval(1, 64)],
    noise: NonNegative,
) -> Float[np.ndarray, "draws subspaces"]:
    """Return D^2 of each of K subspaces that are learned together from N noisy samples each,
    without labels.

    The descent on the K-subspaces loss starts some 17 degrees from the truth. It takes twelve
    rounds: each sample goes to the subspace that contains most of it, and each subspace becomes
    that of the leading principal components of its samples. Raises ValueError for d > n.
    """
    require(dim <= ambient, f"dim must be at most ambient, got {dim} and {ambient}")
    require_room(
        "draws, subspaces, ambient and samples",
        draws * subspaces * ambient * (subspaces * samples + ambient),
    )
    true = np.linalg.qr(generator.normal(size=(draws, subspaces, ambient, dim)))[0]
    points = true @ generator.normal(size=(draws, subspaces, dim, samples))
    points += noise * generator.normal(size=points.shape)
    points = np.swapaxes(points, 1, 2).reshape(draws, ambient, subspaces * samples)
    estimates = np.linalg.qr(true + 0.3 / np.sqrt(ambient) * generator.normal(size=true.shape))[0]
    for _ in range(12):
        squares = np.sum((np.swapaxes(estimates, 2, 3) @ points[:, None]) ** 2, axis=2)
        membership = squares.argmax(axis=1)[:, None] == np.arange(subspaces)[:, None]
        moments = (points[:, None] * membership[:, :, None]) @ np.swapaxes(points, 1, 2)[:, None]
        estimates = np.linalg.eigh(moments)[1][..., -dim:]
    return 2 * dim - 2 * np.sum((np.swapaxes(true, 2, 3) @ estimates) ** 2, axis=(2, 3))


@guarded
def trace_tail(
    dim: Annotated[int, Interval(1, 2)],
    samples: Dim,
    threshold: Annotated[float, Interval(1e-9, 1e15)],
) -> float:
    """Return P(tr (AA')^-1 > t) by quadrature, for a d x N matrix A of independent standard normal
    entries and d = 1 or 2.

    With two rows A = L Q with L = (a, 0; b, c), and the trace exceeds t where c^2 (t a^2 - 1) < a^2
    + b^2. Here c^2 is chi-square with N - 1 degrees of freedom, a^2 + b^2 = r^2, a = r sin(φ), and
    r and φ are independent. Raises ValueError for fewer samples than rows.
    """
    from scipy.stats import chi2

    require(dim <= samples, f"dim must be at most samples, got {dim} and {samples}")
    if dim == 1:
        return float(chi2(samples).cdf(1 / threshold))
    nodes, weights = np.polynomial.legendre.leggauss(400)
    sines = np.sin(np.pi / 2 * ((nodes + 1) / 2) ** 3)
    polar = weights * (nodes + 1) ** 2
    chances = polar * sines ** (samples - 1)
    radii = chi2(samples + 1).ppf((nodes + 1) / 2)
    left = threshold * sines[:, None] ** 2 - 1 / radii
    beyond = np.where(left > 0, chi2(samples - 1).cdf(1 / np.where(left > 0, left, 1.0)), 1.0)
    return float(chances @ beyond @ weights / chances.sum() / 2)


@guarded
def inverse_traces(
    generator: np.random.Generator, draws: Draws, dim: Dim, samples: Dim
) -> Float[np.ndarray, " draws"]:
    """Return draws of tr (AA')^-1 for d x N matrices A of independent standard normal entries.

    Raises ValueError unless d <= N.
    """
    require(dim <= samples, f"dim must be at most samples, got {dim} and {samples}")
    require_room("draws, dim and samples", draws * dim * samples)
    latents = generator.standard_normal((draws, dim, samples))
    return np.sum(np.linalg.svd(latents, compute_uv=False) ** -2, axis=1)


def _points(
    generator: np.random.Generator, draws: int, ambient: int, dim: int, samples: int
) -> Float[np.ndarray, "draws n samples"]:
    fits = samples <= dim <= ambient
    require(
        fits,
        f"samples must be at most dim, and dim at most ambient, got {samples}, {dim} and {ambient}",
    )
    require_room("draws, ambient and dim", draws * ambient * dim)
    points = np.zeros((draws, ambient, samples))
    points[:, :dim] = generator.standard_normal((draws, dim, samples))
    return points


def _squared_distance(
    basis: Float[np.ndarray, "draws n d"], dim: int
) -> Float[np.ndarray, " draws"]:
    return 2 * np.sum(basis[:, dim:] ** 2, axis=(1, 2))
