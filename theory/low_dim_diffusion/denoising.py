"""The posterior mean of a mixture of low-rank Gaussians, its variance, and the training loss of it
as a network.
"""

from typing import Annotated

import numpy as np
from jaxtyping import Float

from theory.low_dim_diffusion.domains import Bases, Level, Nodes, NodeWeights, Points, Weights
from theory_on_trial.contract import USABLE_SCALE, Interval, guarded, require

Plane = Annotated[Float[np.ndarray, "points 2"], USABLE_SCALE]
Order = Annotated[int, Interval(2, 100, why="its square is the number of nodes")]


@guarded
def shrinkage(signal: Level, noise: Level) -> float:
    """Return c = s / (s^2 + γ^2), by which a point on the right subspace is multiplied. Source:
    Gaussian posterior.
    """
    size = np.hypot(signal, noise)
    return float(signal / size / size)


@guarded
def posterior_mean(
    x: Points, bases: Bases, weights: Weights, signal: Level, noise: Level
) -> Float[np.ndarray, "points n"]:
    """Return E[x0 | x_t] = c sum_k w_k P_k x_t, w_k ~ π_k (1 + s^2 / γ^2)^(-d_k / 2) exp(φ |U_k'
    x_t|^2).

    φ = s^2 / (2 γ^2 (s^2 + γ^2)). Raises ValueError unless bases and weights are equally many and
    all of dimension n. Source: recalled for equal d_k and π_k; the factor for unequal ones derived
    here.
    """
    return _moments(x, bases, weights, signal, noise)[0]


@guarded
def posterior_variance(
    x: Points, bases: Bases, weights: Weights, signal: Level, noise: Level
) -> Float[np.ndarray, " points"]:
    """Return E[|x0 - E[x0 | x_t]|^2 | x_t], within the subspaces and between them.

    γ^2 / (s^2 + γ^2) sum_k w_k d_k + c^2 (sum_k w_k |P_k x_t|^2 - |sum_k w_k P_k x_t|^2). It is
    also γ^2 / s times the divergence of the posterior mean. Raises as `posterior_mean`. Source:
    derived here.
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
    """Return E|D(x_t) - x0|^2 of the soft denoiser D on given clean points, without looking at them
    beside x_t.

    E[|D|^2 - 2 D . x_t / s + 2 V] + E|x0|^2, V the `posterior_variance`: as D . x0 = (D . x_t - γ D
    . ε) / s, Stein's lemma turns the noise into a divergence. Raises as `posterior_mean`. Source:
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
    """Return the angles, in degrees, of the two lines whose soft denoiser has the least loss on
    points in the plane.

    Equal weights, s = 1; a minimum of `implicit_loss` near `start` (degrees), on Gauss-Hermite
    nodes. Numerical.
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
    """Mean and variance of x0 given x_t."""
    require(
        len(bases) == len(weights),
        f"bases and weights must be equally many, got {len(bases)} and {len(weights)}",
    )
    fits = all(basis.shape[0] == x.shape[1] for basis in bases)
    require(fits, f"bases must have as many rows as x has columns, {x.shape[1]}")
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
