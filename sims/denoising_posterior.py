"""Laws whose posteriors are sums: mixtures of normal laws, or of single points, and what denoising
does in them. Signals are x, noisy copies are y = x + σ n.
"""

from math import comb, factorial, prod
from typing import Annotated, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Inexact

from theory_on_trial.contract import (
    COVARIANCE,
    POSITIVE,
    PROBABILITIES,
    SYMMETRIC,
    USABLE_SCALE,
    Interval,
    Natural,
    Size,
    guarded,
    require,
)

Noise = Annotated[float, Interval(1e-50, 1e50)]
Points = Annotated[Inexact[np.ndarray, "*batch dim"], USABLE_SCALE]
"""y, real or complex, in the unit of x."""
Direction = Annotated[Float[np.ndarray, " dim"], USABLE_SCALE]
"""v, of length one unless a line is to be measured in another unit."""
Order = Annotated[int, Interval(2, 20, why="moments from the second on")]


class Mixture(NamedTuple):
    """A law of x: component k has a weight, a mean and a covariance. Where all covariances are zero
    the law is one of single points.
    """

    weights: Annotated[Float[np.ndarray, " components"], PROBABILITIES]
    means: Annotated[Float[np.ndarray, "components dim"], USABLE_SCALE]
    covariances: Annotated[Float[np.ndarray, "components dim dim"], COVARIANCE, USABLE_SCALE]


class Solved(NamedTuple):
    """A mixture with its noise: the quantities of each component k that a posterior needs, with V_k
    = S_k + σ^2.
    """

    keep: np.ndarray  # S_k V_k^-1
    within: np.ndarray  # sigma^2 S_k V_k^-1, the covariance of x given y and k
    linear: np.ndarray  # V_k^-1 m_k
    curved: np.ndarray  # V_k^-1 - V_0^-1, without cancellation
    constant: np.ndarray  # of the logarithm of pi_k N(y; m_k, V_k), at most 0
    level: float  # what was taken from all of these, so that they keep their last digits
    first: np.ndarray  # V_0^-1


def solved(world: Mixture, sigma: float) -> Solved:
    """Return the quantities that all posteriors of a mixture share at one level of noise."""
    eigenvalues, vectors = np.linalg.eigh(world.covariances)
    eigenvalues = np.maximum(eigenvalues, 0)
    back = np.swapaxes(vectors, 1, 2)
    keep = (vectors * (eigenvalues / (eigenvalues + sigma**2))[:, None]) @ back
    inverse = (vectors / (eigenvalues + sigma**2)[:, None]) @ back
    linear = np.einsum("kij,kj->ki", inverse, world.means)
    quadratic = inverse @ (world.covariances[0] - world.covariances) @ inverse[0]
    constant = _logarithms(world.weights) - np.log1p(eigenvalues / sigma**2).sum(axis=1) / 2
    constant -= np.sum(world.means * linear, axis=1) / 2
    level = float(constant.max())
    return Solved(keep, sigma**2 * keep, linear, quadratic, constant - level, level, inverse[0])


def _logarithms(weights: np.ndarray) -> np.ndarray:
    """Return logarithms of weights; minus infinity for a weight of 0, whose component no y can come
    from.
    """
    return np.log(weights, out=np.full_like(weights, -np.inf), where=weights > 0)


def _posterior_parts(
    world: Mixture, known: Solved, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return three parts of the posterior given y, with components as the first axis: the
    logarithms of the weights up to a common number, the weights, and the means.
    """
    square = np.einsum("k...i,...i->k...", np.einsum("kij,...j->k...i", known.curved, y), y)
    shape = (-1, *[1] * (y.ndim - 1))
    logs = known.constant.reshape(shape) + np.einsum("ki,...i->k...", known.linear, y) - square / 2
    chances = np.exp(logs - logs.real.max(axis=0))
    chances = chances / chances.sum(axis=0)
    shift = world.means - np.einsum("kij,kj->ki", known.keep, world.means)
    centres = shift.reshape(*shape, y.shape[-1]) + np.einsum("kij,...j->k...i", known.keep, y)
    return logs, chances, centres


@guarded
def posterior_mean(world: Mixture, y: Points, sigma: Noise) -> Points:
    """Return the posterior mean μ_1(y) = E[x | y], which is the denoiser of least squared error."""
    _, chances, centres = _posterior_parts(world, solved(world, sigma), y)
    return np.einsum("k...,k...i->...i", chances, centres)


@guarded
def posterior_covariance(
    world: Mixture, y: Direction, sigma: Noise
) -> Float[np.ndarray, "dim dim"]:
    """Return Cov(x | y), the mean covariance within the components plus the covariance of their
    means.
    """
    model = solved(world, sigma)
    _, chances, centres = _posterior_parts(world, model, y)
    gaps = centres - chances @ centres
    return np.einsum("k,kij->ij", chances, model.within) + np.einsum(
        "k,ki,kj->ij", chances, gaps, gaps
    )


@guarded
def line_moments(
    world: Mixture,
    y: Annotated[Float[np.ndarray, "*batch dim"], USABLE_SCALE],
    v: Direction,
    sigma: Noise,
    order: Order,
) -> Float[np.ndarray, "*batch orders"]:
    """Return the central posterior moments along v, E[(v'(x - μ_1))^k | y] for k = 2 up to the
    order, in the units unit^k for x in `unit`.
    """
    model = solved(world, sigma)
    _, chances, centres = _posterior_parts(world, model, y)
    along = centres @ v
    gaps = along - np.sum(chances * along, axis=0)
    variances = np.einsum("i,kij,j->k", v, model.within, v).reshape(-1, *[1] * (y.ndim - 1))
    moments = []
    for n in range(2, order + 1):  # E (a + s z)^n, z normal: its even moments are 1, 1, 3, 15, ...
        terms = (
            comb(n, j) * prod(range(1, j, 2)) * gaps ** (n - j) * variances ** (j // 2)
            for j in range(0, n + 1, 2)
        )
        moments.append(np.sum(chances * np.asarray(sum(terms)), axis=0))
    return np.stack(moments, axis=-1)


@guarded
def log_density(world: Mixture, y: Points, sigma: Noise) -> Inexact[np.ndarray, "*batch"]:
    """Return the logarithm of p(y), real or complex, where p(y) is in 1 / unit^d."""
    model = solved(world, sigma)
    logs, _, _ = _posterior_parts(world, model, y)
    largest = model.level + logs.real.max(axis=0)
    common = (
        np.einsum("...i,ij,...j->...", y, model.first, y) / 2
        + len(model.first) * np.log(2 * np.pi * sigma**2) / 2
    )
    return np.asarray(largest + np.log(np.exp(logs + model.level - largest).sum(axis=0)) - common)


@guarded
def point_moment(
    weights: Annotated[Float[np.ndarray, " points"], PROBABILITIES],
    points: Annotated[Float[np.ndarray, "points dim"], USABLE_SCALE],
    y: Annotated[Inexact[np.ndarray, " dim"], USABLE_SCALE],
    sigma: Noise,
    order: Order,
) -> Inexact[np.ndarray, "*axes"]:
    """The posterior moment tensor E[(x - μ_1) x ... x (x - μ_1) | y] of x among single points, with
    as many axes as the order. Raises ValueError for a tensor of more than 10^7 entries.
    """
    require(
        points.shape[1] ** order <= 10**7,
        "points and order must ask for tensors of at most 10^7 entries",
    )
    logs = _logarithms(weights) + (points @ y - np.sum(points**2, axis=1) / 2) / sigma**2
    chances = np.exp(logs - logs.real.max())
    chances = chances / chances.sum()
    gaps = points - chances @ points
    tensor = chances
    for _ in range(order):
        tensor = tensor[..., None] * gaps.reshape(len(gaps), *[1] * (tensor.ndim - 1), -1)
    return np.asarray(tensor.sum(axis=0))


NODES = 64
"""The number of points on the circle; their error is 2^-64 of the largest value on a circle twice
as wide.
"""


@guarded
def jacobian(world: Mixture, y: Direction, sigma: Noise) -> Float[np.ndarray, "dim dim"]:
    """The derivative of the posterior mean [μ_1]_i with respect to y_j, at [i, j]. It takes complex
    steps, in which no digits cancel.
    """
    step = 1e-25 * sigma
    steps = y + 1j * step * np.eye(len(y))
    _, chances, centres = _posterior_parts(world, solved(world, sigma), steps)
    return np.einsum("kj,kji->ij", chances, centres).imag / step


@guarded
def line_derivatives(
    world: Mixture,
    y: Annotated[Float[np.ndarray, "*batch dim"], USABLE_SCALE],
    v: Direction,
    sigma: Noise,
    order: Annotated[int, Interval(1, 20)],
    onto: Direction | None = None,
) -> tuple[Float[np.ndarray, "*batch orders"], Float[np.ndarray, "*batch orders"]]:
    """The derivatives of order 1 up to `order` of v'μ_1(y + t v) at t = 0, and the unit of the
    rounding error of each.

    With `onto` the projection is on another direction than v. The radius of the circle is chosen so
    that p(y) has no zero on a circle twice as wide. The unit of order k is k! times the largest
    |v'μ_1| on the circle, divided by radius^k.
    """
    model = solved(world, sigma)
    radius = _safe_radius(world, y, v, sigma)
    angles = np.exp(2j * np.pi * np.arange(NODES) / NODES)
    circle = y[..., None, :] + radius[..., None, None] * angles[:, None] * v
    _, chances, centres = _posterior_parts(world, model, circle)
    values = np.sum(chances * (centres @ (v if onto is None else onto)), axis=0)
    orders = np.arange(1, order + 1)
    scale = np.array([float(factorial(k)) for k in orders]) / radius[..., None] ** orders
    phases = angles[:, None] ** -orders
    return (values @ phases / NODES * scale).real, np.abs(values).max(axis=-1)[..., None] * scale


def _safe_radius(world: Mixture, y: np.ndarray, v: np.ndarray, sigma: float) -> np.ndarray:
    """Return half the distance in which y may move along v into the complex plane while the
    arguments of its components differ by three at most.
    """
    model = solved(world, sigma)
    slopes = model.linear @ v - np.einsum("...i,kij,j->...k", y, model.curved, v)
    bends = np.einsum("i,kij,j->k", v, model.curved, v)
    spread = np.ptp(slopes, axis=-1)
    bend = np.ptp(bends)
    extent = float(np.ptp(world.means, axis=0).max() + np.sqrt(np.abs(world.covariances).max()))
    # Of one component the mean has no poles at all
    widest = 10 * sigma * (1 + sigma / extent if extent else 1.0)
    return np.asarray(3 / np.maximum(spread + np.sqrt(spread**2 + 6 * bend), 3 / widest))


Law = Literal["normal", "laplace", "uniform"]


@guarded
def sample_pairs(
    generator: np.random.Generator, world: Mixture, sigma: Noise, n: Size, law: Law = "normal"
) -> tuple[Float[np.ndarray, "n dim"], Float[np.ndarray, "n dim"]]:
    """Return independent draws of x and y = x + σ n.

    The coordinates of n are independent, and have the variance one and the given law.
    """
    components = generator.choice(len(world.weights), size=n, p=world.weights)
    eigenvalues, vectors = np.linalg.eigh(world.covariances)
    roots = vectors * np.sqrt(np.maximum(eigenvalues, 0))[:, None]
    dim = world.means.shape[1]
    normals = generator.normal(size=(n, dim))
    x = world.means[components]
    for k, root in enumerate(roots):
        x[components == k] += normals[components == k] @ root.T
    noise = {
        "normal": lambda: generator.normal(size=(n, dim)),
        "laplace": lambda: generator.laplace(scale=np.sqrt(0.5), size=(n, dim)),
        "uniform": lambda: generator.uniform(-np.sqrt(3), np.sqrt(3), size=(n, dim)),
    }[law]()
    return x, x + sigma * noise


Bound = Annotated[float, Interval(-1e50, 1e50)]
_TAILS = 9.5  # standard deviations, beyond which less than 1e-20 lies
_MOST = 10**5  # panels


@guarded
def marginal_nodes(
    world: Mixture, sigma: Noise, above: Bound = -1e50, nodes: Annotated[int, Interval(1, 100)] = 16
) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Return nodes y >= `above` and weights that include p(y), so that weighted sums over them are
    expectations over y, in one dimension.

    The rule is Gauss-Legendre with `nodes` nodes per panel; no panel is wider than σ or than the
    distance to a pole of the posterior mean. Raises ValueError for another dimension, for more than
    10^5 panels, and where y has no weight beyond `above`.
    """
    require(
        world.means.shape[1] == 1,
        f"world must be one-dimensional, got {world.means.shape[1]} dimensions",
    )
    reach = _TAILS * np.sqrt(world.covariances[:, 0, 0] + sigma**2)
    low = float((world.means[:, 0] - reach).min())
    high = float((world.means[:, 0] + reach).max())
    low = max(low, above)
    require(
        low < high, f"above must be below {high:g}, up to where y has any weight, got {above:g}"
    )
    radii = _safe_radius(world, np.array([[low], [high]]), np.ones(1), sigma)
    count = np.ceil((high - low) / min(float(radii.min()), sigma))
    require(
        count <= _MOST, f"sigma must be larger, for sums of at most {_MOST} panels, got {sigma:g}"
    )
    ends = np.linspace(low, high, int(count) + 1)
    places, weights = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(ends)[:, None] / 2
    y = (ends[:-1, None] + half * (places + 1)).ravel()
    return y, (half * weights).ravel() * np.exp(log_density(world, y[:, None], sigma))


@guarded
def subspace_tangents(
    matrix: Annotated[Float[np.ndarray, "dim dim"], SYMMETRIC, USABLE_SCALE],
    start: Annotated[Float[np.ndarray, "dim rank"], USABLE_SCALE],
    rounds: Natural,
) -> Float[np.ndarray, " rounds"]:
    """The tangent of the largest angle between the iterated subspace and the leading eigenvectors,
    before the first round and after each one.

    A round multiplies by the matrix and makes the columns orthonormal. Raises ValueError unless
    `start` has fewer columns than rows.
    """
    rank = start.shape[1]
    require(rank < len(matrix), f"start must have fewer columns than rows, got {start.shape}")
    vectors = np.linalg.eigh(matrix)[1][:, ::-1]
    block = np.linalg.qr(start)[0]
    tangents = []
    for turn in range(rounds + 1):
        block = np.linalg.qr(matrix @ block)[0] if turn else block
        inside = vectors[:, :rank].T @ block
        outside = vectors[:, rank:].T @ block
        tangents.append(np.linalg.norm(np.linalg.solve(inside.T, outside.T), 2))
    return np.array(tangents)


@guarded
def difference_fourth_moment(
    world: Mixture,
    y: Annotated[Float[np.ndarray, " points"], USABLE_SCALE],
    sigma: Noise,
    step: Annotated[float, POSITIVE],
    stencil: Literal["central", "one-sided"],
) -> Float[np.ndarray, " points"]:
    """The fourth posterior moment μ_4 in one dimension, as σ^6 times a third difference of the
    posterior mean plus the exact 3 μ_2^2.
    """
    shifts = (
        np.array([1.5, 0.5, -0.5, -1.5])
        if stencil == "central"
        else np.array([2.0, 1.0, 0.0, -1.0])
    )
    values = posterior_mean(world, (y[:, None] + step * shifts)[..., None], sigma)[..., 0]
    third = values @ np.array([1.0, -3.0, 3.0, -1.0]) / step**3
    return sigma**6 * third + 3 * line_moments(world, y[:, None], np.ones(1), sigma, 2)[:, 0] ** 2
