"""Denoisers of x_t = s x0 + γ ε, and their losses over given or drawn noise."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from sims.low_dim_diffusion.domains import (
    Bases,
    Dim,
    Draws,
    Level,
    Nodes,
    NodeWeights,
    Order,
    Points,
    PointWeights,
    Rule,
    Weights,
)
from theory_on_trial.contract import guarded, require, require_room

_CACHED = 4096
"""The number of points per batch: all that is computed for them stays in the processor's cache."""


@guarded
def gauss_hermite(
    dim: Dim, order: Order
) -> tuple[Float[np.ndarray, "nodes dim"], Float[np.ndarray, " nodes"]]:
    """Return nodes and weights for the mean over a standard normal vector, with `order` nodes per
    axis.

    They are exact for polynomials of degree up to 2 order - 1 in each coordinate.
    """
    require_room("dim and order", dim * order**dim)
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    grid = np.stack(np.meshgrid(*[nodes] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    product = np.stack(
        np.meshgrid(*[weights / weights.sum()] * dim, indexing="ij"), axis=-1
    ).reshape(-1, dim)
    return grid, product.prod(axis=1)


@guarded
def cubature(dim: Dim) -> tuple[Float[np.ndarray, "nodes dim"], Float[np.ndarray, " nodes"]]:
    """Return the nodes ±√dim e_i, all of weight 1 / (2 dim).

    Their mean is that over a standard normal
    vector for every polynomial of degree up to three.
    """
    nodes = np.sqrt(dim) * np.concatenate([np.eye(dim), -np.eye(dim)])
    return nodes, np.full(2 * dim, 0.5 / dim)


@guarded
def denoising_loss(
    points: Points,
    bases: Bases,
    weights: Weights,
    signal: Level,
    noise: Level,
    nodes: Nodes,
    node_weights: NodeWeights,
    rule: Rule = "soft",
    point_weights: PointWeights | None = None,
) -> float:
    """Return the mean of |D(s x0 + γ ε) - x0|^2 over clean points x0 and noise ε.

    `nodes` and `node_weights` stand for the law of ε; `point_weights` are those of the points,
    equal by default. The denoiser D weighs the posterior means of the components N(0, U_k U_k') of
    a mixture. The rule "soft" takes their posterior probabilities as weights. The rule "clean"
    takes only the component whose subspace holds most of the clean point, and "noisy" the one that
    holds most of the noisy point. Raises ValueError unless the bases and the points lie in one R^n.
    """
    require(
        all(basis.shape[0] == points.shape[1] for basis in bases),
        "bases must have one row for each column of points",
    )
    block = max(1, _CACHED // len(nodes))
    of_points = np.empty(len(points))
    for start in range(0, len(points), block):
        part = points[start : start + block]
        clean = np.repeat(part, len(nodes), axis=0)
        x = (signal * part[:, None] + noise * nodes).reshape(clean.shape)
        errors = _lengths(_denoised(x, clean, bases, weights, signal, noise, rule) - clean)
        of_points[start : start + block] = errors.reshape(len(part), -1) @ node_weights
    return float(of_points.mean() if point_weights is None else of_points @ point_weights)


@guarded
def posterior_moments(
    x: Points, bases: Bases, weights: Weights, signal: Level, noise: Level, order: Order = 80
) -> tuple[Float[np.ndarray, "points n"], Float[np.ndarray, " points"]]:
    """Return the posterior mean of x0 given x_t, [points, n], and the posterior variance
    E[|x0|^2 | x_t] - |E[x0 | x_t]|^2, [points].

    They follow by Bayes' rule on Gauss-Hermite nodes of the latents of each subspace. They are
    valid only where the noise is at least as wide as the nodes are apart. Raises ValueError for
    more than 2^36 nodes.
    """
    clean = []
    chances = []
    for basis, weight in zip(bases, weights, strict=True):
        nodes, node_weights = gauss_hermite(basis.shape[1], order)
        clean.append(nodes @ basis.T)
        chances.append(weight * node_weights)
    x0 = np.concatenate(clean)
    prior = np.concatenate(chances)
    centres = signal * x0
    distances = np.array([_lengths(point - centres) for point in x]) / (2 * noise**2)
    likelihood = prior * np.exp(distances.min(axis=1, keepdims=True) - distances)
    posterior = likelihood / likelihood.sum(axis=1, keepdims=True)
    mean = posterior @ x0
    return mean, posterior @ np.sum(x0**2, axis=1) - np.sum(mean**2, axis=1)


@guarded
def sampled_losses(
    generator: np.random.Generator,
    draws: Draws,
    bases: Bases,
    signal: Level,
    noise: Level,
    rules: Sequence[Rule] = ("clean", "soft"),
) -> Float[np.ndarray, "draws rules"]:
    """Return the loss |D(x_t) - x0|^2 at random points of a mixture with equal weights, for the
    denoiser D of each rule.

    All rules see the same draws.
    """
    labels = generator.integers(len(bases), size=draws)
    clean = np.empty((draws, len(bases[0])))
    for k, basis in enumerate(bases):
        clean[labels == k] = (
            generator.standard_normal((np.count_nonzero(labels == k), basis.shape[1])) @ basis.T
        )
    x = signal * clean + noise * generator.standard_normal(clean.shape)
    weights = np.full(len(bases), 1 / len(bases))
    losses = np.empty((draws, len(rules)))
    for start in range(0, draws, _CACHED):
        part = slice(start, start + _CACHED)
        for column, rule in enumerate(rules):
            losses[part, column] = _lengths(
                _denoised(x[part], clean[part], bases, weights, signal, noise, rule) - clean[part]
            )
    return losses


def _lengths(points: Points) -> Float[np.ndarray, " points"]:
    """Return the squared length of each point, far faster than a sum along a short axis does."""
    return np.asarray(np.einsum("pn,pn->p", points, points))


def _denoised(
    x: Points,
    clean: Points,
    bases: Bases,
    weights: Weights,
    signal: Level,
    noise: Level,
    rule: Rule,
) -> Float[np.ndarray, "points n"]:
    """Return the means of the Gaussian components N(0, s^2 P + γ^2 I) from which x may come,
    weighted as the rule says.
    """
    covariances = [signal**2 * basis @ basis.T + noise**2 * np.eye(len(basis)) for basis in bases]
    precisions = [np.linalg.inv(covariance) for covariance in covariances]
    if rule == "soft":
        with np.errstate(divide="ignore"):  # a weight of zero
            logarithms = np.log(weights) - np.linalg.slogdet(covariances)[1] / 2
        distances = [np.einsum("pn,pn->p", x, x @ precision) for precision in precisions]
        densities = logarithms[:, None] - np.array(distances) / 2
        shares = np.exp(densities - densities.max(axis=0))
        shares /= shares.sum(axis=0)
    else:
        evidence = clean if rule == "clean" else x
        squares = [_lengths(evidence @ basis) for basis in bases]
        shares = np.eye(len(bases))[:, np.argmax(squares, axis=0)]
    latents = np.hstack(
        [signal * (precision @ basis) for precision, basis in zip(precisions, bases, strict=True)]
    )
    latent_shares = np.repeat(shares, [basis.shape[1] for basis in bases], axis=0).T
    return (x @ latents * latent_shares) @ np.hstack(bases).T
