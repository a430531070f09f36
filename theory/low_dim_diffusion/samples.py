"""The distance of the learned subspace from the true one, and the number of samples that makes it
unique.

The squared distance of the subspaces that U and V span is D^2 = |UU' - VV'|_F^2, which lies between
0 and 2 min(d, n - d).
"""

from math import factorial
from typing import Annotated

import numpy as np

from theory.low_dim_diffusion.domains import Ambient, Samples, Spectrum
from theory_on_trial.contract import MOST, UNIT_INTERVAL, Interval, NonNegative, guarded, require

Few = Annotated[int, Interval(1, 100, why="its factorial is taken")]
Count = Annotated[int, Interval(1, MOST)]


@guarded
def random_completion(ambient: Ambient, dim: Count, samples: Samples) -> float:
    """Return the mean E D^2 = 2 (d - N)(n - d) / (n - N) of the squared distance to the true
    subspace, for a learned subspace that holds the N <= d samples and is random otherwise.

    There is no noise. Random means that rotations around the samples leave the law of the subspace
    unchanged, as they do if training starts at random. Raises ValueError unless N <= d < n. Source:
    the mean of a random projection, derived here.

    >>> round(random_completion(20, 6, 3), 4)
    4.9412
    """
    require(
        samples <= dim < ambient,
        f"samples must be at most dim, and dim below ambient, got {samples}, {dim} and {ambient}",
    )
    return float(2 * (dim - samples) * (ambient - dim) / (ambient - samples))


@guarded
def worst_completion(ambient: Ambient, dim: Count, samples: Samples) -> float:
    """Return the largest squared distance D^2 = 2 min(d - N, n - d) of two subspaces of dimension d
    that share N directions.

    Raises ValueError as `random_completion` does. Source: counting dimensions.
    """
    require(
        samples <= dim < ambient,
        f"samples must be at most dim, and dim below ambient, got {samples}, {dim} and {ambient}",
    )
    return float(2 * min(dim - samples, ambient - dim))


@guarded
def noise_law(ambient: Ambient, spectrum: Spectrum, samples: Samples, noise: NonNegative) -> float:
    """Return the mean E D^2 of the squared distance between the true subspace and the one that PCA
    finds from N noisy samples, to first order in δ^2.

    It is 2 δ^2 (n - d) tr Λ^-1 / (N - d - 1). The d latents of a sample are a ~ N(0, Λ), and δ =
    `noise` is the standard deviation of the noise in every coordinate, in the unit of the latents.
    Raises ValueError unless N > d + 1 and d <= n. Source: derived here, by the mean of an inverse
    Wishart matrix.
    """
    dim = len(spectrum)
    require(
        samples > dim + 1 and dim <= ambient,
        f"samples must exceed {dim} + 1 and ambient be at least {dim}, got {samples} and {ambient}",
    )
    return float(2 * noise * (ambient - dim) * (noise / spectrum).sum() / (samples - dim - 1))


@guarded
def tail_exponent(extra: Annotated[int, Interval(0, MOST)]) -> float:
    """Return the exponent (m + 1) / 2 with which the probability of an error beyond t falls in t
    when there are N = d + m samples.

    m is `extra`. Source: Edelman 1988.
    """
    return (extra + 1) / 2


@guarded
def tail_constant(dim: Count, extra: Annotated[int, UNIT_INTERVAL]) -> float:
    """Return the limit of t^((m + 1) / 2) P(tr (AA')^-1 > t) as t grows, for a standard normal
    matrix A of shape (d, d + m) with m = 0 or 1.

    It is sqrt(2) Gamma((d + 1) / 2) / Gamma(d / 2) for m = 0 and d / 2 for m = 1. Source: Edelman
    1988, law of the smallest singular value.
    """
    from scipy.special import poch

    return dim / 2 if extra else float(np.sqrt(2) * poch(dim / 2, 0.5))


@guarded
def perfect_partitions(dim: Few, samples: Few, subspaces: Few) -> int:
    """Return the number of ways to split the samples of K subspaces into K groups so that K
    subspaces of dimension d fit them perfectly.

    There are N samples of each of the K = `subspaces` subspaces, in general position. The number is
    one for N > d and (K d)! / ((d!)^K K!) for N = d, since every split into groups of d fits then.
    Raises ValueError if N < d.

    >>> perfect_partitions(3, 3, 2)
    10
    """
    require(samples >= dim, f"samples must be at least dim, got {samples} and {dim}")
    if samples > dim:
        return 1
    return factorial(subspaces * dim) // (factorial(dim) ** subspaces * factorial(subspaces))
