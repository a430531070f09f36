"""How far the learned subspace is from the true one, and how many samples make it unique.

The distance of U and V is D^2 = |UU' - VV'|_F^2, between 0 and 2 min(d, n - d).
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
    """Return E D^2 = 2 (d - N)(n - d) / (n - N) of a subspace that holds N < d samples and is
    random beside them.

    Without noise; random means: unchanged by rotations around the samples, as training from a
    random start is. Raises ValueError unless N <= d < n. Source: the mean of a random projection,
    derived here.

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
    """Return 2 min(d - N, n - d), the largest D^2 of subspaces that share N directions. Source:
    counting dimensions.

    Raises as `random_completion`.
    """
    require(
        samples <= dim < ambient,
        f"samples must be at most dim, and dim below ambient, got {samples}, {dim} and {ambient}",
    )
    return float(2 * min(dim - samples, ambient - dim))


@guarded
def noise_law(ambient: Ambient, spectrum: Spectrum, samples: Samples, noise: NonNegative) -> float:
    """Return E D^2 = 2 δ^2 (n - d) tr Λ^-1 / (N - d - 1) of PCA on N noisy samples, to first order
    in δ^2.

    Latents a ~ N(0, Λ), d of them; noise of standard deviation δ in every coordinate, in the unit
    of the latents. Raises ValueError unless N > d + 1 and d <= n. Source: derived here, by the mean
    of an inverse Wishart matrix.
    """
    dim = len(spectrum)
    require(
        samples > dim + 1 and dim <= ambient,
        f"samples must exceed {dim} + 1 and ambient be at least {dim}, got {samples} and {ambient}",
    )
    return float(2 * noise * (ambient - dim) * (noise / spectrum).sum() / (samples - dim - 1))


@guarded
def tail_exponent(extra: Annotated[int, Interval(0, MOST)]) -> float:
    """Return (m + 1) / 2, the exponent of t in the chance of an error beyond t, N = d + m. Source:
    Edelman 1988.
    """
    return (extra + 1) / 2


@guarded
def tail_constant(dim: Count, extra: Annotated[int, UNIT_INTERVAL]) -> float:
    """Return lim t^((m + 1) / 2) P(tr (AA')^-1 > t), A Gaussian of d x (d + m): m is 0 or 1.

    sqrt(2) Gamma((d + 1) / 2) / Gamma(d / 2) and d / 2. Source: Edelman 1988, law of the smallest
    singular value.
    """
    from scipy.special import poch

    return dim / 2 if extra else float(np.sqrt(2) * poch(dim / 2, 0.5))


@guarded
def perfect_partitions(dim: Few, samples: Few, subspaces: Few) -> int:
    """Return how many partitions of N samples of each of K subspaces, in general position, fit K
    subspaces perfectly.

    One for N > d, by counting (K d)! / ((d!)^K K!) for N = d. Raises ValueError for N < d.

    >>> perfect_partitions(3, 3, 2)
    10
    """
    require(samples >= dim, f"samples must be at least dim, got {samples} and {dim}")
    if samples > dim:
        return 1
    return factorial(subspaces * dim) // (factorial(dim) ** subspaces * factorial(subspaces))
