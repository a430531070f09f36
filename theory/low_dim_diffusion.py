"""The denoisers to which diffusion models of low-dimensional data converge, the cost of not knowing
the cluster, and the number of samples that is enough.

Wang, Zhang, Zhang, Chen, Ma & Qu 2024, "Diffusion Models Learn Low-Dimensional Distributions via
Subspace Clustering", arXiv 2409.02426. The abstract was read; the shape of the theorems is known
from a review. The formulas were derived for this collection. A data point is x0 = U_k a, where the
subspace k has the law π and the latent a is N(0, I), and the denoiser sees x_t = s x0 + γ ε with
standard normal noise ε.
"""

from collections.abc import Sequence
from functools import cache
from math import factorial
from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory_on_trial.contract import (
    LONGEST,
    MOST,
    ORTHONORMAL,
    POSITIVE,
    PROBABILITIES,
    UNIT_INTERVAL,
    USABLE_SCALE,
    Interval,
    NonNegative,
    guarded,
    require,
)

Level = Annotated[
    float,
    Interval(1e-50, 1e50, why="its square, and that of its quotient with a point, must be floats"),
]
"""The factor s of the clean point, or the factor γ of the standard normal noise. Dimensionless."""
Bases = Sequence[Annotated[Float[np.ndarray, "_ _"], ORTHONORMAL]]
"""The matrices U_1, ..., U_K, each of the shape (n, d_k) and with orthonormal columns."""
Weights = Annotated[Float[np.ndarray, " subspaces"], PROBABILITIES]
"""The probabilities π of the subspaces."""
Points = Annotated[Float[np.ndarray, "points n"], USABLE_SCALE]
"""The points, one in each row."""
Nodes = Annotated[Float[np.ndarray, "nodes n"], USABLE_SCALE]
"""The nodes of a quadrature rule for standard normal noise."""
NodeWeights = Annotated[Float[np.ndarray, " nodes"], PROBABILITIES]
Dim = Annotated[int, Interval(1, 2**10, why="the law of the evidence is integrated numerically")]
"""The dimension d of each subspace."""
Ambient = Annotated[int, Interval(1, MOST)]
"""The dimension n of the space around the subspaces."""
Samples = Annotated[int, Interval(0, MOST)]
"""The number N of samples of one subspace."""
Spectrum = Annotated[Float[np.ndarray, " d"], POSITIVE, USABLE_SCALE]
"""The variances Λ of the latents."""


Plane = Annotated[Float[np.ndarray, "points 2"], USABLE_SCALE]
Order = Annotated[int, Interval(2, 100, why="its square is the number of nodes")]


@guarded
def shrinkage(signal: Level, noise: Level) -> float:
    """Return the factor c = s / (s^2 + γ^2) by which the posterior mean multiplies a noisy point on
    the right subspace.

    s is `signal` and γ is `noise`. Source: Gaussian posterior.
    """
    size = np.hypot(signal, noise)
    return float(signal / size / size)


@guarded
def posterior_mean(
    x: Points, bases: Bases, weights: Weights, signal: Level, noise: Level
) -> Float[np.ndarray, "points n"]:
    """Return the posterior mean E[x0 | x_t] of the clean point, one row for each row of `x`.

    It is c sum_k w_k P_k x_t, where c is the `shrinkage`, P_k = U_k U_k' projects on subspace k,
    and the weights w_k are proportional to π_k (1 + s^2 / γ^2)^(-d_k / 2) exp(φ |U_k' x_t|^2) with
    φ = s^2 / (2 γ^2 (s^2 + γ^2)) and sum to one. s is `signal`, γ is `noise`, and d_k is the
    dimension of subspace k. Raises ValueError unless there are as many bases as weights and all
    bases have n rows. Source: recalled for equal d_k and π_k; the factor for unequal ones is
    derived here.
    """
    return _moments(x, bases, weights, signal, noise)[0]


@guarded
def posterior_variance(
    x: Points, bases: Bases, weights: Weights, signal: Level, noise: Level
) -> Float[np.ndarray, " points"]:
    """Return the posterior variance E[|x0 - E[x0 | x_t]|^2 | x_t] of the clean point, one number
    for each row of `x`.

    It adds the variance within the subspaces and the one between them: γ^2 / (s^2 + γ^2) sum_k w_k
    d_k + c^2 (sum_k w_k |P_k x_t|^2 - |sum_k w_k P_k x_t|^2), with the symbols of `posterior_mean`.
    It also equals γ^2 / s times the divergence of the posterior mean. Raises ValueError as
    `posterior_mean` does. Source: derived here.
    """
    return _moments(x, bases, weights, signal, noise)[1]


@guarded
def implicit_loss(
    points: Points,
    bases: Bases,
    weights: Weights,
    signal: Level,
    noise: Level,
    nodes: Nodes,
    node_weights: NodeWeights,
) -> float:
    """Return the mean squared error E|D(x_t) - x0|^2 of the posterior mean D over the given clean
    points, computed without pairing x_t with its clean point.

    It is E[|D|^2 - 2 D . x_t / s + 2 V] + E|x0|^2, where V is the `posterior_variance`: since D .
    x0 = (D . x_t - γ D . ε) / s, Stein's lemma turns the noise ε into a divergence. The mean over ε
    is taken over `nodes` with `node_weights`. Raises ValueError as `posterior_mean` does. Source:
    Stein 1981, Vincent 2011.
    """
    x = (signal * points[:, None] + noise * nodes).reshape(-1, points.shape[1])
    means, variance = _moments(x, bases, weights, signal, noise)
    terms = np.einsum("pn,pn->p", means, means - 2 / signal * x) + 2 * variance
    return float(
        terms.reshape(len(points), -1).mean(axis=0) @ node_weights + np.sum(points**2) / len(points)
    )


@guarded
def soft_angles(
    points: Plane,
    start: tuple[float, float],
    noise: Annotated[float, Interval(0.01, 10)],
    order: Order = 40,
) -> Float[np.ndarray, "2"]:
    """Return the angles, in degrees, of the two lines through the origin whose soft denoiser has
    the least loss on points in the plane.

    Both lines have the weight 1/2 and s = 1. The result is a local minimum of `implicit_loss` near
    `start` (in degrees). The loss is computed with `order` Gauss-Hermite nodes on each axis.
    Source: numerical optimisation.
    """
    from scipy.optimize import minimize

    nodes, node_weights = np.polynomial.hermite_e.hermegauss(order)
    node_weights = node_weights / node_weights.sum()
    plane = np.column_stack([np.repeat(nodes, order), np.tile(nodes, order)])
    product = np.outer(node_weights, node_weights).ravel()

    def loss(angles: Float[np.ndarray, "2"]) -> float:
        lines = [np.array([[np.cos(angle)], [np.sin(angle)]]) for angle in angles]
        return implicit_loss(points, lines, np.array([0.5, 0.5]), 1.0, noise, plane, product)

    minimum = minimize(loss, np.radians(start), method="BFGS", options={"gtol": 1e-7})
    return np.degrees(minimum.x)


def _moments(
    x: Points, bases: Bases, weights: Weights, signal: Level, noise: Level
) -> tuple[Float[np.ndarray, "points n"], Float[np.ndarray, " points"]]:
    """Return the posterior mean and the posterior variance of x0 given x_t."""
    require(
        len(bases) == len(weights),
        f"bases and weights must be equally many, got {len(bases)} and {len(weights)}",
    )
    fits = all(basis.shape[0] == x.shape[1] for basis in bases)
    require(fits, f"bases must have as many rows as x has columns, which is {x.shape[1]}")
    latents = [x @ basis for basis in bases]
    dims = np.array([[float(basis.shape[1])] for basis in bases])
    squares = np.array([np.einsum("pd,pd->p", z, z) for z in latents])
    size = np.hypot(signal, noise)
    with np.errstate(divide="ignore"):  # a weight of zero
        prior = np.log(weights)[:, None] - dims / 2 * np.log1p((signal / noise) ** 2)
    evidence = prior + (np.sqrt(squares) * (signal / size) / noise) ** 2 / 2
    chances = np.exp(evidence - evidence.max(axis=0))
    chances /= chances.sum(axis=0)
    centres = shrinkage(signal, noise) * np.array(
        [z @ basis.T for z, basis in zip(latents, bases, strict=True)]
    )
    mean = np.einsum("kp,kpn->pn", chances, centres)
    within = (noise / size) ** 2 * np.sum(dims * chances, axis=0)
    return mean, within + np.einsum("kp,kpn->p", chances, (centres - mean) ** 2)


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
