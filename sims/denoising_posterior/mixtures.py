"""Exact posteriors of x given y = x + σ n, where x has a mixture of normal laws: sums over
components.

Everything is analytic in y. Complex y are allowed where derivatives are taken through them.
"""

from math import comb, prod
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Inexact

from theory_on_trial.contract import (
    COVARIANCE,
    PROBABILITIES,
    USABLE_SCALE,
    Interval,
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


def posterior_parts(
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
    _, chances, centres = posterior_parts(world, solved(world, sigma), y)
    return np.einsum("k...,k...i->...i", chances, centres)


@guarded
def posterior_covariance(
    world: Mixture, y: Direction, sigma: Noise
) -> Float[np.ndarray, "dim dim"]:
    """Return Cov(x | y), the mean covariance within the components plus the covariance of their
    means.
    """
    model = solved(world, sigma)
    _, chances, centres = posterior_parts(world, model, y)
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
    _, chances, centres = posterior_parts(world, model, y)
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
    logs, _, _ = posterior_parts(world, model, y)
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
