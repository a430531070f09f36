"""The losses of denoisers that are told the subspace, and of the best one that is not."""

from functools import cache
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.low_dim_diffusion.domains import Bases, Dim, Level, Points
from theory_on_trial.contract import LONGEST, PROBABILITIES, Interval, guarded, require

Levels = Annotated[Float[np.ndarray, " levels"], Interval(1e-50, 1e50)]
LevelWeights = Annotated[Float[np.ndarray, " levels"], PROBABILITIES]

_REACH = 10.0  # standard deviations of a chi variable
_ORDER = 620  # of the rule for a chi variable
_STEP = 0.25  # of the trapezoidal rule over log t: its error is below 1e-14


@guarded
def clustering_loss(points: Points, bases: Bases, signal: Level, noise: Level) -> float:
    """Return the mean loss of the denoisers c P_k x_t when k is the subspace on which the clean
    point x0 has the longest projection.

    It is mean|x0|^2 - B mean max_k |U_k' x0|^2 + c^2 γ^2 mean d_k with B = s^2 (s^2 + 2 γ^2) / (s^2
    + γ^2)^2 > 0, where c is the `shrinkage`, s is `signal`, γ is `noise`, and d_k is the dimension
    of the chosen subspace. The means are over `points`. Raises ValueError unless all bases have n
    rows. Source: the equivalence is the abstract's; this formula is derived here.

    >>> round(clustering_loss([[1.0, 0.0], [0.6, 0.8]], [[[1.0], [0.0]]], 1.0, 1.0), 4)
    0.74
    """
    fits = all(basis.shape[0] == points.shape[1] for basis in bases)
    require(
        fits, f"bases must have as many rows as points have columns, which is {points.shape[1]}"
    )
    squares = np.array([np.sum((points @ basis) ** 2, axis=1) for basis in bases])
    dims = np.array([basis.shape[1] for basis in bases])[squares.argmax(axis=0)]
    gain, spread = _levels(signal, noise)
    return float(np.mean(np.sum(points**2, axis=1) - gain * squares.max(axis=0) + spread * dims))


@guarded
def least_loss(
    points: Points, dim: Dim, signal: Level, noises: Levels, level_weights: LevelWeights
) -> float:
    """Return the least loss that a single subspace of dimension d can have at several noise levels,
    which the leading right singular vectors of the points attain.

    It is mean|x0|^2 - B sum_(j <= d) σ_j^2 / N + c^2 γ^2 d, averaged over the `noises` with
    `level_weights`. σ_j are the singular values of the N `points`, and B and c are those of
    `clustering_loss`. Raises ValueError if d exceeds n. Source: Eckart & Young 1936, applied to
    `clustering_loss`.
    """
    require(
        dim <= points.shape[1],
        f"dim must be at most the {points.shape[1]} columns of points, got {dim}",
    )
    squares = np.linalg.svd(points, compute_uv=False) ** 2 / len(points)
    gain, spread = np.array([_levels(signal, noise) for noise in noises]).T @ level_weights
    return float(squares.sum() - gain * squares[:dim].sum() + spread * dim)


@guarded
def genie_loss(dim: Dim, signal: Level, noise: Level) -> float:
    """Return the loss d γ^2 / (s^2 + γ^2) of a denoiser that is told the subspace.

    d is `dim`, s is `signal` and γ is `noise`. Source: Gaussian posterior.
    """
    return float(dim * (noise / np.hypot(signal, noise)) ** 2)


@guarded
def mmse(
    dim: Dim, subspaces: Annotated[int, Interval(1, LONGEST)], signal: Level, noise: Level
) -> float:
    """Return the least mean squared error of any function of x_t, for K = `subspaces` orthogonal
    subspaces of equal dimension d and equal weight.

    It is the `genie_loss` plus c^2 E sum_k w_k (1 - w_k) |P_k x_t|^2, where c and w_k are those of
    `posterior_mean`. It is integrated numerically, with a relative error below 1e-10.

    With φ of `posterior_mean`, the numbers v_k = φ |P_k x_t|^2 are independent. They are chi-square
    variables of d degrees of freedom times κ / 2 for the true subspace, and times κ / (2 (1 + κ))
    for the others, where κ = (s / γ)^2. The inverse (sum_k e^v_k)^-2 is the integral of t exp(-t
    sum_k e^v_k) over t > 0. Source: derived here.
    """
    if subspaces == 1:
        return genie_loss(dim, signal, noise)
    kappa = (signal / noise) ** 2
    true = kappa / 2
    false = kappa / 2 / (1 + kappa)
    z = max(0.0, dim**0.5 - _REACH), dim**0.5 + _REACH
    # A true subspace beyond it is mistaken with a chance of e^-40
    limit = false * z[1] ** 2 + 40 + np.log(subspaces)
    u = np.arange(false * z[0] ** 2 - 5, limit + 20, _STEP)
    _, loud, alone, paired = _exponential_moments(u, dim, false, z)
    true_quiet, _, true_alone, true_paired = _exponential_moments(
        u, dim, true, (z[0], min(z[1], (limit / true) ** 0.5))
    )
    quiet = np.log1p(-np.minimum(loud, 1 - 1e-16))  # its logarithm: powers as high as K are taken
    between = true_paired * alone + paired * true_alone
    total = np.sum((subspaces - 1) * np.exp((subspaces - 2) * quiet) * between)
    if subspaces > 2:
        ways = (subspaces - 1) * (subspaces - 2)
        total += np.sum(ways * np.exp((subspaces - 3) * quiet) * paired * alone * true_quiet)
    share = (noise / np.hypot(signal, noise)) ** 2
    return float(share * (dim + 2 * _STEP * total))


def _levels(signal: Level, noise: Level) -> tuple[float, float]:
    """Return B and c^2 γ^2 of `clustering_loss`."""
    size = np.hypot(signal, noise)
    own = (signal / size) ** 2
    other = (noise / size) ** 2
    return float(own * (1 + other)), float(own * other)


@cache
def _rule() -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Return Gauss's nodes and weights on (-1, 1). They are kept, since they take longer than the
    sums over them.
    """
    return np.polynomial.legendre.leggauss(_ORDER)


def _exponential_moments(
    u: Float[np.ndarray, " u"], dim: int, factor: float, ends: tuple[float, float]
) -> tuple[Float[np.ndarray, " u"], ...]:
    """Return the means of e^-y, 1 - e^-y, y e^-y and v y e^-y for y = e^(v - u) and v = factor z^2,
    where z is a χ variable of `dim` degrees of freedom between `ends`.
    """
    from scipy.special import gammaln, xlogy

    low, high = ends
    if high <= low:
        return (np.zeros_like(u),) * 4
    nodes, node_weights = _rule()
    z = low + (high - low) * (nodes + 1) / 2
    log_density = xlogy(dim - 1, z) - z**2 / 2 - (dim / 2 - 1) * np.log(2) - gammaln(dim / 2)
    chances = np.exp(log_density) * node_weights * (high - low) / 2
    v = factor * z**2
    with np.errstate(over="ignore"):  # where e^-y is nothing
        y = np.exp(v - u[:, None])
    fallen = np.exp(v - u[:, None] - y)  # y e^-y
    return np.exp(-y) @ chances, -np.expm1(-y) @ chances, fallen @ chances, fallen @ (v * chances)
