"""The posterior mean and variance of a mixture of low-rank Gaussians, and the training loss of the
posterior mean as a network.
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
